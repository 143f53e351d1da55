//! The log: a row for each event. Those that pass are in an index of their own, so that what is too old is found at
//! once, however many there are that stay.

use futures_util::future::BoxFuture;
use rusqlite::Connection;

use super::super::backend::{EVENTS_KEPT, EventRow, Events};
use super::{Sqlite, StoreError};

/// Adds events, and forgets those that are too old.
pub(super) fn append(
    database: &Connection,
    session: &str,
    events: &[EventRow],
) -> rusqlite::Result<()> {
    let Some(last) = events.iter().map(|event| event.id).max() else { return Ok(()) };
    let mut insert = database.prepare_cached(
        "INSERT INTO event (session, id, stays, value) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO NOTHING",
    )?;
    for EventRow { id, stays, value } in events {
        insert.execute((session, id, stays, value))?;
    }
    // By itself SQLite walks the table, with all that stays.
    let trim = "DELETE FROM event INDEXED BY passing_event
                WHERE session = ?1 AND stays = 0 AND id <= ?2";
    database.prepare_cached(trim)?.execute((session, last.saturating_sub(EVENTS_KEPT)))?;
    Ok(())
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<EventRow> {
    Ok(EventRow { id: row.get(0)?, stays: row.get(1)?, value: row.get(2)? })
}

impl Events for Sqlite {
    fn events(&self, session: &str) -> BoxFuture<'_, Result<Vec<EventRow>, StoreError>> {
        let session = session.to_owned();
        self.ask(move |database| {
            let select = "SELECT id, stays, value FROM event WHERE session = ?1 ORDER BY id";
            let mut query = database.prepare_cached(select)?;
            query.query_map([&session], read)?.collect()
        })
    }

    fn last_event(&self, session: &str) -> BoxFuture<'_, Result<Option<i64>, StoreError>> {
        let session = session.to_owned();
        self.ask(move |database| {
            let select = "SELECT max(id) FROM event WHERE session = ?1";
            database.prepare_cached(select)?.query_row([&session], |row| row.get(0))
        })
    }
}
