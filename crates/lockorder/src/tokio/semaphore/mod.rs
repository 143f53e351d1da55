mod owned;

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use bytemuck::{TransparentWrapper, TransparentWrapperAlloc};
use tokio::sync::TryAcquireError;

use super::permit::SemaphorePermit;
use super::wait;
use crate::ask::{Permits, Want};
use crate::cell::{Beside, Cell, Keep, Keying, placed};
use crate::error::AcquireError;
use crate::learned::{Learned, Placed};
use crate::{Hierarchy, Keyed, Rank, Unkeyed};

type Raw = tokio::sync::Semaphore;
pub(super) type Wanted<R> = Want<R, Permits>;

/// A [`tokio::sync::Semaphore`] with a place in the order.
///
/// Permits belong to whoever acquired them. One that holds some and waits for more of the same semaphore
/// can deadlock with another that does so too, and is reported: ask for all of them at once. Asking for
/// more than there are waits, as permits may be added; a `try_` or timed method says that it did in vain.
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
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Host = "host" [keyed] } } }
    /// # use lockorder::tokio::Semaphore;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lockorder::AcquireError> {
    /// let hosts = [1, 2].map(|key| Semaphore::<Host>::keyed(key, 4));
    /// let from = hosts[0].acquire().await?; // the lower key first
    /// let to = hosts[1].acquire().await?;
    /// # drop((from, to));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// If `permits` exceeds [`tokio::sync::Semaphore::MAX_PERMITS`].
    pub const fn keyed(key: u64, permits: usize) -> Self {
        Self(Beside::new(key, Raw::const_new(permits)))
    }

    /// Its key.
    pub fn key(&self) -> u64 {
        R::Keys::name(&self.0)
    }
}

impl Semaphore<Learned> {
    pub(crate) const fn unranked(place: Placed, permits: usize) -> Self {
        Self(placed(place, Raw::const_new(permits)))
    }
}

impl<R: Rank> crate::then::Ranked for Semaphore<R> {
    type Rank = R;
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
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Slots = "slots" } } }
    /// # use lockorder::{testing::Collector, tokio::Semaphore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lockorder::AcquireError> {
    /// let slots = Semaphore::<Slots>::new(5);
    /// drop(slots.acquire_many(2).await?); // waits with both or with none
    /// let collector = Collector::new();
    /// let one_by_one = async { drop((slots.acquire().await, slots.acquire().await)) };
    /// collector.watch(one_by_one).await; // two that wait so, with one each, wait for ever
    /// assert_eq!(collector.take().len(), usize::from(lockorder::ENFORCING));
    /// # Ok(())
    /// # }
    /// ```
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
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Slots = "slots" } } }
    /// # use std::time::Duration;
    /// # use lockorder::tokio::Semaphore;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let slots = Semaphore::<Slots>::new(0);
    /// let error = slots.acquire_within(Duration::from_millis(1)).await.unwrap_err();
    /// println!("{error}"); // no lock within 1ms: slots (level 1), 1 permit, at ..
    /// # assert!(error.timed_out().is_some());
    /// # }
    /// ```
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
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Slots = "slots" } } }
    /// use lockorder::tokio::{Semaphore, TryAcquireError};
    ///
    /// let slots = Semaphore::<Slots>::new(1);
    /// let slot = slots.try_acquire()?;
    /// assert_eq!(slots.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    /// # drop(slot);
    /// # Ok::<_, TryAcquireError>(())
    /// ```
    ///
    /// # Errors
    /// If none is free, or the semaphore is closed.
    #[track_caller]
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_, R>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes `n` permits if so many are free. Cannot wait, so it is never a violation.
    ///
    /// # Errors
    /// If they are not free, or the semaphore is closed.
    #[track_caller]
    pub fn try_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_, R>, TryAcquireError> {
        crate::checker::arrive();
        let inner = self.raw().try_acquire_many(n)?;
        Ok(SemaphorePermit::new(inner, self.want(n).by_task().hold_tried()))
    }

    /// Waits for a permit outside of async code: stops the thread.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Slots = "slots" } } }
    /// # use lockorder::tokio::Semaphore;
    /// let slots = Semaphore::<Slots>::new(2);
    /// let slot = slots.blocking_acquire()?; // no runtime here
    /// assert_eq!(slots.available_permits(), 1);
    /// # drop(slot);
    /// # Ok::<_, lockorder::AcquireError>(())
    /// ```
    ///
    /// # Errors
    /// [`AcquireError::Closed`].
    ///
    /// # Panics
    /// Inside of async code. If the acquisition could deadlock and the [`Policy`](crate::Policy) is `Panic`.
    #[track_caller]
    pub fn blocking_acquire(&self) -> Result<SemaphorePermit<'_, R>, AcquireError> {
        self.blocking_acquire_many(1)
    }

    /// Waits for `n` permits outside of async code: stops the thread.
    ///
    /// # Errors
    /// [`AcquireError::Closed`].
    ///
    /// # Panics
    /// As [`blocking_acquire`](Self::blocking_acquire).
    #[track_caller]
    pub fn blocking_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_, R>, AcquireError> {
        let ask = self.want(n).by_task();
        let (inner, held) = ask.take_blocking(|| self.raw().blocking_acquire_many(n));
        match inner {
            Ok(inner) => Ok(SemaphorePermit::new(inner, held)),
            Err(_) => Err(ask.closed()),
        }
    }

    /// Takes up to `n` free permits away for good, and says how many it took.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Slots = "slots" } } }
    /// # use lockorder::tokio::Semaphore;
    /// let slots = Semaphore::<Slots>::new(3);
    /// assert_eq!(slots.forget_permits(5), 3); // no more than were free
    /// assert_eq!(slots.available_permits(), 0);
    /// ```
    pub fn forget_permits(&self, n: usize) -> usize {
        self.raw().forget_permits(n)
    }

    /// The permits that are free now.
    pub fn available_permits(&self) -> usize {
        self.raw().available_permits()
    }

    /// Adds permits that nobody held.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Started = "started" } } }
    /// # use lockorder::tokio::Semaphore;
    /// let started = Semaphore::<Started>::new(0);
    /// started.add_permits(1); // lets one of those who wait go on
    /// assert!(started.try_acquire().is_ok());
    /// ```
    ///
    /// # Panics
    /// If the sum exceeds [`tokio::sync::Semaphore::MAX_PERMITS`].
    pub fn add_permits(&self, n: usize) {
        self.raw().add_permits(n);
    }

    /// Lets every waiter, now and from now on, fail with [`AcquireError::Closed`].
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Slots = "slots" } } }
    /// # use lockorder::{AcquireError, tokio::Semaphore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let slots = Semaphore::<Slots>::new(5);
    /// slots.close(); // shutting down
    /// assert!(matches!(slots.acquire().await, Err(AcquireError::Closed(_))));
    /// # }
    /// ```
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

    fn share(self: Arc<Self>) -> (Arc<Raw>, Keep<R, Raw>) {
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
