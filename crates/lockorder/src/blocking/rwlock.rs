use std::panic::Location;
use std::time::{Duration, Instant};

use bytemuck::TransparentWrapper;

use super::access::{access, access_arc, release, share};
use crate::ask::{Exclusive, Recursive, Shared, Upgradable};
use crate::cell::Cell;
use crate::guard::{guard, map, try_map};
use crate::lock::lock;
use crate::{Mode, Rank};

/// A [`parking_lot::RwLock`] with a place in the order.
///
/// One holder may not read it twice: a writer that queues between the two reads waits for the first and
/// lets the second wait for itself. Where that is meant, [`read_recursive`](Self::read_recursive) passes
/// the writers.
///
/// ```
/// lockorder::hierarchy! {
///     App { level 1 { Config = "config" } }
/// }
/// use lockorder::{RwLock, RwLockUpgradableReadGuard, RwLockWriteGuard};
///
/// static CONFIG: RwLock<Config, u32> = RwLock::new(1);
///
/// *CONFIG.write() += 1;
/// let config = CONFIG.upgradable_read();
/// if *config == 2 {
///     let mut config = RwLockUpgradableReadGuard::upgrade(config);
///     *config = 3;
///     assert_eq!(*RwLockWriteGuard::downgrade(config), 3);
/// }
/// ```
#[derive(TransparentWrapper)]
#[repr(transparent)]
pub struct RwLock<R: Rank, T>(Cell<R, parking_lot::RwLock<T>>);

lock!(RwLock, parking_lot::RwLock<T>, parking_lot::const_rwlock);
share!(RwLock, parking_lot::RwLock<T>);

access! {
    RwLock, parking_lot::RwLock<T>, RwLockReadGuard, Shared, "shared access":
    read, read_timed, read_within, try_read, try_read_for, try_read_until
}
access! {
    RwLock, parking_lot::RwLock<T>, RwLockReadGuard, Recursive,
    "shared access, past waiting writers if somebody reads already,":
    read_recursive, read_recursive_timed, read_recursive_within,
    try_read_recursive, try_read_recursive_for, try_read_recursive_until
}
access! {
    RwLock, parking_lot::RwLock<T>, RwLockUpgradableReadGuard, Upgradable,
    "shared access that can become exclusive":
    upgradable_read, upgradable_read_timed, upgradable_read_within,
    try_upgradable_read, try_upgradable_read_for, try_upgradable_read_until
}
access! {
    RwLock, parking_lot::RwLock<T>, RwLockWriteGuard, Exclusive, "exclusive access":
    write, write_timed, write_within, try_write, try_write_for, try_write_until
}
access_arc! {
    RwLock, parking_lot::RwLock<T>, ArcRwLockReadGuard, Shared, "shared access":
    read_arc, read_arc_within, try_read_arc, try_read_arc_for, try_read_arc_until
}
access_arc! {
    RwLock, parking_lot::RwLock<T>, ArcRwLockUpgradableReadGuard, Upgradable,
    "shared access that can become exclusive":
    upgradable_read_arc, upgradable_read_arc_within,
    try_upgradable_read_arc, try_upgradable_read_arc_for, try_upgradable_read_arc_until
}
access_arc! {
    RwLock, parking_lot::RwLock<T>, ArcRwLockWriteGuard, Exclusive, "exclusive access":
    write_arc, write_arc_within, try_write_arc, try_write_arc_for, try_write_arc_until
}

impl<R: Rank, T> RwLock<R, T> {
    /// Whether anybody holds it now, on either side.
    pub fn is_locked(&self) -> bool {
        self.raw().is_locked()
    }

    /// Whether anybody has exclusive access now.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Config = "config" } } }
    /// # use lockorder::RwLock;
    /// let config = RwLock::<Config, _>::new(1);
    /// let reader = config.read();
    /// assert!(config.is_locked() && !config.is_locked_exclusive());
    /// # drop(reader);
    /// ```
    pub fn is_locked_exclusive(&self) -> bool {
        self.raw().is_locked_exclusive()
    }
}

