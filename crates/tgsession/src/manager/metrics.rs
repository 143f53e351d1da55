//! Numbers: the second lock of level 1, and the atomics that operations count in.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lockorder::AcquireError;
use lockorder::tokio::{Mutex, MutexGuard};

use crate::hierarchy::GlobalMetrics;
use crate::session::{Core, SessionState};

/// The totals that change outside of operations: the value that the metrics lock guards.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Totals {
    /// Sessions that were added so far.
    pub added: u64,
    /// Sessions that were removed so far.
    pub removed: u64,
    /// What removed sessions had counted.
    pub(crate) past: MetricsSnapshot,
}

/// What a manager has done so far, in numbers that belong together.
///
/// An operation that was taken counts once, when it ends, as what ended it: one of `done`, `failed`, `expired`,
/// `timed_out`, `cancelled` and `shut_down`. [`MaybeExecuted`](crate::Outcome::MaybeExecuted) has no number of its own:
/// an operation with that outcome counts as what stopped it. Those that are dropped with a session that was ended at
/// once answer [`ShutDown`](crate::Outcome::ShutDown), or `MaybeExecuted` if that is so, and are not counted. A session
/// is ended at once where its removal or the shutdown was dropped before it returned, where its stop budget was over,
/// and where its manager was dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetricsSnapshot {
    /// Sessions that are there.
    pub sessions: u64,
    /// Sessions that are [`Connected`](crate::SessionState::Connected): not those whose line is being made again, nor
    /// those that are degraded.
    pub connected: u64,
    /// Sessions that were added so far.
    pub added: u64,
    /// Sessions that were removed so far.
    pub removed: u64,
    /// Operations that were done.
    pub done: u64,
    /// Operations that ended with a failure, those among them whose failure left open whether they were executed.
    pub failed: u64,
    /// Operations that waited for too long, in a queue and for a permit, and were not started.
    pub expired: u64,
    /// Operations that ran for too long, whether or not they may have been executed.
    pub timed_out: u64,
    /// Operations that were given up by their caller, whether or not they may have been executed.
    pub cancelled: u64,
    /// Operations that were ended by the stop of their session, in the queue or in the middle, whether or not they may
    /// have been executed.
    pub shut_down: u64,
    /// Attempts that were to follow a failure or a flood wait.
    pub retried: u64,
    /// Flood waits that Telegram asked for.
    pub flood_waits: u64,
    /// How often an operation did not get a permit or a lock in time. One operation may count several times, and need
    /// not fail: without a permit it goes back into its queue.
    pub lock_timeouts: u64,
    /// Events that sessions received or recovered, the accounts' own messages aside.
    pub events_seen: u64,
    /// Events but messages that were dropped because handlers were too slow, and messages that were given up because
    /// too many of them were missed: of those no more than are counted. Of bots, who can recover none, messages for
    /// which handlers were too slow are dropped too.
    pub events_dropped: u64,
    /// Messages for which there was no room when they came, as handlers were too slow, and that are to be recovered.
    pub events_deferred: u64,
    /// Calls of handlers that went well.
    pub events_handled: u64,
    /// Calls of handlers that failed or panicked.
    pub handler_failures: u64,
    /// Panics of operations, of handlers, of tasks of sessions, and of `grammers` over what a server said, in the task
    /// of a connection or in the stream of updates. Each is an error of a program; none of them leaves its session.
    pub panics: u64,
}

#[derive(Debug)]
pub(super) struct Metrics {
    limit: Duration,
    totals: Mutex<GlobalMetrics, Totals>,
}

impl Metrics {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, totals: Mutex::new(Totals::default()) }
    }

    pub(super) async fn change(
        &self,
        change: impl FnOnce(&mut Totals),
    ) -> Result<(), AcquireError> {
        change(&mut *self.totals().await?);
        Ok(())
    }

    pub(super) async fn totals(
        &self,
    ) -> Result<MutexGuard<'_, GlobalMetrics, Totals>, AcquireError> {
        self.totals.lock_within(self.limit).await
    }
}

impl Totals {
    /// Keeps what a session had counted when it is removed.
    pub(super) fn absorb(&mut self, core: &Core) {
        self.removed += 1;
        self.past.count(core);
    }

    /// Everything so far: the past and what the present sessions have counted.
    pub(super) fn with<'a>(&self, sessions: impl Iterator<Item = &'a Core>) -> MetricsSnapshot {
        let mut snapshot =
            MetricsSnapshot { added: self.added, removed: self.removed, ..self.past.clone() };
        for core in sessions {
            snapshot.sessions += 1;
            snapshot.connected += u64::from(core.state() == SessionState::Connected);
            snapshot.count(core);
        }
        snapshot
    }
}

impl MetricsSnapshot {
    fn count(&mut self, core: &Core) {
        let counts = &core.counts;
        let add = |sum: &mut u64, counter: &AtomicU64| *sum += counter.load(Ordering::Relaxed);
        add(&mut self.done, &counts.done);
        add(&mut self.failed, &counts.failed);
        add(&mut self.expired, &counts.expired);
        add(&mut self.timed_out, &counts.timed_out);
        add(&mut self.cancelled, &counts.cancelled);
        add(&mut self.shut_down, &counts.shut_down);
        add(&mut self.retried, &counts.retried);
        add(&mut self.flood_waits, &counts.flood_waits);
        add(&mut self.lock_timeouts, &counts.lock_timeouts);
        add(&mut self.events_seen, &counts.events_seen);
        add(&mut self.events_dropped, &counts.events_dropped);
        add(&mut self.events_deferred, &counts.events_deferred);
        add(&mut self.events_handled, &core.handlers.handled);
        add(&mut self.handler_failures, &core.handlers.failed);
        self.panics += core.panics();
    }
}
