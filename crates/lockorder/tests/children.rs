//! Tasks that somebody waits for, and guards that change hands.
#![cfg(all(feature = "tokio", any(debug_assertions, feature = "enforce")))]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::*;
use lockorder::testing::Collector;
use lockorder::tokio::{Mutex, Semaphore, spawn, spawn_blocking, spawn_local};
use lockorder::{ViolationKind, hand_over};
use tokio::sync::oneshot;

fn kinds(collector: &Collector) -> Vec<ViolationKind> {
    collector.take().iter().map(|v| v.kind).collect()
}

#[tokio::test]
async fn a_task_that_is_waited_for_holds_what_its_waiter_holds() {
    let (outer, inner) = (Arc::new(Mutex::<Outer, _>::new(0)), Mutex::<Middle, _>::new(0));
    let collector = Collector::new();
    let child = || {
        collector.watch({
            let outer = Arc::clone(&outer);
            async move { drop(outer.lock().await) }
        })
    };
    let held = inner.lock().await;
    spawn(child()).await.unwrap();
    assert_eq!(kinds(&collector), [ViolationKind::Order]);
    let detached = spawn(child());
    while !detached.is_finished() {
        tokio::task::yield_now().await;
    }
    assert_eq!(kinds(&collector), [], "nobody waited for it");
    drop(held);
    spawn(child()).await.unwrap();
    assert_eq!(kinds(&collector), [], "its waiter holds nothing");
    tokio::task::LocalSet::new()
        .run_until(async {
            let _held = inner.lock().await;
            spawn_local(child()).await.unwrap();
        })
        .await;
    assert_eq!(kinds(&collector), [ViolationKind::Order]);
}

#[tokio::test]
async fn a_lock_of_its_waiter_is_reported_instead_of_hanging() {
    let lock = Arc::new(Mutex::<Middle, _>::new(0));
    let collector = Collector::new();
    let _held = lock.lock().await;
    let wants = collector.watch({
        let lock = Arc::clone(&lock);
        async move { lock.lock_within(Duration::ZERO).await.is_err() }
    });
    assert!(spawn(wants).await.unwrap());
    assert_eq!(kinds(&collector), [ViolationKind::SameLock]);
}

#[tokio::test]
async fn so_does_blocking_work_and_a_waiter_of_the_waiter() {
    let held = Mutex::<Middle, _>::new(0);
    let collector = Collector::new();
    // Takes its lock when it is waited for.
    let blocking = {
        let collector = collector.clone();
        async move || {
            let (go, wait) = std::sync::mpsc::channel();
            let work = spawn_blocking(move || {
                wait.recv().unwrap();
                collector.run(|| drop(lockorder::Mutex::<Outer, _>::new(0).lock()));
            });
            let later = async move {
                tokio::task::yield_now().await;
                go.send(()).unwrap();
            };
            tokio::join!(biased; work, later).0.unwrap();
        }
    };
    let _held = held.lock().await;
    blocking.clone()().await;
    assert_eq!(kinds(&collector), [ViolationKind::Order]);
    spawn(async move { blocking().await }).await.unwrap();
    assert_eq!(kinds(&collector), [ViolationKind::Order], "through two waits");
}

#[tokio::test]
async fn a_wait_that_was_given_up_no_longer_counts() {
    let held = Mutex::<Middle, _>::new(0);
    let collector = Collector::new();
    let (go, wait) = oneshot::channel::<()>();
    let (done, end) = oneshot::channel();
    let mut child = spawn(collector.watch(async move {
        wait.await.unwrap();
        drop(Mutex::<Outer, _>::new(0).lock().await);
        done.send(()).unwrap();
    }));
    let _held = held.lock().await;
    tokio::select! {
        biased;
        _ = &mut child => unreachable!("it waits"),
        () = tokio::task::yield_now() => {}
    }
    drop(child);
    go.send(()).unwrap();
    end.await.unwrap();
    assert_eq!(kinds(&collector), []);
}

#[tokio::test]
async fn a_child_is_stopped_and_its_panic_is_passed_on() {
    let child = spawn(std::future::pending::<()>());
    assert!(!child.is_finished() && child.id().to_string().parse::<u64>().is_ok());
    child.abort();
    assert!(child.await.unwrap_err().is_cancelled());
    assert!(spawn(async { panic!("on purpose") }).await.unwrap_err().is_panic());
    assert_eq!(spawn_blocking(|| 7).await.unwrap(), 7);
}

