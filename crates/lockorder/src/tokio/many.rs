//! Several async locks at once.

use std::future::Future;
use std::panic::Location;

use super::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, wait};
use crate::ask::{Exclusive, Shared};
use crate::many::{ALL, SameKey, Sortable, order, order_of, sort};
use crate::{Rank, Read, Write};

/// As [`lockorder::lock_many`](crate::lock_many), for async locks.
///
/// ```
/// # lockorder::hierarchy! { Bank { level 1 { Account = "account" [keyed] } } }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), lockorder::SameKey> {
/// use lockorder::tokio::{Mutex, lock_many};
///
/// let (ann, bob) = (Mutex::<Account, _>::keyed(2, 100), Mutex::<Account, _>::keyed(1, 0));
/// let [mut from, mut to] = lock_many([&ann, &bob]).await?; // locks Bob first
/// *from -= 10;
/// *to += 10;
/// # drop((from, to));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`SameKey`] if two of them are of one class and one key, or of one class without keys. None is locked
/// then.
///
/// # Cancel safety
/// Dropping the future releases those that are locked already.
///
/// # Panics
/// If an acquisition could deadlock with what the caller holds already, and the
/// [`Policy`](crate::Policy) is `Panic`.
#[track_caller]
pub fn lock_many<L: Lockables>(locks: L) -> impl Future<Output = Result<L::Guards, SameKey>> {
    locks.lock_all(Location::caller())
}

/// An async lock that [`lock_many`] takes: a reference to a [`Mutex`], or a side of an [`RwLock`].
///
/// ```
/// # lockorder::hierarchy! { Bank { level 1 { Account = "account" [keyed] } } }
/// # use lockorder::SameKey;
/// use lockorder::tokio::{Lockable, Mutex, lock_many};
///
/// async fn both<L: Lockable>(a: L, b: L) -> Result<[L::Guard; 2], SameKey> {
///     lock_many([a, b]).await // the lower key first
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), SameKey> {
/// let (ann, bob) = (Mutex::<Account, _>::keyed(2, 100), Mutex::<Account, _>::keyed(1, 0));
/// let [ann, bob] = both(&ann, &bob).await?;
/// assert_eq!(*ann + *bob, 100);
/// # drop((ann, bob));
/// # Ok(())
/// # }
/// ```
pub trait Lockable: Copy {
    /// Its rank.
    type Rank: Rank<Keys: Sortable>;
    /// What it is locked with.
    type Guard;
    /// Its key; 0 if its class has none.
    fn key(self) -> u64;
    /// Waits for the lock, for a place in the source.
    fn acquire(self, site: &'static Location<'static>) -> impl Future<Output = Self::Guard>;
}

macro_rules! lockable {
    ($($lock:ty => $guard:ident, $how:ident, $acquire:ident, $try:ident, |$this:ident| $inner:expr;)*) => {$(
        impl<'a, R: Rank<Keys: Sortable>, T> Lockable for $lock {
            type Rank = R;
            type Guard = $guard<'a, R, T>;

            fn key(self) -> u64 {
                let $this = self;
                $inner.sort_key()
            }

            fn acquire(
                self,
                site: &'static Location<'static>,
            ) -> impl Future<Output = Self::Guard> {
                let $this = self;
                let now = move || $inner.raw().$try().ok();
                wait::forever($inner.want_at($how, site), now, $inner.raw().$acquire())
            }
        }
    )*};
}
lockable! {
    &'a Mutex<R, T> => MutexGuard, Exclusive, lock, try_lock, |this| this;
    Read<'a, RwLock<R, T>> => RwLockReadGuard, Shared, read, try_read, |this| this.0;
    Write<'a, RwLock<R, T>> => RwLockWriteGuard, Exclusive, write, try_write, |this| this.0;
}

/// What [`lock_many`] takes: a slice, an array or a tuple of [`Lockable`]s.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Config = "config" } level 2 { Cache = "cache" } } }
/// # use lockorder::SameKey;
/// use lockorder::tokio::{Lockables, Mutex, lock_many};
///
/// async fn under<L: Lockables>(locks: L, f: impl FnOnce(L::Guards)) -> Result<(), SameKey> {
///     lock_many(locks).await.map(f)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), SameKey> {
/// let (cache, config) = (Mutex::<Cache, u32>::new(1), Mutex::<Config, u32>::new(2));
/// under((&cache, &config), |(cache, config)| assert_eq!(*cache + *config, 3)).await?;
/// # Ok(())
/// # }
/// ```
pub trait Lockables {
    /// Their guards, in the order given.
    type Guards;
    /// Takes them all, for a place in the source.
    fn lock_all(
        self,
        site: &'static Location<'static>,
    ) -> impl Future<Output = Result<Self::Guards, SameKey>>;
}

impl<L: Lockable> Lockables for &[L] {
    type Guards = Vec<L::Guard>;

    async fn lock_all(self, site: &'static Location<'static>) -> Result<Self::Guards, SameKey> {
        let sorts: Vec<_> = self.iter().map(|lock| sort::<L::Rank>(lock.key())).collect();
        let mut order: Vec<_> = (0..self.len()).collect();
        order_of(&sorts, &mut order)?;
        let mut guards: Vec<_> = self.iter().map(|_| None).collect();
        for i in order {
            guards[i] = Some(self[i].acquire(site).await);
        }
        Ok(guards.into_iter().map(|guard| guard.expect(ALL)).collect())
    }
}

impl<L: Lockable, const N: usize> Lockables for [L; N] {
    type Guards = [L::Guard; N];

    async fn lock_all(self, site: &'static Location<'static>) -> Result<Self::Guards, SameKey> {
        let order = order(self.map(|lock| sort::<L::Rank>(lock.key())))?;
        let mut guards = [const { None }; N];
        for i in order {
            guards[i] = Some(self[i].acquire(site).await);
        }
        Ok(guards.map(|guard| guard.expect(ALL)))
    }
}

macro_rules! tuples {
    ($(($($lock:ident $guard:ident $index:tt),+);)*) => {$(
        impl<H, $($lock),+> Lockables for ($($lock,)+)
        where
            $($lock: Lockable<Rank: Rank<Hierarchy = H>>,)+
        {
            type Guards = ($($lock::Guard,)+);

            async fn lock_all(
                self,
                site: &'static Location<'static>,
            ) -> Result<Self::Guards, SameKey> {
                let order = order([$(sort::<$lock::Rank>(self.$index.key())),+])?;
                $(let mut $guard = None;)+
                for i in order {
                    match i {
                        $($index => $guard = Some(self.$index.acquire(site).await),)+
                        _ => {}
                    }
                }
                Ok(($($guard.expect(ALL),)+))
            }
        }
    )*};
}
tuples! {
    (A a 0, B b 1);
    (A a 0, B b 1, C c 2);
    (A a 0, B b 1, C c 2, D d 3);
    (A a 0, B b 1, C c 2, D d 3, E e 4);
    (A a 0, B b 1, C c 2, D d 3, E e 4, F f 5);
}
