//! Guards that change hands on purpose.

use std::fmt;

use crate::checker::{Held, Parted};

/// A guard whose lock nobody holds for the moment: it is on its way to another task or thread.
///
/// A guard that is merely moved stays on the record of whoever took it, who is checked as if holding it,
/// until it is dropped. [`hand_over`] ends that; [`take_over`](Self::take_over) makes the lock the new
/// owner's. Taking over cannot wait, so it is never a violation, as with a lock that was tried.
///
/// The lock itself stays locked throughout, also if this is dropped: then it is released.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Job = "job" } } }
/// # #[cfg(feature = "tokio")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # use std::sync::Arc;
/// use lockorder::tokio::{Mutex, OwnedMutexGuard};
/// use lockorder::{HandedOver, hand_over};
/// use tokio::sync::oneshot;
///
/// let (send, receive) = oneshot::channel::<HandedOver<OwnedMutexGuard<Job, u32>>>();
/// let worker = tokio::spawn(async move { *receive.await.unwrap().take_over() });
/// let job = Arc::new(Mutex::<Job, _>::new(7));
/// assert!(send.send(hand_over(job.lock_owned().await)).is_ok());
/// assert_eq!(worker.await.unwrap(), 7);
/// # }
/// # #[cfg(not(feature = "tokio"))]
/// # fn main() {}
/// ```
#[must_use = "if unused the lock is released at once"]
pub struct HandedOver<G> {
    guard: G,
    parted: Parted,
}

/// Gives a guard away: from now on the caller does not hold its lock.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Job = "job" } } }
/// # #[cfg(feature = "tokio")]
/// # use {lockorder::tokio::Mutex, std::sync::Arc};
/// # #[cfg(feature = "tokio")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let job = Arc::new(Mutex::<Job, _>::new("build"));
/// let guard = lockorder::hand_over(Arc::clone(&job).lock_owned().await);
/// let worker = tokio::spawn(async move {
///     let job = guard.take_over(); // this task's lock now
///     println!("{job}");
/// });
/// // This task holds nothing here, and may wait for any lock.
/// worker.await.unwrap();
/// # }
/// # #[cfg(not(feature = "tokio"))]
/// # fn main() {}
/// ```
pub fn hand_over<G: Transfer>(mut guard: G) -> HandedOver<G> {
    let parted = guard.held().part();
    HandedOver { guard, parted }
}

impl<G: Transfer> HandedOver<G> {
    /// The guard, as that of a lock that the caller holds.
    pub fn take_over(mut self) -> G {
        *self.guard.held() = self.parted.join();
        self.guard
    }
}

impl<G> fmt::Debug for HandedOver<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandedOver").finish_non_exhaustive()
    }
}

/// A guard that can be handed over: those of locks and semaphores. Only those that are `Send` get anywhere.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Job = "job" } } }
/// use lockorder::{HandedOver, Mutex, Transfer, hand_over};
///
/// fn park<G: Transfer>(parked: &mut Vec<HandedOver<G>>, guard: G) {
///     parked.push(hand_over(guard));
/// }
///
/// let job = Mutex::<Job, _>::new("build");
/// let mut parked = vec![];
/// park(&mut parked, job.lock());
/// assert!(job.is_locked() && lockorder::snapshot().is_empty()); // locked, and nobody's
/// ```
pub trait Transfer: Sealed {}

impl<G: Sealed> Transfer for G {}

/// What is behind [`Transfer`].
pub trait Sealed {
    fn held(&mut self) -> &mut Held;
}
