//! One TCP connection, from its first byte to its last.

use std::io::{self, Read};
use std::pin::Pin;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tracing::debug;

use crate::methods::{self, Fate};
use crate::mtproto::handshake::Handshake;
use crate::mtproto::plain::{self, NO_KEY};
use crate::mtproto::session::{Answer, Broken, Call, Session};
use crate::mtproto::transport::{Frame, Transport};
use crate::state::{Command, Shared};

/// Telegram's answer to a key it does not know, and to one that it will not make.
const UNKNOWN_KEY: i32 = -404;

/// Serves a connection until either side closes it.
pub(crate) async fn serve(state: Shared, stream: TcpStream) {
    let (commands, inbox) = mpsc::unbounded_channel();
    let mut connection = Connection {
        state,
        stream,
        commands,
        received: Vec::with_capacity(4096),
        transport: None,
        handshake: Handshake::default(),
        client: None,
        late: FuturesUnordered::new(),
    };
    if let Err(why) = connection.run(inbox).await {
        debug!(%why, "connection closed");
    }
    if let Some(client) = &connection.client {
        connection.state.lock().disconnect(client.number);
    }
}

struct Connection {
    state: Shared,
    stream: TcpStream,
    commands: mpsc::UnboundedSender<Command>,
    received: Vec<u8>,
    transport: Option<Transport>,
    handshake: Handshake,
    client: Option<Client>,
    /// Answers that a fault holds up.
    late: FuturesUnordered<Pin<Box<dyn Future<Output = Late> + Send>>>,
}

/// A client that has shown its key.
struct Client {
    number: u64,
    session: Session,
    heard: Instant,
}

struct Late {
    msg_id: i64,
    answer: Answer,
    served: methods::Served,
}

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
enum Closed {
    #[error("the client is gone")]
    ByClient,
    #[error("closed by the server")]
    ByServer,
    #[error("the client sent nothing for the time it chose")]
    Silent,
    #[error("unknown key")]
    UnknownKey,
    #[error("{0}")]
    Broken(&'static str),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<Broken> for Closed {
    fn from(Broken(why): Broken) -> Self {
        Self::Broken(why)
    }
}

impl Connection {
    async fn run(&mut self, mut inbox: mpsc::UnboundedReceiver<Command>) -> Result<(), Closed> {
        loop {
            let deadline = self.client.as_ref().and_then(Client::deadline);
            let deadline = deadline.filter(|_| !self.is_swallowed());
            tokio::select! {
                read = self.stream.read_buf(&mut self.received) => {
                    match read? {
                        0 => return Err(Closed::ByClient),
                        n => self.on_bytes(n).await?,
                    }
                }
                Some(late) = self.late.next() => self.on_late(late),
                Some(command) = inbox.recv() => self.on_command(command).await?,
                () = until(deadline) => {
                    // A black hole may have opened since.
                    if !self.is_swallowed() {
                        return Err(Closed::Silent);
                    }
                }
            }
            self.flush().await?;
        }
    }

    /// Acknowledges at once what was read. A client that does not ask for `TCP_NODELAY` holds its next small packet
    /// until then, and where nothing is answered that is 40 ms later; on paused time, it never was.
    fn acknowledge(&self) {
        #[cfg(target_os = "linux")]
        // Only a matter of time: without it everything comes all the same.
        let _ = SockRef::from(&self.stream).set_tcp_quickack(true);
    }

    /// Whether a black hole has the client: nothing that it sends arrives, and nothing that is sent to it.
    fn is_swallowed(&self) -> bool {
        self.client.as_ref().is_some_and(|c| self.state.lock().swallows(c.session.key_id()))
    }

    async fn on_bytes(&mut self, n: usize) -> Result<(), Closed> {
        self.acknowledge();
        let fresh = self.received.len() - n;
        match &mut self.transport {
            Some(transport) => transport.reveal(&mut self.received[fresh..]),
            None => self.transport = Transport::detect(&mut self.received),
        }
        loop {
            let Some(transport) = &mut self.transport else {
                return Ok(());
            };
            match transport.unpack(&self.received) {
                Frame::More => return Ok(()),
                Frame::Bad(why) => return Err(Closed::Broken(why)),
                Frame::Packet { payload, used } => {
                    let mut packet = self.received[payload].to_vec();
                    self.received.drain(..used);
                    self.on_packet(&mut packet).await?;
                }
            }
        }
    }

    async fn on_packet(&mut self, packet: &mut [u8]) -> Result<(), Closed> {
        let Some(key_id) = packet.first_chunk().map(|id| i64::from_le_bytes(*id)) else {
            return Err(Closed::Broken("a packet without a key id"));
        };
        if key_id == NO_KEY {
            return self.on_plain(packet).await;
        }
        if self.client.as_ref().is_none_or(|c| c.session.key_id() != key_id) {
            self.on_key(key_id).await?;
        }
        if self.is_swallowed() {
            return Ok(());
        }
        let Some(client) = &mut self.client else {
            return Err(Closed::UnknownKey);
        };
        client.heard = Instant::now();
        for call in client.session.receive(packet)? {
            self.on_call(call)?;
        }
        Ok(())
    }

