//! Tasks that were suspended with a blocking lock.
//!
//! Whoever else runs on that thread and wants the lock stops the thread, and with it the task that could
//! release it. No wait between two locks shows this, so it is reported by itself, once for each guard: for
//! a [`branch`](crate::branch), and a task spawned through this crate, when it is suspended; for other
//! tasks, when the next task locks something on that thread.
//!
//! A `block_on` root, which tokio does not number, cannot be told from its thread and is not reported.
//! That another task of the same runtime runs on a thread shows that the last one there is suspended. One
//! of another runtime may run inside of it, in a `block_on`; and a task may drop what another one returned, in
//! whose name tokio runs that: so this says it, and never panics for it.

use std::sync::atomic::Ordering;

use super::block::Block;
use super::local::{self, Tag};
use super::slot::{Record, Slot};
use super::{say, snapshot};
use crate::judge;
use crate::report::Holder;
use crate::violation::{Violation, ViolationKind};

/// A branch was suspended.
pub(super) fn branch(branch: &'static Block) {
    let tag = branch.owner.load(Ordering::Relaxed);
    let holder = snapshot::caller_as(branch.task.load(Ordering::Relaxed), tag);
    report(tag, holder, say::violated);
}

/// Another task of its runtime runs on the thread of this one.
pub(super) fn task(tag: Tag) {
    // Whoever runs here now has no part in it, so it does not panic.
    report(tag, snapshot::caller_as(tag, tag), say::told);
}

fn report(tag: Tag, holder: Holder, say: fn(&Violation)) {
    if local::is_reporting() || !judge::reports(ViolationKind::HeldAcrossAwait) {
        return;
    }
    let Some(thread) = local::known_thread() else { return };
    let own = |(record, slot): &(Record, &'static Slot)| record.tag == tag && slot.tell();
    let held: Vec<_> = thread.live_records().filter(own).map(|(r, _)| r.acquisition()).collect();
    let Some((last, others)) = held.split_last() else { return };
    say(&Violation {
        kind: ViolationKind::HeldAcrossAwait,
        wanted: None,
        held: last.clone(),
        holder,
        span: None,
        also_held: others.to_vec(),
        learned: Vec::new(),
        may_be_arms: false,
    });
}
