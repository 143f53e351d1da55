use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytemuck::{TransparentWrapper, TransparentWrapperAlloc};
use tokio::sync::TryLockError;

use super::access::{access, share};
use super::wait;
use crate::Rank;
use crate::ask::Exclusive;
use crate::cell::Cell;
use crate::error::AcquireError;
use crate::guard::{guard, map, try_map};
use crate::lock::lock;

/// A [`tokio::sync::Mutex`] with a place in the order.
///
/// ```
/// lockorder::hierarchy! {
///     App {
///         level 1 { Registry = "registry" }
///         level 2 { Connection = "connection" [keyed] }
///     }
/// }
/// use lockorder::tokio::Mutex;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let registry = Mutex::<Registry, _>::new(vec![]);
/// let connection = Mutex::<Connection, _>::keyed(7, "idle");
///
/// let mut registry = registry.lock().await;
/// *connection.lock().await = "busy";
/// registry.push(7);
/// # }
/// ```
#[derive(TransparentWrapper)]
#[repr(transparent)]
pub struct Mutex<R: Rank, T>(Cell<R, tokio::sync::Mutex<T>>);

lock!(Mutex, tokio::sync::Mutex<T>, tokio::sync::Mutex::const_new);
share!(Mutex, tokio::sync::Mutex<T>);

access! {
    Mutex, MutexGuard, OwnedMutexGuard, Exclusive, "the lock":
    lock, lock_timed, lock_within, try_lock, blocking_lock,
    lock_owned, lock_owned_timed, lock_owned_within, try_lock_owned
}

impl<R: Rank, T> Mutex<R, T> {
    /// As [`blocking_lock`](Self::blocking_lock), with a guard that owns its lock and may travel.
    ///
    /// # Panics
    /// As [`blocking_lock`](Self::blocking_lock).
    #[track_caller]
    pub fn blocking_lock_owned(self: Arc<Self>) -> OwnedMutexGuard<R, T> {
        let want = self.want(Exclusive);
        let (raw, keep) = self.share();
        let (inner, held) = want.by_task().take_blocking(|| raw.blocking_lock_owned());
        OwnedMutexGuard::new(inner, keep, held)
    }

    /// Whether anybody holds it now, or is about to.
    pub fn is_locked(&self) -> bool {
        self.raw().try_lock().is_err()
    }
}

guard! {
    /// Access to the value of a locked [`Mutex`]; releases the lock when dropped.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Queue = "queue" } } }
    /// use lockorder::tokio::{Mutex, MutexGuard};
    ///
    /// fn take_all(mut queue: MutexGuard<'_, Queue, Vec<u32>>) -> Vec<u32> {
    ///     std::mem::take(&mut *queue)
    /// } // released here
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let queue = Mutex::<Queue, _>::new(vec![1, 2]);
    /// assert_eq!(take_all(queue.lock().await), [1, 2]);
    /// assert!(!queue.is_locked());
    /// # }
    /// ```
    MutexGuard ['a, R: Rank, T: ?Sized] ['a, R, T] => T, tokio::sync::MutexGuard<'a, T>, write
}
guard! {
    /// Access to a part of the value of a locked [`Mutex`]: see [`MutexGuard::map`].
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Account = "account" } } }
    /// use lockorder::tokio::{MappedMutexGuard, Mutex, MutexGuard};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let account = Mutex::<Account, _>::new((100, "ann"));
    /// let mut balance: MappedMutexGuard<'_, Account, u32> =
    ///     MutexGuard::map(account.lock().await, |account| &mut account.0);
    /// *balance -= 10;
    /// drop(balance);
    /// assert_eq!(*account.lock().await, (90, "ann"));
    /// # }
    /// ```
    MappedMutexGuard ['a, R: Rank, T: ?Sized] ['a, R, T] => T,
    tokio::sync::MappedMutexGuard<'a, T>, write
}
guard! {
    /// Access to the value of a locked [`Mutex`] that it keeps alive; releases the lock when dropped, on
    /// whatever thread and in whatever task.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { File = "file" } } }
    /// # use std::sync::Arc;
    /// use lockorder::tokio::{Mutex, OwnedMutexGuard};
    ///
    /// struct Upload {
    ///     file: OwnedMutexGuard<File, String>, // no lifetime
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let file = Arc::new(Mutex::<File, _>::new(String::new()));
    /// let mut upload = Upload { file: Arc::clone(&file).lock_owned().await };
    /// upload.file.push_str("begun");
    /// assert!(file.is_locked());
    /// # }
    /// ```
    OwnedMutexGuard [R: Rank, T] [R, T] => T,
    tokio::sync::OwnedMutexGuard<T>, write, owned tokio::sync::Mutex<T>
}
guard! {
    /// Access to a part of the value of a locked [`Mutex`] that it keeps alive: see
    /// [`OwnedMutexGuard::map`].
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Account = "account" } } }
    /// # use std::sync::Arc;
    /// use lockorder::tokio::{Mutex, OwnedMappedMutexGuard, OwnedMutexGuard};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let account = Arc::new(Mutex::<Account, (u32, &str)>::new((100, "ann")));
    /// let guard = account.lock_owned().await;
    /// let mut balance: OwnedMappedMutexGuard<Account, (u32, &str), u32> =
    ///     OwnedMutexGuard::map(guard, |account| &mut account.0);
    /// *balance -= 10;
    /// assert_eq!(*balance, 90);
    /// # }
    /// ```
    OwnedMappedMutexGuard [R: Rank, T, U: ?Sized] [R, T, U] => U,
    tokio::sync::OwnedMappedMutexGuard<T, U>, write, owned tokio::sync::Mutex<T>
}

macro_rules! map_both {
    ($($guard:ident [$($decl:tt)*] [$($use:tt)*] $target:ident
        => $mapped:ident [$($to:tt)*] keep [$($keep:ident)?];)*) => {$(
        map! {
            $guard [$($decl)*] [$($use)*] => $mapped [$($to)*],
            tokio::sync::$guard::map, [mut] $target, keep [$($keep)?], part Sized
        }
        try_map! {
            $guard [$($decl)*] [$($use)*] => $mapped [$($to)*],
            tokio::sync::$guard::try_map, [mut] $target, keep [$($keep)?], part Sized
        }
    )*};
}
map_both! {
    MutexGuard ['a, R: Rank, T: ?Sized] ['a, R, T] T => MappedMutexGuard ['a, R, U] keep [];
    MappedMutexGuard ['a, R: Rank, T: ?Sized] ['a, R, T] T => MappedMutexGuard ['a, R, U] keep [];
    OwnedMutexGuard [R: Rank, T] [R, T] T => OwnedMappedMutexGuard [R, T, U] keep [keep];
    OwnedMappedMutexGuard [R: Rank, T, V: ?Sized] [R, T, V] V
        => OwnedMappedMutexGuard [R, T, U] keep [keep];
}
