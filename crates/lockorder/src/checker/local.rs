//! Who is acquiring: what the current thread knows of itself and of the future it is polling.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::block::Block;
#[cfg(feature = "tokio")]
use super::gate;
use super::pool;
#[cfg(feature = "tokio")]
use super::tasks::{self, Cached};
use crate::ask::Keeper;

/// The task or branch in which a lock was taken: a tokio task id, a branch number with the top bit set, or
/// 0 outside of both.
pub(super) type Tag = u64;

/// Tells the numbers of branches from those of tasks.
pub(super) const BRANCH: Tag = 1 << 63;

/// Needs no destructor, so it can be read from the destructor of any other thread-local.
pub(super) struct Local {
    /// Holds the thread's blocking locks.
    thread: Cell<Option<&'static Block>>,
    /// Holds the async locks of a future that the thread drives outside any task.
    #[cfg(feature = "tokio")]
    root: Cell<Option<&'static Block>>,
    /// The last task seen here that locked something.
    #[cfg(feature = "tokio")]
    pub(super) task: Cell<Option<Cached>>,
    /// The branch being polled, and the task that polls it.
    #[cfg(feature = "tokio")]
    branch: Cell<Option<(Tag, &'static Block)>>,
    /// The thread has given its blocks back: from now on its locks go unrecorded.
    ended: Cell<bool>,
    /// A report or an event is being made: locks taken for it are neither checked nor logged.
    reporting: Cell<bool>,
}

thread_local! {
    static LOCAL: Local = const {
        Local {
            thread: Cell::new(None),
            #[cfg(feature = "tokio")]
            root: Cell::new(None),
            #[cfg(feature = "tokio")]
            task: Cell::new(None),
            #[cfg(feature = "tokio")]
            branch: Cell::new(None),
            ended: Cell::new(false),
            reporting: Cell::new(false),
        }
    };
    static EXIT: Exit = const { Exit };
}

/// Gives the thread's blocks back when the thread ends.
struct Exit;

impl Drop for Exit {
    fn drop(&mut self) {
        LOCAL.with(|local| {
            local.ended.set(true);
            local.thread.take().into_iter().for_each(pool::give_back);
            #[cfg(feature = "tokio")]
            {
                local.root.take().into_iter().for_each(pool::give_back);
                if let Some(spare) = local.task.take().and_then(tasks::retire) {
                    pool::give_back(spare);
                }
            }
        });
    }
}

impl Local {
    /// Takes a block for this thread, unless the thread is past giving it back.
    #[cold]
    #[inline(never)]
    fn fresh(&self, place: &Cell<Option<&'static Block>>) -> Option<&'static Block> {
        if self.ended.get() || EXIT.try_with(|_| ()).is_err() {
            return None;
        }
        #[cfg(feature = "tokio")]
        if tokio::runtime::Handle::try_current().is_ok() {
            gate::set(gate::TASKS);
        }
        let block = pool::take();
        let thread = std::thread::current();
        let name = thread.name().map_or_else(|| format!("{:?}", thread.id()), str::to_owned);
        *block.thread.lock() = name;
        place.set(Some(block));
        Some(block)
    }

    #[cfg(feature = "tokio")]
    pub(super) fn has_ended(&self) -> bool {
        self.ended.get() || EXIT.try_with(|_| ()).is_err()
    }
}

#[inline]
pub(super) fn with<T>(f: impl FnOnce(&Local) -> T) -> T {
    LOCAL.with(f)
}

/// The block of the thread's blocking locks, if it has one.
#[inline(always)]
pub(super) fn known_thread() -> Option<&'static Block> {
    LOCAL.with(|local| local.thread.get())
}

/// The block of the thread's blocking locks; `None` once the thread has ended.
#[inline]
pub(super) fn thread() -> Option<&'static Block> {
    with(|local| local.thread.get().or_else(|| local.fresh(&local.thread)))
}

