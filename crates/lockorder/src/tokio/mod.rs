//! Ranked locks that suspend the task, over `tokio::sync`.
//!
//! They are checked in one order with the blocking locks. An async lock belongs to the task that took it,
//! wherever the task runs; arms of one `join!` or `select!` count as one task unless each is wrapped in
//! [`branch`](crate::branch).
//!
//! ```
//! # lockorder::hierarchy! { App { level 1 { Session = "session" } level 2 { Log = "log" } } }
//! use lockorder::tokio::Mutex;
//!
//! static SESSION: Mutex<Session, u32> = Mutex::new(0);
//! static LOG: lockorder::Mutex<Log, Vec<u32>> = lockorder::Mutex::new(Vec::new());
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let mut session = SESSION.lock().await;
//! *session += 1;
//! LOG.lock().push(*session); // a blocking lock, in the same order
//! # }
//! ```

mod access;
mod concurrently;
mod many;
mod mutex;
mod once;
mod permit;
mod rwlock;
mod semaphore;
mod spawn;
mod wait;

pub use concurrently::{join, select, try_join};
pub use many::{Lockable, Lockables, lock_many};
pub use mutex::{MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard};
pub use once::OnceCell;
pub use permit::{OwnedSemaphorePermit, SemaphorePermit};
pub use rwlock::{
    OwnedRwLockMappedReadGuard, OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard,
    OwnedRwLockWriteGuard, RwLock, RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard,
};
pub use semaphore::Semaphore;
pub use spawn::{JoinHandle, spawn, spawn_blocking, spawn_local};
/// The errors of tokio's own locks, which `try_` methods and cells return.
pub use tokio::sync::{SetError, TryAcquireError, TryLockError};
