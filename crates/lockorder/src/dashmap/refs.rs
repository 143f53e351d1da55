use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use crate::Rank;
use crate::checker::Held;

/// A reference to an entry of a [`DashMap`](super::DashMap): a held lock.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Ages = "ages" } } }
/// # use lockorder::dashmap::DashMap;
/// let ages = DashMap::<Ages, &str, u32>::new();
/// ages.insert("ann", 41);
/// if let Some(ann) = ages.get("ann") {
///     assert_eq!(ann.pair(), (&"ann", &41)); // the map is locked until here
/// }
/// assert_eq!(ages.insert("ann", 42), Some(41));
/// ```
#[clippy::has_significant_drop]
#[must_use = "if unused the lock is released at once"]
pub struct Ref<'a, R: Rank, K, V> {
    inner: dashmap::mapref::one::Ref<'a, K, V>,
    #[expect(dead_code, reason = "held for its drop, after the lock itself is released")]
    held: Held,
    rank: PhantomData<fn() -> R>,
}

/// A reference to an entry of a [`DashMap`](super::DashMap) to change it: a held lock.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Ages = "ages" } } }
/// # use lockorder::dashmap::DashMap;
/// let ages = DashMap::<Ages, &str, u32>::new();
/// ages.insert("ann", 41);
/// if let Some(mut age) = ages.get_mut("ann") {
///     *age += 1;
///     let age = age.downgrade(); // others may read it from here on
///     assert_eq!(*age, 42);
/// }
/// ```
#[clippy::has_significant_drop]
#[must_use = "if unused the lock is released at once"]
pub struct RefMut<'a, R: Rank, K, V> {
    inner: dashmap::mapref::one::RefMut<'a, K, V>,
    held: Held,
    rank: PhantomData<fn() -> R>,
}

macro_rules! reference {
    ($name:ident) => {
        impl<'a, R: Rank, K: Eq + Hash, V> $name<'a, R, K, V> {
            pub(super) fn new(inner: dashmap::mapref::one::$name<'a, K, V>, held: Held) -> Self {
                Self { inner, held, rank: PhantomData }
            }

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

        impl<R: Rank, K: Eq + Hash, V> Deref for $name<'_, R, K, V> {
            type Target = V;

            fn deref(&self) -> &V {
                self.inner.value()
            }
        }

        impl<R: Rank, K: Eq + Hash + fmt::Debug, V: fmt::Debug> fmt::Debug for $name<'_, R, K, V> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.pair().fmt(f)
            }
        }
    };
}
reference!(Ref);
reference!(RefMut);

impl<'a, R: Rank, K: Eq + Hash, V> RefMut<'a, R, K, V> {
    /// The value, to change it.
    pub fn value_mut(&mut self) -> &mut V {
        self.inner.value_mut()
    }

    /// Lets others read.
    pub fn downgrade(mut self) -> Ref<'a, R, K, V> {
        self.held.change(crate::Mode::Shared);
        Ref::new(self.inner.downgrade(), self.held)
    }
}

impl<R: Rank, K: Eq + Hash, V> DerefMut for RefMut<'_, R, K, V> {
    fn deref_mut(&mut self) -> &mut V {
        self.inner.value_mut()
    }
}
