//! What is reported of async locks, and who holds them.
#![cfg(all(feature = "tokio", any(debug_assertions, feature = "enforce")))]

mod common;

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use common::tasks::*;
use common::*;
use futures_util::FutureExt;
use lockorder::testing::Collector;
use lockorder::tokio::{Mutex, RwLock, Semaphore};
use lockorder::{AcquireError, Policy, ViolationKind};
use tokio::sync::oneshot;

const FILE: &str = "tests/tasks.rs";

/// The report with which a task panics.
async fn report_of(task: impl Future<Output = ()> + Send + 'static) -> String {
    let error = tokio::spawn(task).await.expect_err("no violation was reported");
    *error.into_panic().downcast::<String>().expect("a report is a string")
}

#[tokio::test]
async fn an_outer_lock_under_an_inner_one_is_reported_with_both_places_and_the_task() {
    let (outer, inner) = (outer(), inner());
    let report = report_of(async move {
        let _inner = inner.lock().await;
        let _outer = outer.lock().await;
    })
    .await;
    assert_report(&report, ORDER, "outer", "inner", FILE);
    assert!(report.contains("task "), "{report}");
}

#[tokio::test]
async fn every_way_to_wait_is_checked() {
    let limit = Duration::from_secs(1);
    let low = Arc::new(RwLock::<Middle, _>::new(0));
    let slots = Arc::new(Semaphore::<Beside>::new(9));
    let mutex = outer();
    let inner = inner();
    let held = inner.lock().await;
    let reports = [
        report_here(mutex.lock()).await,
        report_here(mutex.lock_timed()).await,
        report_here(mutex.lock_within(limit)).await,
        report_here(mutex.clone().lock_owned()).await,
        report_here(mutex.clone().lock_owned_within(limit)).await,
        report_here(low.read()).await,
        report_here(low.read_within(limit)).await,
        report_here(low.clone().read_owned()).await,
        report_here(low.clone().read_owned_within(limit)).await,
        report_here(low.write()).await,
        report_here(low.write_within(limit)).await,
        report_here(low.clone().write_owned()).await,
        report_here(low.clone().write_owned_within(limit)).await,
        report_here(slots.acquire()).await,
        report_here(slots.acquire_many(2)).await,
        report_here(slots.acquire_within(limit)).await,
        report_here(slots.clone().acquire_owned()).await,
        report_here(slots.clone().acquire_many_owned(2)).await,
        report_here(slots.clone().acquire_owned_within(limit)).await,
        report_here(slots.acquire_many_within(2, limit)).await,
        report_here(slots.clone().acquire_many_owned_within(2, limit)).await,
    ];
    reports.iter().for_each(|r| assert!(r.starts_with(ORDER) && r.contains(FILE), "{r}"));
    assert!(mutex.try_lock().is_ok() && mutex.clone().try_lock_owned().is_ok());
    assert!(low.try_read().is_ok() && low.clone().try_write_owned().is_ok());
    assert!(slots.try_acquire().is_ok() && slots.clone().try_acquire_owned().is_ok());
    assert!(slots.try_acquire_many(9).is_ok() && slots.try_acquire_many(10).is_err());
    assert!(slots.clone().try_acquire_many_owned(9).is_ok());
    drop(held);
    drop((mutex.lock().await, low.read().await, slots.acquire().await));
}

#[tokio::test]
async fn a_lock_taken_twice_is_reported_instead_of_hanging() {
    let lock = Arc::new(RwLock::<Inner, _>::new(0));
    let _read = lock.read().await;
    assert_report(&report_here(lock.read()).await, LOCK, "inner", "inner", FILE);
    assert_report(&report_here(lock.write()).await, LOCK, "inner", "inner", FILE);
}

#[tokio::test]
async fn keyed_owned_guards_are_held_in_rising_order_only() {
    let one = Arc::new(Mutex::<Many, _>::keyed(1, ()));
    let two = Arc::new(Mutex::<Many, _>::keyed(2, ()));
    drop((one.clone().lock_owned().await, two.clone().lock_owned().await));
    let _two = two.lock_owned().await;
    assert_report(&report_here(one.lock_owned()).await, CLASS, "many", "many", FILE);
}

