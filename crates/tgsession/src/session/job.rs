//! An operation in a queue, without its type.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::operation::{
    Context, Failure, Kind, Operation, Outcome, Reply, Stop, Terms, Ticket, goes_on, ticket,
};
use crate::store::AuditLine;

/// A submitted operation. Dropped unanswered, it answers that the session was shut down.
pub(crate) struct Job {
    pub(crate) number: u64,
    pub(crate) terms: Terms,
    pub(crate) submitted: Instant,
    /// Since when it waits: the time in which it ran, paused or was held by a flood wait is no waiting.
    pub(crate) since: Instant,
    /// Not to be started before.
    pub(crate) not_before: Instant,
    /// It was started before, and goes on; or the store keeps it. It does not expire while there is a line.
    pub(crate) had_turn: bool,
    /// The store keeps it: it does not expire at all.
    pub(crate) is_kept: bool,
    /// It had its permit when the session was busy: the session waits for it next time.
    pub(crate) passed_over: bool,
    /// Attempts so far.
    pub(crate) attempts: u32,
    pub(crate) cancel: CancellationToken,
    /// Given back before the answer: whoever has the answer sees it.
    load: Load,
    work: Box<dyn Erased>,
}

/// How an operation ends, if it does not bring its result.
#[derive(Debug)]
pub(crate) enum End {
    Failed(Failure),
    Expired(Duration),
    TimedOut(Duration),
    Cancelled,
    ShutDown,
}

impl Job {
    /// The operation, which is passed on often, and its ticket, which calls for attention when it is given up.
    pub(crate) fn new<O: Operation>(
        number: u64,
        operation: O,
        load: Load,
        attention: &Arc<Notify>,
    ) -> (Box<Self>, Ticket<O::Output>) {
        let cancel = CancellationToken::new();
        let (ticket, reply) = ticket(&cancel, attention);
        let now = Instant::now();
        let job = Self {
            number,
            terms: operation.terms(),
            submitted: now,
            since: now,
            not_before: now,
            had_turn: false,
            is_kept: false,
            passed_over: false,
            attempts: 0,
            cancel,
            load,
            work: Box::new(Typed { operation, result: None, reply: Some(reply) }),
        };
        (Box::new(job), ticket)
    }

    pub(crate) fn kind(&self) -> Kind {
        self.terms.kind
    }

    /// One attempt; what it brings is kept until the job is finished.
    pub(crate) async fn attempt(&mut self, context: Context<'_>) -> Result<(), Stop> {
        self.attempts += 1;
        self.work.attempt(context).await
    }

    /// What the audit has to say of it if it ends like this.
    pub(crate) fn left(&self, end: &End) -> Option<AuditLine> {
        self.work.left(match end {
            End::Failed(failure) => goes_on(failure),
            End::ShutDown | End::Expired(_) => true,
            End::TimedOut(_) | End::Cancelled => false,
        })
    }

    /// Answers with what the attempt brought.
    pub(crate) fn finish(self) {
        self.end(End::ShutDown);
    }

    /// Answers that it brought nothing; or that it may have, where nobody knows.
    pub(crate) fn end(self, end: End) {
        let Self { load, mut work, .. } = self;
        drop(load);
        work.answer(end);
    }
}

trait Erased: Send {
    fn attempt<'a>(&'a mut self, context: Context<'a>) -> BoxFuture<'a, Result<(), Stop>>;

    fn left(&self, goes_on: bool) -> Option<AuditLine>;

    /// Answers, once: with the result if there is one, else with what `end` comes to.
    fn answer(&mut self, end: End);
}

/// Dropped unanswered, it answers too.
struct Typed<O: Operation> {
    operation: O,
    result: Option<O::Output>,
    reply: Option<Reply<O::Output>>,
}

impl<O: Operation> Erased for Typed<O> {
    fn attempt<'a>(&'a mut self, context: Context<'a>) -> BoxFuture<'a, Result<(), Stop>> {
        async move {
            self.result = Some(self.operation.attempt(context).await?);
            Ok(())
        }
        .boxed()
    }

    fn left(&self, goes_on: bool) -> Option<AuditLine> {
        self.operation.left(goes_on)
    }

    fn answer(&mut self, end: End) {
        let Some(reply) = self.reply.take() else { return };
        reply.answer(match self.result.take() {
            Some(result) => Outcome::Done(result),
            None if self.operation.may_have_acted() => Outcome::MaybeExecuted(end.into_failure()),
            None => end.into_outcome(),
        });
    }
}

impl<O: Operation> Drop for Typed<O> {
    fn drop(&mut self) {
        self.answer(End::ShutDown);
    }
}

impl End {
    fn into_outcome<T>(self) -> Outcome<T> {
        match self {
            Self::Failed(failure) => Outcome::Failed(failure),
            Self::Expired(waited) => Outcome::ExpiredInQueue { waited },
            Self::TimedOut(after) => Outcome::TimedOut { after },
            Self::Cancelled => Outcome::Cancelled,
            Self::ShutDown => Outcome::ShutDown,
        }
    }

    fn into_failure(self) -> Failure {
        Failure::Interrupted(match self {
            Self::Failed(failure) => return failure,
            Self::Expired(_) => "it waited too long for another attempt",
            Self::TimedOut(_) => "it took too long",
            Self::Cancelled => "it was cancelled",
            Self::ShutDown => return Failure::Stopped,
        })
    }
}

/// Counts an operation in the load of its session for as long as it exists.
pub(crate) struct Load(Arc<AtomicUsize>);

impl Load {
    pub(crate) fn new(load: &Arc<AtomicUsize>) -> Self {
        load.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(load))
    }

    /// Counts, unless there are not as many as expected.
    pub(crate) fn take(load: &Arc<AtomicUsize>, expected: Option<usize>) -> Option<Self> {
        let Some(expected) = expected else { return Some(Self::new(load)) };
        load.compare_exchange(expected, expected + 1, Ordering::AcqRel, Ordering::Relaxed).ok()?;
        Some(Self(Arc::clone(load)))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
