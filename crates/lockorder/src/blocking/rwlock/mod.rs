mod upgrade;

use bytemuck::TransparentWrapper;

use super::access::{access, access_arc, release, share};
use crate::Rank;
use crate::ask::{Exclusive, Recursive, Shared, Upgradable};
use crate::cell::Cell;
use crate::guard::{guard, map, try_map};
use crate::lock::lock;

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
    RwLock, RwLockReadGuard, Shared, "shared access":
    read, read_timed, read_within, try_read, try_read_for, try_read_until
}
access! {
    RwLock, RwLockReadGuard, Recursive,
    "shared access, past waiting writers if somebody reads already,":
    read_recursive, read_recursive_timed, read_recursive_within,
    try_read_recursive, try_read_recursive_for, try_read_recursive_until
}
access! {
    RwLock, RwLockUpgradableReadGuard, Upgradable,
    "shared access that can become exclusive":
    upgradable_read, upgradable_read_timed, upgradable_read_within,
    try_upgradable_read, try_upgradable_read_for, try_upgradable_read_until
}
access! {
    RwLock, RwLockWriteGuard, Exclusive, "exclusive access":
    write, write_timed, write_within, try_write, try_write_for, try_write_until
}
access_arc! {
    RwLock, ArcRwLockReadGuard, Shared, "shared access":
    read_arc, read_arc_timed, read_arc_within, try_read_arc, try_read_arc_for, try_read_arc_until
}
access_arc! {
    RwLock, ArcRwLockReadGuard, Recursive,
    "shared access, past waiting writers if somebody reads already,":
    read_arc_recursive, read_arc_recursive_timed, read_arc_recursive_within,
    try_read_recursive_arc, try_read_arc_recursive_for, try_read_arc_recursive_until
}
access_arc! {
    RwLock, ArcRwLockUpgradableReadGuard, Upgradable,
    "shared access that can become exclusive":
    upgradable_read_arc, upgradable_read_arc_timed, upgradable_read_arc_within,
    try_upgradable_read_arc, try_upgradable_read_arc_for, try_upgradable_read_arc_until
}
access_arc! {
    RwLock, ArcRwLockWriteGuard, Exclusive, "exclusive access":
    write_arc, write_arc_timed, write_arc_within, try_write_arc, try_write_arc_for, try_write_arc_until
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
