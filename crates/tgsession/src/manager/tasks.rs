//! The register of actors: the first lock of level 1.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lockorder::AcquireError;
use lockorder::tokio::{Mutex, MutexGuard};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tracing::warn;

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
    /// The tasks that take out entries of sessions whose adding was given up: the shutdown waits for them.
    removals: TaskTracker,
}

impl Tasks {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, table: Arc::default(), removals: TaskTracker::new() }
    }

    /// Waits until nothing is left of the sessions whose adding was given up.
    pub(super) async fn removed(&self) {
        self.removals.close();
        self.removals.wait().await;
    }

    /// How many entries wait to be taken out.
    pub(super) fn removing(&self) -> usize {
        self.removals.len()
    }

    /// Enters an actor, unless one with its key is there; it is taken out again unless the entry is kept.
    pub(super) async fn enter(
        &self,
        id: SessionId,
        config: &SessionConfig,
        tasks: TaskTracker,
    ) -> Result<Entry, AddError> {
        let key = config.fingerprint();
        let mut table = self.table().await?;
        if let Some(other) = table.0.iter().find(|(_, task)| key.is_some() && task.key == key) {
            return Err(AddError::AlreadyAdded(*other.0));
        }
        let task = GlobalTask { label: config.label.clone(), since: Instant::now(), key };
        table.0.insert(id, task);
        let (limit, removals) = (self.limit, self.removals.clone());
        Ok(Entry { kept: false, id, limit, table: Arc::clone(&self.table), tasks, removals })
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

/// The entry of a session that is being added. It stays until the tasks of a session that was not added have
/// ended: only then nobody uses its key any more.
pub(super) struct Entry {
    kept: bool,
    id: SessionId,
    limit: Duration,
    table: Arc<Mutex<GlobalTasks, GlobalTaskTable>>,
    tasks: TaskTracker,
    removals: TaskTracker,
}

impl Entry {
    pub(super) fn keep(mut self) {
        self.kept = true;
    }

    /// Waits for the tasks to end, and takes the entry out.
    pub(super) async fn give_back(mut self) {
        self.removal().await;
        self.kept = true;
    }

    fn removal(&self) -> impl Future<Output = ()> + use<> {
        let (id, limit) = (self.id, self.limit);
        let (table, tasks) = (Arc::clone(&self.table), self.tasks.clone());
        async move {
            tasks.close();
            tasks.wait().await;
            // Again and again: an entry too many would bar its key. Each wait that is too long is told.
            loop {
                match table.lock_within(limit).await {
                    Ok(mut table) => {
                        table.0.remove(&id);
                        break;
                    }
                    Err(error) => warn!(session = %id, %error, "its entry is not taken out yet"),
                }
            }
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        // Outside of a runtime no task of a session runs either.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            self.removals.spawn_on(self.removal(), &runtime);
        }
    }
}
