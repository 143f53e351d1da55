//! Records live as long as needed and not longer.
#![cfg(all(feature = "tokio", any(debug_assertions, feature = "enforce"), target_os = "linux"))]

mod common;

use std::sync::Arc;

use common::Inner;
use lockorder::branch;
use lockorder::tokio::{Mutex, OwnedSemaphorePermit, Semaphore};

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn short_tasks_and_permits_that_outlive_them_leave_bounded_memory() {
    // `LOCKORDER_TASKS` says how many in each round (half a million in CI, optimised).
    let tasks = std::env::var("LOCKORDER_TASKS").ok().and_then(|n| n.parse().ok());
    let tasks: usize = tasks.unwrap_or(40_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let slots = Arc::new(Semaphore::<Inner>::new(100));
    let round = |slots: Arc<Semaphore<Inner>>| async move {
        let (give, mut take) = tokio::sync::mpsc::channel::<OwnedSemaphorePermit<Inner>>(50);
        let collector = tokio::spawn(async move {
            let mut n = 0;
            while take.recv().await.is_some() {
                n += 1;
            }
            n
        });
        for _ in 0..tasks {
            let (slots, give) = (slots.clone(), give.clone());
            // The task ends while its permit is held: nobody asks for its records again.
            tokio::spawn(async move {
                let permit = slots.acquire_owned().await.unwrap();
                give.send(permit).await.unwrap();
            })
            .await
            .unwrap();
        }
        drop(give);
        assert_eq!(collector.await.unwrap(), tasks);
    };
    runtime.block_on(round(slots.clone()));
    let before = resident_kib();
    runtime.block_on(round(slots));
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 2048, "{grown} KiB more after {tasks} tasks");
    assert_eq!(lockorder::snapshot().len(), 0);
    runtime.block_on(branches_that_return_guards());
}

/// Part of the one test of this process: memory is the process's.
async fn branches_that_return_guards() {
    const BRANCHES: usize = 20_000;
    let lock = Arc::new(Mutex::<Inner, u32>::default());
    let round = || async {
        for _ in 0..BRANCHES {
            let lock = lock.clone();
            tokio::spawn(async move { drop(branch(lock.lock_owned()).await) }).await.unwrap();
        }
        // Within one task, and with nothing that is ever checked.
        for _ in 0..BRANCHES {
            drop(branch(async { lock.try_lock() }).await);
        }
    };
    round().await;
    let before = resident_kib();
    round().await;
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 2048, "{grown} KiB more after {BRANCHES} branches");
}