guard! {
    /// Shared access to the value of a [`RwLock`]; releases the lock when dropped.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Prices = "prices" } } }
    /// use lockorder::{RwLock, RwLockReadGuard};
    ///
    /// fn sum(prices: RwLockReadGuard<'_, Prices, Vec<u32>>) -> u32 {
    ///     prices.iter().sum()
    /// } // released here
    ///
    /// let prices = RwLock::<Prices, _>::new(vec![3, 4]);
    /// assert_eq!(sum(prices.read()), 7);
    /// assert!(!prices.is_locked());
    /// ```
    RwLockReadGuard ['a, R: Rank, T: ?Sized] ['a, R, T] => T, parking_lot::RwLockReadGuard<'a, T>, read
}
guard! {
    /// Shared access to a part of the value of a [`RwLock`]: see [`RwLockReadGuard::map`].
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Config = "config" } } }
    /// use lockorder::{MappedRwLockReadGuard, RwLock, RwLockReadGuard};
    ///
    /// fn port(config: &RwLock<Config, (u16, String)>) -> MappedRwLockReadGuard<'_, Config, u16> {
    ///     RwLockReadGuard::map(config.read(), |config| &config.0)
    /// }
    ///
    /// let config = RwLock::<Config, _>::new((443, "example.org".to_owned()));
    /// assert_eq!(*port(&config), 443);
    /// ```
    MappedRwLockReadGuard ['a, R: Rank, T: ?Sized] ['a, R, T] => T,
    parking_lot::MappedRwLockReadGuard<'a, T>, read
}
guard! {
    /// Shared access to the value of a [`RwLock`] that it keeps alive: see [`RwLock::read_arc`].
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Config = "config" } } }
    /// # use std::sync::Arc;
    /// use lockorder::{ArcRwLockReadGuard, RwLock};
    ///
    /// let config = Arc::new(RwLock::<Config, _>::new(443));
    /// let guard: ArcRwLockReadGuard<Config, u16> = config.read_arc();
    /// drop(config); // the guard keeps it alive
    /// assert_eq!(*guard, 443);
    /// ```
    ArcRwLockReadGuard [R: Rank, T] [R, T] => T,
    parking_lot::ArcRwLockReadGuard<parking_lot::RawRwLock, T>, read, owned parking_lot::RwLock<T>
}
guard! {
    /// Exclusive access to the value of a [`RwLock`]; releases the lock when dropped.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Routes = "routes" } } }
    /// use lockorder::{RwLock, RwLockWriteGuard};
    ///
    /// let routes = RwLock::<Routes, _>::new(vec![1]);
    /// let mut guard = routes.write();
    /// guard.push(2);
    /// let guard = RwLockWriteGuard::downgrade(guard); // others may read from here on
    /// assert_eq!(guard.len(), 2);
    /// assert!(!routes.is_locked_exclusive());
    /// ```
    RwLockWriteGuard ['a, R: Rank, T: ?Sized] ['a, R, T] => T,
    parking_lot::RwLockWriteGuard<'a, T>, write
}
guard! {
    /// Exclusive access to a part of the value of a [`RwLock`]: see [`RwLockWriteGuard::map`].
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Config = "config" } } }
    /// use lockorder::{MappedRwLockWriteGuard, RwLock, RwLockWriteGuard};
    ///
    /// let config = RwLock::<Config, _>::new((80, "example.org"));
    /// let mut port: MappedRwLockWriteGuard<'_, Config, u16> =
    ///     RwLockWriteGuard::map(config.write(), |config| &mut config.0);
    /// *port = 443;
    /// drop(port);
    /// assert_eq!(*config.read(), (443, "example.org"));
    /// ```
    MappedRwLockWriteGuard ['a, R: Rank, T: ?Sized] ['a, R, T] => T,
    parking_lot::MappedRwLockWriteGuard<'a, T>, write
}
guard! {
    /// Exclusive access to the value of a [`RwLock`] that it keeps alive: see [`RwLock::write_arc`].
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Config = "config" } } }
    /// # use std::sync::Arc;
    /// use lockorder::{ArcRwLockWriteGuard, RwLock};
    ///
    /// let config = Arc::new(RwLock::<Config, _>::new(80));
    /// let mut guard: ArcRwLockWriteGuard<Config, u16> = config.write_arc();
    /// *guard = 443;
    /// let guard = ArcRwLockWriteGuard::downgrade(guard); // others may read from here on
    /// assert_eq!(*guard, 443);
    /// ```
    ArcRwLockWriteGuard [R: Rank, T] [R, T] => T,
    parking_lot::ArcRwLockWriteGuard<parking_lot::RawRwLock, T>, write, owned parking_lot::RwLock<T>
}
guard! {
    /// Shared access to the value of a [`RwLock`] beside other readers, which can become exclusive;
    /// releases the lock when dropped.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Names = "names" } } }
    /// use lockorder::{RwLock, RwLockUpgradableReadGuard};
    ///
    /// let names = RwLock::<Names, _>::new(vec!["ann"]);
    /// let seen = names.upgradable_read(); // readers beside it, but no writer
    /// if !seen.contains(&"bob") {
    ///     let mut names = RwLockUpgradableReadGuard::upgrade(seen);
    ///     names.push("bob"); // nobody can have pushed it meanwhile
    ///     assert_eq!(*names, ["ann", "bob"]);
    /// }
    /// ```
    RwLockUpgradableReadGuard ['a, R: Rank, T: ?Sized] ['a, R, T] => T,
    parking_lot::RwLockUpgradableReadGuard<'a, T>, read
}
guard! {
    /// Shared access to the value of a [`RwLock`] that it keeps alive, which can become exclusive: see
    /// [`RwLock::upgradable_read_arc`].
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Config = "config" } } }
    /// # use std::sync::Arc;
    /// use lockorder::{ArcRwLockUpgradableReadGuard, RwLock};
    ///
    /// let config = Arc::new(RwLock::<Config, _>::new(80));
    /// let seen: ArcRwLockUpgradableReadGuard<Config, u16> = config.upgradable_read_arc();
    /// if *seen != 443 {
    ///     *ArcRwLockUpgradableReadGuard::upgrade(seen) = 443;
    /// }
    /// assert!(!config.is_locked());
    /// ```
    ArcRwLockUpgradableReadGuard [R: Rank, T] [R, T] => T,
    parking_lot::ArcRwLockUpgradableReadGuard<parking_lot::RawRwLock, T>, read,
    owned parking_lot::RwLock<T>
}

