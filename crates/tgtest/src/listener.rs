//! The port: who listens on it, and who keeps it while nobody does.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::connection;
use crate::state::Shared;

/// The default of 128 overflows when hundreds connect at once, and each overflow costs a second.
const BACKLOG: u32 = 4096;

pub(crate) fn listen(port: u16) -> io::Result<TcpListener> {
    bind(port)?.listen(BACKLOG)
}

fn bind(port: u16) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // A port that was left moments ago may be used again; one in use is refused all the same.
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    Ok(socket)
}

/// A port of a server that runs or stands still.
#[derive(Debug)]
pub(crate) enum Port {
    Open(Acceptor),
    /// Bound and not listened on: whoever connects is refused, and the system gives the port to nobody who asks for
    /// any.
    Kept(Option<TcpSocket>),
}

impl Port {
    pub(crate) fn open(listener: TcpListener, state: Shared) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(accept(listener, state, stopped));
        Self::Open(Acceptor { stop: Some(stop), task })
    }

    /// Closes the listener and every connection, and waits until they are.
    pub(crate) async fn close(&mut self) {
        if let Self::Open(acceptor) = self {
            acceptor.stop = None;
            let kept = (&mut acceptor.task).await.ok().flatten();
            *self = Self::Kept(kept);
        }
    }

    /// Listens on a port that was closed, or was to be.
    pub(crate) async fn reopen(&mut self, port: u16, state: Shared) -> io::Result<()> {
        if matches!(self, Self::Open(Acceptor { stop: None, .. })) {
            self.close().await;
        }
        if let Self::Kept(kept) = self {
            let socket = kept.take().map_or_else(|| bind(port), Ok)?;
            *self = Self::open(socket.listen(BACKLOG)?, state);
        }
        Ok(())
    }

    /// Ends everything without waiting for it.
    pub(crate) fn abort(&self) {
        if let Self::Open(acceptor) = self {
            acceptor.task.abort();
        }
    }
}

/// The task that accepts connections.
#[derive(Debug)]
pub(crate) struct Acceptor {
    /// The task goes on while this is there.
    stop: Option<oneshot::Sender<()>>,
    /// What it keeps of the port when it ends.
    task: JoinHandle<Option<TcpSocket>>,
}

/// Owns the tasks of all connections: they end with it.
async fn accept(
    listener: TcpListener,
    state: Shared,
    mut stopped: oneshot::Receiver<()>,
) -> Option<TcpSocket> {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // Small packets follow each other: waiting to join them would only add delay.
                    let _ = stream.set_nodelay(true);
                    connections.spawn(connection::serve(Arc::clone(&state), stream));
                }
                // Out of file descriptors, most likely: those in use must get a chance to close.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::task::yield_now().await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    let port = listener.local_addr().map(|address| address.port());
    drop(listener);
    connections.shutdown().await;
    state.lock().forget_sessions();
    port.and_then(bind).ok()
}
