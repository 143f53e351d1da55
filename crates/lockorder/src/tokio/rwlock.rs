use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytemuck::{TransparentWrapper, TransparentWrapperAlloc};
use tokio::sync::TryLockError;

use super::access::{access, share};
use super::wait;
use crate::ask::{Exclusive, Shared};
use crate::cell::Cell;
use crate::error::AcquireError;
use crate::guard::{guard, map, try_map};
use crate::lock::lock;
use crate::{Mode, Rank};

/// A [`tokio::sync::RwLock`] with a place in the order.
///
/// One holder may not read it twice: a writer that queues between the two reads waits for the first and
/// lets the second wait for itself.
///
/// ```
/// lockorder::hierarchy! {
///     App { level 1 { Routes = "routes" } }
/// }
/// use lockorder::tokio::RwLock;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let routes = RwLock::<Routes, _>::new(vec![1]);
/// routes.write().await.push(2);
/// assert_eq!(routes.read().await.len(), 2);
/// # }
/// ```
#[derive(TransparentWrapper)]
#[repr(transparent)]
pub struct RwLock<R: Rank, T>(Cell<R, tokio::sync::RwLock<T>>);

lock!(RwLock, tokio::sync::RwLock<T>, tokio::sync::RwLock::const_new);
share!(RwLock, tokio::sync::RwLock<T>);

access! {
    RwLock, RwLockReadGuard, OwnedRwLockReadGuard, Shared, "shared access":
    read, read_timed, read_within, try_read, blocking_read,
    read_owned, read_owned_timed, read_owned_within, try_read_owned
}
access! {
    RwLock, RwLockWriteGuard, OwnedRwLockWriteGuard, Exclusive,
    "exclusive access":
    write, write_timed, write_within, try_write, blocking_write,
    write_owned, write_owned_timed, write_owned_within, try_write_owned
}

impl<R: Rank, T> RwLock<R, T> {
    /// Whether a reader would have to wait now: somebody writes, or is about to.
    pub fn is_locked_exclusive(&self) -> bool {
        self.raw().try_read().is_err()
    }
}

guard! {
    /// Shared access to the value of a [`RwLock`], or to a part of it; releases the lock when dropped.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Config = "config" } } }
    /// use lockorder::tokio::{RwLock, RwLockReadGuard};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let config = RwLock::<Config, _>::new((443, "example.org"));
    /// let port: RwLockReadGuard<'_, Config, u16> =
    ///     RwLockReadGuard::map(config.read().await, |config| &config.0);
    /// assert_eq!(*port, 443);
    /// # }
    /// ```
    RwLockReadGuard ['a, R: Rank, T: ?Sized] ['a, R, T] => T, tokio::sync::RwLockReadGuard<'a, T>, read
}
guard! {
    /// Exclusive access to the value of a [`RwLock`]; releases the lock when dropped.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Routes = "routes" } } }
    /// use lockorder::tokio::{RwLock, RwLockWriteGuard};
    ///
    /// fn add(mut routes: RwLockWriteGuard<'_, Routes, Vec<u32>>, route: u32) {
    ///     routes.push(route);
    /// } // released here
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let routes = RwLock::<Routes, _>::new(vec![1]);
    /// add(routes.write().await, 2);
    /// assert_eq!(*routes.read().await, [1, 2]);
    /// # }
    /// ```
    RwLockWriteGuard ['a, R: Rank, T: ?Sized] ['a, R, T] => T,
    tokio::sync::RwLockWriteGuard<'a, T>, write
}
guard! {
    /// Exclusive access to a part of the value of a [`RwLock`]: see [`RwLockWriteGuard::map`].
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Config = "config" } } }
    /// use lockorder::tokio::{RwLock, RwLockMappedWriteGuard, RwLockWriteGuard};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let config = RwLock::<Config, _>::new((80, "example.org"));
    /// let mut port: RwLockMappedWriteGuard<'_, Config, u16> =
    ///     RwLockWriteGuard::map(config.write().await, |config| &mut config.0);
    /// *port = 443;
    /// drop(port);
    /// assert_eq!(*config.read().await, (443, "example.org"));
    /// # }
    /// ```
    RwLockMappedWriteGuard ['a, R: Rank, T: ?Sized] ['a, R, T] => T,
    tokio::sync::RwLockMappedWriteGuard<'a, T>, write
}
guard! {
    /// Shared access to the value of a [`RwLock`] that it keeps alive; releases the lock when dropped, on
    /// whatever thread and in whatever task.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Config = "config" } } }
    /// # use std::sync::Arc;
    /// use lockorder::tokio::{OwnedRwLockReadGuard, RwLock};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let config = Arc::new(RwLock::<Config, _>::new(443));
    /// let guard: OwnedRwLockReadGuard<Config, u16> = config.read_owned().await;
    /// assert_eq!(*guard, 443); // it has the last `Arc` of the lock
    /// # }
    /// ```
    OwnedRwLockReadGuard [R: Rank, T] [R, T] => T,
    tokio::sync::OwnedRwLockReadGuard<T>, read, owned tokio::sync::RwLock<T>
}
guard! {
    /// Exclusive access to the value of a [`RwLock`] that it keeps alive; releases the lock when dropped,
    /// on whatever thread and in whatever task.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Config = "config" } } }
    /// # use std::sync::Arc;
    /// use lockorder::tokio::{OwnedRwLockWriteGuard, RwLock};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let config = Arc::new(RwLock::<Config, _>::new(80));
    /// let mut guard: OwnedRwLockWriteGuard<Config, u16> = config.write_owned().await;
    /// *guard = 443;
    /// let guard = guard.downgrade(); // others may read from here on
    /// assert_eq!(*guard, 443);
    /// # }
    /// ```
    OwnedRwLockWriteGuard [R: Rank, T] [R, T] => T,
    tokio::sync::OwnedRwLockWriteGuard<T>, write, owned tokio::sync::RwLock<T>
}

