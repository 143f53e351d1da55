//! How fast an account calls: a bucket of tokens for each class of methods.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

/// A class of methods that has a pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PacedCall {
    /// Reads a page of messages, or of dialogs: exports, and what updates passed over.
    History,
    /// Reads a page of members.
    Members,
    /// Looks up whose name it is.
    Resolve,
    /// Sends a message.
    Send,
}

impl PacedCall {
    pub(super) const ALL: [Self; 4] = [Self::History, Self::Members, Self::Resolve, Self::Send];

    pub(super) fn usual(self) -> Pace {
        let (at_once, seconds) = match self {
            Self::History => (30, 1),
            Self::Members => (10, 1),
            Self::Resolve => (50, 300),
            Self::Send => (10, 3),
        };
        Pace { at_once, every: Duration::from_secs(seconds) }
    }
}

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// A pace: so many calls at once, and one more with each time that passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    at_once: u32,
    every: Duration,
}

impl Pace {
    /// So many calls at once, at least one, and one more `every` so long.
    pub const fn new(at_once: u32, every: Duration) -> Self {
        Self { at_once, every }
    }

    /// `None` if it is none at all: a pause of no time.
    fn bucket(self) -> Option<Bucket> {
        // The bucket counts nanoseconds in 64 bits: a full one must not be longer than a century.
        let every = self.every.min(CENTURY);
        let most = CENTURY.as_nanos() / every.as_nanos().max(1);
        let at_once = self.at_once.min(u32::try_from(most).unwrap_or(u32::MAX));
        let at_once = NonZeroU32::new(at_once).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(every)?.allow_burst(at_once);
        Some(RateLimiter::direct_with_clock(quota, Runtime(Instant::now())))
    }
}

type Bucket = RateLimiter<NotKeyed, InMemoryState, Runtime, NoOpMiddleware<Nanos>>;

/// The paces of one account.
#[derive(Debug)]
pub(crate) struct Paces([Option<Bucket>; PacedCall::ALL.len()]);

impl Paces {
    pub(super) fn new(paces: &[Option<Pace>; PacedCall::ALL.len()]) -> Self {
        Self(paces.map(|pace| pace.and_then(Pace::bucket)))
    }

    /// Takes the right to one call.
    ///
    /// # Errors
    /// The time after which it can be had; nothing is taken then.
    pub(crate) fn take(&self, call: PacedCall) -> Result<(), Duration> {
        let Some(bucket) = &self.0[call as usize] else { return Ok(()) };
        bucket.check().map_err(|not_yet| not_yet.wait_time_from(bucket.clock().now()))
    }
}

/// The clock of the runtime, which tests pause.
#[derive(Clone, Debug)]
struct Runtime(Instant);

impl Clock for Runtime {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.elapsed().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_at_once_and_then_one_every_while() {
        let mut paces = PacedCall::ALL.map(|_| None);
        paces[PacedCall::Send as usize] = Some(Pace::new(2, Duration::from_secs(3)));
        let paces = Paces::new(&paces);
        assert!(paces.take(PacedCall::Send).is_ok() && paces.take(PacedCall::Send).is_ok());
        for _ in 0..3 {
            let wait = paces.take(PacedCall::Send).unwrap_err();
            assert_eq!(paces.take(PacedCall::Send).unwrap_err(), wait, "nothing was taken");
            assert_eq!(wait, Duration::from_secs(3));
            tokio::time::advance(wait).await;
            assert!(paces.take(PacedCall::Send).is_ok());
        }
        let extremes =
            [Pace::new(u32::MAX, Duration::MAX), Pace::new(u32::MAX, Duration::from_secs(5))];
        assert!(extremes.into_iter().all(|pace| pace.bucket().unwrap().check().is_ok()));
        assert!((0..100).all(|_| paces.take(PacedCall::History).is_ok()), "it has none");
    }
}
