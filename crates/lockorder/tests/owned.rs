//! Guards that own their lock.
#![cfg(any(debug_assertions, feature = "enforce"))]

mod common;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use common::{Inner, Many, Middle, Outer, kinds};
use lockorder::ViolationKind::Order;
use lockorder::{
    ArcRwLockUpgradableReadGuard, ArcRwLockWriteGuard, FairMutex, Mutex, ReentrantMutex, RwLock,
};

const NOW: Duration = Duration::ZERO;

#[test]
fn arc_guards_outlive_the_borrow_of_their_lock() {
    let outer = Mutex::<Outer, _>::new(0);
    macro_rules! outlives {
        ($($lock:expr => $arc:ident, $try:ident $(, $within:ident, $try_for:ident, $until:ident)?;)*) => {$(
            let lock = Arc::new($lock);
            let guard = lock.$arc();
            assert!(lock.is_locked());
            assert_eq!(kinds(|| drop(outer.lock())), [Order]);
            drop(guard);
            $(
                drop(lock.$within(Duration::ZERO).unwrap());
                drop(lock.$try_for(Duration::ZERO).unwrap());
                drop(lock.$until(Instant::now()).unwrap());
            )?
            let guard = lock.$try().unwrap();
            drop(lock);
            assert_eq!(*guard, 7);
            assert_eq!(kinds(|| drop(outer.lock())), [Order]);
            drop(guard);
            assert_eq!(kinds(|| drop(outer.lock())), []);
        )*};
    }
    outlives! {
        Mutex::<Middle, _>::new(7) => lock_arc, try_lock_arc,
            lock_arc_within, try_lock_arc_for, try_lock_arc_until;
        Mutex::<Many, _>::keyed(1, 7) => lock_arc, try_lock_arc,
            lock_arc_within, try_lock_arc_for, try_lock_arc_until;
        FairMutex::<Middle, _>::new(7) => lock_arc, try_lock_arc,
            lock_arc_within, try_lock_arc_for, try_lock_arc_until;
        ReentrantMutex::<Middle, _>::new(7) => lock_arc, try_lock_arc,
            lock_arc_within, try_lock_arc_for, try_lock_arc_until;
        RwLock::<Middle, _>::new(7) => read_arc, try_read_arc,
            read_arc_within, try_read_arc_for, try_read_arc_until;
        RwLock::<Middle, _>::new(7) => read_arc_recursive, try_read_recursive_arc,
            read_arc_recursive_within, try_read_arc_recursive_for, try_read_arc_recursive_until;
        RwLock::<Middle, _>::new(7) => upgradable_read_arc, try_upgradable_read_arc,
            upgradable_read_arc_within, try_upgradable_read_arc_for, try_upgradable_read_arc_until;
        RwLock::<Many, _>::keyed(1, 7) => write_arc, try_write_arc,
            write_arc_within, try_write_arc_for, try_write_arc_until;
    }
}

#[test]
fn an_owned_guard_that_does_not_come_in_time_is_an_error_that_says_who_holds_the_lock() {
    let lock = Arc::new(Mutex::<Middle, _>::new(7));
    let _held = lock.lock_arc();
    let elsewhere = Arc::clone(&lock);
    let error = thread::spawn(move || elsewhere.lock_arc_within(Duration::ZERO).err());
    let error = error.join().unwrap().unwrap().to_string();
    assert!(error.contains("middle") && error.contains("held by thread"), "{error}");
}

#[test]
fn an_owned_upgradable_guard_becomes_exclusive_and_shared_again() {
    let (lock, inner) = (Arc::new(RwLock::<Middle, _>::new(7)), Mutex::<Inner, _>::new(0));
    let reader = lock.read_arc();
    let shared = lock.try_upgradable_read_arc();
    let shared = ArcRwLockUpgradableReadGuard::try_upgrade(shared.unwrap()).unwrap_err();
    drop(reader);
    let exclusive = ArcRwLockUpgradableReadGuard::try_upgrade(shared).unwrap();
    assert!(lock.is_locked_exclusive());
    let shared = ArcRwLockWriteGuard::downgrade_to_upgradable(exclusive);
    let exclusive = ArcRwLockUpgradableReadGuard::try_upgrade_for(shared, NOW).unwrap();
    assert!(lock.is_locked_exclusive());
    let mut shared = ArcRwLockWriteGuard::downgrade_to_upgradable(exclusive);
    shared.with_upgraded(|value| *value += 1);
    assert_eq!(*shared, 8);
    let exclusive = ArcRwLockUpgradableReadGuard::try_upgrade_until(shared, Instant::now());
    let exclusive = exclusive.unwrap();
    drop(exclusive);
    let shared = lock.upgradable_read_arc();
    let later = inner.lock();
    let mut exclusive = None;
    let found = kinds(|| exclusive = Some(ArcRwLockUpgradableReadGuard::upgrade(shared)));
    assert_eq!(found, [Order], "it waits for readers under a later lock");
    drop((exclusive, later));
    let shared = ArcRwLockUpgradableReadGuard::downgrade(lock.upgradable_read_arc());
    assert!(!lock.is_locked_exclusive() && lock.try_upgradable_read().is_some());
    assert_eq!(kinds(|| drop(Mutex::<Outer, _>::new(0).lock())), [Order]);
    drop(shared);
}

#[test]
fn an_owned_reentrant_guard_is_taken_again_by_its_holder() {
    let tree = Arc::new(ReentrantMutex::<Middle, _>::new(7));
    let (first, inner) = (tree.lock_arc(), Mutex::<Inner, _>::new(0));
    let _inner = inner.lock();
    assert_eq!(kinds(|| drop(tree.lock_arc())), [], "it cannot wait");
    drop(first);
    assert_eq!(kinds(|| drop(tree.lock_arc())), [Order], "now it could");
}
