use std::time::Duration;

use crate::ask::{Exclusive, Shared};
use crate::class::Cell;
use crate::error::AcquireError;
use crate::guard::guard;
use crate::lock::lock;
use crate::{Hierarchy, Rank};

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

lock!(RwLock, parking_lot::RwLock<T>, parking_lot::const_rwlock);

impl<R: Rank, T> RwLock<R, T> {
    /// Waits for shared access for as long as it takes.
    ///
    /// # Panics
    /// If the acquisition could deadlock and the [`Policy`](crate::Policy) is `Panic`.
    #[inline(always)]
    #[track_caller]
    pub fn read(&self) -> RwLockReadGuard<'_, R, T> {
        let (inner, held) = self.want(Shared).by_thread().take(|| self.raw().read());
        RwLockReadGuard::new(inner, held)
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
        let ask = self.want(Shared).by_thread();
        let (inner, held) = ask.take_within(limit, |limit| self.raw().try_read_for(limit))?;
        Ok(RwLockReadGuard::new(inner, held))
    }

    /// Takes shared access if it is free. Cannot block, so it is never a violation.
    #[inline]
    #[track_caller]
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, R, T>> {
        let inner = self.raw().try_read()?;
        Some(RwLockReadGuard::new(inner, self.want(Shared).by_thread().hold_tried()))
    }

    /// Waits for exclusive access for as long as it takes.
    ///
    /// # Panics
    /// If the acquisition could deadlock and the [`Policy`](crate::Policy) is `Panic`.
    #[inline(always)]
    #[track_caller]
    pub fn write(&self) -> RwLockWriteGuard<'_, R, T> {
        let (inner, held) = self.want(Exclusive).by_thread().take(|| self.raw().write());
        RwLockWriteGuard::new(inner, held)
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
        let ask = self.want(Exclusive).by_thread();
        let (inner, held) = ask.take_within(limit, |limit| self.raw().try_write_for(limit))?;
        Ok(RwLockWriteGuard::new(inner, held))
    }

    /// Takes exclusive access if it is free. Cannot block, so it is never a violation.
    #[inline]
    #[track_caller]
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, R, T>> {
        let inner = self.raw().try_write()?;
        Some(RwLockWriteGuard::new(inner, self.want(Exclusive).by_thread().hold_tried()))
    }

    /// Whether anybody holds it now, on either side.
    pub fn is_locked(&self) -> bool {
        self.raw().is_locked()
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
