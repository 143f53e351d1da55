//! The checker: what is held, and whether one more lock may be asked for.
//!
//! `slot` is one held lock and `block` those of one holder; `pool` owns the blocks, `local` and `tasks`
//! find the block of whoever is running, `rules` and `learned` judge. Lock types call three functions:
//! [`check`] before they block, [`hold`] once they have the lock, and drop the [`Held`] it returned.

mod block;
#[cfg(feature = "tokio")]
mod branch;
mod learned;
mod local;
mod pool;
mod rules;
mod slot;
#[cfg(feature = "tokio")]
mod tasks;

use std::backtrace::Backtrace;
use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::Duration;

use block::Block;
#[cfg(feature = "tokio")]
pub use branch::Branch;
use slot::{Record, Slot};

use crate::ask::{Ask, Keeper};
use crate::event;
use crate::policy::{self, Policy};
use crate::report::{HeldLock, Holder};
use crate::violation::Violation;

/// When an acquisition began; 0 if nobody listens.
#[derive(Clone, Copy)]
pub(crate) struct Asked(u64);

impl Asked {
    /// Of a lock that was only tried.
    pub(crate) const NEVER: Self = Self(0);
}

/// A held lock's record: cleared when it is dropped, on any thread.
pub(crate) struct Held {
    /// `None` where the thread was past recording.
    slot: Option<&'static Slot>,
}

/// Reports the acquisition if it could deadlock.
#[inline]
pub(crate) fn check(ask: &Ask) -> Asked {
    let asked = if event::wanted() {
        say_asked(ask)
    } else {
        Asked::NEVER
    };
    if !is_clear(ask) {
        examine(ask);
    }
    asked
}

/// Records the acquired lock.
#[inline]
pub(crate) fn hold(ask: &Ask, asked: Asked) -> Held {
    let block = match ask.keeper {
        Keeper::Thread => local::thread(),
        #[cfg(feature = "tokio")]
        Keeper::Task => local::holder(),
    };
    let since = if event::wanted() { event::now() } else { 0 };
    let record = Record {
        since,
        ..record(ask)
    };
    let slot = block.map(|block| block.claim(&record));
    if since != 0 {
        say_acquired(&record, asked);
    }
    Held { slot }
}

impl Drop for Held {
    #[inline]
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            if slot.since() != 0 && event::wanted() {
                say_released(slot);
            }
            slot.clear();
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
        Keeper::Thread => {
            thread.admits(ask.class) && local::lineage().all(|block| block.admits(ask.class))
        }
        #[cfg(feature = "tokio")]
        Keeper::Task => thread.trim() == 0 && local::lineage().all(|block| block.admits(ask.class)),
    }
}

/// Looks at every lock that counts.
#[cold]
#[inline(never)]
fn examine(ask: &Ask) {
    if local::is_reporting() {
        return;
    }
    let wanted = record(ask);
    let held = held_by_caller(ask.keeper);
    if let Some((kind, culprit)) = rules::judge(&wanted, &held) {
        let violation = Violation {
            kind,
            wanted: wanted.acquisition(),
            held: culprit.acquisition(),
            holder: caller(),
            span: tracing::Span::current()
                .metadata()
                .map(tracing::Metadata::name),
            also_held: held
                .iter()
                .filter(|h| !std::ptr::eq(*h, culprit))
                .map(Record::acquisition)
                .collect(),
        };
        report(&violation);
    }
}

/// The locks that count for the caller: a blocking acquisition stops the thread, so everything that the
/// thread holds counts; an async one stops only its task or branch, so only what that took does.
fn held_by_caller(keeper: Keeper) -> Vec<Record> {
    let tags: Vec<_> = local::lineage()
        .map(|block| block.owner.load(Ordering::Relaxed))
        .chain([local::tag()])
        .collect();
    let counts = |record: &Record| matches!(keeper, Keeper::Thread) || tags.contains(&record.tag);
    let blocking = local::thread()
        .into_iter()
        .flat_map(Block::records)
        .filter(counts);
    let mut held: Vec<Record> = local::lineage().flat_map(Block::records).collect();
    held.extend(blocking);
    held
}

fn report(violation: &Violation) {
    let policy = policy::policy();
    local::report(|| {
        event::violated(violation);
        if let Policy::Callback(callback) = &policy {
            callback(violation);
        }
    });
    if matches!(policy, Policy::Panic) {
        if std::thread::panicking() || in_thread_local_destructor() {
            // To panic here would abort. A closed standard error leaves nowhere to say so.
            let _ = writeln!(std::io::stderr(), "{violation}");
        } else {
            panic!("{violation}");
        }
    }
}

/// Whether a thread-local is being destroyed: std has no way to ask, but its frames have names. Only asked
/// before a panic, so it may be slow.
fn in_thread_local_destructor() -> bool {
    let frames = Backtrace::force_capture().to_string();
    frames.lines().any(|frame| {
        frame.contains("thread_local")
            && ["::destructors::", "::destroy", "::run_dtors", "::guard::"]
                .iter()
                .any(|name| frame.contains(name))
    })
}

#[inline]
fn record(ask: &Ask) -> Record {
    Record {
        class: ask.class,
        site: ask.site,
        instance: ask.instance,
        key: ask.key,
        mode: ask.mode,
        tag: local::tag(),
        since: 0,
    }
}

fn caller() -> Holder {
    holder(
        std::thread::current().name().map(str::to_owned),
        local::lineage(),
        local::tag(),
    )
}

fn holder(
    thread: Option<String>,
    lineage: impl Iterator<Item = &'static Block>,
    tag: local::Tag,
) -> Holder {
    let mut tags: Vec<_> = lineage
        .map(|block| block.owner.load(Ordering::Relaxed))
        .collect();
    tags.insert(0, tag);
    Holder {
        thread,
        task: tags
            .iter()
            .copied()
            .find(|&tag| tag != 0 && tag & local::BRANCH == 0),
        branch: tags
            .iter()
            .copied()
            .find(|&tag| tag & local::BRANCH != 0)
            .map(|b| b ^ local::BRANCH),
    }
}

fn held_locks(wanted: impl Fn(&Record) -> bool) -> Vec<HeldLock> {
    pool::all()
        .into_iter()
        .flat_map(|block| block.records().map(move |record| (block, record)))
        .filter(|(_, record)| wanted(record))
        .map(|(block, record)| HeldLock {
            lock: record.acquisition(),
            holder: holder(
                block.thread.lock().clone(),
                std::iter::once(block).chain(std::iter::successors(block.parent.load(), |b| {
                    b.parent.load()
                })),
                record.tag,
            ),
        })
        .collect()
}

#[cold]
#[inline(never)]
fn say_asked(ask: &Ask) -> Asked {
    local::report(|| event::asked(&record(ask).acquisition()));
    Asked(event::now())
}

#[cold]
#[inline(never)]
fn say_acquired(record: &Record, asked: Asked) {
    let wait = if asked.0 == 0 {
        Duration::ZERO
    } else {
        event::since(asked.0)
    };
    local::report(|| event::acquired(&record.acquisition(), wait));
}

#[cold]
#[inline(never)]
fn say_released(slot: &Slot) {
    if let Some(record) = slot.read() {
        local::report(|| event::released(&record.acquisition()));
    }
}
