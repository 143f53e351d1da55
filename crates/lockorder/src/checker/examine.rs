//! The longer look at an acquisition, where one comparison does not decide it.

use std::sync::atomic::Ordering;

use super::block::{Block, Place};
use super::known::Order;
use super::local::{self, Lineage};
use super::registry::{self, Id};
use super::slot::{Record, Slot};
use super::{gate, say, snapshot};
use crate::Class;
use crate::ask::{Ask, Keeper};
use crate::judge::{self, Breach, Checker, LearnedOrder, RankOrder};
use crate::report::{Acquisition, Mode};
use crate::violation::{Violation, ViolationKind};

/// Looks at every lock that counts but `except`; true if the acquisition was reported.
pub(super) fn reports(ask: &Ask, except: Option<&'static Slot>) -> bool {
    let id = registry::id(ask.class);
    if local::is_reporting() || except.map_or_else(|| is_clear(ask, id), |slot| is_only(ask, slot))
    {
        return false;
    }
    let counts = |h: &Counted| except.is_none_or(|slot| !std::ptr::eq(slot, h.slot));
    let held: Vec<Counted> = held_by_caller(ask.keeper).into_iter().filter(counts).collect();
    let wanted = Record::of(ask);
    if is_recursive(&wanted, &held) {
        return false;
    }
    let order = foreign(&held, id, ask.class);
    let plugged = gate::has(gate::PLUGGED).then(judge::plugged).flatten();
    let acquisitions: Vec<_> = held.iter().map(|h| h.record.acquisition()).collect();
    let Some(breach) =
        judge(&wanted.acquisition(), &acquisitions, plugged.as_deref(), order.admits(id))
    else {
        if plugged.is_none() && !order.is_empty() {
            order.remember(id);
        }
        return false;
    };
    report(ask, breach, &held, acquisitions);
    true
}

/// Where a thread's lock belongs, if an order that was judged before allows it and nothing else counts: the
/// second fastest path.
pub(crate) fn admit_known(ask: &Ask) -> Option<Place> {
    let block = local::known_thread()?;
    let base = ask.class.table.quick.load(Ordering::Relaxed);
    if base == 0 {
        return None;
    }
    let id = base + ask.class.position();
    let order = order_in(block, ask, id)?;
    (order.is_empty() || order.admits(id)).then(|| block.place(ask, id))
}

/// Reports that a condition variable is waited for while any other lock is held.
pub(super) fn reports_wait(ask: &Ask) -> bool {
    if local::is_reporting() || !judge::reports(ViolationKind::CondvarWait) {
        return false;
    }
    let held = held_by_caller(ask.keeper);
    let Some(last) = held.len().checked_sub(1) else { return false };
    let acquisitions = held.iter().map(|h| h.record.acquisition()).collect();
    report(ask, Breach::new(ViolationKind::CondvarWait, last), &held, acquisitions);
    true
}

/// Whether nothing else is held.
fn is_only(ask: &Ask, slot: &'static Slot) -> bool {
    let block = local::only_block(ask.keeper).flatten();
    !gate::has(gate::PLUGGED)
        && block.is_some_and(|block| block.live_slots().all(|live| std::ptr::eq(live, slot)))
}

/// Whether one walk over one block shows that nothing speaks against the acquisition.
fn is_clear(ask: &Ask, id: Id) -> bool {
    if gate::has(gate::PLUGGED) {
        return false;
    }
    let Some(block) = local::only_block(ask.keeper) else { return false };
    let Some(block) = block else { return true };
    order_in(block, ask, id).is_some_and(|order| order.is_empty() || order.admits(id))
}

/// The classes of other tables in a block, unless one of the same table is not below the lock.
fn order_in(block: &'static Block, ask: &Ask, id: Id) -> Option<Order> {
    let base = id - ask.class.position();
    let mut order = Order::default();
    let rise = block.live_slots().all(|slot| {
        let held = slot.state().id();
        let position = held.wrapping_sub(base);
        if position < ask.class.position() {
            return true;
        }
        if held == id {
            return ask.class.is_keyed() && slot.key() < ask.key;
        }
        order.holds(held);
        !is_in_table(held, base, ask.class)
    });
    rise.then_some(order)
}

fn is_in_table(held: Id, base: Id, class: &Class) -> bool {
    (held.wrapping_sub(base) as usize) < class.table().classes().len()
}

/// The classes of other tables that are held.
fn foreign(held: &[Counted], id: Id, class: &Class) -> Order {
    let base = id - class.position();
    let mut order = Order::default();
    let ids = held.iter().map(|h| registry::id(h.record.class));
    ids.filter(|&held| !is_in_table(held, base, class)).for_each(|held| order.holds(held));
    order
}

