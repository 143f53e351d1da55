//! The rules, as plainly as they can be said: a list of what is held, and loops over it.

use std::collections::{BTreeMap, HashSet};

use lockorder::ViolationKind;

use crate::world::{CELL, FACTS, How, PERMITS, SHARED, SLOTS, Side, TREE};

pub(crate) type Class = (usize, usize);

/// A holder: the number of its thread, that of the task on it, and that of the branch of that; 0 for the thread
/// or the task itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) thread: usize,
    pub(crate) task: usize,
    pub(crate) branch: usize,
}

/// Who asks for a lock: a holder, or a task that a holder waits for.
#[derive(Clone, Copy, Debug)]
enum Asks {
    Holder(Holder),
    ChildOf(Holder),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) id: u64,
    pub(crate) lock: Option<usize>,
    class: Class,
    key: Option<u64>,
    is_async: bool,
    pub(crate) side: Side,
    /// Whose record it is; nobody's while it is handed over.
    holder: Option<Holder>,
}

/// What is held now, and all that was ever learned.
#[derive(Default)]
pub(crate) struct Reference {
    held: Vec<Held>,
    edges: HashSet<(Class, Class)>,
    /// How often each rule decided, and each way.
    pub(crate) counts: BTreeMap<&'static str, u64>,
    next: u64,
}

/// What an acquisition must come to.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) violation: Option<ViolationKind>,
    pub(crate) how: How,
    pub(crate) got: Option<u64>,
}

impl Reference {
    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// A holder asks for a lock.
    pub(crate) fn acquire(
        &mut self,
        holder: Holder,
        lock: usize,
        side: Side,
        tries: bool,
    ) -> Expected {
        let facts = &FACTS[lock];
        let free = self.is_free(holder, lock, side);
        let how = match (tries, free) {
            (true, _) => How::Try,
            (false, true) => How::Wait,
            (false, false) => How::Timed,
        };
        let violation = match tries {
            true => {
                self.note_try(holder, lock, free);
                None
            }
            false => {
                let wanted = (facts.class, facts.key, Some(lock));
                self.judge(Asks::Holder(holder), facts.is_async, wanted, side, &[])
            }
        };
        if !tries && !free {
            self.count(if facts.is_async { "cancelled" } else { "timed out" });
        }
        let got = free
            .then(|| self.hold(holder, Some(lock), facts.class, facts.key, facts.is_async, side));
        Expected { violation, how, got }
    }

    fn note_try(&mut self, holder: Holder, lock: usize, free: bool) {
        let counted = self.counted(Asks::Holder(holder), FACTS[lock].is_async, &[]);
        let own = counted.iter().any(|h| h.lock == Some(lock));
        let inverted = counted.iter().any(|h| is_after(h.class, FACTS[lock].class));
        match (own, inverted, free) {
            (true, _, _) => self.count("same lock: not, tried"),
            (_, true, true) => self.count("order: not, tried"),
            _ => {}
        }
    }

    /// A holder waits for a task that takes a lock and releases it.
    pub(crate) fn child(&mut self, parent: Holder, lock: usize, side: Side) -> Expected {
        let facts = &FACTS[lock];
        let free = self.is_free(parent, lock, side);
        let wanted = (facts.class, facts.key, Some(lock));
        let violation = self.judge(Asks::ChildOf(parent), facts.is_async, wanted, side, &[]);
        self.count(match violation {
            Some(_) => "awaited child: reported",
            None => "awaited child: not",
        });
        let how = if free { How::Wait } else { How::Timed };
        Expected { violation, how, got: free.then_some(0) }
    }

    /// A holder makes the value of a cell, and takes a lock in the initialiser.
    pub(crate) fn initialise(
        &mut self,
        holder: Holder,
        lock: usize,
        side: Side,
    ) -> (Vec<ViolationKind>, Expected) {
        let outer =
            self.judge(Asks::Holder(holder), false, (CELL, None, None), Side::Exclusive, &[]);
        let cell = self.hold(holder, None, CELL, None, false, Side::Exclusive);
        let mut inner = self.acquire(holder, lock, side, false);
        let found = outer.into_iter().chain(inner.violation.take()).collect();
        inner.got.into_iter().for_each(|id| self.release(id));
        self.release(cell);
        self.count("initialised");
        (found, inner)
    }

