//! The locks that one holder holds.
//!
//! A block is written by one thread at a time: the thread it belongs to, or the one that polls the task it
//! belongs to. Guards that are dropped elsewhere clear their slot and touch nothing else. Blocks are never
//! freed, only used again, so a slot outlives every guard that points to it.
//!
//! Slots are filled from below, and [`Top`] falls lazily past those that were cleared. As long as every
//! lock was above the last one when it was taken, the classes rise from slot to slot, the topmost live slot
//! has the highest of all, and the rank check is one comparison with it, however many are live. A block in
//! which they do not rise (a lock was only tried, or is of another table) is *mixed* until its live slots
//! rise again; in it every live slot is looked at.

use std::sync::OnceLock;

use parking_lot::Mutex;

use super::family::Family;
use super::local::Tag;
use super::pool;
use super::registry::Id;
use super::slot::{Record, Slot};
use super::sync::{AtomicU64, AtomicUsize, Ordering};
use crate::ask::Ask;

/// Slots that need no allocation.
const FIRST: usize = 16;
/// Doublings after which a holder would hold 2^24 locks.
const DOUBLINGS: usize = 20;

/// Padded to two cache lines, so that two threads that check their own blocks never share one.
#[repr(align(128))]
pub(super) struct Block {
    /// A [`Top`].
    top: AtomicUsize,
    /// Who writes it: changes with each new owner, see `tasks`.
    pub(super) stamp: AtomicU64,
    /// The task or branch it belongs to; 0 for a thread and for what a thread drives itself.
    pub(super) owner: AtomicU64,
    /// Of a branch: the task that polled it last.
    pub(super) task: AtomicU64,
    /// What makes it a part of others, or others of it.
    pub(super) family: Family,
    /// The name of the thread it belongs to, if it is one's.
    pub(super) thread: Mutex<String>,
    first: [Slot; FIRST],
    more: [OnceLock<Box<[Slot]>>; DOUBLINGS],
}

/// The slots below it may be live, those from it on are free; and in the top bit, whether the block is mixed: so
/// `top < n` says that there are fewer than `n` slots, and that their classes rise.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Top(usize);

impl Top {
    const EMPTY: Self = Self(0);
    const MIXED: usize = 1 << (usize::BITS - 1);

    const fn mixed(len: usize) -> Self {
        Self(len | Self::MIXED)
    }

    const fn len(self) -> usize {
        self.0 & !Self::MIXED
    }
}

/// Where a lock will be recorded: a slot of a holder's block, and the block's top once it is.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    block: &'static Block,
    slot: &'static Slot,
    top: Top,
    /// The class of the lock.
    id: Id,
}