guard! {
    /// Shared access to a part of the value of a [`RwLock`] that it keeps alive: see
    /// [`OwnedRwLockReadGuard::map`].
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Config = "config" } } }
    /// # use std::sync::Arc;
    /// use lockorder::tokio::{OwnedRwLockMappedReadGuard, OwnedRwLockReadGuard, RwLock};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let config = Arc::new(RwLock::<Config, (u16, &str)>::new((443, "example.org")));
    /// let guard = config.read_owned().await;
    /// let port: OwnedRwLockMappedReadGuard<Config, (u16, &str), u16> =
    ///     OwnedRwLockReadGuard::map(guard, |config| &config.0);
    /// assert_eq!(*port, 443);
    /// # }
    /// ```
    OwnedRwLockMappedReadGuard [R: Rank, T, U: ?Sized] [R, T, U] => U,
    tokio::sync::OwnedRwLockReadGuard<T, U>, read, owned tokio::sync::RwLock<T>
}
guard! {
    /// Exclusive access to a part of the value of a [`RwLock`] that it keeps alive: see
    /// [`OwnedRwLockWriteGuard::map`].
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Config = "config" } } }
    /// # use std::sync::Arc;
    /// use lockorder::tokio::{OwnedRwLockMappedWriteGuard, OwnedRwLockWriteGuard, RwLock};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let config = Arc::new(RwLock::<Config, (u16, &str)>::new((80, "example.org")));
    /// let guard = config.write_owned().await;
    /// let mut port: OwnedRwLockMappedWriteGuard<Config, (u16, &str), u16> =
    ///     OwnedRwLockWriteGuard::map(guard, |config| &mut config.0);
    /// *port = 443;
    /// assert_eq!(*port, 443);
    /// # }
    /// ```
    OwnedRwLockMappedWriteGuard [R: Rank, T, U: ?Sized] [R, T, U] => U,
    tokio::sync::OwnedRwLockMappedWriteGuard<T, U>, write, owned tokio::sync::RwLock<T>
}

macro_rules! map_both {
    ($($guard:ident [$($decl:tt)*] [$($use:tt)*] [$($mut:ident)?] $target:ident of $inner:ident
        => $mapped:ident [$($to:tt)*] keep [$($keep:ident)?];)*) => {$(
        map! {
            $guard [$($decl)*] [$($use)*] => $mapped [$($to)*],
            tokio::sync::$inner::map, [$($mut)?] $target, keep [$($keep)?], part ?Sized
        }
        try_map! {
            $guard [$($decl)*] [$($use)*] => $mapped [$($to)*],
            tokio::sync::$inner::try_map, [$($mut)?] $target, keep [$($keep)?], part ?Sized
        }
    )*};
}
map_both! {
    RwLockReadGuard ['a, R: Rank, T: ?Sized] ['a, R, T] [] T of RwLockReadGuard
        => RwLockReadGuard ['a, R, U] keep [];
    RwLockWriteGuard ['a, R: Rank, T: ?Sized] ['a, R, T] [mut] T of RwLockWriteGuard
        => RwLockMappedWriteGuard ['a, R, U] keep [];
    RwLockMappedWriteGuard ['a, R: Rank, T: ?Sized] ['a, R, T] [mut] T of RwLockMappedWriteGuard
        => RwLockMappedWriteGuard ['a, R, U] keep [];
    OwnedRwLockReadGuard [R: Rank, T] [R, T] [] T of OwnedRwLockReadGuard
        => OwnedRwLockMappedReadGuard [R, T, U] keep [keep];
    OwnedRwLockMappedReadGuard [R: Rank, T, V: ?Sized] [R, T, V] [] V of OwnedRwLockReadGuard
        => OwnedRwLockMappedReadGuard [R, T, U] keep [keep];
    OwnedRwLockWriteGuard [R: Rank, T] [R, T] [mut] T of OwnedRwLockWriteGuard
        => OwnedRwLockMappedWriteGuard [R, T, U] keep [keep];
    OwnedRwLockMappedWriteGuard [R: Rank, T, V: ?Sized] [R, T, V] [mut] V
        of OwnedRwLockMappedWriteGuard => OwnedRwLockMappedWriteGuard [R, T, U] keep [keep];
}

impl<'a, R: Rank, T: ?Sized> RwLockWriteGuard<'a, R, T> {
    /// Lets readers in, without letting another writer in before.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Routes = "routes" } } }
    /// # use lockorder::tokio::RwLock;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let routes = RwLock::<Routes, _>::new(vec![1]);
    /// let mut guard = routes.write().await;
    /// guard.push(2);
    /// let guard = guard.downgrade();
    /// assert_eq!(*guard, [1, 2]);
    /// assert!(!routes.is_locked_exclusive());
    /// # }
    /// ```
    pub fn downgrade(mut self) -> RwLockReadGuard<'a, R, T> {
        self.held.change(Mode::Shared);
        RwLockReadGuard::new(self.inner.downgrade(), self.held)
    }
}

impl<R: Rank, T> OwnedRwLockWriteGuard<R, T> {
    /// Lets readers in, without letting another writer in before.
    pub fn downgrade(mut self) -> OwnedRwLockReadGuard<R, T> {
        self.held.change(Mode::Shared);
        OwnedRwLockReadGuard::new(self.inner.downgrade(), self.keep, self.held)
    }
}
