//! The hierarchy of the tests, and how they look at reports.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test binary uses a part of this")]

use std::panic::{AssertUnwindSafe, catch_unwind};

lockorder::hierarchy! {
    /// Five classes on four levels.
    pub Order (timeout: 2 s) {
        level 1 {
            /// The outermost lock.
            Outer = "outer",
        }
        level 2 {
            /// Two classes share this level.
            Middle = "middle",
            /// Taken after its neighbour.
            Beside = "beside",
        }
        level 5 {
            /// Many locks with keys.
            Many = "many" [keyed],
        }
        level 6 {
            /// The innermost lock.
            Inner = "inner",
        }
    }
}

/// The report with which `f` panics.
#[track_caller]
pub fn report(f: impl FnOnce()) -> String {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(()) => panic!("no violation was reported"),
        Err(payload) => *payload.downcast::<String>().expect("a report is a string"),
    }
}

/// Asserts that a report names both locks, says what is wrong, and gives both places in this file.
#[track_caller]
pub fn assert_report(report: &str, what: &str, wanted: &str, held: &str, file: &str) {
    let lines: Vec<_> = report.lines().collect();
    assert!(lines[0].starts_with(what), "{report}");
    assert!(lines[1].trim().starts_with(&format!("wanted: {wanted} (level ")), "{report}");
    assert!(lines[2].trim().starts_with(&format!("held: {held} (level ")), "{report}");
    assert!(lines[1].contains(file) && lines[2].contains(file), "{report}");
    assert!(report.contains("help: "), "{report}");
}

/// The kinds of violations in `f`, which go unreported.
pub fn kinds(f: impl FnOnce()) -> Vec<lockorder::ViolationKind> {
    lockorder::testing::violations(f).iter().map(|v| v.kind).collect()
}

pub const ORDER: &str = "lock order violation";
pub const CLASS: &str = "two locks of one class";
pub const LOCK: &str = "the same lock twice";

#[cfg(feature = "tokio")]
pub mod tasks {
    use std::sync::Arc;

    use futures_util::FutureExt;
    use lockorder::tokio::Mutex;

    use super::{AssertUnwindSafe, Inner, Outer};

    pub fn outer() -> Arc<Mutex<Outer, u32>> {
        Arc::default()
    }

    pub fn inner() -> Arc<Mutex<Inner, u32>> {
        Arc::default()
    }

    /// The report with which a future panics that is polled right here.
    pub async fn report_here<T>(future: impl Future<Output = T>) -> String {
        match AssertUnwindSafe(future).catch_unwind().await {
            Ok(_) => panic!("no violation was reported"),
            Err(payload) => *payload.downcast::<String>().expect("a report is a string"),
        }
    }
}
