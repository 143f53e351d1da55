//! What is reported of blocking locks, and what is not.
#![cfg(any(debug_assertions, feature = "enforce"))]

mod common;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::{Beside, CLASS, Inner, LOCK, Many, Middle, ORDER, Outer, assert_report, report};
use lockorder::{Mutex, RwLock};

const FILE: &str = "tests/blocking.rs";

fn outer() -> Mutex<Outer, u32> {
    Mutex::new(0)
}

fn inner() -> Mutex<Inner, u32> {
    Mutex::new(0)
}

#[test]
fn an_outer_lock_under_an_inner_one_is_reported_with_both_places() {
    let (outer, inner) = (outer(), inner());
    let report = report(|| {
        let _inner = inner.lock();
        let _outer = outer.lock();
    });
    assert_report(&report, ORDER, "outer", "inner", FILE);
    let (wanted, held) = (line!() - 3, line!() - 4);
    assert!(report.contains(&format!("{FILE}:{wanted}:")), "{report}");
    assert!(report.contains(&format!("{FILE}:{held}:")), "{report}");
}

#[test]
fn locks_in_order_are_not_reported_also_where_a_level_is_skipped() {
    let (outer, inner) = (outer(), inner());
    let _outer = outer.lock();
    let _inner = inner.lock();
}

#[test]
fn inside_a_level_the_table_is_the_order() {
    let (first, second) = (Mutex::<Middle, _>::new(0), Mutex::<Beside, _>::new(0));
    {
        let _first = first.lock();
        let _second = second.lock();
    }
    let report = report(|| {
        let _second = second.lock();
        let _first = first.lock();
    });
    assert_report(&report, ORDER, "middle", "beside", FILE);
}

#[test]
fn the_highest_live_lock_counts_and_not_the_last_one() {
    let (outer, middle, inner) = (outer(), Mutex::<Middle, _>::new(0), inner());
    let report = report(|| {
        let _inner = inner.lock();
        let _outer = outer.try_lock().unwrap();
        let _middle = middle.lock();
    });
    assert_report(&report, ORDER, "middle", "inner", FILE);
    assert!(report.contains("also: outer (level 1)"), "{report}");
}

#[test]
fn locks_may_be_released_in_any_order_and_taken_again() {
    let (outer, middle, inner) = (outer(), Mutex::<Middle, _>::new(0), inner());
    let a = outer.lock();
    let b = middle.lock();
    let c = inner.lock();
    drop(b);
    drop(c);
    let b = middle.lock();
    drop(a);
    drop(b);
    let _a = outer.lock();
}

#[test]
fn a_released_lock_no_longer_counts_even_under_a_live_one() {
    let (outer, middle, inner) = (outer(), Mutex::<Middle, _>::new(0), inner());
    let high = inner.lock();
    let low = outer.try_lock().unwrap();
    drop(high);
    let _middle = middle.lock(); // above `low`, and `high` is gone
    drop(low);
}

#[test]
fn two_locks_of_a_class_without_keys_are_reported() {
    let (one, two) = (inner(), inner());
    let report = report(|| {
        let _one = one.lock();
        let _two = two.lock();
    });
    assert_report(&report, CLASS, "inner", "inner", FILE);
}

#[test]
fn keyed_locks_may_be_held_together_in_rising_order_only() {
    let (one, two) = (Mutex::<Many, _>::keyed(1, ()), Mutex::<Many, _>::keyed(2, ()));
    {
        let _one = one.lock();
        let _two = two.lock();
    }
    let report = report(|| {
        let _two = two.lock();
        let _one = one.lock();
    });
    assert_report(&report, CLASS, "many", "many", FILE);
    assert!(report.contains("wanted: many (level 5), key 1,"), "{report}");
    assert!(report.contains("held: many (level 5), key 2,"), "{report}");
}

