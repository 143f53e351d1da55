//! The map without a rank.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::ops::{Deref, DerefMut};
use std::panic::Location;

use super::{Learned, Placed};

/// [`lockorder::dashmap::Ref`](crate::dashmap::Ref) of a map without a rank.
///
/// ```
/// # use lockorder::learned::dashmap::{DashMap, Ref};
/// # let ages: DashMap<&str, u32> = [("ann", 41)].into_iter().collect();
/// fn next(age: Ref<'_, &str, u32>) -> u32 { *age + 1 }
/// assert_eq!(ages.get("ann").map(next), Some(42));
/// ```
pub type Ref<'a, K, V> = crate::dashmap::Ref<'a, Learned, K, V>;
/// [`lockorder::dashmap::RefMut`](crate::dashmap::RefMut) of a map without a rank.
///
/// ```
/// # use lockorder::learned::dashmap::{DashMap, RefMut};
/// # let ages: DashMap<&str, u32> = [("ann", 41)].into_iter().collect();
/// fn forget(mut age: RefMut<'_, &str, u32>) -> u32 { std::mem::take(&mut *age) }
/// assert_eq!(ages.get_mut("ann").map(forget), Some(41));
/// ```
pub type RefMut<'a, K, V> = crate::dashmap::RefMut<'a, Learned, K, V>;
/// [`lockorder::dashmap::Entry`](crate::dashmap::Entry) of a map without a rank.
///
/// ```
/// # use lockorder::learned::dashmap::{DashMap, Entry};
/// # let visits = DashMap::<&str, u32>::new();
/// fn count(visits: Entry<'_, &str, u32>) -> u32 { *visits.and_modify(|n| *n += 1).or_insert(1) }
/// assert_eq!((count(visits.entry("ann")), count(visits.entry("ann"))), (1, 2));
/// ```
pub type Entry<'a, K, V> = crate::dashmap::Entry<'a, Learned, K, V>;

/// [`lockorder::dashmap::Iter`](crate::dashmap::Iter) of a map without a rank.
///
/// ```
/// # use lockorder::learned::dashmap::{DashMap, Iter};
/// fn sum(entries: Iter<'_, &str, u32>) -> u32 {
///     entries.map(|entry| *entry.value()).sum()
/// }
/// assert_eq!(sum(DashMap::new().iter()), 0);
/// ```
pub type Iter<'a, K, V, S = RandomState> = crate::dashmap::Iter<'a, Learned, K, V, S>;
/// [`lockorder::dashmap::IterMut`](crate::dashmap::IterMut) of a map without a rank.
///
/// ```
/// # use lockorder::learned::dashmap::{DashMap, IterMut};
/// fn reset(entries: IterMut<'_, &str, u32>) {
///     entries.for_each(|mut entry| *entry = 0);
/// }
/// reset(DashMap::new().iter_mut());
/// ```
pub type IterMut<'a, K, V, S = RandomState> = crate::dashmap::IterMut<'a, Learned, K, V, S>;
/// [`lockorder::dashmap::RefMulti`](crate::dashmap::RefMulti) of a map without a rank.
///
/// ```
/// # use lockorder::learned::dashmap::{DashMap, RefMulti};
/// fn is_new(entry: &RefMulti<'_, &str, u32>) -> bool {
///     *entry.value() == 0
/// }
/// assert!(!DashMap::new().iter().any(|entry| is_new(&entry)));
/// ```
pub type RefMulti<'a, K, V> = crate::dashmap::RefMulti<'a, Learned, K, V>;

/// A [`lockorder::dashmap::DashMap`](crate::dashmap::DashMap) without a rank.
///
/// ```
/// use lockorder::learned::dashmap::DashMap;
///
/// let sessions = DashMap::new();
/// sessions.insert("ann", 1);
/// assert_eq!(*sessions.get("ann").unwrap(), 1);
/// ```
pub struct DashMap<K, V, S = RandomState>(crate::dashmap::DashMap<Learned, K, V, S>);

impl<K: Eq + Hash, V> DashMap<K, V> {
    /// An empty map whose class is the place of this call.
    #[track_caller]
    pub fn new() -> Self {
        Self::with_hasher(RandomState::new())
    }

    /// An empty map whose class is that of all locks of this name.
    pub fn named(name: &'static str) -> Self {
        let map = dashmap::DashMap::new();
        Self(crate::dashmap::DashMap::unranked(Placed::named(name), map))
    }

    /// An empty map whose class is the place of this call, with room for so many entries.
    #[track_caller]
    pub fn with_capacity(capacity: usize) -> Self {
        Self::at(Location::caller(), dashmap::DashMap::with_capacity(capacity))
    }
}

impl<K: Eq + Hash, V, S: BuildHasher + Clone> DashMap<K, V, S> {
    /// An empty map whose class is the place of this call, with a hasher.
    #[track_caller]
    pub fn with_hasher(hasher: S) -> Self {
        Self::at(Location::caller(), dashmap::DashMap::with_hasher(hasher))
    }

    fn at(site: crate::report::Site, map: dashmap::DashMap<K, V, S>) -> Self {
        Self(crate::dashmap::DashMap::unranked(Placed::at(site), map))
    }
}

impl<K, V, S> Deref for DashMap<K, V, S> {
    type Target = crate::dashmap::DashMap<Learned, K, V, S>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<K, V, S> DerefMut for DashMap<K, V, S> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl<K: Eq + Hash, V, S: Default + BuildHasher + Clone> Default for DashMap<K, V, S> {
    #[track_caller]
    fn default() -> Self {
        Self::with_hasher(S::default())
    }
}

impl<K: Eq + Hash, V, S: BuildHasher + Clone> Extend<(K, V)> for DashMap<K, V, S> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        self.0.extend(entries);
    }
}

/// A map that is collected is made by the standard library, in the same place as all others, so no order is
/// learned with it. One that is made by a name or in a place of its own and then extended has an order.
impl<K: Eq + Hash, V, S: Default + BuildHasher + Clone> FromIterator<(K, V)> for DashMap<K, V, S> {
    #[track_caller]
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Self::at(Location::caller(), entries.into_iter().collect())
    }
}

impl<K: Eq + Hash, V, S: BuildHasher + Clone> IntoIterator for DashMap<K, V, S> {
    type Item = (K, V);
    type IntoIter = dashmap::iter::OwningIter<K, V, S>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, K: Eq + Hash, V, S: BuildHasher + Clone> IntoIterator for &'a DashMap<K, V, S> {
    type Item = RefMulti<'a, K, V>;
    type IntoIter = Iter<'a, K, V, S>;

    #[track_caller]
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<K, V, S> fmt::Debug for DashMap<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
