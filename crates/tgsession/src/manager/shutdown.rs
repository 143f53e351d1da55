//! The end of a manager.

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
    /// Tasks that ignored that they were to end; with those that wait for such to take out their session.
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
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tgsession::BuildError> {
    /// # let manager = tgsession::Manager::builder().build()?;
    /// let report = manager.shutdown().await;
    /// println!("{} sessions stopped in {:?}", report.stopped, report.took);
    /// assert_eq!((report.survivors, report.left), (0, 0));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// From its first poll on the manager takes no more sessions. Dropped before it returns, it ends at once the
    /// sessions that were stopping, with what they run, and leaves them listed; call it again for the rest.
    pub async fn shutdown(&self) -> ShutdownReport {
        let inner = &self.0;
        let begin = Instant::now();
        let end = begin + inner.shutdown_budget;
        inner.closed.cancel();
        inner.adding.close();
        // Those that are being added hear of it at once, and are added or gone after this.
        let _ = timeout_at(end, inner.adding.wait()).await;
        let ends = inner.registry.all().into_iter().map(|session| {
            // Each is a holder of its own: they take the same locks, one after the other.
            lockorder::branch(async move {
                let stopped = timeout_at(end, session.stop()).await;
                let forgotten = timeout_at(end, self.forget(&session)).await;
                (stopped, forgotten)
            })
        });
        let mut report = ShutdownReport { stopped: 0, survivors: 0, left: 0, took: Duration::ZERO };
        for (stopped, forgotten) in join_all(ends).await {
            if let Ok(stopped) = stopped {
                report.stopped += 1;
                report.survivors += stopped.survivors;
            }
            if let Ok(Err(error)) = &forgotten {
                warn!(%error, "a session was not removed");
            }
            report.left += usize::from(!matches!(forgotten, Ok(Ok(()))));
        }
        // Of sessions that were being added when their caller gave up.
        let _ = timeout_at(end, inner.tasks.removed()).await;
        report.survivors += inner.tasks.removing();
        report.took = begin.elapsed();
        info!(stopped = report.stopped, survivors = report.survivors, took = ?report.took, "shut down");
        report
    }
}
