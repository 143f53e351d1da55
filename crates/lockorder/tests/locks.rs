//! The rules, for every blocking lock and every side of one.
#![cfg(any(debug_assertions, feature = "enforce"))]

mod common;

use std::mem::forget;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use common::{Inner, Many, Middle, Outer, kinds};
use lockorder::ViolationKind::{Order, SameClass, SameLock};
use lockorder::testing::violations;
use lockorder::{
    FairMutex, FairMutexGuard, Mutex, MutexGuard, ReentrantMutex, ReentrantMutexGuard, RwLock,
    RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard,
};

const NOW: Duration = Duration::ZERO;

/// How often a lock at this address is on the record.
fn records(address: usize) -> usize {
    lockorder::snapshot().iter().filter(|h| h.lock.instance == address).count()
}

macro_rules! rules {
    ($($name:ident: $lock:ident, $acquire:ident, $timed:ident, $within:ident, $try:ident, $try_for:ident;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn an_outer_lock_under_it_is_reported_and_an_inner_one_is_not() {
                let it = $lock::<Middle, _>::new(0);
                let (outer, inner) = (Mutex::<Outer, _>::new(0), Mutex::<Inner, _>::new(0));
                let found = violations(|| {
                    let _it = it.$acquire();
                    drop(inner.lock());
                    drop(outer.lock());
                });
                let [violation] = &found[..] else { panic!("{found:?}") };
                assert_eq!(violation.kind, Order);
                assert_eq!(violation.held.class.name(), "middle");
                assert_eq!(violation.wanted.as_ref().unwrap().class.name(), "outer");
                assert!(violation.held.site.file().ends_with("locks.rs"), "{violation}");
            }

            #[test]
            fn under_an_inner_lock_every_way_of_waiting_for_it_is_reported() {
                let it = $lock::<Middle, _>::new(0);
                let inner = Mutex::<Inner, _>::new(0);
                let found = kinds(|| {
                    let _inner = inner.lock();
                    drop(it.$acquire());
                    drop(it.$timed());
                    drop(it.$within(NOW));
                    drop(it.$try_for(NOW));
                });
                assert_eq!(found, [Order; 4]);
            }

            #[test]
            fn trying_it_is_never_reported_but_counts_as_held() {
                let it = $lock::<Middle, _>::new(0);
                let (outer, inner) = (Mutex::<Outer, _>::new(0), Mutex::<Inner, _>::new(0));
                let inner = inner.lock();
                let tried = it.$try().unwrap();
                drop(inner);
                assert_eq!(kinds(|| drop(outer.lock())), [Order]);
                drop(tried);
                assert_eq!(kinds(|| drop(outer.lock())), []);
            }

            #[test]
            fn two_of_its_class_are_reported_unless_their_keys_rise() {
                let [a, b] = [$lock::<Middle, _>::new(0), $lock::<Middle, _>::new(0)];
                assert_eq!(kinds(|| drop((a.$acquire(), b.$acquire()))), [SameClass]);
                let [a, b] = [1, 2].map(|key| $lock::<Many, _>::keyed(key, 0));
                assert_eq!(kinds(|| drop((a.$acquire(), b.$acquire()))), []);
                assert_eq!(kinds(|| drop((b.$acquire(), a.$acquire()))), [SameClass]);
            }

            #[test]
            fn a_class_is_remembered_when_its_instances_are_gone() {
                let inner = Mutex::<Inner, _>::new(0);
                for _ in 0..3 {
                    drop($lock::<Middle, _>::new(0).$acquire());
                    let fresh = $lock::<Middle, _>::new(0);
                    let found = kinds(|| {
                        let _inner = inner.lock();
                        drop(fresh.$acquire());
                    });
                    assert_eq!(found, [Order]);
                }
            }

            #[test]
            fn the_guard_ends_the_record_and_a_forgotten_one_leaves_one() {
                let it = Box::leak(Box::new($lock::<Middle, _>::keyed_or_new()));
                let found = violations(|| {
                    let inner = Mutex::<Inner, _>::new(0);
 let _inner = inner.lock();
                    drop(it.$acquire());
                });
                let address = found[0].wanted.as_ref().unwrap().instance;
                assert_eq!(records(address), 0);
                let guard = it.$acquire();
                assert_eq!(records(address), 1);
                drop(guard);
                assert_eq!(records(address), 0);
                let it: &'static _ = it;
                // On a thread of its own, which ends with it.
                thread::spawn(move || forget(it.$acquire())).join().unwrap();
                assert_eq!(records(address), 1);
            }

            #[test]
            fn released_in_any_order_and_taken_again() {
                let it = $lock::<Middle, _>::new(0);
                let (outer, inner) = (Mutex::<Outer, _>::new(0), Mutex::<Inner, _>::new(0));
                let found = kinds(|| {
                    let (a, b, c) = (outer.lock(), it.$acquire(), inner.lock());
                    drop(b);
                    drop(a);
                    drop(c);
                    drop((outer.lock(), it.$acquire(), inner.lock()));
                });
                assert_eq!(found, []);
            }

            #[test]
            fn an_inversion_in_a_drop_while_unwinding_is_printed_and_the_process_lives() {
                struct LocksOuter(Arc<Mutex<Outer, u32>>);
                impl Drop for LocksOuter {
                    fn drop(&mut self) {
                        *self.0.lock() += 1;
                    }
                }
                let outer = Arc::new(Mutex::<Outer, _>::new(0));
                let locks = LocksOuter(Arc::clone(&outer));
                let panicking = thread::spawn(move || {
                    let it = $lock::<Middle, _>::new(0);
                    let _it = it.$acquire();
                    let _locks = locks;
                    panic!("on purpose");
                });
                assert_eq!(panicking.join().unwrap_err().downcast_ref(), Some(&"on purpose"));
                assert_eq!(*outer.lock(), 1);
            }
        }
    )*};
}
rules! {
    mutex: Mutex, lock, lock_timed, lock_within, try_lock, try_lock_for;
    fair_mutex: FairMutex, lock, lock_timed, lock_within, try_lock, try_lock_for;
    reentrant_mutex: ReentrantMutex, lock, lock_timed, lock_within, try_lock, try_lock_for;
    rwlock_read: RwLock, read, read_timed, read_within, try_read, try_read_for;
    rwlock_write: RwLock, write, write_timed, write_within, try_write, try_write_for;
    rwlock_upgradable: RwLock, upgradable_read, upgradable_read_timed, upgradable_read_within,
        try_upgradable_read, try_upgradable_read_for;
    rwlock_recursive: RwLock, read_recursive, read_recursive_timed, read_recursive_within,
        try_read_recursive, try_read_recursive_for;
}

