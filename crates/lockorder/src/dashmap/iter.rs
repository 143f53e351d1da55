use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::Arc;

use crate::checker::Held;
use crate::report::Site;
use crate::{Mode, Rank};

/// The entries of a [`DashMap`](super::DashMap): a held lock, as long as it or one of its items lives.
///
/// It waits for one shard after the other, so what was locked since it began is checked with each step.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Scores = "scores" } } }
/// # use lockorder::dashmap::DashMap;
/// let scores: DashMap<Scores, &str, u32> = [("ann", 3), ("bob", 4)].into_iter().collect();
/// let mut total = 0;
/// for entry in scores.iter() {
///     total += *entry;
/// }
/// assert_eq!((total, scores.len()), (7, 2)); // the iterator is gone: the map may be used again
/// ```
#[clippy::has_significant_drop]
#[must_use = "iterators do nothing unless consumed"]
pub struct Iter<'a, R: Rank, K, V, S = RandomState> {
    inner: dashmap::iter::Iter<'a, K, V, S>,
    held: Arc<Held>,
    site: Site,
    rank: PhantomData<fn() -> R>,
}

/// The entries of a [`DashMap`](super::DashMap), to change their values: see [`Iter`].
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Scores = "scores" } } }
/// # use lockorder::dashmap::DashMap;
/// let scores: DashMap<Scores, &str, u32> = [("ann", 3), ("bob", 4)].into_iter().collect();
/// for mut entry in scores.iter_mut() {
///     *entry += 1;
/// }
/// assert_eq!(scores.remove("ann"), Some(("ann", 4)));
/// ```
#[clippy::has_significant_drop]
#[must_use = "iterators do nothing unless consumed"]
pub struct IterMut<'a, R: Rank, K, V, S = RandomState> {
    inner: dashmap::iter::IterMut<'a, K, V, S>,
    held: Arc<Held>,
    site: Site,
    rank: PhantomData<fn() -> R>,
}

/// An entry that an [`Iter`] came by.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Scores = "scores" } } }
/// # use lockorder::dashmap::DashMap;
/// let scores: DashMap<Scores, &str, u32> = [("ann", 3), ("bob", 4)].into_iter().collect();
/// if let Some(best) = scores.iter().max_by_key(|entry| *entry.value()) {
///     assert_eq!(best.pair(), (&"bob", &4)); // the map is locked until here
/// }
/// ```
#[clippy::has_significant_drop]
pub struct RefMulti<'a, R: Rank, K, V> {
    inner: dashmap::mapref::multiple::RefMulti<'a, K, V>,
    #[expect(dead_code, reason = "held for its drop, after the lock itself is released")]
    held: Arc<Held>,
    rank: PhantomData<fn() -> R>,
}

/// An entry that an [`IterMut`] came by.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Scores = "scores" } } }
/// # use lockorder::dashmap::DashMap;
/// let scores: DashMap<Scores, &str, u32> = [("ann", 3), ("bob", 4)].into_iter().collect();
/// for mut entry in scores.iter_mut().filter(|entry| *entry.key() == "ann") {
///     *entry.value_mut() = 5;
/// }
/// assert_eq!(scores.view("ann", |_, score| *score), Some(5));
/// ```
#[clippy::has_significant_drop]
pub struct RefMutMulti<'a, R: Rank, K, V> {
    inner: dashmap::mapref::multiple::RefMutMulti<'a, K, V>,
    #[expect(dead_code, reason = "held for its drop, after the lock itself is released")]
    held: Arc<Held>,
    rank: PhantomData<fn() -> R>,
}

macro_rules! iter {
    ($iter:ident => $item:ident, $mode:ident) => {
        impl<'a, R: Rank, K, V, S> $iter<'a, R, K, V, S> {
            #[track_caller]
            pub(super) fn new(inner: dashmap::iter::$iter<'a, K, V, S>, held: Held) -> Self {
                let site = Location::caller();
                Self { inner, held: Arc::new(held), site, rank: PhantomData }
            }
        }

        impl<'a, R: Rank, K: Eq + Hash, V, S: BuildHasher + Clone> Iterator
            for $iter<'a, R, K, V, S>
        {
            type Item = $item<'a, R, K, V>;

            fn next(&mut self) -> Option<Self::Item> {
                let _blocked = self.held.check_change(Mode::$mode, self.site);
                let inner = self.inner.next()?;
                Some($item { inner, held: Arc::clone(&self.held), rank: PhantomData })
            }
        }

        impl<R: Rank, K, V, S> fmt::Debug for $iter<'_, R, K, V, S> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($iter)).finish_non_exhaustive()
            }
        }

        impl<R: Rank, K: Eq + Hash, V> $item<'_, R, K, V> {
            /// The key.
            pub fn key(&self) -> &K {
                self.inner.key()
            }

            /// The value.
            pub fn value(&self) -> &V {
                self.inner.value()
            }

            /// The key and the value.
            pub fn pair(&self) -> (&K, &V) {
                self.inner.pair()
            }
        }

        impl<R: Rank, K: Eq + Hash, V> Deref for $item<'_, R, K, V> {
            type Target = V;

            fn deref(&self) -> &V {
                self.inner.value()
            }
        }

        impl<R: Rank, K: Eq + Hash + fmt::Debug, V: fmt::Debug> fmt::Debug for $item<'_, R, K, V> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.pair().fmt(f)
            }
        }
    };
}
iter!(Iter => RefMulti, Shared);
iter!(IterMut => RefMutMulti, Exclusive);

impl<R: Rank, K: Eq + Hash, V> RefMutMulti<'_, R, K, V> {
    /// The value, to change it.
    pub fn value_mut(&mut self) -> &mut V {
        self.inner.value_mut()
    }
}

impl<R: Rank, K: Eq + Hash, V> DerefMut for RefMutMulti<'_, R, K, V> {
    fn deref_mut(&mut self) -> &mut V {
        self.inner.value_mut()
    }
}
