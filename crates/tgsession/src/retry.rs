//! Whether and when an operation is tried again: a pure function of what happened.

use std::time::Duration;

use crate::operation::Kind;
use crate::telegram::CallError;

/// What happens after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The failure is the outcome.
    GiveUp,
    /// Another attempt after this pause. Nothing is held meanwhile.
    After(Duration),
}

/// The pause before the first retry; it doubles with each.
const BASE: Duration = Duration::from_secs(2);

/// Decides after attempt number `attempts` (from 1 on) of an operation failed.
///
/// A flood wait is not a failure of the operation, so it uses up no retry: the account waits for the time
/// that Telegram says. A custom operation is never called twice.
pub(crate) fn next(kind: Kind, attempts: u32, error: &CallError) -> Next {
    match error {
        // What it did before it was flooded would be done twice.
        CallError::Flood { .. } if kind == Kind::Custom => Next::GiveUp,
        CallError::Flood { wait } => Next::After(*wait),
        CallError::Unavailable { .. } if attempts <= kind.retries() => {
            Next::After(BASE * 2_u32.saturating_pow(attempts - 1))
        }
        _ => Next::GiveUp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost() -> CallError {
        CallError::Unavailable { reason: "broken".to_owned(), maybe_executed: true }
    }

    #[test]
    fn pauses_double_until_the_retries_of_the_kind_are_used_up() {
        let after = |secs| Next::After(Duration::from_secs(secs));
        assert_eq!(next(Kind::ExportMembers, 1, &lost()), after(2));
        assert_eq!(next(Kind::ExportMembers, 2, &lost()), after(4));
        assert_eq!(next(Kind::ExportMembers, 3, &lost()), Next::GiveUp);
        assert_eq!(next(Kind::Send, 1, &lost()), after(2));
        assert_eq!(next(Kind::Send, 2, &lost()), Next::GiveUp);
        assert_eq!(next(Kind::Monitor, 1, &lost()), Next::GiveUp);
    }

    #[test]
    fn a_flood_wait_sets_the_time_and_uses_up_no_retry() {
        let flood = CallError::Flood { wait: Duration::from_secs(3600) };
        assert_eq!(next(Kind::Send, 9, &flood), Next::After(Duration::from_secs(3600)));
        assert_eq!(next(Kind::Custom, 1, &flood), Next::GiveUp);
    }

    #[test]
    fn a_refusal_is_final() {
        let refused = CallError::Refused { code: 400, name: "PEER_ID_INVALID".to_owned() };
        assert_eq!(next(Kind::ExportMembers, 1, &refused), Next::GiveUp);
    }
}
