//! Facts: a row for each, with the time at which it was written last.

use std::time::Duration;

use futures_util::future::BoxFuture;
use rusqlite::{Connection, OptionalExtension};

use super::super::backend::{Change, FactId, Fence, Kinds, Row, State};
use super::{Sqlite, StoreError, millis, now};

const SET: &str = "INSERT INTO fact (session, kind, id, value, written) VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT DO UPDATE SET value = excluded.value, written = excluded.written";

pub(super) fn write(
    database: &Connection,
    session: &str,
    changes: &[Change],
) -> rusqlite::Result<()> {
    let mut set = database.prepare_cached(SET)?;
    let mut forget =
        database.prepare_cached("DELETE FROM fact WHERE session = ?1 AND kind = ?2 AND id = ?3")?;
    for (FactId { kind, id }, value) in changes {
        match value {
            Some(value) => set.execute((session, kind, id, value, now()))?,
            None => forget.execute((session, kind, id))?,
        };
    }
    Ok(())
}

impl State for Sqlite {
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
            let mut set = database.prepare_cached(SET)?;
            for (FactId { kind, id }, value) in &rows {
                set.execute((&session, kind, id, value, now()))?;
            }
            Ok(true)
        })
    }

    fn remove(&self, fence: &Fence) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.ask_fenced(fence, |database, session| {
            database.execute("DELETE FROM operation WHERE session = ?1", [session])?;
            database.execute("DELETE FROM event WHERE session = ?1", [session])?;
            Ok(database.execute("DELETE FROM fact WHERE session = ?1", [session])? > 0)
        })
    }

    fn forget_older(
        &self,
        fence: &Fence,
        kinds: Kinds,
        age: Duration,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.ask_fenced(fence, move |database, session| {
            let delete = "DELETE FROM fact
                          WHERE session = ?1 AND kind BETWEEN ?2 AND ?3 AND written <= ?4";
            let before = now().saturating_sub(millis(age));
            database.execute(delete, (session, kinds.start(), kinds.end(), before))?;
            Ok(())
        })
    }
}
