//! Who is acquiring: what the current thread knows of itself and of the future it is polling.

use std::cell::Cell;

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
    /// The branch being polled.
    #[cfg(feature = "tokio")]
    branch: Cell<Option<&'static Block>>,
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

/// Runs `f` unless this thread is in the middle of a report; what `f` locks is neither checked nor logged.
pub(super) fn report(f: impl FnOnce()) {
    struct Done;
    impl Drop for Done {
        fn drop(&mut self) {
            with(|local| local.reporting.set(false));
        }
    }
    if with(|local| local.reporting.replace(true)) {
        return;
    }
    let _done = Done;
    f();
}

pub(super) fn is_reporting() -> bool {
    with(|local| local.reporting.get())
}

#[cfg(feature = "tokio")]
mod futures {
    use super::{Block, Local, Tag, tasks, with};

    /// The block of async locks of whoever is polled now: a branch, a task, or the thread's own future.
    #[inline]
    pub(in super::super) fn holder() -> Option<&'static Block> {
        with(|local| local.branch.get().or_else(|| base(local)))
    }

    #[inline]
    fn base(local: &Local) -> Option<&'static Block> {
        match tasks::current() {
            Some(id) => tasks::block(local, id),
            None => local.root.get().or_else(|| local.fresh(&local.root)),
        }
    }

    /// The blocks whose async locks count for whoever is polled now, innermost first.
    #[inline]
    pub(in super::super) fn lineage() -> impl Iterator<Item = &'static Block> {
        with(|local| {
            let branches = std::iter::successors(local.branch.get(), |b| b.parent.load());
            // Not `base`: a thread that never took an async lock needs no block for them.
            let base = match tasks::current() {
                Some(id) => tasks::block(local, id),
                None => local.root.get(),
            };
            branches.chain(base)
        })
    }

    /// The task or branch that is polled now.
    #[inline]
    pub(in super::super) fn tag() -> Tag {
        with(|local| match local.branch.get() {
            Some(branch) => branch.owner.load(std::sync::atomic::Ordering::Relaxed),
            None => tasks::current().unwrap_or(0),
        })
    }

    /// Polls within a branch: the blocks of enclosing branches stay in its lineage.
    pub(in super::super) fn within<T>(branch: &'static Block, poll: impl FnOnce() -> T) -> T {
        struct Restore(Option<&'static Block>);
        impl Drop for Restore {
            fn drop(&mut self) {
                with(|local| local.branch.set(self.0));
            }
        }
        let outer = with(|local| local.branch.replace(Some(branch)));
        branch.parent.store(outer);
        let _restore = Restore(outer);
        poll()
    }
}

#[cfg(feature = "tokio")]
pub(super) use futures::{holder, lineage, tag, within};

#[cfg(not(feature = "tokio"))]
pub(super) fn tag() -> Tag {
    0
}

#[cfg(not(feature = "tokio"))]
pub(super) fn lineage() -> impl Iterator<Item = &'static Block> {
    std::iter::empty()
}
