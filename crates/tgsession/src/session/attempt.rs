//! One attempt of one operation: a branch of the runner's task, which holds its own locks.
//!
//! The locks are taken in their order: a permit (2), the manager's lease on the session (3), the session's
//! operation lock (4). The session is claimed after the permit, so that an operation that cannot run gives
//! its permit back at once; and where somebody else keeps the session, or was first to ask for it, he is waited
//! for without a permit. All locks are dropped before the runner hears of the end, and so before the caller does.

use std::any::Any;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, poll};
use lockorder::AcquireError;
use lockorder::tokio::MutexGuard;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::admission::Lease;
use super::core::{Core, Line};
use super::counts::Counts;
use super::job::{End, Job};
use super::permits::Permit;
use super::queue;
use super::runner::Note;
use super::turn::Turn;
use crate::hierarchy::SessionOperation;
use crate::operation::{Context, Failure, Kind, Lane, Stop};
use crate::telegram::{CallError, is_frozen};

/// How an attempt ended.
pub(super) enum Verdict {
    /// Nothing was attempted.
    Busy(Busy),
    Done,
    /// It goes on after this time.
    Paused(Duration),
    Failed(Failure),
    Ended(End),
}

/// Why nothing was attempted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Busy {
    /// Somebody else had the session.
    Kept,
    /// The session can do nothing now, or went away; or there was no permit.
    Idle,
}

/// What an operation holds while it runs, in the order in which it is given back.
struct Locks<'a> {
    line: Option<MutexGuard<'a, SessionOperation, Line>>,
    _lease: Lease<'a>,
    turn: Option<Turn<'a>>,
    _permit: Option<Permit<'a>>,
}

/// What was not free in time.
enum Late {
    Permit(AcquireError),
    Session(AcquireError),
}

impl From<AcquireError> for Late {
    fn from(error: AcquireError) -> Self {
        Self::Session(error)
    }
}

/// An operation that holds nothing any more.
pub(super) struct Ended {
    pub(super) job: Box<Job>,
    pub(super) started: bool,
    pub(super) verdict: Verdict,
}

/// An operation on its way. Whatever happens to it, the runner gets it back.
struct Underway {
    job: Option<Box<Job>>,
    started: bool,
    notes: mpsc::UnboundedSender<Note>,
}

impl Underway {
    fn end(&mut self, verdict: Verdict) -> Option<Ended> {
        let job = self.job.take()?;
        Some(Ended { job, started: self.started, verdict })
    }
}

impl Drop for Underway {
    /// It panicked, or the runner is dropped with it: then so is the session, and dropping the job says that.
    fn drop(&mut self) {
        if self.job.is_some() {
            let outside = Failure::Panicked("outside of the operation".to_owned());
            let ended = self.end(Verdict::Failed(outside));
            ended
                .into_iter()
                .for_each(|ended| _ = self.notes.send(Note::Panicked(Box::new(ended))));
        }
    }
}

/// An attempt, to be polled by the runner; `None` if it panicked, of which there is a note.
pub(super) type Attempt = BoxFuture<'static, Option<Ended>>;

pub(super) fn begin(
    core: &Arc<Core>,
    job: Box<Job>,
    notes: mpsc::UnboundedSender<Note>,
) -> Attempt {
    let core = Arc::clone(core);
    // What an operation logs, its locks too, says whose it is.
    let span =
        tracing::info_span!(parent: None, "session", id = core.id.number(), task = "operation");
    let underway = Underway { job: Some(job), started: false, notes };
    // Boxed before it is wrapped: each wrapper would move all of it.
    let drive = Box::pin(drive(core, underway));
    let attempt = AssertUnwindSafe(lockorder::branch(drive)).catch_unwind();
    attempt.map(|ended| ended.ok().flatten()).instrument(span).boxed()
}

async fn drive(core: Arc<Core>, mut underway: Underway) -> Option<Ended> {
    let verdict = run(&core, &mut underway).await;
    if matches!(verdict, Verdict::Failed(Failure::Call(_))) {
        // Nothing is held here: others go on while the store writes what this one taught.
        Box::pin(core.saved()).await;
    }
    underway.end(verdict)
}

