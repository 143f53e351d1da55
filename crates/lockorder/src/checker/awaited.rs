//! Tasks that somebody waits for: what the waiter holds counts for them.
//!
//! A task that was spawned through this crate runs as a branch of itself, so that its acquisitions are
//! looked at longer; the block of that branch leads to those of its waiter, from the moment it is waited
//! for. They may lead on, if the waiter is waited for in turn.

use std::sync::Arc;

use parking_lot::Mutex;

use super::block::Block;
use super::branch::BranchHolder;
use super::local::{self, Tag};
use super::{gate, slot::Record};

/// Who waits for a task. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Awaited(Arc<Mutex<Option<Waiter>>>);

struct Waiter {
    /// The task or thread, and the branches of it, that wait.
    blocks: Vec<&'static Block>,
    /// The thread it waits on, whose blocking locks count where they are the waiter's own.
    thread: Option<(&'static Block, Vec<Tag>)>,
}

impl Awaited {
    /// The caller waits from now on.
    pub(crate) fn begin(&self) {
        gate::set(gate::TASKS);
        let lineage = local::lineage();
        let tags = lineage.tags();
        let blocks = lineage.branches.into_iter().chain(lineage.base).collect();
        let thread = local::thread().map(|thread| (thread, tags));
        *self.0.lock() = Some(Waiter { blocks, thread });
    }

    /// Nobody waits any more.
    pub(crate) fn end(&self) {
        *self.0.lock() = None;
    }

    /// Calls a function in the name of the task that runs it.
    pub(crate) fn around<T, F: FnOnce() -> T>(&self, f: F) -> impl FnOnce() -> T + use<T, F> {
        let mut holder = BranchHolder::awaited(self.clone());
        move || match holder.enter() {
            Some(block) => {
                let result = local::within(block, f);
                holder.end();
                result
            }
            None => f(),
        }
    }

    /// What the waiter holds, and whoever waits for it.
    pub(super) fn records(&self) -> Vec<(Record, &'static super::slot::Slot)> {
        let mut records = Vec::new();
        self.collect(&mut records, 0);
        records
    }

    fn collect(&self, records: &mut Vec<(Record, &'static super::slot::Slot)>, depth: usize) {
        /// No program waits so deep; a cycle of waiters would.
        const DEEPEST: usize = 64;
        let waiter = self.0.lock();
        let Some(waiter) = waiter.as_ref().filter(|_| depth < DEEPEST) else { return };
        for block in &waiter.blocks {
            records.extend(block.live_records());
            if let Some(awaited) = block.family.awaited() {
                awaited.collect(records, depth + 1);
            }
        }
        if let Some((thread, tags)) = &waiter.thread {
            records.extend(thread.live_records().filter(|(record, _)| tags.contains(&record.tag)));
        }
    }
}
