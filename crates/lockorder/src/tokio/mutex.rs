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
    Mutex, tokio::sync::Mutex<T>, MutexGuard, OwnedMutexGuard, Exclusive, "the lock":
    lock, lock_timed, lock_within, try_lock, blocking_lock,
    lock_owned, lock_owned_timed, lock_owned_within, try_lock_owned
}

impl<R: Rank, T> Mutex<R, T> {
    /// Whether anybody holds it now, or is about to.
    pub fn is_locked(&self) -> bool {
        self.raw().try_lock().is_err()
    }
}

guard! {
    /// Access to the value of a locked [`Mutex`]; releases the lock when dropped.
    MutexGuard ['a, R: Rank, T: ?Sized] ['a, R, T] => T, tokio::sync::MutexGuard<'a, T>, write
}
guard! {
    /// Access to a part of the value of a locked [`Mutex`]: see [`MutexGuard::map`].
    MappedMutexGuard ['a, R: Rank, T: ?Sized] ['a, R, T] => T,
    tokio::sync::MappedMutexGuard<'a, T>, write
}
guard! {
    /// Access to the value of a locked [`Mutex`] that it keeps alive; releases the lock when dropped, on
    /// whatever thread and in whatever task.
    OwnedMutexGuard [R: Rank, T] [R, T] => T,
    tokio::sync::OwnedMutexGuard<T>, write, owned tokio::sync::Mutex<T>
}
guard! {
    /// Access to a part of the value of a locked [`Mutex`] that it keeps alive: see
    /// [`OwnedMutexGuard::map`].
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
