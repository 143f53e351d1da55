//! Operations: a row for each, in the order of their numbers, with the epoch that has claimed it.

use std::time::Duration;

use futures_util::future::BoxFuture;
use rusqlite::{Connection, OptionalExtension};

use super::super::backend::{Fence, OperationRow, Queue, Writes};
use super::{Sqlite, StoreError, millis, now, write};

/// Ends or forgets operations; one that has ended stays as it ended.
pub(super) fn end(
    database: &Connection,
    session: &str,
    operations: &[(i64, Option<Vec<u8>>)],
) -> rusqlite::Result<()> {
    for (id, outcome) in operations {
        match outcome {
            Some(outcome) => database
                .prepare_cached(
                    "UPDATE operation SET ended = ?3, outcome = ?4
                     WHERE session = ?1 AND id = ?2 AND ended IS NULL",
                )?
                .execute((session, id, now(), outcome))?,
            None => database
                .prepare_cached("DELETE FROM operation WHERE session = ?1 AND id = ?2")?
                .execute((session, id))?,
        };
    }
    Ok(())
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<OperationRow> {
    Ok(OperationRow { id: row.get(0)?, value: row.get(1)?, outcome: row.get(2)? })
}

fn find(database: &Connection, session: &str, id: i64) -> rusqlite::Result<Option<OperationRow>> {
    let select = "SELECT id, value, outcome FROM operation WHERE session = ?1 AND id = ?2";
    database.prepare_cached(select)?.query_row((session, id), read).optional()
}

impl Queue for Sqlite {
    fn push(
        &self,
        fence: &Fence,
        id: i64,
        value: Vec<u8>,
        also: Writes,
    ) -> BoxFuture<'_, Result<Option<OperationRow>, StoreError>> {
        let epoch = fence.epoch;
        self.ask_fenced(fence, move |database, session| {
            if let Some(there) = find(database, session, id)? {
                return Ok(Some(there));
            }
            let insert =
                "INSERT INTO operation (session, id, epoch, value) VALUES (?1, ?2, ?3, ?4)";
            database.prepare_cached(insert)?.execute((session, id, epoch, &value))?;
            write(database, session, &also)?;
            Ok(None)
        })
    }

    fn claim(&self, fence: &Fence) -> BoxFuture<'_, Result<Vec<OperationRow>, StoreError>> {
        let epoch = fence.epoch;
        self.ask_fenced(fence, move |database, session| {
            // One writer: what is selected is what is updated.
            let mut select = database.prepare_cached(
                "SELECT id, value, outcome FROM operation
                 WHERE session = ?1 AND ended IS NULL AND epoch <> ?2 ORDER BY number",
            )?;
            let rows = select.query_map((session, epoch), read)?.collect::<Result<Vec<_>, _>>()?;
            let update = "UPDATE operation SET epoch = ?2 WHERE session = ?1 AND ended IS NULL";
            database.prepare_cached(update)?.execute((session, epoch))?;
            Ok(rows)
        })
    }

    fn operation(
        &self,
        session: &str,
        id: i64,
    ) -> BoxFuture<'_, Result<Option<OperationRow>, StoreError>> {
        let session = session.to_owned();
        self.ask(move |database| find(database, &session, id))
    }

    fn operations(&self, session: &str) -> BoxFuture<'_, Result<Vec<OperationRow>, StoreError>> {
        let session = session.to_owned();
        self.ask(move |database| {
            let mut select = database.prepare_cached(
                "SELECT id, value, outcome FROM operation WHERE session = ?1 ORDER BY number",
            )?;
            select.query_map([&session], read)?.collect()
        })
    }

    fn forget_ended(&self, fence: &Fence, age: Duration) -> BoxFuture<'_, Result<(), StoreError>> {
        self.ask_fenced(fence, move |database, session| {
            let before = now().saturating_sub(millis(age));
            let delete = "DELETE FROM operation WHERE session = ?1 AND ended <= ?2";
            database.execute(delete, (session, before))?;
            Ok(())
        })
    }
}
