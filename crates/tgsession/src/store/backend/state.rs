//! What is known of a session: facts, each by itself.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::{Fence, StoreError};

/// Which fact of a session: its kind, and which of that kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FactId {
    pub(crate) kind: u8,
    pub(crate) id: i64,
}

/// Written as in reports: the kind and the number, which say nothing of the account.
impl fmt::Display for FactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.kind, self.id)
    }
}

/// A change of one fact: its new value, or that there is none any more.
pub(crate) type Change = (FactId, Option<Vec<u8>>);

/// Kinds of facts, from one to another.
pub(crate) type Kinds = RangeInclusive<u8>;

/// A fact as a database has it.
pub(crate) type Row = (FactId, Vec<u8>);

/// The facts of sessions. They change with [`Backend::commit`](super::Backend::commit).
pub(crate) trait State: Send + Sync + 'static {
    /// The sessions of which it has facts, in the order of their names.
    fn names(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>>;

    /// All facts that it has of a session of these kinds, by kind and number; nothing if it does not know it.
    fn load(&self, session: &str, kinds: Kinds) -> BoxFuture<'_, Result<Vec<Row>, StoreError>>;

    /// One fact of a session, if it has it.
    fn get(&self, session: &str, id: FactId) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>>;

    /// Adds a session with these facts; false, and nothing is changed, if it knows it. It takes no lease: nobody can
    /// have read anything of a session that was not there.
    fn create(&self, session: &str, rows: Vec<Row>) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Forgets a session with its operations and events; false if it has no facts of it. The lease stays.
    fn remove(&self, fence: &Fence) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Forgets facts of these kinds that were last written this long ago or longer, by the database's clock.
    fn forget_older(
        &self,
        fence: &Fence,
        kinds: Kinds,
        age: Duration,
    ) -> BoxFuture<'_, Result<(), StoreError>>;
}
