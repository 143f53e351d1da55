//! Permits that own their semaphore and may travel.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::TryAcquireError;

use super::super::permit::OwnedSemaphorePermit;
use super::super::wait;
use super::Semaphore;
use crate::Rank;
use crate::error::AcquireError;

impl<R: Rank> Semaphore<R> {
    /// As [`acquire`](Self::acquire), with a permit that owns its semaphore and may travel.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Slots = "slots" } } }
    /// # use std::sync::Arc;
    /// # use lockorder::tokio::Semaphore;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lockorder::AcquireError> {
    /// let slots = Arc::new(Semaphore::<Slots>::new(2));
    /// let slot = Arc::clone(&slots).acquire_owned().await?;
    /// tokio::spawn(async move { drop(slot) }).await.unwrap(); // given back by the task
    /// assert_eq!(slots.available_permits(), 2);
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
        let want = self.want(n);
        let (raw, keep) = self.share();
        wait::forever(want, || None, wait::keeping(raw.acquire_many_owned(n), keep))
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
        let (raw, keep) = self.share();
        let wait = wait::keeping(raw.acquire_many_owned(n), keep);
        async move { wait::within(want, limit, wait).await? }
    }

    /// As [`try_acquire`](Self::try_acquire), with a permit that owns its semaphore and may travel.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    #[track_caller]
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit<R>, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// As [`try_acquire_many`](Self::try_acquire_many), with a permit that owns its semaphore and may travel.
    ///
    /// # Errors
    /// As [`try_acquire_many`](Self::try_acquire_many).
    #[track_caller]
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit<R>, TryAcquireError> {
        let want = self.want(n);
        let (raw, keep) = self.share();
        crate::checker::arrive();
        let inner = raw.try_acquire_many_owned(n)?;
        Ok(OwnedSemaphorePermit::new(inner, keep, want.by_task().hold_tried()))
    }
}
