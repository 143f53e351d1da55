use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use bytemuck::{TransparentWrapper, TransparentWrapperAlloc};
use tokio::sync::AcquireError as ClosedError;

use super::wait;
use crate::ask::{Grant, Granted, Permits, Want};
use crate::checker::Held;
use crate::class::{Cell, KeyedCell, KeyingExt};
use crate::error::AcquireError;
use crate::{Hierarchy, Keyed, Rank, Unkeyed};

type Raw = tokio::sync::Semaphore;
type Wanted<R> = Want<R, Permits>;

/// A [`tokio::sync::Semaphore`] with a place in the order.
///
/// Permits belong to whoever acquired them. One that holds some and waits for more of the same semaphore
/// can deadlock with another that does so too, and is reported: ask for all of them at once.
///
/// ```
/// lockorder::hierarchy! {
///     App { level 1 { Slots = "slots" } }
/// }
/// use lockorder::tokio::Semaphore;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), lockorder::AcquireError> {
/// let slots = Semaphore::<Slots>::new(5);
/// let two = slots.acquire_many(2).await?;
/// assert_eq!(slots.available_permits(), 3);
/// drop(two);
/// # Ok(())
/// # }
/// ```
#[derive(TransparentWrapper)]
#[repr(transparent)]
pub struct Semaphore<R: Rank>(Cell<R, Raw>);

impl<R: Rank<Keys = Unkeyed>> Semaphore<R> {
    /// A semaphore of a class without keys.
    ///
    /// # Panics
    /// If `permits` exceeds [`tokio::sync::Semaphore::MAX_PERMITS`].
    pub const fn new(permits: usize) -> Self {
        Self(Raw::const_new(permits))
    }
}

impl<R: Rank<Keys = Keyed>> Semaphore<R> {
    /// A semaphore of a keyed class: of two such the one with the lower key is acquired first.
    ///
    /// # Panics
    /// If `permits` exceeds [`tokio::sync::Semaphore::MAX_PERMITS`].
    pub fn keyed(key: u64, permits: usize) -> Self {
        Self(KeyedCell::new(key, Raw::new(permits)))
    }

    /// Its key.
    pub fn key(&self) -> u64 {
        R::Keys::name(&self.0)
    }
}

