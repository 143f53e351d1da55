//! What stands beside a lock: nothing, its key, or the place where it was made.
//!
//! A guard that owns its lock needs an `Arc` of the wrapped lock. Where that is all there is, the `Arc` of
//! ours is one already; where something stands beside it, safe code cannot get one from the middle of
//! another allocation, so there the wrapped lock has an allocation of its own, made when it is first used,
//! so that constructors are `const`.

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use crate::learned::{ByPlace, Learned, Placed};
use crate::{Class, Keyed, Rank, Unkeyed};

/// Where a lock type keeps the lock that it wraps.
pub(crate) type Cell<R, L> = <<R as Rank>::Keys as Keying>::Cell<L>;

/// What a guard that owns its lock keeps beside the wrapped guard.
pub(crate) type Keep<R, L> = <<R as Rank>::Keys as Keying>::Keep<L>;

/// The sealed half of [`Keying`](crate::Keying). An unkeyed lock is the wrapped lock and nothing else.
pub trait Keying {
    type Cell<L>;
    /// What tells a lock from others of its rank.
    type Name: Copy + Send + Sync;
    /// Keeps a lock as long as a guard that owns it: nothing where the guard itself does.
    type Keep<L>: Clone;
    const KEYED: bool;
    fn lock<L>(cell: &Self::Cell<L>) -> &L;
    fn lock_mut<L>(cell: &mut Self::Cell<L>) -> &mut L;
    fn into_lock<L>(cell: Self::Cell<L>) -> L;
    fn share<L>(cell: Arc<Self::Cell<L>>) -> (Arc<L>, Self::Keep<L>);
    fn name<L>(cell: &Self::Cell<L>) -> Self::Name;
    fn class<R: Rank>(name: Self::Name) -> &'static Class;
    fn key(name: Self::Name) -> u64;
}

/// A lock and what stands beside it.
pub struct Beside<N, L> {
    name: N,
    lock: Apart<L>,
}

impl<N, L> Beside<N, L> {
    pub(crate) const fn new(name: N, lock: L) -> Self {
        Self { name, lock: Apart::new(lock) }
    }
}

/// A value that has an allocation of its own once it was looked at.
struct Apart<L> {
    at_first: Mutex<Option<L>>,
    then: OnceLock<Arc<L>>,
}

impl<L> Apart<L> {
    const fn new(lock: L) -> Self {
        Self { at_first: parking_lot::const_mutex(Some(lock)), then: OnceLock::new() }
    }

    #[inline(always)]
    fn get(&self) -> &Arc<L> {
        match self.then.get() {
            Some(lock) => lock,
            None => self.move_out(),
        }
    }

    #[cold]
    fn move_out(&self) -> &Arc<L> {
        const ONCE: &str = "it is taken once, by the one initialiser that runs";
        self.then.get_or_init(|| Arc::new(self.at_first.lock().take().expect(ONCE)))
    }

    fn get_mut(&mut self) -> &mut L {
        const ALONE: &str =
            "owned guards keep the whole of it, and there are none beside this borrow";
        match self.then.get_mut() {
            Some(lock) => Arc::get_mut(lock).expect(ALONE),
            None => self.at_first.get_mut().as_mut().expect("it was not moved out yet"),
        }
    }

    fn into_inner(self) -> L {
        const ALONE: &str = "owned guards keep the whole of it, and this is the whole";
        match self.then.into_inner() {
            Some(lock) => Arc::into_inner(lock).expect(ALONE),
            None => self.at_first.into_inner().expect("it was not moved out yet"),
        }
    }
}

macro_rules! bare {
    () => {
        type Cell<L> = L;
        type Name = ();
        type Keep<L> = ();
        const KEYED: bool = false;

        #[inline(always)]
        fn lock<L>(cell: &L) -> &L {
            cell
        }

        fn lock_mut<L>(cell: &mut L) -> &mut L {
            cell
        }

        fn into_lock<L>(cell: L) -> L {
            cell
        }

        #[inline(always)]
        fn share<L>(cell: Arc<L>) -> (Arc<L>, ()) {
            (cell, ())
        }

        #[inline(always)]
        fn name<L>(_: &L) {}

        #[inline(always)]
        fn class<R: Rank>((): ()) -> &'static Class {
            R::class()
        }

        #[inline(always)]
        fn key((): ()) -> u64 {
            0
        }
    };
}

impl Keying for Unkeyed {
    bare!();
}

macro_rules! beside {
    ($cell:ty, $name:ty, $keyed:literal) => {
        type Cell<L> = Beside<$cell, L>;
        type Name = $name;
        type Keep<L> = Arc<Self::Cell<L>>;
        const KEYED: bool = $keyed;

        #[inline(always)]
        fn lock<L>(cell: &Self::Cell<L>) -> &L {
            cell.lock.get()
        }

        fn lock_mut<L>(cell: &mut Self::Cell<L>) -> &mut L {
            cell.lock.get_mut()
        }

        fn into_lock<L>(cell: Self::Cell<L>) -> L {
            cell.lock.into_inner()
        }

        #[inline(always)]
        fn share<L>(cell: Arc<Self::Cell<L>>) -> (Arc<L>, Self::Keep<L>) {
            (Arc::clone(cell.lock.get()), cell)
        }
    };
}

impl Keying for Keyed {
    beside!(u64, u64, true);

    #[inline(always)]
    fn name<L>(cell: &Self::Cell<L>) -> u64 {
        cell.name
    }

    #[inline(always)]
    fn class<R: Rank>(_: u64) -> &'static Class {
        R::class()
    }

    #[inline(always)]
    fn key(key: u64) -> u64 {
        key
    }
}

/// With checks on, the place stands beside the lock.
#[cfg(any(debug_assertions, feature = "enforce"))]
impl Keying for ByPlace {
    beside!(Placed, &'static Class, false);

    #[inline(always)]
    fn name<L>(cell: &Self::Cell<L>) -> &'static Class {
        cell.name.class()
    }

    #[inline(always)]
    fn class<R: Rank>(class: &'static Class) -> &'static Class {
        class
    }

    #[inline(always)]
    fn key(_: &'static Class) -> u64 {
        0
    }
}

/// With checks off, nobody asks where it was made.
#[cfg(not(any(debug_assertions, feature = "enforce")))]
impl Keying for ByPlace {
    bare!();
}

/// The cell of a lock without a rank.
#[cfg(any(debug_assertions, feature = "enforce"))]
pub(crate) const fn placed<L>(place: Placed, lock: L) -> Cell<Learned, L> {
    Beside::new(place, lock)
}

/// The cell of a lock without a rank.
#[cfg(not(any(debug_assertions, feature = "enforce")))]
pub(crate) const fn placed<L>(_: Placed, lock: L) -> Cell<Learned, L> {
    lock
}
