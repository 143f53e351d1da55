use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytemuck::{TransparentWrapper, TransparentWrapperAlloc};

use super::wait;
use crate::ask::{Exclusive, Shared};
use crate::class::{Cell, KeyingExt};
use crate::error::AcquireError;
use crate::guard::guard;
use crate::lock::lock;
use crate::{Hierarchy, Rank};

/// A [`tokio::sync::RwLock`] with a place in the order.
///
/// One holder may not read it twice: a writer that queues between the two reads waits for the first and
/// lets the second wait for itself.
///
/// ```
/// lockorder::hierarchy! {
///     App { level 1 { Routes = "routes" } }
/// }
/// use lockorder::tokio::RwLock;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let routes = RwLock::<Routes, _>::new(vec![1]);
/// routes.write().await.push(2);
/// assert_eq!(routes.read().await.len(), 2);
/// # }
/// ```
#[derive(TransparentWrapper)]
#[repr(transparent)]
pub struct RwLock<R: Rank, T>(Cell<R, tokio::sync::RwLock<T>>);

lock!(RwLock, tokio::sync::RwLock<T>, tokio::sync::RwLock::const_new);

impl<R: Rank, T> RwLock<R, T> {
    /// Waits for shared access for as long as it takes.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue and leaves nothing behind.
    ///
    /// # Panics
    /// If the acquisition could deadlock and the [`Policy`](crate::Policy) is `Panic`.
    #[track_caller]
    pub fn read(&self) -> impl Future<Output = RwLockReadGuard<'_, R, T>> {
        wait::forever(self.want(Shared), || self.raw().try_read().ok(), self.raw().read())
    }

    /// Waits for shared access for the time of its hierarchy.
    ///
    /// # Errors
    /// [`AcquireError::TimedOut`], which says who holds the lock.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue and leaves nothing behind.
    ///
    /// # Panics
    /// As [`read`](Self::read); and outside a tokio runtime with time enabled, if it has to wait.
    #[track_caller]
    pub fn read_timed(
        &self,
    ) -> impl Future<Output = Result<RwLockReadGuard<'_, R, T>, AcquireError>> {
        self.read_within(R::Hierarchy::table().timeout())
    }

    /// Waits for shared access for `limit` at most.
    ///
    /// # Errors
    /// [`AcquireError::TimedOut`], which says who holds the lock.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue and leaves nothing behind.
    ///
    /// # Panics
    /// As [`read_timed`](Self::read_timed).
    #[track_caller]
    pub fn read_within(
        &self,
        limit: Duration,
    ) -> impl Future<Output = Result<RwLockReadGuard<'_, R, T>, AcquireError>> {
        wait::within(self.want(Shared), limit, self.raw().read())
    }

    /// Takes shared access if it is free. Cannot wait, so it is never a violation.
    #[track_caller]
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, R, T>> {
        let inner = self.raw().try_read().ok()?;
        Some(RwLockReadGuard::new(inner, self.want(Shared).by_task().hold_tried()))
    }

    /// As [`read`](Self::read), with a guard that owns its lock and may travel.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue and leaves nothing behind.
    ///
    /// # Panics
    /// As [`read`](Self::read).
    #[track_caller]
    pub fn read_owned(self: Arc<Self>) -> impl Future<Output = OwnedRwLockReadGuard<R, T>> {
        wait::forever(self.want(Shared), || None, self.share().read_owned())
    }

    /// As [`read_within`](Self::read_within), with a guard that owns its lock and may travel.
    ///
    /// # Errors
    /// [`AcquireError::TimedOut`], which says who holds the lock.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue and leaves nothing behind.
    ///
    /// # Panics
    /// As [`read_timed`](Self::read_timed).
    #[track_caller]
    pub fn read_owned_within(
        self: Arc<Self>,
        limit: Duration,
    ) -> impl Future<Output = Result<OwnedRwLockReadGuard<R, T>, AcquireError>> {
        wait::within(self.want(Shared), limit, self.share().read_owned())
    }

    /// As [`try_read`](Self::try_read), with a guard that owns its lock and may travel.
    #[track_caller]
    pub fn try_read_owned(self: Arc<Self>) -> Option<OwnedRwLockReadGuard<R, T>> {
        let want = self.want(Shared);
        let inner = self.share().try_read_owned().ok()?;
        Some(OwnedRwLockReadGuard::new(inner, want.by_task().hold_tried()))
    }

    /// Waits for exclusive access for as long as it takes.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue and leaves nothing behind.
    ///
    /// # Panics
    /// If the acquisition could deadlock and the [`Policy`](crate::Policy) is `Panic`.
    #[track_caller]
    pub fn write(&self) -> impl Future<Output = RwLockWriteGuard<'_, R, T>> {
        wait::forever(self.want(Exclusive), || self.raw().try_write().ok(), self.raw().write())
    }

    /// Waits for exclusive access for the time of its hierarchy.
    ///
    /// # Errors
    /// [`AcquireError::TimedOut`], which says who holds the lock.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue and leaves nothing behind.
    ///
    /// # Panics
    /// As [`write`](Self::write); and outside a tokio runtime with time enabled, if it has to wait.
    #[track_caller]
    pub fn write_timed(
        &self,
    ) -> impl Future<Output = Result<RwLockWriteGuard<'_, R, T>, AcquireError>> {
        self.write_within(R::Hierarchy::table().timeout())
    }

    /// Waits for exclusive access for `limit` at most.
    ///
    /// # Errors
    /// [`AcquireError::TimedOut`], which says who holds the lock.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue and leaves nothing behind.
    ///
    /// # Panics
    /// As [`write_timed`](Self::write_timed).
    #[track_caller]
    pub fn write_within(
        &self,
        limit: Duration,
    ) -> impl Future<Output = Result<RwLockWriteGuard<'_, R, T>, AcquireError>> {
        wait::within(self.want(Exclusive), limit, self.raw().write())
    }

    /// Takes exclusive access if it is free. Cannot wait, so it is never a violation.
    #[track_caller]
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, R, T>> {
        let inner = self.raw().try_write().ok()?;
        Some(RwLockWriteGuard::new(inner, self.want(Exclusive).by_task().hold_tried()))
    }

    /// As [`write`](Self::write), with a guard that owns its lock and may travel.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue and leaves nothing behind.
    ///
    /// # Panics
    /// As [`write`](Self::write).
    #[track_caller]
    pub fn write_owned(self: Arc<Self>) -> impl Future<Output = OwnedRwLockWriteGuard<R, T>> {
        wait::forever(self.want(Exclusive), || None, self.share().write_owned())
    }

    /// As [`write_within`](Self::write_within), with a guard that owns its lock and may travel.
    ///
    /// # Errors
    /// [`AcquireError::TimedOut`], which says who holds the lock.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue and leaves nothing behind.
    ///
    /// # Panics
    /// As [`write_timed`](Self::write_timed).
    #[track_caller]
    pub fn write_owned_within(
        self: Arc<Self>,
        limit: Duration,
    ) -> impl Future<Output = Result<OwnedRwLockWriteGuard<R, T>, AcquireError>> {
        wait::within(self.want(Exclusive), limit, self.share().write_owned())
    }

    /// As [`try_write`](Self::try_write), with a guard that owns its lock and may travel.
    #[track_caller]
    pub fn try_write_owned(self: Arc<Self>) -> Option<OwnedRwLockWriteGuard<R, T>> {
        let want = self.want(Exclusive);
        let inner = self.share().try_write_owned().ok()?;
        Some(OwnedRwLockWriteGuard::new(inner, want.by_task().hold_tried()))
    }

    /// Whether a reader would have to wait now: somebody writes, or is about to.
    pub fn is_locked_exclusive(&self) -> bool {
        self.raw().try_read().is_err()
    }

    fn share(self: Arc<Self>) -> Arc<tokio::sync::RwLock<T>> {
        R::Keys::share(Self::peel_arc(self))
    }
}

guard! {
    /// Shared access to the value of a [`RwLock`]; releases the lock when dropped.
    RwLockReadGuard<'a>, tokio::sync::RwLockReadGuard<'a, T>, read
}

guard! {
    /// Exclusive access to the value of a [`RwLock`]; releases the lock when dropped.
    RwLockWriteGuard<'a>, tokio::sync::RwLockWriteGuard<'a, T>, write
}

guard! {
    /// Shared access to the value of a [`RwLock`] that it keeps alive; releases the lock when dropped, on
    /// whatever thread and in whatever task.
    OwnedRwLockReadGuard, tokio::sync::OwnedRwLockReadGuard<T>, read
}

guard! {
    /// Exclusive access to the value of a [`RwLock`] that it keeps alive; releases the lock when dropped,
    /// on whatever thread and in whatever task.
    OwnedRwLockWriteGuard, tokio::sync::OwnedRwLockWriteGuard<T>, write
}
