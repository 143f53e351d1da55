//! Condition variables, and cells that are made once: waits that are not for a lock by its name.
#![cfg(any(debug_assertions, feature = "enforce"))]

mod common;

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use common::{Inner, Middle, Outer, kinds};
use lockorder::ViolationKind::{CondvarWait, Order};
use lockorder::testing::violations;
use lockorder::{Condvar, Lazy, Mutex, OnceCell};

const NOW: Duration = Duration::ZERO;

#[test]
fn a_condvar_lets_go_of_its_mutex_and_reports_what_else_is_held() {
    let (outer, inner) = (Mutex::<Outer, _>::new(0), Mutex::<Inner, _>::new(0));
    let (mutex, condvar) = (Mutex::<Middle, _>::new(0), Condvar::new());
    let wait = || {
        let mut guard = mutex.lock();
        assert!(condvar.wait_for(&mut guard, Duration::from_millis(1)).timed_out());
        guard
    };
    let found = kinds(|| {
        let _guard = wait();
        assert_eq!(kinds(|| drop(outer.lock())), [Order], "the mutex is held again");
    });
    assert_eq!(found, []);
    let found = violations(|| {
        let _outer = outer.lock();
        drop(wait());
    });
    assert_eq!(found.iter().map(|v| v.kind).collect::<Vec<_>>(), [CondvarWait]);
    assert_eq!(found[0].held.class.name(), "outer");
    let found = kinds(|| {
        let mut guard = mutex.lock();
        let _inner = inner.lock();
        assert!(condvar.wait_until(&mut guard, Instant::now()).timed_out());
    });
    assert_eq!(found, [Order], "it would come back under a later lock");
}

#[test]
fn a_condvar_wakes_who_waits() {
    let shared = Arc::new((Mutex::<Middle, _>::new(0), Condvar::new()));
    let waiter = thread::spawn({
        let shared = Arc::clone(&shared);
        move || {
            let mut guard = shared.0.lock();
            shared.1.wait_while(&mut guard, |value| *value < 3);
            assert!(!shared.1.wait_while_for(&mut guard, |v| *v < 3, NOW).timed_out());
            assert!(shared.1.wait_while_for(&mut guard, |v| *v < 4, NOW).timed_out());
            *guard
        }
    });
    for _ in 0..3 {
        *shared.0.lock() += 1;
        shared.1.notify_all();
    }
    assert_eq!(waiter.join().unwrap(), 3);
}

#[test]
fn the_locks_of_an_initialiser_come_after_its_cell() {
    static OUTER: Mutex<Outer, u32> = Mutex::new(1);
    static INNER: Mutex<Inner, u32> = Mutex::new(2);
    static GOOD: OnceCell<Middle, u32> = OnceCell::new();
    static BAD: OnceCell<Middle, u32> = OnceCell::new();
    static LAZY: Lazy<Middle, u32> = Lazy::new(|| *INNER.lock());
    static BAD_LAZY: Lazy<Middle, u32> = Lazy::new(|| *OUTER.lock());
    assert_eq!(kinds(|| assert_eq!(*GOOD.get_or_init(|| *INNER.lock()), 2)), []);
    assert_eq!(kinds(|| assert_eq!(*BAD.get_or_init(|| *OUTER.lock()), 1)), [Order]);
    assert_eq!(kinds(|| assert_eq!(*LAZY + *LAZY, 4)), []);
    assert_eq!(kinds(|| assert_eq!(*BAD_LAZY, 1)), [Order]);
    let inner = INNER.lock();
    assert_eq!(kinds(|| assert_eq!(*GOOD.get_or_init(|| 0), 2)), [], "it is made: nobody waits");
    let fresh = OnceCell::<Middle, u32>::new();
    assert_eq!(kinds(|| assert_eq!(fresh.get_or_try_init(|| Err(7)), Err(7))), [Order]);
    drop(inner);
    assert_eq!((fresh.set(3), fresh.set(4), fresh.into_inner()), (Ok(()), Err(4), Some(3)));
    let cell = OnceCell::<Middle, u32>::new();
    let found =
        common::report(|| assert_eq!(cell.get_or_init(|| cell.set(1).map_or(2, |()| 3)), &0));
    assert!(found.starts_with(common::LOCK), "it would wait for itself: {found}");
    assert_eq!(OnceCell::<Middle, _>::with_value(7).get(), Some(&7));
    assert_eq!(Lazy::get(&LAZY), Some(&2));
}

#[test]
fn two_threads_wait_for_one_cell_and_one_makes_it() {
    static CELL: OnceCell<Middle, u32> = OnceCell::new();
    let together = Arc::new(Barrier::new(2));
    let threads = [1, 2].map(|value| {
        let together = Arc::clone(&together);
        thread::spawn(move || {
            together.wait();
            *CELL.get_or_init(|| value)
        })
    });
    let [a, b] = threads.map(|t| t.join().unwrap());
    assert_eq!(a, b);
}
