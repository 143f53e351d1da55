//! What tells classes of locks without a rank apart.

#[cfg(any(debug_assertions, feature = "enforce"))]
pub(crate) use on::{Placed, named};

/// With checks off, nobody asks.
#[cfg(not(any(debug_assertions, feature = "enforce")))]
pub(crate) struct Placed;

#[cfg(not(any(debug_assertions, feature = "enforce")))]
impl Placed {
    pub(crate) const fn at(_: crate::report::Site) -> Self {
        Self
    }

    pub(crate) const fn named(_: &'static str) -> Self {
        Self
    }
}

#[cfg(any(debug_assertions, feature = "enforce"))]
mod on {
    use std::collections::HashMap;
    use std::sync::{LazyLock, OnceLock};

    use parking_lot::RwLock;

    use crate::class::{self, Class};
    use crate::report::Site;

    /// Where a lock was made, or what it was called there, and its class once it was used.
    pub struct Placed {
        place: Place,
        class: OnceLock<&'static Class>,
    }

    #[derive(Clone, Copy, PartialEq, Eq, Hash)]
    enum Place {
        Site(Site),
        Name(&'static str),
    }

    impl Placed {
        pub(crate) const fn at(site: Site) -> Self {
            Self { place: Place::Site(site), class: OnceLock::new() }
        }

        pub(crate) const fn named(name: &'static str) -> Self {
            Self { place: Place::Name(name), class: OnceLock::new() }
        }

        #[inline(always)]
        pub(crate) fn class(&self) -> &'static Class {
            match self.class.get() {
                Some(class) => class,
                None => self.class.get_or_init(|| self.place.class()),
            }
        }
    }

    impl Place {
        /// The one class of all locks that were made here.
        fn class(self) -> &'static Class {
            static CLASSES: LazyLock<RwLock<HashMap<Place, &'static Class>>> =
                LazyLock::new(RwLock::default);
            if let Some(class) = CLASSES.read().get(&self) {
                return class;
            }
            CLASSES.write().entry(self).or_insert_with(|| match self {
                Self::Site(site) if is_in_std(site) => class::learned(class::UNPLACED),
                Self::Site(site) => class::learned(&site.to_string()),
                Self::Name(name) => class::learned(name),
            })
        }
    }

    /// Whether a constructor was called by the standard library, as in `.map(Mutex::new)`: then its place
    /// is the same for all such calls of the program.
    fn is_in_std(site: Site) -> bool {
        site.file().starts_with("/rustc/") || site.file().contains("/rustlib/src/rust/library/")
    }

    /// The class of locks that were made by this name.
    pub(crate) fn named(name: &'static str) -> &'static Class {
        Place::Name(name).class()
    }
}
