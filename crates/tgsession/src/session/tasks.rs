//! The tasks of a session: every one is registered, counted, and gone when the session is.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lockorder::AcquireError;
use lockorder::tokio::{Mutex, OwnedMutexGuard};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::hierarchy::SessionTasks;
use crate::id::SessionId;

/// A task that a session runs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskInfo {
    /// What it does.
    pub name: &'static str,
    /// Since when it runs.
    pub since: Instant,
}

/// The tasks of a session, in the order in which they started.
#[derive(Default)]
pub struct TaskTable(Vec<(TaskInfo, Arc<Finished>)>);

impl TaskTable {
    /// The tasks that run.
    pub fn iter(&self) -> impl Iterator<Item = &TaskInfo> {
        self.0.iter().filter(|(_, finished)| !finished.is_set()).map(|(info, _)| info)
    }
}

impl fmt::Debug for TaskTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Set without a lock, so that a task that ends waits for nobody.
#[derive(Default)]
struct Finished(AtomicBool);

impl Finished {
    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

struct Finishes(Arc<Finished>);

impl Drop for Finishes {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

pub(crate) struct Tasks {
    session: SessionId,
    limit: Duration,
    table: Arc<Mutex<SessionTasks, TaskTable>>,
    tracker: TaskTracker,
    /// What ends each of them; `None` once they were ended.
    ends: watch::Sender<Option<Vec<AbortHandle>>>,
}

impl Tasks {
    pub(crate) fn new(session: SessionId, limit: Duration, tracker: TaskTracker) -> Self {
        let ends = watch::Sender::new(Some(Vec::new()));
        Self { session, limit, table: Arc::default(), tracker, ends }
    }

    /// Starts a task, which first enters itself into the table; where it cannot, it runs all the same.
    pub(crate) fn spawn(
        &self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let (table, limit) = (Arc::clone(&self.table), self.limit);
        // Boxed before it is wrapped: each async block around a future holds it twice.
        let task = Box::pin(async move {
            let finished = Arc::<Finished>::default();
            let _finishes = Finishes(Arc::clone(&finished));
            if let Err(error) = register(&table, limit, name, finished).await {
                tracing::error!(name, %error, "a task runs that is not in the table");
            }
            task.await;
        });
        // What a task logs, its locks too, says whose it is.
        let span =
            tracing::info_span!(parent: None, "session", id = self.session.number(), task = name);
        let end = self.tracker.spawn(task.instrument(span)).abort_handle();
        self.ends.send_modify(|ends| match ends {
            Some(ends) => {
                ends.retain(|end| !end.is_finished());
                ends.push(end);
            }
            None => end.abort(),
        });
    }

    pub(crate) async fn table(
        &self,
    ) -> Result<OwnedMutexGuard<SessionTasks, TaskTable>, AcquireError> {
        Arc::clone(&self.table).lock_owned_within(self.limit).await
    }

    /// How many tasks run.
    pub(crate) fn len(&self) -> usize {
        self.tracker.len()
    }

    /// Waits until every task has ended; no new one should start meanwhile.
    pub(crate) async fn join(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Ends every task at its next await.
    pub(crate) fn kill(&self) {
        self.ends.send_replace(None).iter().flatten().for_each(AbortHandle::abort);
        self.tracker.close();
    }
}

async fn register(
    table: &Mutex<SessionTasks, TaskTable>,
    limit: Duration,
    name: &'static str,
    finished: Arc<Finished>,
) -> Result<(), AcquireError> {
    let mut table = table.lock_within(limit).await?;
    table.0.retain(|(_, finished)| !finished.is_set());
    table.0.push((TaskInfo { name, since: Instant::now() }, finished));
    Ok(())
}