async fn run(core: &Arc<Core>, underway: &mut Underway) -> Verdict {
    let Some(job) = underway.job.as_mut() else { return Verdict::Busy(Busy::Idle) };
    if let Some(error) = restriction(core, job) {
        return Verdict::Failed(error.into());
    }
    let (lane, exclusive, number) = (job.terms.lane, job.terms.exclusive, job.number);
    let cancel = job.cancel.clone();
    let expires = expires(core, job);
    // Mostly they are free. What waits for them is large, and made only where it is needed.
    let locks = match lock(core, lane, exclusive, expires).now_or_never() {
        Some(locks) => locks,
        None => {
            let _ = underway.notes.send(Note::Waits(number));
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Verdict::Ended(End::Cancelled),
                () = core.draining.cancelled() => return Verdict::Ended(End::ShutDown),
                locks = Box::pin(lock(core, lane, exclusive, expires)) => locks,
            }
        }
    };
    let mut locks = match locks {
        Ok(Ok(locks)) => locks,
        Ok(Err(busy)) => return Verdict::Busy(busy),
        Err(late) => return without(core, job, late),
    };
    if cancel.is_cancelled() {
        return Verdict::Ended(End::Cancelled);
    }
    if core.draining.is_cancelled() {
        return Verdict::Ended(End::ShutDown);
    }
    // It may have been a while.
    if let Some(error) = restriction(core, job) {
        return Verdict::Failed(error.into());
    }
    underway.started = true;
    if core.start(lane, number) {
        let _ = underway.notes.send(Note::Started);
    }
    if let Some(line) = locks.line.as_mut() {
        line.running = Some((job.kind(), Instant::now()));
    }
    if let Some(turn) = &locks.turn {
        turn.begin(number, job.kind());
    }
    let ending = AtomicBool::new(false);
    let verdict = {
        let mut attempt = pin!(attempt(core, job, &ending));
        let verdict = tokio::select! {
            // What it brings first: an answer that has come counts.
            biased;
            verdict = attempt.as_mut() => verdict,
            end = given_up(&cancel, &core.giving_up, exclusive) => Verdict::Ended(end),
        };
        match verdict {
            // It did not say so itself: it goes on.
            Verdict::Ended(End::Cancelled | End::ShutDown) if ending.load(Ordering::Relaxed) => {
                attempt.await
            }
            verdict => verdict,
        }
    };
    if let Some(line) = locks.line.as_mut() {
        line.running = None;
        line.finished += 1;
    }
    verdict
}

