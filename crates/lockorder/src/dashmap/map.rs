use std::borrow::Borrow;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::panic::Location;

use super::{Entry, Iter, IterMut, Ref, RefMulti, RefMut};
use crate::ask::{Exclusive, How, Shared, Want};
use crate::cell::{Beside, Cell, Keying, placed};
use crate::checker::{self, Blocked, Held};
use crate::learned::{Learned, Placed};
use crate::report::Site;
use crate::{Keyed, Rank, Unkeyed};

type Raw<K, V, S> = dashmap::DashMap<K, V, S>;

/// A [`dashmap::DashMap`] with a place in the order.
///
/// Each [`Ref`], [`RefMut`], [`Entry`] and iterator counts as a held lock of the map's class, and each call
/// as an acquisition, which is checked before it can block.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Sessions = "sessions" } } }
/// use lockorder::dashmap::DashMap;
///
/// let sessions = DashMap::<Sessions, &str, u32>::new();
/// sessions.insert("ann", 1);
/// *sessions.entry("ann").or_insert(0) += 1;
/// assert_eq!(*sessions.get("ann").unwrap(), 2);
/// ```
///
/// ```should_panic
/// # lockorder::hierarchy! { App { level 1 { Sessions = "sessions" } } }
/// # use lockorder::dashmap::DashMap;
/// let sessions = DashMap::<Sessions, &str, u32>::new();
/// sessions.insert("ann", 1);
/// let ann = sessions.get("ann").unwrap();
/// sessions.insert("bob", *ann); // panics: `ann` holds a lock of the map
/// # assert!(lockorder::ENFORCING); // with checks off the example cannot show it
/// ```
pub struct DashMap<R: Rank, K, V, S = RandomState>(Cell<R, Raw<K, V, S>>);

impl<R: Rank<Keys = Unkeyed>, K: Eq + Hash, V> DashMap<R, K, V> {
    /// An empty map of a class without keys.
    pub fn new() -> Self {
        Self::with_hasher(RandomState::new())
    }

    /// An empty map of a class without keys, with room for so many entries.
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Raw::with_capacity(capacity))
    }
}

impl<R: Rank<Keys = Unkeyed>, K: Eq + Hash, V, S: BuildHasher + Clone> DashMap<R, K, V, S> {
    /// An empty map of a class without keys, with a hasher.
    pub fn with_hasher(hasher: S) -> Self {
        Self(Raw::with_hasher(hasher))
    }
}

impl<R: Rank<Keys = Keyed>, K: Eq + Hash, V> DashMap<R, K, V> {
    /// An empty map of a keyed class: of two such maps the one with the lower key is used first.
    pub fn keyed(key: u64) -> Self {
        Self(Beside::new(key, Raw::new()))
    }
}

impl<R: Rank, K: Eq + Hash, V, S: BuildHasher + Clone> DashMap<R, K, V, S> {
    /// A reference to the value of a key.
    ///
    /// # Panics
    /// If the acquisition could deadlock and the [`Policy`](crate::Policy) is `Panic`: so for every method
    /// of this map.
    #[track_caller]
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<Ref<'_, R, K, V>>
    where
        K: Borrow<Q>,
    {
        let (inner, held) = self.enter(Shared, Location::caller(), |map, _blocked| map.get(key));
        Some(Ref::new(inner?, held))
    }

    /// A reference to the value of a key, to change it.
    #[track_caller]
    pub fn get_mut<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<RefMut<'_, R, K, V>>
    where
        K: Borrow<Q>,
    {
        let (inner, held) =
            self.enter(Exclusive, Location::caller(), |map, _blocked| map.get_mut(key));
        Some(RefMut::new(inner?, held))
    }

