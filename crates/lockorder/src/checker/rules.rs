//! The rules: which acquisition may not happen under what is held.

use super::learned;
use super::slot::Record;
use crate::violation::ViolationKind;

/// The rule that an acquisition breaks, and the held lock with which it breaks it.
///
/// Waiting for oneself comes before any question of order, and of the locks that are out of order the
/// innermost is named: the order between hierarchies is asked last, and learned only from acquisitions
/// that break nothing.
pub(super) fn judge<'a>(
    wanted: &Record,
    held: &'a [Record],
) -> Option<(ViolationKind, &'a Record)> {
    let same_lock = held.iter().find(|h| h.is_same_lock(wanted));
    let same_class = || {
        held.iter()
            .filter(|h| h.class == wanted.class && !keys_rise(h, wanted))
            .max_by_key(|h| h.key)
    };
    let order = || {
        held.iter().filter(|h| wanted.class.is_before(h.class)).max_by_key(|h| h.class.position())
    };
    let between = || {
        let foreign = |h: &&Record| !std::ptr::eq(h.class.table(), wanted.class.table());
        let classes: Vec<_> = held.iter().filter(foreign).map(|h| h.class).collect();
        let cycle = learned::learn(&classes, wanted.class).err()?;
        held.iter().find(|h| h.class == cycle)
    };
    same_lock
        .map(|h| (ViolationKind::SameLock, h))
        .or_else(|| order().map(|h| (ViolationKind::Order, h)))
        .or_else(|| same_class().map(|h| (ViolationKind::SameClass, h)))
        .or_else(|| between().map(|h| (ViolationKind::BetweenHierarchies, h)))
}

fn keys_rise(held: &Record, wanted: &Record) -> bool {
    wanted.class.is_keyed() && held.key < wanted.key
}
