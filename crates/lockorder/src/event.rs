//! The `tracing` events of locks, all with the target `lockorder`.
//!
//! While nobody listens to them at DEBUG no clock is read, see the checker's gate.

use std::time::Duration;

use crate::error::TimedOut;
use crate::report::Acquisition;

pub(crate) const TARGET: &str = "lockorder";

macro_rules! emit {
    ($level:ident, $lock:expr, $message:literal $(, $($field:tt)*)?) => {{
        let lock: &Acquisition = $lock;
        tracing::$level!(
            target: TARGET,
            class = lock.class.name(),
            level = lock.class.level(),
            key = lock.key,
            mode = %lock.mode,
            site = %lock.site,
            $($($field)*,)?
            $message
        )
    }};
}

#[cold]
#[inline(never)]
pub(crate) fn timed_out(timed_out: &TimedOut) {
    let holders: Vec<String> = timed_out.holders.iter().map(ToString::to_string).collect();
    let lock = &timed_out.wanted;
    emit!(
        warn,
        lock,
        "timed out",
        wait_us = micros(timed_out.waited),
        holders = holders.join("; ")
    );
}

fn micros(d: Duration) -> u64 {
    u64::try_from(d.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(any(debug_assertions, feature = "enforce"))]
pub(crate) use checked::{acquired, asked, now, released, since, violated};

#[cfg(any(debug_assertions, feature = "enforce"))]
mod checked {
    use std::sync::OnceLock;
    use std::time::{Duration, Instant};

    use super::{Acquisition, TARGET, micros};
    use crate::Violation;

    /// Nanoseconds since the first call in this process, and never 0: a time that fits into an atomic.
    pub(crate) fn now() -> u64 {
        static START: OnceLock<Instant> = OnceLock::new();
        let start = *START.get_or_init(Instant::now);
        u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
    }

    pub(crate) fn since(then: u64) -> Duration {
        Duration::from_nanos(now().saturating_sub(then))
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn asked(lock: &Acquisition) {
        emit!(debug, lock, "asked");
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn acquired(lock: &Acquisition, wait: Duration) {
        emit!(debug, lock, "acquired", wait_us = micros(wait));
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn released(lock: &Acquisition) {
        emit!(debug, lock, "released", hold_us = lock.held_for.map(micros));
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn violated(violation: &Violation) {
        let held = &violation.held;
        emit!(
            warn,
            violation.subject(),
            "violation",
            kind = ?violation.kind,
            held_class = held.class.name(),
            held_level = held.class.level(),
            held_site = %held.site,
            holder = %violation.holder,
            advice = violation.advice()
        );
    }
}