macro_rules! map_both {
    ($($guard:ident => $mapped:ident [$($mut:ident)?];)*) => {$(
        map! {
            $guard ['a, R: Rank, T: ?Sized] ['a, R, T] => $mapped ['a, R, U],
            parking_lot::$guard::map, [$($mut)?] T, keep [], part ?Sized
        }
        try_map! {
            $guard ['a, R: Rank, T: ?Sized] ['a, R, T] => $mapped ['a, R, U],
            parking_lot::$guard::try_map, [$($mut)?] T, keep [], part ?Sized
        }
    )*};
}
map_both! {
    RwLockReadGuard => MappedRwLockReadGuard [];
    MappedRwLockReadGuard => MappedRwLockReadGuard [];
    RwLockWriteGuard => MappedRwLockWriteGuard [mut];
    MappedRwLockWriteGuard => MappedRwLockWriteGuard [mut];
}
release!(RwLockReadGuard ['a, R: Rank, T: ?Sized] ['a, R, T] RwLockReadGuard);
release!(RwLockWriteGuard ['a, R: Rank, T: ?Sized] ['a, R, T] RwLockWriteGuard);
release!(RwLockUpgradableReadGuard ['a, R: Rank, T: ?Sized] ['a, R, T] RwLockUpgradableReadGuard);

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
        this.held.check_change(Mode::Exclusive, Location::caller());
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
        this.held.check_change(Mode::Exclusive, Location::caller());
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
        self.held.check_change(Mode::Exclusive, Location::caller());
        let inner = &mut self.inner;
        self.held.during(Mode::Exclusive, || inner.with_upgraded(f))
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
        this.held.check_change(Mode::Exclusive, Location::caller());
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
        this.held.check_change(Mode::Exclusive, Location::caller());
        match parking_lot::ArcRwLockUpgradableReadGuard::try_upgrade_for(this.inner, limit) {
            Ok(inner) => {
                this.held.change(Mode::Exclusive);
                Ok(ArcRwLockWriteGuard::new(inner, this.keep, this.held))
            }
            Err(inner) => Err(Self::new(inner, this.keep, this.held)),
        }
    }

    /// Gives up the right to become exclusive.
    pub fn downgrade(mut this: Self) -> ArcRwLockReadGuard<R, T> {
        this.held.change(Mode::Shared);
        let inner = parking_lot::ArcRwLockUpgradableReadGuard::downgrade(this.inner);
        ArcRwLockReadGuard::new(inner, this.keep, this.held)
    }
}
