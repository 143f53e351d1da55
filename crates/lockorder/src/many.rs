//! Several locks at once, in the one order in which that cannot go wrong.

use std::error::Error;
use std::fmt;

use crate::{
    Class, Keyed, Keying, Mutex, MutexGuard, Rank, RwLock, RwLockReadGuard, RwLockWriteGuard,
    Unkeyed,
};

/// Takes several locks of one hierarchy, in the order of their ranks and keys, whatever order they are
/// given in; the guards come back in the order given. Two callers that take the same locks this way cannot
/// wait for each other, with checks on or off.
///
/// The locks are a slice, an array or a tuple, of `&Mutex`, [`Read`] and [`Write`].
///
/// ```
/// # lockorder::hierarchy! { Bank { level 1 { Account = "account" [keyed] } } }
/// use lockorder::{Mutex, lock_many};
///
/// let (ann, bob) = (Mutex::<Account, _>::keyed(2, 100), Mutex::<Account, _>::keyed(1, 0));
/// let [mut from, mut to] = lock_many([&ann, &bob])?; // locks Bob first
/// *from -= 10;
/// *to += 10;
/// # drop((from, to));
/// # Ok::<_, lockorder::SameKey>(())
/// ```
///
/// # Errors
/// [`SameKey`] if two of them are of one class and one key, or of one class without keys: nothing says
/// which of them is first, and it may be one lock twice. None is locked then.
///
/// # Panics
/// If an acquisition could deadlock with what the caller holds already, and the
/// [`Policy`](crate::Policy) is `Panic`.
#[track_caller]
pub fn lock_many<L: Lockables>(locks: L) -> Result<L::Guards, SameKey> {
    locks.lock_all()
}

/// A lock that [`lock_many`] takes: a reference to a [`Mutex`], or a side of an [`RwLock`]. Locks without a
/// rank have no order beforehand.
///
/// ```
/// # lockorder::hierarchy! { Bank { level 1 { Account = "account" [keyed] } } }
/// use lockorder::{Lockable, Mutex, SameKey, lock_many};
///
/// fn both<L: Lockable>(a: L, b: L) -> Result<[L::Guard; 2], SameKey> {
///     lock_many([a, b]) // the lower key first
/// }
///
/// let (ann, bob) = (Mutex::<Account, _>::keyed(2, 100), Mutex::<Account, _>::keyed(1, 0));
/// let [ann, bob] = both(&ann, &bob)?;
/// assert_eq!(*ann + *bob, 100);
/// # drop((ann, bob));
/// # Ok::<_, SameKey>(())
/// ```
pub trait Lockable: Copy {
    /// Its rank.
    type Rank: Rank<Keys: Sortable>;
    /// What it is locked with.
    type Guard;
    /// Its key; 0 if its class has none.
    fn key(self) -> u64;
    /// Waits for the lock.
    #[track_caller]
    fn acquire(self) -> Self::Guard;
}

/// Whether the locks of a class are in an order beforehand: all but those without a rank are.
///
/// ```
/// # lockorder::hierarchy! { Bank { level 1 { Account = "account" [keyed] } } }
/// use lockorder::{Mutex, Rank, SameKey, Sortable, lock_many};
///
/// fn sum<R: Rank<Keys: Sortable>>(all: &[&Mutex<R, u32>]) -> Result<u32, SameKey> {
///     let all = lock_many(all)?;
///     Ok(all.iter().map(|one| **one).sum())
/// }
///
/// let (ann, bob) = (Mutex::<Account, _>::keyed(2, 100), Mutex::<Account, _>::keyed(1, 7));
/// assert_eq!(sum(&[&ann, &bob])?, 107);
/// # Ok::<_, SameKey>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "locks without a rank have no order beforehand, so they cannot be taken together",
    note = "give them a rank in a table of `lockorder::hierarchy!`, `[keyed]` for several of one class"
)]
pub trait Sortable: Keying {}

impl Sortable for Keyed {}
impl Sortable for Unkeyed {}

/// Shared access, for [`lock_many`] and its async twin.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Config = "config" } level 2 { Cache = "cache" } } }
/// use lockorder::{Mutex, Read, RwLock, lock_many};
///
/// let (cache, config) = (Mutex::<Cache, _>::new(1), RwLock::<Config, _>::new(2));
/// let (cache, config) = lock_many((&cache, Read(&config)))?; // locks the configuration first
/// assert_eq!(*cache + *config, 3);
/// # drop((cache, config));
/// # Ok::<_, lockorder::SameKey>(())
/// ```
#[derive(Debug)]
pub struct Read<'a, L>(pub &'a L);

/// Exclusive access to a read-write lock, for [`lock_many`] and its async twin.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Table = "table" [keyed] } } }
/// use lockorder::{RwLock, Write, lock_many};
///
/// let tables = [9, 4].map(|key| RwLock::<Table, _>::keyed(key, vec![key]));
/// let mut tables = lock_many([Write(&tables[0]), Write(&tables[1])])?;
/// tables[0].push(0);
/// # drop(tables);
/// # Ok::<_, lockorder::SameKey>(())
/// ```
#[derive(Debug)]
pub struct Write<'a, L>(pub &'a L);

impl<L> Clone for Read<'_, L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<L> Clone for Write<'_, L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<L> Copy for Read<'_, L> {}
impl<L> Copy for Write<'_, L> {}

