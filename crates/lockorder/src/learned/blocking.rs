use std::sync::Arc;
use std::time::{Duration, Instant};

use bytemuck::TransparentWrapperAlloc;

use super::{Learned, Placed, learned};
use crate::{
    AcquireError, ArcFairMutexGuard, ArcMutexGuard, ArcReentrantMutexGuard, ArcRwLockReadGuard,
    ArcRwLockUpgradableReadGuard, ArcRwLockWriteGuard,
};

learned! {
    /// A [`lockorder::Mutex`](crate::Mutex) without a rank.
    ///
    /// ```
    /// use lockorder::learned::Mutex;
    ///
    /// static COUNT: Mutex<u32> = Mutex::new(0);
    /// *COUNT.lock() += 1;
    /// ```
    Mutex<T> of crate::Mutex
}
learned! {
    /// A [`lockorder::FairMutex`](crate::FairMutex) without a rank.
    ///
    /// ```
    /// use lockorder::learned::FairMutex;
    ///
    /// static TURN: FairMutex<u32> = FairMutex::new(0);
    /// *TURN.lock() += 1;
    /// ```
    FairMutex<T> of crate::FairMutex
}
learned! {
    /// A [`lockorder::ReentrantMutex`](crate::ReentrantMutex) without a rank.
    ///
    /// ```
    /// use lockorder::learned::ReentrantMutex;
    ///
    /// static TREE: ReentrantMutex<u32> = ReentrantMutex::new(7);
    /// assert_eq!(*TREE.lock() + *TREE.lock(), 14);
    /// ```
    ReentrantMutex<T> of crate::ReentrantMutex
}
learned! {
    /// A [`lockorder::RwLock`](crate::RwLock) without a rank.
    ///
    /// ```
    /// use lockorder::learned::RwLock;
    ///
    /// static ROUTES: RwLock<Vec<u32>> = RwLock::new(Vec::new());
    /// ROUTES.write().push(1);
    /// assert_eq!(ROUTES.read().len(), 1);
    /// ```
    RwLock<T> of crate::RwLock
}
learned! {
    /// A [`lockorder::OnceCell`](crate::OnceCell) without a rank.
    ///
    /// ```
    /// use lockorder::learned::OnceCell;
    ///
    /// static HOME: OnceCell<String> = OnceCell::new();
    /// assert_eq!(HOME.get_or_init(|| "/".to_owned()), "/");
    /// ```
    cell OnceCell<T> of crate::OnceCell
}

/// The methods that need the `Arc` of the lock, around those of the ranked type.
macro_rules! arc {
    ($lock:ident: $(
        $arc:ident, $timed:ident, $within:ident, $try:ident, $try_for:ident, $try_until:ident
            => $guard:ident;
    )+) => {
        impl<T> $lock<T> {$(
            arc!(@ $arc() -> $guard<Learned, T>);
            arc!(@ $timed() -> Result<$guard<Learned, T>, AcquireError>);
            arc!(@ $within(limit: Duration) -> Result<$guard<Learned, T>, AcquireError>);
            arc!(@ $try() -> Option<$guard<Learned, T>>);
            arc!(@ $try_for(limit: Duration) -> Option<$guard<Learned, T>>);
            arc!(@ $try_until(end: Instant) -> Option<$guard<Learned, T>>);
        )+}
    };
    (@ $method:ident($($arg:ident: $ty:ty)?) -> $returns:ty) => {
        #[doc = concat!("As the method of the ranked type: `", stringify!($method), "`.")]
        ///
        /// # Errors
        /// As that method, if it returns any.
        ///
        /// # Panics
        /// If it waits and that could deadlock, and the [`Policy`](crate::Policy) is `Panic`.
        #[track_caller]
        pub fn $method(self: &Arc<Self> $(, $arg: $ty)?) -> $returns {
            Self::peel_arc(Arc::clone(self)).$method($($arg)?)
        }
    };
}
arc!(Mutex: lock_arc, lock_arc_timed, lock_arc_within,
    try_lock_arc, try_lock_arc_for, try_lock_arc_until => ArcMutexGuard;);
arc!(FairMutex: lock_arc, lock_arc_timed, lock_arc_within,
    try_lock_arc, try_lock_arc_for, try_lock_arc_until => ArcFairMutexGuard;);
arc!(ReentrantMutex: lock_arc, lock_arc_timed, lock_arc_within,
    try_lock_arc, try_lock_arc_for, try_lock_arc_until => ArcReentrantMutexGuard;);