/// A lock to be leaked.
trait Fresh {
    fn keyed_or_new() -> Self;
}

macro_rules! fresh {
    ($($lock:ident),*) => {$(
        impl Fresh for $lock<Middle, u32> {
            fn keyed_or_new() -> Self {
                Self::new(0)
            }
        }
    )*};
}
fresh!(Mutex, FairMutex, ReentrantMutex, RwLock);

#[test]
fn a_lock_taken_twice_is_reported_whatever_the_sides() {
    let mutex = Mutex::<Middle, _>::new(0);
    let fair = FairMutex::<Middle, _>::new(0);
    let found = kinds(|| {
        let _guard = mutex.lock();
        assert!(mutex.try_lock_for(NOW).is_none() && mutex.try_lock().is_none());
    });
    assert_eq!(found, [SameLock]);
    let found = kinds(|| {
        let _guard = fair.lock();
        assert!(fair.try_lock_until(Instant::now()).is_none());
    });
    assert_eq!(found, [SameLock]);
    let lock = RwLock::<Middle, _>::new(0);
    let found = kinds(|| {
        let _guard = lock.read();
        drop((lock.try_read_for(NOW), lock.try_write_for(NOW), lock.try_upgradable_read_for(NOW)));
    });
    assert_eq!(found, [SameLock; 3]);
    let found = kinds(|| {
        let _guard = lock.write();
        drop((lock.try_read_for(NOW), lock.try_write_for(NOW), lock.try_read_recursive_for(NOW)));
    });
    assert_eq!(found, [SameLock; 3]);
    let found = kinds(|| {
        let _guard = lock.upgradable_read();
        drop((lock.try_read_for(NOW), lock.try_upgradable_read_for(NOW)));
    });
    assert_eq!(found, [SameLock; 2]);
}

