//! Ranked locks that suspend the task, over `tokio::sync`.
//!
//! They are checked in one order with the blocking locks. An async lock belongs to the task that took it,
//! wherever the task runs; arms of one `join!` or `select!` count as one task unless each is wrapped in
//! [`branch`](crate::branch).

mod access;
mod mutex;
mod once;
mod permit;
mod rwlock;
mod semaphore;
mod wait;

pub use mutex::{MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard};
pub use once::OnceCell;
pub use permit::{OwnedSemaphorePermit, SemaphorePermit};
pub use rwlock::{
    OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockMappedWriteGuard, RwLockReadGuard,
    RwLockWriteGuard,
};
pub use semaphore::Semaphore;
