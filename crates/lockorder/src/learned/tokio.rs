//! The async locks without a rank.
//!
//! ```
//! use lockorder::learned::tokio::{Mutex, RwLock}; // instead of tokio's: nothing else changes
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let (routes, peers) = (RwLock::new(vec![1]), Mutex::new(0));
//! let routes = routes.read().await;
//! *peers.lock().await += routes.len(); // learned: first the routes, then the peers
//! # }
//! ```

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytemuck::TransparentWrapperAlloc;
use tokio::sync::{TryAcquireError, TryLockError};

use super::{Learned, Placed, learned};
use crate::AcquireError;

/// [`lockorder::tokio::MutexGuard`](crate::tokio::MutexGuard) of a lock without a rank.
///
/// ```
/// # use lockorder::learned::tokio::{Mutex, MutexGuard};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// fn pop(mut queue: MutexGuard<'_, Vec<u32>>) -> Option<u32> { queue.pop() }
/// assert_eq!(pop(Mutex::new(vec![7]).lock().await), Some(7));
/// # }
/// ```
pub type MutexGuard<'a, T> = crate::tokio::MutexGuard<'a, Learned, T>;
/// [`lockorder::tokio::RwLockReadGuard`](crate::tokio::RwLockReadGuard) of a lock without a rank.
///
/// ```
/// # use lockorder::learned::tokio::{RwLock, RwLockReadGuard};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// fn sum(prices: RwLockReadGuard<'_, Vec<u32>>) -> u32 { prices.iter().sum() }
/// assert_eq!(sum(RwLock::new(vec![3, 4]).read().await), 7);
/// # }
/// ```
pub type RwLockReadGuard<'a, T> = crate::tokio::RwLockReadGuard<'a, Learned, T>;
/// [`lockorder::tokio::RwLockWriteGuard`](crate::tokio::RwLockWriteGuard) of a lock without a rank.
///
/// ```
/// # use lockorder::learned::tokio::{RwLock, RwLockWriteGuard};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// fn pop(mut prices: RwLockWriteGuard<'_, Vec<u32>>) -> Option<u32> { prices.pop() }
/// assert_eq!(pop(RwLock::new(vec![3, 4]).write().await), Some(4));
/// # }
/// ```
pub type RwLockWriteGuard<'a, T> = crate::tokio::RwLockWriteGuard<'a, Learned, T>;
/// [`lockorder::tokio::OwnedMutexGuard`](crate::tokio::OwnedMutexGuard) of a lock without a rank.
///
/// ```
/// # use std::sync::Arc;
/// # use lockorder::learned::tokio::{Mutex, OwnedMutexGuard};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// struct Job { state: OwnedMutexGuard<u32> }
/// let job = Job { state: Arc::new(Mutex::new(7)).lock_owned().await };
/// assert_eq!(*job.state, 7);
/// # }
/// ```
pub type OwnedMutexGuard<T> = crate::tokio::OwnedMutexGuard<Learned, T>;
/// [`lockorder::tokio::OwnedRwLockReadGuard`](crate::tokio::OwnedRwLockReadGuard) of a lock without a rank.
///
/// ```
/// # use std::sync::Arc;
/// # use lockorder::learned::tokio::{OwnedRwLockReadGuard, RwLock};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// struct View { config: OwnedRwLockReadGuard<u32> }
/// let view = View { config: Arc::new(RwLock::new(7)).read_owned().await };
/// assert_eq!(*view.config, 7);
/// # }
/// ```
pub type OwnedRwLockReadGuard<T> = crate::tokio::OwnedRwLockReadGuard<Learned, T>;
/// [`lockorder::tokio::OwnedRwLockWriteGuard`](crate::tokio::OwnedRwLockWriteGuard) of a lock without a rank.
///
/// ```
/// # use std::sync::Arc;
/// # use lockorder::learned::tokio::{OwnedRwLockWriteGuard, RwLock};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// struct Edit { config: OwnedRwLockWriteGuard<u32> }
/// let mut edit = Edit { config: Arc::new(RwLock::new(7)).write_owned().await };
/// *edit.config += 1;
/// # assert_eq!(*edit.config, 8);
/// # }
/// ```
pub type OwnedRwLockWriteGuard<T> = crate::tokio::OwnedRwLockWriteGuard<Learned, T>;
/// [`lockorder::tokio::SemaphorePermit`](crate::tokio::SemaphorePermit) of a semaphore without a rank.
///
/// ```
/// # use lockorder::learned::tokio::{Semaphore, SemaphorePermit};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), lockorder::AcquireError> {
/// fn count(permit: &SemaphorePermit<'_>) -> usize { permit.num_permits() }
/// assert_eq!(count(&Semaphore::new(5).acquire_many(2).await?), 2);
/// # Ok(())
/// # }
/// ```
pub type SemaphorePermit<'a> = crate::tokio::SemaphorePermit<'a, Learned>;
/// [`lockorder::tokio::OwnedSemaphorePermit`](crate::tokio::OwnedSemaphorePermit) of a semaphore without a
/// rank.
///
/// ```
/// # use std::sync::Arc;
/// # use lockorder::learned::tokio::{OwnedSemaphorePermit, Semaphore};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), lockorder::AcquireError> {
/// struct Upload { slot: OwnedSemaphorePermit }
/// let upload = Upload { slot: Arc::new(Semaphore::new(5)).acquire_owned().await? };
/// assert_eq!(upload.slot.num_permits(), 1);
/// # Ok(())
/// # }
/// ```
pub type OwnedSemaphorePermit = crate::tokio::OwnedSemaphorePermit<Learned>;

