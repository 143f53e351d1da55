//! Who has a session: its name is given out once at a time, and the store is not closed under it.
//!
//! A lease is two things. Its name is in a table of this process, which tells at once who is out; and it has an epoch
//! of the database, which all that is written under it carries ([`backend`](super::backend) says why). Both are given
//! back by the last who drops it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use dashmap::DashSet;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::backend::{
    Backend, EventRow, Events, Fence, Leases, OperationRow, Queue, State, Writes,
};
use super::facts::written;
use super::operations::{Ended, Found, KeptOperation};
use super::{Entry, Fact, Happened, Store, StoreError, StoredEvent, damaged, number_of};

/// How long what became of an operation is kept.
const OUTCOMES: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long it is known that a message was sent under its key.
const SENT: Duration = Duration::from_secs(90 * 24 * 3600);

/// The names that are given out.
#[derive(Clone, Debug, Default)]
pub(super) struct GivenOut(Arc<DashSet<String>>);

/// A name that is given out, until this is dropped.
#[derive(Debug)]
pub(super) struct Name {
    name: String,
    all: GivenOut,
}

impl GivenOut {
    /// Gives out a name, unless somebody has it.
    pub(super) fn take(&self, name: &str) -> Option<Name> {
        let taken = self.0.insert(name.to_owned());
        taken.then(|| Name { name: name.to_owned(), all: self.clone() })
    }

    /// Who is out, in the order of the names.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.0.iter().map(|name| name.clone()).collect();
        names.sort_unstable();
        names
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        self.all.0.remove(&self.name);
    }
}

/// What is written together, all of it or nothing.
#[derive(Default)]
pub(crate) struct Batch {
    facts: Vec<Fact>,
    events: Vec<StoredEvent>,
    operations: Vec<(String, Option<Ended>)>,
}

impl Batch {
    /// Facts, of which those without a value are forgotten, and what happened.
    pub(crate) fn new(facts: Vec<Fact>, events: Vec<StoredEvent>) -> Self {
        Self { facts, events, operations: Vec::new() }
    }

    /// The operation that is kept under this key has ended.
    pub(crate) fn end(&mut self, key: &str, ended: Ended) {
        let (key, said) = (key.to_owned(), ended.said.clone());
        self.events.push(StoredEvent::now(match ended.is_done {
            true => Happened::OperationDone { key: key.clone(), said },
            false => Happened::OperationFailed { key: key.clone(), why: said },
        }));
        self.operations.push((key, Some(ended)));
    }

    /// The operation that is kept under this key is not any more.
    pub(crate) fn forget(&mut self, key: &str) {
        self.events.push(StoredEvent::now(Happened::OperationForgotten { key: key.to_owned() }));
        self.operations.push((key.to_owned(), None));
    }
}

/// The right to be the only one who uses a session, until it is dropped.
pub(crate) struct Lease {
    store: Store,
    fence: Fence,
    /// The number of the last event.
    last_event: AtomicI64,
    /// Given back after the epoch: whoever takes it next asks the database after that.
    _name: Name,
}

impl Lease {
    /// That of whoever has acquired a session. Nobody else writes events of it, so it counts on by itself.
    pub(super) async fn begin(store: Store, fence: Fence, name: Name) -> Result<Self, StoreError> {
        // Made first: where the rest fails, it is given back.
        let lease = Self { store, fence, last_event: AtomicI64::new(0), _name: name };
        let last = lease.store.0.backend.last_event(lease.name()).await?;
        lease.last_event.store(last.unwrap_or(0), Ordering::Relaxed);
        Ok(lease)
    }

    /// Whose it is.
    pub(crate) fn name(&self) -> &str {
        &self.fence.session
    }

    pub(super) fn fence(&self) -> &Fence {
        &self.fence
    }

    /// Says that its owner lives, and asks whether he still has it.
    pub(crate) async fn renew(&self) -> Result<(), StoreError> {
        self.store.0.backend.renew(&self.fence).await
    }

