//! The rules, for every async lock and every side of one.
#![cfg(all(feature = "tokio", any(debug_assertions, feature = "enforce")))]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Inner, Many, Middle, Outer};
use futures_util::FutureExt;
use lockorder::ViolationKind::{self, Order, SameClass, SameLock};
use lockorder::testing::Collector;
use lockorder::tokio::{Mutex, OnceCell, RwLock, Semaphore};

const NOW: Duration = Duration::ZERO;

async fn kinds(future: impl Future) -> Vec<ViolationKind> {
    let collector = Collector::new();
    collector.watch(future).await;
    collector.take().iter().map(|v| v.kind).collect()
}

macro_rules! rules {
    ($($name:ident: $lock:ty, $keyed:ty, |$value:ident| $new:expr, |$key:ident| $new_keyed:expr,
        $acquire:ident, $timed:ident, $within:ident, $try:ident, $owned:ident, $try_owned:ident;)*) => {$(
        mod $name {
            use super::*;

            fn fresh() -> Arc<$lock> {
                let $value = 1;
                Arc::new($new)
            }

            #[tokio::test]
            async fn an_outer_lock_under_it_is_reported_and_an_inner_one_is_not() {
                let (it, outer, inner) = (fresh(), Mutex::<Outer, _>::new(0), Mutex::<Inner, _>::new(0));
                let found = kinds(async {
                    let _it = it.$acquire().await;
                    drop(inner.lock().await);
                    drop(outer.lock().await);
                });
                assert_eq!(found.await, [Order]);
                let found = kinds(async {
                    let _it = Arc::clone(&it).$owned().await;
                    drop(outer.lock().await);
                });
                assert_eq!(found.await, [Order]);
                assert_eq!(kinds(async { drop(outer.lock().await) }).await, [], "it was released");
            }

            #[tokio::test(start_paused = true)]
            async fn under_an_inner_lock_every_way_of_waiting_for_it_is_reported() {
                let (it, inner) = (fresh(), Mutex::<Inner, _>::new(0));
                let found = kinds(async {
                    let _inner = inner.lock().await;
                    drop(it.$acquire().await);
                    drop(it.$timed().await);
                    drop(it.$within(NOW).await);
                    drop(Arc::clone(&it).$owned().await);
                });
                assert_eq!(found.await, [Order; 4]);
            }

            #[tokio::test]
            async fn trying_it_is_never_reported_but_counts_as_held() {
                let (it, outer, inner) = (fresh(), Mutex::<Outer, _>::new(0), Mutex::<Inner, _>::new(0));
                let inner = inner.lock().await;
                let tried = it.$try().unwrap();
                assert_eq!(kinds(async { drop(outer.lock().await) }).await, [Order]);
                drop(inner);
                assert_eq!(kinds(async { drop(outer.lock().await) }).await, [Order]);
                drop(tried);
                drop(Arc::clone(&it).$try_owned().unwrap());
                assert_eq!(kinds(async { drop(outer.lock().await) }).await, []);
            }

            #[tokio::test]
            async fn two_of_its_class_are_reported_unless_their_keys_rise() {
                let (a, b) = (fresh(), fresh());
                let found = kinds(async { drop((a.$acquire().await, b.$acquire().await)) });
                assert_eq!(found.await, [SameClass]);
                let [a, b]: [$keyed; 2] = [1, 2].map(|$key| $new_keyed);
                let found = kinds(async { drop((a.$acquire().await, b.$acquire().await)) });
                assert_eq!(found.await, []);
                let found = kinds(async { drop((b.$acquire().await, a.$acquire().await)) });
                assert_eq!(found.await, [SameClass]);
            }

            #[tokio::test]
            async fn taken_twice_it_is_reported_instead_of_hanging() {
                let it = fresh();
                let found = kinds(async {
                    let _first = it.$acquire().await;
                    drop(it.$acquire().now_or_never());
                });
                assert_eq!(found.await, [SameLock]);
            }

            #[tokio::test]
            async fn a_waiter_that_is_cancelled_leaves_nothing_behind() {
                let (it, outer) = (fresh(), Mutex::<Outer, _>::new(0));
                let held = it.$acquire().await;
                let waiter = tokio::spawn({
                    let it = Arc::clone(&it);
                    async move {
                        tokio::select! {
                            biased;
                            _ = it.$acquire() => {}
                            () = std::future::ready(()) => {}
                        }
                        drop(tokio::time::timeout(NOW, it.$acquire()).await);
                        drop(Mutex::<Outer, _>::new(0).lock().await);
                    }
                });
                waiter.await.unwrap();
                drop(held);
                drop(it.$acquire().await);
                drop(outer.lock().await);
            }

            #[test]
            fn it_outlives_its_runtime() {
                let it = fresh();
                let guard = tokio::runtime::Runtime::new().unwrap().block_on(Arc::clone(&it).$owned());
                let waits = it.$acquire();
                drop(waits);
                drop(guard);
                assert!(it.$try().is_ok());
            }
        }
    )*};
}
rules! {
    mutex: Mutex<Middle, u64>, Mutex<Many, u64>, |v| Mutex::new(v), |k| Mutex::keyed(k, 0),
        lock, lock_timed, lock_within, try_lock, lock_owned, try_lock_owned;
    rwlock_read: RwLock<Middle, u64>, RwLock<Many, u64>, |v| RwLock::new(v), |k| RwLock::keyed(k, 0),
        read, read_timed, read_within, try_read, read_owned, try_read_owned;
    rwlock_write: RwLock<Middle, u64>, RwLock<Many, u64>, |v| RwLock::new(v), |k| RwLock::keyed(k, 0),
        write, write_timed, write_within, try_write, write_owned, try_write_owned;
    semaphore: Semaphore<Middle>, Semaphore<Many>, |v| Semaphore::new(v), |k| Semaphore::keyed(k, 1),
        acquire, acquire_timed, acquire_within, try_acquire, acquire_owned, try_acquire_owned;
}

