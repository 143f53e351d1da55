use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::ask::{Ask, Keeper};
use crate::class::{Cell, KeyedCell, KeyingExt};
use crate::error::AcquireError;
use crate::guard::guard;
use crate::report::Mode;
use crate::{Hierarchy, Keyed, Rank, Unkeyed};

/// A [`parking_lot::RwLock`] with a place in the order.
///
/// One holder may not read it twice: a writer that queues between the two reads waits for the first and
/// lets the second wait for itself.
///
/// ```
/// lockorder::hierarchy! {
///     App { level 1 { Config = "config" } }
/// }
/// use lockorder::RwLock;
///
/// static CONFIG: RwLock<Config, u32> = RwLock::new(1);
///
/// *CONFIG.write() += 1;
/// assert_eq!(*CONFIG.read(), 2);
/// ```
#[repr(transparent)]
pub struct RwLock<R: Rank, T>(Cell<R, parking_lot::RwLock<T>>);

impl<R: Rank<Keys = Unkeyed>, T> RwLock<R, T> {
    /// A lock of a class without keys.
    pub const fn new(value: T) -> Self {
        Self(parking_lot::const_rwlock(value))
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

impl<R: Rank<Keys = Keyed>, T> RwLock<R, T> {
    /// A lock of a keyed class: of two such locks the one with the lower key is taken first.
    pub fn keyed(key: u64, value: T) -> Self {
        Self(KeyedCell::new(key, parking_lot::const_rwlock(value)))
    }

    /// Its key.
    pub fn key(&self) -> u64 {
        R::Keys::key(&self.0)
    }
}

impl<R: Rank, T> RwLock<R, T> {
    /// Waits for shared access for as long as it takes.
    ///
    /// # Panics
    /// If the acquisition could deadlock and the [`Policy`](crate::Policy) is `Panic`.
    #[inline]
    #[track_caller]
    pub fn read(&self) -> RwLockReadGuard<'_, R, T> {
        let ask = self.ask(Mode::Shared);
        let asked = ask.check();
        let inner = self.raw().read();
        RwLockReadGuard::new(inner, ask.hold(asked))
    }

    /// Waits for shared access for the time of its hierarchy.
    ///
    /// # Errors
    /// [`AcquireError::TimedOut`], which says who holds the lock.
    ///
    /// # Panics
    /// As [`read`](Self::read).
    #[inline]
    #[track_caller]
    pub fn read_timed(&self) -> Result<RwLockReadGuard<'_, R, T>, AcquireError> {
        self.read_within(R::Hierarchy::table().timeout())
    }

    /// Waits for shared access for `limit` at most.
    ///
    /// # Errors
    /// [`AcquireError::TimedOut`], which says who holds the lock.
    ///
    /// # Panics
    /// As [`read`](Self::read).
    #[inline]
    #[track_caller]
    pub fn read_within(&self, limit: Duration) -> Result<RwLockReadGuard<'_, R, T>, AcquireError> {
        let ask = self.ask(Mode::Shared);
        let asked = ask.check();
        match self.raw().try_read_for(limit) {
            Some(inner) => Ok(RwLockReadGuard::new(inner, ask.hold(asked))),
            None => Err(ask.timed_out(limit)),
        }
    }

    /// Takes shared access if it is free. Cannot block, so it is never a violation.
    #[inline]
    #[track_caller]
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, R, T>> {
        let inner = self.raw().try_read()?;
        Some(RwLockReadGuard::new(inner, self.ask(Mode::Shared).hold_tried()))
    }

    /// Waits for exclusive access for as long as it takes.
    ///
    /// # Panics
    /// If the acquisition could deadlock and the [`Policy`](crate::Policy) is `Panic`.
    #[inline]
    #[track_caller]
    pub fn write(&self) -> RwLockWriteGuard<'_, R, T> {
        let ask = self.ask(Mode::Exclusive);
        let asked = ask.check();
        let inner = self.raw().write();
        RwLockWriteGuard::new(inner, ask.hold(asked))
    }

    /// Waits for exclusive access for the time of its hierarchy.
    ///
    /// # Errors
    /// [`AcquireError::TimedOut`], which says who holds the lock.
    ///
    /// # Panics
    /// As [`write`](Self::write).
    #[inline]
    #[track_caller]
    pub fn write_timed(&self) -> Result<RwLockWriteGuard<'_, R, T>, AcquireError> {
        self.write_within(R::Hierarchy::table().timeout())
    }

    /// Waits for exclusive access for `limit` at most.
    ///
    /// # Errors
    /// [`AcquireError::TimedOut`], which says who holds the lock.
    ///
    /// # Panics
    /// As [`write`](Self::write).
    #[inline]
    #[track_caller]
    pub fn write_within(
        &self,
        limit: Duration,
    ) -> Result<RwLockWriteGuard<'_, R, T>, AcquireError> {
        let ask = self.ask(Mode::Exclusive);
        let asked = ask.check();
        match self.raw().try_write_for(limit) {
            Some(inner) => Ok(RwLockWriteGuard::new(inner, ask.hold(asked))),
            None => Err(ask.timed_out(limit)),
        }
    }

    /// Takes exclusive access if it is free. Cannot block, so it is never a violation.
    #[inline]
    #[track_caller]
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, R, T>> {
        let inner = self.raw().try_write()?;
        Some(RwLockWriteGuard::new(inner, self.ask(Mode::Exclusive).hold_tried()))
    }

    /// Whether anybody holds it now, on either side.
    pub fn is_locked(&self) -> bool {
        self.raw().is_locked()
    }

    #[inline(always)]
    fn raw(&self) -> &parking_lot::RwLock<T> {
        R::Keys::lock(&self.0)
    }

    #[inline(always)]
    #[track_caller]
    fn ask(&self, mode: Mode) -> Ask {
        let key = R::Keys::key(&self.0);
        Ask::new::<R, _>(Keeper::Thread, self.raw(), key, mode, Location::caller())
    }
}

impl<R: Rank<Keys = Unkeyed>, T: Default> Default for RwLock<R, T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<R: Rank<Keys = Unkeyed>, T> From<T> for RwLock<R, T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<R: Rank, T: fmt::Debug> fmt::Debug for RwLock<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw().fmt(f)
    }
}

guard! {
    /// Shared access to the value of a [`RwLock`]; releases the lock when dropped.
    RwLockReadGuard<'a>, parking_lot::RwLockReadGuard<'a, T>, read
}

guard! {
    /// Exclusive access to the value of a [`RwLock`]; releases the lock when dropped.
    RwLockWriteGuard<'a>, parking_lot::RwLockWriteGuard<'a, T>, write
}