#[test]
fn two_locks_with_equal_keys_are_reported() {
    let (one, two) = (Mutex::<Many, _>::keyed(1, ()), Mutex::<Many, _>::keyed(1, ()));
    let report = report(|| {
        let _one = one.lock();
        let _two = two.lock();
    });
    assert_report(&report, CLASS, "many", "many", FILE);
}

#[test]
fn taking_a_mutex_twice_is_reported_instead_of_hanging() {
    let inner = inner();
    let report = report(|| {
        let _one = inner.lock();
        let _two = inner.lock();
    });
    assert_report(&report, LOCK, "inner", "inner", FILE);
}

#[test]
fn taking_an_rwlock_twice_is_reported_whatever_the_sides() {
    let lock = RwLock::<Inner, _>::new(0);
    let reports = [
        report(|| drop((lock.read(), lock.read()))),
        report(|| drop((lock.read(), lock.write()))),
        report(|| drop((lock.write(), lock.read()))),
        report(|| drop((lock.write(), lock.write()))),
    ];
    reports.iter().for_each(|r| assert_report(r, LOCK, "inner", "inner", FILE));
}

#[test]
fn try_lock_is_never_reported_but_counts_once_it_succeeds() {
    let (outer, inner) = (outer(), inner());
    let _inner = inner.lock();
    assert!(inner.try_lock().is_none());
    let outer_guard = outer.try_lock().unwrap();
    drop(outer_guard);
    let tried = RwLock::<Middle, _>::new(0);
    let _tried = tried.try_read().unwrap();
    let report = report(|| drop(Mutex::<Middle, _>::new(0).lock()));
    assert_report(&report, ORDER, "middle", "inner", FILE);
}

#[test]
fn timed_acquisitions_are_checked_like_untimed_ones() {
    let (outer, inner) = (outer(), inner());
    let report = report(|| {
        let _inner = inner.lock();
        let _outer = outer.lock_within(Duration::from_secs(1));
    });
    assert_report(&report, ORDER, "outer", "inner", FILE);
}

#[test]
fn threads_are_separate_holders() {
    let (outer, inner) = (outer(), inner());
    let _inner = inner.lock();
    thread::scope(|s| {
        s.spawn(|| drop(outer.lock())).join().unwrap();
    });
}

#[test]
fn more_locks_than_any_block_can_be_held_and_still_count() {
    let many: Vec<_> = (0..1000).map(|key| Mutex::<Many, _>::keyed(key, ())).collect();
    let guards: Vec<_> = many.iter().map(|many| many.lock()).collect();
    let mine = |h: &lockorder::HeldLock| many.iter().any(|m| h.lock.key == Some(m.key()));
    let held = lockorder::snapshot().into_iter().filter(mine).count();
    assert!(held >= 1000, "{held}");
    let wanted = Mutex::<Many, _>::keyed(500, ());
    let report = report(|| drop(wanted.lock()));
    assert_report(&report, CLASS, "many", "many", FILE);
    assert!(report.contains("key 999,") && report.contains("also: 991 more"), "{report}");
    drop(guards);
    drop(outer().lock());
}

#[test]
fn hand_over_hand_for_ever_keeps_what_is_held_exact() {
    let many: Vec<_> = (0..10_000).map(|key| Mutex::<Many, _>::keyed(key, ())).collect();
    let mut before = many[0].lock();
    for next in &many[1..] {
        let guard = next.lock();
        drop(std::mem::replace(&mut before, guard));
    }
    let report = report(|| drop(many[17].lock()));
    assert!(report.contains("key 9999"), "{report}");
    assert!(!report.contains("also:"), "{report}");
}

#[test]
fn a_violation_while_the_thread_unwinds_does_not_abort() {
    struct Inverts<'a>(&'a Mutex<Outer, u32>, &'a Mutex<Inner, u32>);
    impl Drop for Inverts<'_> {
        fn drop(&mut self) {
            let _inner = self.1.lock();
            let _outer = self.0.lock();
        }
    }
    let (outer, inner) = (outer(), inner());
    let report = report(|| {
        let _inverts = Inverts(&outer, &inner);
        panic!("{}", "the first panic goes on".to_owned());
    });
    assert_eq!(report, "the first panic goes on");
}