#[tokio::test]
async fn tasks_on_one_thread_are_separate_holders() {
    let (outer, inner) = (outer(), inner());
    let root = inner.lock().await; // by the block_on root
    let (held, wait) = oneshot::channel();
    let middle = Arc::new(Mutex::<Middle, _>::new(0));
    let suspended = tokio::spawn({
        let middle = middle.clone();
        async move {
            let _middle = middle.lock().await;
            held.send(()).unwrap();
            std::future::pending::<()>().await;
        }
    });
    wait.await.unwrap();
    tokio::spawn(async move { drop(outer.lock().await) }).await.unwrap();
    suspended.abort();
    assert!(suspended.await.unwrap_err().is_cancelled());
    drop(root);
    drop(middle.lock_timed().await); // the guard is gone with its task
}

#[tokio::test]
async fn a_blocking_lock_under_an_async_one_is_checked_against_it() {
    let inner = inner();
    let _inner = inner.lock().await;
    let blocking = lockorder::Mutex::<Outer, _>::new(0);
    assert_report(&report(|| drop(blocking.lock())), ORDER, "outer", "inner", FILE);
    let blocking = lockorder::RwLock::<Outer, _>::new(0);
    assert_report(&report(|| drop(blocking.read())), ORDER, "outer", "inner", FILE);
}

#[tokio::test]
async fn an_async_lock_under_a_blocking_one_of_its_task_is_checked_against_it() {
    let blocking = lockorder::Mutex::<Inner, _>::new(0);
    let _blocking = blocking.lock();
    let outer = outer();
    assert_report(&report_here(outer.lock()).await, ORDER, "outer", "inner", FILE);
}

#[test]
fn a_suspended_tasks_blocking_guard_counts_for_blocking_locks_of_its_thread_only() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let (held, wait) = oneshot::channel();
        let suspended = tokio::task::spawn_local(async move {
            let blocking = lockorder::Mutex::<Inner, _>::new(0);
            let _guard = blocking.lock();
            held.send(()).unwrap();
            std::future::pending::<()>().await;
        });
        wait.await.unwrap();
        let collector = Collector::new();
        let other = collector.watch(async {
            drop(outer().lock().await); // waits as a task: the other task may go on and release
            drop(lockorder::Mutex::<Outer, _>::new(0).lock()); // stops the thread: it never could
        });
        tokio::task::spawn_local(other).await.unwrap();
        let found = collector.take();
        let kinds: Vec<_> = found.iter().map(|v| v.kind).collect();
        assert_eq!(kinds, [ViolationKind::HeldAcrossAwait, ViolationKind::Order]);
        assert_eq!(found[0].holder.task, Some(suspended.id().to_string().parse().unwrap()));
        assert!(found[0].wanted.is_none() && found[0].held.class.name() == "inner");
        assert!(found[0].to_string().contains("drop a blocking guard before .await"));
        suspended.abort();
    });
}

#[tokio::test]
async fn a_suspended_guard_is_told_of_before_a_lock_is_tried_not_under_it() {
    lockorder::hierarchy! { Tried { level 1 { Kept = "kept" [keyed] } } }
    let (held, wait) = oneshot::channel();
    let suspended = tokio::spawn(async move {
        // A guard that is not sent is no part of a task; one that is forgotten stays held.
        std::mem::forget(Arc::new(lockorder::Mutex::<Kept, _>::keyed(2, 0)).lock_arc());
        held.send(()).unwrap();
        std::future::pending::<()>().await;
    });
    wait.await.unwrap();
    let lock = Arc::new(Mutex::<Kept, _>::keyed(1, 0));
    let told = Arc::new(AtomicBool::new(false));
    let callback = Policy::callback({
        let (lock, told) = (Arc::clone(&lock), Arc::clone(&told));
        move |_| told.store(lock.try_lock().is_ok(), Relaxed)
    });
    lockorder::set_policy_of::<Tried>(Some(callback));
    let tried = Arc::clone(&lock);
    let other = tokio::spawn(async move { tried.try_lock().is_ok() });
    assert!(other.await.unwrap());
    assert!(told.load(Relaxed), "the callback could take the lock");
    suspended.abort();
}

