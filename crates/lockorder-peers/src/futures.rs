//! Async locks inside a spawned task: tokio's, and `lockorder`'s.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use crate::blocking::nest;
use crate::harness::Rows;
use crate::{L1, L2, L3, L4, L5, L6};

type Ranked<R> = lockorder::tokio::Mutex<R, u64>;
type Plain = tokio::sync::Mutex<u64>;

/// Adds an arm that runs inside a spawned task and is timed there. A macro, because no bound says that the
/// future of an async closure is `Send`.
macro_rules! in_task {
    ($rows:expr, $row:literal, $name:literal, |$n:ident, $locks:ident: $type:ty| $body:expr) => {{
        let (rt, locks) = (runtime(), Arc::new(<$type>::default()));
        $rows.timed($row, $name, move |$n| {
            let locks = Arc::clone(&locks);
            let task = async move {
                let $locks = &*locks;
                let start = Instant::now();
                $body;
                start.elapsed()
            };
            rt.block_on(async { tokio::spawn(task).await.expect("a bench does not panic") })
        });
    }};
}

pub(crate) fn rows(rows: &mut Rows) {
    one(rows);
    nest6(rows);
    fresh_task(rows);
    for row in ["tokio_one", "tokio_nest6", "tokio_fresh_task"] {
        rows.measure(row);
    }
}

fn one(rows: &mut Rows) {
    in_task!(rows, "tokio_one", "ref", |n, lock: Plain| for _ in 0..n {
        black_box(&*black_box(lock).lock().await);
    });
    in_task!(rows, "tokio_one", "lockorder", |n, lock: Ranked<L3>| for _ in 0..n {
        black_box(&*black_box(lock).lock().await);
    });
}

fn nest6(rows: &mut Rows) {
    type SixPlain = (Plain, Plain, Plain, Plain, Plain, Plain);
    type Six = (Ranked<L1>, Ranked<L2>, Ranked<L3>, Ranked<L4>, Ranked<L5>, Ranked<L6>);
    in_task!(rows, "tokio_nest6", "ref", |n, locks: SixPlain| {
        nest!(n, locks, |lock| lock.lock().await);
    });
    in_task!(rows, "tokio_nest6", "lockorder", |n, locks: Six| {
        nest!(n, locks, |lock| lock.lock().await);
    });
}

/// A task that takes one lock and ends.
fn fresh_task(rows: &mut Rows) {
    let (rt, lock) = (runtime(), Arc::new(Plain::default()));
    rows.timed("tokio_fresh_task", "ref", move |n| {
        tasks(&rt, n, || {
            let lock = Arc::clone(&lock);
            async move { *lock.lock().await += 1 }
        })
    });
    let (rt, lock) = (runtime(), Arc::new(Ranked::<L3>::default()));
    rows.timed("tokio_fresh_task", "lockorder", move |n| {
        tasks(&rt, n, || {
            let lock = Arc::clone(&lock);
            async move { *lock.lock().await += 1 }
        })
    });
}

fn tasks<F: Future<Output = ()> + Send + 'static>(
    rt: &Runtime,
    n: u64,
    task: impl Fn() -> F,
) -> Duration {
    let start = Instant::now();
    rt.block_on(async {
        for _ in 0..n {
            tokio::spawn(task()).await.expect("a bench does not panic");
        }
    });
    start.elapsed()
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime of one thread needs nothing")
}