    /// A holder waits for a condition variable with one of its guards.
    pub(crate) fn wait(&mut self, holder: Holder, guard: u64) -> Option<ViolationKind> {
        let held = self.get(guard);
        let wanted = (held.class, held.key, held.lock);
        let order = self.judge(Asks::Holder(holder), false, wanted, held.side, &[guard]);
        let under = !self.counted(Asks::Holder(holder), false, &[guard]).is_empty();
        self.count(if under { "condvar wait: reported" } else { "condvar wait: not" });
        order.or_else(|| under.then_some(ViolationKind::CondvarWait))
    }

    /// A holder turns an upgradable guard into a writer's, if no reader is there.
    pub(crate) fn upgrade(&mut self, holder: Holder, guard: u64) -> (Option<ViolationKind>, bool) {
        let held = self.get(guard);
        let readers = self.held.iter().any(|h| h.lock == held.lock && h.id != guard);
        let wanted = (held.class, held.key, held.lock);
        let found = self.judge(Asks::Holder(holder), false, wanted, Side::Exclusive, &[guard]);
        if !readers {
            self.set_side(guard, Side::Exclusive);
        }
        self.count("upgraded");
        (found, !readers)
    }

    pub(crate) fn set_side(&mut self, guard: u64, side: Side) {
        self.held.iter_mut().filter(|h| h.id == guard).for_each(|h| h.side = side);
    }

    pub(crate) fn set_holder(&mut self, guard: u64, holder: Option<Holder>) {
        self.held.iter_mut().filter(|h| h.id == guard).for_each(|h| h.holder = holder);
    }

    pub(crate) fn release(&mut self, guard: u64) {
        self.held.retain(|h| h.id != guard);
    }

    pub(crate) fn get(&self, guard: u64) -> Held {
        *self.held.iter().find(|h| h.id == guard).expect("it is held")
    }

    /// How many locks are on the record.
    pub(crate) fn recorded(&self) -> usize {
        self.held.iter().filter(|h| h.holder.is_some()).count()
    }

    fn hold(
        &mut self,
        holder: Holder,
        lock: Option<usize>,
        class: Class,
        key: Option<u64>,
        is_async: bool,
        side: Side,
    ) -> u64 {
        self.next += 1;
        let (id, holder) = (self.next, Some(holder));
        self.held.push(Held { id, lock, class, key, is_async, side, holder });
        id
    }

    /// Whether the lock itself, whatever its order, can be had now.
    fn is_free(&self, holder: Holder, lock: usize, side: Side) -> bool {
        let held: Vec<_> = self.held.iter().filter(|h| h.lock == Some(lock)).collect();
        let reads = |side| matches!(side, Side::Shared | Side::Recursive);
        match side {
            _ if lock == TREE => {
                held.iter().all(|h| h.holder.is_some_and(|h| h.thread == holder.thread))
            }
            Side::Permits(n) => {
                let taken = |h: &&Held| if let Side::Permits(n) = h.side { n } else { 0 };
                held.iter().map(taken).sum::<u32>() + n <= if lock == SLOTS { PERMITS } else { 1 }
            }
            Side::Upgradable => held.iter().all(|h| reads(h.side)),
            side if reads(side) => held.iter().all(|h| h.side != Side::Exclusive),
            _ => held.is_empty(),
        }
    }

    /// The locks that count: what stops with who asks, what it took itself, and what was held around it.
    fn counted(&self, asks: Asks, waits_async: bool, except: &[u64]) -> Vec<Held> {
        let counts = |h: &&Held| {
            let Some(holder) = h.holder else { return false };
            let (Asks::Holder(who) | Asks::ChildOf(who)) = asks;
            let is_of_task = (holder.thread, holder.task) == (who.thread, who.task);
            let took = is_of_task && (holder.branch == who.branch || holder.branch == 0);
            match (waits_async, asks) {
                (true, _) => took,
                (false, Asks::Holder(_)) if h.is_async => is_of_task,
                (false, Asks::ChildOf(_)) if h.is_async => took,
                (false, _) => holder.thread == who.thread,
            }
        };
        let held = self.held.iter().filter(|h| !except.contains(&h.id));
        held.filter(counts).copied().collect()
    }

