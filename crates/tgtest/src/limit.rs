//! Limits that the server enforces itself: flood waits that are true.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::fault::Method;
use crate::world::UserId;

/// So many calls of a method in any time of this length, for each account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) method: Method,
    pub(crate) calls: usize,
    pub(crate) per: Duration,
}

impl Limit {
    /// How long the next call must wait after those that were accepted; `None` if it need not.
    fn wait(&self, accepted: &VecDeque<Instant>, now: Instant) -> Option<Duration> {
        // With the next call there are one too many from this one on.
        let oldest = accepted.len().checked_sub(self.calls)?;
        let left = match accepted.get(oldest) {
            Some(at) => self.per.saturating_sub(now.duration_since(*at)),
            // The limit is no call at all.
            None => self.per,
        };
        (!left.is_zero()).then_some(left)
    }
}

/// The limits, and how near each account is to them.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    limits: Vec<Limit>,
    /// When each account made the calls that were accepted and still count, oldest first.
    accepted: HashMap<(Method, UserId), VecDeque<Instant>>,
    broken: BTreeMap<UserId, usize>,
}

impl Limits {
    pub(crate) fn new(limits: Vec<Limit>) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Counts a call of an account.
    ///
    /// # Errors
    /// How long it is too early. Such a call does not count.
    pub(crate) fn admit(
        &mut self,
        method: Method,
        account: UserId,
        now: Instant,
    ) -> Result<(), Duration> {
        let limits = self.limits.iter().filter(|limit| limit.method == method);
        let Some(longest) = limits.clone().map(|limit| limit.per).max() else {
            return Ok(());
        };
        let accepted = self.accepted.entry((method, account)).or_default();
        while accepted.front().is_some_and(|at| now.duration_since(*at) >= longest) {
            accepted.pop_front();
        }
        match limits.filter_map(|limit| limit.wait(accepted, now)).max() {
            None => {
                accepted.push_back(now);
                Ok(())
            }
            Some(wait) => {
                *self.broken.entry(account).or_default() += 1;
                Err(wait)
            }
        }
    }

    pub(crate) fn broken(&self) -> &BTreeMap<UserId, usize> {
        &self.broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEND: Method = Method::SEND_MESSAGE;
    const ALICE: UserId = UserId(1);

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn the_window_slides_and_what_was_refused_does_not_count() {
        let begin = Instant::now();
        let mut limits = Limits::new(vec![Limit { method: SEND, calls: 2, per: secs(10) }]);
        let mut at = |second| limits.admit(SEND, ALICE, begin + secs(second));
        assert_eq!((at(0), at(4)), (Ok(()), Ok(())));
        assert_eq!((at(4), at(9)), (Err(secs(6)), Err(secs(1))));
        assert_eq!((at(10), at(11)), (Ok(()), Err(secs(3))));
        assert_eq!((at(14), at(30)), (Ok(()), Ok(())));
        assert_eq!(limits.broken(), &BTreeMap::from([(ALICE, 3)]));
    }

    #[test]
    fn of_several_limits_each_is_kept_and_for_each_account_and_method() {
        let begin = Instant::now();
        let often = Limit { method: SEND, calls: 1, per: secs(1) };
        let mut limits = Limits::new(vec![often, Limit { calls: 3, per: secs(60), ..often }]);
        let mut at = |second| limits.admit(SEND, ALICE, begin + secs(second));
        assert_eq!((at(0), at(0)), (Ok(()), Err(secs(1))));
        assert_eq!((at(1), at(2), at(3)), (Ok(()), Ok(()), Err(secs(57))));
        assert_eq!(limits.admit(SEND, UserId(2), begin + secs(3)), Ok(()));
        assert_eq!(limits.admit(Method::GET_HISTORY, ALICE, begin), Ok(()));
    }

    #[test]
    fn a_limit_of_no_calls_refuses_each() {
        let mut limits = Limits::new(vec![Limit { method: SEND, calls: 0, per: secs(5) }]);
        assert_eq!(limits.admit(SEND, ALICE, Instant::now()), Err(secs(5)));
    }
}
