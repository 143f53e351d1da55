use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::ask::{Ask, Keeper};
use crate::class::{Cell, KeyedCell, KeyingExt};
use crate::error::AcquireError;
use crate::guard::guard;
use crate::report::Mode;
use crate::{Hierarchy, Keyed, Rank, Unkeyed};

/// A [`parking_lot::Mutex`] with a place in the order.
///
/// ```
/// lockorder::hierarchy! {
///     pub Bank {
///         level 1 { Ledger = "ledger" }
///         level 2 { Account = "account" [keyed] }
///     }
/// }
/// use lockorder::Mutex;
///
/// static LEDGER: Mutex<Ledger, u32> = Mutex::new(0);
/// let account = Mutex::<Account, _>::keyed(17, 100);
///
/// let mut ledger = LEDGER.lock();
/// *account.lock() -= 1;
/// *ledger += 1;
/// ```
#[repr(transparent)]
pub struct Mutex<R: Rank, T>(Cell<R, parking_lot::Mutex<T>>);

impl<R: Rank<Keys = Unkeyed>, T> Mutex<R, T> {
    /// A lock of a class without keys.
    pub const fn new(value: T) -> Self {
        Self(parking_lot::const_mutex(value))
    }

    /// The value: no lock is needed where the borrow proves that nobody else has it.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }

    /// Takes the lock apart.
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<R: Rank<Keys = Keyed>, T> Mutex<R, T> {
    /// A lock of a keyed class: of two such locks the one with the lower key is taken first.
    pub fn keyed(key: u64, value: T) -> Self {
        Self(KeyedCell::new(key, parking_lot::const_mutex(value)))
    }

    /// Its key.
    pub fn key(&self) -> u64 {
        R::Keys::key(&self.0)
    }
}

impl<R: Rank, T> Mutex<R, T> {
    /// Waits for the lock for as long as it takes.
    ///
    /// # Panics
    /// If the acquisition could deadlock and the [`Policy`](crate::Policy) is `Panic`.
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> MutexGuard<'_, R, T> {
        let ask = self.ask();
        let asked = ask.check();
        let inner = self.raw().lock();
        MutexGuard::new(inner, ask.hold(asked))
    }

    /// Waits for the lock for the time of its hierarchy.
    ///
    /// # Errors
    /// [`AcquireError::TimedOut`], which says who holds it.
    ///
    /// # Panics
    /// As [`lock`](Self::lock).
    #[inline]
    #[track_caller]
    pub fn lock_timed(&self) -> Result<MutexGuard<'_, R, T>, AcquireError> {
        self.lock_within(R::Hierarchy::table().timeout())
    }

    /// Waits for the lock for `limit` at most.
    ///
    /// # Errors
    /// [`AcquireError::TimedOut`], which says who holds it.
    ///
    /// # Panics
    /// As [`lock`](Self::lock).
    #[inline]
    #[track_caller]
    pub fn lock_within(&self, limit: Duration) -> Result<MutexGuard<'_, R, T>, AcquireError> {
        let ask = self.ask();
        let asked = ask.check();
        match self.raw().try_lock_for(limit) {
            Some(inner) => Ok(MutexGuard::new(inner, ask.hold(asked))),
            None => Err(ask.timed_out(limit)),
        }
    }

    /// Takes the lock if it is free. Cannot block, so it is never a violation.
    #[inline]
    #[track_caller]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, R, T>> {
        let inner = self.raw().try_lock()?;
        Some(MutexGuard::new(inner, self.ask().hold_tried()))
    }

    /// Whether anybody holds it now.
    pub fn is_locked(&self) -> bool {
        self.raw().is_locked()
    }

    #[inline(always)]
    fn raw(&self) -> &parking_lot::Mutex<T> {
        R::Keys::lock(&self.0)
    }

    #[inline(always)]
    #[track_caller]
    fn ask(&self) -> Ask {
        let key = R::Keys::key(&self.0);
        Ask::new::<R, _>(Keeper::Thread, self.raw(), key, Mode::Exclusive, Location::caller())
    }
}

impl<R: Rank<Keys = Unkeyed>, T: Default> Default for Mutex<R, T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<R: Rank<Keys = Unkeyed>, T> From<T> for Mutex<R, T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<R: Rank, T: fmt::Debug> fmt::Debug for Mutex<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw().fmt(f)
    }
}

guard! {
    /// Access to the value of a locked [`Mutex`]; releases the lock when dropped.
    MutexGuard<'a>, parking_lot::MutexGuard<'a, T>, write
}
