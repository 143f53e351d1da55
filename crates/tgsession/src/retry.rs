//! Whether and when an operation is tried again: a pure function of what happened.
//! [`CallError`] has the table.

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

/// Tells operations that fail together apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) session: u64,
    pub(crate) operation: u64,
}

/// How long operations may take, which goes first, and how often they are tried again.
#[derive(Clone, Debug)]
pub(crate) struct Kinds {
    timeouts: [Duration; Kind::ALL.len()],
    pub(crate) priorities: Priorities,
    retries: [u32; Kind::ALL.len()],
    /// The pause before the first retry; it doubles with each.
    pub(crate) base: Duration,
    pub(crate) jitter: bool,
}

/// Which kind of operation goes first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Priorities([u32; Kind::ALL.len()]);

impl Default for Priorities {
    fn default() -> Self {
        Self(Kind::ALL.map(Kind::priority))
    }
}

impl Priorities {
    /// Higher goes first.
    pub(crate) fn of(&self, kind: Kind) -> u32 {
        self.0[kind as usize]
    }

    pub(crate) fn set(&mut self, kind: Kind, priority: u32) {
        self.0[kind as usize] = priority;
    }

    /// A kind whose priority is higher than what waits can rise to, and would starve it.
    pub(crate) fn too_high(&self) -> Option<(Kind, u32)> {
        let all = Kind::ALL.map(|kind| (kind, self.of(kind)));
        all.into_iter().find(|(_, priority)| *priority > Kind::TOP)
    }
}

/// No pause is longer.
const LONGEST: Duration = Duration::from_secs(3600);

impl Default for Kinds {
    fn default() -> Self {
        Self {
            timeouts: Kind::ALL.map(Kind::timeout),
            priorities: Priorities::default(),
            retries: Kind::ALL.map(Kind::retries),
            base: Duration::from_secs(2),
            jitter: true,
        }
    }
}

impl Kinds {
    pub(crate) fn timeout(&self, kind: Kind) -> Duration {
        self.timeouts[kind as usize]
    }

    pub(crate) fn set_timeout(&mut self, kind: Kind, timeout: Duration) {
        self.timeouts[kind as usize] = timeout;
    }

    pub(crate) fn set_retries(&mut self, kind: Kind, retries: u32) {
        self.retries[kind as usize] = retries;
    }

    pub(crate) fn shortest(&self) -> Duration {
        self.timeouts.iter().copied().min().unwrap_or_default()
    }

    /// Decides after attempt number `attempts` (from 1 on) of an operation failed.
    ///
    /// A flood wait is not a failure of the operation, so it uses up no retry: the account waits for the time
    /// that Telegram says. A custom operation is never called twice: what it did before would be done again.
    pub(crate) fn next(
        &self,
        kind: Kind,
        attempts: u32,
        spread: Spread,
        error: &CallError,
    ) -> Next {
        match error {
            _ if kind == Kind::Custom => Next::GiveUp,
            CallError::Flood { wait } => Next::After(*wait),
            error if error.is_failure() && attempts <= self.retries[kind as usize] => {
                let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
                let pause = self.base.saturating_mul(doubled).min(LONGEST.max(self.base));
                Next::After(pause + self.share(spread).map_or(Duration::ZERO, |s| pause.mul_f64(s)))
            }
            _ => Next::GiveUp,
        }
    }

    /// By how much of itself a pause is longer, up to a quarter.
    fn share(&self, Spread { session, operation }: Spread) -> Option<f64> {
        // The golden ratio spreads consecutive numbers well over 0 to 63 (Knuth, volume 3, 6.4).
        let number = session.wrapping_mul(31).wrapping_add(operation);
        let share = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58;
        self.jitter.then_some(share as f64 / 256.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Spread = Spread { session: 0, operation: 0 };

    fn lost() -> CallError {
        CallError::Unavailable { reason: "broken".to_owned(), maybe_executed: true }
    }

    fn next(kind: Kind, attempts: u32, error: &CallError) -> Next {
        Kinds::default().next(kind, attempts, FIRST, error)
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
    fn operations_that_fail_together_are_tried_again_apart_unless_that_is_switched_off() {
        let pauses = |kinds: &Kinds| {
            let spread = |operation| Spread { session: 3, operation };
            let next = |operation| kinds.next(Kind::Send, 1, spread(operation), &lost());
            let pause = |operation| match next(operation) {
                Next::After(pause) => pause,
                Next::GiveUp => panic!("it has a retry"),
            };
            let mut pauses: Vec<_> = (0..64).map(pause).collect();
            assert!(pauses.iter().all(|p| (2.0..=2.5).contains(&p.as_secs_f64())), "{pauses:?}");
            pauses.sort();
            pauses.dedup();
            pauses.len()
        };
        assert!(pauses(&Kinds::default()) > 32);
        assert_eq!(pauses(&Kinds { jitter: false, ..Kinds::default() }), 1);
    }

    #[test]
    fn no_number_of_retries_makes_a_pause_without_end() {
        let mut kinds = Kinds { jitter: false, ..Kinds::default() };
        kinds.set_retries(Kind::Send, u32::MAX);
        for attempts in [20, u32::MAX] {
            assert_eq!(kinds.next(Kind::Send, attempts, FIRST, &lost()), Next::After(LONGEST));
        }
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
