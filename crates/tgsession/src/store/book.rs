//! A session's place in its store, for what operations keep.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::{AuditLine, Batch, Ended, Entry, Fact, Lease, StoreError, StoredEvent};

/// What operations of a session write down, and read again in another process. That of a session without a store
/// keeps nothing.
pub(crate) struct Book(Option<Arc<Lease>>);

impl Book {
    pub(crate) fn new(lease: Option<Arc<Lease>>) -> Self {
        Self(lease)
    }

    /// Whether what is written is read again.
    pub(crate) fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    /// Under which it is written, if there is a store.
    pub(crate) fn lease(&self) -> Option<&Arc<Lease>> {
        self.0.as_ref()
    }

    /// Writes facts, all of them or none. Once it returns they outlive the process.
    pub(crate) async fn write(&self, facts: Vec<Fact>) -> Result<(), StoreError> {
        self.commit(&Batch::new(facts, Vec::new())).await
    }

    pub(crate) async fn read<T: DeserializeOwned>(
        &self,
        entry: Entry,
    ) -> Result<Option<T>, StoreError> {
        match &self.0 {
            Some(lease) => lease.read(entry).await,
            None => Ok(None),
        }
    }

    /// Says that something was exported, and writes it down with what else there is to write; also, if it is kept
    /// under a key, that it has ended.
    pub(crate) async fn audit(
        &self,
        line: AuditLine,
        facts: Vec<Fact>,
        ended: Option<(&str, Ended)>,
    ) -> Result<(), StoreError> {
        line.log();
        let mut batch = Batch::new(facts, vec![StoredEvent::exported(line)]);
        if let Some((key, ended)) = ended {
            batch.end(key, ended);
        }
        self.commit(&batch).await
    }

    async fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        match &self.0 {
            Some(lease) => lease.commit(batch).await,
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Book").field(&self.0.as_ref().map(|lease| lease.name())).finish()
    }
}
