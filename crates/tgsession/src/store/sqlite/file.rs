//! The file: where it is, how it is opened, and what of each version makes the next.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rusqlite::Connection;

use super::super::{OpenError, lock};

/// Each makes of the last version the next.
const MIGRATIONS: [&str; 2] = [
    "
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
    ",
    // Leases, operations, the log, and when facts were written. The lines of the audit were facts of kind 34 and are
    // events under the same numbers: they are sealed for that place, so that they open where they are now.
    "
    CREATE TABLE lease (
        epoch INTEGER PRIMARY KEY AUTOINCREMENT,
        session TEXT NOT NULL UNIQUE
    ) STRICT;
    CREATE TABLE operation (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        session TEXT NOT NULL,
        id INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        value BLOB NOT NULL,
        ended INTEGER,
        outcome BLOB,
        UNIQUE (session, id)
    ) STRICT;
    CREATE TABLE event (
        session TEXT NOT NULL,
        id INTEGER NOT NULL,
        stays INTEGER NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (session, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX passing_event ON event (session, id) WHERE stays = 0;
    INSERT INTO event (session, id, stays, value)
        SELECT session, id, 1, value FROM fact WHERE kind = 34;
    DELETE FROM fact WHERE kind = 34;
    ALTER TABLE fact ADD COLUMN written INTEGER NOT NULL DEFAULT 0;
    UPDATE fact SET written = unixepoch() * 1000;
    ",
];

/// Opens the database in a directory, of the newest version. One that is not there is made under another name first:
/// so one that is there and empty has lost what it had.
pub(crate) fn open(directory: &Path) -> Result<Connection, OpenError> {
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

/// Gives back all leases: whoever had them is gone, as this process has the lock of the directory.
pub(crate) fn take_over(database: &Connection) -> rusqlite::Result<()> {
    database.execute("DELETE FROM lease", [])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use grammers_session::SessionData;
    use serde_json::Value;

    use super::super::super::backend::FactId;
    use super::super::super::{AuditLine, Entry, Secret, Store, facts, vault};
    use super::*;

    fn secret() -> Secret {
        Secret::passphrase("a few words".to_owned()).unwrap()
    }

    /// A store as the first version of it was: an account, a message that was sent, and lines of the audit.
    fn make_first(directory: &Path, lines: &[AuditLine]) {
        let database = Connection::open(directory.join("store.db")).unwrap();
        database.execute_batch(MIGRATIONS[0]).unwrap();
        database.pragma_update(None, "user_version", 1).unwrap();
        let vault = vault::make(&database, &secret(), 8, 1).unwrap();
        let insert = |id: FactId, value: &[u8]| {
            let sealed = vault.seal("a0", id, value);
            let insert = "INSERT INTO fact (session, kind, id, value) VALUES ('a0', ?1, ?2, ?3)";
            database.execute(insert, (id.kind, id.id, sealed)).unwrap();
        };
        for fact in facts::of(&SessionData::default(), 12345) {
            insert(fact.id, &fact.into_value());
        }
        insert(FactId { kind: 33, id: -9 }, b"{\"sent\":true}");
        for (id, line) in (5..).zip(lines) {
            insert(FactId { kind: 34, id }, &serde_json::to_vec(line).unwrap());
        }
    }

    #[tokio::test]
    async fn a_store_of_the_first_version_is_taken_over_with_all_that_it_has() {
        let directory = tempfile::tempdir().unwrap();
        let lines = [1, 2].map(|rows| AuditLine::now(7, "messages", 5001, rows, None));
        make_first(directory.path(), &lines);
        for _ in 0..2 {
            let store = Store::open(directory.path(), secret()).await.unwrap();
            assert_eq!(store.names().await.unwrap(), ["a0"]);
            assert_eq!(store.load("a0").await.unwrap().api_id, 12345);
            assert_eq!(store.audit("a0").await.unwrap(), lines);
            assert_eq!(store.events("a0").await.unwrap().len(), lines.len());
            assert_eq!(store.operations("a0").await.unwrap(), []);
            let lease = store.lease("a0").await.unwrap();
            lease.prune().await.unwrap();
            let sent: Option<Value> = lease.read(Entry::Sent(-9)).await.unwrap();
            assert!(sent.is_some(), "nobody knows when it was written: it counts from now on");
            drop(lease);
            store.close().await.unwrap();
        }
        let database = Connection::open(directory.path().join("store.db")).unwrap();
        assert_eq!(version(&database).unwrap(), MIGRATIONS.len() as i64);
    }
}
