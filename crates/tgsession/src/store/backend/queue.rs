//! Operations that outlive the process.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::{Fence, StoreError, Writes};

/// An operation as a database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OperationRow {
    /// Which of its session.
    pub(crate) id: i64,
    pub(crate) value: Vec<u8>,
    /// What became of it, once it has ended.
    pub(crate) outcome: Option<Vec<u8>>,
}

/// The operations of sessions, in the order in which they were pushed. They end with
/// [`Backend::commit`](super::Backend::commit).
///
/// An operation goes to whoever has the lease of its session, and to nobody else: there are no workers that take what
/// comes.
pub(crate) trait Queue: Send + Sync + 'static {
    /// Adds an operation behind all others of its session, claimed by this lease, with what else is to be written.
    /// Where there is one of its number, ended or not, that one is returned and nothing is changed.
    fn push(
        &self,
        fence: &Fence,
        id: i64,
        value: Vec<u8>,
        also: Writes,
    ) -> BoxFuture<'_, Result<Option<OperationRow>, StoreError>>;

    /// Claims those that have not ended and that this lease has not claimed yet, and returns them in their order. So
    /// the first claim of a lease is all that its last owner left.
    fn claim(&self, fence: &Fence) -> BoxFuture<'_, Result<Vec<OperationRow>, StoreError>>;

    /// One operation of a session, if it has it.
    fn operation(
        &self,
        session: &str,
        id: i64,
    ) -> BoxFuture<'_, Result<Option<OperationRow>, StoreError>>;

    /// All operations of a session, ended or not, in their order.
    fn operations(&self, session: &str) -> BoxFuture<'_, Result<Vec<OperationRow>, StoreError>>;

    /// Forgets those that ended this long ago or longer, by the database's clock.
    fn forget_ended(&self, fence: &Fence, age: Duration) -> BoxFuture<'_, Result<(), StoreError>>;
}