#[test]
fn a_violation_in_a_thread_local_destructor_does_not_abort() {
    static OUTER: Mutex<Outer, u32> = Mutex::new(0);
    static INNER: Mutex<Inner, u32> = Mutex::new(0);
    struct Inverts(mpsc::Sender<&'static str>);
    impl Drop for Inverts {
        fn drop(&mut self) {
            let _inner = INNER.lock();
            let _outer = OUTER.lock();
            self.0.send("alive").unwrap();
        }
    }
    thread_local! {
        static BEFORE: std::cell::OnceCell<Inverts> = const { std::cell::OnceCell::new() };
        static AFTER: std::cell::OnceCell<Inverts> = const { std::cell::OnceCell::new() };
    }
    let (tx, rx) = mpsc::channel();
    thread::spawn(move || {
        // One is destroyed after the checker's own thread-local, the other before.
        BEFORE.with(|b| assert!(b.set(Inverts(tx.clone())).is_ok()));
        drop(INNER.lock());
        AFTER.with(|a| assert!(a.set(Inverts(tx)).is_ok()));
    })
    .join()
    .unwrap();
    assert_eq!(rx.iter().collect::<Vec<_>>(), ["alive", "alive"]);
}

#[test]
fn a_forgotten_guard_leaks_one_record_and_breaks_nothing_else() {
    static LOCK_FOR_EVER: Mutex<Inner, u32> = Mutex::new(0);
    thread::spawn(|| std::mem::forget(LOCK_FOR_EVER.lock())).join().unwrap();
    let error = LOCK_FOR_EVER.lock_within(Duration::from_millis(1)).unwrap_err();
    assert_eq!(error.timed_out().unwrap().holders.len(), 1);
    drop(outer().lock());
    drop(inner().lock());
}

#[test]
fn a_timeout_says_who_holds_the_lock_and_from_where() {
    let lock = inner();
    let (ready, wait) = mpsc::channel();
    let (done, end) = mpsc::channel::<()>();
    thread::scope(|s| {
        let lock = &lock;
        thread::Builder::new()
            .name("the-holder".to_owned())
            .spawn_scoped(s, move || {
                let _guard = lock.lock();
                ready.send(()).unwrap();
                let _ = end.recv();
            })
            .unwrap();
        wait.recv().unwrap();
        let error = lock.lock_within(Duration::from_millis(5)).unwrap_err();
        drop(done);
        let timed_out = error.timed_out().unwrap();
        assert_eq!(timed_out.wanted.class.name(), "inner");
        assert_eq!(timed_out.waited, Duration::from_millis(5));
        assert_eq!(timed_out.holders.len(), 1);
        assert_eq!(timed_out.holders[0].holder.thread.as_deref(), Some("the-holder"));
        let text = error.to_string();
        assert!(text.starts_with("no lock within 5ms: inner (level 6), exclusive, at "), "{text}");
        assert!(text.contains("; held by thread the-holder since "), "{text}");
    });
}

#[test]
fn a_snapshot_lists_what_is_held_by_whom_and_from_where() {
    thread::Builder::new()
        .name("snapshot".to_owned())
        .spawn(|| {
            let lock = Mutex::<Many, _>::keyed(77, ());
            let guard = lock.lock();
            let mine = || {
                lockorder::snapshot()
                    .into_iter()
                    .filter(|h| h.holder.thread.as_deref() == Some("snapshot"))
                    .collect::<Vec<_>>()
            };
            let held = mine();
            assert_eq!(held.len(), 1);
            assert_eq!(held[0].lock.key, Some(77));
            assert!(held[0].lock.site.file().ends_with(FILE));
            drop(guard);
            assert_eq!(mine().len(), 0);
        })
        .unwrap()
        .join()
        .unwrap();
}
