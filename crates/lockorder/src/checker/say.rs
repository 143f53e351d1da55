//! Telling the world: events and reports, so that they never make things worse.
//!
//! What a subscriber or a callback locks is neither checked nor logged, and a subscriber that panics (its
//! thread-locals may be gone) takes no lock down with it.

use std::backtrace::Backtrace;
use std::io::Write;
use std::panic::resume_unwind;
use std::time::Duration;

use super::slot::{Record, Slot};
use super::{gate, local};
use crate::ask::Ask;
use crate::error::TimedOut;
use crate::policy::{self, Policy};
use crate::violation::Violation;
use crate::{event, judge, testing};

#[cold]
#[inline(never)]
pub(super) fn asked(ask: &Ask) -> u64 {
    let _ = local::report(|| event::asked(&ask.wanted()));
    event::now()
}

#[cold]
#[inline(never)]
pub(super) fn acquired(record: &Record, asked: u64) {
    let wait = if asked == 0 { Duration::ZERO } else { event::since(asked) };
    let _ = local::report(|| {
        let lock = record.acquisition();
        if gate::has(gate::EVENTS) {
            event::acquired(&lock, wait);
        }
        if let Some(checker) = judge::plugged() {
            checker.acquired(&lock);
        }
    });
}

/// Ends the record first: a lock that is said to be released is.
#[cold]
#[inline(never)]
pub(super) fn released(slot: &Slot) {
    let record = slot.read();
    slot.clear();
    if let Some(record) = record {
        let _ = local::report(|| {
            let lock = record.acquisition();
            if gate::has(gate::EVENTS) {
                event::released(&lock);
            }
            if let Some(checker) = judge::plugged() {
                checker.released(&lock);
            }
        });
    }
}

pub(crate) fn timed_out(timed_out: &TimedOut) {
    let _ = local::report(|| event::timed_out(timed_out));
}

/// The tracing span that the caller is in.
pub(super) fn span() -> Option<&'static str> {
    local::report(|| tracing::Span::current().metadata().map(tracing::Metadata::name))?.ok()?
}

/// Does what the policy says.
pub(super) fn violated(violation: &Violation) {
    if let Some(Policy::Panic) = say(violation) {
        match may_panic() {
            true => panic!("{violation}"),
            false => print(violation),
        }
    }
}

/// As `violated`, where a panic would hit somebody who has no part in it.
#[cfg(feature = "tokio")]
pub(super) fn told(violation: &Violation) {
    if let Some(Policy::Panic) = say(violation) {
        print(violation);
    }
}

/// Does all that a policy says but to panic; returns it if somebody is to be told.
fn say(violation: &Violation) -> Option<Policy> {
    if testing::collect(violation) || policy::is_suppressed(violation) {
        return None;
    }
    let policy = policy::of(violation);
    let is_told = match policy {
        Policy::Ignore => false,
        Policy::Log => policy::is_new(violation),
        _ => true,
    };
    if is_told {
        let _ = local::report(|| event::violated(violation));
    }
    if let Policy::Callback(callback) = &policy {
        if let Some(Err(panic)) = local::report(|| callback(violation)) {
            if may_panic() {
                resume_unwind(panic);
            }
            print(violation);
        }
    }
    Some(policy)
}

/// Whether a panic would do more than end the process.
fn may_panic() -> bool {
    !std::thread::panicking() && !in_thread_local_destructor()
}

fn print(violation: &Violation) {
    // A closed standard error leaves nowhere to say so.
    let _ = writeln!(std::io::stderr(), "{violation}");
}

/// Whether a thread-local is being destroyed: std has no way to ask, but its frames have names. Only asked
/// before a panic, so it may be slow.
fn in_thread_local_destructor() -> bool {
    const PARTS: [&str; 4] = ["destructors::", "destroy", "run_dtors", "guard::"];
    let frames = Backtrace::force_capture().to_string();
    frames
        .lines()
        .filter_map(|frame| frame.split_once("std::sys::thread_local::"))
        .any(|(_, name)| PARTS.iter().any(|part| name.contains(part)))
}
