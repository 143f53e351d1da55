//! One attempt of one operation, in a task of its own.
//!
//! The locks are taken in their order: a permit (2), the manager's lease on the session (3), the session's
//! operation lock (4). The session is claimed after the permit, so that an operation that cannot run gives
//! its permit back at once; and where somebody else keeps the session, he is waited for without a permit.
//! All locks are dropped before the runner hears of the end, and so before the caller does.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::{FutureExt, poll};
use lockorder::AcquireError;
use lockorder::tokio::MutexGuard;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::admission::Grant;
use super::core::{Core, Line, Turn};
use super::job::{End, Job};
use super::runner::Note;
use crate::hierarchy::SessionOperation;
use crate::operation::{Context, Failure, Kind, Lane, Stop};
use crate::telegram::CallError;

/// How an attempt ended.
pub(super) enum Verdict {
    /// The session is busy, or went away: nothing was attempted.
    Busy,
    Done,
    /// It goes on after this time.
    Paused(Duration),
    Failed(Failure),
    Ended(End),
}

/// What an operation holds while it runs, in the order in which it is given back.
struct Locks<'a> {
    line: Option<MutexGuard<'a, SessionOperation, Line>>,
    _lease: Option<Grant>,
    _turn: Option<Turn>,
    _permit: Option<Grant>,
}

/// An operation on its way. Whatever happens to its task, the runner gets it back.
struct Underway {
    job: Option<Job>,
    started: bool,
    notes: mpsc::UnboundedSender<Note>,
}

impl Underway {
    fn end(&mut self, verdict: Verdict) {
        if let Some(job) = self.job.take() {
            // If the runner is gone, so is the session: dropping the job says that.
            let _ = self.notes.send(Note::Ended { job, started: self.started, verdict });
        }
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.end(match std::thread::panicking() {
            true => Verdict::Failed(Failure::Panicked("outside of the operation".to_owned())),
            false => Verdict::Ended(End::ShutDown),
        });
    }
}

pub(super) fn spawn(core: &Arc<Core>, job: Job, notes: mpsc::UnboundedSender<Note>) {
    let name = match job.terms.exclusive {
        true => "operation",
        false => "shared operation",
    };
    let own = Arc::clone(core);
    let underway = Underway { job: Some(job), started: false, notes };
    core.tasks.spawn(name, |registered| drive(own, underway, registered));
}

async fn drive(core: Arc<Core>, mut underway: Underway, registered: Result<(), AcquireError>) {
    let verdict = match registered {
        Ok(()) => run(&core, &mut underway).await,
        Err(error) => Verdict::Failed(error.into()),
    };
    if matches!(verdict, Verdict::Failed(Failure::Call(_))) {
        // Nothing is held here: others go on while the store writes what this one taught.
        core.saved().await;
    }
    underway.end(verdict);
}

async fn run(core: &Arc<Core>, underway: &mut Underway) -> Verdict {
    let Some(job) = underway.job.as_mut() else { return Verdict::Busy };
    if let Some(error) = restriction(core, job) {
        return Verdict::Failed(error.into());
    }
    let (cancel, giving_up) = (job.cancel.clone(), core.giving_up.clone());
    let (lane, number) = (job.terms.lane, job.number);
    let waits = || {
        let _ = underway.notes.send(Note::Waits(number));
    };
    let mut locks = tokio::select! {
        biased;
        () = cancel.cancelled() => return Verdict::Ended(End::Cancelled),
        () = core.draining.cancelled() => return Verdict::Ended(End::ShutDown),
        locks = told(lock(core, lane, job.terms.exclusive), waits) => match locks {
            Ok(Some(locks)) => locks,
            Ok(None) => return Verdict::Busy,
            // It goes on where it was, when there is room.
            Err(_) if job.had_turn => {
                job.passed_over = false;
                return Verdict::Busy;
            }
            Err(error) => return Verdict::Failed(error.into()),
        },
    };
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
    let verdict = tokio::select! {
        biased;
        () = cancel.cancelled() => Verdict::Ended(End::Cancelled),
        () = giving_up.cancelled() => Verdict::Ended(End::ShutDown),
        verdict = attempt(core, job) => verdict,
    };
    if let Some(line) = locks.line.as_mut() {
        line.running = None;
        line.finished += 1;
    }
    verdict
}

/// Says once that something is waited for.
async fn told<T>(future: impl Future<Output = T>, waits: impl FnOnce()) -> T {
    let mut future = pin!(future);
    match poll!(future.as_mut()) {
        Poll::Ready(ready) => ready,
        Poll::Pending => {
            waits();
            future.await
        }
    }
}

/// What was told to the operator once is not told to Telegram again.
fn restriction(core: &Core, job: &Job) -> Option<CallError> {
    let name = core.restriction_name().filter(|_| job.kind() == Kind::Send)?;
    Some(CallError::Restricted { name })
}

/// Levels 2, 3, 4. `None` if the session is busy, or was kept by somebody else, or must wait for Telegram.
async fn lock(
    core: &Arc<Core>,
    lane: Lane,
    exclusive: bool,
) -> Result<Option<Locks<'_>>, AcquireError> {
    let limit = core.settings.lock_timeout;
    let permit = core.admission.permit(lane).await?;
    let turn = match exclusive {
        true => match core.turn() {
            Some(turn) => Some(turn),
            None => return Ok(None),
        },
        false => None,
    };
    // It may have been a while.
    if core.is_offline() || core.blocked_for().is_some() || core.key_lost.is_cancelled() {
        return Ok(None);
    }
    if core.admission.is_free(core.id) && !(exclusive && core.line.is_locked()) {
        let Some(lease) = core.admission.lease(core.id).await? else { return Ok(None) };
        let line = match exclusive {
            true => Some(core.line.lock_within(limit).await?),
            false => None,
        };
        return Ok(Some(Locks { line, _lease: Some(lease), _turn: turn, _permit: permit }));
    }
    // Somebody else keeps the session: he is waited for without a permit, which others can use, but with the turn: of
    // several that wait each would find the lock handed to the next, and none would ever have it.
    drop(permit);
    drop(core.admission.lease(core.id).await?);
    if exclusive {
        drop(core.line.lock_within(limit).await?);
    }
    drop(turn);
    Ok(None)
}

async fn attempt(core: &Arc<Core>, job: &mut Job) -> Verdict {
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
        book: &core.book,
    };
    let attempt = AssertUnwindSafe(job.attempt(context)).catch_unwind();
    match timeout(limit, attempt).await {
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
        Ok(Err(panic)) => Verdict::Failed(Failure::Panicked(message(&*panic))),
        Err(_) => Verdict::Ended(End::TimedOut(limit)),
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