learned! {
    /// A [`lockorder::tokio::Mutex`](crate::tokio::Mutex) without a rank.
    ///
    /// ```
    /// use lockorder::learned::tokio::Mutex;
    ///
    /// static COUNT: Mutex<u32> = Mutex::new(0);
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// *COUNT.lock().await += 1;
    /// # }
    /// ```
    Mutex<T> of crate::tokio::Mutex
}
learned! {
    /// A [`lockorder::tokio::RwLock`](crate::tokio::RwLock) without a rank.
    ///
    /// ```
    /// use lockorder::learned::tokio::RwLock;
    ///
    /// static ROUTES: RwLock<Vec<u32>> = RwLock::new(Vec::new());
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// ROUTES.write().await.push(1);
    /// assert_eq!(ROUTES.read().await.len(), 1);
    /// # }
    /// ```
    RwLock<T> of crate::tokio::RwLock
}
learned! {
    /// A [`lockorder::tokio::OnceCell`](crate::tokio::OnceCell) without a rank.
    ///
    /// ```
    /// use lockorder::learned::tokio::OnceCell;
    ///
    /// static HOME: OnceCell<u32> = OnceCell::new();
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// assert_eq!(*HOME.get_or_init(|| async { 7 }).await, 7);
    /// # }
    /// ```
    cell OnceCell<T> of crate::tokio::OnceCell
}
learned! {
    @type
    /// A [`lockorder::tokio::Semaphore`](crate::tokio::Semaphore) without a rank.
    ///
    /// ```
    /// use lockorder::learned::tokio::Semaphore;
    ///
    /// static SLOTS: Semaphore = Semaphore::new(5);
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let two = SLOTS.acquire_many(2).await.unwrap();
    /// assert_eq!(SLOTS.available_permits(), 3);
    /// # drop(two);
    /// # }
    /// ```
    Semaphore [] [] crate::tokio::Semaphore<Learned>
}

impl Semaphore {
    /// A semaphore whose class is the place of this call.
    ///
    /// # Panics
    /// If `permits` exceeds [`tokio::sync::Semaphore::MAX_PERMITS`].
    #[track_caller]
    pub const fn new(permits: usize) -> Self {
        let place = Placed::at(std::panic::Location::caller());
        Self(crate::tokio::Semaphore::unranked(place, permits))
    }

    /// A semaphore whose class is that of all locks of this name.
    ///
    /// # Panics
    /// If `permits` exceeds [`tokio::sync::Semaphore::MAX_PERMITS`].
    pub const fn named(name: &'static str, permits: usize) -> Self {
        Self(crate::tokio::Semaphore::unranked(Placed::named(name), permits))
    }
}

/// The methods that need the `Arc` of the lock, around those of the ranked type.
macro_rules! owned {
    ($lock:ident [$($param:tt)*]: $(
        $owned:ident, $try_owned:ident($($arg:ident: $ty:ty)?) -> $guard:ty, $wait:ty, $error:ty;
        $within:ident;
    )+) => {
        impl $($param)* $lock $($param)* {$(
            #[doc = concat!("As the method of the ranked type: `", stringify!($owned), "`.")]
            ///
            /// # Cancel safety
            /// Dropping the future gives up the place in the queue and leaves nothing behind.
            ///
            /// # Panics
            /// If the acquisition could deadlock and the [`Policy`](crate::Policy) is `Panic`.
            #[track_caller]
            pub fn $owned(self: Arc<Self> $(, $arg: $ty)?) -> impl Future<Output = $wait> {
                Self::peel_arc(self).$owned($($arg)?)
            }

            #[doc = concat!("As the method of the ranked type: `", stringify!($within), "`.")]
            ///
            /// # Errors
            /// [`AcquireError::TimedOut`], which says who holds the lock.
            ///
            /// # Cancel safety
            /// Dropping the future gives up the place in the queue and leaves nothing behind.
            ///
            /// # Panics
            /// If the acquisition could deadlock and the [`Policy`](crate::Policy) is `Panic`.
            #[track_caller]
            pub fn $within(
                self: Arc<Self>,
                $($arg: $ty,)?
                limit: Duration,
            ) -> impl Future<Output = Result<$guard, AcquireError>> {
                Self::peel_arc(self).$within($($arg,)? limit)
            }

            #[doc = concat!("As the method of the ranked type: `", stringify!($try_owned), "`.")]
            ///
            /// # Errors
            /// If it is not free.
            #[track_caller]
            pub fn $try_owned(self: Arc<Self> $(, $arg: $ty)?) -> Result<$guard, $error> {
                Self::peel_arc(self).$try_owned($($arg)?)
            }
        )+}
    };
}
owned! { Mutex [<T>]:
    lock_owned, try_lock_owned() -> OwnedMutexGuard<T>, OwnedMutexGuard<T>,
        TryLockError;
    lock_owned_within;
}
owned! { RwLock [<T>]:
    read_owned, try_read_owned() -> OwnedRwLockReadGuard<T>,
        OwnedRwLockReadGuard<T>, TryLockError;
    read_owned_within;
    write_owned, try_write_owned() -> OwnedRwLockWriteGuard<T>,
        OwnedRwLockWriteGuard<T>, TryLockError;
    write_owned_within;
}
owned! { Semaphore []:
    acquire_owned, try_acquire_owned() -> OwnedSemaphorePermit,
        Result<OwnedSemaphorePermit, AcquireError>, TryAcquireError;
    acquire_owned_within;
    acquire_many_owned, try_acquire_many_owned(n: u32) -> OwnedSemaphorePermit,
        Result<OwnedSemaphorePermit, AcquireError>, TryAcquireError;
    acquire_many_owned_within;
}
