//! The end of a manager.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use super::Manager;

/// How a manager ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Sessions that were stopped.
    pub stopped: usize,
    /// Tasks that ignored that they were to end.
    pub survivors: usize,
    /// Sessions that were not removed within the budget.
    pub left: usize,
    /// How long it took.
    pub took: Duration,
}

impl Manager {
    /// Stops every session, all at once, within the shutdown budget. Operations that are queued are answered
    /// with `ShutDown`, those that run may finish first.
    ///
    /// # Cancel safety
    /// Dropped before it returns, it leaves sessions stopping; call it again to wait for them.
    pub async fn shutdown(&self) -> ShutdownReport {
        let inner = &self.0;
        let begin = Instant::now();
        inner.closed.store(true, Ordering::Relaxed);
        let removals = inner.registry.all().into_iter().map(|record| {
            let id = record.session.core.id;
            let removal = async move {
                timeout_at(begin + inner.shutdown_budget, self.remove_session(id)).await
            };
            // Each is a holder of its own: they take the same locks, one after the other.
            lockorder::branch(removal)
        });
        let removed = join_all(removals).await;
        let mut report = ShutdownReport { stopped: 0, survivors: 0, left: 0, took: Duration::ZERO };
        for removed in removed {
            match removed {
                Ok(Ok(stopped)) => {
                    report.stopped += 1;
                    report.survivors += stopped.survivors;
                }
                Ok(Err(error)) => {
                    warn!(%error, "a session was not removed");
                    report.left += 1;
                }
                Err(_) => report.left += 1,
            }
        }
        report.took = begin.elapsed();
        info!(stopped = report.stopped, survivors = report.survivors, took = ?report.took, "shut down");
        report
    }
}
