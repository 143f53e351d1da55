use std::sync::Arc;
use std::time::{Duration, Instant};

use bytemuck::TransparentWrapper;

use super::access::{release, share};
use crate::ask::Exclusive;
use crate::cell::Cell;
use crate::guard::{guard, map, try_map};
use crate::lock::lock;
use crate::{AcquireError, Hierarchy, Rank};

/// A [`parking_lot::ReentrantMutex`] with a place in the order: its holder may lock it again.
///
/// Locking it again cannot block, so it is never a violation, whatever was locked in between. Access is
/// shared: for a value that changes, put a `Cell` or `RefCell` inside.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Tree = "tree" } } }
/// use std::cell::Cell;
///
/// use lockorder::ReentrantMutex;
///
/// static TREE: ReentrantMutex<Tree, Cell<u32>> = ReentrantMutex::new(Cell::new(0));
///
/// let tree = TREE.lock();
/// let again = TREE.lock();
/// again.set(1);
/// assert_eq!(tree.get(), 1);
/// ```
#[derive(TransparentWrapper)]
#[repr(transparent)]
pub struct ReentrantMutex<R: Rank, T>(Cell<R, parking_lot::ReentrantMutex<T>>);

lock!(ReentrantMutex, parking_lot::ReentrantMutex<T>, parking_lot::const_reentrant_mutex);
share!(ReentrantMutex, parking_lot::ReentrantMutex<T>);

