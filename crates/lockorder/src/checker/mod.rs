//! The checker: what is held, and whether one more lock may be asked for.
//!
//! `slot` is one held lock, `block` those of one holder, `family` the branches of one task; `pool` owns the
//! blocks, `local` and `tasks` find the block of whoever is running, `registry` numbers the classes, `known`
//! remembers what was judged, `say` tells. `gate` is the word that keeps all that away from a lock that
//! needs no more than one comparison.
//!
//! Lock types call [`admit`] before they block and fill the [`Place`] it returned once they have the lock;
//! where it returns none, [`check`] and [`hold`] do the same with all the time they need. Then they drop
//! the [`Held`].

mod block;
#[cfg(feature = "tokio")]
mod branch;
mod examine;
mod family;
mod gate;
mod known;
mod local;
mod pool;
mod registry;
mod say;
mod slot;
mod snapshot;
mod sync;
#[cfg(feature = "tokio")]
mod tasks;

pub(crate) use block::Place;
#[cfg(feature = "tokio")]
pub use branch::Branch;
pub(crate) use say::timed_out;
use slot::{Record, Slot};
pub(crate) use snapshot::{holders, snapshot};

use crate::ask::{Ask, Keeper};
use crate::event;
use crate::report::Mode;

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

    /// Checks a wait that goes on, against what is held by now, unless it was reported before.
    #[cfg(feature = "tokio")]
    pub(crate) fn repeat(&mut self, ask: &Ask) {
        if !self.reported {
            self.reported = admit(ask).is_none() && examine::reports(ask, None);
        }
    }
}

/// A held lock's record: cleared when it is dropped, on any thread.
pub(crate) struct Held {
    /// `None` where the thread was past recording.
    slot: Option<&'static Slot>,
}

/// The place of a lock that surely breaks nothing: the fast path.
#[inline(always)]
pub(crate) fn admit(ask: &Ask) -> Option<Place> {
    match ask.keeper {
        Keeper::Thread => match local::known_thread() {
            Some(block) if gate::word() == 0 => block.admit(ask),
            _ => None,
        },
        #[cfg(feature = "tokio")]
        Keeper::Task if gate::word() == gate::TASKS => local::admit_to_task(ask),
        #[cfg(feature = "tokio")]
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
    #[cfg(feature = "tokio")]
    if matches!(ask.keeper, Keeper::Task) {
        gate::set(gate::TASKS);
    }
    let at = if gate::has(gate::EVENTS) { say::asked(&ask) } else { 0 };
    Asked { at, reported: examine::reports(&ask, None) }
}

/// Records the acquired lock.
#[inline(never)]
pub(crate) fn hold(ask: Ask, asked: Asked) -> Held {
    let (block, tag) = match ask.keeper {
        _ if matches!(ask.mode, Mode::Permits(0)) => (None, 0),
        Keeper::Thread => (local::thread(), local::tag()),
        #[cfg(feature = "tokio")]
        Keeper::Task => {
            gate::set(gate::TASKS);
            (local::holder(), 0)
        }
    };
    let since = if gate::has(gate::EVENTS | gate::PLUGGED) { event::now() } else { 0 };
    let id = registry::id(ask.class);
    let slot = block.map(|block| {
        let place = block.admit(&ask).unwrap_or_else(|| block.place(&ask, id));
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
