//! Why a lock was not acquired.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::report::{Acquisition, HeldLock};

/// A timed acquisition that did not get its lock, or a semaphore that was closed.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Cache = "cache" } } }
/// use std::time::Duration;
///
/// use lockorder::{AcquireError, Mutex};
///
/// let cache = Mutex::<Cache, _>::new(0);
/// let held = cache.lock();
/// let error = std::thread::scope(|s| {
///     s.spawn(|| cache.lock_within(Duration::from_millis(1)).unwrap_err()).join().unwrap()
/// });
/// // no lock within 1ms: cache (level 1), exclusive, at ..; held by thread main since ..
/// println!("{error}");
/// let AcquireError::TimedOut(situation) = error else { panic!("it was held") };
/// assert_eq!(situation.holders.len(), usize::from(lockorder::ENFORCING));
/// # drop(held);
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum AcquireError {
    /// The lock did not come free in time.
    TimedOut(Box<TimedOut>),
    /// The semaphore was closed: it hands out no permit any more.
    Closed(Box<Acquisition>),
}

impl AcquireError {
    /// The lock that was asked for.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Cache = "cache" } } }
    /// # use std::time::Duration;
    /// # use lockorder::Mutex;
    /// let cache = Mutex::<Cache, _>::new(0);
    /// let guard = cache.lock();
    /// let wait = || cache.lock_within(Duration::from_millis(1)).unwrap_err();
    /// let error = std::thread::scope(|s| s.spawn(wait).join().unwrap());
    /// assert_eq!(error.wanted().class.name(), "cache");
    /// # drop(guard);
    /// ```
    pub fn wanted(&self) -> &Acquisition {
        match self {
            Self::TimedOut(timed_out) => &timed_out.wanted,
            Self::Closed(wanted) => wanted,
        }
    }

    /// The situation at the time-out, if this is one.
    pub fn timed_out(&self) -> Option<&TimedOut> {
        match self {
            Self::TimedOut(timed_out) => Some(timed_out),
            Self::Closed(_) => None,
        }
    }
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut(timed_out) => timed_out.fmt(f),
            Self::Closed(wanted) => write!(f, "the semaphore is closed: {wanted}"),
        }
    }
}

impl Error for AcquireError {}

/// The situation when a wait ended without its lock.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Cache = "cache" } } }
/// # use std::time::Duration;
/// # use lockorder::Mutex;
/// let cache = Mutex::<Cache, _>::new(0);
/// let guard = cache.lock();
/// let wait = || cache.lock_within(Duration::from_millis(1)).unwrap_err();
/// let error = std::thread::scope(|s| s.spawn(wait).join().unwrap());
/// if let Some(timed_out) = error.timed_out() {
///     for held in &timed_out.holders {
///         println!("{} since {}", held.holder, held.lock.site); // thread main since ..
///     }
/// }
/// # drop(guard);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TimedOut {
    /// The lock that was asked for.
    pub wanted: Acquisition,
    /// How long the caller waited.
    pub waited: Duration,
    /// Who held it when the wait ended. Empty with checks off, when nothing is recorded.
    pub holders: Vec<HeldLock>,
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no lock within {:?}: {}", self.waited, self.wanted)?;
        self.holders.iter().enumerate().try_for_each(|(i, h)| {
            let lead = if i == 0 { "; held by" } else { ", by" };
            write!(f, "{lead} {} since {}", h.holder, h.lock.site)?;
            match h.lock.held_for {
                Some(held_for) => write!(f, " ({held_for:?} ago)"),
                None => Ok(()),
            }
        })
    }
}
