//! What reports are made of: one lock as somebody took it or wants it, and who that is.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::Class;

/// A place in the source.
pub(crate) type Site = &'static Location<'static>;

/// How a lock is taken.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Config = "config" } } }
/// use lockorder::{Mode, RwLock};
///
/// let config = RwLock::<Config, _>::new(1);
/// let reader = config.read();
/// for held in lockorder::snapshot() {
///     assert_eq!(held.lock.mode, Mode::Shared);
/// }
/// assert_eq!(Mode::Permits(3).to_string(), "3 permits"); // as in reports
/// # drop(reader);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// A mutex, or the write side of a read-write lock.
    Exclusive,
    /// The read side of a read-write lock.
    Shared,
    /// The read side of a read-write lock, past writers that wait if it is read already.
    Recursive,
    /// The side of a read-write lock that lets readers in beside it, and may become its write side.
    Upgradable,
    /// So many permits of a semaphore.
    Permits(u32),
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exclusive => f.write_str("exclusive"),
            Self::Shared => f.write_str("shared"),
            Self::Recursive => f.write_str("shared, recursive"),
            Self::Upgradable => f.write_str("upgradable"),
            Self::Permits(1) => f.write_str("1 permit"),
            Self::Permits(n) => write!(f, "{n} permits"),
        }
    }
}

/// One lock, as it is held or wanted.
///
/// ```
/// # lockorder::hierarchy! { Bank { level 1 { Account = "account" [keyed] } } }
/// let account = lockorder::Mutex::<Account, _>::keyed(7, 100);
/// let guard = account.lock();
/// for held in lockorder::snapshot() {
///     let lock = held.lock;
///     assert_eq!((lock.class.name(), lock.key), ("account", Some(7)));
///     println!("{lock}"); // account (level 1), key 7, exclusive, at src/main.rs:2:21
/// }
/// # drop(guard);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Acquisition {
    /// The class of the lock.
    pub class: &'static Class,
    /// Its key, where the class is keyed.
    pub key: Option<u64>,
    /// The address of the lock, which tells two locks of one class apart while both exist; 0 for a foreign
    /// lock of which nobody said it.
    pub instance: usize,
    /// How it is taken.
    pub mode: Mode,
    /// Where the program asked for it.
    pub site: &'static Location<'static>,
    /// For how long it has been held. `None` where nobody measured: nothing listened to lock events at
    /// DEBUG when it was taken.
    pub held_for: Option<Duration>,
}

impl Acquisition {
    /// Whether this is the same lock, taken another time, as far as that is known.
    pub fn is_same_lock(&self, other: &Self) -> bool {
        self.instance != 0 && self.instance == other.instance && self.class == other.class
    }
}

impl fmt::Display for Acquisition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.class)?;
        if let Some(key) = self.key {
            write!(f, ", key {key}")?;
        }
        write!(f, ", {}, at {}", self.mode, self.site)
    }
}

/// Who holds a lock or wants one.
///
/// A blocking lock is held by a thread, an async one by a task, by a branch of a task, or by the future
/// that a thread drives itself (a `block_on` root).
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Config = "config" } } }
/// let config = lockorder::Mutex::<Config, _>::new(1);
/// let guard = config.lock();
/// for held in lockorder::snapshot() {
///     assert!(held.holder.thread.is_some() && held.holder.task.is_none());
///     println!("{}", held.holder); // thread main
/// }
/// # drop(guard);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The thread, by name or number: the holder of a blocking lock, or the thread that asks. `None` for the
    /// async lock of a task, which has no thread of its own.
    pub thread: Option<String>,
    /// The number of the tokio task, as its `Id` prints it.
    pub task: Option<u64>,
    /// The number of the `branch` of a task.
    pub branch: Option<u64>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = [
            self.thread.as_ref().map(|t| format!("thread {t}")),
            self.task.map(|t| format!("task {t}")),
            self.branch.map(|b| format!("branch {b}")),
        ]
        .into_iter()
        .flatten();
        match parts.next() {
            None => f.write_str("unknown holder"),
            Some(first) => {
                f.write_str(&first)?;
                parts.try_for_each(|p| write!(f, ", {p}"))
            }
        }
    }
}

/// A lock that is held now, and by whom: a row of [`snapshot`](crate::snapshot).
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Config = "config" } } }
/// let config = lockorder::Mutex::<Config, _>::new(1);
/// let guard = config.lock();
/// for held in lockorder::snapshot() {
///     assert_eq!(held.lock.class.name(), "config");
///     println!("{} took it at {}", held.holder, held.lock.site);
/// }
/// # drop(guard);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HeldLock {
    /// The lock.
    pub lock: Acquisition,
    /// Its holder.
    pub holder: Holder,
}

impl fmt::Display for HeldLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} held by {}", self.lock, self.holder)?;
        match self.lock.held_for {
            Some(held_for) => write!(f, " for {held_for:?}"),
            None => Ok(()),
        }
    }
}
