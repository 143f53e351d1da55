//! The way in for locks that this crate does not know.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::ask::{Ask, Keeper};
use crate::checker::{self, Asked};
use crate::{AcquireError, Class, Mode};

/// A lock of a type that this crate does not know, on the record as held by the caller until it is dropped,
/// wherever that is.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Disk = "disk" } } }
/// use lockorder::{Held, Rank};
///
/// struct DiskGuard<'a> {
///     _lock: std::sync::MutexGuard<'a, ()>, // dropped first
///     _held: Held,
/// }
///
/// fn lock(disk: &std::sync::Mutex<()>) -> DiskGuard<'_> {
///     let held = Held::acquire(Disk::class(), 0);
///     DiskGuard { _lock: disk.lock().unwrap(), _held: held }
/// }
/// # drop(lock(&std::sync::Mutex::new(())));
/// ```
///
/// [`Request`] says more: which lock of the class it is, how it is taken, by whom, and that it is waited for
/// before it is held.
#[must_use = "dropping it says that the lock is released"]
pub struct Held {
    #[expect(dead_code, reason = "held for its drop")]
    held: checker::Held,
}

impl Held {
    /// Checks an acquisition by this thread and records it at once. `key` counts if the class is keyed.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Disk = "disk" } level 2 { Cache = "cache" } } }
    /// use lockorder::{Held, Mutex, Rank, testing::violations};
    ///
    /// let cache = Mutex::<Cache, _>::new(0);
    /// let found = violations(|| {
    ///     let _cache = cache.lock();
    ///     let _disk = Held::acquire(Disk::class(), 0); // before the disk is locked
    /// });
    /// assert_eq!(found.len(), usize::from(lockorder::ENFORCING));
    /// ```
    ///
    /// # Panics
    /// If the acquisition could deadlock and the [`Policy`](crate::Policy) is `Panic`.
    #[track_caller]
    pub fn acquire(class: &'static Class, key: u64) -> Self {
        Request::new(class).key(key).check().hold()
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

/// An acquisition of a lock that this crate does not know, before it happens.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Disk = "disk" [keyed] } } }
/// use lockorder::{Mode, Rank, Request};
///
/// let disk = std::sync::RwLock::new(7);
/// let request = Request::new(Disk::class()).key(3).of(&disk).mode(Mode::Shared);
/// let granted = request.check(); // reported here if it could deadlock
/// let guard = disk.read().unwrap();
/// let held = granted.hold(); // and on the record from here on
/// assert_eq!(*guard, 7);
/// drop((guard, held));
/// ```
#[derive(Clone, Copy)]
#[must_use = "a request does nothing until it is checked"]
pub struct Request {
    ask: Ask,
}

impl Request {
    /// Asks for exclusive access to a lock of a class, in the name of this thread.
    #[track_caller]
    pub fn new(class: &'static Class) -> Self {
        let site = Location::caller();
        let (key, instance, mode, keeper) = (0, 0, Mode::Exclusive, Keeper::Thread);
        Self { ask: Ask { class, key, instance, mode, site, keeper } }
    }

    /// The key of the lock, if its class is keyed.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Disk = "disk" [keyed] } } }
    /// use lockorder::{Rank, Request};
    ///
    /// let lock = |n| Request::new(Disk::class()).key(n).check().hold();
    /// let (first, second) = (lock(1), lock(2)); // the other way round is a violation
    /// # drop((first, second));
    /// ```
    pub fn key(mut self, key: u64) -> Self {
        self.ask.key = key;
        self
    }

    /// Which lock it is: its address tells it from others of its class.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Disk = "disk" } } }
    /// # use lockorder::{Rank, Request, ViolationKind, testing::violations};
    /// let disk = std::sync::Mutex::new(0);
    /// let request = Request::new(Disk::class()).of(&disk);
    /// let held = request.check().hold();
    /// let found = violations(|| drop(request.check().hold()));
    /// # if lockorder::ENFORCING {
    /// assert_eq!(found[0].kind, ViolationKind::SameLock); // not just another of its class
    /// # }
    /// # drop(held);
    /// ```
    pub fn of<L: ?Sized>(mut self, lock: &L) -> Self {
        self.ask.instance = std::ptr::from_ref(lock).addr();
        self
    }

    /// How the lock is taken.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Disk = "disk" } } }
    /// # use lockorder::{Mode, Rank, Request};
    /// let held = Request::new(Disk::class()).mode(Mode::Shared).check().hold();
    /// for held in lockorder::snapshot() {
    ///     println!("{held}"); // disk (level 1), shared, at src/main.rs:1:12 held by thread main
    /// }
    /// # drop(held);
    /// ```
    pub fn mode(mut self, mode: Mode) -> Self {
        self.ask.mode = mode;
        self
    }

    /// Asks in the name of the task or [`branch`](crate::branch): for an async lock.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Disk = "disk" } } }
    /// # use lockorder::{Rank, Request};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let held = Request::new(Disk::class()).by_task().check().hold();
    /// tokio::task::yield_now().await; // an async lock may be held here
    /// drop(held);
    /// # }
    /// ```
    #[cfg(feature = "tokio")]
    pub fn by_task(mut self) -> Self {
        self.ask.keeper = Keeper::Task;
        self
    }

    /// Checks the acquisition; to be called before it can block.
    ///
    /// # Panics
    /// If it could deadlock and the [`Policy`](crate::Policy) is `Panic`.
    pub fn check(self) -> Checked {
        Checked { ask: self.ask, asked: self.ask.check() }
    }

    /// Records a lock that was only tried: it could not block, so nothing is checked.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Disk = "disk" } } }
    /// # use lockorder::{Rank, Request};
    /// let disk = std::sync::Mutex::new(7);
    /// if let Ok(guard) = disk.try_lock() {
    ///     let held = Request::new(Disk::class()).of(&disk).tried();
    ///     assert_eq!(*guard, 7);
    ///     drop((guard, held)); // the lock first
    /// }
    /// ```
    pub fn tried(self) -> Held {
        Held { held: self.ask.hold_tried() }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ask.wanted().fmt(f)
    }
}

/// A [`Request`] that was checked: its lock may be waited for.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Disk = "disk" } } }
/// use lockorder::{Rank, Request};
///
/// let disk = std::sync::Mutex::new(7);
/// let checked = Request::new(Disk::class()).of(&disk).check();
/// let guard = disk.lock().unwrap(); // however long it takes
/// let held = checked.hold();
/// assert_eq!(*guard, 7);
/// drop((guard, held));
/// ```
#[must_use = "say that the lock is held, or that it timed out"]
pub struct Checked {
    ask: Ask,
    asked: Asked,
}

impl Checked {
    /// Records the lock, which the caller has by now.
    pub fn hold(self) -> Held {
        Held { held: self.ask.hold(self.asked) }
    }

    /// The error of a wait that ended without the lock, with who holds it, and its WARN event.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Disk = "disk" } } }
    /// # use std::time::Duration;
    /// # use lockorder::{Rank, Request};
    /// # let disk = std::sync::Mutex::new(7);
    /// let checked = Request::new(Disk::class()).of(&disk).check();
    /// // .. three seconds in vain ..
    /// let error = checked.timed_out(Duration::from_secs(3));
    /// println!("{error}"); // no lock within 3s: disk (level 1), exclusive, at ..
    /// # assert_eq!(error.wanted().class.name(), "disk");
    /// ```
    pub fn timed_out(self, waited: Duration) -> AcquireError {
        self.ask.timed_out(waited)
    }
}

impl fmt::Debug for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ask.wanted().fmt(f)
    }
}
