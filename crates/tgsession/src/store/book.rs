//! A session's place in its store, for what operations keep.

use std::fmt;

use serde::de::DeserializeOwned;

use super::{AuditLine, Entry, Fact, Store, StoreError};

/// What operations of a session write down, and read again in another process. That of a session without a store
/// keeps nothing.
pub(crate) struct Book(Option<(Store, String)>);

impl Book {
    pub(crate) fn new(store: Option<(Store, String)>) -> Self {
        Self(store)
    }

    /// Whether what is written is read again.
    pub(crate) fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    /// Writes facts, all of them or none. Once it returns they outlive the process.
    pub(crate) async fn write(&self, facts: &[Fact]) -> Result<(), StoreError> {
        match &self.0 {
            Some((store, name)) => store.write(name, facts).await,
            None => Ok(()),
        }
    }

    pub(crate) async fn read<T: DeserializeOwned>(
        &self,
        entry: Entry,
    ) -> Result<Option<T>, StoreError> {
        match &self.0 {
            Some((store, name)) => store.read(name, entry).await,
            None => Ok(None),
        }
    }

    /// Says that something was exported, and writes it down with what else there is to write.
    pub(crate) async fn audit(&self, line: &AuditLine, also: Vec<Fact>) -> Result<(), StoreError> {
        line.log();
        let mut facts = also;
        facts.push(line.fact());
        self.write(&facts).await
    }
}

impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Book").field(&self.0.as_ref().map(|(_, name)| name)).finish()
    }
}
