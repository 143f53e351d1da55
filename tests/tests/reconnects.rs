//! Memory does not grow over ten reconnects of all sessions.
//!
//! The process that is measured is started with a fixed threshold for mappings, as the `tgsession` binary
//! starts itself: without it the C library keeps the buffers of closed connections.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::process::Command;

use futures_util::future::join_all;
use lockorder::branch;
use workspace_tests::{Stage, soon};

const THRESHOLD: &str = "MALLOC_MMAP_THRESHOLD_";
const BYTES: &str = "8192";
const SESSIONS: usize = 60;
/// A leak of one buffer of a connection, or of one block of records for each lock, would exceed it.
const ALLOWED_KIB_EACH: usize = 16;

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn memory_does_not_grow_over_ten_reconnects() {
    if std::env::var_os(THRESHOLD).is_some() {
        tokio::runtime::Runtime::new().unwrap().block_on(measure());
        return;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "memory_does_not_grow_over_ten_reconnects", "--nocapture"])
        .env(THRESHOLD, BYTES)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("KiB"), "{said}");
    eprint!("{said}");
}

async fn measure() {
    let stage = Stage::new(SESSIONS).await;
    let round = || join_all(stage.sessions.iter().map(|id| branch(stage.manager.reconnect(*id))));
    let reconnect = async || {
        for reconnected in soon(round()).await {
            reconnected.unwrap();
        }
    };
    // The first rounds fill the allocator's caches.
    for _ in 0..5 {
        reconnect().await;
    }
    let before = resident_kib();
    for _ in 0..10 {
        reconnect().await;
    }
    let grown = resident_kib().saturating_sub(before);
    eprintln!("{before} KiB before, {grown} KiB more after ten reconnects of {SESSIONS} sessions");
    assert!(grown <= SESSIONS * ALLOWED_KIB_EACH, "{grown} KiB");
    assert_eq!(stage.telegram.connections_made(), SESSIONS as u64 * 16);
    soon(stage.manager.shutdown()).await;
}
