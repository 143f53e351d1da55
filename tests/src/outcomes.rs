use std::fmt::Debug;

use lockorder::AcquireError;
use tgsession::{CallError, Failure, Outcome, QuotaExceeded};

/// What became of a submission, without what it brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// It was done.
    Done,
    /// It was not done.
    Failed,
    /// It panicked, and may have been executed.
    Panicked,
    /// It may have been executed.
    Maybe,
    /// It waited for too long.
    Expired,
    /// It took too long.
    TimedOut,
    /// Its caller gave it up.
    Cancelled,
    /// Its session was stopped.
    ShutDown,
}

impl End {
    /// That of this outcome.
    pub fn of<T>(outcome: &Outcome<T>) -> Self {
        match outcome {
            Outcome::Done(_) => Self::Done,
            Outcome::Failed(Failure::Panicked(_))
            | Outcome::MaybeExecuted(Failure::Panicked(_)) => Self::Panicked,
            Outcome::Failed(_) => Self::Failed,
            Outcome::MaybeExecuted(_) => Self::Maybe,
            Outcome::ExpiredInQueue { .. } => Self::Expired,
            Outcome::TimedOut { .. } => Self::TimedOut,
            Outcome::Cancelled => Self::Cancelled,
            Outcome::ShutDown => Self::ShutDown,
            _ => panic!("an outcome that no test knows"),
        }
    }
}

/// The error of the call with which an operation failed.
#[track_caller]
pub fn call_error<T: Debug>(outcome: Outcome<T>) -> CallError {
    match outcome {
        Outcome::Failed(Failure::Call(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// The error of the lock or permit that an operation did not get.
#[track_caller]
pub fn lock_error<T: Debug>(outcome: Outcome<T>) -> AcquireError {
    match outcome {
        Outcome::Failed(Failure::Lock(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// The quota that did not allow an operation.
#[track_caller]
pub fn quota_exceeded<T: Debug>(outcome: Outcome<T>) -> QuotaExceeded {
    match outcome {
        Outcome::Failed(Failure::Quota(exceeded)) => exceeded,
        other => panic!("{other:?}"),
    }
}

/// How many were done, and which quotas did not allow the others.
pub fn done_and_exceeded<T: Debug>(outcomes: Vec<Outcome<T>>) -> (usize, Vec<QuotaExceeded>) {
    let (done, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Outcome::is_done);
    (done.len(), refused.into_iter().map(quota_exceeded).collect())
}