impl<R: Rank, T> ReentrantMutex<R, T> {
    /// Waits for the lock for as long as it takes.
    ///
    /// # Panics
    /// If the acquisition could deadlock and the [`Policy`](crate::Policy) is `Panic`.
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> ReentrantMutexGuard<'_, R, T> {
        if self.is_owned_by_current_thread() {
            let inner = self.raw().lock();
            return ReentrantMutexGuard::new(inner, self.want(Exclusive).by_thread().hold_tried());
        }
        let (inner, held) = self.want(Exclusive).by_thread().take(|| self.raw().lock());
        ReentrantMutexGuard::new(inner, held)
    }

    /// Waits for the lock for the time of its hierarchy.
    ///
    /// # Errors
    /// [`AcquireError::TimedOut`], which says who holds the lock.
    ///
    /// # Panics
    /// As [`lock`](Self::lock).
    #[track_caller]
    pub fn lock_timed(&self) -> Result<ReentrantMutexGuard<'_, R, T>, AcquireError> {
        self.lock_within(R::Hierarchy::table().timeout())
    }

    /// Waits for the lock for `limit` at most.
    ///
    /// # Errors
    /// [`AcquireError::TimedOut`], which says who holds the lock.
    ///
    /// # Panics
    /// As [`lock`](Self::lock).
    #[track_caller]
    pub fn lock_within(
        &self,
        limit: Duration,
    ) -> Result<ReentrantMutexGuard<'_, R, T>, AcquireError> {
        if self.is_owned_by_current_thread() {
            return Ok(self.lock());
        }
        let ask = self.want(Exclusive).by_thread();
        let (inner, held) = ask.take_within(limit, |limit| self.raw().try_lock_for(limit))?;
        Ok(ReentrantMutexGuard::new(inner, held))
    }

    /// As [`lock_within`](Self::lock_within), without the reason.
    #[track_caller]
    pub fn try_lock_for(&self, limit: Duration) -> Option<ReentrantMutexGuard<'_, R, T>> {
        self.lock_within(limit).ok()
    }

    /// As [`try_lock_for`](Self::try_lock_for), until a point in time.
    #[track_caller]
    pub fn try_lock_until(&self, end: Instant) -> Option<ReentrantMutexGuard<'_, R, T>> {
        self.try_lock_for(end.saturating_duration_since(Instant::now()))
    }

    /// Takes the lock if it is free or the caller's. Cannot block, so it is never a violation.
    #[track_caller]
    pub fn try_lock(&self) -> Option<ReentrantMutexGuard<'_, R, T>> {
        let inner = self.raw().try_lock()?;
        Some(ReentrantMutexGuard::new(inner, self.want(Exclusive).by_thread().hold_tried()))
    }

    /// As [`lock`](Self::lock), with a guard that keeps the lock alive.
    ///
    /// # Panics
    /// As [`lock`](Self::lock).
    #[track_caller]
    pub fn lock_arc(self: &Arc<Self>) -> ArcReentrantMutexGuard<R, T> {
        let (raw, keep) = self.share();
        let ask = self.want(Exclusive).by_thread();
        let (inner, held) = match self.is_owned_by_current_thread() {
            true => (raw.lock_arc(), ask.hold_tried()),
            false => ask.take(|| raw.lock_arc()),
        };
        ArcReentrantMutexGuard::new(inner, keep, held)
    }

    /// As [`lock_timed`](Self::lock_timed), with a guard that keeps the lock alive.
    ///
    /// # Errors
    /// [`AcquireError::TimedOut`], which says who holds the lock.
    ///
    /// # Panics
    /// As [`lock`](Self::lock).
    #[track_caller]
    pub fn lock_arc_timed(self: &Arc<Self>) -> Result<ArcReentrantMutexGuard<R, T>, AcquireError> {
        self.lock_arc_within(R::Hierarchy::table().timeout())
    }

    /// As [`lock_within`](Self::lock_within), with a guard that keeps the lock alive.
    ///
    /// # Errors
    /// [`AcquireError::TimedOut`], which says who holds the lock.
    ///
    /// # Panics
    /// As [`lock`](Self::lock).
    #[track_caller]
    pub fn lock_arc_within(
        self: &Arc<Self>,
        limit: Duration,
    ) -> Result<ArcReentrantMutexGuard<R, T>, AcquireError> {
        if self.is_owned_by_current_thread() {
            return Ok(self.lock_arc());
        }
        let (raw, keep) = self.share();
        let ask = self.want(Exclusive).by_thread();
        let (inner, held) = ask.take_within(limit, |limit| raw.try_lock_arc_for(limit))?;
        Ok(ArcReentrantMutexGuard::new(inner, keep, held))
    }

    /// As [`lock_arc_within`](Self::lock_arc_within), without the reason.
    #[track_caller]
    pub fn try_lock_arc_for(
        self: &Arc<Self>,
        limit: Duration,
    ) -> Option<ArcReentrantMutexGuard<R, T>> {
        self.lock_arc_within(limit).ok()
    }

    /// As [`try_lock_arc_for`](Self::try_lock_arc_for), until a point in time.
    #[track_caller]
    pub fn try_lock_arc_until(
        self: &Arc<Self>,
        end: Instant,
    ) -> Option<ArcReentrantMutexGuard<R, T>> {
        self.try_lock_arc_for(end.saturating_duration_since(Instant::now()))
    }

    /// As [`try_lock`](Self::try_lock), with a guard that keeps the lock alive.
    #[track_caller]
    pub fn try_lock_arc(self: &Arc<Self>) -> Option<ArcReentrantMutexGuard<R, T>> {
        let (raw, keep) = self.share();
        let inner = raw.try_lock_arc()?;
        let held = self.want(Exclusive).by_thread().hold_tried();
        Some(ArcReentrantMutexGuard::new(inner, keep, held))
    }

    /// Whether anybody holds it now.
    pub fn is_locked(&self) -> bool {
        self.raw().is_locked()
    }

    /// Whether the caller holds it.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Tree = "tree" } } }
    /// # use lockorder::ReentrantMutex;
    /// let tree = ReentrantMutex::<Tree, _>::new(0);
    /// let guard = tree.lock();
    /// assert!(tree.is_owned_by_current_thread());
    /// drop(guard);
    /// assert!(!tree.is_owned_by_current_thread());
    /// ```
    pub fn is_owned_by_current_thread(&self) -> bool {
        self.raw().is_owned_by_current_thread()
    }
}

