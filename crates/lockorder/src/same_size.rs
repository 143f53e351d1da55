//! With checks off the types are the plain locks, to the byte. Checked when this crate is compiled.

use crate::{
    ArcMutexGuard, FairMutex, Mutex, MutexGuard, OnceCell, ReentrantMutex, RwLock, RwLockReadGuard,
    RwLockUpgradableReadGuard, RwLockWriteGuard, learned,
};

crate::hierarchy! {
    Sizes { level 1 { Plain = "plain" } }
}

macro_rules! same_size {
    ($($ours:ty => $theirs:ty),+ $(,)?) => {
        $(const _: () = assert!(size_of::<$ours>() == size_of::<$theirs>());)+
    };
}

type Value = [u8; 24];

same_size! {
    Mutex<Plain, Value> => parking_lot::Mutex<Value>,
    MutexGuard<'static, Plain, Value> => parking_lot::MutexGuard<'static, Value>,
    RwLock<Plain, Value> => parking_lot::RwLock<Value>,
    RwLockReadGuard<'static, Plain, Value> => parking_lot::RwLockReadGuard<'static, Value>,
    RwLockWriteGuard<'static, Plain, Value> => parking_lot::RwLockWriteGuard<'static, Value>,
    RwLockUpgradableReadGuard<'static, Plain, Value> =>
        parking_lot::RwLockUpgradableReadGuard<'static, Value>,
    ArcMutexGuard<Plain, Value> => parking_lot::ArcMutexGuard<parking_lot::RawMutex, Value>,
    FairMutex<Plain, Value> => parking_lot::FairMutex<Value>,
    ReentrantMutex<Plain, Value> => parking_lot::ReentrantMutex<Value>,
    OnceCell<Plain, Value> => once_cell::sync::OnceCell<Value>,
    learned::Mutex<Value> => parking_lot::Mutex<Value>,
    learned::RwLock<Value> => parking_lot::RwLock<Value>,
}

#[cfg(feature = "dashmap")]
same_size! {
    crate::dashmap::DashMap<Plain, u8, Value> => dashmap::DashMap<u8, Value>,
    crate::dashmap::Ref<'static, Plain, u8, Value> => dashmap::mapref::one::Ref<'static, u8, Value>,
}

#[cfg(feature = "tokio")]
same_size! {
    learned::tokio::Mutex<Value> => tokio::sync::Mutex<Value>,
    learned::tokio::Semaphore => tokio::sync::Semaphore,
    crate::tokio::Mutex<Plain, Value> => tokio::sync::Mutex<Value>,
    crate::tokio::MutexGuard<'static, Plain, Value> => tokio::sync::MutexGuard<'static, Value>,
    crate::tokio::OwnedMutexGuard<Plain, Value> => tokio::sync::OwnedMutexGuard<Value>,
    crate::tokio::RwLock<Plain, Value> => tokio::sync::RwLock<Value>,
    crate::tokio::RwLockReadGuard<'static, Plain, Value> => tokio::sync::RwLockReadGuard<'static, Value>,
    crate::tokio::RwLockWriteGuard<'static, Plain, Value> => tokio::sync::RwLockWriteGuard<'static, Value>,
    crate::tokio::OwnedRwLockReadGuard<Plain, Value> => tokio::sync::OwnedRwLockReadGuard<Value>,
    crate::tokio::OwnedRwLockWriteGuard<Plain, Value> => tokio::sync::OwnedRwLockWriteGuard<Value>,
    crate::tokio::Semaphore<Plain> => tokio::sync::Semaphore,
    crate::tokio::SemaphorePermit<'static, Plain> => tokio::sync::SemaphorePermit<'static>,
    crate::tokio::OwnedSemaphorePermit<Plain> => tokio::sync::OwnedSemaphorePermit,
}

static _CONST: Mutex<Plain, Value> = Mutex::new([0; 24]);
