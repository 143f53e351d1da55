//! An acquisition on its way: what every lock type says to the checker, with checks on or off.

use std::time::Duration;

use crate::checker::{self, Asked, Held};
use crate::error::{AcquireError, TimedOut};
use crate::report::{Acquisition, Mode, Site};
use crate::{Class, Rank};

/// Whose a lock is once it is held.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Keeper {
    /// A blocking lock is the thread's.
    Thread,
    /// An async lock is the task's, or the branch's.
    #[cfg(feature = "tokio")]
    Task,
}

/// One lock that is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) class: &'static Class,
    pub(crate) key: u64,
    pub(crate) instance: usize,
    pub(crate) mode: Mode,
    pub(crate) site: Site,
    #[cfg_attr(
        not(any(debug_assertions, feature = "enforce")),
        expect(dead_code, reason = "only the checker asks")
    )]
    pub(crate) keeper: Keeper,
}

impl Ask {
    /// Asks for `lock`, the wrapped lock, whose address is its identity: it cannot move while it is held.
    #[inline(always)]
    pub(crate) fn new<R: Rank, L>(
        keeper: Keeper,
        lock: &L,
        key: u64,
        mode: Mode,
        site: Site,
    ) -> Self {
        let instance = std::ptr::from_ref(lock).addr();
        Self { class: R::class(), key, instance, mode, site, keeper }
    }

    /// Acquires a lock that blocks: checks, takes, and records it.
    #[inline(always)]
    pub(crate) fn take<G>(self, take: impl FnOnce() -> G) -> (G, Held) {
        match checker::admit(&self) {
            Some(place) => {
                let guard = take();
                (guard, place.hold(&self))
            }
            None => self.take_slowly(take),
        }
    }

    /// As `take`, of a lock that may not come free in time.
    #[inline(always)]
    pub(crate) fn take_within<G>(
        self,
        limit: Duration,
        take: impl FnOnce(Duration) -> Option<G>,
    ) -> Result<(G, Held), AcquireError> {
        match checker::admit(&self) {
            Some(place) => match take(limit) {
                Some(guard) => Ok((guard, place.hold(&self))),
                None => Err(self.timed_out(limit)),
            },
            None => {
                let asked = self.check();
                match take(limit) {
                    Some(guard) => Ok((guard, self.hold(asked))),
                    None => Err(self.timed_out(limit)),
                }
            }
        }
    }

    #[inline(never)]
    fn take_slowly<G>(self, take: impl FnOnce() -> G) -> (G, Held) {
        let asked = self.check();
        let guard = take();
        (guard, self.hold(asked))
    }

    /// Checks the acquisition; to be called before it can block.
    #[inline(always)]
    pub(crate) fn check(&self) -> Asked {
        checker::check(self)
    }

    /// Checks a wait that goes on, against what is held by now; true if that was reported.
    #[cfg(feature = "tokio")]
    #[inline(always)]
    pub(crate) fn check_again(&self) -> bool {
        checker::check_again(self)
    }

    /// Records the acquired lock.
    #[inline(always)]
    pub(crate) fn hold(&self, asked: Asked) -> Held {
        checker::hold(self, asked)
    }

    /// Records a lock that a `try_` call got: it could not block, so nothing is checked.
    #[inline(always)]
    pub(crate) fn hold_tried(&self) -> Held {
        match checker::admit(self) {
            Some(place) => place.hold(self),
            None => checker::hold(self, Asked::NEVER),
        }
    }

    /// The error of a wait that ended without the lock, and its WARN event.
    #[cold]
    pub(crate) fn timed_out(&self, waited: Duration) -> AcquireError {
        let holders = checker::holders(self);
        let timed_out = TimedOut { wanted: self.wanted(), waited, holders };
        checker::timed_out(&timed_out);
        AcquireError::TimedOut(Box::new(timed_out))
    }

    /// The error of a semaphore that was closed.
    #[cfg(feature = "tokio")]
    #[cold]
    pub(crate) fn closed(&self) -> AcquireError {
        AcquireError::Closed(Box::new(self.wanted()))
    }

    /// What is asked for, for reports.
    pub(crate) fn wanted(&self) -> Acquisition {
        Acquisition {
            class: self.class,
            key: self.class.is_keyed().then_some(self.key),
            instance: self.instance,
            mode: self.mode,
            site: self.site,
            held_for: None,
        }
    }
}
