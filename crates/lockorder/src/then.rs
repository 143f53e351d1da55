//! The order of two locks, checked when the program is compiled.

use crate::Rank;

/// A lock, or a guard of one, whose rank its type says.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Config = "config" } level 2 { Cache = "cache" } } }
/// use lockorder::{Mutex, Rank, Ranked};
///
/// fn level<L: Ranked>(_: &L) -> u32 {
///     L::Rank::class().level()
/// }
///
/// let cache = Mutex::<Cache, _>::new(0);
/// assert_eq!(level(&cache), 2);
/// assert_eq!(level(&cache.lock()), 2);
/// ```
pub trait Ranked {
    /// The rank.
    type Rank: Rank;
}

/// Names the lock to be taken next, under a guard, so that their order is checked when the program is
/// compiled. What else is held is checked at run time as always.
///
/// ```
/// lockorder::hierarchy! {
///     App { level 1 { Config = "config" } level 2 { Cache = "cache" } }
/// }
/// use lockorder::{Mutex, Then};
///
/// let (config, cache) = (Mutex::<Config, _>::new(1), Mutex::<Cache, _>::new(2));
/// let config = config.lock();
/// let cache = config.then(&cache).lock(); // the other way round does not compile
/// assert_eq!(*config + *cache, 3);
/// ```
///
/// ```compile_fail
/// lockorder::hierarchy! {
///     App { level 1 { Config = "config" } level 2 { Cache = "cache" } }
/// }
/// use lockorder::{Mutex, Then};
///
/// let (config, cache) = (Mutex::<Config, _>::new(1), Mutex::<Cache, _>::new(2));
/// let cache = cache.lock();
/// let config = cache.then(&config).lock();
/// ```
///
/// Guards and permits have it; a lock that nobody holds does not.
pub trait Then: Ranked {
    /// The lock to be taken next, under this one.
    fn then<'a, L: Ranked>(&self, lock: &'a L) -> &'a L
    where
        L::Rank: Rank<Hierarchy = <Self::Rank as Rank>::Hierarchy>,
    {
        const {
            assert_follows::<Self::Rank, L::Rank>();
        }
        lock
    }
}

/// Refuses to compile unless a lock of rank `Inner` may be taken under one of rank `Outer`. Locks of one
/// keyed rank may, in the order of their keys, which is known at run time only.
const fn assert_follows<Outer: Rank, Inner: Rank>() {
    let keyed = <Inner::Keys as crate::cell::Keying>::KEYED;
    assert!(
        Outer::POSITION < Inner::POSITION || (keyed && Outer::POSITION == Inner::POSITION),
        "the lock that is to be taken next comes before the one that is held: take it first"
    );
}
