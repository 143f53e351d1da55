//! One held lock, in a place that anybody may clear and anybody may read.
//!
//! A slot is written by its holder alone, who is one thread at a time, and cleared by whoever drops the
//! guard. `state` says whether it is live, by which class and how, and counts the records that were ever
//! written here; so a reader on another thread knows that what it read belongs together if `state` is the
//! same afterwards. One word that says so much keeps the stores of an acquisition few: each is paid for
//! before the next locked instruction.

use super::local::Tag;
use super::registry::{self, Id};
use super::sync::{AtomicCell, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
use crate::Class;
use crate::ask::{Ask, Keeper};
use crate::event;
use crate::report::{Acquisition, Mode, Site};

/// A cache line, which also makes its address a shift away from its index.
#[derive(Default)]
#[repr(align(64))]
pub(super) struct Slot {
    state: AtomicU64,
    site: AtomicCell<Option<Site>>,
    /// The address of what is in `site`, where a look at it is cheaper than a store: see `set_site`.
    site_address: AtomicUsize,
    instance: AtomicUsize,
    /// Of a keyed class.
    key: AtomicU64,
    /// Of a semaphore.
    permits: AtomicU32,
    /// The task or branch that took a blocking lock, if `TAGGED`.
    tag: AtomicU64,
    /// When it was acquired, if `TIMED`.
    since: AtomicU64,
}

// The word `state`: whether it is live, a count of records, flags, and the id of the class. The count is in
// the lower half with what it must not run into above it, so that a new one is an addition.
const LIVE: u64 = 1;
const COUNT: u32 = 1 << 1;
const TIMED: u64 = 1 << 32;
const SHARED: u64 = 1 << 33;
const PERMITS: u64 = 1 << 34;
const TAGGED: u64 = 1 << 35;
const KEYED: u64 = 1 << 36;
const UPGRADABLE: u64 = 1 << 37;
const MODE: u64 = SHARED | UPGRADABLE | PERMITS;
const ASYNC: u64 = 1 << 38;
#[cfg(feature = "tokio")]
const TOLD: u64 = 1 << 39;
const ID_SHIFT: u32 = 40;

/// What a slot says while it is live.
#[derive(Clone, Copy)]
pub(super) struct Record {
    pub(super) class: &'static Class,
    pub(super) site: Site,
    pub(super) instance: usize,
    pub(super) key: u64,
    pub(super) mode: Mode,
    pub(super) keeper: Keeper,
    /// The task or branch that took it, if the block does not say.
    pub(super) tag: Tag,
    pub(super) since: u64,
}

impl Slot {
    #[inline(always)]
    pub(super) fn state(&self) -> State {
        State(self.state.load(Ordering::Acquire))
    }

    /// Its key; 0 if its class has none.
    #[inline(always)]
    pub(super) fn key(&self) -> u64 {
        match self.state.load(Ordering::Relaxed) & KEYED {
            0 => 0,
            _ => self.key.load(Ordering::Relaxed),
        }
    }

    /// Makes a free slot live; false if it is live already. For its holder only.
    #[inline(always)]
    pub(super) fn fill(&self, ask: &Ask, id: Id, tag: Tag, since: u64) -> bool {
        let old = self.state.load(Ordering::Relaxed);
        if old & LIVE != 0 {
            return false;
        }
        // Each store is a release (that of a cell is one too), so that who sees a part of this record also
        // sees that the last one had ended.
        self.set_site(ask.site);
        self.instance.store(ask.instance, Ordering::Release);
        let mut flags = mode_bits(ask.mode) | keeper_bits(ask.keeper);
        if ask.class.is_keyed() {
            self.key.store(ask.key, Ordering::Release);
            flags |= KEYED;
        }
        if let Mode::Permits(n) = ask.mode {
            self.permits.store(n, Ordering::Release);
        }
        if tag != 0 {
            self.tag.store(tag, Ordering::Release);
            flags |= TAGGED;
        }
        if since != 0 {
            self.since.store(since, Ordering::Release);
            flags |= TIMED;
        }
        let live = u64::from((old as u32).wrapping_add(COUNT | LIVE as u32));
        self.state.store(live | u64::from(id) << ID_SHIFT | flags, Ordering::Release);
        true
    }

    /// A slot is often filled from the place from which it was filled last, and without optimisation the
    /// store of a cell is seven calls.
    #[inline(always)]
    fn set_site(&self, site: Site) {
        if !cfg!(debug_assertions) {
            self.site.store(Some(site));
            return;
        }
        let address = std::ptr::from_ref(site).addr();
        if self.site_address.load(Ordering::Relaxed) != address {
            self.site.store(Some(site));
            self.site_address.store(address, Ordering::Relaxed);
        }
    }

    /// Ends the record, unless its time was taken: then its end is somebody's news, and `false`. For the
    /// one owner of its guard, on any thread.
    #[inline(always)]
    pub(super) fn clear_untimed(&self) -> bool {
        let state = self.state.load(Ordering::Relaxed);
        if state & TIMED != 0 {
            return false;
        }
        self.state.store(state & !LIVE, Ordering::Release);
        true
    }

    /// Ends the record. For the one owner of its guard, on any thread.
    pub(super) fn clear(&self) {
        self.state.store(self.state.load(Ordering::Relaxed) & !LIVE, Ordering::Release);
    }

    /// Changes the mode. For the one owner of its guard, on any thread.
    pub(super) fn change(&self, mode: Mode) {
        let state = self.state.load(Ordering::Relaxed);
        if let Mode::Permits(n) = mode {
            self.permits.store(n, Ordering::Release);
        }
        self.state.store(state & !MODE | mode_bits(mode), Ordering::Release);
    }

    /// Whether it was not told yet that this is held across an await. For its holder only.
    #[cfg(feature = "tokio")]
    pub(super) fn tell(&self) -> bool {
        // Its guard may be dropped elsewhere meanwhile, and that must not be undone.
        self.state.fetch_or(TOLD, Ordering::AcqRel) & TOLD == 0
    }

    /// Passes the record on, if it is `from`'s. For its holder only.
    #[cfg(feature = "tokio")]
    pub(super) fn retag(&self, from: Tag, to: Tag) {
        let state = self.state.load(Ordering::Relaxed);
        if state & (LIVE | TAGGED) == LIVE | TAGGED && self.tag.load(Ordering::Relaxed) == from {
            self.tag.store(to, Ordering::Relaxed);
        }
    }

    /// Which record of this slot it is, while it is live.
    #[cfg(feature = "tokio")]
    pub(super) fn number(&self) -> u64 {
        self.state.load(Ordering::Acquire) & u64::from(u32::MAX)
    }

    /// The record, if it is still the one of this number.
    #[cfg(feature = "tokio")]
    pub(super) fn read_same(&self, number: u64) -> Option<Record> {
        let record = self.read()?;
        (self.number() == number).then_some(record)
    }

    /// The record, if the slot is live and was not filled anew while it was read.
    pub(super) fn read(&self) -> Option<Record> {
        /// More often than a mode changes while somebody looks.
        const TRIES: usize = 4;
        (0..TRIES).find_map(|_| self.read_once())
    }

    fn read_once(&self) -> Option<Record> {
        let state = self.state();
        if !state.is_live() {
            return None;
        }
        let if_set = |flag: u64, word: &AtomicU64| match state.0 & flag {
            0 => 0,
            _ => word.load(Ordering::Relaxed),
        };
        let record = Record {
            class: registry::class(state.id())?,
            site: self.site.load()?,
            instance: self.instance.load(Ordering::Relaxed),
            key: if_set(KEYED, &self.key),
            mode: match state.0 & MODE {
                0 => Mode::Exclusive,
                SHARED => Mode::Shared,
                UPGRADABLE => Mode::Upgradable,
                PERMITS => Mode::Permits(self.permits.load(Ordering::Relaxed)),
                _ => Mode::Recursive,
            },
            keeper: keeper(state.0),
            tag: if_set(TAGGED, &self.tag),
            since: if_set(TIMED, &self.since),
        };
        fence(Ordering::Acquire);
        (self.state.load(Ordering::Relaxed) == state.0).then_some(record)
    }
}

#[inline(always)]
const fn mode_bits(mode: Mode) -> u64 {
    match mode {
        Mode::Exclusive => 0,
        Mode::Shared => SHARED,
        Mode::Upgradable => UPGRADABLE,
        Mode::Recursive => SHARED | UPGRADABLE,
        Mode::Permits(_) => PERMITS,
    }
}

#[inline(always)]
const fn keeper_bits(keeper: Keeper) -> u64 {
    match keeper {
        Keeper::Thread => 0,
        Keeper::Task => ASYNC,
    }
}

const fn keeper(state: u64) -> Keeper {
    match state & ASYNC {
        0 => Keeper::Thread,
        _ => Keeper::Task,
    }
}

/// What the word `state` says.
#[derive(Clone, Copy)]
pub(super) struct State(u64);

impl State {
    #[inline(always)]
    pub(super) fn is_live(self) -> bool {
        self.0 & LIVE != 0
    }

    /// The class of the lock that is or was recorded here.
    #[inline(always)]
    pub(super) fn id(self) -> Id {
        (self.0 >> ID_SHIFT) as Id
    }
}

impl Record {
    /// What is asked for, as it would be recorded.
    pub(super) fn of(ask: &Ask) -> Self {
        let Ask { class, site, instance, key, mode, keeper } = *ask;
        Self { class, site, instance, key, mode, keeper, tag: 0, since: 0 }
    }

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
        self.instance != 0 && self.instance == other.instance && self.class == other.class
    }
}
