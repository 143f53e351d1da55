//! Orders that were judged before, so that judging them again takes no lock.
//!
//! An entry stands for one set of classes held and one wanted under them, by a hash of both. Classes are
//! never forgotten and an order that was fine stays fine, so entries are true for ever, and losing one costs
//! one more judgement. That two orders have the same 64-bit hash is left to chance.

use std::sync::atomic::{AtomicU64, Ordering};

use super::registry::Id;

const ENTRIES: usize = 4096;
/// How far from its place an entry may be.
const PROBES: usize = 4;

static KNOWN: [AtomicU64; ENTRIES] = [const { AtomicU64::new(0) }; ENTRIES];

/// The hash of an order, as its classes are come by.
#[derive(Clone, Copy, Default)]
pub(super) struct Order {
    sum: u64,
    last: Id,
}

impl Order {
    /// One more class is held. In any order: the sum is the same.
    #[inline]
    pub(super) fn holds(&mut self, id: Id) {
        if id != self.last {
            self.last = id;
            self.sum = self.sum.wrapping_add(mix(u64::from(id)));
        }
    }

    /// Whether nothing is held.
    pub(super) fn is_empty(self) -> bool {
        self.last == 0
    }

    /// Whether this class is known to be fine under what is held.
    pub(super) fn admits(self, wanted: Id) -> bool {
        let hash = self.hash(wanted);
        places(hash).any(|place| place.load(Ordering::Relaxed) == hash)
    }

    /// Remembers that it is.
    pub(super) fn remember(self, wanted: Id) {
        let hash = self.hash(wanted);
        let free = places(hash).find(|place| place.load(Ordering::Relaxed) == 0);
        // Where none is free, one is lost.
        let place = free.or_else(|| places(hash).last());
        place.into_iter().for_each(|place| place.store(hash, Ordering::Relaxed));
    }

    /// Never 0, which is an empty entry.
    fn hash(self, wanted: Id) -> u64 {
        mix(self.sum ^ mix(u64::from(wanted) | 1 << 32)) | 1
    }
}

fn places(hash: u64) -> impl Iterator<Item = &'static AtomicU64> {
    let start = (hash >> 32) as usize;
    (0..PROBES).map(move |i| &KNOWN[(start + i) % ENTRIES])
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014): each bit of `n` decides about each of the
/// result.
const fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}
