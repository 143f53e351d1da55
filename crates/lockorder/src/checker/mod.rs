//! The checker: what is held, and whether one more lock may be asked for.
//!
//! `slot` is one held lock, `block` those of one holder, `family` the branches of one task; `pool` owns the
//! blocks, `local` and `tasks` find the block of whoever is running, `rules` and `learned` judge, `say`
//! tells. Lock types call three functions: [`check`] before they block, [`hold`] once they have the lock,
//! and drop the [`Held`] it returned.

mod block;
#[cfg(feature = "tokio")]
mod branch;
mod family;
mod learned;
mod local;
mod pool;
mod rules;
mod say;
mod slot;
#[cfg(feature = "tokio")]
mod tasks;

use std::sync::atomic::Ordering;

use block::Block;
#[cfg(feature = "tokio")]
pub use branch::Branch;
pub(crate) use say::timed_out;
use slot::{Record, Slot};

use crate::ask::{Ask, Keeper};
use crate::event;
use crate::report::{HeldLock, Holder, Mode};
use crate::violation::Violation;

/// When an acquisition began (0 if nobody listens), and what the check said.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    at: u64,
    #[cfg_attr(not(feature = "tokio"), expect(dead_code, reason = "only futures check again"))]
    reported: bool,
}

impl Asked {
    /// Of a lock that was only tried.
    pub(crate) const NEVER: Self = Self { at: 0, reported: false };

    /// Whether the acquisition was reported.
    #[cfg(feature = "tokio")]
    pub(crate) fn was_reported(self) -> bool {
        self.reported
    }
}

/// A held lock's record: cleared when it is dropped, on any thread.
pub(crate) struct Held {
    /// `None` where the thread was past recording.
    slot: Option<&'static Slot>,
}

/// Reports the acquisition if it could deadlock.
#[inline]
pub(crate) fn check(ask: &Ask) -> Asked {
    let at = if event::wanted() { say::asked(&record(ask)) } else { 0 };
    Asked { at, reported: check_again(ask) }
}

/// Checks once more, against what is held by now; true if that was reported.
#[inline]
pub(crate) fn check_again(ask: &Ask) -> bool {
    !is_clear(ask) && examine(ask)
}

/// Records the acquired lock.
#[inline]
pub(crate) fn hold(ask: &Ask, asked: Asked) -> Held {
    let block = match ask.keeper {
        _ if matches!(ask.mode, Mode::Permits(0)) => None,
        Keeper::Thread => local::thread(),
        #[cfg(feature = "tokio")]
        Keeper::Task => local::holder(),
    };
    let since = if event::wanted() { event::now() } else { 0 };
    let record = Record { since, ..record(ask) };
    let held = Held { slot: block.map(|block| block.claim(&record)) };
    if since != 0 {
        say::acquired(&record, asked.at);
    }
    held
}

impl Drop for Held {
    #[inline]
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            if slot.since() != 0 && event::wanted() {
                say::released(slot);
            } else {
                slot.clear();
            }
        }
    }
}

/// Who holds this lock now.
pub(crate) fn holders(ask: &Ask) -> Vec<HeldLock> {
    let wanted = record(ask);
    held_locks(|held| held.is_same_lock(&wanted))
}

/// What is held now, everywhere.
pub(crate) fn snapshot() -> Vec<HeldLock> {
    held_locks(|_| true)
}

/// Whether one look at the newest marks shows that nothing speaks against the acquisition.
#[inline]
fn is_clear(ask: &Ask) -> bool {
    let Some(thread) = local::thread() else {
        return true;
    };
    match ask.keeper {
        Keeper::Thread => thread.admits(ask.class) && local::admits(ask.class, true),
        #[cfg(feature = "tokio")]
        Keeper::Task => thread.trim() == 0 && local::admits(ask.class, false),
    }
}

/// Looks at every lock that counts; true if the acquisition was reported.
#[cold]
#[inline(never)]
fn examine(ask: &Ask) -> bool {
    if local::is_reporting() {
        return false;
    }
    let wanted = record(ask);
    let held = held_by_caller(ask.keeper);
    let Some((kind, culprit)) = rules::judge(&wanted, &held) else {
        return false;
    };
    let also_held = held.iter().filter(|h| !std::ptr::eq(*h, culprit));
    say::violated(&Violation {
        kind,
        wanted: wanted.acquisition(),
        held: culprit.acquisition(),
        holder: caller(),
        span: say::span(),
        also_held: also_held.map(Record::acquisition).collect(),
    });
    true
}

/// The locks that count for the caller.
///
/// A blocking acquisition stops the thread and with it the task: everything that the thread holds counts,
/// and the async locks of all branches of the task. An async one stops only its task or branch: what that
/// took counts, with what was held around it and what ended branches left to it.
fn held_by_caller(keeper: Keeper) -> Vec<Record> {
    let local::Lineage { branches, base } = local::lineage();
    let stops_thread = matches!(keeper, Keeper::Thread);
    let (mut tags, mut held) = (vec![local::task()], Vec::new());
    let mut take = |block: &'static Block| {
        tags.push(block.owner.load(Ordering::Relaxed));
        held.extend(block.records());
    };
    if let Some(base) = base {
        base.family.for_each_branch(|branch| {
            if stops_thread || branch.family.is_left_to(&branches) {
                take(branch);
            }
        });
        take(base);
    }
    if !stops_thread {
        branches.into_iter().for_each(take);
    }
    let counts = |record: &Record| stops_thread || tags.contains(&record.tag);
    held.extend(local::thread().into_iter().flat_map(Block::records).filter(counts));
    held
}

#[inline]
fn record(ask: &Ask) -> Record {
    let (task, tag) = local::task_and_tag();
    Record {
        class: ask.class,
        site: ask.site,
        instance: ask.instance,
        key: ask.key,
        mode: ask.mode,
        tag,
        task,
        since: 0,
    }
}

fn caller() -> Holder {
    let thread = local::thread().map(|block| block.thread.lock().clone());
    let (task, tag) = local::task_and_tag();
    holder(thread, task, tag)
}

fn holder(thread: Option<String>, task: local::Tag, tag: local::Tag) -> Holder {
    Holder {
        thread,
        task: (task != 0).then_some(task),
        branch: (tag & local::BRANCH != 0).then_some(tag ^ local::BRANCH),
    }
}

fn held_locks(wanted: impl Fn(&Record) -> bool) -> Vec<HeldLock> {
    pool::all()
        .into_iter()
        .flat_map(|block| block.records().map(move |record| (block, record)))
        .filter(|(_, record)| wanted(record))
        .map(|(block, record)| {
            // A task has no thread of its own: the one that it locked on may run others by now.
            let has_thread = block.owner.load(Ordering::Relaxed) == 0;
            let thread = has_thread.then(|| block.thread.lock().clone());
            HeldLock { lock: record.acquisition(), holder: holder(thread, record.task, record.tag) }
        })
        .collect()
}
