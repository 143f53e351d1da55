//! Tasks that somebody waits for: what the waiter holds counts for them.
//!
//! A task that was spawned through this crate runs as a branch of itself, so that its acquisitions are
//! looked at longer; that branch knows its waiter. What the waiter holds is noted each time that it looks
//! after the task, which is before it is suspended: what it takes later it took because it no longer waits,
//! and what it released by then is seen by the slot, which counts its records.

use std::sync::Arc;
use std::task::Waker;

use parking_lot::Mutex;

use super::branch::BranchHolder;
use super::slot::{Record, Slot};
use super::{examine, gate, local};
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

#[derive(Clone)]
struct Waiter {
    /// What it holds, and which record of the slot that is.
    held: Vec<(&'static Slot, u64)>,
    /// Who waits for it in turn.
    awaited: Vec<Awaited>,
}

impl Awaited {
    /// Nobody waits yet.
    pub(crate) fn nobody() -> Self {
        Self::default()
    }

    /// The caller waits from now on.
    pub(crate) fn begin(&self) {
        gate::set(gate::TASKS);
        let waiter = Waiter { held: examine::held_by_task(), awaited: local::awaited() };
        let mut state = self.0.lock();
        let before = state.waiter.replace(waiter);
        let (waker, blocked) = (state.waker.clone(), state.blocked);
        drop(state);
        if before.is_none() {
            // What the task waits for by now was checked before it had a waiter.
            waker.into_iter().for_each(Waker::wake);
            blocked.into_iter().for_each(|ask| examine::reports_of_child(&ask, &self.records()));
        }
    }

    /// Nobody waits any more.
    pub(crate) fn end(&self) {
        // After the lock: what it holds may be the last of another.
        let waiter = self.0.lock().waiter.take();
        drop(waiter);
    }

    /// The task has ended: nobody need wake it.
    pub(super) fn ended(&self) {
        let waker = self.0.lock().waker.take();
        drop(waker);
    }

    /// The task is polled.
    pub(super) fn polled(&self, waker: &Waker) {
        let mut state = self.0.lock();
        if !state.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            let before = state.waker.replace(waker.clone());
            drop(state);
            drop(before);
        }
    }

    /// The task is blocked by a lock, or no longer. Returns what it was blocked by before.
    pub(super) fn blocked(&self, by: Option<Ask>) -> Option<Ask> {
        std::mem::replace(&mut self.0.lock().blocked, by)
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

    /// What the waiter holds, and whoever waits for it, each once: waiters may wait for each other.
    pub(super) fn records(&self) -> Vec<(Record, &'static Slot)> {
        let (mut open, mut seen, mut records) = (vec![self.clone()], Vec::new(), Vec::new());
        while let Some(awaited) = open.pop() {
            if seen.contains(&Arc::as_ptr(&awaited.0)) {
                continue;
            }
            seen.push(Arc::as_ptr(&awaited.0));
            let Some(waiter) = awaited.0.lock().waiter.clone() else { continue };
            let same = |(slot, number): (&'static Slot, u64)| Some((slot.read_same(number)?, slot));
            records.extend(waiter.held.into_iter().filter_map(same));
            open.extend(waiter.awaited);
        }
        records
    }
}