impl<R: Rank> Semaphore<R> {
    /// Waits for a permit for as long as it takes.
    ///
    /// # Errors
    /// [`AcquireError::Closed`].
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue and leaves nothing behind.
    ///
    /// # Panics
    /// If the acquisition could deadlock and the [`Policy`](crate::Policy) is `Panic`.
    #[track_caller]
    pub fn acquire(&self) -> impl Future<Output = Result<SemaphorePermit<'_, R>, AcquireError>> {
        self.acquire_many(1)
    }

    /// Waits for `n` permits at once, as [`acquire`](Self::acquire) does for one.
    ///
    /// # Errors
    /// [`AcquireError::Closed`].
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue and leaves nothing behind.
    ///
    /// # Panics
    /// As [`acquire`](Self::acquire).
    #[track_caller]
    pub fn acquire_many(
        &self,
        n: u32,
    ) -> impl Future<Output = Result<SemaphorePermit<'_, R>, AcquireError>> {
        let now = move || self.raw().try_acquire_many(n).ok().map(Ok);
        wait::forever(self.want(n), now, self.raw().acquire_many(n))
    }

    /// Waits for a permit for the time of its hierarchy.
    ///
    /// # Errors
    /// [`AcquireError::TimedOut`], which says who holds permits, or [`AcquireError::Closed`].
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue and leaves nothing behind.
    ///
    /// # Panics
    /// As [`acquire`](Self::acquire); and outside a tokio runtime with time enabled, if it has to wait.
    #[track_caller]
    pub fn acquire_timed(
        &self,
    ) -> impl Future<Output = Result<SemaphorePermit<'_, R>, AcquireError>> {
        self.acquire_within(R::Hierarchy::table().timeout())
    }

    /// Waits for a permit for `limit` at most.
    ///
    /// # Errors
    /// [`AcquireError::TimedOut`], which says who holds permits, or [`AcquireError::Closed`].
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue and leaves nothing behind.
    ///
    /// # Panics
    /// As [`acquire_timed`](Self::acquire_timed).
    #[track_caller]
    pub fn acquire_within(
        &self,
        limit: Duration,
    ) -> impl Future<Output = Result<SemaphorePermit<'_, R>, AcquireError>> {
        self.acquire_many_within(1, limit)
    }

    /// Waits for `n` permits at once for `limit` at most.
    ///
    /// # Errors
    /// [`AcquireError::TimedOut`], which says who holds permits, or [`AcquireError::Closed`].
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue and leaves nothing behind.
    ///
    /// # Panics
    /// As [`acquire_timed`](Self::acquire_timed).
    #[track_caller]
    pub fn acquire_many_within(
        &self,
        n: u32,
        limit: Duration,
    ) -> impl Future<Output = Result<SemaphorePermit<'_, R>, AcquireError>> {
        let want = self.want(n);
        async move { wait::within(want, limit, self.raw().acquire_many(n)).await? }
    }

    /// Takes a permit if one is free. Cannot wait, so it is never a violation.
    #[track_caller]
    pub fn try_acquire(&self) -> Option<SemaphorePermit<'_, R>> {
        self.try_acquire_many(1)
    }

    /// Takes `n` permits if so many are free. Cannot wait, so it is never a violation.
    #[track_caller]
    pub fn try_acquire_many(&self, n: u32) -> Option<SemaphorePermit<'_, R>> {
        let inner = self.raw().try_acquire_many(n).ok()?;
        Some(SemaphorePermit {
            inner,
            held: self.want(n).by_task().hold_tried(),
            rank: PhantomData,
        })
    }

    /// As [`acquire`](Self::acquire), with a permit that owns its semaphore and may travel.
    ///
    /// # Errors
    /// [`AcquireError::Closed`].
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue and leaves nothing behind.
    ///
    /// # Panics
    /// As [`acquire`](Self::acquire).
    #[track_caller]
    pub fn acquire_owned(
        self: Arc<Self>,
    ) -> impl Future<Output = Result<OwnedSemaphorePermit<R>, AcquireError>> {
        self.acquire_many_owned(1)
    }

    /// As [`acquire_many`](Self::acquire_many), with a permit that owns its semaphore and may travel.
    ///
    /// # Errors
    /// [`AcquireError::Closed`].
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue and leaves nothing behind.
    ///
    /// # Panics
    /// As [`acquire`](Self::acquire).
    #[track_caller]
    pub fn acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> impl Future<Output = Result<OwnedSemaphorePermit<R>, AcquireError>> {
        wait::forever(self.want(n), || None, self.share().acquire_many_owned(n))
    }

    /// As [`acquire_within`](Self::acquire_within), with a permit that owns its semaphore and may travel.
    ///
    /// # Errors
    /// [`AcquireError::TimedOut`], which says who holds permits, or [`AcquireError::Closed`].
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue and leaves nothing behind.
    ///
    /// # Panics
    /// As [`acquire_timed`](Self::acquire_timed).
    #[track_caller]
    pub fn acquire_owned_within(
        self: Arc<Self>,
        limit: Duration,
    ) -> impl Future<Output = Result<OwnedSemaphorePermit<R>, AcquireError>> {
        self.acquire_many_owned_within(1, limit)
    }

    /// As [`acquire_many_within`](Self::acquire_many_within), with a permit that owns its semaphore and may
    /// travel.
    ///
    /// # Errors
    /// [`AcquireError::TimedOut`], which says who holds permits, or [`AcquireError::Closed`].
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue and leaves nothing behind.
    ///
    /// # Panics
    /// As [`acquire_timed`](Self::acquire_timed).
    #[track_caller]
    pub fn acquire_many_owned_within(
        self: Arc<Self>,
        n: u32,
        limit: Duration,
    ) -> impl Future<Output = Result<OwnedSemaphorePermit<R>, AcquireError>> {
        let want = self.want(n);
        async move { wait::within(want, limit, self.share().acquire_many_owned(n)).await? }
    }

    /// As [`try_acquire`](Self::try_acquire), with a permit that owns its semaphore and may travel.
    #[track_caller]
    pub fn try_acquire_owned(self: Arc<Self>) -> Option<OwnedSemaphorePermit<R>> {
        self.try_acquire_many_owned(1)
    }

    /// As [`try_acquire_many`](Self::try_acquire_many), with a permit that owns its semaphore and may travel.
    #[track_caller]
    pub fn try_acquire_many_owned(self: Arc<Self>, n: u32) -> Option<OwnedSemaphorePermit<R>> {
        let want = self.want(n);
        let inner = self.share().try_acquire_many_owned(n).ok()?;
        Some(OwnedSemaphorePermit { inner, held: want.by_task().hold_tried(), rank: PhantomData })
    }

    /// The permits that are free now.
    pub fn available_permits(&self) -> usize {
        self.raw().available_permits()
    }

    /// Adds permits that nobody held.
    ///
    /// # Panics
    /// If the sum exceeds [`tokio::sync::Semaphore::MAX_PERMITS`].
    pub fn add_permits(&self, n: usize) {
        self.raw().add_permits(n);
    }

    /// Lets every waiter, now and from now on, fail with [`AcquireError::Closed`].
    pub fn close(&self) {
        self.raw().close();
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.raw().is_closed()
    }

    #[inline(always)]
    fn raw(&self) -> &Raw {
        R::Keys::lock(&self.0)
    }

    fn share(self: Arc<Self>) -> Arc<Raw> {
        R::Keys::share(Self::peel_arc(self))
    }

    #[inline(always)]
    #[track_caller]
    fn want(&self, n: u32) -> Wanted<R> {
        Want::new(self.raw(), R::Keys::name(&self.0), Permits(n), Location::caller())
    }
}

