//! One attempt of one operation, in a task of its own.
//!
//! The locks are taken in their order: a permit (2), the manager's lease on the session (3), the session's
//! operation lock (4). The session is claimed between the first two, so that an operation that cannot run
//! gives its permit back at once. All of them are dropped before the runner hears of the end, and so before
//! the caller does.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use lockorder::AcquireError;
use lockorder::tokio::MutexGuard;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::admission::Grant;
use super::core::{Core, Line, Turn};
use super::job::{End, Job};
use super::runner::Note;
use crate::hierarchy::SessionOperation;
use crate::operation::{Context, Failure, Lane};
use crate::telegram::CallError;

/// How an attempt ended.
pub(super) enum Verdict {
    /// The session is busy, or went away: nothing was attempted.
    Busy,
    Done,
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

pub(super) fn spawn(core: &Arc<Core>, job: Job, notes: mpsc::UnboundedSender<Note>) {
    let name = match job.terms.exclusive {
        true => "operation",
        false => "shared operation",
    };
    let own = Arc::clone(core);
    core.tasks.spawn(name, |registered| async move {
        let core = own;
        let mut job = job;
        let mut started = false;
        let verdict = match registered {
            Ok(()) => run(&core, &mut job, &notes, &mut started).await,
            Err(error) => Verdict::Failed(error.into()),
        };
        // If the runner is gone, so is the session: dropping the job says that.
        let _ = notes.send(Note::Ended { job, started, verdict });
    });
}

async fn run(
    core: &Arc<Core>,
    job: &mut Job,
    notes: &mpsc::UnboundedSender<Note>,
    started: &mut bool,
) -> Verdict {
    let (cancel, giving_up) = (job.cancel.clone(), core.giving_up.clone());
    let lane = job.terms.lane;
    let locks = tokio::select! {
        biased;
        () = cancel.cancelled() => return Verdict::Ended(End::Cancelled),
        () = core.draining.cancelled() => return Verdict::Ended(End::ShutDown),
        locks = lock(core, lane, job.terms.exclusive) => match locks {
            Ok(Some(locks)) => locks,
            Ok(None) => return Verdict::Busy,
            Err(error) => return Verdict::Failed(error.into()),
        },
    };
    *started = true;
    let _ = notes.send(Note::Started(lane));
    let mut locks = locks;
    if let Some(line) = locks.line.as_mut() {
        line.running = Some((job.kind(), Instant::now()));
    }
    let verdict = tokio::select! {
        biased;
        () = cancel.cancelled() => interrupted(lane, End::Cancelled, "it was cancelled"),
        () = giving_up.cancelled() => interrupted(lane, End::ShutDown, "the session stopped"),
        verdict = attempt(core, job) => verdict,
    };
    if let Some(line) = locks.line.as_mut() {
        line.running = None;
        line.finished += 1;
    }
    verdict
}

/// Levels 2, 3, 4. `None` if the session is busy.
async fn lock(
    core: &Arc<Core>,
    lane: Lane,
    exclusive: bool,
) -> Result<Option<Locks<'_>>, AcquireError> {
    let permit = core.admission.permit(lane).await?;
    let turn = exclusive.then(|| core.turn());
    if matches!(turn, Some(None)) {
        return Ok(None);
    }
    let Some(lease) = core.admission.lease(core.id).await? else { return Ok(None) };
    let line = match exclusive {
        true => Some(core.line.lock_within(core.settings.lock_timeout).await?),
        false => None,
    };
    Ok(Some(Locks { line, _lease: Some(lease), _turn: turn.flatten(), _permit: permit }))
}

async fn attempt(core: &Arc<Core>, job: &mut Job) -> Verdict {
    let (limit, lane) = (job.terms.timeout, job.terms.lane);
    let context = Context { client: &core.connection.client, handlers: &core.handlers };
    let attempt = AssertUnwindSafe(job.attempt(context)).catch_unwind();
    match timeout(limit, attempt).await {
        Ok(Ok(Ok(()))) => Verdict::Done,
        Ok(Ok(Err(failure))) => Verdict::Failed(failure),
        Ok(Err(panic)) => Verdict::Failed(Failure::Panicked(message(&*panic))),
        Err(_) => interrupted(lane, End::TimedOut(limit), "it took too long"),
    }
}

/// An operation that changes something and was stopped in the middle may have been executed.
fn interrupted(lane: Lane, end: End, why: &str) -> Verdict {
    Verdict::Ended(match lane {
        Lane::Operate => End::MaybeExecuted(Failure::Call(CallError::Unavailable {
            reason: why.to_owned(),
            maybe_executed: true,
        })),
        Lane::Free | Lane::Scrape => end,
    })
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
