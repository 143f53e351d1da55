//! The store's database: one SQLite file, one writer.
//!
//! What is asked for goes through a queue to a task that owns the connection and works on a thread for blocking
//! work, one batch after the other: no thread of the runtime ever waits for the disk, and all that came
//! while the last batch was written shares one transaction, and one wait for the disk.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rusqlite::{Connection, OptionalExtension};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::backend::{Backend, Change, FactId, Kinds, Row};
use super::lock::{self, DirectoryLock};
use super::{OpenError, StoreError};

/// Each makes of the last version the next.
const MIGRATIONS: [&str; 1] = ["
    CREATE TABLE vault (
        id INTEGER PRIMARY KEY CHECK (id = 0),
        salt BLOB NOT NULL,
        memory_kib INTEGER NOT NULL,
        passes INTEGER NOT NULL,
        lanes INTEGER NOT NULL,
        proof BLOB NOT NULL
    ) STRICT;
    CREATE TABLE fact (
        session TEXT NOT NULL,
        kind INTEGER NOT NULL,
        id INTEGER NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (session, kind, id)
    ) STRICT, WITHOUT ROWID;
"];

/// As many as share a transaction at most.
const BATCH: usize = 256;

/// Opens the database in a directory, of the newest version. One that is not there is made under another name first:
/// so one that is there and empty has lost what it had.
pub(super) fn open(directory: &Path) -> Result<Connection, OpenError> {
    let path = directory.join("store.db");
    let io = |source| OpenError::Io { path: path.clone(), source };
    if !fs::exists(&path).map_err(io)? {
        // Its log is there: what it had must not become part of a new one.
        if fs::exists(directory.join("store.db-wal")).map_err(io)? {
            return Err(OpenError::Empty);
        }
        make(directory, &path).map_err(io)??;
    }
    let mut database = connect(&path)?;
    if version(&database)? == 0 {
        return Err(OpenError::Empty);
    }
    migrate(&mut database)?;
    Ok(database)
}

fn make(directory: &Path, path: &Path) -> io::Result<Result<(), OpenError>> {
    for left in ["store.db.new", "store.db.new-wal", "store.db.new-shm"] {
        match fs::remove_file(directory.join(left)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let new = directory.join("store.db.new");
    // Closed by the end of the statement, with all that is in its log.
    if let Err(error) = connect(&new).and_then(|mut database| migrate(&mut database)) {
        return Ok(Err(error));
    }
    fs::rename(&new, path)?;
    if cfg!(unix) {
        File::open(directory)?.sync_all()?;
    }
    Ok(Ok(()))
}

fn connect(path: &Path) -> Result<Connection, OpenError> {
    // SQLite gives its other files the mode of this one.
    let private = lock::private(path);
    private.map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
    let database = Connection::open(path)?;
    // What stands in the file is data: nothing in it is run, and pages are looked at before they are used.
    database.pragma_update(None, "trusted_schema", "OFF")?;
    database.pragma_update(None, "cell_size_check", "ON")?;
    // Whoever comes past the lock of the directory does not come past this one.
    database.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    // What was written outlives the machine's power too.
    database.pragma_update(None, "synchronous", "FULL")?;
    database.pragma_update(None, "secure_delete", "ON")?;
    Ok(database)
}

fn version(database: &Connection) -> rusqlite::Result<i64> {
    database.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn migrate(database: &mut Connection) -> Result<(), OpenError> {
    let found = version(database)?;
    let known = MIGRATIONS.len() as i64;
    let done = usize::try_from(found).ok().filter(|done| *done <= MIGRATIONS.len());
    let done = done.ok_or(OpenError::TooNew { found, known })?;
    for (version, migration) in MIGRATIONS.iter().enumerate().skip(done) {
        let step = database.transaction()?;
        step.execute_batch(migration)?;
        step.pragma_update(None, "user_version", version as i64 + 1)?;
        step.commit()?;
    }
    Ok(())
}

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
    fn names(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        self.ask(|database| {
            let mut query =
                database.prepare_cached("SELECT DISTINCT session FROM fact ORDER BY session")?;
            query.query_map([], |row| row.get(0))?.collect()
        })
    }

    fn load(&self, session: &str, kinds: Kinds) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        let session = session.to_owned();
        self.ask(move |database| {
            let mut query = database.prepare_cached(
                "SELECT kind, id, value FROM fact WHERE session = ?1 AND kind BETWEEN ?2 AND ?3
                 ORDER BY kind, id",
            )?;
            let row = |row: &rusqlite::Row<'_>| {
                Ok((FactId { kind: row.get(0)?, id: row.get(1)? }, row.get(2)?))
            };
            query.query_map((&session, kinds.start(), kinds.end()), row)?.collect()
        })
    }

    fn get(
        &self,
        session: &str,
        FactId { kind, id }: FactId,
    ) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        let session = session.to_owned();
        self.ask(move |database| {
            let select = "SELECT value FROM fact WHERE session = ?1 AND kind = ?2 AND id = ?3";
            let mut query = database.prepare_cached(select)?;
            query.query_row((&session, kind, id), |row| row.get(0)).optional()
        })
    }

    fn create(&self, session: &str, rows: Vec<Row>) -> BoxFuture<'_, Result<bool, StoreError>> {
        let session = session.to_owned();
        self.ask(move |database| {
            let known = "SELECT EXISTS (SELECT 1 FROM fact WHERE session = ?1)";
            if database.query_row(known, [&session], |row| row.get(0))? {
                return Ok(false);
            }
            let insert = "INSERT INTO fact (session, kind, id, value) VALUES (?1, ?2, ?3, ?4)";
            let mut insert = database.prepare_cached(insert)?;
            for (FactId { kind, id }, value) in &rows {
                insert.execute((&session, kind, id, value))?;
            }
            Ok(true)
        })
    }

    fn write(&self, session: &str, changes: Vec<Change>) -> BoxFuture<'_, Result<(), StoreError>> {
        let session = session.to_owned();
        self.ask(move |database| {
            let mut set = database.prepare_cached(
                "INSERT INTO fact (session, kind, id, value) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET value = excluded.value",
            )?;
            let mut forget = database
                .prepare_cached("DELETE FROM fact WHERE session = ?1 AND kind = ?2 AND id = ?3")?;
            for (FactId { kind, id }, value) in &changes {
                match value {
                    Some(value) => set.execute((&session, kind, id, value))?,
                    None => forget.execute((&session, kind, id))?,
                };
            }
            Ok(())
        })
    }

    fn remove(&self, session: &str) -> BoxFuture<'_, Result<bool, StoreError>> {
        let session = session.to_owned();
        self.ask(move |database| {
            Ok(database.execute("DELETE FROM fact WHERE session = ?1", [&session])? > 0)
        })
    }
}
