//! Leases: a row for each that is given out. Its number is the epoch: `AUTOINCREMENT` uses none twice, removed or not.

use futures_util::future::BoxFuture;
use rusqlite::{Connection, OptionalExtension};

use super::super::backend::{Fence, Leases};
use super::{Sqlite, StoreError};

/// Whether this is the lease of its session still.
pub(super) fn holds(database: &Connection, fence: &Fence) -> rusqlite::Result<bool> {
    let select = "SELECT EXISTS (SELECT 1 FROM lease WHERE epoch = ?1 AND session = ?2)";
    let mut query = database.prepare_cached(select)?;
    query.query_row((fence.epoch, &fence.session), |row| row.get(0))
}

impl Leases for Sqlite {
    fn acquire(&self, session: &str) -> BoxFuture<'_, Result<Option<Fence>, StoreError>> {
        let session = session.to_owned();
        self.ask(move |database| {
            let insert =
                "INSERT INTO lease (session) VALUES (?1) ON CONFLICT DO NOTHING RETURNING epoch";
            let mut insert = database.prepare_cached(insert)?;
            let epoch = insert.query_row([&session], |row| row.get(0)).optional()?;
            Ok(epoch.map(|epoch| Fence { session: session.clone(), epoch }))
        })
    }

    /// It lasts as long as the process does: there is nothing to put off.
    fn renew(&self, fence: &Fence) -> BoxFuture<'_, Result<(), StoreError>> {
        self.ask_fenced(fence, |_, _| Ok(()))
    }

    fn release(&self, fence: &Fence) {
        let fence = fence.clone();
        // Given to the writer by the call.
        drop(self.ask(move |database| {
            let delete = "DELETE FROM lease WHERE epoch = ?1 AND session = ?2";
            database.prepare_cached(delete)?.execute((fence.epoch, &fence.session))
        }));
    }
}
