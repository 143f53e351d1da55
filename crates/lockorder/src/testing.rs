//! For tests: the violations of a piece of code, as values.

use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::Violation;

/// Runs `f` and returns the violations of this thread in it, which are not reported otherwise. Empty with
/// checks off.
///
/// Acquisitions go on after a violation, as under [`Policy::Log`](crate::Policy::Log): one that would wait
/// for its own caller hangs, so use a timed one.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Outer = "outer" } level 2 { Inner = "inner" } } }
/// # use lockorder::{Mutex, ViolationKind, testing};
/// let (outer, inner) = (Mutex::<Outer, _>::new(()), Mutex::<Inner, _>::new(()));
/// let found = testing::violations(|| {
///     let _inner = inner.lock();
///     let _outer = outer.lock();
/// });
/// # if lockorder::ENFORCING {
/// assert_eq!(found[0].kind, ViolationKind::Order);
/// # }
/// ```
pub fn violations(f: impl FnOnce()) -> Vec<Violation> {
    let collector = Collector::new();
    collector.run(f);
    collector.take()
}

/// Collects violations from as many threads and tasks as it is given to. Clones collect together.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Outer = "outer" } level 2 { Inner = "inner" } } }
/// # use lockorder::{Mutex, testing::Collector};
/// let (outer, inner) = (Mutex::<Outer, _>::new(()), Mutex::<Inner, _>::new(()));
/// let collector = Collector::new();
/// std::thread::scope(|scope| {
///     scope.spawn(|| collector.run(|| {
///         let _inner = inner.lock();
///         let _outer = outer.lock();
///     }));
/// });
/// assert_eq!(collector.take().len(), usize::from(lockorder::ENFORCING));
/// ```
#[derive(Clone, Default)]
pub struct Collector {
    found: Arc<Mutex<Vec<Violation>>>,
}

impl Collector {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `f`; the violations of this thread in it are collected instead of being reported.
    pub fn run<T>(&self, f: impl FnOnce() -> T) -> T {
        let _restore = Restore(COLLECTOR.replace(Some(self.clone())));
        f()
    }

    /// Collects the violations of a future, whatever thread it is polled on.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Outer = "outer" } level 2 { Inner = "inner" } } }
    /// # #[cfg(feature = "tokio")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # use lockorder::{testing::Collector, tokio::Mutex};
    /// let (outer, inner) = (Mutex::<Outer, _>::new(0), Mutex::<Inner, _>::new(0));
    /// let collector = Collector::new();
    /// collector.watch(async {
    ///     let _inner = inner.lock().await;
    ///     let _outer = outer.lock().await;
    /// }).await;
    /// assert_eq!(collector.take().len(), usize::from(lockorder::ENFORCING));
    /// # }
    /// # #[cfg(not(feature = "tokio"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Cancel safety
    /// That of the future: what was collected until it is dropped stays collected.
    pub fn watch<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let collector = self.clone();
        let mut future = Box::pin(future);
        poll_fn(move |cx| collector.run(|| future.as_mut().poll(cx)))
    }

    /// What was collected since it was last taken.
    pub fn take(&self) -> Vec<Violation> {
        std::mem::take(&mut self.found.lock())
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.found.lock().iter()).finish()
    }
}

thread_local! {
    static COLLECTOR: RefCell<Option<Collector>> = const { RefCell::new(None) };
}

struct Restore(Option<Collector>);

impl Drop for Restore {
    fn drop(&mut self) {
        COLLECTOR.set(self.0.take());
    }
}

/// Whether somebody collects the violations of this thread, and has this one now.
#[cfg(any(debug_assertions, feature = "enforce"))]
pub(crate) fn collect(violation: &Violation) -> bool {
    // Past the end of the thread nobody collects.
    let collector = COLLECTOR.try_with(|c| c.borrow().clone()).ok().flatten();
    collector.map(|collector| collector.found.lock().push(violation.clone())).is_some()
}