#[tokio::test]
async fn a_guard_that_was_handed_over_is_its_new_owners() {
    let (lock, outer) = (Arc::new(Mutex::<Middle, _>::new(0)), Mutex::<Outer, _>::new(0));
    let collector = Collector::new();
    let guard = Arc::clone(&lock).lock_owned().await;
    collector.watch(async { drop(outer.lock().await) }).await;
    assert_eq!(kinds(&collector), [ViolationKind::Order]);
    let parcel = hand_over(guard);
    assert!(lock.is_locked(), "but held by nobody");
    collector.watch(async { drop(outer.lock().await) }).await;
    assert_eq!(kinds(&collector), []);
    let (back, parcel_back) = oneshot::channel();
    let other = collector.watch(async move {
        let guard = parcel.take_over();
        drop(Mutex::<Outer, _>::new(0).lock().await);
        back.send(hand_over(guard)).unwrap();
    });
    tokio::spawn(other).await.unwrap();
    assert_eq!(kinds(&collector), [ViolationKind::Order], "it holds it now");
    drop(parcel_back.await.unwrap());
    assert!(!lock.is_locked(), "a parcel that is dropped releases");
}

#[tokio::test]
async fn a_guard_that_only_moved_stays_on_the_record_of_who_took_it() {
    let lock = Arc::new(Mutex::<Middle, _>::new(0));
    let collector = Collector::new();
    let guard = lock.lock_owned().await;
    let other = collector.watch(async move {
        let _guard = guard;
        drop(Mutex::<Outer, _>::new(0).lock().await);
    });
    tokio::spawn(other).await.unwrap();
    assert_eq!(kinds(&collector), []);
}