#[tokio::test(start_paused = true)]
async fn more_permits_than_there_are_is_an_error_that_says_so() {
    let slots = Semaphore::<Middle>::new(5);
    let error = slots.try_acquire_many(6).unwrap_err();
    assert_eq!(error.to_string(), "no permits available");
    let error = slots.acquire_many_within(6, Duration::from_secs(3)).await.unwrap_err().to_string();
    assert!(error.starts_with("no lock within 3s: middle (level 2), 6 permits, at "), "{error}");
    assert!(error.contains("async_locks.rs"), "{error}");
}

#[tokio::test]
async fn the_locks_of_an_async_initialiser_come_after_its_cell() {
    let (outer, inner) = (Mutex::<Outer, _>::new(1), Mutex::<Inner, _>::new(2));
    let cell = || OnceCell::<Middle, u32>::new();
    let (good, bad, failed) = (cell(), cell(), cell());
    let found = kinds(async { *good.get_or_init(|| async { *inner.lock().await }).await });
    assert_eq!((found.await, good.get()), (vec![], Some(&2)));
    let found = kinds(async { *bad.get_or_init(|| async { *outer.lock().await }).await });
    assert_eq!((found.await, bad.initialized()), (vec![Order], true));
    let held = inner.lock().await;
    assert_eq!(kinds(good.get_or_init(|| async { 0 })).await, [], "it is made: nobody waits");
    let found = kinds(async {
        assert_eq!(failed.get_or_try_init(|| async { Err::<u32, _>(7) }).await, Err(7));
    });
    assert_eq!(found.await, [Order]);
    drop(held);
    assert!(failed.set(3).is_ok() && failed.set(4).is_err());
    assert_eq!(failed.into_inner(), Some(3));
    assert!(cell().get_or_init(std::future::pending).now_or_never().is_none(), "cancelled");
}

#[tokio::test]
async fn mapped_and_downgraded_guards_are_held_like_whole_ones() {
    use lockorder::tokio::{
        MutexGuard, OwnedMutexGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLockReadGuard,
        RwLockWriteGuard,
    };
    let (outer, mutex) = (Mutex::<Outer, _>::new(0), Arc::new(Mutex::<Middle, _>::new((1, 2))));
    let lock = Arc::new(RwLock::<Middle, _>::new((1, 2)));
    macro_rules! held {
        ($($guard:expr),+ $(,)?) => {$(
            let guard = $guard;
            assert_eq!(kinds(async { drop(outer.lock().await) }).await, [Order]);
            drop(guard);
            assert_eq!(kinds(async { drop(outer.lock().await) }).await, []);
        )+};
    }
    held! {
        MutexGuard::map(mutex.lock().await, |v| &mut v.1),
        MutexGuard::try_map(mutex.lock().await, |v| Some(&mut v.1)).unwrap(),
        MutexGuard::try_map(mutex.lock().await, |_| None::<&mut u32>).unwrap_err(),
        OwnedMutexGuard::map(Arc::clone(&mutex).lock_owned().await, |v| &mut v.1),
        RwLockReadGuard::map(lock.read().await, |v| &v.1),
        RwLockWriteGuard::map(lock.write().await, |v| &mut v.1),
        lock.write().await.downgrade(),
        OwnedRwLockReadGuard::map(Arc::clone(&lock).read_owned().await, |v| &v.1),
        OwnedRwLockReadGuard::try_map(Arc::clone(&lock).read_owned().await, |_| None::<&u32>)
            .unwrap_err(),
        OwnedRwLockWriteGuard::map(Arc::clone(&lock).write_owned().await, |v| &mut v.1),
        OwnedRwLockWriteGuard::try_map(Arc::clone(&lock).write_owned().await, |v| Some(&mut v.1))
            .unwrap(),
        Arc::clone(&lock).write_owned().await.downgrade(),
    }
}

#[test]
fn outside_of_async_code_a_wait_counts_all_that_its_thread_holds() {
    let (mutex, lock) = (Arc::new(Mutex::<Middle, _>::new(1)), RwLock::<Middle, _>::new(1));
    let slots = Semaphore::<Middle>::new(1);
    let inner = lockorder::Mutex::<Inner, _>::new(0);
    let waits = || {
        assert_eq!(*mutex.blocking_lock(), 1);
        assert_eq!(*lock.blocking_read(), 1);
        *lock.blocking_write() += 1;
        drop(slots.blocking_acquire().unwrap());
    };
    assert_eq!(common::kinds(|| drop(mutex.blocking_lock())), []);
    assert_eq!(common::kinds(|| drop(Arc::clone(&mutex).blocking_lock_owned())), []);
    let found = common::kinds(|| {
        let _inner = inner.lock();
        waits();
    });
    assert_eq!(found, [Order; 4]);
    slots.close();
    assert!(slots.blocking_acquire_many(1).is_err());
}
