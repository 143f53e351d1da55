//! Branches of a task, and what they leave behind.
//!
//! The block of a task or root is the *base* of the blocks of its branches. A branch that ends while a lock
//! of it is held (its guard was returned, say) leaves its block behind as a part of its parent, the
//! enclosing branch or the base, until the last of those locks is released.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crossbeam_utils::atomic::AtomicCell;
use parking_lot::Mutex;

#[cfg(feature = "tokio")]
use super::awaited::Awaited;
use super::block::Block;

#[derive(Default)]
pub(super) struct Family {
    /// Of a branch: the enclosing branch, or `None` directly below the base.
    parent: AtomicCell<Option<&'static Block>>,
    /// Of a branch: it ended, and its locks are its parent's.
    left: AtomicBool,
    /// Of a base: the blocks of its branches, and how many they are.
    branches: Mutex<Vec<&'static Block>>,
    len: AtomicUsize,
    /// Of a base: how many of them were left behind.
    left_behind: AtomicUsize,
    /// Of a branch that is a task of its own: who waits for it.
    #[cfg(feature = "tokio")]
    awaited: Mutex<Option<Awaited>>,
    /// Of a branch: there is somebody who may wait for it.
    #[cfg(feature = "tokio")]
    may_be_awaited: AtomicBool,
}

impl Family {
    pub(super) fn disown(&self) {
        self.parent.store(None);
        self.left.store(false, Ordering::Relaxed);
    }

    pub(super) fn parent(&self) -> Option<&'static Block> {
        self.parent.load()
    }

    #[inline]
    pub(super) fn has_branches(&self) -> bool {
        self.len.load(Ordering::Acquire) != 0
    }

    #[inline]
    pub(super) fn has_left_behind(&self) -> bool {
        self.left_behind.load(Ordering::Acquire) != 0
    }

    /// Looks at every branch, while none of them can end and its block be used by others.
    pub(super) fn for_each_branch(&self, look: impl FnMut(&'static Block)) {
        self.branches.lock().iter().copied().for_each(look);
    }

    /// Whether this was left behind for one of `lineage`, or for the base.
    pub(super) fn is_left_to(&self, lineage: &[&'static Block]) -> bool {
        self.left.load(Ordering::Relaxed)
            && self.parent().is_none_or(|p| lineage.iter().any(|l| std::ptr::eq(*l, p)))
    }

    /// Takes out what was left behind and is empty by now: for the pool.
    pub(super) fn clear_away(&self) -> Vec<&'static Block> {
        if !self.has_left_behind() {
            return Vec::new();
        }
        self.take_empty(&mut self.branches.lock())
    }

    fn take_empty(&self, branches: &mut Vec<&'static Block>) -> Vec<&'static Block> {
        let mut empty = Vec::new();
        branches.retain(|branch| {
            let over = branch.family.left.load(Ordering::Relaxed) && branch.is_empty();
            if over {
                empty.push(*branch);
            }
            !over
        });
        self.len.fetch_sub(empty.len(), Ordering::Release);
        self.left_behind.fetch_sub(empty.len(), Ordering::Release);
        empty
    }
}

#[cfg(feature = "tokio")]
impl Family {
    /// Makes `branch` a branch of this base.
    pub(super) fn enter(&self, branch: &'static Block) {
        self.branches.lock().push(branch);
        self.len.fetch_add(1, Ordering::Release);
    }

    /// Who waits for the task that this is.
    pub(super) fn awaited(&self) -> Option<Awaited> {
        self.awaited.lock().clone()
    }

    /// Sets who waits for the task that this is.
    pub(super) fn set_awaited(&self, awaited: Option<Awaited>) {
        self.may_be_awaited.store(awaited.is_some(), Ordering::Relaxed);
        *self.awaited.lock() = awaited;
    }

    /// Of the branch that is polled now: whether it stands directly below the base, and nobody waits for it.
    #[inline]
    pub(super) fn is_alone(&self) -> bool {
        self.parent().is_none() && !self.may_be_awaited.load(Ordering::Relaxed)
    }

    /// Forgets who waits.
    pub(super) fn take_awaited(&self) -> Option<Awaited> {
        self.awaited.lock().take()
    }

    /// Sets the enclosing branch.
    pub(super) fn set_parent(&self, parent: Option<&'static Block>) {
        self.parent.store(parent);
    }

    /// Takes `branch` out of this base, to enter another.
    pub(super) fn leave(&self, branch: &'static Block) {
        self.branches.lock().retain(|b| !std::ptr::eq(*b, branch));
        self.len.fetch_sub(1, Ordering::Release);
    }

    /// Ends `branch`: its block is left behind for its parent if something is held in it. Returns what is
    /// empty, for the pool.
    pub(super) fn end(&self, branch: &'static Block) -> Vec<&'static Block> {
        let mut branches = self.branches.lock();
        for child in branches.iter().filter(|b| b.family.is_child_of(branch)) {
            child.family.parent.store(branch.family.parent());
        }
        branch.family.left.store(true, Ordering::Relaxed);
        self.left_behind.fetch_add(1, Ordering::Release);
        self.take_empty(&mut branches)
    }

    fn is_child_of(&self, block: &'static Block) -> bool {
        self.parent().is_some_and(|parent| std::ptr::eq(parent, block))
    }
}
