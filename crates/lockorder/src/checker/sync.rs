//! The atomics that a holder shares with whoever drops its guards: the real ones, or those of a model.

#[cfg(not(lockorder_shuttle))]
pub(super) use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
