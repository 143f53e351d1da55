//! The locks that one holder holds.
//!
//! A block is written by one thread at a time: the thread it belongs to, or the one that polls the task it
//! belongs to. Guards that are dropped elsewhere clear their slot and touch nothing else. Blocks are never
//! freed, only used again, so a slot outlives every guard that points to it.
//!
//! Slots are filled from below, and `top` falls lazily past those that were cleared. Each slot carries the
//! highest class at and below it, so the rank check reads one slot however many are live. That mark is an
//! upper bound (a lock may be released out of order); a failed check walks the slots and knows exactly.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::family::Family;
use super::pool;
use super::slot::{Record, Slot};
use crate::Class;

/// Slots that need no allocation.
const FIRST: usize = 16;
/// Doublings after which a holder would hold 2^24 locks.
const DOUBLINGS: usize = 20;

/// Padded to two cache lines, so that two threads that check their own blocks never share one.
#[repr(align(128))]
pub(super) struct Block {
    /// The slots below it may be live, those from it on are free.
    top: AtomicUsize,
    /// Who writes it: changes with each new owner, see `tasks`.
    pub(super) stamp: AtomicU64,
    /// The task or branch it belongs to; 0 for a thread and for what a thread drives itself.
    pub(super) owner: AtomicU64,
    /// What makes it a part of others, or others of it.
    pub(super) family: Family,
    /// The name of the thread it belongs to, if it is one's.
    pub(super) thread: Mutex<String>,
    first: [Slot; FIRST],
    more: [OnceLock<Box<[Slot]>>; DOUBLINGS],
}

impl Block {
    pub(super) fn new() -> Self {
        Self {
            top: AtomicUsize::new(0),
            stamp: AtomicU64::new(0),
            owner: AtomicU64::new(0),
            family: Family::default(),
            thread: Mutex::new(String::new()),
            first: std::array::from_fn(|_| Slot::default()),
            more: [const { OnceLock::new() }; DOUBLINGS],
        }
    }

    /// Forgets the last owner. For the pool, before it hands out an empty block.
    pub(super) fn disown(&self) {
        self.stamp.store(0, Ordering::Relaxed);
        self.owner.store(0, Ordering::Relaxed);
        self.family.disown();
    }

    /// The number of slots that may be live. For the owner.
    #[inline]
    pub(super) fn trim(&'static self) -> usize {
        let before = self.top.load(Ordering::Relaxed);
        let mut top = before;
        while top > 0 && !self.slot(top - 1).is_live() {
            top -= 1;
        }
        if top != before {
            self.top.store(top, Ordering::Relaxed);
        }
        top
    }

    /// Whether a lock of this class is surely above everything held. For the owner.
    #[inline]
    pub(super) fn admits(&'static self, class: &Class) -> bool {
        match self.trim() {
            0 => true,
            top => self.slot(top - 1).high().is_some_and(|high| high.is_before(class)),
        }
    }

    /// Records a held lock. For the owner.
    #[inline]
    pub(super) fn claim(&'static self, record: &Record) -> &'static Slot {
        let top = self.trim();
        if top >= FIRST && self.is_boundary(top) {
            if let Some(slot) = self.claim_hole(top, record) {
                return slot;
            }
        }
        let high = match top {
            0 => Some(record.class),
            _ => match self.slot(top - 1).high() {
                Some(high) if high.is_before(record.class) => Some(record.class),
                _ => self.high_with(top, record.class),
            },
        };
        let slot = self.slot(top);
        slot.raise(high);
        slot.fill(record);
        self.top.store(top + 1, Ordering::Relaxed);
        slot
    }

    /// Whether nothing is live, in it and in branches of it. Exact for the owner; for others, true of some
    /// moment.
    pub(super) fn is_empty(&'static self) -> bool {
        !self.family.has_branches() && self.records().next().is_none()
    }

    /// Takes what ended branches left behind and is empty by now back to the pool.
    pub(super) fn clear_away(&self) {
        self.family.clear_away().into_iter().for_each(pool::give_back);
    }

    /// Passes what one branch took on to another holder. For the owner.
    #[cfg(feature = "tokio")]
    pub(super) fn retag(&'static self, from: u64, to: u64) {
        (0..self.trim()).for_each(|i| self.slot(i).retag(from, to));
    }

    /// What is live, from below.
    pub(super) fn records(&'static self) -> impl Iterator<Item = Record> {
        (0..self.top.load(Ordering::Acquire)).filter_map(|i| self.slot(i).read())
    }

    #[inline]
    fn slot(&'static self, index: usize) -> &'static Slot {
        match self.first.get(index) {
            Some(slot) => slot,
            None => self.far_slot(index),
        }
    }

    /// Chunk `n` holds the `FIRST << n` slots from index `FIRST << n` on.
    #[cold]
    fn far_slot(&'static self, index: usize) -> &'static Slot {
        let chunk = (index / FIRST).ilog2() as usize;
        let len = FIRST << chunk;
        let slots = self.more[chunk]
            .get_or_init(|| std::iter::repeat_with(Slot::default).take(len).collect());
        &slots[index - len]
    }

    /// Whether the slot at `top` would be the first of a chunk: the moment to look for holes below, so
    /// that a chain of hand-over-hand locks does not grow for ever.
    fn is_boundary(&self, top: usize) -> bool {
        top % FIRST == 0 && (top / FIRST).is_power_of_two()
    }

    #[cold]
    fn claim_hole(&'static self, top: usize, record: &Record) -> Option<&'static Slot> {
        let hole = (0..top).find(|&i| !self.slot(i).is_live())?;
        (hole..top).for_each(|i| {
            let slot = self.slot(i);
            slot.raise(slot.high().and_then(|high| higher(high, record.class)));
        });
        let slot = self.slot(hole);
        slot.fill(record);
        Some(slot)
    }

    /// The exact mark after an acquisition that the bound did not admit.
    #[cold]
    fn high_with(&'static self, top: usize, class: &'static Class) -> Option<&'static Class> {
        (0..top)
            .filter_map(|i| self.slot(i).read())
            .try_fold(class, |high, record| higher(high, record.class))
    }
}

fn higher(a: &'static Class, b: &'static Class) -> Option<&'static Class> {
    if !std::ptr::eq(a.table(), b.table()) {
        return None;
    }
    Some(if a.position() < b.position() { b } else { a })
}
