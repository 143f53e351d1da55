//! The log: a row for each event.

use futures_util::future::BoxFuture;
use rusqlite::Connection;

use super::super::backend::{EVENTS_KEPT, EventRow, Events};
use super::{Sqlite, StoreError};

/// Adds events, and forgets the oldest of too many.
pub(super) fn append(
    database: &Connection,
    session: &str,
    events: &[EventRow],
) -> rusqlite::Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let mut insert = database.prepare_cached(
        "INSERT INTO event (session, id, value) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    )?;
    for (id, value) in events {
        insert.execute((session, id, value))?;
    }
    // Where there are not too many, the inner query finds none, which is older than nothing.
    let trim = "DELETE FROM event WHERE session = ?1 AND id <= (
                    SELECT id FROM event WHERE session = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)";
    database.prepare_cached(trim)?.execute((session, EVENTS_KEPT as i64))?;
    Ok(())
}

impl Events for Sqlite {
    fn events(&self, session: &str) -> BoxFuture<'_, Result<Vec<EventRow>, StoreError>> {
        let session = session.to_owned();
        self.ask(move |database| {
            let select = "SELECT id, value FROM event WHERE session = ?1 ORDER BY id";
            let mut query = database.prepare_cached(select)?;
            query.query_map([&session], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
    }
}
