//! Locks without a declared rank, for programs that adopt the order step by step.
//!
//! Each type is the one of the same name, with a class that is the place where the lock was made, or a name
//! that it was given there. Their order is *learned*: the first time that one is taken while another is
//! held decides, and taking them the other way round, directly or over any number of others, is a
//! violation from then on. They count in the same held set as locks with ranks, so that one can follow
//! another.
//!
//! ```
//! use lockorder::learned::Mutex; // instead of parking_lot's: nothing else changes
//!
//! static ROUTES: Mutex<Vec<u32>> = Mutex::new(Vec::new());
//! let peers = Mutex::named("peers", 0);
//!
//! let mut routes = ROUTES.lock();
//! *peers.lock() += 1; // learned: first ROUTES, then peers
//! routes.push(1);
//! ```
//!
//! # When not to
//!
//! What was never taken together in a run is not known, so a test run that misses a path misses its order.
//! A declared [`hierarchy!`](crate::hierarchy) knows it beforehand. Two locks of one place are one class, as
//! two of one rank are: where a program holds two of them at once, they need a keyed rank.
//!
//! The place is where `new` is called. `#[derive(Default)]` calls it for all fields in one place, so give
//! those names; and `.map(Mutex::new)` and `collect` call it inside the standard library, where it says nothing: such a
//! lock is only checked against itself and against ranks. Write `.map(|value| Mutex::new(value))`.
//!
//! With checks off they are the plain locks, and know neither place nor name: their time-outs say
//! `unnamed (learned)`.

mod blocking;
#[cfg(feature = "dashmap")]
pub mod dashmap;
mod lazy;
mod place;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use blocking::{
    FairMutex, FairMutexGuard, MappedMutexGuard, Mutex, MutexGuard, OnceCell, ReentrantMutex,
    ReentrantMutexGuard, RwLock, RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard,
};
pub use lazy::Lazy;
pub(crate) use place::Placed;

pub use crate::Condvar;
use crate::class::{Class, Hierarchy, Keying, Rank, Table, table};

/// The rank of locks without one. Their class is where they were made.
///
/// ```
/// use lockorder::{Policy, learned::Learned};
///
/// // What was learned may be an accident of this run: log it, and stop for what is declared.
/// lockorder::set_policy_of::<Learned>(Some(Policy::Log));
/// # lockorder::set_policy_of::<Learned>(None);
/// ```
#[derive(Debug)]
pub enum Learned {}

/// Locks are told apart by the place where they were made.
///
/// ```
/// use lockorder::{learned::Mutex, testing::violations};
///
/// let [a, b] = [1, 2].map(|value| Mutex::new(value)); // one place: one class
/// let c = Mutex::new(3); // another
/// assert!(violations(|| drop((a.lock(), c.lock()))).is_empty());
/// let found = violations(|| drop((a.lock(), b.lock())));
/// assert_eq!(found.len(), usize::from(lockorder::ENFORCING));
/// ```
#[derive(Debug)]
pub enum ByPlace {}

impl Keying for ByPlace {}

impl Rank for Learned {
    type Hierarchy = Self;
    type Keys = ByPlace;
    const POSITION: u32 = 0;

    fn class() -> &'static Class {
        &CLASSES[0]
    }
}

impl Hierarchy for Learned {
    fn table() -> &'static Table {
        &TABLE
    }
}

/// The class of all locks without a rank that have this name: for a foreign lock, see
/// [`Request`](crate::Request).
///
/// ```
/// let held = lockorder::Held::acquire(lockorder::learned::class("disk"), 0);
/// # drop(held);
/// ```
pub fn class(name: &'static str) -> &'static Class {
    #[cfg(any(debug_assertions, feature = "enforce"))]
    return place::named(name);
    #[cfg(not(any(debug_assertions, feature = "enforce")))]
    {
        let _ = name;
        Learned::class()
    }
}

/// Stands for all of them where nobody asks for one.
static TABLE: Table = table::undeclared("learned", CLASSES);
const ROWS: &[table::Row] =
    &[table::Row { name: "unnamed", level: 0, docs: "Any lock without a rank.", keyed: false }];
static CLASSES: &[Class] = &[table::class(ROWS, 0, &TABLE)];

/// Declares a type around the ranked one, which it derefs to.
macro_rules! learned {
    ($(#[$meta:meta])* $lock:ident<T> of $($ranked:ident)::+) => {
        learned!(@type $(#[$meta])* $lock [<T>] [<T: std::fmt::Debug>] $($ranked)::+<Learned, T>);

        impl<T> $lock<T> {
            /// A lock whose class is the place of this call.
            #[track_caller]
            pub const fn new(value: T) -> Self {
                Self($($ranked)::+::unranked(Placed::at(std::panic::Location::caller()), value))
            }

            /// A lock whose class is that of all locks of this name.
            pub const fn named(name: &'static str, value: T) -> Self {
                Self($($ranked)::+::unranked(Placed::named(name), value))
            }

            /// Takes the lock apart.
            pub fn into_inner(self) -> T {
                self.0.into_inner()
            }
        }

        impl<T: Default> Default for $lock<T> {
            #[track_caller]
            fn default() -> Self {
                Self::new(T::default())
            }
        }

        impl<T> From<T> for $lock<T> {
            #[track_caller]
            fn from(value: T) -> Self {
                Self::new(value)
            }
        }
    };
    ($(#[$meta:meta])* cell $lock:ident<T> of $($ranked:ident)::+) => {
        learned!(@type $(#[$meta])* $lock [<T>] [<T: std::fmt::Debug>] $($ranked)::+<Learned, T>);

        impl<T> $lock<T> {
            /// An empty cell whose class is the place of this call.
            #[track_caller]
            pub const fn new() -> Self {
                Self($($ranked)::+::unranked(Placed::at(std::panic::Location::caller())))
            }

            /// An empty cell whose class is that of all locks of this name.
            pub const fn named(name: &'static str) -> Self {
                Self($($ranked)::+::unranked(Placed::named(name)))
            }

            /// Takes the cell apart.
            pub fn into_inner(self) -> Option<T> {
                self.0.into_inner()
            }
        }

        impl<T> Default for $lock<T> {
            #[track_caller]
            fn default() -> Self {
                Self::new()
            }
        }
    };
    (@type $(#[$meta:meta])* $lock:ident [$($param:tt)*] [$($debug:tt)*] $ranked:ty) => {
        $(#[$meta])*
        #[derive(bytemuck::TransparentWrapper)]
        #[repr(transparent)]
        pub struct $lock $($param)* ($ranked);

        impl $($param)* std::ops::Deref for $lock $($param)* {
            type Target = $ranked;

            #[inline(always)]
            fn deref(&self) -> &$ranked {
                &self.0
            }
        }

        impl $($param)* std::ops::DerefMut for $lock $($param)* {
            fn deref_mut(&mut self) -> &mut $ranked {
                &mut self.0
            }
        }

        impl $($debug)* std::fmt::Debug for $lock $($param)* {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}
use learned;
