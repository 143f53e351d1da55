//! The order of two locks, checked when the program is compiled.

use crate::Rank;

/// A lock, or a guard of one, whose rank its type says: what `guard.then(&lock)` works with.
///
/// ```
/// lockorder::hierarchy! {
///     App { level 1 { Config = "config" } level 2 { Cache = "cache" } }
/// }
/// use lockorder::Mutex;
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
/// use lockorder::Mutex;
///
/// let (config, cache) = (Mutex::<Config, _>::new(1), Mutex::<Cache, _>::new(2));
/// let cache = cache.lock();
/// let config = cache.then(&config).lock();
/// ```
pub trait Ranked {
    /// The rank.
    type Rank: Rank;
}

/// Refuses to compile unless a lock of rank `Inner` may be taken under one of rank `Outer`. Locks of one
/// keyed rank may, in the order of their keys, which is known at run time only.
pub(crate) const fn assert_follows<Outer: Rank, Inner: Rank>() {
    let keyed = <Inner::Keys as crate::cell::Keying>::KEYED;
    assert!(
        Outer::POSITION < Inner::POSITION || (keyed && Outer::POSITION == Inner::POSITION),
        "the lock that is to be taken next comes before the one that is held: take it first"
    );
}
