//! The checker: what is held, and whether one more lock may be asked for.
//!
//! `slot` is one held lock, `block` those of one holder, `family` the branches of one task; `pool` owns the
//! blocks, `local` and `tasks` find the block of whoever is running, `registry` numbers the classes, `known`
//! remembers what was judged, `say` tells. `gate` keeps all that away from a lock that needs no more than
//! one comparison.
//!
//! Lock types call [`admit`] before they block and fill the [`Place`] it returned once they have the lock;
//! where it returns none, [`admit_known`] may after a walk over what is held, and else [`check`] and [`hold`]
//! do the same with all the time they need. Then they drop the [`Held`].

#[cfg(feature = "tokio")]
mod awaited;
mod block;
#[cfg(feature = "tokio")]
mod branch;
mod examine;
mod family;
mod gate;
mod known;
mod local;
#[cfg(all(test, lockorder_loom))]
mod modelled;
mod pool;
mod registry;
mod say;
mod slot;
mod snapshot;
#[cfg(feature = "tokio")]
mod suspended;
mod sync;
#[cfg(feature = "tokio")]
mod tasks;

use std::cell::Cell;
use std::sync::atomic::Ordering;

#[cfg(feature = "tokio")]
pub(crate) use awaited::Awaited;
pub(crate) use block::Place;
#[cfg(feature = "tokio")]
pub use branch::Branch;
pub(crate) use examine::admit_known;
pub(crate) use say::timed_out;
use slot::{Record, Slot};
pub(crate) use snapshot::{holders, snapshot};

use crate::ask::{Ask, Keeper};
use crate::event;
use crate::report::{Mode, Site};

/// When an acquisition began (0 if nobody listens), and what the check said.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    at: u64,
    reported: bool,
}

impl Asked {
    /// Of a lock that was only tried.
    pub(crate) const NEVER: Self = Self { at: 0, reported: false };

    /// Checks a wait that goes on, against what is held by now, unless it was reported before.
    #[cfg(feature = "tokio")]
    pub(crate) fn repeat(&mut self, ask: &Ask) {
        if !self.reported {
            self.reported = admit(ask).is_none() && examine::reports(ask, None);
        }
    }
}

/// A held lock's record: cleared when it is dropped, on any thread.
pub struct Held {
    /// `None` where the thread was past recording.
    slot: Option<&'static Slot>,
}

/// The place of a lock that surely breaks nothing: the fast path.
#[inline(always)]
pub(crate) fn admit(ask: &Ask) -> Option<Place> {
    if matches!(ask.mode, Mode::Permits(0)) {
        return None; // Nobody holds nothing.
    }
    match ask.keeper {
        Keeper::Thread => match local::known_thread() {
            Some(block) => block.admit(ask, ask.class.table.quick.load(Ordering::Relaxed)),
            None => None,
        },
        Keeper::Task if gate::word() == gate::TASKS => local::admit_to_task(ask),
        Keeper::Task => None,
    }
}

impl Place {
    /// Records the acquired lock.
    #[inline(always)]
    pub(crate) fn hold(self, ask: &Ask) -> Held {
        Held { slot: Some(self.fill(ask, 0, 0)) }
    }
}

/// Reports the acquisition if it could deadlock.
#[inline(never)]
pub(crate) fn check(ask: Ask) -> Asked {
    gate::ask_once();
    if matches!(ask.keeper, Keeper::Task) {
        gate::set(gate::TASKS);
    }
    let at = if gate::has(gate::EVENTS) { say::asked(&ask) } else { 0 };
    Asked { at, reported: examine::reports(&ask, None) }
}

/// Sees who runs here by now, before a lock is only tried: what there is to be said of who ran here last may
/// be said to a program that wants that lock.
#[cfg(feature = "tokio")]
#[inline(always)]
pub(crate) fn arrive() {
    if gate::has(gate::TASKS) {
        local::arrive();
    }
}

/// Says that the thread is blocked by a lock, for as long as this lives, to whoever waits for it.
pub(crate) fn blocked(ask: Ask) -> Blocked {
    if local::is_reporting() {
        return Blocked(Vec::new());
    }
    let tell = |awaited: local::Waiters| {
        let before = awaited.blocked(Some(ask));
        (awaited, before)
    };
    Blocked(local::awaited().into_iter().map(tell).collect())
}

/// Who was told that the thread is blocked, and what it was blocked by before: what is locked meanwhile, by
/// what is told of events, may block it too.
#[must_use]
pub(crate) struct Blocked(Vec<(local::Waiters, Option<Ask>)>);

impl Drop for Blocked {
    fn drop(&mut self) {
        for (awaited, before) in self.0.drain(..) {
            awaited.blocked(before);
        }
    }
}

/// Records the acquired lock.
#[inline(never)]
pub(crate) fn hold(ask: Ask, asked: Asked) -> Held {
    let (block, tag) = match ask.keeper {
        _ if matches!(ask.mode, Mode::Permits(0)) => (None, 0),
        Keeper::Thread => (local::thread(), local::tag()),
        Keeper::Task => {
            gate::set(gate::TASKS);
            (local::holder(), 0)
        }
    };
    let since = if gate::has(gate::EVENTS | gate::PLUGGED) { event::now() } else { 0 };
    let id = registry::id(ask.class);
    let slot = block.map(|block| {
        let base = id - ask.class.position();
        let place = block.admit(&ask, base).unwrap_or_else(|| block.place(&ask, id));
        place.fill(&ask, tag, since)
    });
    if since != 0 {
        say::acquired(&Record { since, ..Record::of(&ask) }, asked.at);
    }
    Held { slot }
}

