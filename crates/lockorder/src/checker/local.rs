//! Who is acquiring: what the current thread knows of itself and of the future it is polling.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::block::Block;
use super::pool;
#[cfg(feature = "tokio")]
use super::tasks::{self, Cached};

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

#[inline(always)]
pub(super) fn with<T>(f: impl FnOnce(&Local) -> T) -> T {
    LOCAL.with(f)
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

    use super::{Block, Lineage, Local, Tag, tasks, with};

    /// The block of async locks of whoever is polled now: a branch, a task, or the thread's own future.
    #[inline]
    pub(in super::super) fn holder() -> Option<&'static Block> {
        with(|local| local.branch().or_else(|| local.base()))
    }

    /// The block of the task that is polled now, or of the thread's own future.
    #[inline]
    pub(in super::super) fn base() -> Option<&'static Block> {
        with(Local::base)
    }

    /// Whether the newest marks of whoever is polled now show nothing against `class`. A blocking lock
    /// stops all branches of the task, an async one only this branch.
    #[inline]
    pub(in super::super) fn admits(class: &crate::Class, blocking: bool) -> bool {
        with(|local| {
            let Some(base) = local.known_base() else {
                return local.branch().is_none();
            };
            let family = match blocking {
                true => base.family.has_branches(),
                false => base.family.has_left_behind() || local.branch().is_some(),
            };
            !family && base.admits(class)
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

    /// The task that is polled now; 0 outside of tasks.
    pub(in super::super) fn task() -> Tag {
        tasks::current().unwrap_or(0)
    }

    /// The task that is polled now, and the branch of it or the task itself.
    #[inline]
    pub(in super::super) fn task_and_tag() -> (Tag, Tag) {
        let task = task();
        let branch = with(|local| local.branch.get()).filter(|(of, _)| *of == task);
        (task, branch.map_or(task, |(_, branch)| branch.owner.load(Ordering::Relaxed)))
    }

    /// Polls within a branch: enclosing branches of the same task stay in its lineage.
    pub(in super::super) fn within<T>(branch: &'static Block, poll: impl FnOnce() -> T) -> T {
        struct Restore(Option<(Tag, &'static Block)>);
        impl Drop for Restore {
            fn drop(&mut self) {
                with(|local| local.branch.set(self.0));
            }
        }
        branch.family.set_parent(with(Local::branch));
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
pub(super) use futures::{admits, base, holder, lineage, task, task_and_tag, within};

#[cfg(not(feature = "tokio"))]
mod no_futures {
    use super::{Lineage, Tag};

    #[inline(always)]
    pub(in super::super) fn admits(_: &crate::Class, _blocking: bool) -> bool {
        true
    }

    pub(in super::super) fn lineage() -> Lineage {
        Lineage { branches: Vec::new(), base: None }
    }

    pub(in super::super) fn task() -> Tag {
        0
    }

    #[inline(always)]
    pub(in super::super) fn task_and_tag() -> (Tag, Tag) {
        (0, 0)
    }
}

#[cfg(not(feature = "tokio"))]
pub(super) use no_futures::{admits, lineage, task, task_and_tag};