impl Block {
    pub(super) fn new() -> Self {
        Self {
            top: AtomicUsize::new(0),
            stamp: AtomicU64::new(0),
            owner: AtomicU64::new(0),
            task: AtomicU64::new(0),
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
        self.task.store(0, Ordering::Relaxed);
        self.family.disown();
    }

    /// Whether nothing is live in it. For the owner.
    #[cfg(feature = "tokio")]
    #[inline(always)]
    pub(super) fn is_clear(&'static self) -> bool {
        self.live() == Top::EMPTY
    }

    /// Where a lock belongs that is surely above everything held, or `None` if a longer look is needed;
    /// `base` is the number of the first class of its table, or 0. For the owner.
    ///
    /// Written out for builds without optimisation, where each small function is a call.
    #[inline(always)]
    pub(super) fn admit(&'static self, ask: &Ask, base: Id) -> Option<Place> {
        if base == 0 {
            return None;
        }
        let mut len = self.top.load(Ordering::Relaxed);
        if len >= FIRST {
            return None;
        }
        let position = ask.class.position;
        while len != 0 {
            let below = &self.first[len - 1];
            let state = below.state();
            if state.is_live() {
                let held = state.id().wrapping_sub(base);
                if held >= position {
                    let may_rise = ask.class.keyed && held == position;
                    if !may_rise || below.key() >= ask.key {
                        return None;
                    }
                }
                break;
            }
            len -= 1;
        }
        Some(Place { block: self, slot: &self.first[len], top: Top(len + 1), id: base + position })
    }

    /// Where a lock belongs that was found to break nothing, or was only tried. For the owner.
    pub(super) fn place(&'static self, ask: &Ask, id: Id) -> Place {
        let len = self.live().len();
        if len >= FIRST && is_boundary(len) {
            if let Some(hole) = (0..len).find(|&i| !self.slot(i).state().is_live()) {
                // A chain of hand-over-hand locks goes on below, and does not grow for ever.
                return Place { block: self, slot: self.slot(hole), top: Top::mixed(len), id };
            }
        }
        let rises = self.rises(len, ask, id);
        let top = if rises { Top(len + 1) } else { Top::mixed(len + 1) };
        Place { block: self, slot: self.slot(len), top, id }
    }

    /// Whether the live slots rise, and up to this lock.
    fn rises(&'static self, len: usize, ask: &Ask, id: Id) -> bool {
        // From the first class of its table on, so that all are of that table.
        let mut last = (id - ask.class.position(), 0);
        let mut live = (0..len).map(|i| self.slot(i)).filter(|slot| slot.state().is_live());
        live.all(|slot| {
            let this = (slot.state().id(), slot.key());
            std::mem::replace(&mut last, this) <= this
        }) && last <= (id, ask.key)
    }

    /// What is live, from below.
    pub(super) fn records(&'static self) -> impl Iterator<Item = Record> {
        let len = Top(self.top.load(Ordering::Acquire)).len();
        (0..len).filter_map(|i| self.slot(i).read())
    }

    /// What is live and where, from below.
    #[cfg(feature = "tokio")]
    pub(super) fn live_records(&'static self) -> impl Iterator<Item = (Record, &'static Slot)> {
        let len = Top(self.top.load(Ordering::Acquire)).len();
        (0..len).filter_map(|i| Some((self.slot(i).read()?, self.slot(i))))
    }

    /// The slots that are live, from below. For the owner.
    pub(super) fn live_slots(&'static self) -> impl Iterator<Item = &'static Slot> {
        (0..self.live().len()).map(|i| self.slot(i)).filter(|slot| slot.state().is_live())
    }

    /// Whether nothing is live, in it and in branches of it. Exact for the owner; for others, true of some
    /// moment.
    pub(super) fn is_empty(&'static self) -> bool {
        let len = Top(self.top.load(Ordering::Acquire)).len();
        !self.family.has_branches() && !(0..len).any(|i| self.slot(i).state().is_live())
    }

    /// Takes what ended branches left behind and is empty by now back to the pool.
    pub(super) fn clear_away(&self) {
        self.family.clear_away().into_iter().for_each(pool::give_back);
    }

    /// Passes what one branch took on to another holder. For the owner.
    #[cfg(feature = "tokio")]
    pub(super) fn retag(&'static self, from: Tag, to: Tag) {
        (0..self.live().len()).for_each(|i| self.slot(i).retag(from, to));
    }

    /// The top without what was cleared on it.
    #[inline(always)]
    fn live(&'static self) -> Top {
        let mut top = self.top.load(Ordering::Relaxed);
        while Top(top).len() != 0 {
            if self.slot(Top(top).len() - 1).state().is_live() {
                return Top(top);
            }
            top -= 1;
        }
        Top::EMPTY
    }

    #[inline(always)]
    fn slot(&'static self, index: usize) -> &'static Slot {
        if index < FIRST { &self.first[index] } else { self.far_slot(index) }
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
}

impl Place {
    /// Records the lock. For the owner of the block.
    #[inline(always)]
    pub(super) fn fill(self, ask: &Ask, tag: Tag, since: u64) -> &'static Slot {
        let Self { block, slot, top, id } = self;
        if !slot.fill(ask, id, tag, since) {
            return block.fill_above(top.len(), *ask, id, tag, since);
        }
        block.top.store(top.0, Ordering::Relaxed);
        slot
    }
}

impl Block {
    /// The place below `len` was taken while the caller waited for its lock: a waker can run code that locks.
    #[cold]
    #[inline(never)]
    fn fill_above(
        &'static self,
        mut len: usize,
        ask: Ask,
        id: Id,
        tag: Tag,
        since: u64,
    ) -> &'static Slot {
        loop {
            let slot = self.slot(len);
            len += 1;
            if slot.fill(&ask, id, tag, since) {
                let len = len.max(Top(self.top.load(Ordering::Relaxed)).len());
                self.top.store(Top::mixed(len).0, Ordering::Relaxed);
                return slot;
            }
        }
    }
}

/// Whether the slot at `len` would be the first of a chunk: the moment to look for holes below.
const fn is_boundary(len: usize) -> bool {
    len % FIRST == 0 && (len / FIRST).is_power_of_two()
}