/// Lets a checker that was set judge, or the built-in one again.
pub(crate) fn plugged(is_set: bool) {
    match is_set {
        true => gate::set(gate::PLUGGED),
        false => gate::clear(gate::PLUGGED),
    }
}

/// What a lock was held as, while nobody holds it: for a lock that is given away or taken back.
pub(crate) struct Parted(Option<Record>);

/// Whether a checker was set.
pub(crate) fn is_plugged() -> bool {
    gate::has(gate::PLUGGED)
}

impl Held {
    /// A lock that is held by nobody whose locks are recorded.
    pub(crate) const NOBODY: Self = Self { slot: None };

    /// Ends the record, as if the lock was released.
    pub(crate) fn part(&mut self) -> Parted {
        let record = self.slot.and_then(Slot::read);
        *self = Self::NOBODY;
        Parted(record)
    }

    /// Records that the lock is held in another mode from now on. For the owner of the guard.
    pub(crate) fn change(&mut self, mode: Mode) {
        if let Some(slot) = self.slot {
            slot.change(mode);
        }
    }

    /// Divides permits: this record has `rest` from now on, and the new one `part`.
    #[cfg(feature = "tokio")]
    pub(crate) fn split(&mut self, rest: Mode, part: Mode) -> Self {
        let parted = Parted(self.slot.and_then(Slot::read));
        match rest {
            Mode::Permits(0) => *self = Self::NOBODY,
            _ => self.change(rest),
        }
        let ask = parted.0.and_then(|record| parted.ask(record.site));
        ask.map_or(Self::NOBODY, |ask| hold(Ask { mode: part, ..ask }, Asked::NEVER))
    }

    /// Joins permits: this record has all of them from now on.
    #[cfg(feature = "tokio")]
    pub(crate) fn merge(&mut self, other: Self, all: Mode) {
        match self.slot {
            None => *self = other,
            Some(_) => drop(other),
        }
        self.change(all);
    }

    /// Checks a wait for the same lock in another mode: what else is held counts. The wait lasts as long as what
    /// is returned.
    pub(crate) fn check_change(&self, mode: Mode, site: Site) -> Option<Blocked> {
        let parted = Parted(self.slot.and_then(Slot::read));
        let ask = Ask { mode, ..parted.ask(site)? };
        let blocked = blocked(ask);
        examine::reports(&ask, self.slot);
        Some(blocked)
    }

    /// Runs `unlocked`, which releases the lock and waits for it again. It is given what checks the second
    /// wait, to be called before it begins.
    pub(crate) fn away<T>(&mut self, site: Site, unlocked: impl FnOnce(&dyn Fn()) -> T) -> T {
        let Some(ask) = self.part().ask(site) else { return unlocked(&|| ()) };
        let back =
            Back { held: self, ask, asked: Cell::new(Asked::NEVER), blocked: Cell::default() };
        unlocked(&|| {
            back.blocked.set(Some(blocked(ask)));
            back.asked.set(check(ask));
        })
    }

    /// As [`away`](Self::away) for a condition variable: nothing else may be held while it is waited for.
    pub(crate) fn wait<T>(&mut self, site: Site, wait: impl FnOnce() -> T) -> T {
        let Some(ask) = self.part().ask(site) else { return wait() };
        let back =
            Back { held: self, ask, asked: Cell::new(Asked::NEVER), blocked: Cell::default() };
        back.asked.set(check_wait(&ask));
        wait()
    }

    /// Runs `f` while the lock is held in another mode.
    pub(crate) fn during<T>(&mut self, mode: Mode, f: impl FnOnce() -> T) -> T {
        struct Restore<'a>(&'a mut Held, Option<Mode>);
        impl Drop for Restore<'_> {
            fn drop(&mut self) {
                self.1.into_iter().for_each(|mode| self.0.change(mode));
            }
        }
        let before = self.slot.and_then(Slot::read).map(|record| record.mode);
        self.change(mode);
        let _restore = Restore(self, before);
        f()
    }
}

/// A lock that comes back, also while the thread unwinds.
struct Back<'a> {
    held: &'a mut Held,
    ask: Ask,
    asked: Cell<Asked>,
    blocked: Cell<Option<Blocked>>,
}

impl Drop for Back<'_> {
    fn drop(&mut self) {
        self.blocked.take();
        *self.held = hold(self.ask, self.asked.get());
    }
}

fn check_wait(ask: &Ask) -> Asked {
    let asked = check(*ask);
    let reported = asked.reported || examine::reports_wait(ask);
    Asked { reported, ..asked }
}

impl Parted {
    /// Records the lock as the caller's.
    pub(crate) fn join(self) -> Held {
        let site = self.0.map(|record| record.site);
        match site.and_then(|site| self.ask(site)) {
            Some(ask) => hold(ask, Asked::NEVER),
            None => Held::NOBODY,
        }
    }

    fn ask(&self, site: Site) -> Option<Ask> {
        let Record { class, instance, key, mode, keeper, .. } = self.0?;
        // What passed waiting writers once does not when it comes back.
        let mode = if mode == Mode::Recursive { Mode::Shared } else { mode };
        Some(Ask { class, key, instance, mode, site, keeper })
    }
}

impl Drop for Held {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            if !slot.clear_untimed() {
                say::released(slot);
            }
        }
    }
}