impl<R: Rank> fmt::Debug for Semaphore<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw().fmt(f)
    }
}

/// Permits of a [`Semaphore`]; gives them back when dropped.
#[must_use = "if unused the permits are given back at once"]
#[clippy::has_significant_drop]
pub struct SemaphorePermit<'a, R: Rank> {
    inner: tokio::sync::SemaphorePermit<'a>,
    #[expect(dead_code, reason = "held for its drop, after the permits are given back")]
    held: Held,
    rank: PhantomData<fn() -> R>,
}

impl<'a, R: Rank> Granted<R, Permits, Result<tokio::sync::SemaphorePermit<'a>, ClosedError>>
    for Result<SemaphorePermit<'a, R>, AcquireError>
{
    #[inline(always)]
    fn granted(
        inner: Result<tokio::sync::SemaphorePermit<'a>, ClosedError>,
        want: &Wanted<R>,
        grant: Grant,
    ) -> Self {
        match inner {
            Ok(inner) => Ok(SemaphorePermit { inner, held: grant.hold(want), rank: PhantomData }),
            Err(_) => Err(want.by_task().closed()),
        }
    }
}

impl<R: Rank> SemaphorePermit<'_, R> {
    /// Ends ownership: the permits are lost to the semaphore, and no longer held by anybody.
    pub fn forget(self) {
        self.inner.forget();
    }

    /// How many permits it is.
    pub fn num_permits(&self) -> usize {
        self.inner.num_permits()
    }
}

impl<R: Rank> fmt::Debug for SemaphorePermit<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SemaphorePermit").field(&self.num_permits()).finish()
    }
}

/// Permits of a [`Semaphore`] that they keep alive; gives them back when dropped, on whatever thread and in
/// whatever task.
#[must_use = "if unused the permits are given back at once"]
#[clippy::has_significant_drop]
pub struct OwnedSemaphorePermit<R: Rank> {
    inner: tokio::sync::OwnedSemaphorePermit,
    #[expect(dead_code, reason = "held for its drop, after the permits are given back")]
    held: Held,
    rank: PhantomData<fn() -> R>,
}

impl<R: Rank> Granted<R, Permits, Result<tokio::sync::OwnedSemaphorePermit, ClosedError>>
    for Result<OwnedSemaphorePermit<R>, AcquireError>
{
    #[inline(always)]
    fn granted(
        inner: Result<tokio::sync::OwnedSemaphorePermit, ClosedError>,
        want: &Wanted<R>,
        grant: Grant,
    ) -> Self {
        match inner {
            Ok(inner) => {
                Ok(OwnedSemaphorePermit { inner, held: grant.hold(want), rank: PhantomData })
            }
            Err(_) => Err(want.by_task().closed()),
        }
    }
}

impl<R: Rank> OwnedSemaphorePermit<R> {
    /// Ends ownership: the permits are lost to the semaphore, and no longer held by anybody.
    pub fn forget(self) {
        self.inner.forget();
    }

    /// How many permits it is.
    pub fn num_permits(&self) -> usize {
        self.inner.num_permits()
    }
}

impl<R: Rank> fmt::Debug for OwnedSemaphorePermit<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnedSemaphorePermit").field(&self.num_permits()).finish()
    }
}
