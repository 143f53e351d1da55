//! Ranked locks that suspend the task, over `tokio::sync`.
//!
//! They are checked in one order with the blocking locks. An async lock belongs to the task that took it,
//! wherever the task runs; arms of one `join!` or `select!` count as one task unless each is wrapped in
//! [`branch`](crate::branch).

mod mutex;
mod rwlock;
mod semaphore;
mod wait;

pub use mutex::{Mutex, MutexGuard, OwnedMutexGuard};
pub use rwlock::{
    OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
pub use semaphore::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
