//! An operation in a queue, without its type.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::operation::{Context, Failure, Kind, Operation, Outcome, Reply, Terms, Ticket, ticket};

/// A submitted operation. Dropped unanswered, it answers that the session was shut down.
pub(crate) struct Job {
    pub(crate) number: u64,
    pub(crate) terms: Terms,
    pub(crate) submitted: Instant,
    /// Not to be started before.
    pub(crate) not_before: Instant,
    /// Attempts so far.
    pub(crate) attempts: u32,
    pub(crate) cancel: CancellationToken,
    work: Box<dyn Erased>,
    /// Cancels with the job, so that nobody waits for the cancellation of one that is gone.
    _gone: DropGuard,
    _load: Load,
}

/// How an operation ends, if it does not bring its result.
#[derive(Debug)]
pub(crate) enum End {
    Failed(Failure),
    MaybeExecuted(Failure),
    Expired(Duration),
    TimedOut(Duration),
    Cancelled,
    ShutDown,
}

impl Job {
    pub(crate) fn new<O: Operation>(
        number: u64,
        operation: O,
        load: &Arc<AtomicUsize>,
    ) -> (Self, Ticket<O::Output>) {
        let cancel = CancellationToken::new();
        let (ticket, reply) = ticket(&cancel);
        let now = Instant::now();
        let job = Self {
            number,
            terms: operation.terms(),
            submitted: now,
            not_before: now,
            attempts: 0,
            _gone: cancel.clone().drop_guard(),
            cancel,
            work: Box::new(Typed { operation, result: None, reply }),
            _load: Load::new(load),
        };
        (job, ticket)
    }

    pub(crate) fn kind(&self) -> Kind {
        self.terms.kind
    }

    /// One attempt; what it brings is kept until the job is finished.
    pub(crate) async fn attempt(&mut self, context: Context<'_>) -> Result<(), Failure> {
        self.attempts += 1;
        self.work.attempt(context).await
    }

    /// Answers with what the attempt brought.
    pub(crate) fn finish(self) {
        self.work.answer(End::ShutDown);
    }

    /// Answers that it brought nothing.
    pub(crate) fn end(self, end: End) {
        self.work.answer(end);
    }
}

trait Erased: Send {
    fn attempt<'a>(&'a mut self, context: Context<'a>) -> BoxFuture<'a, Result<(), Failure>>;

    /// Answers with the result if there is one, else with `end`.
    fn answer(self: Box<Self>, end: End);
}

struct Typed<O: Operation> {
    operation: O,
    result: Option<O::Output>,
    reply: Reply<O::Output>,
}

impl<O: Operation> Erased for Typed<O> {
    fn attempt<'a>(&'a mut self, context: Context<'a>) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            self.result = Some(self.operation.attempt(context).await?);
            Ok(())
        }
        .boxed()
    }

    fn answer(self: Box<Self>, end: End) {
        let outcome = match (self.result, end) {
            (Some(result), _) => Outcome::Done(result),
            (None, End::Failed(failure)) => Outcome::Failed(failure),
            (None, End::MaybeExecuted(failure)) => Outcome::MaybeExecuted(failure),
            (None, End::Expired(waited)) => Outcome::ExpiredInQueue { waited },
            (None, End::TimedOut(after)) => Outcome::TimedOut { after },
            (None, End::Cancelled) => Outcome::Cancelled,
            (None, End::ShutDown) => Outcome::ShutDown,
        };
        self.reply.answer(outcome);
    }
}

/// Counts an operation in the load of its session for as long as it exists.
struct Load(Arc<AtomicUsize>);

impl Load {
    fn new(load: &Arc<AtomicUsize>) -> Self {
        load.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(load))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
