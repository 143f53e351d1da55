//! What a database has to do: keep bytes by session and number. It sees nothing of what they say.

use std::fmt;
use std::ops::RangeInclusive;

use futures_util::future::BoxFuture;

use super::StoreError;

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

/// What is behind a store. Whatever keeps to this is told by `conformance`.
pub(crate) trait Backend: Send + Sync + 'static {
    /// The sessions of which it has something, in the order of their names.
    fn names(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>>;

    /// All that it has of a session of these kinds, by kind and number; nothing if it does not know it.
    fn load(&self, session: &str, kinds: Kinds) -> BoxFuture<'_, Result<Vec<Row>, StoreError>>;

    /// One fact of a session, if it has it.
    fn get(&self, session: &str, id: FactId) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>>;

    /// Adds a session with these facts; false, and nothing is changed, if it knows it.
    fn create(&self, session: &str, rows: Vec<Row>) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Makes all changes or none. Once it returns, they outlive the process.
    fn write(&self, session: &str, changes: Vec<Change>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Forgets a session; false if it does not know it.
    fn remove(&self, session: &str) -> BoxFuture<'_, Result<bool, StoreError>>;
}
