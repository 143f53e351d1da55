use super::{Breach, Checker};
use crate::report::Acquisition;
use crate::violation::ViolationKind;

/// The rules of one table and of one class: the order that was declared, and no lock or class twice.
///
/// Waiting for oneself comes before any question of order, and of the locks that are out of order the
/// innermost is named.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Config = "config" } level 2 { Cache = "cache" } } }
/// use lockorder::{Mutex, RankOrder, set_checker, testing::violations};
///
/// set_checker(RankOrder); // what is declared counts, and nothing is learned
/// let (config, cache) = (Mutex::<Config, _>::new(1), Mutex::<Cache, _>::new(2));
/// let found = violations(|| drop((cache.lock(), config.lock())));
/// assert_eq!(found.len(), usize::from(lockorder::ENFORCING));
/// # lockorder::reset_checker();
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct RankOrder;

impl Checker for RankOrder {
    fn check(&self, wanted: &Acquisition, held: &[Acquisition]) -> Option<Breach> {
        let same_lock = held.iter().position(|h| h.is_same_lock(wanted));
        let order =
            || last_by_key(held, |h| wanted.class.is_before(h.class), |h| h.class.position());
        let same_class = || {
            let breaks = |h: &Acquisition| {
                h.class == wanted.class && h.class.is_placed() && !keys_rise(h, wanted)
            };
            last_by_key(held, breaks, |h| h.key)
        };
        same_lock
            .map(|held| Breach::new(ViolationKind::SameLock, held))
            .or_else(|| order().map(|held| Breach::new(ViolationKind::Order, held)))
            .or_else(|| same_class().map(|held| Breach::new(ViolationKind::SameClass, held)))
    }
}

fn keys_rise(held: &Acquisition, wanted: &Acquisition) -> bool {
    wanted.class.is_keyed() && held.key < wanted.key
}

/// The index of that one of some locks with the highest key.
fn last_by_key<K: Ord>(
    held: &[Acquisition],
    counts: impl Fn(&Acquisition) -> bool,
    key: impl Fn(&Acquisition) -> K,
) -> Option<usize> {
    let counted = held.iter().enumerate().filter(|(_, h)| counts(h));
    counted.max_by_key(|(_, h)| key(h)).map(|(index, _)| index)
}
