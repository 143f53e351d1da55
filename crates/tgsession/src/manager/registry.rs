//! The sessions of a manager, by number.
//!
//! The map's own locks are held inside single statements here, never across an await and never while
//! another lock is asked for: what comes out is a clone.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use lockorder::AcquireError;
use lockorder::tokio::RwLock;

use super::balance::Load;
use crate::hierarchy::SessionRecord;
use crate::id::SessionId;
use crate::session::{Grant, Session, SessionState};

#[derive(Debug, Default)]
pub(super) struct Registry(DashMap<SessionId, Arc<Record>>);

/// The manager's record of one session.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) session: Session,
    /// Level 3.
    pub(super) slot: Arc<RwLock<SessionRecord, Slot>>,
}

/// Whether the session may be used: the value that the manager's lock on a session guards.
#[derive(Debug, Default)]
pub(super) struct Slot {
    retired: bool,
}

impl Record {
    pub(super) fn new(session: Session) -> Self {
        let slot = Arc::new(RwLock::keyed(session.core.id.number(), Slot::default()));
        Self { session, slot }
    }

    /// Keeps the session where it is; `None` if it is gone.
    pub(super) async fn lease(&self, limit: Duration) -> Result<Option<Grant>, AcquireError> {
        let slot = Arc::clone(&self.slot).read_owned_within(limit).await?;
        Ok((!slot.retired).then(|| Box::new(slot) as Grant))
    }

    /// Waits until nobody uses the session, and keeps it to the caller; `None` if it is gone.
    pub(super) async fn exclude(&self, limit: Duration) -> Result<Option<Grant>, AcquireError> {
        let slot = Arc::clone(&self.slot).write_owned_within(limit).await?;
        Ok((!slot.retired).then(|| Box::new(slot) as Grant))
    }

    /// Waits until nobody uses the session, and lets nobody use it again.
    pub(super) async fn retire(&self, limit: Duration) -> Result<(), AcquireError> {
        self.slot.write_within(limit).await?.retired = true;
        Ok(())
    }
}

impl Registry {
    pub(super) fn insert(&self, record: Record) {
        self.0.insert(record.session.core.id, Arc::new(record));
    }

    pub(super) fn get(&self, id: SessionId) -> Option<Arc<Record>> {
        self.0.get(&id).map(|entry| Arc::clone(entry.value()))
    }

    /// False if it was not there any more.
    pub(super) fn remove(&self, id: SessionId) -> bool {
        self.0.remove(&id).is_some()
    }

    /// Every record, by number.
    pub(super) fn all(&self) -> Vec<Arc<Record>> {
        let mut all: Vec<_> = self.0.iter().map(|entry| Arc::clone(entry.value())).collect();
        all.sort_unstable_by_key(|record| record.session.core.id);
        all
    }

    /// The sessions that can take work, by number, with what they have.
    pub(super) fn loads(&self) -> Vec<Load> {
        let all = self.all();
        all.iter()
            .map(|record| &record.session.core)
            .filter(|core| core.state() == SessionState::Connected)
            .map(|core| Load { session: core.id, load: core.load(), has_room: core.has_room() })
            .collect()
    }
}
