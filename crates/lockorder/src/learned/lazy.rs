use std::fmt;
use std::ops::Deref;
use std::panic::Location;

use super::{Learned, Placed};

/// A [`lockorder::Lazy`](crate::Lazy) without a rank.
///
/// ```
/// use lockorder::learned::{Lazy, Mutex};
///
/// static FILES: Mutex<u32> = Mutex::new(3);
/// static SETTINGS: Lazy<u32> = Lazy::new(|| *FILES.lock() + 1); // learned: SETTINGS before FILES
///
/// assert_eq!(*SETTINGS, 4);
/// ```
pub struct Lazy<T, F = fn() -> T>(crate::Lazy<Learned, T, F>);

impl<T, F> Lazy<T, F> {
    /// A value that `make` will make, of the class of the place of this call.
    #[track_caller]
    pub const fn new(make: F) -> Self {
        Self(crate::Lazy::unranked(Placed::at(Location::caller()), make))
    }

    /// A value that `make` will make, of the class of all locks of this name.
    pub const fn named(name: &'static str, make: F) -> Self {
        Self(crate::Lazy::unranked(Placed::named(name), make))
    }

    /// The value, if it was made.
    pub fn get(this: &Self) -> Option<&T> {
        crate::Lazy::get(&this.0)
    }
}

impl<T, F: FnOnce() -> T> Lazy<T, F> {
    /// The value, which is made now if it was not.
    ///
    /// # Panics
    /// If waiting for it could deadlock and the [`Policy`](crate::Policy) is `Panic`. If its initialiser
    /// panicked before.
    #[track_caller]
    pub fn force(this: &Self) -> &T {
        crate::Lazy::force(&this.0)
    }
}

impl<T, F: FnOnce() -> T> Deref for Lazy<T, F> {
    type Target = T;

    #[track_caller]
    fn deref(&self) -> &T {
        Self::force(self)
    }
}

impl<T: fmt::Debug, F> fmt::Debug for Lazy<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