/// A reader of a lock is let in again by `read_recursive`, whoever waits: nothing can go wrong.
fn is_recursive(wanted: &Record, held: &[Counted]) -> bool {
    let reads = |h: &Record| matches!(h.mode, Mode::Shared | Mode::Recursive | Mode::Upgradable);
    wanted.mode == Mode::Recursive
        && held.iter().any(|h| h.record.is_same_lock(wanted) && reads(&h.record))
}

/// What the checker in charge says. It is somebody's code, so what it locks is not checked in turn.
fn judge(
    wanted: &Acquisition,
    held: &[Acquisition],
    plugged: Option<&dyn Checker>,
    is_known: bool,
) -> Option<Breach> {
    let breach = match plugged {
        None if is_known => RankOrder.check(wanted, held),
        None => (RankOrder, LearnedOrder).check(wanted, held),
        Some(checker) => local::report(|| checker.check(wanted, held))?.ok()?,
    };
    breach.filter(|breach| breach.held < held.len())
}

fn report(ask: &Ask, breach: Breach, counted: &[Counted], mut held: Vec<Acquisition>) {
    let culprit = &counted[breach.held];
    let of_task = culprit.of_task && culprit.record.tag & local::BRANCH == 0;
    let arms = matches!(ask.keeper, Keeper::Task) && of_task && local::tag() & local::BRANCH == 0;
    say::violated(&Violation {
        kind: breach.kind,
        wanted: Some(ask.wanted()),
        held: held.remove(breach.held),
        holder: snapshot::caller(),
        span: say::span(),
        also_held: held,
        learned: breach.learned,
        may_be_arms: arms,
    });
}

/// A lock that counts for the caller.
struct Counted {
    record: Record,
    slot: &'static Slot,
    /// An async lock, which is a task's or a branch's.
    of_task: bool,
}

/// The locks that count for the caller.
///
/// A blocking acquisition stops the thread and with it the task: everything that the thread holds counts,
/// and the async locks of all branches of the task. An async one stops only its task or branch: what that
/// took counts, with what was held around it and what ended branches left to it.
fn held_by_caller(keeper: Keeper) -> Vec<Counted> {
    #[cfg_attr(not(feature = "tokio"), expect(unused_mut, reason = "nobody waits for a thread"))]
    let mut held = held_by_itself(keeper);
    #[cfg(feature = "tokio")]
    held.extend(held_by_waiters());
    held
}

fn held_by_itself(keeper: Keeper) -> Vec<Counted> {
    let Lineage { branches, base } = local::lineage();
    let stops_thread = matches!(keeper, Keeper::Thread);
    let (mut tags, mut held) = (vec![local::task()], Vec::new());
    let mut take = |block: &'static Block| {
        let owner = block.owner.load(Ordering::Relaxed);
        tags.push(owner);
        held.extend(block.counted(true, owner));
    };
    if let Some(base) = base {
        base.family.for_each_branch(|branch| {
            if stops_thread || branch.family.is_left_to(&branches) {
                take(branch);
            }
        });
        take(base);
    }
    if !stops_thread {
        branches.into_iter().for_each(take);
    }
    let thread = local::thread().into_iter().flat_map(|block| block.counted(false, 0));
    held.extend(thread.filter(|h| stops_thread || tags.contains(&h.record.tag)));
    held
}

/// What the current task or thread holds itself, and which records that is.
#[cfg(feature = "tokio")]
pub(super) fn held_by_task() -> Vec<(&'static Slot, u64)> {
    held_by_itself(Keeper::Task).into_iter().map(|h| (h.slot, h.slot.number())).collect()
}

/// Reports that a task that the caller waits for is blocked by a lock that it must not wait for.
#[cfg(feature = "tokio")]
pub(super) fn reports_of_child(ask: &Ask, held: &[(Record, &'static Slot)]) {
    if local::is_reporting() {
        return;
    }
    let of_waiter = |(record, slot): &(Record, &'static Slot)| Counted {
        record: *record,
        slot,
        of_task: false,
    };
    let held: Vec<Counted> = held.iter().map(of_waiter).collect();
    let acquisitions: Vec<_> = held.iter().map(|h| h.record.acquisition()).collect();
    let plugged = gate::has(gate::PLUGGED).then(judge::plugged).flatten();
    if let Some(breach) = judge(&ask.wanted(), &acquisitions, plugged.as_deref(), false) {
        report(ask, breach, &held, acquisitions);
    }
}

/// The locks of whoever waits for the task that this is.
#[cfg(feature = "tokio")]
fn held_by_waiters() -> Vec<Counted> {
    let records = local::awaited().into_iter().flat_map(|awaited| awaited.records());
    records.map(|(record, slot)| Counted { record, slot, of_task: false }).collect()
}

impl Block {
    fn counted(&'static self, of_task: bool, owner: local::Tag) -> impl Iterator<Item = Counted> {
        self.live_slots().filter_map(move |slot| {
            let record = slot.read()?;
            let tag = if of_task { owner } else { record.tag };
            Some(Counted { record: Record { tag, ..record }, slot, of_task })
        })
    }
}
