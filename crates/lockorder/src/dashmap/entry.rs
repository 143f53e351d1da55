use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;

use super::RefMut;
use crate::Rank;
use crate::checker::Held;

/// The place of a key in a [`DashMap`](super::DashMap), with a value or without: a held lock.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Visits = "visits" } } }
/// use lockorder::dashmap::{DashMap, Entry};
///
/// let visits = DashMap::<Visits, &str, u32>::new();
/// match visits.entry("ann") {
///     Entry::Occupied(mut entry) => *entry.get_mut() += 1,
///     Entry::Vacant(entry) => drop(entry.insert(1)),
/// }
/// assert_eq!(visits.remove("ann"), Some(("ann", 1)));
/// ```
pub enum Entry<'a, R: Rank, K, V> {
    /// It has a value.
    Occupied(OccupiedEntry<'a, R, K, V>),
    /// It has none.
    Vacant(VacantEntry<'a, R, K, V>),
}

/// The place of a key that has a value: a held lock.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Jobs = "jobs" } } }
/// use lockorder::dashmap::{DashMap, Entry};
///
/// let jobs = DashMap::<Jobs, u32, &str>::new();
/// jobs.insert(7, "done");
/// if let Entry::Occupied(job) = jobs.entry(7) {
///     if *job.get() == "done" {
///         job.remove(); // nobody changed it since the line before
///     }
/// }
/// assert!(jobs.is_empty());
/// ```
#[clippy::has_significant_drop]
pub struct OccupiedEntry<'a, R: Rank, K, V> {
    inner: dashmap::OccupiedEntry<'a, K, V>,
    held: Held,
    rank: PhantomData<fn() -> R>,
}

/// The place of a key that has no value: a held lock.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Names = "names" } } }
/// use lockorder::dashmap::{DashMap, Entry};
///
/// let names = DashMap::<Names, u32, String>::new();
/// if let Entry::Vacant(entry) = names.entry(7) {
///     let name = format!("guest {}", entry.key());
///     drop(entry.insert(name)); // a reference to it, which holds the lock
/// }
/// assert_eq!(names.remove(&7), Some((7, "guest 7".to_owned())));
/// ```
#[clippy::has_significant_drop]
pub struct VacantEntry<'a, R: Rank, K, V> {
    inner: dashmap::VacantEntry<'a, K, V>,
    held: Held,
    rank: PhantomData<fn() -> R>,
}

impl<'a, R: Rank, K: Eq + Hash, V> Entry<'a, R, K, V> {
    pub(super) fn new(inner: dashmap::Entry<'a, K, V>, held: Held) -> Self {
        match inner {
            dashmap::Entry::Occupied(inner) => {
                Self::Occupied(OccupiedEntry { inner, held, rank: PhantomData })
            }
            dashmap::Entry::Vacant(inner) => {
                Self::Vacant(VacantEntry { inner, held, rank: PhantomData })
            }
        }
    }

    /// The key.
    pub fn key(&self) -> &K {
        match self {
            Self::Occupied(entry) => entry.key(),
            Self::Vacant(entry) => entry.key(),
        }
    }

    /// Changes the value, if there is one.
    pub fn and_modify(mut self, change: impl FnOnce(&mut V)) -> Self {
        if let Self::Occupied(entry) = &mut self {
            change(entry.get_mut());
        }
        self
    }

    /// The value, which is `value` if there was none.
    pub fn or_insert(self, value: V) -> RefMut<'a, R, K, V> {
        self.or_insert_with(|| value)
    }

    /// The value, which is what `make` returns if there was none.
    pub fn or_insert_with(self, make: impl FnOnce() -> V) -> RefMut<'a, R, K, V> {
        match self {
            Self::Occupied(entry) => entry.into_ref(),
            Self::Vacant(entry) => entry.insert(make()),
        }
    }

    /// The value, which is the default if there was none.
    pub fn or_default(self) -> RefMut<'a, R, K, V>
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    /// Gives the key a value.
    pub fn insert(self, value: V) -> RefMut<'a, R, K, V> {
        match self {
            Self::Occupied(mut entry) => {
                drop(entry.insert(value));
                entry.into_ref()
            }
            Self::Vacant(entry) => entry.insert(value),
        }
    }
}

impl<'a, R: Rank, K: Eq + Hash, V> OccupiedEntry<'a, R, K, V> {
    /// The key.
    pub fn key(&self) -> &K {
        self.inner.key()
    }

    /// The value.
    pub fn get(&self) -> &V {
        self.inner.get()
    }

    /// The value, to change it.
    pub fn get_mut(&mut self) -> &mut V {
        self.inner.get_mut()
    }

    /// Replaces the value, and returns the one before.
    pub fn insert(&mut self, value: V) -> V {
        self.inner.insert(value)
    }

    /// A reference to the value.
    pub fn into_ref(self) -> RefMut<'a, R, K, V> {
        RefMut::new(self.inner.into_ref(), self.held)
    }

    /// Takes the value out.
    pub fn remove(self) -> V {
        self.inner.remove()
    }

    /// Takes the key and the value out.
    pub fn remove_entry(self) -> (K, V) {
        self.inner.remove_entry()
    }
}

impl<'a, R: Rank, K: Eq + Hash, V> VacantEntry<'a, R, K, V> {
    /// The key.
    pub fn key(&self) -> &K {
        self.inner.key()
    }

    /// Gives the key a value.
    pub fn insert(self, value: V) -> RefMut<'a, R, K, V> {
        RefMut::new(self.inner.insert(value), self.held)
    }

    /// Gives the key back.
    pub fn into_key(self) -> K {
        self.inner.into_key()
    }
}

impl<R: Rank, K: Eq + Hash + fmt::Debug, V> fmt::Debug for Entry<'_, R, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Occupied(_) => "Occupied",
            Self::Vacant(_) => "Vacant",
        };
        f.debug_tuple(name).field(self.key()).finish()
    }
}
