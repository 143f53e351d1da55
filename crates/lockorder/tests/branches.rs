//! Branches: the arms of a `join!` or `select!` as holders of their own.
#![cfg(all(feature = "tokio", any(debug_assertions, feature = "enforce")))]

mod common;

use common::tasks::*;
use common::*;
use lockorder::testing::Collector;
use lockorder::{ViolationKind, branch};

const FILE: &str = "tests/branches.rs";

#[tokio::test]
async fn arms_of_a_join_are_one_holder_unless_they_are_branches() {
    let (outer, inner) = (outer(), inner());
    let holds = || async {
        let _inner = inner.lock().await;
        tokio::task::yield_now().await;
    };
    let wants = || async { drop(outer.lock().await) };
    let report = report_here(async { tokio::join!(holds(), wants()) }).await;
    assert_report(&report, ORDER, "outer", "inner", FILE);
    assert!(report.contains("lockorder::branch"), "{report}");
    tokio::join!(branch(holds()), branch(wants()));
}

#[tokio::test]
async fn a_branch_is_checked_against_what_its_task_and_outer_branches_hold() {
    let (outer, inner) = (outer(), inner());
    let held = inner.lock().await;
    let report = report_here(branch(outer.lock())).await;
    assert_report(&report, ORDER, "outer", "inner", FILE);
    drop(held);
    let report = report_here(branch(async {
        let _inner = inner.lock().await;
        drop(branch(branch(outer.lock())).await);
    }))
    .await;
    assert_report(&report, ORDER, "outer", "inner", FILE);
    assert!(report.contains("branch "), "{report}");
    drop(outer.lock().await);
}

#[tokio::test]
async fn a_blocking_lock_of_one_branch_does_not_count_for_async_locks_of_another() {
    let outer = outer();
    let collector = Collector::new();
    let arms = async {
        tokio::join!(
            branch(async {
                let blocking = lockorder::Mutex::<Inner, _>::new(0);
                let _guard = blocking.lock();
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
            }),
            branch(async { drop(outer.lock().await) }),
        )
    };
    collector.watch(arms).await;
    let kinds: Vec<_> = collector.take().iter().map(|v| v.kind).collect();
    assert_eq!(kinds, [ViolationKind::HeldAcrossAwait], "once, and nothing else");
}

#[tokio::test]
async fn a_blocking_lock_in_one_branch_is_checked_against_async_locks_of_all() {
    let inner = inner();
    let blocking = lockorder::Mutex::<Outer, _>::new(0);
    let wants = || async {
        tokio::task::yield_now().await;
        report(|| drop(blocking.lock())) // stops the task, and with it the branch that holds `inner`
    };
    let holds = || async {
        let _inner = inner.lock().await;
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
    };
    let (report, ()) = tokio::join!(branch(wants()), branch(holds()));
    assert_report(&report, ORDER, "outer", "inner", FILE);
}

#[tokio::test]
async fn a_guard_that_a_branch_returns_is_its_tasks() {
    let (outer, inner) = (outer(), inner());
    let (guard, ()) = tokio::join!(branch(inner.lock()), branch(async {}));
    assert_report(&report_here(inner.lock()).await, LOCK, "inner", "inner", FILE);
    assert_report(&report_here(branch(outer.lock())).await, ORDER, "outer", "inner", FILE);
    let blocking = lockorder::Mutex::<Outer, _>::new(0);
    assert_report(&report(|| drop(blocking.lock())), ORDER, "outer", "inner", FILE);
    drop(guard);
    drop(outer.lock().await);
    drop(blocking.lock());

    let nested = branch(async {
        let guard = branch(inner.lock()).await;
        assert_report(&report_here(outer.lock()).await, ORDER, "outer", "inner", FILE);
        guard
    })
    .await;
    assert_report(&report_here(outer.lock()).await, ORDER, "outer", "inner", FILE);
    drop(nested);
    drop(outer.lock().await);
}

#[test]
fn a_blocking_lock_of_a_root_counts_for_its_branches() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let outer = outer();
    let report = runtime.block_on(async {
        let blocking = lockorder::Mutex::<Inner, _>::new(0);
        let _guard = blocking.lock();
        report_here(branch(outer.lock())).await
    });
    assert_report(&report, ORDER, "outer", "inner", FILE);
}

#[test]
fn tasks_that_a_branch_drives_are_not_the_branch() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let local = tokio::task::LocalSet::new();
    let (outer, inner) = (outer(), inner());
    runtime.block_on(branch(local.run_until(async {
        let holds = tokio::task::spawn_local(async move {
            let _inner = inner.lock().await;
            tokio::task::yield_now().await;
        });
        let wants = tokio::task::spawn_local(async move { drop(outer.lock().await) });
        holds.await.unwrap();
        wants.await.unwrap();
    })));
}

#[tokio::test]
async fn a_panic_in_a_branch_ends_it() {
    let (outer, inner) = (outer(), inner());
    let fails = branch(async {
        let _inner = inner.lock().await;
        panic!("{}", "on purpose".to_owned());
    });
    assert_eq!(report_here(fails).await, "on purpose");
    drop(outer.lock().await);
}

#[tokio::test]
async fn a_blocking_guard_that_a_branch_returns_is_its_tasks() {
    let outer = outer();
    let blocking = lockorder::Mutex::<Inner, _>::new(0);
    let guard = branch(async { blocking.lock() }).await;
    assert_report(&report_here(outer.lock()).await, ORDER, "outer", "inner", FILE);
    drop(guard);
    drop(outer.lock().await);
}