    /// The place of a key, whether it has a value or not.
    #[track_caller]
    pub fn entry(&self, key: K) -> Entry<'_, R, K, V> {
        let (inner, held) =
            self.enter(Exclusive, Location::caller(), |map, _blocked| map.entry(key));
        Entry::new(inner, held)
    }

    /// The place of a key, if nobody holds its shard. Cannot block, so it is never a violation.
    #[track_caller]
    pub fn try_entry(&self, key: K) -> Option<Entry<'_, R, K, V>> {
        let held = self.want(Exclusive).by_thread().hold_tried();
        Some(Entry::new(self.raw().try_entry(key)?, held))
    }

    /// Gives a key a value, and returns the one that it had.
    #[track_caller]
    pub fn insert(&self, key: K, value: V) -> Option<V> {
        self.during(Exclusive, Location::caller(), |map, _blocked| map.insert(key, value))
    }

    /// Takes a key out.
    #[track_caller]
    pub fn remove<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
    {
        self.during(Exclusive, Location::caller(), |map, _blocked| map.remove(key))
    }

    /// Takes a key out if `condition` says so.
    #[track_caller]
    pub fn remove_if<Q: Hash + Eq + ?Sized>(
        &self,
        key: &Q,
        condition: impl FnOnce(&K, &V) -> bool,
    ) -> Option<(K, V)>
    where
        K: Borrow<Q>,
    {
        self.during(Exclusive, Location::caller(), |map, blocked| {
            map.remove_if(key, |key, value| {
                drop(blocked);
                condition(key, value)
            })
        })
    }

    /// Whether a key has a value.
    #[track_caller]
    pub fn contains_key<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.during(Shared, Location::caller(), |map, _blocked| map.contains_key(key))
    }

    /// What `look` makes of the value of a key.
    #[track_caller]
    pub fn view<Q: Hash + Eq + ?Sized, T>(
        &self,
        key: &Q,
        look: impl FnOnce(&K, &V) -> T,
    ) -> Option<T>
    where
        K: Borrow<Q>,
    {
        self.during(Shared, Location::caller(), |map, blocked| {
            map.view(key, |key, value| {
                drop(blocked);
                look(key, value)
            })
        })
    }

    /// Replaces the value of a key by what `change` makes of it.
    #[track_caller]
    pub fn alter<Q: Hash + Eq + ?Sized>(&self, key: &Q, change: impl FnOnce(&K, V) -> V)
    where
        K: Borrow<Q>,
    {
        self.during(Exclusive, Location::caller(), |map, blocked| {
            map.alter(key, |key, value| {
                drop(blocked);
                change(key, value)
            });
        });
    }

    /// Replaces all values by what `change` makes of them.
    #[track_caller]
    pub fn alter_all(&self, mut change: impl FnMut(&K, V) -> V) {
        self.during(Exclusive, Location::caller(), |map, blocked| {
            let mut blocked = Some(blocked);
            map.alter_all(|key, value| {
                blocked.take();
                change(key, value)
            });
        });
    }

    /// Takes out all for which `keep` is false.
    #[track_caller]
    pub fn retain(&self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.during(Exclusive, Location::caller(), |map, blocked| {
            let mut blocked = Some(blocked);
            map.retain(|key, value| {
                blocked.take();
                keep(key, value)
            });
        });
    }

    /// Takes out everything.
    #[track_caller]
    pub fn clear(&self) {
        self.during(Exclusive, Location::caller(), |map, _blocked| map.clear());
    }

    /// Gives back memory that is not needed.
    #[track_caller]
    pub fn shrink_to_fit(&self) {
        self.during(Exclusive, Location::caller(), |map, _blocked| map.shrink_to_fit());
    }

    /// How many entries there are.
    #[track_caller]
    pub fn len(&self) -> usize {
        self.during(Shared, Location::caller(), |map, _blocked| map.len())
    }

    /// Whether there is none.
    #[track_caller]
    pub fn is_empty(&self) -> bool {
        self.during(Shared, Location::caller(), |map, _blocked| map.is_empty())
    }

    /// For how many entries there is room.
    #[track_caller]
    pub fn capacity(&self) -> usize {
        self.during(Shared, Location::caller(), |map, _blocked| map.capacity())
    }

    /// All entries, shard by shard. The iterator is a held lock as long as it or one of its items lives.
    #[track_caller]
    pub fn iter(&self) -> Iter<'_, R, K, V, S> {
        let (inner, held) = self.enter(Shared, Location::caller(), |map, _blocked| map.iter());
        Iter::new(inner, held)
    }

    /// All entries, to change their values. The iterator is a held lock as long as it or one of its items
    /// lives.
    #[track_caller]
    pub fn iter_mut(&self) -> IterMut<'_, R, K, V, S> {
        let (inner, held) =
            self.enter(Exclusive, Location::caller(), |map, _blocked| map.iter_mut());
        IterMut::new(inner, held)
    }

    /// Calls into the map with its class on the record, as what it runs of the program's own code may lock.
    fn during<T>(
        &self,
        how: impl How,
        site: Site,
        call: impl FnOnce(&Raw<K, V, S>, Blocked) -> T,
    ) -> T {
        self.enter(how, site, call).0
    }

    /// Calls into the map, for something that holds a lock of it. Whoever waits for the thread is told that the
    /// map may block it until the second argument of `call` is dropped.
    fn enter<'a, T>(
        &'a self,
        how: impl How,
        site: Site,
        call: impl FnOnce(&'a Raw<K, V, S>, Blocked) -> T,
    ) -> (T, Held) {
        let name = R::Keys::name(&self.0);
        let ask = Want::<R, _>::new(self.raw(), name, how, site).by_thread();
        let blocked = checker::blocked(ask);
        let ((), held) = ask.take(|| ());
        (call(self.raw(), blocked), held)
    }
}

