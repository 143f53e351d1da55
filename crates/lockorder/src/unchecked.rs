//! The checker of builds with checks off: the same names, and nothing behind them.

use crate::ask::Ask;
use crate::report::{HeldLock, Mode, Site};

/// Where a lock would be recorded.
#[derive(Clone, Copy)]
pub(crate) struct Place;

impl Place {
    #[inline(always)]
    pub(crate) fn hold(self, _: &Ask) -> Held {
        Held
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Asked;

impl Asked {
    pub(crate) const NEVER: Self = Self;

    #[cfg(feature = "tokio")]
    pub(crate) fn repeat(&mut self, _: &Ask) {}
}

pub struct Held;

impl Held {
    pub(crate) fn part(&mut self) -> Parted {
        Parted
    }

    pub(crate) fn change(&mut self, _: Mode) {}

    pub(crate) fn during<T>(&mut self, _: Mode, f: impl FnOnce() -> T) -> T {
        f()
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn merge(&mut self, _: Self, _: Mode) {}

    #[cfg(feature = "tokio")]
    pub(crate) fn split(&mut self, _: Mode, _: Mode) -> Self {
        Self
    }

    #[inline(always)]
    pub(crate) fn check_change(&self, _: Mode, _: Site) -> Option<Blocked> {
        None
    }

    pub(crate) fn away<T>(&mut self, _: Site, unlocked: impl FnOnce(&dyn Fn()) -> T) -> T {
        unlocked(&|| ())
    }

    pub(crate) fn wait<T>(&mut self, _: Site, wait: impl FnOnce() -> T) -> T {
        wait()
    }
}

pub(crate) struct Parted;

impl Parted {
    pub(crate) fn join(self) -> Held {
        Held
    }
}

#[inline(always)]
pub(crate) fn admit(_: &Ask) -> Option<Place> {
    Some(Place)
}

pub(crate) fn admit_known(_: &Ask) -> Option<Place> {
    None // Nobody comes so far.
}

pub(crate) fn plugged(_: bool) {}

#[inline(always)]
pub(crate) fn check(_: Ask) -> Asked {
    Asked
}

#[cfg(feature = "tokio")]
#[inline(always)]
pub(crate) fn arrive() {}

#[inline(always)]
pub(crate) fn blocked(_: Ask) -> Blocked {
    Blocked
}

pub(crate) struct Blocked;

/// So that it can be dropped early by name, as that of the checker.
impl Drop for Blocked {
    #[inline(always)]
    fn drop(&mut self) {}
}

#[inline(always)]
pub(crate) fn hold(_: Ask, _: Asked) -> Held {
    Held
}

pub(crate) use crate::event::timed_out;

pub(crate) fn holders(_: &Ask) -> Vec<HeldLock> {
    Vec::new()
}

pub(crate) fn snapshot() -> Vec<HeldLock> {
    Vec::new()
}

#[cfg(feature = "tokio")]
pub(crate) struct Awaited;

#[cfg(feature = "tokio")]
impl Awaited {
    pub(crate) fn nobody() -> Self {
        Self
    }

    pub(crate) fn begin(&self) {}

    pub(crate) fn end(&self) {}

    pub(crate) fn around<F>(&self, f: F) -> F {
        f
    }
}

#[cfg(feature = "tokio")]
mod branch {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    pin_project_lite::pin_project! {
        /// See [`branch`](crate::branch).
        #[derive(Debug)]
        #[must_use = "futures do nothing unless polled"]
        pub struct Branch<F> {
            #[pin]
            future: F,
        }
    }

    impl<F> Branch<F> {
        pub(crate) fn new(future: F) -> Self {
            Self { future }
        }

        pub(crate) fn awaited(future: F, _: &super::Awaited) -> Self {
            Self { future }
        }
    }

    impl<F: Future> Future for Branch<F> {
        type Output = F::Output;

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
            self.project().future.poll(cx)
        }
    }
}

#[cfg(feature = "tokio")]
pub use branch::Branch;
