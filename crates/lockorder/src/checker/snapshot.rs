//! What is held now, for reports.

use std::sync::atomic::Ordering;

use super::block::Block;
use super::local::{self, Tag};
use super::pool;
use super::slot::Record;
use crate::ask::Ask;
use crate::report::{HeldLock, Holder};

/// Who holds this lock now.
pub(crate) fn holders(ask: &Ask) -> Vec<HeldLock> {
    let wanted = Record::of(ask);
    held_locks(|held| held.is_same_lock(&wanted))
}

/// What is held now, everywhere.
pub(crate) fn snapshot() -> Vec<HeldLock> {
    held_locks(|_| true)
}

/// Who runs here.
pub(super) fn caller() -> Holder {
    let thread = local::thread().map(|block| block.thread.lock().clone());
    let (task, tag) = (local::task(), local::tag());
    holder(thread, task, tag)
}

/// What runs here, or did.
#[cfg(feature = "tokio")]
pub(super) fn caller_as(task: Tag, tag: Tag) -> Holder {
    holder(local::thread().map(|block| block.thread.lock().clone()), task, tag)
}

fn held_locks(wanted: impl Fn(&Record) -> bool) -> Vec<HeldLock> {
    let blocks = pool::all();
    let records = blocks.iter().flat_map(|&block| block.records().map(move |r| (block, r)));
    records
        .filter(|(_, record)| wanted(record))
        .map(|(block, record)| HeldLock {
            lock: record.acquisition(),
            holder: holder_of(&blocks, block, &record),
        })
        .collect()
}

fn holder_of(blocks: &[&'static Block], block: &'static Block, record: &Record) -> Holder {
    match block.owner.load(Ordering::Relaxed) {
        // A thread, or what it drives itself; it may have locked in a task.
        0 => holder(Some(block.thread.lock().clone()), task_of(blocks, record.tag), record.tag),
        // A task has no thread of its own: the one that it locked on may run others by now.
        owner => holder(None, task_of(blocks, owner), owner),
    }
}

/// The task that a tag stands for: itself, or the one that a branch is of.
fn task_of(blocks: &[&'static Block], tag: Tag) -> Tag {
    if tag & local::BRANCH == 0 {
        return tag;
    }
    let branch = blocks.iter().find(|block| block.owner.load(Ordering::Relaxed) == tag);
    branch.map_or(0, |branch| branch.task.load(Ordering::Relaxed))
}

fn holder(thread: Option<String>, task: Tag, tag: Tag) -> Holder {
    Holder {
        thread,
        task: (task != 0).then_some(task),
        branch: (tag & local::BRANCH != 0).then_some(tag ^ local::BRANCH),
    }
}