    /// A message that is not encrypted: a client that has no key makes one.
    async fn on_plain(&mut self, packet: &[u8]) -> Result<(), Closed> {
        if self.is_swallowed() {
            return Ok(());
        }
        let Self { handshake, state, .. } = self;
        let answer = plain::read(packet)
            .and_then(|question| handshake.answer(question, |key| state.lock().take_new_key(key)));
        match answer {
            Ok(answer) => self.write(&plain::write(&answer)).await,
            Err(broken) => {
                self.write_unknown_key().await?;
                Err(broken.into())
            }
        }
    }

    /// A client shows its key. One that another connection is using is lost to both.
    async fn on_key(&mut self, key_id: i64) -> Result<(), Closed> {
        let Some(key) = self.state.lock().key(key_id) else {
            self.write_unknown_key().await?;
            return Err(Closed::UnknownKey);
        };
        let (number, older) = self.state.lock().connect(key_id, self.commands.clone());
        let session = Session::new(key_id, key, self.state.lock().salt);
        if let Some(left) = self.client.replace(Client { number, session, heard: Instant::now() }) {
            self.state.lock().disconnect(left.number);
        }
        if self.is_swallowed() {
            return Ok(());
        }
        for other in older {
            let (answer, there) = oneshot::channel();
            if other.send(Command::AreYouThere(answer)).is_ok() && there.await.is_ok() {
                self.state.lock().mark_duplicated(key_id);
            }
        }
        Ok(())
    }

    fn on_call(&mut self, Call { msg_id, body }: Call) -> Result<(), Closed> {
        let Some(client) = &mut self.client else {
            return Ok(());
        };
        match methods::call(&self.state, client.session.key_id(), &body) {
            Fate::Answered(answer, served) => {
                client.session.answer(msg_id, answer);
                drop(served);
            }
            Fate::AnsweredAfter(delay, answer, served) => self.late.push(Box::pin(async move {
                tokio::time::sleep(delay).await;
                Late { msg_id, answer, served }
            })),
            Fate::Unanswered(served) => self.late.push(Box::pin(async move {
                let _being_served = served;
                std::future::pending().await
            })),
            Fate::Dropped => return Err(Closed::ByServer),
        }
        Ok(())
    }

    fn on_late(&mut self, Late { msg_id, answer, served }: Late) {
        if let Some(client) = &mut self.client {
            client.session.answer(msg_id, answer);
        }
        drop(served);
    }

    async fn on_command(&mut self, command: Command) -> Result<(), Closed> {
        match command {
            Command::Push(update) => {
                if let Some(client) = self.client.as_mut().filter(|c| c.session.is_open()) {
                    client.session.push(update.to_vec());
                }
            }
            Command::AreYouThere(answer) => {
                self.read_what_is_there().await?;
                let _ = answer.send(());
            }
            Command::Close => return Err(Closed::ByServer),
        }
        Ok(())
    }

    /// Asks the kernel, since the runtime may not have heard yet that the client hung up. Only a socket that
    /// has nothing to say has a client at its other end.
    async fn read_what_is_there(&mut self) -> Result<(), Closed> {
        let mut bytes = [0; 4096];
        loop {
            let read = (&*SockRef::from(&self.stream)).read(&mut bytes);
            match read {
                Ok(0) => return Err(Closed::ByClient),
                Ok(n) => {
                    self.received.extend_from_slice(&bytes[..n]);
                    self.on_bytes(n).await?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn flush(&mut self) -> Result<(), Closed> {
        match self.client.as_mut().and_then(|client| client.session.flush()) {
            Some(packet) if !self.is_swallowed() => self.write(&packet).await,
            _ => Ok(()),
        }
    }

    async fn write(&mut self, packet: &[u8]) -> Result<(), Closed> {
        let mut out = Vec::with_capacity(packet.len() + 16);
        if let Some(transport) = &mut self.transport {
            transport.pack(packet, &mut out);
            transport.conceal(&mut out);
        }
        Ok(self.stream.write_all(&out).await?)
    }

    async fn write_unknown_key(&mut self) -> Result<(), Closed> {
        let mut out = Vec::new();
        if let Some(transport) = &mut self.transport {
            transport.pack_error(UNKNOWN_KEY, &mut out);
            transport.conceal(&mut out);
        }
        Ok(self.stream.write_all(&out).await?)
    }
}

impl Client {
    fn deadline(&self) -> Option<Instant> {
        self.session.close_after().map(|after| self.heard + after)
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