guard! {
    /// Access to the value of a locked [`ReentrantMutex`]; releases the lock when dropped.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Tree = "tree" } } }
    /// # use std::cell::Cell;
    /// use lockorder::{ReentrantMutex, ReentrantMutexGuard};
    ///
    /// fn visit(count: ReentrantMutexGuard<'_, Tree, Cell<u32>>) {
    ///     count.set(count.get() + 1);
    /// }
    ///
    /// let tree = ReentrantMutex::<Tree, _>::new(Cell::new(0));
    /// let guard = tree.lock();
    /// visit(tree.lock()); // again, under the first
    /// assert_eq!(guard.get(), 1);
    /// ```
    ReentrantMutexGuard ['a, R: Rank, T: ?Sized] ['a, R, T] => T,
    parking_lot::ReentrantMutexGuard<'a, T>, read
}
guard! {
    /// Access to the value of a locked [`ReentrantMutex`] that it keeps alive: see
    /// [`ReentrantMutex::lock_arc`].
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Tree = "tree" } } }
    /// # use std::{cell::Cell, sync::Arc};
    /// use lockorder::{ArcReentrantMutexGuard, ReentrantMutex};
    ///
    /// let tree = Arc::new(ReentrantMutex::<Tree, _>::new(Cell::new(0)));
    /// let guard: ArcReentrantMutexGuard<Tree, Cell<u32>> = tree.lock_arc();
    /// tree.lock().set(1); // again, under the first
    /// assert_eq!(guard.get(), 1);
    /// ```
    ArcReentrantMutexGuard [R: Rank, T] [R, T] => T,
    parking_lot::ArcReentrantMutexGuard<parking_lot::RawMutex, parking_lot::RawThreadId, T>, read,
    owned parking_lot::ReentrantMutex<T>
}
guard! {
    /// Access to a part of the value of a locked [`ReentrantMutex`]: see [`ReentrantMutexGuard::map`].
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Tree = "tree" } } }
    /// # use std::cell::Cell;
    /// use lockorder::{MappedReentrantMutexGuard, ReentrantMutex, ReentrantMutexGuard};
    ///
    /// let tree = ReentrantMutex::<Tree, _>::new((Cell::new(0), "root"));
    /// let count: MappedReentrantMutexGuard<'_, Tree, Cell<u32>> =
    ///     ReentrantMutexGuard::map(tree.lock(), |tree| &tree.0);
    /// count.set(1);
    /// assert_eq!(tree.lock().0.get(), 1);
    /// ```
    MappedReentrantMutexGuard ['a, R: Rank, T: ?Sized] ['a, R, T] => T,
    parking_lot::MappedReentrantMutexGuard<'a, T>, read
}
map! {
    ReentrantMutexGuard ['a, R: Rank, T: ?Sized] ['a, R, T] => MappedReentrantMutexGuard ['a, R, U],
    parking_lot::ReentrantMutexGuard::map, [] T, keep [], part ?Sized
}
map! {
    MappedReentrantMutexGuard ['a, R: Rank, T: ?Sized] ['a, R, T] => MappedReentrantMutexGuard ['a, R, U],
    parking_lot::MappedReentrantMutexGuard::map, [] T, keep [], part ?Sized
}
try_map! {
    MappedReentrantMutexGuard ['a, R: Rank, T: ?Sized] ['a, R, T] => MappedReentrantMutexGuard ['a, R, U],
    parking_lot::MappedReentrantMutexGuard::try_map, [] T, keep [], part ?Sized
}
try_map! {
    ReentrantMutexGuard ['a, R: Rank, T: ?Sized] ['a, R, T] => MappedReentrantMutexGuard ['a, R, U],
    parking_lot::ReentrantMutexGuard::try_map, [] T, keep [], part ?Sized
}
release!(
    ReentrantMutexGuard ['a, R: Rank, T: ?Sized] ['a, R, T] ReentrantMutexGuard,
    |guard| {
        let mutex = parking_lot::ReentrantMutexGuard::remutex(guard);
        || mutex.is_owned_by_current_thread()
    }
);
