//! Tasks that somebody waits for.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::task::{AbortHandle, Id, JoinError};

use crate::checker::{Awaited, Branch};

/// As [`tokio::spawn`], with a handle that tells the checker who waits for the task.
///
/// Whoever awaits the handle waits for all that the task waits for: while it does, the task counts as
/// holding what its waiter holds. So a lock that the waiter must not take is a violation in the task too,
/// instead of a deadlock.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Outer = "outer" } level 2 { Inner = "inner" } } }
/// use lockorder::tokio::{Mutex, spawn};
///
/// static OUTER: Mutex<Outer, u32> = Mutex::new(1);
/// static INNER: Mutex<Inner, u32> = Mutex::new(2);
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let outer = OUTER.lock().await;
/// let inner = spawn(async { *INNER.lock().await }).await.unwrap(); // OUTER would hang here, and is reported
/// assert_eq!(*outer + inner, 3);
/// # }
/// ```
///
/// # Panics
/// Outside of a tokio runtime.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let awaited = Awaited::nobody();
    let inner = tokio::spawn(Branch::awaited(future, &awaited));
    JoinHandle { inner, awaited }
}

/// As [`tokio::task::spawn_local`], with a handle as that of [`spawn`].
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Cache = "cache" } } }
/// use std::rc::Rc;
///
/// use lockorder::tokio::{Mutex, spawn_local};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let cache = Rc::new(Mutex::<Cache, u32>::new(7)); // stays on this thread
/// let local = tokio::task::LocalSet::new();
/// let task = async { spawn_local(async move { *cache.lock().await }).await };
/// assert_eq!(local.run_until(task).await.unwrap(), 7);
/// # }
/// ```
///
/// # Panics
/// Outside of a [`tokio::task::LocalSet`].
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: 'static> + 'static,
{
    let awaited = Awaited::nobody();
    let inner = tokio::task::spawn_local(Branch::awaited(future, &awaited));
    JoinHandle { inner, awaited }
}

/// As [`tokio::task::spawn_blocking`], with a handle as that of [`spawn`].
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Outer = "outer" } level 2 { Inner = "inner" } } }
/// use lockorder::Mutex;
/// use lockorder::tokio::spawn_blocking;
///
/// static INNER: Mutex<Inner, u32> = Mutex::new(2);
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// assert_eq!(spawn_blocking(|| *INNER.lock()).await.unwrap(), 2);
/// # }
/// ```
///
/// # Panics
/// Outside of a tokio runtime.
#[track_caller]
pub fn spawn_blocking<T, F>(f: F) -> JoinHandle<T>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let awaited = Awaited::nobody();
    let run = awaited.around(f);
    JoinHandle { inner: tokio::task::spawn_blocking(run), awaited }
}

/// A [`tokio::task::JoinHandle`] that tells the checker who waits for the task.
///
/// ```
/// use lockorder::tokio::{JoinHandle, spawn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let jobs: Vec<JoinHandle<u32>> = (0..3).map(|n| spawn(async move { n * n })).collect();
/// let mut sum = 0;
/// for job in jobs {
///     sum += job.await.unwrap(); // what this task holds counts for the job now
/// }
/// assert_eq!(sum, 5);
/// # }
/// ```
#[must_use = "dropping it detaches the task"]
pub struct JoinHandle<T> {
    inner: tokio::task::JoinHandle<T>,
    awaited: Awaited,
}

impl<T> JoinHandle<T> {
    /// Stops the task at its next suspension, if it did not end before.
    pub fn abort(&self) {
        self.inner.abort();
    }

    /// What can stop the task later.
    pub fn abort_handle(&self) -> AbortHandle {
        self.inner.abort_handle()
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.inner.is_finished()
    }

    /// The number of the task.
    pub fn id(&self) -> Id {
        self.inner.id()
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Before the task can run on: it must know by then.
        self.awaited.begin();
        let polled = Pin::new(&mut self.inner).poll(cx);
        if polled.is_ready() {
            self.awaited.end();
        }
        polled
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        self.awaited.end();
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("id", &self.id()).finish_non_exhaustive()
    }
}
