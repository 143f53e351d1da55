//! Which types may be sent to and shared with other threads: as the wrapped ones may. Checked when this file
//! is compiled; the table is the test.
#![cfg(all(feature = "tokio", feature = "dashmap"))]

mod common;

use std::cell::Cell;

use common::Middle as R;
use lockorder::{dashmap as map, learned, tokio as aio};

/// Fails to compile unless a type has, or has not, an auto trait.
macro_rules! is {
    ($type:ty: $trait:ident) => {
        const _: fn() = || {
            fn has<T: ?Sized + $trait>() {}
            has::<$type>();
        };
    };
    ($type:ty: !$trait:ident) => {
        const _: fn() = || {
            trait AmbiguousIf<A> {
                fn it() {}
            }
            impl<T: ?Sized> AmbiguousIf<()> for T {}
            #[allow(dead_code)]
            struct Has;
            impl<T: ?Sized + $trait> AmbiguousIf<Has> for T {}
            let _it = <$type as AmbiguousIf<_>>::it;
        };
    };
}

macro_rules! table {
    ($($type:ty => [$($send:tt)+] [$($sync:tt)+];)*) => {$(
        is!($type: $($send)+);
        is!($type: $($sync)+);
    )*};
}

table! {
    // The locks. A value that cannot be shared may be in a mutex, and one that cannot be sent may not.
    lockorder::Mutex<R, Cell<u8>> => [Send] [Sync];
    lockorder::Mutex<R, *const u8> => [!Send] [!Sync];
    lockorder::FairMutex<R, Cell<u8>> => [Send] [Sync];
    lockorder::ReentrantMutex<R, Cell<u8>> => [Send] [Sync];
    lockorder::RwLock<R, u8> => [Send] [Sync];
    lockorder::RwLock<R, Cell<u8>> => [Send] [!Sync];
    lockorder::OnceCell<R, u8> => [Send] [Sync];
    lockorder::OnceCell<R, Cell<u8>> => [Send] [!Sync];
    lockorder::Lazy<R, u8> => [Send] [Sync];
    lockorder::Condvar => [Send] [Sync];
    learned::Mutex<Cell<u8>> => [Send] [Sync];
    aio::Mutex<R, Cell<u8>> => [Send] [Sync];
    aio::RwLock<R, Cell<u8>> => [Send] [!Sync];
    aio::Semaphore<R> => [Send] [Sync];
    aio::OnceCell<R, u8> => [Send] [Sync];
    map::DashMap<R, u8, u8> => [Send] [Sync];

    // Guards of blocking locks stay on their thread, and may be looked at from others.
    lockorder::MutexGuard<'static, R, u8> => [!Send] [Sync];
    lockorder::MutexGuard<'static, R, Cell<u8>> => [!Send] [!Sync];
    lockorder::MappedMutexGuard<'static, R, u8> => [!Send] [Sync];
    lockorder::ArcMutexGuard<R, u8> => [!Send] [Sync];
    lockorder::FairMutexGuard<'static, R, u8> => [!Send] [Sync];
    lockorder::ReentrantMutexGuard<'static, R, u8> => [!Send] [Sync];
    lockorder::RwLockReadGuard<'static, R, u8> => [!Send] [Sync];
    lockorder::RwLockWriteGuard<'static, R, u8> => [!Send] [Sync];
    lockorder::RwLockUpgradableReadGuard<'static, R, u8> => [!Send] [Sync];

    // Guards of async locks go where their task goes.
    aio::MutexGuard<'static, R, u8> => [Send] [Sync];
    aio::MutexGuard<'static, R, Cell<u8>> => [Send] [!Sync];
    aio::MappedMutexGuard<'static, R, u8> => [Send] [Sync];
    aio::OwnedMutexGuard<R, u8> => [Send] [Sync];
    aio::RwLockReadGuard<'static, R, u8> => [Send] [Sync];
    aio::RwLockWriteGuard<'static, R, u8> => [Send] [Sync];
    aio::OwnedRwLockReadGuard<R, u8> => [Send] [Sync];
    aio::OwnedRwLockWriteGuard<R, u8> => [Send] [Sync];
    aio::SemaphorePermit<'static, R> => [Send] [Sync];
    aio::OwnedSemaphorePermit<R> => [Send] [Sync];
    aio::JoinHandle<u8> => [Send] [Sync];

    // What goes with them.
    lockorder::Held => [Send] [Sync];
    lockorder::HandedOver<aio::OwnedMutexGuard<R, u8>> => [Send] [Sync];
    lockorder::Violation => [Send] [Sync];
    lockorder::AcquireError => [Send] [Sync];
    lockorder::testing::Collector => [Send] [Sync];
}

#[test]
fn the_wrapped_types_say_the_same() {
    is!(parking_lot::MutexGuard<'static, u8>: !Send);
    is!(parking_lot::RwLock<Cell<u8>>: !Sync);
    is!(tokio::sync::MutexGuard<'static, Cell<u8>>: !Sync);
    is!(tokio::sync::OwnedSemaphorePermit: Send);
    is!(dashmap::DashMap<u8, u8>: Sync);
}

#[tokio::test]
async fn futures_of_locks_are_spawned_on_other_threads() {
    let lock = std::sync::Arc::new(aio::RwLock::<R, _>::new(0));
    let slots = std::sync::Arc::new(aio::Semaphore::<common::Outer>::new(1));
    tokio::spawn(async move {
        let _slot = slots.acquire_timed().await.unwrap();
        *lock.write().await += 1;
        drop(lock.read_timed().await);
        drop(std::sync::Arc::clone(&lock).write_owned().await);
        drop(
            aio::lock_many((lockorder::Read(&*lock), &aio::Mutex::<common::Inner, _>::new(0)))
                .await,
        );
    })
    .await
    .unwrap();
}