#[test]
fn what_cannot_wait_for_itself_may_be_taken_twice_whatever_is_held_in_between() {
    let (lock, inner) = (RwLock::<Middle, _>::new(0), Mutex::<Inner, _>::new(0));
    let tree = ReentrantMutex::<Outer, _>::new(0);
    let found = kinds(|| {
        let _tree = tree.lock();
        let _read = lock.read();
        let _inner = inner.lock();
        drop((lock.read_recursive(), tree.lock(), tree.lock_timed().unwrap()));
    });
    assert_eq!(found, []);
    assert!(!tree.is_owned_by_current_thread() && !tree.is_locked());
}

#[test]
fn recursive_reads_pass_a_waiting_writer() {
    let lock = Arc::new(RwLock::<Middle, _>::new(0));
    let reader = lock.read();
    let (waits, go) = mpsc::channel();
    let writer = thread::spawn({
        let lock = Arc::clone(&lock);
        move || {
            waits.send(()).unwrap();
            *lock.write() += 1;
        }
    });
    go.recv().unwrap();
    while lock.try_read().is_some() {
        thread::yield_now(); // until the writer queues
    }
    assert_eq!(kinds(|| drop(lock.read_recursive())), []);
    drop(reader);
    writer.join().unwrap();
    assert_eq!(*lock.read(), 1);
}

#[test]
fn an_upgrade_is_a_wait_and_a_downgrade_is_none() {
    let (lock, inner) = (RwLock::<Middle, _>::new(0), Mutex::<Inner, _>::new(0));
    let upgraded = |guard| {
        let mut guard = RwLockUpgradableReadGuard::upgrade(guard);
        *guard += 1;
        RwLockWriteGuard::downgrade_to_upgradable(guard)
    };
    assert_eq!(kinds(|| drop(upgraded(lock.upgradable_read()))), []);
    let found = violations(|| {
        let mut guard = lock.upgradable_read();
        let _inner = inner.lock();
        guard.with_upgraded(|value| *value += 1);
        drop(RwLockUpgradableReadGuard::try_upgrade_for(guard, NOW).unwrap());
    });
    assert_eq!(found.iter().map(|v| v.kind).collect::<Vec<_>>(), [Order; 2]);
    assert_eq!(found[0].wanted.as_ref().unwrap().mode, lockorder::Mode::Exclusive);
    assert_eq!(found[0].held.class.name(), "inner");
    let guard = RwLockWriteGuard::downgrade(lock.write());
    let modes = |class| {
        let held = lockorder::snapshot().into_iter();
        let me = thread::current().name().map(str::to_owned);
        held.filter(|h| h.lock.class.name() == class && h.holder.thread == me)
            .map(|h| h.lock.mode)
            .collect::<Vec<_>>()
    };
    assert_eq!(modes("middle"), [lockorder::Mode::Shared]);
    assert_eq!(*guard, 2);
    drop(guard);
    let guard = RwLockUpgradableReadGuard::downgrade(lock.upgradable_read());
    assert_eq!(modes("middle"), [lockorder::Mode::Shared]);
    drop(guard);
    let guard = RwLockUpgradableReadGuard::try_upgrade(lock.upgradable_read()).unwrap();
    assert_eq!(modes("middle"), [lockorder::Mode::Exclusive]);
    drop(guard);
    assert_eq!(modes("middle"), []);
}

#[test]
fn mapped_guards_are_held_like_whole_ones() {
    let outer = Mutex::<Outer, _>::new(0);
    let mutex = Mutex::<Middle, _>::new((1, 2));
    let fair = FairMutex::<Middle, _>::new((1, 2));
    let tree = ReentrantMutex::<Middle, _>::new((1, 2));
    let lock = RwLock::<Middle, _>::new((1, 2));
    let reported = |guard: &dyn std::fmt::Debug| {
        assert_eq!(format!("{guard:?}"), "2");
        assert_eq!(kinds(|| drop(outer.lock())), [Order]);
    };
    reported(&MutexGuard::map(mutex.lock(), |v| &mut v.1));
    reported(&FairMutexGuard::map(fair.lock(), |v| &mut v.1));
    reported(&ReentrantMutexGuard::map(tree.lock(), |v| &v.1));
    reported(&RwLockReadGuard::map(lock.read(), |v| &v.1));
    reported(&RwLockWriteGuard::map(lock.write(), |v| &mut v.1));
    let whole = MutexGuard::try_map(mutex.lock(), |_| None::<&mut u32>).unwrap_err();
    assert_eq!(*whole, (1, 2));
    drop(whole);
    reported(&RwLockReadGuard::try_map(lock.read(), |v| Some(&v.1)).unwrap());
    assert_eq!(kinds(|| drop(outer.lock())), []);
}

