//! Many locks at once.
#![cfg(feature = "tokio")]

mod common;

use std::sync::Arc;
use std::thread;

use common::{Inner, Many, Middle, Outer};
use lockorder::{Mutex, Read, RwLock, SameKey, Write, lock_many, tokio as aio};

fn keyed(keys: &[u64]) -> Vec<Mutex<Many, u64>> {
    keys.iter().map(|&key| Mutex::keyed(key, key)).collect()
}

#[test]
fn guards_come_back_in_the_order_given() {
    let locks = keyed(&[5, 1, 9, 3]);
    let guards = lock_many(&locks.iter().collect::<Vec<_>>()[..]).unwrap();
    assert_eq!(guards.iter().map(|g| **g).collect::<Vec<_>>(), [5, 1, 9, 3]);
    drop(guards);
    let [a, b] = lock_many([&locks[2], &locks[1]]).unwrap();
    assert_eq!((*a, *b), (9, 1));
    drop((a, b));
    assert!(lock_many(&[] as &[&Mutex<Many, u64>]).unwrap().is_empty());
}

#[test]
fn locks_of_different_ranks_are_taken_by_rank() {
    let (inner, outer) = (Mutex::<Inner, _>::new(1), RwLock::<Outer, _>::new(2));
    let (middle, many) = (RwLock::<Middle, _>::new(3), Mutex::<Many, _>::keyed(7, 4));
    let (a, b, c, d) = lock_many((&inner, Write(&outer), &many, Read(&middle))).unwrap();
    assert_eq!((*a, *b, *c, *d), (1, 2, 4, 3));
}

#[test]
fn two_locks_that_cannot_be_told_apart_are_an_error_and_nothing_is_locked() {
    let locks = keyed(&[5, 7, 5]);
    let error = lock_many([&locks[0], &locks[1], &locks[2]]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "two of the locks are of class many (level 5) and have the key 5: give each lock once, and give \
         locks of one class different keys"
    );
    assert_eq!(error.key, Some(5));
    assert!(locks.iter().all(|lock| !lock.is_locked()));
    let error = lock_many((&locks[0], &locks[0])).unwrap_err();
    assert_eq!(error.class.name(), "many");
    let plain = [Mutex::<Middle, _>::new(0), Mutex::new(0)];
    let error = lock_many([&plain[0], &plain[1]]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "two of the locks are of class middle (level 2), which has no keys: mark the class [keyed] to \
         hold several of its locks"
    );
}

#[test]
fn callers_with_the_same_locks_in_any_order_do_not_wait_for_each_other_for_ever() {
    let locks = Arc::new(keyed(&[1, 2, 3]));
    let orders = [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]];
    let threads = orders.map(|order| {
        let locks = Arc::clone(&locks);
        thread::spawn(move || {
            for _ in 0..500 {
                let guards = lock_many(order.map(|i| &locks[i])).unwrap();
                thread::yield_now();
                drop(guards);
            }
        })
    });
    for thread in threads {
        thread.join().unwrap();
    }
}

#[cfg(any(debug_assertions, feature = "enforce"))]
#[test]
fn what_is_held_already_counts_and_the_callers_place_is_named() {
    let locks = keyed(&[1, 2]);
    let above = Mutex::<Inner, _>::new(0);
    let found = lockorder::testing::violations(|| {
        let _above = above.lock();
        drop(lock_many([&locks[1], &locks[0]]));
    });
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|v| v.wanted.as_ref().unwrap().site.line() == line!() - 3));
    assert_eq!(found[0].wanted.as_ref().unwrap().key, Some(1), "the lower key first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn async_locks_are_taken_the_same_way() {
    let locks: Arc<Vec<_>> =
        Arc::new([3, 1, 2].map(|key| aio::Mutex::<Many, _>::keyed(key, key)).into());
    let tasks = [[0, 1, 2], [2, 1, 0], [1, 0, 2]].map(|order| {
        let locks = Arc::clone(&locks);
        tokio::spawn(async move {
            for _ in 0..200 {
                let guards = aio::lock_many(order.map(|i| &locks[i])).await.unwrap();
                assert_eq!(guards.map(|g| *g), order.map(|i| [3, 1, 2][i]));
                tokio::task::yield_now().await;
            }
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
    let outer = aio::RwLock::<Outer, _>::new("outer");
    let (a, b) = aio::lock_many((&locks[0], Read(&outer))).await.unwrap();
    assert_eq!((*a, *b), (3, "outer"));
    drop((a, b));
    let found = aio::lock_many(&[&locks[0], &locks[0]][..]).await.map(drop);
    assert!(matches!(found, Err(SameKey { key: Some(3), .. })));
    let guards = aio::lock_many(&[Write(&outer)][..]).await.unwrap();
    assert!(outer.is_locked_exclusive());
    drop(guards);
}
