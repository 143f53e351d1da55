//! The tasks of a session: every one is registered, counted, and gone when the session is.
//!
//! A task is to run although somebody keeps the table, and to be in it all the same. So it is *entering* from its start
//! on, in a list that needs no lock of the order, and whoever has the table first takes up all that is entering: the
//! task itself, the next one, or whoever looks. Nobody who has the table misses a task that was there before.
//!
//! The table is of level 5, and what a task does takes locks of lower and of higher levels. That is no inversion: a
//! task asks for it before it does anything else, when it holds nothing, and keeps it for no longer than it takes to
//! move the entries, with no await in between. Where it does not get it in time, that is logged with who keeps it, and
//! the task goes on. Trying again beside its body would need a branch of its own ([`lockorder::branch`]), and make each
//! task larger; there is nothing left to try.

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
pub struct TaskTable(Vec<Entry>);

impl TaskTable {
    /// The tasks that run.
    pub fn iter(&self) -> impl Iterator<Item = &TaskInfo> {
        self.0.iter().filter(|(_, finished)| !finished.is_set()).map(|(info, _)| info)
    }

    /// Takes up those that are entering.
    fn take_up(&mut self, entering: &Entering) {
        forget_finished(&mut self.0);
        entering.send_modify(|entering| self.0.append(entering));
    }
}

impl fmt::Debug for TaskTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

type Entry = (TaskInfo, Arc<Finished>);

/// The tasks that are not in the table yet, in the order in which they started.
type Entering = watch::Sender<Vec<Entry>>;

fn forget_finished(entries: &mut Vec<Entry>) {
    entries.retain(|(_, finished)| !finished.is_set());
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
    entering: Arc<Entering>,
    tracker: TaskTracker,
    /// What ends each of them; `None` once they were ended.
    ends: watch::Sender<Option<Vec<AbortHandle>>>,
}

impl Tasks {
    pub(crate) fn new(session: SessionId, limit: Duration, tracker: TaskTracker) -> Self {
        let ends = watch::Sender::new(Some(Vec::new()));
        let entering = Arc::new(watch::Sender::new(Vec::new()));
        Self { session, limit, table: Arc::default(), entering, tracker, ends }
    }

    /// Starts a task, which first takes itself up into the table; where it cannot, others do.
    pub(crate) fn spawn(
        &self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let (table, entering) = (Arc::clone(&self.table), Arc::clone(&self.entering));
        let limit = self.limit;
        let finishes = self.enter(name);
        // Boxed before it is wrapped: each async block around a future holds it twice.
        let task = Box::pin(async move {
            let _finishes = finishes;
            match table.lock_within(limit).await {
                Ok(mut table) => table.take_up(&entering),
                Err(error) => tracing::warn!(name, %error, "whoever has the table next lists it"),
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

    /// From now on it is entering, until what is returned is dropped: with the task, also if that never runs.
    fn enter(&self, name: &'static str) -> Finishes {
        let finished = Arc::<Finished>::default();
        let entry = (TaskInfo { name, since: Instant::now() }, Arc::clone(&finished));
        self.entering.send_modify(|entering| {
            // There are no more than tasks that run, however long somebody keeps the table.
            forget_finished(entering);
            entering.push(entry);
        });
        Finishes(finished)
    }

    pub(crate) async fn table(
        &self,
    ) -> Result<OwnedMutexGuard<SessionTasks, TaskTable>, AcquireError> {
        let mut table = Arc::clone(&self.table).lock_owned_within(self.limit).await?;
        table.take_up(&self.entering);
        Ok(table)
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

#[cfg(test)]
mod tests {
    use tokio::sync::Notify;
    use tokio::task::yield_now;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    fn tasks() -> Tasks {
        Tasks::new(SessionId(1), LIMIT, TaskTracker::new())
    }

    /// A task, and what tells that it runs and what ends it.
    fn task() -> (Arc<Notify>, Arc<Notify>, impl Future<Output = ()> + Send + 'static) {
        let (runs, end) = (Arc::<Notify>::default(), Arc::<Notify>::default());
        let (tells, ends) = (Arc::clone(&runs), Arc::clone(&end));
        let task = async move {
            tells.notify_one();
            ends.notified().await;
        };
        (runs, end, task)
    }

    async fn names(tasks: &Tasks) -> Vec<&'static str> {
        tasks.table().await.unwrap().iter().map(|task| task.name).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_cannot_enter_in_time_runs_and_is_listed_by_who_looks_next() {
        let tasks = tasks();
        let kept = tasks.table().await.unwrap();
        let begin = Instant::now();
        let (runs, end, task) = task();
        tasks.spawn("late", task);
        runs.notified().await;
        assert!(begin.elapsed() >= LIMIT, "it had asked: {:?}", begin.elapsed());
        assert_eq!(kept.iter().count(), 0);
        drop(kept);
        assert_eq!(names(&tasks).await, ["late"]);
        end.notify_one();
        tasks.join().await;
        assert_eq!(names(&tasks).await, [""; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_starts_takes_up_who_could_not_enter() {
        let tasks = tasks();
        let kept = tasks.table().await.unwrap();
        let (runs, _end, first) = task();
        tasks.spawn("first", first);
        runs.notified().await;
        drop(kept);
        let (runs, _end, second) = task();
        tasks.spawn("second", second);
        runs.notified().await;
        assert!(tasks.entering.borrow().is_empty(), "nobody has looked");
        assert_eq!(names(&tasks).await, ["first", "second"], "in the order of their starts");
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_ends_before_it_entered_or_never_runs_is_not_listed() {
        let tasks = tasks();
        let kept = tasks.table().await.unwrap();
        tasks.spawn("short", async {});
        tokio::time::sleep(LIMIT + LIMIT).await;
        tasks.spawn("killed", std::future::pending());
        tasks.kill();
        tasks.join().await;
        assert_eq!(tasks.entering.borrow().iter().filter(|(_, f)| !f.is_set()).count(), 0);
        drop(kept);
        yield_now().await;
        assert_eq!(names(&tasks).await, [""; 0]);
    }
}