    /// What is written there, if something is.
    pub(crate) async fn read<T: DeserializeOwned>(
        &self,
        entry: Entry,
    ) -> Result<Option<T>, StoreError> {
        self.store.read(self.name(), entry).await
    }

    /// Writes a batch. Once it returns it outlives the process.
    pub(crate) async fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.store.0.backend.commit(&self.fence, self.sealed(batch)).await
    }

    /// Writes facts, all of them or none.
    #[cfg(test)]
    pub(crate) async fn write(&self, facts: Vec<Fact>) -> Result<(), StoreError> {
        self.commit(&Batch::new(facts, Vec::new())).await
    }

    /// Keeps an operation behind all others; or finds the one that is kept under its key, which is left as it is.
    pub(crate) async fn keep(&self, kept: &KeptOperation) -> Result<Option<Found>, StoreError> {
        let id = number_of(&kept.key);
        let value = self.seal(Entry::Operation(id), kept);
        let (key, what) = (kept.key.clone(), kept.what.clone());
        let told = StoredEvent::now(Happened::OperationKept { key, what });
        let also = self.sealed(&Batch::new(Vec::new(), vec![told]));
        let there = self.store.0.backend.push(&self.fence, id, value, also).await?;
        there.map(|row| self.found(&row)).transpose()
    }

    /// The operation that is kept under this key, if there is one.
    pub(crate) async fn kept(&self, key: &str) -> Result<Option<Found>, StoreError> {
        let row = self.store.0.backend.operation(self.name(), number_of(key)).await?;
        row.map(|row| self.found(&row)).transpose()
    }

    /// What the last owner left to do, in its order.
    pub(crate) async fn claim(&self) -> Result<Vec<KeptOperation>, StoreError> {
        let rows = self.store.0.backend.claim(&self.fence).await?;
        rows.iter().map(|row| self.found(row).map(|found| found.kept)).collect()
    }

    /// What has not ended, in its order, whoever does it.
    pub(crate) async fn waiting(&self) -> Result<Vec<KeptOperation>, StoreError> {
        let rows = self.store.0.backend.operations(self.name()).await?;
        let waiting = rows.iter().filter(|row| row.outcome.is_none());
        waiting.map(|row| self.found(row).map(|found| found.kept)).collect()
    }

    /// Forgets what nobody asks for any more.
    pub(crate) async fn prune(&self) -> Result<(), StoreError> {
        let backend = &self.store.0.backend;
        backend.forget_ended(&self.fence, OUTCOMES).await?;
        backend.forget_older(&self.fence, Entry::SENT, SENT).await
    }

    /// What there is under this key was changed by something else.
    pub(crate) fn damaged(&self, key: &str) -> StoreError {
        damaged(self.name(), Entry::Operation(number_of(key)).into())
    }

    fn found(&self, row: &OperationRow) -> Result<Found, StoreError> {
        self.store.found(self.name(), row)
    }

    fn seal(&self, entry: Entry, value: &impl Serialize) -> Vec<u8> {
        self.store.0.vault.seal(self.name(), entry.into(), &written(value))
    }

    fn sealed(&self, batch: &Batch) -> Writes {
        let Batch { facts, events, operations } = batch;
        let operations = operations.iter().map(|(key, ended)| {
            let id = number_of(key);
            (id, ended.as_ref().map(|ended| self.seal(Entry::Outcome(id), ended)))
        });
        Writes {
            facts: facts.iter().map(|fact| self.store.seal(self.name(), fact)).collect(),
            operations: operations.collect(),
            events: events.iter().map(|event| self.row(event)).collect(),
        }
    }

    /// Numbered one after the other, over all leases: clocks may be put back.
    fn row(&self, event: &StoredEvent) -> EventRow {
        // There are numbers for every nanosecond of three centuries.
        let id = self.last_event.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        EventRow { id, stays: event.stays(), value: self.seal(Entry::Event(id), event) }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.store.0.backend.release(&self.fence);
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lease").field(&self.fence).finish()
    }
}