#[test]
fn a_task_that_migrates_while_it_holds_stays_the_holder() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let (inner, outer) = (inner(), outer());
    let moving = async move {
        let guard = inner.lock().await;
        let before = thread::current().id();
        // Hands the only worker over to another thread, and waits until that runs tasks.
        tokio::task::block_in_place(|| {
            let (tx, rx) = mpsc::channel();
            tokio::spawn(async move { tx.send(()) });
            rx.recv().unwrap();
        });
        tokio::task::yield_now().await;
        assert_ne!(before, thread::current().id(), "the task was made to migrate");
        let report = report_here(outer.lock()).await;
        drop(guard);
        drop(outer.lock().await);
        report
    };
    let report = runtime.block_on(async { tokio::spawn(moving).await.unwrap() });
    assert_report(&report, ORDER, "outer", "inner", FILE);
}

#[tokio::test]
async fn a_guard_dropped_by_another_task_clears_the_record_of_its_holder() {
    let (inner, outer) = (inner(), outer());
    let (give, take) = oneshot::channel();
    let (given_back, go_on) = oneshot::channel();
    let holder = tokio::spawn({
        let (inner, outer) = (inner.clone(), outer.clone());
        async move {
            assert!(give.send(inner.lock_owned().await).is_ok());
            go_on.await.unwrap();
            drop(outer.lock().await); // no longer under `inner`
        }
    });
    let middle = Mutex::<Middle, _>::new(0);
    let _middle = middle.lock().await;
    drop(take.await.unwrap());
    given_back.send(()).unwrap();
    holder.await.unwrap();
    drop(inner.lock().await); // above `middle`, which is still held here
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_waiter_leaves_nothing_behind() {
    let (inner, outer) = (inner(), outer());
    let holder = tokio::spawn({
        let inner = inner.clone();
        async move {
            let _guard = inner.lock().await;
            std::future::pending::<()>().await;
        }
    });
    tokio::task::yield_now().await;
    assert!(tokio::time::timeout(Duration::from_secs(1), inner.lock()).await.is_err());
    tokio::select! {
        biased;
        _ = inner.lock() => unreachable!("it is held"),
        () = std::future::ready(()) => {}
    }
    drop(outer.lock().await);
    holder.abort();
}

#[tokio::test(start_paused = true)]
async fn a_look_at_a_lock_takes_nothing() {
    let (mutex, lock) = (inner(), RwLock::<Middle, _>::new(0));
    assert!(!mutex.is_locked() && !lock.is_locked_exclusive());
    {
        let _read = lock.read().await;
        assert!(!lock.is_locked_exclusive());
    }
    let _write = lock.write().await;
    let _mutex = mutex.lock().await;
    assert!(mutex.is_locked() && lock.is_locked_exclusive());
}

#[tokio::test(start_paused = true)]
async fn permits_that_do_not_come_in_time_are_an_error() {
    let slots = Arc::new(Semaphore::<Middle>::new(3));
    let limit = Duration::from_secs(4);
    let holder = tokio::spawn({
        let slots = slots.clone();
        async move {
            let _two = slots.acquire_many(2).await.unwrap();
            std::future::pending::<()>().await;
        }
    });
    tokio::task::yield_now().await;
    let error = slots.acquire_many_within(2, limit).await.unwrap_err();
    let timed_out = error.timed_out().unwrap();
    assert_eq!(timed_out.wanted.mode, lockorder::Mode::Permits(2));
    assert_eq!(timed_out.holders[0].lock.mode, lockorder::Mode::Permits(2));
    assert!(slots.clone().acquire_many_owned_within(2, limit).await.is_err());
    assert!(slots.acquire_within(limit).await.is_ok());
    holder.abort();
}

#[tokio::test(start_paused = true)]
async fn a_timeout_names_the_task_that_holds_the_lock() {
    let lock = inner();
    let holder = tokio::spawn({
        let lock = lock.clone();
        async move {
            let _guard = lock.lock().await;
            std::future::pending::<()>().await;
        }
    });
    tokio::task::yield_now().await;
    let begin = tokio::time::Instant::now();
    let error = lock.lock_timed().await.unwrap_err();
    assert_eq!(begin.elapsed(), Duration::from_secs(2), "the time of the hierarchy");
    let timed_out = error.timed_out().unwrap();
    assert_eq!(timed_out.holders.len(), 1);
    assert_eq!(timed_out.holders[0].holder.task.unwrap().to_string(), holder.id().to_string());
    let begin = tokio::time::Instant::now();
    assert!(lock.lock_within(Duration::from_millis(7)).await.is_err());
    assert_eq!(begin.elapsed(), Duration::from_millis(7), "the time of the caller");
    holder.abort();
}

#[tokio::test]
async fn permits_of_one_semaphore_held_crosswise_are_reported() {
    let slots = Semaphore::<Middle>::new(4);
    let _one = slots.acquire().await.unwrap();
    assert_report(&report_here(slots.acquire()).await, LOCK, "middle", "middle", FILE);
}

#[tokio::test]
async fn permits_are_held_with_their_count_until_dropped_or_forgotten() {
    let slots = Arc::new(Semaphore::<Middle>::new(4));
    let mine = |slots: &Arc<Semaphore<Middle>>| {
        let held = lockorder::snapshot();
        let _ = slots;
        held.into_iter().filter(|h| h.lock.mode == lockorder::Mode::Permits(3)).count()
    };
    let three = slots.clone().acquire_many_owned(3).await.unwrap();
    assert_eq!((mine(&slots), three.num_permits(), slots.available_permits()), (1, 3, 1));
    three.forget();
    assert_eq!((mine(&slots), slots.available_permits()), (0, 1));
    drop(slots.acquire().await.unwrap());
    slots.close();
    let none = slots.acquire_many(0).await;
    assert!(none.is_err(), "also nothing is refused by a closed semaphore");
    let closed = slots.acquire().await.unwrap_err();
    assert!(matches!(closed, AcquireError::Closed(_)), "{closed}");
    assert!(closed.to_string().starts_with("the semaphore is closed: middle (level 2)"));
}

#[tokio::test]
async fn a_wait_is_checked_again_when_its_holder_has_taken_more() {
    let (outer, inner) = (outer(), inner());
    let held = outer.clone().lock_owned().await;
    let task = tokio::spawn(async move {
        let mut early = std::pin::pin!(outer.lock());
        assert!(early.as_mut().now_or_never().is_none());
        let _inner = inner.lock().await;
        report_here(early).await
    });
    let report = task.await.unwrap();
    drop(held);
    assert_report(&report, ORDER, "outer", "inner", FILE);
}

#[test]
fn guards_and_futures_outlive_their_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (inner, outer) = (inner(), outer());
    let guard = runtime.block_on(inner.clone().lock_owned());
    let waiting = inner.clone().lock_owned();
    drop(runtime);
    drop(guard);
    let next = tokio::runtime::Builder::new_current_thread().build().unwrap();
    drop(next.block_on(waiting));
    drop(next.block_on(outer.lock()));
}