/// Waits until the operation is given up, or everything is.
async fn given_up(cancel: &CancellationToken, all: &CancellationToken, exclusive: bool) -> End {
    if exclusive {
        // Whoever gives it up calls for the runner's attention, and that polls it: it needs no waker of its own.
        poll_fn(|_| match cancel.is_cancelled() || all.is_cancelled() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    } else {
        tokio::select! {
            () = cancel.cancelled() => {}
            () = all.cancelled() => {}
        }
    }
    if cancel.is_cancelled() { End::Cancelled } else { End::ShutDown }
}

/// When it will have waited for as long as the queue lets it, if it may expire.
fn expires(core: &Core, job: &Job) -> Option<Instant> {
    queue::deadline(job, core.settings.queue_wait, core.blocked())
}

/// What becomes of an operation that did not get what it needs in time. Without a permit it goes back into the queue,
/// for as long as its time there is not over: many exports are more than the permits of half a minute, and no failure.
fn without(core: &Core, job: &Job, late: Late) -> Verdict {
    let (Late::Permit(error) | Late::Session(error)) = &late;
    core.report_lock(job, error);
    let now = Instant::now();
    match late {
        // It goes on where it was, when there is room.
        _ if job.had_turn => Verdict::Busy(Busy::Idle),
        Late::Session(error) => Verdict::Failed(error.into()),
        Late::Permit(_) if expires(core, job).is_some_and(|at| at <= now) => {
            Verdict::Ended(End::Expired(now - job.since))
        }
        Late::Permit(_) => Verdict::Busy(Busy::Idle),
    }
}

/// What was told to the operator once is not told to Telegram again. Each kind of operation calls it, or may; so a
/// frozen account does none of them.
fn restriction(core: &Core, job: &Job) -> Option<CallError> {
    let is_held = |name: &String| job.kind() == Kind::Send || is_frozen(name);
    let name = core.restriction_name().filter(is_held)?;
    Some(CallError::Restricted { name })
}

/// Levels 2, 3, 4, unless the session is busy, or was kept by somebody else, or must wait for Telegram. The permit is
/// waited for until the operation expires at most.
async fn lock(
    core: &Core,
    lane: Lane,
    exclusive: bool,
    expires: Option<Instant>,
) -> Result<Result<Locks<'_>, Busy>, Late> {
    let permit = core.admission.permit(lane, expires).await.map_err(Late::Permit)?;
    let turn = match exclusive {
        true => match core.turn() {
            Some(turn) => Some(turn),
            None => return Ok(Err(Busy::Kept)),
        },
        false => None,
    };
    // It may have been a while.
    if core.is_offline() || core.blocked_for().is_some() || core.key_lost.is_cancelled() {
        return Ok(Err(Busy::Idle));
    }
    let mut lease = pin!(core.admission.lease());
    let lease = match poll!(lease.as_mut()) {
        Poll::Ready(lease) => lease?,
        Poll::Pending => return wait_for(lease, permit, turn).await,
    };
    let Some(lease) = lease else { return Ok(Err(Busy::Idle)) };
    if !exclusive {
        return Ok(Ok(Locks { line: None, _lease: lease, turn: None, _permit: permit }));
    }
    let mut line = pin!(core.line.lock_within(core.settings.lock_timeout));
    match poll!(line.as_mut()) {
        Poll::Ready(line) => {
            let line = Some(line?);
            Ok(Ok(Locks { line, _lease: lease, turn, _permit: permit }))
        }
        Poll::Pending => {
            drop(lease);
            wait_for(line, permit, turn).await
        }
    }
}

/// Waits for who keeps the session without the permit, which others can use, but with the turn: of several that wait
/// each would find the lock handed to the next, and none would ever have it.
async fn wait_for<'a, T>(
    lock: impl Future<Output = Result<T, AcquireError>>,
    permit: Option<Permit<'_>>,
    turn: Option<Turn<'_>>,
) -> Result<Result<Locks<'a>, Busy>, Late> {
    drop(permit);
    drop(lock.await?);
    drop(turn);
    Ok(Err(Busy::Kept))
}

async fn attempt(core: &Arc<Core>, job: &mut Job, ending: &AtomicBool) -> Verdict {
    let Some(live) = core.live().filter(|live| !live.is_closing()) else {
        job.attempts += 1;
        let reason = "the session has no connection: reconnect it".to_owned();
        return Verdict::Failed(CallError::Unavailable { reason, maybe_executed: false }.into());
    };
    let limit = job.terms.timeout.unwrap_or_else(|| core.settings.kinds.timeout(job.kind()));
    let context = Context {
        client: &live.connection.client,
        handlers: &core.handlers,
        // Operations start once it is known.
        user: core.identity.get().map_or(0, |identity| identity.user),
        allowance: &core.allowance,
        blocked_until: &core.blocked_until,
        book: &core.book,
        ending,
    };
    let attempted = {
        let mut attempt = pin!(AssertUnwindSafe(job.attempt(context)).catch_unwind());
        match timeout(limit, attempt.as_mut()).await {
            Err(_) if ending.load(Ordering::Relaxed) => Ok(attempt.await),
            attempted => attempted,
        }
    };
    match attempted {
        Ok(Ok(Ok(()))) => {
            core.works();
            Verdict::Done
        }
        Ok(Ok(Err(Stop::Pause { wait, came_on }))) => {
            // A pause is no failure, and ends none.
            job.attempts = if came_on { 0 } else { job.attempts - 1 };
            Verdict::Paused(wait)
        }
        Ok(Ok(Err(Stop::Failed(failure)))) => {
            // While the locks are held: the next operation must know.
            if let Failure::Call(error) = &failure {
                core.notice(error);
            }
            Verdict::Failed(failure)
        }
        Ok(Err(panic)) => {
            Counts::add(&core.counts.panics);
            Verdict::Failed(Failure::Panicked(message(&*panic)))
        }
        Err(_) => Verdict::Ended(End::TimedOut(limit)),
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