arc!(RwLock:
    read_arc, read_arc_timed, read_arc_within,
        try_read_arc, try_read_arc_for, try_read_arc_until => ArcRwLockReadGuard;
    read_arc_recursive, read_arc_recursive_timed, read_arc_recursive_within,
        try_read_recursive_arc, try_read_arc_recursive_for, try_read_arc_recursive_until
        => ArcRwLockReadGuard;
    upgradable_read_arc, upgradable_read_arc_timed, upgradable_read_arc_within,
        try_upgradable_read_arc, try_upgradable_read_arc_for, try_upgradable_read_arc_until
        => ArcRwLockUpgradableReadGuard;
    write_arc, write_arc_timed, write_arc_within,
        try_write_arc, try_write_arc_for, try_write_arc_until => ArcRwLockWriteGuard;
);

/// [`lockorder::MutexGuard`](crate::MutexGuard) of a lock without a rank.
///
/// ```
/// # use lockorder::learned::{Mutex, MutexGuard};
/// fn pop(mut queue: MutexGuard<'_, Vec<u32>>) -> Option<u32> { queue.pop() }
/// assert_eq!(pop(Mutex::new(vec![7]).lock()), Some(7));
/// ```
pub type MutexGuard<'a, T> = crate::MutexGuard<'a, Learned, T>;
/// [`lockorder::MappedMutexGuard`](crate::MappedMutexGuard) of a lock without a rank.
///
/// ```
/// # use lockorder::learned::{MappedMutexGuard, Mutex, MutexGuard};
/// fn first(pair: &Mutex<(u32, u32)>) -> MappedMutexGuard<'_, u32> {
///     MutexGuard::map(pair.lock(), |pair| &mut pair.0)
/// }
/// assert_eq!(*first(&Mutex::new((1, 2))), 1);
/// ```
pub type MappedMutexGuard<'a, T> = crate::MappedMutexGuard<'a, Learned, T>;
/// [`lockorder::FairMutexGuard`](crate::FairMutexGuard) of a lock without a rank.
///
/// ```
/// # use lockorder::learned::{FairMutex, FairMutexGuard};
/// fn next(turn: FairMutexGuard<'_, u32>) -> u32 { *turn + 1 }
/// assert_eq!(next(FairMutex::new(6).lock()), 7);
/// ```
pub type FairMutexGuard<'a, T> = crate::FairMutexGuard<'a, Learned, T>;
/// [`lockorder::ReentrantMutexGuard`](crate::ReentrantMutexGuard) of a lock without a rank.
///
/// ```
/// # use lockorder::learned::{ReentrantMutex, ReentrantMutexGuard};
/// fn depth(tree: &ReentrantMutexGuard<'_, u32>) -> u32 { **tree }
/// assert_eq!(depth(&ReentrantMutex::new(3).lock()), 3);
/// ```
pub type ReentrantMutexGuard<'a, T> = crate::ReentrantMutexGuard<'a, Learned, T>;
/// [`lockorder::RwLockReadGuard`](crate::RwLockReadGuard) of a lock without a rank.
///
/// ```
/// # use lockorder::learned::{RwLock, RwLockReadGuard};
/// fn sum(prices: RwLockReadGuard<'_, Vec<u32>>) -> u32 { prices.iter().sum() }
/// assert_eq!(sum(RwLock::new(vec![3, 4]).read()), 7);
/// ```
pub type RwLockReadGuard<'a, T> = crate::RwLockReadGuard<'a, Learned, T>;
/// [`lockorder::RwLockWriteGuard`](crate::RwLockWriteGuard) of a lock without a rank.
///
/// ```
/// # use lockorder::learned::{RwLock, RwLockWriteGuard};
/// fn pop(mut prices: RwLockWriteGuard<'_, Vec<u32>>) -> Option<u32> { prices.pop() }
/// assert_eq!(pop(RwLock::new(vec![3, 4]).write()), Some(4));
/// ```
pub type RwLockWriteGuard<'a, T> = crate::RwLockWriteGuard<'a, Learned, T>;
/// [`lockorder::RwLockUpgradableReadGuard`](crate::RwLockUpgradableReadGuard) of a lock without a rank.
///
/// ```
/// # use lockorder::learned::{RwLock, RwLockUpgradableReadGuard};
/// fn clear(prices: RwLockUpgradableReadGuard<'_, Vec<u32>>) {
///     RwLockUpgradableReadGuard::upgrade(prices).clear();
/// }
/// clear(RwLock::new(vec![3, 4]).upgradable_read());
/// ```
pub type RwLockUpgradableReadGuard<'a, T> = crate::RwLockUpgradableReadGuard<'a, Learned, T>;
