use std::time::Duration;

use crate::ask::Exclusive;
use crate::class::Cell;
use crate::error::AcquireError;
use crate::guard::guard;
use crate::lock::lock;
use crate::{Hierarchy, Rank};

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

lock!(Mutex, parking_lot::Mutex<T>, parking_lot::const_mutex);

impl<R: Rank, T> Mutex<R, T> {
    /// Waits for the lock for as long as it takes.
    ///
    /// # Panics
    /// If the acquisition could deadlock and the [`Policy`](crate::Policy) is `Panic`.
    #[inline(always)]
    #[track_caller]
    pub fn lock(&self) -> MutexGuard<'_, R, T> {
        let (inner, held) = self.want(Exclusive).by_thread().take(|| self.raw().lock());
        MutexGuard::new(inner, held)
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
        let ask = self.want(Exclusive).by_thread();
        let (inner, held) = ask.take_within(limit, |limit| self.raw().try_lock_for(limit))?;
        Ok(MutexGuard::new(inner, held))
    }

    /// Takes the lock if it is free. Cannot block, so it is never a violation.
    #[inline]
    #[track_caller]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, R, T>> {
        let inner = self.raw().try_lock()?;
        Some(MutexGuard::new(inner, self.want(Exclusive).by_thread().hold_tried()))
    }

    /// Whether anybody holds it now.
    pub fn is_locked(&self) -> bool {
        self.raw().is_locked()
    }
}

guard! {
    /// Access to the value of a locked [`Mutex`]; releases the lock when dropped.
    MutexGuard<'a>, parking_lot::MutexGuard<'a, T>, write
}
