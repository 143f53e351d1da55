use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytemuck::{TransparentWrapper, TransparentWrapperAlloc};

use super::wait;
use crate::ask::Exclusive;
use crate::class::{Cell, KeyingExt};
use crate::error::AcquireError;
use crate::guard::guard;
use crate::lock::lock;
use crate::{Hierarchy, Rank};

/// A [`tokio::sync::Mutex`] with a place in the order.
///
/// ```
/// lockorder::hierarchy! {
///     App {
///         level 1 { Registry = "registry" }
///         level 2 { Connection = "connection" [keyed] }
///     }
/// }
/// use lockorder::tokio::Mutex;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let registry = Mutex::<Registry, _>::new(vec![]);
/// let connection = Mutex::<Connection, _>::keyed(7, "idle");
///
/// let mut registry = registry.lock().await;
/// *connection.lock().await = "busy";
/// registry.push(7);
/// # }
/// ```
#[derive(TransparentWrapper)]
#[repr(transparent)]
pub struct Mutex<R: Rank, T>(Cell<R, tokio::sync::Mutex<T>>);

lock!(Mutex, tokio::sync::Mutex<T>, tokio::sync::Mutex::const_new);

impl<R: Rank, T> Mutex<R, T> {
    /// Waits for the lock for as long as it takes.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue and leaves nothing behind.
    ///
    /// # Panics
    /// If the acquisition could deadlock and the [`Policy`](crate::Policy) is `Panic`.
    #[track_caller]
    pub fn lock(&self) -> impl Future<Output = MutexGuard<'_, R, T>> {
        wait::forever(self.want(Exclusive), || self.raw().try_lock().ok(), self.raw().lock())
    }

    /// Waits for the lock for the time of its hierarchy.
    ///
    /// # Errors
    /// [`AcquireError::TimedOut`], which says who holds the lock.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue and leaves nothing behind.
    ///
    /// # Panics
    /// As [`lock`](Self::lock); and outside a tokio runtime with time enabled, if it has to wait.
    #[track_caller]
    pub fn lock_timed(&self) -> impl Future<Output = Result<MutexGuard<'_, R, T>, AcquireError>> {
        self.lock_within(R::Hierarchy::table().timeout())
    }

    /// Waits for the lock for `limit` at most.
    ///
    /// # Errors
    /// [`AcquireError::TimedOut`], which says who holds the lock.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue and leaves nothing behind.
    ///
    /// # Panics
    /// As [`lock_timed`](Self::lock_timed).
    #[track_caller]
    pub fn lock_within(
        &self,
        limit: Duration,
    ) -> impl Future<Output = Result<MutexGuard<'_, R, T>, AcquireError>> {
        wait::within(self.want(Exclusive), limit, self.raw().lock())
    }

    /// Takes the lock if it is free. Cannot wait, so it is never a violation.
    #[track_caller]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, R, T>> {
        let inner = self.raw().try_lock().ok()?;
        Some(MutexGuard::new(inner, self.want(Exclusive).by_task().hold_tried()))
    }

    /// As [`lock`](Self::lock), with a guard that owns its lock and may travel.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue and leaves nothing behind.
    ///
    /// # Panics
    /// As [`lock`](Self::lock).
    #[track_caller]
    pub fn lock_owned(self: Arc<Self>) -> impl Future<Output = OwnedMutexGuard<R, T>> {
        wait::forever(self.want(Exclusive), || None, self.share().lock_owned())
    }

    /// As [`lock_within`](Self::lock_within), with a guard that owns its lock and may travel.
    ///
    /// # Errors
    /// [`AcquireError::TimedOut`], which says who holds the lock.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue and leaves nothing behind.
    ///
    /// # Panics
    /// As [`lock_timed`](Self::lock_timed).
    #[track_caller]
    pub fn lock_owned_within(
        self: Arc<Self>,
        limit: Duration,
    ) -> impl Future<Output = Result<OwnedMutexGuard<R, T>, AcquireError>> {
        wait::within(self.want(Exclusive), limit, self.share().lock_owned())
    }

    /// As [`try_lock`](Self::try_lock), with a guard that owns its lock and may travel.
    #[track_caller]
    pub fn try_lock_owned(self: Arc<Self>) -> Option<OwnedMutexGuard<R, T>> {
        let want = self.want(Exclusive);
        let inner = self.share().try_lock_owned().ok()?;
        Some(OwnedMutexGuard::new(inner, want.by_task().hold_tried()))
    }

    /// Whether anybody holds it now, or is about to.
    pub fn is_locked(&self) -> bool {
        self.raw().try_lock().is_err()
    }

    fn share(self: Arc<Self>) -> Arc<tokio::sync::Mutex<T>> {
        R::Keys::share(Self::peel_arc(self))
    }
}

guard! {
    /// Access to the value of a locked [`Mutex`]; releases the lock when dropped.
    MutexGuard<'a>, tokio::sync::MutexGuard<'a, T>, write
}

guard! {
    /// Access to the value of a locked [`Mutex`] that it keeps alive; releases the lock when dropped, on
    /// whatever thread and in whatever task.
    OwnedMutexGuard, tokio::sync::OwnedMutexGuard<T>, write
}
