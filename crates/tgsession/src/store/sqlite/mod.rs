//! The store's database: one SQLite file, one writer.
//!
//! What is asked for goes through a queue to a task that owns the connection and works on a thread for blocking
//! work, one batch after the other: no thread of the runtime ever waits for the disk, and all that came
//! while the last batch was written shares one transaction, and one wait for the disk.
//!
//! A lease is a row, and a change looks for that row in its own transaction. The rows of a process that has ended are
//! removed by the next one that opens the file ([`take_over`]): the lock of the directory says that it has ended. So
//! no lease runs out here.

mod events;
mod file;
mod leases;
mod queue;
mod state;

use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::StoreError;
use super::backend::{Backend, Fence, Writes};
use super::lock::DirectoryLock;

pub(super) use file::{open, take_over};

/// As many as share a transaction at most.
const BATCH: usize = 256;

/// The database, and the lock of its directory for as long as it is open.
pub(super) struct Locked {
    pub(super) database: Connection,
    pub(super) _lock: DirectoryLock,
}

/// Something to do in a transaction, perhaps twice: again alone, if it failed together with others.
trait Work: Send {
    fn run(&mut self, database: &Connection) -> rusqlite::Result<()>;
    fn finish(self: Box<Self>, result: rusqlite::Result<()>);
}

struct Asked<T, F> {
    run: F,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, F: FnMut(&Connection) -> rusqlite::Result<T> + Send> Work for Asked<T, F> {
    fn run(&mut self, database: &Connection) -> rusqlite::Result<()> {
        self.result = Some((self.run)(database)?);
        Ok(())
    }

    fn finish(self: Box<Self>, result: rusqlite::Result<()>) {
        let Self { result: value, reply, .. } = *self;
        let answer = result.map_err(StoreError::from).and(value.ok_or(StoreError::Closed));
        // Whoever asked may have gone.
        let _ = reply.send(answer);
    }
}

pub(super) struct Sqlite {
    queue: mpsc::UnboundedSender<Box<dyn Work>>,
    /// Nothing more is taken.
    closing: CancellationToken,
    /// The connection is closed and the lock given back.
    closed: CancellationToken,
}

impl Sqlite {
    /// Starts the writer, which keeps the lock for as long as it has the connection.
    pub(super) fn start(locked: Locked) -> Self {
        let (queue, inbox) = mpsc::unbounded_channel();
        let (closing, closed) = (CancellationToken::new(), CancellationToken::new());
        let over = closed.clone().drop_guard();
        let closes = closing.clone();
        tokio::spawn(async move {
            serve(locked, inbox, closes).await;
            drop(over);
        });
        Self { queue, closing, closed }
    }

    pub(super) async fn close(&self) {
        self.closing.cancel();
        self.closed.cancelled().await;
    }

    fn ask<T: Send + 'static>(
        &self,
        run: impl FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        let (reply, answer) = oneshot::channel();
        let sent = self.queue.send(Box::new(Asked { run, result: None, reply }));
        async move {
            sent.map_err(|_| StoreError::Closed)?;
            answer.await.unwrap_or(Err(StoreError::Closed))
        }
        .boxed()
    }

    /// The same for whoever has the lease: it is looked for in the transaction of the change.
    fn ask_fenced<T: Send + 'static>(
        &self,
        fence: &Fence,
        mut run: impl FnMut(&Connection, &str) -> rusqlite::Result<T> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        let fence = fence.clone();
        let lost = StoreError::LeaseLost(fence.session.clone());
        let asked = self.ask(move |database| match leases::holds(database, &fence)? {
            true => run(database, &fence.session).map(Some),
            false => Ok(None),
        });
        async move { asked.await?.ok_or(lost) }.boxed()
    }
}

async fn serve(
    mut locked: Locked,
    mut inbox: mpsc::UnboundedReceiver<Box<dyn Work>>,
    closing: CancellationToken,
) {
    loop {
        let mut batch = Vec::new();
        tokio::select! {
            biased;
            () = closing.cancelled(), if !inbox.is_closed() => inbox.close(),
            n = inbox.recv_many(&mut batch, BATCH) => if n == 0 { break },
        }
        let worked = spawn_blocking(move || {
            run(&mut locked.database, batch);
            locked
        });
        // The runtime stops, or SQLite panicked: whoever waits hears that the store is closed.
        match worked.await {
            Ok(back) => locked = back,
            Err(_) => return,
        }
    }
    // Merges the log into the database, which may take a moment.
    let _ = spawn_blocking(move || drop(locked)).await;
}

fn run(database: &mut Connection, mut batch: Vec<Box<dyn Work>>) {
    let together = batch.len() > 1
        && transact(database, |database| batch.iter_mut().try_for_each(|work| work.run(database)))
            .is_ok();
    for mut work in batch {
        let result = match together {
            true => Ok(()),
            false => transact(database, |database| work.run(database)),
        };
        work.finish(result);
    }
}

fn transact(
    database: &mut Connection,
    run: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let transaction = database.transaction()?;
    run(&transaction)?;
    transaction.commit()
}

impl Backend for Sqlite {
    fn commit(&self, fence: &Fence, writes: Writes) -> BoxFuture<'_, Result<(), StoreError>> {
        self.ask_fenced(fence, move |database, session| write(database, session, &writes))
    }
}

/// Makes the changes of whoever has the lease.
fn write(database: &Connection, session: &str, writes: &Writes) -> rusqlite::Result<()> {
    state::write(database, session, &writes.facts)?;
    queue::end(database, session, &writes.operations)?;
    events::append(database, session, &writes.events)
}

/// The time as rows have it, in milliseconds since 1970. One process has the file: its clock is the database's.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    millis(since)
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
