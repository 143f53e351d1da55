//! An acquisition on its way: what every lock type says to the checker, with checks on or off.
//!
//! An [`Ask`] goes to functions that are not inlined by value: where its address is taken, all of it is
//! written to memory on the fast path too.

use std::time::Duration;

use crate::cell::Keying;
#[cfg(feature = "tokio")]
use crate::checker::Place;
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
    #[cfg_attr(
        not(any(debug_assertions, feature = "enforce", feature = "tokio")),
        expect(dead_code, reason = "there are no async locks")
    )]
    Task,
}

/// How a lock is wanted. The unit types are no bytes in a future.
pub(crate) trait How: Copy {
    fn mode(self) -> Mode;
}

#[derive(Clone, Copy)]
pub(crate) struct Exclusive;

#[derive(Clone, Copy)]
pub(crate) struct Shared;

#[derive(Clone, Copy)]
pub(crate) struct Recursive;

#[derive(Clone, Copy)]
pub(crate) struct Upgradable;

#[cfg(feature = "tokio")]
#[derive(Clone, Copy)]
pub(crate) struct Permits(pub(crate) u32);

macro_rules! how {
    ($($how:ident),*) => {$(
        impl How for $how {
            #[inline(always)]
            fn mode(self) -> Mode {
                Mode::$how
            }
        }
    )*};
}
how!(Exclusive, Shared, Recursive, Upgradable);

#[cfg(feature = "tokio")]
impl How for Permits {
    #[inline(always)]
    fn mode(self) -> Mode {
        Mode::Permits(self.0)
    }
}

/// One lock that somebody wants: as much as a future has to keep to ask for it.
pub(crate) struct Want<R: Rank, M> {
    name: <R::Keys as Keying>::Name,
    instance: usize,
    site: Site,
    how: M,
}

impl<R: Rank, M: How> Want<R, M> {
    /// Wants `lock`, the wrapped lock, whose address is its identity: it cannot move while it is held.
    #[inline(always)]
    pub(crate) fn new<L>(lock: &L, name: <R::Keys as Keying>::Name, how: M, site: Site) -> Self {
        Self { name, instance: std::ptr::from_ref(lock).addr(), site, how }
    }

    /// Asks for a thread.
    #[inline(always)]
    pub(crate) fn by_thread(&self) -> Ask {
        self.by(Keeper::Thread)
    }

    /// Asks for a task.
    #[cfg(feature = "tokio")]
    #[inline(always)]
    pub(crate) fn by_task(&self) -> Ask {
        self.by(Keeper::Task)
    }

    #[inline(always)]
    fn by(&self, keeper: Keeper) -> Ask {
        let Self { name, instance, site, how } = *self;
        let (class, key) = (R::Keys::class::<R>(name), R::Keys::key(name));
        Ask { class, key, instance, mode: how.mode(), site, keeper }
    }
}

/// What allows a lock to be held that was waited for.
#[cfg(feature = "tokio")]
#[derive(Clone, Copy)]
pub(crate) enum Grant {
    /// It surely breaks nothing, and belongs here.
    Placed(Place),
    /// It was looked at longer.
    Asked(Asked),
}

#[cfg(feature = "tokio")]
impl Grant {
    /// Checks an acquisition by a task. The second is for a wait that goes on.
    #[inline(always)]
    pub(crate) fn ask<R: Rank, H: How>(want: &Want<R, H>) -> (Self, Asked) {
        match checker::admit(&want.by_task()) {
            Some(place) => (Self::Placed(place), Asked::NEVER),
            None => {
                let asked = want.by_task().check();
                (Self::Asked(asked), asked)
            }
        }
    }

    /// Records the acquired lock.
    #[inline(always)]
    pub(crate) fn hold<R: Rank, H: How>(self, want: &Want<R, H>) -> Held {
        match self {
            Self::Placed(place) => place.hold(&want.by_task()),
            Self::Asked(asked) => want.by_task().hold(asked),
        }
    }
}

/// What a wait for a lock ends with: a guard, made of what the wrapped lock gave.
#[cfg(feature = "tokio")]
pub(crate) trait Granted<R: Rank, H, I> {
    fn granted(inner: I, want: &Want<R, H>, grant: Grant) -> Self;
}

/// What a wait ends with where nothing is recorded.
#[cfg(all(feature = "tokio", not(any(debug_assertions, feature = "enforce"))))]
pub(crate) trait Unrecorded<I> {
    fn unrecorded(inner: I) -> Self;
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
        not(any(debug_assertions, feature = "enforce", feature = "tokio")),
        expect(dead_code, reason = "nobody asks, and nobody waits in a task")
    )]
    pub(crate) keeper: Keeper,
}

impl Ask {
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
                if let Some(place) = checker::admit_known(&self) {
                    return match take(limit) {
                        Some(guard) => Ok((guard, place.hold(&self))),
                        None => Err(self.timed_out(limit)),
                    };
                }
                // Before the check: who begins to wait for this thread after it must see this.
                let _blocked = checker::blocked(self);
                let asked = self.check();
                match take(limit) {
                    Some(guard) => Ok((guard, self.hold(asked))),
                    None => Err(self.timed_out(limit)),
                }
            }
        }
    }

    /// Acquires an async lock in a way that blocks the thread: all that the thread holds counts.
    #[cfg(feature = "tokio")]
    pub(crate) fn take_blocking<G>(self, take: impl FnOnce() -> G) -> (G, Held) {
        let _blocked = checker::blocked(self);
        let asked = Self { keeper: Keeper::Thread, ..self }.check();
        let guard = take();
        (guard, self.hold(asked))
    }

    #[inline(never)]
    pub(crate) fn take_slowly<G>(self, take: impl FnOnce() -> G) -> (G, Held) {
        if let Some(place) = checker::admit_known(&self) {
            let guard = take();
            return (guard, place.hold(&self));
        }
        let _blocked = checker::blocked(self);
        let asked = self.check();
        let guard = take();
        (guard, self.hold(asked))
    }

    /// Checks the acquisition; to be called before it can block.
    #[inline(always)]
    pub(crate) fn check(&self) -> Asked {
        checker::check(*self)
    }

    /// Records the acquired lock.
    #[inline(always)]
    pub(crate) fn hold(&self, asked: Asked) -> Held {
        checker::hold(*self, asked)
    }

    /// Records a lock that a `try_` call got: it could not block, so nothing is checked.
    #[inline(always)]
    pub(crate) fn hold_tried(&self) -> Held {
        match checker::admit(self) {
            Some(place) => place.hold(self),
            None => checker::hold(*self, Asked::NEVER),
        }
    }

    /// The error of a wait that ended without the lock, and its WARN event.
    // Part by part: a whole one is written to memory, and that before the lock is even tried.
    #[inline(always)]
    pub(crate) fn timed_out(self, waited: Duration) -> AcquireError {
        let Self { class, key, instance, mode, site, keeper } = self;
        timed_out(class, key, instance, mode, site, keeper, waited)
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

#[cold]
#[inline(never)]
fn timed_out(
    class: &'static Class,
    key: u64,
    instance: usize,
    mode: Mode,
    site: Site,
    keeper: Keeper,
    waited: Duration,
) -> AcquireError {
    let ask = Ask { class, key, instance, mode, site, keeper };
    let timed_out = TimedOut { wanted: ask.wanted(), waited, holders: checker::holders(&ask) };
    checker::timed_out(&timed_out);
    AcquireError::TimedOut(Box::new(timed_out))
}
