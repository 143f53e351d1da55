//! What happened to a session.

use futures_util::future::BoxFuture;

use super::StoreError;

/// An event as a database has it, by its number. Numbers rise with time.
pub(crate) type EventRow = (i64, Vec<u8>);

/// How many a session has at most: a year of some twenty-five a day.
pub(crate) const EVENTS_KEPT: usize = 10_000;

/// The log of each session. It grows with [`Backend::commit`](super::Backend::commit).
pub(crate) trait Events: Send + Sync + 'static {
    /// All events of a session by their numbers, which is the oldest first.
    fn events(&self, session: &str) -> BoxFuture<'_, Result<Vec<EventRow>, StoreError>>;
}
