//! The sessions of a manager, by number.
//!
//! The map's own locks are held inside single statements here, never across an await and never while
//! another lock is asked for: what comes out is a clone.

use std::sync::Arc;

use dashmap::DashMap;

use super::balance::Load;
use crate::id::SessionId;
use crate::session::{Session, SessionState};

#[derive(Debug, Default)]
pub(super) struct Registry(DashMap<SessionId, Arc<Session>>);

impl Registry {
    pub(super) fn insert(&self, session: Session) {
        self.0.insert(session.core.id, Arc::new(session));
    }

    pub(super) fn get(&self, id: SessionId) -> Option<Arc<Session>> {
        self.0.get(&id).map(|entry| Arc::clone(entry.value()))
    }

    /// False if it was not there any more.
    pub(super) fn remove(&self, id: SessionId) -> bool {
        self.0.remove(&id).is_some()
    }

    /// Every session, by number.
    pub(super) fn all(&self) -> Vec<Arc<Session>> {
        let mut all: Vec<_> = self.0.iter().map(|entry| Arc::clone(entry.value())).collect();
        all.sort_unstable_by_key(|session| session.core.id);
        all
    }

    /// The sessions that can take work, by number, with what they have.
    pub(super) fn loads(&self) -> Vec<Load> {
        let all = self.all();
        all.iter()
            .map(|session| &session.core)
            .filter(|core| core.state() == SessionState::Connected)
            .map(|core| Load { session: core.id, load: core.load(), has_room: core.has_room() })
            .collect()
    }
}
