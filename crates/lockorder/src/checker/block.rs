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
use super::slot::{Record, Slot, State};
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

/// The slots below it may be live, those from it on are free; and whether the classes in them rise.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Top(usize);

impl Top {
    const EMPTY: Self = Self(0);

    #[inline(always)]
    const fn new(len: usize, mixed: bool) -> Self {
        Self(len << 1 | mixed as usize)
    }

    #[inline(always)]
    const fn len(self) -> usize {
        self.0 >> 1
    }

    /// One more that does not rise above the others.
    const fn push_mixed(self) -> Self {
        Self((self.0 + 2) | 1)
    }
}

/// Where a lock will be recorded: a holder's block, and its top once it is.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    block: &'static Block,
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
        self.live().0 == Top::EMPTY
    }

    /// Where a lock belongs that is surely above everything held, or `None` if a longer look is needed.
    /// For the owner.
    ///
    /// Written out for builds without optimisation, where each small function is a call.
    #[inline(always)]
    pub(super) fn admit(&'static self, ask: &Ask) -> Option<Place> {
        let (base, position) = (ask.class.table.base.load(Ordering::Relaxed), ask.class.position);
        let (top, state) = self.live();
        if base == 0 || top.0 >= FIRST << 1 || top.0 & 1 != 0 {
            return None;
        }
        if top.0 != 0 {
            let held = state.id().wrapping_sub(base);
            if held >= position {
                let may_rise = ask.class.keyed && held == position;
                if !may_rise || self.first[(top.0 >> 1) - 1].key() >= ask.key {
                    return None;
                }
            }
        }
        Some(Place { block: self, top: Top(top.0 + 2), id: base + position })
    }

    /// Where a lock belongs that was found to break nothing, or was only tried. For the owner.
    pub(super) fn place(&'static self, ask: &Ask, id: Id) -> Place {
        let len = self.live().0.len();
        if len >= FIRST && is_boundary(len) {
            if let Some(hole) = (0..len).find(|&i| !self.slot(i).state().is_live()) {
                // A chain of hand-over-hand locks goes on below, and does not grow for ever.
                self.top.store(Top::new(len, true).0, Ordering::Relaxed);
                return Place { block: self, top: Top::new(hole + 1, true), id };
            }
        }
        let rises = self.rises(len, ask, id);
        Place { block: self, top: Top::new(len + 1, !rises), id }
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
        (0..self.live().0.len()).map(|i| self.slot(i)).filter(|slot| slot.state().is_live())
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
        (0..self.live().0.len()).for_each(|i| self.slot(i).retag(from, to));
    }

    /// The top without what was cleared on it, and the state of the slot there if it is not empty.
    #[inline(always)]
    fn live(&'static self) -> (Top, State) {
        let mut top = self.top.load(Ordering::Relaxed);
        while top > 1 {
            let state = self.slot((top >> 1) - 1).state();
            if state.is_live() {
                return (Top(top), state);
            }
            top -= 2;
        }
        (Top::EMPTY, State::NONE)
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
        let slot = self.block.slot((self.top.0 >> 1) - 1);
        if slot.fill(ask, self.id, tag, since) {
            self.raise();
            slot
        } else {
            self.fill_above(*ask, tag, since)
        }
    }

    #[inline(always)]
    fn raise(self) {
        let top = &self.block.top;
        if self.top.0 & 1 != 0 {
            // It may be a hole below the others.
            let len = Top(top.load(Ordering::Relaxed)).len().max(self.top.len());
            top.store(Top::new(len, true).0, Ordering::Relaxed);
        } else {
            top.store(self.top.0, Ordering::Relaxed);
        }
    }

    /// The place was taken while the caller waited for its lock: a waker can run code that locks.
    #[cold]
    #[inline(never)]
    fn fill_above(self, ask: Ask, tag: Tag, since: u64) -> &'static Slot {
        let mut top = Top::new(self.top.len(), true);
        loop {
            top = top.push_mixed();
            let slot = self.block.slot(top.len() - 1);
            if slot.fill(&ask, self.id, tag, since) {
                Self { top, ..self }.raise();
                return slot;
            }
        }
    }
}

/// Whether the slot at `len` would be the first of a chunk: the moment to look for holes below.
const fn is_boundary(len: usize) -> bool {
    len % FIRST == 0 && (len / FIRST).is_power_of_two()
}
