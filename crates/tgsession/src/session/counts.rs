//! What is counted of a session.

use std::sync::atomic::{AtomicU64, Ordering};

/// What changes inside operations, as atomics: the metrics lock is of level 1 and out of reach there.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) done: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) expired: AtomicU64,
    pub(crate) timed_out: AtomicU64,
    pub(crate) cancelled: AtomicU64,
    pub(crate) shut_down: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) flood_waits: AtomicU64,
    pub(crate) lock_timeouts: AtomicU64,
    pub(crate) events_seen: AtomicU64,
    pub(crate) events_dropped: AtomicU64,
    pub(crate) events_deferred: AtomicU64,
    /// Those of handlers are counted where they are called.
    pub(crate) panics: AtomicU64,
}

impl Counts {
    pub(crate) fn add(counter: &AtomicU64) {
        Self::add_all(counter, 1);
    }

    pub(crate) fn add_all(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }
}
