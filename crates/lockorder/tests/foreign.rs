//! Locks that this crate does not know, in the same order.
#![cfg(any(debug_assertions, feature = "enforce"))]

mod common;

use std::time::Duration;

use common::{Inner, Many, Middle, Outer, kinds};
use lockorder::ViolationKind::{Order, SameClass, SameLock};
use lockorder::{Held, Mode, Mutex, Rank, Request};

#[test]
fn a_foreign_lock_is_checked_and_counts_as_held() {
    let (outer, inner) = (Mutex::<Outer, _>::new(0), Mutex::<Inner, _>::new(0));
    let held = Held::acquire(Middle::class(), 0);
    assert_eq!(kinds(|| drop((inner.lock(), outer.lock()))), [Order]);
    assert_eq!(kinds(|| drop(outer.lock())), [Order]);
    drop(held);
    assert_eq!(kinds(|| drop(outer.lock())), []);
    let _inner = inner.lock();
    assert_eq!(kinds(|| drop(Held::acquire(Middle::class(), 0))), [Order]);
    assert_eq!(kinds(|| drop(Request::new(Middle::class()).tried())), []);
}

#[test]
fn keys_and_addresses_tell_foreign_locks_apart() {
    let two =
        |a, b| kinds(|| drop((Held::acquire(Many::class(), a), Held::acquire(Many::class(), b))));
    assert_eq!((two(1, 2), two(2, 1)), (vec![], vec![SameClass]));
    let (a, b) = (std::sync::RwLock::new(0), std::sync::RwLock::new(0));
    let read = |lock| Request::new(Middle::class()).of(lock).mode(Mode::Shared).check().hold();
    assert_eq!(kinds(|| drop((read(&a), read(&b)))), [SameClass]);
    assert_eq!(kinds(|| drop((read(&a), read(&a)))), [SameLock]);
}

#[test]
fn a_foreign_wait_that_timed_out_says_who_holds_the_lock() {
    let lock = std::sync::Mutex::new(0);
    let request = Request::new(Middle::class()).of(&lock);
    let _held = request.check().hold();
    let waiter = std::thread::spawn({
        let request = request.mode(Mode::Exclusive);
        move || request.check().timed_out(Duration::from_secs(3)).to_string()
    });
    let error = waiter.join().unwrap();
    assert!(error.starts_with("no lock within 3s: middle (level 2), exclusive, at "), "{error}");
    assert!(error.contains("held by thread a_foreign_wait"), "{error}");
}

#[cfg(feature = "tokio")]
#[tokio::test]
async fn a_foreign_async_lock_is_the_tasks() {
    let held = Request::new(Middle::class()).by_task().check().hold();
    let outer = lockorder::tokio::Mutex::<Outer, _>::new(0);
    let report = common::tasks::report_here(outer.lock()).await;
    common::assert_report(&report, common::ORDER, "outer", "middle", "tests/foreign.rs");
    tokio::spawn(async { drop(lockorder::tokio::Mutex::<Outer, _>::new(0).lock().await) })
        .await
        .unwrap();
    drop(held);
    drop(outer.lock().await);
}
