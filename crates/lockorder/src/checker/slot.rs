//! One held lock, in a place that anybody may clear and anybody may read.
//!
//! A slot is written by its holder alone, who is one thread at a time, and cleared by whoever drops the
//! guard. `state` is even while the slot is free and odd while it is live, and rises with each change; so
//! a reader on another thread knows that what it read belongs together if `state` is the same afterwards.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};

use crossbeam_utils::atomic::AtomicCell;

use crate::Class;
use crate::event;
use crate::report::{Acquisition, Mode, Site};

#[derive(Default)]
pub(super) struct Slot {
    state: AtomicU64,
    class: AtomicCell<Option<&'static Class>>,
    /// The highest class live in this slot and those below it, or a higher one that is gone since.
    /// `None` if they are not all of one table.
    high: AtomicCell<Option<&'static Class>>,
    site: AtomicCell<Option<Site>>,
    instance: AtomicUsize,
    key: AtomicU64,
    mode: AtomicU64,
    /// The task or branch that took it, see [`Tag`](super::Tag).
    tag: AtomicU64,
    /// The task in which it was taken, also if a branch took it; 0 outside of tasks.
    task: AtomicU64,
    /// When it was acquired; 0 if nobody measured.
    since: AtomicU64,
}

/// What a slot says while it is live.
#[derive(Clone, Copy)]
pub(super) struct Record {
    pub(super) class: &'static Class,
    pub(super) site: Site,
    pub(super) instance: usize,
    pub(super) key: u64,
    pub(super) mode: Mode,
    pub(super) tag: u64,
    pub(super) task: u64,
    pub(super) since: u64,
}

impl Slot {
    #[inline]
    pub(super) fn is_live(&self) -> bool {
        self.state.load(Ordering::Acquire) & 1 == 1
    }

    #[inline]
    pub(super) fn high(&self) -> Option<&'static Class> {
        self.high.load()
    }

    #[inline]
    pub(super) fn raise(&self, high: Option<&'static Class>) {
        self.high.store(high);
    }

    /// Makes a free slot live. For its holder only.
    #[inline]
    pub(super) fn fill(&self, record: &Record) {
        // Nobody may see a part of this record and take it for a part of the last one.
        fence(Ordering::Release);
        self.class.store(Some(record.class));
        self.site.store(Some(record.site));
        self.instance.store(record.instance, Ordering::Relaxed);
        self.key.store(record.key, Ordering::Relaxed);
        self.mode.store(pack(record.mode), Ordering::Relaxed);
        self.tag.store(record.tag, Ordering::Relaxed);
        self.task.store(record.task, Ordering::Relaxed);
        self.since.store(record.since, Ordering::Relaxed);
        self.state.store(self.state.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    /// Ends the record. For the one owner of its guard, on any thread.
    #[inline]
    pub(super) fn clear(&self) {
        self.state.store(self.state.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    /// The acquisition time, 0 if nobody measured. For the owner of the guard.
    #[inline]
    pub(super) fn since(&self) -> u64 {
        self.since.load(Ordering::Relaxed)
    }

    /// Passes the record on, if it is `from`'s. For its holder only.
    #[cfg(feature = "tokio")]
    pub(super) fn retag(&self, from: u64, to: u64) {
        if self.is_live() && self.tag.load(Ordering::Relaxed) == from {
            self.tag.store(to, Ordering::Relaxed);
        }
    }

    /// The record, if the slot is live and was not changed while it was read.
    pub(super) fn read(&self) -> Option<Record> {
        let state = self.state.load(Ordering::Acquire);
        if state & 1 == 0 {
            return None;
        }
        let record = Record {
            class: self.class.load()?,
            site: self.site.load()?,
            instance: self.instance.load(Ordering::Relaxed),
            key: self.key.load(Ordering::Relaxed),
            mode: unpack(self.mode.load(Ordering::Relaxed)),
            tag: self.tag.load(Ordering::Relaxed),
            task: self.task.load(Ordering::Relaxed),
            since: self.since.load(Ordering::Relaxed),
        };
        fence(Ordering::Acquire);
        (self.state.load(Ordering::Relaxed) == state).then_some(record)
    }
}

impl Record {
    pub(super) fn acquisition(&self) -> Acquisition {
        Acquisition {
            class: self.class,
            key: self.class.is_keyed().then_some(self.key),
            instance: self.instance,
            mode: self.mode,
            site: self.site,
            held_for: (self.since != 0).then(|| event::since(self.since)),
        }
    }

    pub(super) fn is_same_lock(&self, other: &Self) -> bool {
        self.instance == other.instance && self.class == other.class
    }
}

fn pack(mode: Mode) -> u64 {
    match mode {
        Mode::Exclusive => 0,
        Mode::Shared => 1,
        Mode::Permits(n) => u64::from(n) << 2 | 2,
    }
}

fn unpack(mode: u64) -> Mode {
    match mode & 3 {
        0 => Mode::Exclusive,
        1 => Mode::Shared,
        // Only 32 bits were packed.
        _ => Mode::Permits((mode >> 2) as u32),
    }
}