#[test]
fn a_lock_that_is_let_go_for_a_moment_is_checked_on_the_way_back() {
    let (outer, inner) = (Mutex::<Outer, _>::new(0), Mutex::<Inner, _>::new(0));
    let mutex = Mutex::<Middle, _>::new(0);
    let mut guard = mutex.lock();
    let found = kinds(|| MutexGuard::unlocked(&mut guard, || drop((outer.lock(), mutex.lock()))));
    assert_eq!(found, [], "it is not held meanwhile");
    assert_eq!(kinds(|| drop(outer.lock())), [Order], "and held again afterwards");
    let inner = inner.lock();
    let found = kinds(|| {
        MutexGuard::unlocked(&mut guard, || ());
        MutexGuard::bump(&mut guard);
    });
    assert_eq!(found, [Order; 2], "waited for under an inner lock");
    drop(inner);
    MutexGuard::unlock_fair(guard);
    assert_eq!(kinds(|| drop(outer.lock())), []);
}

#[test]
fn a_lock_in_the_destructor_of_a_thread_local_works_and_panics_nowhere() {
    static MIDDLE: Mutex<Middle, u32> = Mutex::new(0);
    struct Locks;
    impl Drop for Locks {
        fn drop(&mut self) {
            *MIDDLE.lock() += 1;
            let inner = Mutex::<Inner, _>::new(0);
            let _inner = inner.lock();
            *MIDDLE.lock() += 1; // an inversion: said, and not panicked
        }
    }
    thread_local!(static LOCKS: Locks = const { Locks });
    thread::spawn(|| LOCKS.with(|_| ())).join().unwrap();
    assert_eq!(*MIDDLE.lock(), 2);
}

#[test]
fn a_thousand_locks_are_held_at_once_and_the_next_is_still_checked() {
    let many: Vec<_> = (0..1000).map(|key| Mutex::<Many, _>::keyed(key, 0)).collect();
    let held: Vec<_> = many.iter().map(Mutex::lock).collect();
    let below = Mutex::<Many, _>::keyed(5, 0);
    assert_eq!(kinds(|| drop(below.lock())), [SameClass]);
    assert_eq!(kinds(|| drop(Mutex::<Inner, _>::new(0).lock())), []);
    drop(held);
    assert_eq!(kinds(|| drop(below.lock())), []);
}

#[test]
fn a_lock_comes_back_on_the_record_when_what_ran_without_it_panics() {
    let (outer, mutex) = (Mutex::<Outer, _>::new(0), Mutex::<Middle, _>::new(0));
    let mut guard = mutex.lock();
    let panics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        MutexGuard::unlocked(&mut guard, || std::panic::resume_unwind(Box::new("on purpose")))
    }));
    assert!(panics.is_err() && mutex.is_locked());
    assert_eq!(kinds(|| drop(outer.lock())), [Order]);
    drop(guard);
    assert_eq!(kinds(|| drop(outer.lock())), []);
}

#[test]
fn a_nested_guard_lets_nobody_in_and_waits_for_nobody() {
    let (tree, inner) = (ReentrantMutex::<Middle, _>::new(0), Mutex::<Inner, _>::new(0));
    let _first = tree.lock();
    let _inner = inner.lock();
    let mut second = tree.lock();
    let found = kinds(|| {
        ReentrantMutexGuard::unlocked(&mut second, || assert!(tree.is_locked()));
        ReentrantMutexGuard::bump(&mut second);
    });
    assert_eq!(found, []);
}

#[test]
fn a_guard_is_exclusive_while_it_is_upgraded() {
    let lock = RwLock::<Middle, _>::new(0);
    let mut guard = lock.upgradable_read();
    let found =
        kinds(|| guard.with_upgraded(|_| assert!(lock.try_read_recursive_for(NOW).is_none())));
    assert_eq!(found, [SameLock]);
    assert_eq!(kinds(|| drop(lock.read_recursive())), [], "and shared again afterwards");
}

#[test]
fn a_recursive_read_that_was_let_go_comes_back_as_any_other() {
    let lock = RwLock::<Middle, _>::new(0);
    let (_first, mut second) = (lock.read_recursive(), lock.read_recursive());
    assert_eq!(kinds(|| RwLockReadGuard::unlocked(&mut second, || ())), [SameLock]);
}
