//! Builds without debug assertions have the checks off, unless the feature says otherwise.
#![cfg(not(any(debug_assertions, feature = "enforce")))]

mod common;

use std::time::Duration;

use common::{Inner, Outer};
use lockorder::Mutex;

#[test]
fn this_build_does_not_enforce() {
    // A const, but of another build than the one that compiles this line of thought.
    assert!(!std::hint::black_box(lockorder::ENFORCING), "built with the feature `enforce`");
}

#[test]
fn nothing_is_checked_and_nothing_recorded() {
    let (outer, inner) = (Mutex::<Outer, _>::new(()), Mutex::<Inner, _>::new(()));
    let _inner = inner.lock();
    let _outer = outer.lock();
    assert_eq!(lockorder::snapshot().len(), 0);
}

#[test]
fn a_timeout_still_names_the_lock_and_the_wait() {
    let lock = Mutex::<Inner, _>::new(());
    let _held = lock.lock();
    let error = lock.lock_within(Duration::from_millis(3)).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("no lock within 3ms: inner (level 6), exclusive, at "), "{text}");
    assert_eq!(error.timed_out().unwrap().holders.len(), 0);
}