/// Runs `f` unless this thread is in the middle of a report or past its end; what `f` locks is neither
/// checked nor logged. `f` is a subscriber's code or a callback's, so it may panic: that is returned.
pub(super) fn report<T>(f: impl FnOnce() -> T) -> Option<std::thread::Result<T>> {
    struct Done;
    impl Drop for Done {
        fn drop(&mut self) {
            with(|local| local.reporting.set(false));
        }
    }
    if with(|local| local.ended.get() || local.reporting.replace(true)) {
        return None;
    }
    let _done = Done;
    Some(catch_unwind(AssertUnwindSafe(f)))
}

pub(super) fn is_reporting() -> bool {
    with(|local| local.reporting.get())
}

/// Whose async locks count for whoever is polled now.
pub(super) struct Lineage {
    /// The branches being polled, innermost first.
    pub(super) branches: Vec<&'static Block>,
    /// The task, or the thread's own future if it ever took an async lock.
    pub(super) base: Option<&'static Block>,
}

#[cfg(feature = "tokio")]
mod futures {
    use std::sync::atomic::Ordering;

    use super::super::awaited::Awaited;
    use super::super::block::Place;
    use super::{Block, Keeper, LOCAL, Lineage, Local, Tag, gate, known_thread, tasks, with};
    use crate::ask::Ask;

    /// The block of async locks of whoever is polled now: a branch, a task, or the thread's own future.
    #[inline]
    pub(in super::super) fn holder() -> Option<&'static Block> {
        with(|local| local.branch().or_else(|| local.base()))
    }

    /// Turns the thread to the task that is polled now, if it was another's.
    pub(in super::super) fn arrive() {
        with(|local| _ = local.known_base());
    }

    /// The block of the task that is polled now, or of the thread's own future.
    #[inline]
    pub(in super::super) fn base() -> Option<&'static Block> {
        with(Local::base)
    }

    /// Where an async lock belongs that the current task may surely take: the fast path.
    #[inline(always)]
    pub(in super::super) fn admit_to_task(ask: &Ask) -> Option<Place> {
        // One look at a time: a longer closure would not be inlined.
        let thread_is_clear = known_thread().is_none_or(Block::is_clear);
        if !thread_is_clear {
            return None;
        }
        if LOCAL.with(|local| local.branch.get().is_some()) {
            return admit_to_branch(ask);
        }
        let base = match tasks::current() {
            Some(id) => LOCAL.with(|local| local.task.get())?.block_of(id)?,
            None => LOCAL.with(|local| local.root.get())?,
        };
        if base.family.has_left_behind() {
            return None;
        }
        base.admit(ask, ask.class.table.base.load(Ordering::Relaxed))
    }

    /// Where an async lock belongs that the current branch may surely take: nothing else counts if nobody around it
    /// holds anything.
    #[inline(never)]
    fn admit_to_branch(ask: &Ask) -> Option<Place> {
        let (base, branch) = with(|local| Some((local.known_base()?, local.branch()?)))?;
        let is_alone =
            base.is_clear() && !base.family.has_left_behind() && branch.family.is_alone();
        if !is_alone {
            return None;
        }
        branch.admit(ask, ask.class.table.base.load(Ordering::Relaxed))
    }

    /// The one block that counts for the caller, if no other does; it may have none.
    pub(in super::super) fn only_block(keeper: Keeper) -> Option<Option<&'static Block>> {
        with(|local| {
            let thread = local.thread.get();
            if !gate::has(gate::TASKS) {
                return Some(thread);
            }
            let base = local.known_base();
            let has_family = |base: &Block| match keeper {
                Keeper::Thread => base.family.has_branches(),
                Keeper::Task => base.family.has_left_behind() || local.branch().is_some(),
            };
            if base.map_or_else(|| local.branch().is_some(), has_family) {
                return None;
            }
            let (own, other) = match keeper {
                Keeper::Thread => (thread, base),
                Keeper::Task => (base, thread),
            };
            other.is_none_or(Block::is_clear).then_some(own)
        })
    }

    pub(in super::super) fn lineage() -> Lineage {
        with(|local| {
            let base = local.known_base();
            if let Some(base) = base {
                base.clear_away();
            }
            let branches = std::iter::successors(local.branch(), |b| b.family.parent()).collect();
            Lineage { branches, base }
        })
    }

    /// Who waits for the task that this is, if anybody may.
    pub(in super::super) fn awaited() -> Vec<Awaited> {
        let Some(branch) = with(Local::branch) else { return Vec::new() };
        std::iter::successors(Some(branch), |b| b.family.parent())
            .filter_map(|b| b.family.awaited())
            .collect()
    }

    /// The task that is polled now; 0 outside of tasks, and while nobody can know.
    pub(in super::super) fn task() -> Tag {
        match gate::has(gate::TASKS) {
            true => tasks::current().unwrap_or(0),
            false => 0,
        }
    }

    /// The branch that is polled now, or the task; 0 outside of both.
    pub(in super::super) fn tag() -> Tag {
        match with(Local::branch) {
            Some(branch) => branch.owner.load(Ordering::Relaxed),
            None => task(),
        }
    }

    /// Polls within a branch: enclosing branches of the same task stay in its lineage.
    pub(in super::super) fn within<T>(branch: &'static Block, poll: impl FnOnce() -> T) -> T {
        struct Restore(Option<(Tag, &'static Block)>);
        impl Drop for Restore {
            fn drop(&mut self) {
                with(|local| local.branch.set(self.0));
            }
        }
        gate::set(gate::TASKS);
        branch.family.set_parent(with(Local::branch));
        branch.task.store(task(), Ordering::Relaxed);
        let outer = with(|local| local.branch.replace(Some((task(), branch))));
        let _restore = Restore(outer);
        poll()
    }

    impl Local {
        /// The branch that is polled now. One of another task is around us only because it drives the
        /// executor of this one.
        #[inline]
        fn branch(&self) -> Option<&'static Block> {
            let (task_of, branch) = self.branch.get()?;
            (task_of == task()).then_some(branch)
        }

        #[inline]
        fn base(&self) -> Option<&'static Block> {
            match tasks::current() {
                Some(id) => tasks::block(self, id),
                None => self.root.get().or_else(|| self.fresh(&self.root)),
            }
        }

        /// As `base`; but a thread that never took an async lock needs no block for them.
        #[inline]
        fn known_base(&self) -> Option<&'static Block> {
            match tasks::current() {
                Some(id) => tasks::block(self, id),
                None => self.root.get(),
            }
        }
    }
}

