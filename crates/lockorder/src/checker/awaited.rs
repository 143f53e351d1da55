//! Tasks that somebody waits for: what the waiter holds counts for them.
//!
//! A task that was spawned through this crate runs as a branch of itself, so that its acquisitions are
//! looked at longer; the block of that branch leads to those of its waiter, from the moment it is waited
//! for. They may lead on, if the waiter is waited for in turn.

use std::sync::Arc;
use std::task::Waker;

use parking_lot::Mutex;

use super::block::Block;
use super::branch::BranchHolder;
use super::local::{self, Tag};
use super::slot::{Record, Slot};
use super::{examine, gate};
use crate::ask::Ask;

/// Who waits for a task. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Awaited(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    waiter: Option<Waiter>,
    /// What lets the task check again what it waits for.
    waker: Option<Waker>,
    /// The lock that the task, on a thread of its own, is blocked by.
    blocked: Option<Ask>,
}

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
        let mut state = self.0.lock();
        let is_new = state.waiter.replace(Waiter { blocks, thread }).is_none();
        let (waker, blocked) = (state.waker.clone(), state.blocked);
        drop(state);
        if is_new {
            // What the task waits for by now was checked before it had a waiter.
            waker.into_iter().for_each(Waker::wake);
            blocked.into_iter().for_each(|ask| examine::reports_of_child(&ask, &self.records()));
        }
    }

    /// Nobody waits any more.
    pub(crate) fn end(&self) {
        self.0.lock().waiter = None;
    }

    /// The task is polled.
    pub(super) fn polled(&self, waker: &Waker) {
        let mut state = self.0.lock();
        if !state.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
    }

    /// The task is blocked by a lock, or no longer.
    pub(super) fn blocked(&self, by: Option<Ask>) {
        self.0.lock().blocked = by;
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
    pub(super) fn records(&self) -> Vec<(Record, &'static Slot)> {
        let mut records = Vec::new();
        self.collect(&mut records, 0);
        records
    }

    fn collect(&self, records: &mut Vec<(Record, &'static Slot)>, depth: usize) {
        /// No program waits so deep; a cycle of waiters would.
        const DEEPEST: usize = 64;
        let state = self.0.lock();
        let Some(waiter) = state.waiter.as_ref().filter(|_| depth < DEEPEST) else { return };
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
