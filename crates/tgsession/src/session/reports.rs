//! What the log says of operations that were not done: which it was, and who was in the way; and the audit of exports.

use std::sync::atomic::Ordering;

use lockorder::AcquireError;
use tracing::{error, warn};

use super::core::Core;
use super::counts::Counts;
use super::job::{End, Job};
use crate::operation::in_full;
use crate::store::{AuditLine, Happened, Topic};

impl Core {
    /// An operation did not get a lock in time: that, and what the session does meanwhile.
    pub(super) fn report_lock(&self, job: &Job, situation: &AcquireError) {
        Counts::add(&self.counts.lock_timeouts);
        warn!(
            session = %self.id,
            operation = job.number,
            kind = %job.kind(),
            took = ?job.submitted.elapsed(),
            %situation,
            queued = self.queued.load(Ordering::Relaxed),
            load = self.load(),
            tasks = self.tasks.len(),
            running = self.running(),
            all_running = self.admission.permits.running(),
            waiting_for_permits = self.admission.permits.waiting(),
            "a lock was not free in time"
        );
    }

    /// How an operation ended that did not bring its result.
    pub(super) fn report_end(&self, job: &Job, end: &End) {
        let (session, operation, kind) = (self.id, job.number, job.kind());
        let took = job.submitted.elapsed();
        match end {
            End::Failed(failure) => {
                let failure = in_full(failure);
                error!(%session, operation, %kind, ?took, failure, "failed");
            }
            End::TimedOut(after) => {
                error!(%session, operation, %kind, ?took, ?after, "timed out");
            }
            End::Expired(waited) => {
                let (queued, running) = (self.queued.load(Ordering::Relaxed), self.running());
                warn!(%session, operation, %kind, ?took, ?waited, queued, running, "expired in its queue");
            }
            End::Cancelled | End::ShutDown => {}
        }
    }

    /// An export stopped with rows in its part. Its caller need not wait until that is written.
    pub(super) fn audit(&self, line: AuditLine) {
        line.log();
        self.log(Happened::Exported(line));
        self.changed_sometime(Topic::Used);
    }

    /// The exclusive operation that runs, in words.
    fn running(&self) -> String {
        match self.admission.turns.running() {
            Some((kind, number, since)) => format!("{kind}, operation {number}, for {since:?}"),
            None if self.line.is_locked() => "nothing, and its line is kept".to_owned(),
            None => "nothing".to_owned(),
        }
    }
}