#[tokio::test]
async fn permits_are_counted_when_they_are_divided_and_joined() {
    let slots = Arc::new(Semaphore::<Middle>::new(5));
    let held = || {
        let all = lockorder::snapshot().into_iter();
        let mine = all.filter(|h| h.lock.class.name() == "middle" && h.holder.task.is_none());
        let modes = mine.map(|h| h.lock.mode.to_string());
        let mut modes: Vec<_> = modes.filter(|mode| mode.contains("permit")).collect();
        modes.sort();
        modes
    };
    let mut permit = slots.acquire_many(4).await.unwrap();
    let part = permit.split(1).unwrap();
    assert!(permit.split(9).is_none());
    assert_eq!(held(), ["1 permit", "3 permits"]);
    permit.merge(part);
    assert_eq!(held(), ["4 permits"]);
    permit.forget();
    assert_eq!((held().len(), slots.available_permits()), (0, 1));
    let mut owned = Arc::clone(&slots).acquire_owned().await.unwrap();
    assert!(owned.split(2).is_none() && owned.num_permits() == 1);
    drop(owned);
    assert_eq!(slots.forget_permits(3), 1);
    slots.add_permits(2);
    let mut none = slots.acquire_many(0).await.unwrap();
    assert_eq!(held().len(), 0, "nobody holds nothing");
    let two = slots.acquire_many(2).await.unwrap();
    none.merge(two);
    assert_eq!(held(), ["2 permits"]);
    let both = none.split(2).unwrap();
    assert_eq!((held(), none.num_permits()), (vec!["2 permits".to_owned()], 0));
    drop(none);
    assert_eq!(held(), ["2 permits"]);
    drop(both);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_waits_already_is_checked_when_somebody_waits_for_it() {
    let lock = Arc::new(Mutex::<Middle, _>::new(0));
    let collector = Collector::new();
    let held = Arc::clone(&lock).lock_owned().await;
    let wants = collector.watch({
        let lock = Arc::clone(&lock);
        async move { drop(lock.lock().await) }
    });
    let child = spawn(wants);
    while lockorder::snapshot().is_empty() {
        tokio::task::yield_now().await;
    }
    let mut child = std::pin::pin!(child);
    let mut found = Vec::new();
    while found.is_empty() {
        // It may not have begun to wait at the first look, or not have looked again at the next.
        let waits = tokio::time::timeout(Duration::from_millis(5), &mut child);
        assert!(waits.await.is_err(), "its waiter holds the lock");
        found = kinds(&collector);
    }
    assert_eq!(found, [ViolationKind::SameLock]);
    drop(held);
    child.await.unwrap();
}

/// What is reported of a thread that is blocked by what `hold` has, which waits in it, once a task that holds a
/// later lock begins to wait for that thread.
async fn found_of_blocked_thread(
    hold: impl FnOnce(&dyn Fn()) + Send + 'static,
    take: impl FnOnce() + Send + 'static,
) -> Vec<ViolationKind> {
    let (held, wait) = std::sync::mpsc::channel();
    let (release, go) = std::sync::mpsc::channel();
    let holder = std::thread::spawn(move || {
        hold(&|| {
            held.send(()).unwrap();
            go.recv().unwrap();
        });
    });
    wait.recv().unwrap();
    let (begins, begun) = std::sync::mpsc::channel();
    let collector = Collector::new();
    let child = spawn_blocking({
        let collector = collector.clone();
        move || {
            begins.send(()).unwrap();
            collector.run(take);
        }
    });
    begun.recv().unwrap();
    let later = Mutex::<Inner, _>::new(0);
    let _later = later.lock().await;
    let mut child = std::pin::pin!(child);
    let mut found = Vec::new();
    while found.is_empty() {
        // By this thread, or by the other, as the one or the other is first.
        let waits = tokio::time::timeout(Duration::from_millis(5), &mut child);
        assert!(collector.watch(waits).await.is_err(), "the lock is held");
        found = kinds(&collector);
    }
    release.send(()).unwrap();
    holder.join().unwrap();
    child.await.unwrap();
    found
}

#[tokio::test]
async fn a_thread_that_is_blocked_already_is_reported_to_who_waits_for_it() {
    let lock = Arc::new(lockorder::Mutex::<Middle, u32>::new(0));
    let held = Arc::clone(&lock);
    let hold = move |wait: &dyn Fn()| {
        let _guard = held.lock();
        wait();
    };
    let found = found_of_blocked_thread(hold, move || drop(lock.lock())).await;
    assert!(found.iter().all(|kind| *kind == ViolationKind::Order), "{found:?}");
}

#[tokio::test]
async fn so_is_one_that_upgrades_its_guard() {
    let lock = Arc::new(lockorder::RwLock::<Middle, u32>::new(0));
    let held = Arc::clone(&lock);
    let hold = move |wait: &dyn Fn()| {
        let _reader = held.read();
        wait();
    };
    let take = move || {
        let shared = lock.upgradable_read();
        drop(lockorder::RwLockUpgradableReadGuard::upgrade(shared));
    };
    let found = found_of_blocked_thread(hold, take).await;
    assert!(found.iter().all(|kind| *kind == ViolationKind::Order), "{found:?}");
}

#[cfg(feature = "dashmap")]
#[tokio::test]
async fn so_is_one_that_is_blocked_by_a_map() {
    let map: Arc<lockorder::dashmap::DashMap<Middle, u32, u32>> =
        Arc::new([(1, 1)].into_iter().collect());
    let held = Arc::clone(&map);
    let hold = move |wait: &dyn Fn()| {
        let _entry = held.get_mut(&1);
        wait();
    };
    let found = found_of_blocked_thread(hold, move || _ = map.insert(1, 2)).await;
    assert!(found.iter().all(|kind| *kind == ViolationKind::Order), "{found:?}");
}

#[cfg(feature = "dashmap")]
#[tokio::test]
async fn one_that_works_inside_a_map_is_not_blocked_by_it() {
    let map: Arc<lockorder::dashmap::DashMap<Middle, u32, u32>> =
        Arc::new([(1, 1)].into_iter().collect());
    let (begins, begun) = std::sync::mpsc::channel();
    let (finish, finished) = std::sync::mpsc::channel();
    let collector = Collector::new();
    let child = spawn_blocking(move || {
        map.alter(&1, |_, value| {
            begins.send(()).unwrap();
            finished.recv().unwrap();
            value + 1
        });
    });
    begun.recv().unwrap();
    let later = Mutex::<Inner, _>::new(0);
    let _later = later.lock().await;
    let mut child = std::pin::pin!(child);
    assert!(collector.watch(tokio::time::timeout(Duration::ZERO, &mut child)).await.is_err());
    finish.send(()).unwrap();
    collector.watch(child).await.unwrap();
    assert_eq!(kinds(&collector), []);
}

#[tokio::test]
async fn a_waiter_that_does_other_things_meanwhile_waits_with_what_it_held_before() {
    let (middle, inner) = (Mutex::<Middle, _>::new(0), Mutex::<Inner, _>::new(0));
    let outer = Arc::new(Mutex::<Outer, _>::new(0));
    let (go, wait) = oneshot::channel::<()>();
    let (done, mut end) = oneshot::channel();
    let collector = Collector::new();
    let mut child = spawn(collector.watch({
        let outer = Arc::clone(&outer);
        async move {
            wait.await.unwrap();
            drop(outer.lock().await);
            done.send(()).unwrap();
        }
    }));
    let held = middle.lock().await;
    tokio::select! {
        biased;
        _ = &mut child => unreachable!("it waits"),
        () = tokio::task::yield_now() => {}
    }
    drop(held);
    let _later = inner.lock().await;
    go.send(()).unwrap();
    (&mut end).await.unwrap();
    assert_eq!(kinds(&collector), [], "one was released, and the other taken since");
    child.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_that_looked_after_each_other_are_checked_and_do_not_hang() {
    let (give, take) = oneshot::channel::<lockorder::tokio::JoinHandle<()>>();
    let lock = Arc::new(Mutex::<Middle, _>::new(0));
    let looks = |mut other: lockorder::tokio::JoinHandle<()>, lock: Arc<Mutex<Middle, u32>>| async move {
        let _ = tokio::time::timeout(Duration::from_millis(1), &mut other).await;
        drop(lock.lock().await);
        drop(other);
    };
    let second = {
        let lock = Arc::clone(&lock);
        spawn(async move { looks(take.await.unwrap(), lock).await })
    };
    let (id, finished) = (second.id(), second);
    let first = spawn(looks(finished, lock));
    assert_ne!(first.id(), id);
    give.send(first).unwrap();
}
