//! What comes of a submitted operation: exactly one outcome, whatever happens.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use lockorder::AcquireError;
use thiserror::Error;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use crate::limits::QuotaExceeded;
use crate::store::StoreError;
use crate::telegram::CallError;

/// What became of an operation.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum Outcome<T> {
    /// It was done, and brought this.
    Done(T),
    /// It was not done.
    Failed(Failure),
    /// It was sent, and what came of it is not known: Telegram may have executed it.
    MaybeExecuted(Failure),
    /// It waited in the queue, and for a permit, for as long as the queue lets it, and was not started.
    ExpiredInQueue {
        /// How long.
        waited: Duration,
    },
    /// It was started, and stopped because it took too long.
    TimedOut {
        /// How long.
        after: Duration,
    },
    /// Its ticket was cancelled or dropped.
    Cancelled,
    /// Its session was stopped first.
    ShutDown,
}

impl<T> Outcome<T> {
    /// What it brought, if it was done.
    pub fn done(self) -> Option<T> {
        match self {
            Self::Done(value) => Some(value),
            _ => None,
        }
    }

    /// Whether it was done.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }
}

/// Why an operation was not done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Failure {
    /// Telegram said no, or could not be asked.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A lock did not come free in time. Whoever waits for a permit waits in the queue: see
    /// [`Outcome::ExpiredInQueue`].
    #[error("a lock was not free in time")]
    Lock(#[from] AcquireError),
    /// The account has done what a day allows.
    #[error(transparent)]
    Quota(#[from] QuotaExceeded),
    /// The store could not be read or written.
    #[error("the store could not be used")]
    Store(#[from] StoreError),
    /// The file of an export could not be read or written.
    #[error("{} could not be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It was told to somebody else, perhaps in an earlier process: here are the words of it.
    #[error("{0}")]
    Recorded(String),
    /// It was stopped in the middle.
    #[error("it was stopped in the middle: {0}")]
    Interrupted(&'static str),
    /// Its session stopped in the middle of it.
    #[error("its session stopped in the middle of it")]
    Stopped,
    /// The operation panicked. Nobody else is concerned.
    #[error("the operation panicked: {0}")]
    Panicked(String),
}

/// The right to an operation's outcome: a future of it.
///
/// Dropping the ticket cancels the operation: one that has not started never will. Use
/// [`detach`](Self::detach) to let it go on.
///
/// # Cancel safety
/// Polling may stop and go on at any time; the outcome is kept.
#[derive(Debug)]
#[must_use = "dropping the ticket cancels the operation"]
pub struct Ticket<T> {
    outcome: oneshot::Receiver<Outcome<T>>,
    give_up: GiveUp,
}

/// Gives an operation up when it is dropped: cancels it, and then tells so.
#[derive(Debug)]
struct GiveUp(Option<(CancellationToken, Arc<Notify>)>);

impl GiveUp {
    fn disarm(&mut self) {
        self.0 = None;
    }
}

impl Drop for GiveUp {
    fn drop(&mut self) {
        if let Some((cancel, told)) = self.0.take() {
            cancel.cancel();
            told.notify_one();
        }
    }
}

impl<T> Ticket<T> {
    /// Gives the operation up, at once. What is returned waits for its outcome.
    ///
    /// # Cancel safety
    /// The operation is given up by the call, not by what it returns: dropping that only loses the outcome.
    pub fn cancel(self) -> impl Future<Output = Outcome<T>> {
        let outcome = self.outcome;
        drop(self.give_up);
        async { outcome.await.unwrap_or(Outcome::ShutDown) }
    }

    /// Lets the operation go on without anybody who waits for it.
    pub fn detach(mut self) {
        self.give_up.disarm();
    }
}

impl<T> Future for Ticket<T> {
    type Output = Outcome<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<T>> {
        // The other side answers also when it is dropped; without it the runtime itself is gone.
        let outcome = ready!(Pin::new(&mut self.outcome).poll(cx));
        // There is nothing left to give up.
        self.give_up.disarm();
        Poll::Ready(outcome.unwrap_or(Outcome::ShutDown))
    }
}

/// The duty to answer: whoever drops it unanswered says that the session was shut down.
#[derive(Debug)]
pub(crate) struct Reply<T>(Option<oneshot::Sender<Outcome<T>>>);

impl<T> Reply<T> {
    pub(crate) fn answer(mut self, outcome: Outcome<T>) {
        if let Some(sender) = self.0.take() {
            // Nobody listens to a detached operation.
            let _ = sender.send(outcome);
        }
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        if let Some(sender) = self.0.take() {
            let _ = sender.send(Outcome::ShutDown);
        }
    }
}

pub(crate) fn ticket<T>(cancel: &CancellationToken, told: &Arc<Notify>) -> (Ticket<T>, Reply<T>) {
    let (sender, outcome) = oneshot::channel();
    let give_up = GiveUp(Some((cancel.clone(), Arc::clone(told))));
    (Ticket { outcome, give_up }, Reply(Some(sender)))
}
