//! Guards that become those of another side, without the lock being released between.

use std::panic::Location;
use std::time::{Duration, Instant};

use super::{
    ArcRwLockReadGuard, ArcRwLockUpgradableReadGuard, ArcRwLockWriteGuard, RwLockReadGuard,
    RwLockUpgradableReadGuard, RwLockWriteGuard,
};
use crate::{Mode, Rank};

impl<'a, R: Rank, T: ?Sized> RwLockWriteGuard<'a, R, T> {
    /// Lets readers in, without letting another writer in before.
    pub fn downgrade(mut this: Self) -> RwLockReadGuard<'a, R, T> {
        this.held.change(Mode::Shared);
        RwLockReadGuard::new(parking_lot::RwLockWriteGuard::downgrade(this.inner), this.held)
    }

    /// Lets readers in, and can become exclusive again.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Config = "config" } } }
    /// # use lockorder::{RwLock, RwLockUpgradableReadGuard, RwLockWriteGuard};
    /// let config = RwLock::<Config, _>::new(1);
    /// let mut guard = config.write();
    /// *guard += 1;
    /// let guard = RwLockWriteGuard::downgrade_to_upgradable(guard); // readers, but no writer
    /// let mut guard = RwLockUpgradableReadGuard::upgrade(guard); // alone again
    /// *guard += 1;
    /// assert_eq!(*guard, 3);
    /// ```
    pub fn downgrade_to_upgradable(mut this: Self) -> RwLockUpgradableReadGuard<'a, R, T> {
        this.held.change(Mode::Upgradable);
        let inner = parking_lot::RwLockWriteGuard::downgrade_to_upgradable(this.inner);
        RwLockUpgradableReadGuard::new(inner, this.held)
    }
}

impl<'a, R: Rank, T: ?Sized> RwLockUpgradableReadGuard<'a, R, T> {
    /// Waits for the readers to leave. What was locked since counts, as for any other wait.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Config = "config" } level 2 { Log = "log" } } }
    /// # use lockorder::{Mutex, RwLock, RwLockUpgradableReadGuard, testing::violations};
    /// let (config, log) = (RwLock::<Config, _>::new(1), Mutex::<Log, _>::new(2));
    /// let found = violations(|| {
    ///     let config = config.upgradable_read();
    ///     let _log = log.lock();
    ///     *RwLockUpgradableReadGuard::upgrade(config) += 1; // a reader may wait for the log
    /// });
    /// assert_eq!(found.len(), usize::from(lockorder::ENFORCING));
    /// ```
    ///
    /// # Panics
    /// If the wait could deadlock and the [`Policy`](crate::Policy) is `Panic`.
    #[track_caller]
    pub fn upgrade(mut this: Self) -> RwLockWriteGuard<'a, R, T> {
        let _blocked = this.held.check_change(Mode::Exclusive, Location::caller());
        let inner = parking_lot::RwLockUpgradableReadGuard::upgrade(this.inner);
        this.held.change(Mode::Exclusive);
        RwLockWriteGuard::new(inner, this.held)
    }

    /// Becomes exclusive if no reader is there. Cannot block, so it is never a violation.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Config = "config" } } }
    /// # use lockorder::{RwLock, RwLockUpgradableReadGuard};
    /// let config = RwLock::<Config, _>::new(1);
    /// match RwLockUpgradableReadGuard::try_upgrade(config.upgradable_read()) {
    ///     Ok(mut config) => *config += 1,
    ///     Err(config) => println!("it stays {config} as long as somebody reads it"),
    /// }
    /// assert_eq!(*config.read(), 2);
    /// ```
    ///
    /// # Errors
    /// The guard itself.
    pub fn try_upgrade(mut this: Self) -> Result<RwLockWriteGuard<'a, R, T>, Self> {
        match parking_lot::RwLockUpgradableReadGuard::try_upgrade(this.inner) {
            Ok(inner) => {
                this.held.change(Mode::Exclusive);
                Ok(RwLockWriteGuard::new(inner, this.held))
            }
            Err(inner) => Err(Self::new(inner, this.held)),
        }
    }

    /// Waits for the readers to leave, for `limit` at most.
    ///
    /// # Errors
    /// The guard itself.
    ///
    /// # Panics
    /// As [`upgrade`](Self::upgrade).
    #[track_caller]
    pub fn try_upgrade_for(
        mut this: Self,
        limit: Duration,
    ) -> Result<RwLockWriteGuard<'a, R, T>, Self> {
        let _blocked = this.held.check_change(Mode::Exclusive, Location::caller());
        match parking_lot::RwLockUpgradableReadGuard::try_upgrade_for(this.inner, limit) {
            Ok(inner) => {
                this.held.change(Mode::Exclusive);
                Ok(RwLockWriteGuard::new(inner, this.held))
            }
            Err(inner) => Err(Self::new(inner, this.held)),
        }
    }

    /// Waits for the readers to leave, until a point in time.
    ///
    /// # Errors
    /// The guard itself.
    ///
    /// # Panics
    /// As [`upgrade`](Self::upgrade).
    #[track_caller]
    pub fn try_upgrade_until(this: Self, end: Instant) -> Result<RwLockWriteGuard<'a, R, T>, Self> {
        Self::try_upgrade_for(this, end.saturating_duration_since(Instant::now()))
    }

    /// Runs `f` with exclusive access, once the readers have left.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Names = "names" } } }
    /// # use lockorder::RwLock;
    /// let names = RwLock::<Names, Vec<&str>>::new(vec![]);
    /// let mut seen = names.upgradable_read();
    /// if seen.is_empty() {
    ///     seen.with_upgraded(|names| names.push("ann"));
    /// }
    /// assert_eq!(*seen, ["ann"]); // still locked, and shared again
    /// ```
    ///
    /// # Panics
    /// As [`upgrade`](Self::upgrade).
    #[track_caller]
    pub fn with_upgraded<U>(&mut self, f: impl FnOnce(&mut T) -> U) -> U {
        let blocked = self.held.check_change(Mode::Exclusive, Location::caller());
        let inner = &mut self.inner;
        self.held.during(Mode::Exclusive, || {
            inner.with_upgraded(|value| {
                drop(blocked);
                f(value)
            })
        })
    }

    /// Gives up the right to become exclusive.
    pub fn downgrade(mut this: Self) -> RwLockReadGuard<'a, R, T> {
        this.held.change(Mode::Shared);
        RwLockReadGuard::new(
            parking_lot::RwLockUpgradableReadGuard::downgrade(this.inner),
            this.held,
        )
    }
}

