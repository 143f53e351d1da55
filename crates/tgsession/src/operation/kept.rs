//! What becomes of an operation that is kept.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::SystemTime;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::Outcome;

/// How an operation stands that was [submitted to be kept](crate::Manager::submit_kept).
#[derive(Debug)]
pub enum Kept<T> {
    /// It is written down, by this submission or an earlier one of its key, and on its way.
    Waiting(KeptTicket<T>),
    /// One that was submitted under its key before has ended, so it is not done again.
    Ended {
        /// When.
        at: SystemTime,
        /// What became of it; failures in words, as [`Failure::Recorded`](crate::Failure::Recorded).
        outcome: Outcome<T>,
    },
}

impl<T> Kept<T> {
    /// What becomes of it, or became.
    ///
    /// # Cancel safety
    /// Dropped before it returns, it leaves the operation alone.
    pub async fn outcome(self) -> Outcome<T> {
        match self {
            Self::Waiting(ticket) => ticket.await,
            Self::Ended { outcome, .. } => outcome,
        }
    }
}

/// The outcome of an operation that is kept: a future of it.
///
/// Dropping it leaves the operation alone: it is the store's, and goes on, in the next process too. Of several tickets
/// for one operation that of the submission which wrote it down has its failure as it was, the others have it in words.
///
/// # Cancel safety
/// Polling may stop and go on at any time; the outcome is kept.
pub struct KeptTicket<T> {
    outcome: BoxFuture<'static, Outcome<T>>,
    cancel: CancellationToken,
}

impl<T> KeptTicket<T> {
    pub(crate) fn new(outcome: BoxFuture<'static, Outcome<T>>, cancel: CancellationToken) -> Self {
        Self { outcome, cancel }
    }

    /// Gives the operation up, at once: it is not kept any more. What is returned waits for its outcome, which is
    /// another one where this came too late, and [`ShutDown`](Outcome::ShutDown) where the session stopped first: then
    /// it is still kept.
    ///
    /// # Cancel safety
    /// The operation is given up by the call, not by what it returns: dropping that only loses the outcome.
    pub fn cancel(self) -> impl Future<Output = Outcome<T>> {
        self.cancel.cancel();
        self.outcome
    }
}

impl<T> Future for KeptTicket<T> {
    type Output = Outcome<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<T>> {
        self.outcome.as_mut().poll(cx)
    }
}

impl<T> fmt::Debug for KeptTicket<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptTicket").finish_non_exhaustive()
    }
}
