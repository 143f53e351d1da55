//! Who has a session.

use futures_util::future::BoxFuture;

use super::StoreError;

/// What all that changes a session carries: whose it is, and under which lease it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fence {
    pub(crate) session: String,
    /// Higher than that of each lease before, of any session; none comes again, not even where a session was removed
    /// and added again.
    pub(crate) epoch: i64,
}

/// The leases of sessions: one at a time, each under a number of its own.
///
/// A lease ends when it is [released](Self::release), or when its owner is known to be gone. What that takes is for the
/// backend to say:
///
/// - Where one process has the database, as with `SQLite` under the lock of its directory, the owner is gone when the
///   process is. So whoever opens the database finds no lease, and none runs out: within the process nobody has to be
///   guessed dead.
/// - Where several have it, a lease runs out on the *database's* clock, so long after it was acquired or last
///   [renewed](Self::renew), and is given to another only after that and a grace. Whoever has one renews it three times
///   within its life, and hangs up in time where that fails, by a clock that counts suspended time: Telegram knows
///   nothing of epochs, so no fence stops a connection.
pub(crate) trait Leases: Send + Sync + 'static {
    /// Gives out a session, whether there is anything of it or not; `None` while somebody has it.
    fn acquire(&self, session: &str) -> BoxFuture<'_, Result<Option<Fence>, StoreError>>;

    /// Says that the owner lives. An error if it is not the owner any more.
    fn renew(&self, fence: &Fence) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Gives it back, if it is still had. Nobody waits for that: it is called by drops. Whatever is asked for
    /// afterwards finds it given back, and everything that was asked for before is done.
    fn release(&self, fence: &Fence);
}