impl<R: Rank, T> ArcRwLockWriteGuard<R, T> {
    /// Lets readers in, without letting another writer in before.
    pub fn downgrade(mut this: Self) -> ArcRwLockReadGuard<R, T> {
        this.held.change(Mode::Shared);
        let inner = parking_lot::ArcRwLockWriteGuard::downgrade(this.inner);
        ArcRwLockReadGuard::new(inner, this.keep, this.held)
    }

    /// Lets readers in, and can become exclusive again.
    pub fn downgrade_to_upgradable(mut this: Self) -> ArcRwLockUpgradableReadGuard<R, T> {
        this.held.change(Mode::Upgradable);
        let inner = parking_lot::ArcRwLockWriteGuard::downgrade_to_upgradable(this.inner);
        ArcRwLockUpgradableReadGuard::new(inner, this.keep, this.held)
    }
}

impl<R: Rank, T> ArcRwLockUpgradableReadGuard<R, T> {
    /// Waits for the readers to leave. What was locked since counts, as for any other wait.
    ///
    /// # Panics
    /// If the wait could deadlock and the [`Policy`](crate::Policy) is `Panic`.
    #[track_caller]
    pub fn upgrade(mut this: Self) -> ArcRwLockWriteGuard<R, T> {
        let _blocked = this.held.check_change(Mode::Exclusive, Location::caller());
        let inner = parking_lot::ArcRwLockUpgradableReadGuard::upgrade(this.inner);
        this.held.change(Mode::Exclusive);
        ArcRwLockWriteGuard::new(inner, this.keep, this.held)
    }

    /// Becomes exclusive if no reader is there. Cannot block, so it is never a violation.
    ///
    /// # Errors
    /// The guard itself.
    pub fn try_upgrade(mut this: Self) -> Result<ArcRwLockWriteGuard<R, T>, Self> {
        match parking_lot::ArcRwLockUpgradableReadGuard::try_upgrade(this.inner) {
            Ok(inner) => {
                this.held.change(Mode::Exclusive);
                Ok(ArcRwLockWriteGuard::new(inner, this.keep, this.held))
            }
            Err(inner) => Err(Self::new(inner, this.keep, this.held)),
        }
    }

    /// Waits for the readers to leave, for `limit` at most.
    ///
    /// # Errors
    /// The guard itself.
    ///
    /// # Panics
    /// As [`upgrade`](Self::upgrade).
    #[track_caller]
    pub fn try_upgrade_for(
        mut this: Self,
        limit: Duration,
    ) -> Result<ArcRwLockWriteGuard<R, T>, Self> {
        let _blocked = this.held.check_change(Mode::Exclusive, Location::caller());
        match parking_lot::ArcRwLockUpgradableReadGuard::try_upgrade_for(this.inner, limit) {
            Ok(inner) => {
                this.held.change(Mode::Exclusive);
                Ok(ArcRwLockWriteGuard::new(inner, this.keep, this.held))
            }
            Err(inner) => Err(Self::new(inner, this.keep, this.held)),
        }
    }

    /// Waits for the readers to leave, until a point in time.
    ///
    /// # Errors
    /// The guard itself.
    ///
    /// # Panics
    /// As [`upgrade`](Self::upgrade).
    #[track_caller]
    pub fn try_upgrade_until(this: Self, end: Instant) -> Result<ArcRwLockWriteGuard<R, T>, Self> {
        Self::try_upgrade_for(this, end.saturating_duration_since(Instant::now()))
    }

    /// Runs `f` with exclusive access, once the readers have left.
    ///
    /// # Panics
    /// As [`upgrade`](Self::upgrade).
    #[track_caller]
    pub fn with_upgraded<U>(&mut self, f: impl FnOnce(&mut T) -> U) -> U {
        let blocked = self.held.check_change(Mode::Exclusive, Location::caller());
        let inner = &mut self.inner;
        self.held.during(Mode::Exclusive, || {
            inner.with_upgraded(|value| {
                drop(blocked);
                f(value)
            })
        })
    }

    /// Gives up the right to become exclusive.
    pub fn downgrade(mut this: Self) -> ArcRwLockReadGuard<R, T> {
        this.held.change(Mode::Shared);
        let inner = parking_lot::ArcRwLockUpgradableReadGuard::downgrade(this.inner);
        ArcRwLockReadGuard::new(inner, this.keep, this.held)
    }
}
