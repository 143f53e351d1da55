//! The register of actors: the first lock of level 1.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lockorder::AcquireError;
use lockorder::tokio::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::{AddError, GlobalTasks};
use crate::id::SessionId;
use crate::session::SessionConfig;

/// The actor of a session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GlobalTask {
    /// What the session's config called it.
    pub label: String,
    /// Since when it is there.
    pub since: Instant,
    /// Tells its key from others.
    key: Option<u64>,
}

/// The actors of a manager, by session.
#[derive(Debug, Default)]
pub struct GlobalTaskTable(BTreeMap<SessionId, GlobalTask>);

impl GlobalTaskTable {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (SessionId, &GlobalTask)> {
        self.0.iter().map(|(id, task)| (*id, task))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[derive(Debug)]
pub(super) struct Tasks {
    limit: Duration,
    table: Arc<Mutex<GlobalTasks, GlobalTaskTable>>,
}

impl Tasks {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, table: Arc::default() }
    }

    /// Enters an actor, unless one with its key is there; it is taken out again unless the entry is kept.
    pub(super) async fn enter(
        &self,
        id: SessionId,
        config: &SessionConfig,
    ) -> Result<Entry, AddError> {
        let key = config.fingerprint();
        let mut table = self.table().await?;
        if let Some(other) = table.0.iter().find(|(_, task)| key.is_some() && task.key == key) {
            return Err(AddError::AlreadyAdded(*other.0));
        }
        let task = GlobalTask { label: config.label.clone(), since: Instant::now(), key };
        table.0.insert(id, task);
        Ok(Entry { kept: false, id, table: Arc::clone(&self.table) })
    }

    pub(super) async fn leave(&self, id: SessionId) -> Result<(), AcquireError> {
        self.table().await?.0.remove(&id);
        Ok(())
    }

    pub(super) async fn table(
        &self,
    ) -> Result<MutexGuard<'_, GlobalTasks, GlobalTaskTable>, AcquireError> {
        self.table.lock_within(self.limit).await
    }
}

/// The entry of a session that is being added.
pub(super) struct Entry {
    kept: bool,
    id: SessionId,
    table: Arc<Mutex<GlobalTasks, GlobalTaskTable>>,
}

impl Entry {
    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        // Cannot wait in a drop: if the table is taken just now, a task of its own does.
        match self.table.try_lock() {
            Some(mut table) => drop(table.0.remove(&self.id)),
            None => {
                let (id, table) = (self.id, Arc::clone(&self.table));
                if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                    runtime.spawn(async move {
                        if let Ok(mut table) = table.lock_timed().await {
                            table.0.remove(&id);
                        }
                    });
                }
            }
        }
    }
}
