use std::fmt;
use std::panic::Location;
use std::time::{Duration, Instant};

use crate::{MutexGuard, Rank};

/// A [`parking_lot::Condvar`] for ranked mutexes.
///
/// During the wait the mutex is not held, and what it comes back under is checked before the wait begins.
/// Waiting while another lock is held is a violation: whoever is to notify may need that lock.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Queue = "queue" } } }
/// use std::thread;
///
/// use lockorder::{Condvar, Mutex};
///
/// static QUEUE: Mutex<Queue, Vec<u32>> = Mutex::new(Vec::new());
/// static FILLED: Condvar = Condvar::new();
///
/// let producer = thread::spawn(|| {
///     QUEUE.lock().push(7);
///     FILLED.notify_one();
/// });
/// let mut queue = QUEUE.lock();
/// FILLED.wait_while(&mut queue, |queue| queue.is_empty());
/// assert_eq!(queue.pop(), Some(7));
/// # drop(queue);
/// # producer.join().unwrap();
/// ```
#[derive(Default)]
pub struct Condvar(parking_lot::Condvar);

impl Condvar {
    /// A condition variable that nobody waits for.
    pub const fn new() -> Self {
        Self(parking_lot::Condvar::new())
    }

    /// Wakes one of those who wait; true if there was one.
    ///
    /// ```
    /// use lockorder::Condvar;
    ///
    /// static FILLED: Condvar = Condvar::new();
    /// assert!(!FILLED.notify_one()); // nobody waits, and nobody will hear of it later
    /// ```
    pub fn notify_one(&self) -> bool {
        self.0.notify_one()
    }

    /// Wakes all who wait, and says how many.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Ready = "ready" } } }
    /// # use std::thread;
    /// use lockorder::{Condvar, Mutex};
    ///
    /// static READY: (Mutex<Ready, bool>, Condvar) = (Mutex::new(false), Condvar::new());
    ///
    /// let wait = || READY.1.wait_while(&mut READY.0.lock(), |ready| !*ready);
    /// let waiters = [thread::spawn(wait), thread::spawn(wait)];
    /// *READY.0.lock() = true;
    /// READY.1.notify_all();
    /// for waiter in waiters {
    ///     waiter.join().unwrap();
    /// }
    /// ```
    pub fn notify_all(&self) -> usize {
        self.0.notify_all()
    }

    /// Waits to be notified. May wake without that, so [`wait_while`](Self::wait_while) is better.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Queue = "queue" } } }
    /// # use lockorder::{Condvar, Mutex};
    /// # static QUEUE: Mutex<Queue, Vec<u32>> = Mutex::new(Vec::new());
    /// # static FILLED: Condvar = Condvar::new();
    /// # let producer = std::thread::spawn(|| {
    /// #     QUEUE.lock().push(7);
    /// #     FILLED.notify_one();
    /// # });
    /// let mut queue = QUEUE.lock();
    /// while queue.is_empty() {
    ///     FILLED.wait(&mut queue); // others may lock the queue meanwhile
    /// }
    /// assert_eq!(queue.pop(), Some(7));
    /// # drop(queue);
    /// # producer.join().unwrap();
    /// ```
    ///
    /// # Panics
    /// If the wait could deadlock and the [`Policy`](crate::Policy) is `Panic`.
    #[track_caller]
    pub fn wait<R: Rank, T: ?Sized>(&self, guard: &mut MutexGuard<'_, R, T>) {
        let (inner, held) = guard.parts();
        held.wait(Location::caller(), || self.0.wait(inner));
    }

    /// Waits to be notified, for `limit` at most.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Queue = "queue" } } }
    /// # use std::time::Duration;
    /// # use lockorder::{Condvar, Mutex};
    /// let (queue, filled) = (Mutex::<Queue, Vec<u32>>::new(vec![]), Condvar::new());
    /// let mut queue = queue.lock();
    /// if filled.wait_for(&mut queue, Duration::from_millis(1)).timed_out() {
    ///     queue.push(0); // the mutex is locked again, timed out or not
    /// }
    /// assert_eq!(queue.len(), 1);
    /// ```
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_for<R: Rank, T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, R, T>,
        limit: Duration,
    ) -> WaitTimeoutResult {
        let (inner, held) = guard.parts();
        held.wait(Location::caller(), || self.0.wait_for(inner, limit)).into()
    }

    /// Waits to be notified, until a point in time.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_until<R: Rank, T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, R, T>,
        end: Instant,
    ) -> WaitTimeoutResult {
        let (inner, held) = guard.parts();
        held.wait(Location::caller(), || self.0.wait_until(inner, end)).into()
    }

    /// Waits as long as `condition` says so.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_while<R: Rank, T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, R, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) {
        while condition(guard) {
            self.wait(guard);
        }
    }

    /// Waits as long as `condition` says so, for `limit` at most.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Queue = "queue" } } }
    /// # use std::time::Duration;
    /// # use lockorder::{Condvar, Mutex};
    /// let (queue, filled) = (Mutex::<Queue, _>::new(vec![7]), Condvar::new());
    /// let limit = Duration::from_millis(1);
    /// let mut queue = queue.lock();
    /// assert!(!filled.wait_while_for(&mut queue, |queue| queue.is_empty(), limit).timed_out());
    /// assert_eq!(queue.pop(), Some(7));
    /// assert!(filled.wait_while_for(&mut queue, |queue| queue.is_empty(), limit).timed_out());
    /// ```
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_while_for<R: Rank, T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, R, T>,
        mut condition: impl FnMut(&mut T) -> bool,
        limit: Duration,
    ) -> WaitTimeoutResult {
        let start = Instant::now();
        while condition(guard) {
            if self.wait_for(guard, limit.saturating_sub(start.elapsed())).timed_out() {
                return WaitTimeoutResult(condition(guard));
            }
        }
        WaitTimeoutResult(false)
    }
}

/// Whether a wait for a [`Condvar`] ended because its time was over.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Queue = "queue" } } }
/// # use lockorder::{Condvar, Mutex};
/// use std::time::Duration;
///
/// let (queue, filled) = (Mutex::<Queue, Vec<u32>>::new(vec![]), Condvar::new());
/// let mut queue = queue.lock();
/// let waited = filled.wait_for(&mut queue, Duration::from_millis(1));
/// assert!(waited.timed_out()); // nobody pushed anything
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether it did.
    pub fn timed_out(self) -> bool {
        self.0
    }
}

impl From<parking_lot::WaitTimeoutResult> for WaitTimeoutResult {
    fn from(result: parking_lot::WaitTimeoutResult) -> Self {
        Self(result.timed_out())
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