    fn judge(
        &mut self,
        asks: Asks,
        is_async: bool,
        (class, key, lock): (Class, Option<u64>, Option<usize>),
        side: Side,
        except: &[u64],
    ) -> Option<ViolationKind> {
        let counted = self.counted(asks, is_async, except);
        if let Asks::Holder(who) = asks {
            self.count_arms(who, is_async, class, &counted);
        }
        let again = counted.iter().filter(|h| lock.is_some() && h.lock == lock);
        let again: Vec<_> = again.collect();
        let owns_tree = lock == Some(TREE) && !again.is_empty();
        let reads = |h: &&&Held| h.side != Side::Exclusive;
        if owns_tree || (side == Side::Recursive && again.iter().any(|h| reads(&h))) {
            self.count("same lock: not, it may be taken again");
            return None;
        }
        if !again.is_empty() {
            self.count("same lock: reported");
            return Some(ViolationKind::SameLock);
        }
        if counted.iter().any(|h| is_after(h.class, class)) {
            self.count("order: reported");
            return Some(ViolationKind::Order);
        }
        if counted.iter().any(|h| is_after(class, h.class)) {
            self.count("order: not");
        }
        let same: Vec<_> = counted.iter().filter(|h| h.class == class).collect();
        if same.iter().any(|h| key.is_none() || h.key >= key) {
            self.count("same class: reported");
            return Some(ViolationKind::SameClass);
        }
        if !same.is_empty() {
            self.count("same class: not, its keys rise");
        }
        let foreign: Vec<_> = counted.iter().filter(|h| h.class.0 != class.0).collect();
        if foreign.iter().any(|h| self.leads(class, h.class)) {
            self.count("learned order: reported");
            return Some(ViolationKind::LearnedOrder);
        }
        if !foreign.is_empty() {
            self.count("learned order: not");
        }
        let edges: Vec<_> = foreign.iter().map(|h| (h.class, class)).collect();
        self.edges.extend(edges);
        None
    }

    /// Counts how often a lock of another arm of the same task mattered, and how often it did not.
    fn count_arms(&mut self, who: Holder, is_async: bool, class: Class, counted: &[Held]) {
        let in_other_arm = |h: &&Held| {
            h.is_async
                && is_after(h.class, class)
                && h.holder.is_some_and(|h| h.thread == who.thread && h.task == who.task)
                && h.holder.is_some_and(|h| h.branch != 0 && h.branch != who.branch)
        };
        if counted.iter().any(|h| in_other_arm(&h)) {
            self.count("arms: reported, a blocking lock stops them all");
        }
        if is_async && self.held.iter().any(|h| in_other_arm(&h)) {
            self.count("arms: not, each waits for itself");
        }
        let around = |h: &&Held| who.branch != 0 && h.holder.is_some_and(|h| h.branch == 0);
        if is_async && counted.iter().filter(around).any(|h| is_after(h.class, class)) {
            self.count("arms: reported, it is held around them");
        }
    }

    /// Whether the order so far leads from one class to another.
    fn leads(&self, from: Class, to: Class) -> bool {
        let (mut open, mut seen) = (vec![from], HashSet::new());
        while let Some(class) = open.pop() {
            if class == to || is_after(to, class) {
                return true;
            }
            if seen.insert(class) {
                let next = self.edges.iter().filter(|(a, _)| *a == class || is_after(*a, class));
                open.extend(next.map(|(_, b)| *b));
            }
        }
        false
    }

    /// Whether a guard of a lock is in the hands of somebody at all.
    pub(crate) fn is_held(&self, lock: usize) -> bool {
        self.held.iter().any(|h| h.lock == Some(lock))
    }
}

/// Whether the table of both has the first after the second.
fn is_after(a: Class, b: Class) -> bool {
    a.0 == b.0 && a.1 > b.1
}

/// The sides that a lock has, by any number.
pub(crate) fn side(lock: usize, choice: u8) -> Side {
    match lock {
        SLOTS => Side::Permits(u32::from(choice) % PERMITS + 1),
        19 => Side::Permits(1),
        SHARED => [Side::Exclusive, Side::Shared, Side::Recursive, Side::Upgradable]
            [usize::from(choice) % 4],
        _ if FACTS[lock].is_shared && choice % 2 == 0 => Side::Shared,
        _ => Side::Exclusive,
    }
}