#[test]
fn spawn_blocking_threads_know_their_task() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let report = runtime.block_on(async {
        tokio::task::spawn_blocking(|| {
            let (outer, inner) = (outer(), inner());
            let _inner = inner.try_lock().unwrap();
            let handle = tokio::runtime::Handle::current();
            handle.block_on(report_here(outer.lock()))
        })
        .await
        .unwrap()
    });
    assert_report(&report, ORDER, "outer", "inner", FILE);
}

#[tokio::test]
async fn locks_and_guards_are_as_sendable_as_the_wrapped_ones() {
    fn send<T: Send>(_: &T) {}
    fn sync<T: Sync>(_: &T) {}
    let lock = inner();
    send(&lock);
    sync(&lock);
    send(&lock.lock());
    send(&lock.lock_within(Duration::ZERO));
    let guard = lock.lock().await;
    send(&guard);
    sync(&guard);
}

#[tokio::test]
async fn the_value_of_a_lock_is_dropped_after_the_lock() {
    struct TakesOuter(Arc<lockorder::Mutex<Outer, u32>>);
    impl Drop for TakesOuter {
        fn drop(&mut self) {
            *self.0.lock() += 1;
        }
    }
    let outer = Arc::new(lockorder::Mutex::new(0));
    let last = Arc::new(Mutex::<Inner, _>::new(TakesOuter(outer.clone())));
    drop(last.lock_owned().await);
    let last = Arc::new(RwLock::<Inner, _>::new(TakesOuter(outer.clone())));
    drop(last.read_owned().await);
    assert_eq!(*outer.lock(), 2);
}