#[cfg(feature = "tokio")]
pub(super) type Waiters = super::awaited::Awaited;
#[cfg(feature = "tokio")]
pub(super) use futures::{
    admit_to_task, arrive, awaited, base, holder, lineage, only_block, tag, task, within,
};

#[cfg(not(feature = "tokio"))]
mod no_futures {
    use super::super::block::Place;
    use super::{Block, Keeper, Lineage, Tag, known_thread};
    use crate::ask::Ask;

    pub(in super::super) fn admit_to_task(_: &Ask) -> Option<Place> {
        None
    }

    pub(in super::super) fn holder() -> Option<&'static Block> {
        None
    }

    /// Nobody waits for a thread that we would know of.
    pub(in super::super) enum Waiters {}

    impl Waiters {
        pub(in super::super) fn blocked(&self, _: Option<Ask>) -> Option<Ask> {
            match *self {}
        }
    }

    pub(in super::super) fn awaited() -> Vec<Waiters> {
        Vec::new()
    }

    pub(in super::super) fn only_block(_: Keeper) -> Option<Option<&'static Block>> {
        Some(known_thread())
    }

    pub(in super::super) fn lineage() -> Lineage {
        Lineage { branches: Vec::new(), base: None }
    }

    pub(in super::super) fn task() -> Tag {
        0
    }

    pub(in super::super) fn tag() -> Tag {
        0
    }
}

#[cfg(not(feature = "tokio"))]
pub(super) use no_futures::{
    Waiters, admit_to_task, awaited, holder, lineage, only_block, tag, task,
};
