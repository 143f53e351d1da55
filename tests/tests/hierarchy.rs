//! All 36 pairs of levels, against the table: blocking, async, and mixed both ways.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use lockorder::{Hierarchy, Keyed, Rank, Unkeyed};
use tgsession::{
    GlobalTasks, Locks, ScrapePermits, SessionHandlers, SessionOperation, SessionRecord,
    SessionTasks,
};

/// Makes a lock of a class, takes it, and returns its guard.
type Take = Box<dyn Fn() -> LocalBoxFuture<'static, Box<dyn Any>>>;

/// The two ways to take a lock of one level.
struct Level {
    name: &'static str,
    blocking: Take,
    suspending: Take,
}

/// The guards outlive the test's steps, so the locks live for ever.
fn for_ever<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn level<R: Rank>(
    blocking: fn() -> lockorder::Mutex<R, ()>,
    suspending: fn() -> lockorder::tokio::Mutex<R, ()>,
) -> Level {
    Level {
        name: R::class().name(),
        blocking: Box::new(move || {
            let lock = for_ever(blocking());
            async move { Box::new(lock.lock()) as Box<dyn Any> }.boxed_local()
        }),
        suspending: Box::new(move || {
            let lock = for_ever(suspending());
            async move { Box::new(lock.lock().await) as Box<dyn Any> }.boxed_local()
        }),
    }
}

fn unkeyed<R: Rank<Keys = Unkeyed>>() -> Level {
    level::<R>(|| lockorder::Mutex::new(()), || lockorder::tokio::Mutex::new(()))
}

fn keyed<R: Rank<Keys = Keyed>>() -> Level {
    level::<R>(|| lockorder::Mutex::keyed(7, ()), || lockorder::tokio::Mutex::keyed(7, ()))
}

fn levels() -> [Level; 6] {
    [
        unkeyed::<GlobalTasks>(),
        unkeyed::<ScrapePermits>(),
        keyed::<SessionRecord>(),
        unkeyed::<SessionOperation>(),
        unkeyed::<SessionTasks>(),
        unkeyed::<SessionHandlers>(),
    ]
}

/// Takes every pair in this way, and asserts that those are reported in which the order does not rise.
async fn assert_pairs(first: fn(&Level) -> &Take, second: fn(&Level) -> &Take) {
    let levels = levels();
    for (i, held) in levels.iter().enumerate() {
        for (j, wanted) in levels.iter().enumerate() {
            let guard = first(held)().await;
            let taken = AssertUnwindSafe(second(wanted)()).catch_unwind().await;
            drop(guard);
            let pair = format!("{} under {}", wanted.name, held.name);
            match taken {
                Ok(guard) => {
                    drop(guard);
                    assert!(j > i, "{pair} was not reported");
                }
                Err(payload) => {
                    let report = payload.downcast::<String>().expect("a report is a string");
                    assert!(j <= i, "{pair} was reported: {report}");
                    assert!(report.contains(&format!("wanted: {} (level {})", wanted.name, j + 1)));
                    assert!(report.contains(&format!("held: {} (level {})", held.name, i + 1)));
                }
            }
        }
    }
}

#[tokio::test]
async fn blocking_locks_of_all_36_pairs() {
    assert_pairs(|l| &l.blocking, |l| &l.blocking).await;
}

#[tokio::test]
async fn async_locks_of_all_36_pairs() {
    assert_pairs(|l| &l.suspending, |l| &l.suspending).await;
}

#[tokio::test]
async fn async_locks_under_blocking_ones_of_all_36_pairs() {
    assert_pairs(|l| &l.blocking, |l| &l.suspending).await;
}

#[tokio::test]
async fn blocking_locks_under_async_ones_of_all_36_pairs() {
    assert_pairs(|l| &l.suspending, |l| &l.blocking).await;
}

#[test]
fn the_table_has_six_levels_and_eight_locks() {
    let rows: Vec<_> = Locks::table().classes().iter().map(|c| (c.level(), c.name())).collect();
    assert_eq!(
        rows,
        [
            (1, "manager.tasks"),
            (1, "manager.metrics"),
            (2, "manager.scrapes"),
            (2, "manager.operations"),
            (3, "manager.session"),
            (4, "session.operation"),
            (5, "session.tasks"),
            (6, "session.handlers"),
        ]
    );
    assert_eq!(Locks::table().timeout(), std::time::Duration::from_secs(30));
}