macro_rules! lockable {
    ($($lock:ty => $guard:ident, $acquire:ident, |$this:ident| $inner:expr;)*) => {$(
        impl<'a, R: Rank<Keys: Sortable>, T> Lockable for $lock {
            type Rank = R;
            type Guard = $guard<'a, R, T>;

            fn key(self) -> u64 {
                let $this = self;
                $inner.sort_key()
            }

            #[track_caller]
            fn acquire(self) -> Self::Guard {
                let $this = self;
                $inner.$acquire()
            }
        }
    )*};
}
lockable! {
    &'a Mutex<R, T> => MutexGuard, lock, |this| this;
    Read<'a, RwLock<R, T>> => RwLockReadGuard, read, |this| this.0;
    Write<'a, RwLock<R, T>> => RwLockWriteGuard, write, |this| this.0;
}

/// Two locks that [`lock_many`] cannot tell apart.
///
/// ```
/// # lockorder::hierarchy! { Bank { level 1 { Account = "account" [keyed] } } }
/// use lockorder::{Mutex, lock_many};
///
/// let account = Mutex::<Account, _>::keyed(7, 100);
/// let error = lock_many([&account, &account]).unwrap_err(); // a transfer to itself
/// assert_eq!((error.class.name(), error.key), ("account", Some(7)));
/// assert!(!account.is_locked());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SameKey {
    /// Their class.
    pub class: &'static Class,
    /// Their key, if the class is keyed.
    pub key: Option<u64>,
}

impl fmt::Display for SameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { class, key } = self;
        match key {
            Some(key) => write!(
                f,
                "two of the locks are of class {class} and have the key {key}: give each lock once, and \
                 give locks of one class different keys"
            ),
            None => write!(
                f,
                "two of the locks are of class {class}, which has no keys: mark the class [keyed] to hold \
                 several of its locks"
            ),
        }
    }
}

impl Error for SameKey {}

/// The place of a lock among those that are taken with it.
pub(crate) type Sort = (u32, u64, &'static Class);

pub(crate) fn sort<R: Rank>(key: u64) -> Sort {
    (R::POSITION, key, R::class())
}

/// The order in which to take them.
pub(crate) fn order<const N: usize>(sorts: [Sort; N]) -> Result<[usize; N], SameKey> {
    let mut order = std::array::from_fn(|i| i);
    order_of(&sorts, &mut order)?;
    Ok(order)
}

pub(crate) fn order_of(sorts: &[Sort], order: &mut [usize]) -> Result<(), SameKey> {
    let place = |&i: &usize| (sorts[i].0, sorts[i].1);
    order.sort_by_key(place);
    match order.windows(2).find(|pair| place(&pair[0]) == place(&pair[1])) {
        Some(pair) => {
            let (_, key, class) = sorts[pair[0]];
            Err(SameKey { class, key: class.is_keyed().then_some(key) })
        }
        None => Ok(()),
    }
}

/// Why every guard is there when they are given back.
pub(crate) const ALL: &str = "every index is in the order once";

/// What [`lock_many`] takes: a slice, an array or a tuple of [`Lockable`]s.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Config = "config" } level 2 { Cache = "cache" } } }
/// use lockorder::{Lockables, Mutex, SameKey, lock_many};
///
/// fn under<L: Lockables>(locks: L, f: impl FnOnce(L::Guards)) -> Result<(), SameKey> {
///     lock_many(locks).map(f)
/// }
///
/// let (cache, config) = (Mutex::<Cache, u32>::new(1), Mutex::<Config, u32>::new(2));
/// under((&cache, &config), |(cache, config)| assert_eq!(*cache + *config, 3))?;
/// # Ok::<_, SameKey>(())
/// ```
pub trait Lockables {
    /// Their guards, in the order given.
    type Guards;
    /// Takes them all.
    ///
    /// # Errors
    /// If two cannot be told apart.
    #[track_caller]
    fn lock_all(self) -> Result<Self::Guards, SameKey>;
}

impl<L: Lockable> Lockables for &[L] {
    type Guards = Vec<L::Guard>;

    #[track_caller]
    fn lock_all(self) -> Result<Self::Guards, SameKey> {
        let sorts: Vec<_> = self.iter().map(|lock| sort::<L::Rank>(lock.key())).collect();
        let mut order: Vec<_> = (0..self.len()).collect();
        order_of(&sorts, &mut order)?;
        let mut guards: Vec<_> = self.iter().map(|_| None).collect();
        // No closure: the place of the caller would end here.
        for i in order {
            guards[i] = Some(self[i].acquire());
        }
        Ok(guards.into_iter().map(|guard| guard.expect(ALL)).collect())
    }
}

impl<L: Lockable, const N: usize> Lockables for [L; N] {
    type Guards = [L::Guard; N];

    #[track_caller]
    fn lock_all(self) -> Result<Self::Guards, SameKey> {
        let order = order(self.map(|lock| sort::<L::Rank>(lock.key())))?;
        let mut guards = [const { None }; N];
        for i in order {
            guards[i] = Some(self[i].acquire());
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

            #[track_caller]
            fn lock_all(self) -> Result<Self::Guards, SameKey> {
                let order = order([$(sort::<$lock::Rank>(self.$index.key())),+])?;
                $(let mut $guard = None;)+
                for i in order {
                    match i {
                        $($index => $guard = Some(self.$index.acquire()),)+
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
