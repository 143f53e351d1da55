//! What happened to a session.

use futures_util::future::BoxFuture;

use super::StoreError;

/// An event as a database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventRow {
    /// Which of its session. Whoever has the lease counts on from the [last](Events::last_event).
    pub(crate) id: i64,
    /// It is not forgotten while its session is there.
    pub(crate) stays: bool,
    pub(crate) value: Vec<u8>,
}

/// Of how many numbers, up to the last, a session has also what does not stay: a year of some twenty-five a day.
/// Numbers and not rows, so that nobody has to count what is there.
pub(crate) const EVENTS_KEPT: i64 = 10_000;

/// The log of each session. It grows with [`Backend::commit`](super::Backend::commit).
pub(crate) trait Events: Send + Sync + 'static {
    /// All events of a session by their numbers, which is the oldest first.
    fn events(&self, session: &str) -> BoxFuture<'_, Result<Vec<EventRow>, StoreError>>;

    /// The number of the last event of a session, if it has one.
    fn last_event(&self, session: &str) -> BoxFuture<'_, Result<Option<i64>, StoreError>>;
}