impl<K, V, S> DashMap<Learned, K, V, S> {
    pub(crate) fn unranked(place: Placed, map: Raw<K, V, S>) -> Self {
        Self(placed(place, map))
    }
}

impl<R: Rank, K, V, S> DashMap<R, K, V, S> {
    fn raw(&self) -> &Raw<K, V, S> {
        R::Keys::lock(&self.0)
    }

    #[track_caller]
    fn want<H: How>(&self, how: H) -> Want<R, H> {
        Want::new(self.raw(), R::Keys::name(&self.0), how, Location::caller())
    }
}

impl<R: Rank<Keys = Unkeyed>, K: Eq + Hash, V, S: Default + BuildHasher + Clone> Default
    for DashMap<R, K, V, S>
{
    fn default() -> Self {
        Self::with_hasher(S::default())
    }
}

impl<R: Rank<Keys = Unkeyed>, K: Eq + Hash, V, S: Default + BuildHasher + Clone>
    FromIterator<(K, V)> for DashMap<R, K, V, S>
{
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl<R: Rank, K: Eq + Hash, V, S: BuildHasher + Clone> Extend<(K, V)> for DashMap<R, K, V, S> {
    /// Adds entries: no lock is needed where nobody else has the map.
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        R::Keys::lock_mut(&mut self.0).extend(entries);
    }
}

impl<R: Rank, K: Eq + Hash, V, S: BuildHasher + Clone> IntoIterator for DashMap<R, K, V, S> {
    type Item = (K, V);
    type IntoIter = dashmap::iter::OwningIter<K, V, S>;

    /// Takes the map apart: no lock is needed where nobody else has it.
    fn into_iter(self) -> Self::IntoIter {
        R::Keys::into_lock(self.0).into_iter()
    }
}

impl<'a, R: Rank, K: Eq + Hash, V, S: BuildHasher + Clone> IntoIterator
    for &'a DashMap<R, K, V, S>
{
    type Item = RefMulti<'a, R, K, V>;
    type IntoIter = Iter<'a, R, K, V, S>;

    /// As [`iter`](DashMap::iter).
    #[track_caller]
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<R: Rank, K, V, S> crate::then::Ranked for DashMap<R, K, V, S> {
    type Rank = R;
}

impl<R: Rank, K, V, S> fmt::Debug for DashMap<R, K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its entries are behind its locks.
        f.debug_struct("DashMap").finish_non_exhaustive()
    }
}
