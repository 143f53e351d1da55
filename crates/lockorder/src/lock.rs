//! What all lock types of a value have in common: how they are made, and what they are made of.

/// Implements the constructors and conversions of a lock type `Lock<R, T>` around `$raw<T>`.
macro_rules! lock {
    ($lock:ident, $raw:ty, $new:path) => {
        impl<R: $crate::Rank<Keys = $crate::Unkeyed>, T> $lock<R, T> {
            /// A lock of a class without keys.
            pub const fn new(value: T) -> Self {
                Self($new(value))
            }
        }

        impl<R: $crate::Rank<Keys = $crate::Keyed>, T> $lock<R, T> {
            /// A lock of a keyed class: of two such locks the one with the lower key is taken first.
            pub const fn keyed(key: u64, value: T) -> Self {
                Self($crate::cell::Beside::new(key, $new(value)))
            }

            /// Its key.
            pub fn key(&self) -> u64 {
                <R::Keys as $crate::cell::Keying>::name(&self.0)
            }
        }

        impl<T> $lock<$crate::learned::Learned, T> {
            pub(crate) const fn unranked(place: $crate::learned::Placed, value: T) -> Self {
                Self($crate::cell::placed(place, $new(value)))
            }
        }

        impl<R: $crate::Rank, T> $lock<R, T> {
            /// The value: no lock is needed where the borrow proves that nobody else has it.
            pub fn get_mut(&mut self) -> &mut T {
                <R::Keys as $crate::cell::Keying>::lock_mut(&mut self.0).get_mut()
            }

            /// Takes the lock apart.
            pub fn into_inner(self) -> T {
                <R::Keys as $crate::cell::Keying>::into_lock(self.0).into_inner()
            }

            #[inline(always)]
            pub(crate) fn raw(&self) -> &$raw {
                <R::Keys as $crate::cell::Keying>::lock(&self.0)
            }

            #[inline(always)]
            #[track_caller]
            fn want<M: $crate::ask::How>(&self, how: M) -> $crate::ask::Want<R, M> {
                self.want_at(how, std::panic::Location::caller())
            }

            #[inline(always)]
            pub(crate) fn want_at<M: $crate::ask::How>(
                &self,
                how: M,
                site: $crate::report::Site,
            ) -> $crate::ask::Want<R, M> {
                let name = <R::Keys as $crate::cell::Keying>::name(&self.0);
                $crate::ask::Want::new(self.raw(), name, how, site)
            }

            #[allow(dead_code, reason = "not all can be taken with others")]
            pub(crate) fn sort_key(&self) -> u64 {
                let name = <R::Keys as $crate::cell::Keying>::name(&self.0);
                <R::Keys as $crate::cell::Keying>::key(name)
            }
        }

        impl<R: $crate::Rank<Keys = $crate::Unkeyed>, T: Default> Default for $lock<R, T> {
            fn default() -> Self {
                Self::new(T::default())
            }
        }

        impl<R: $crate::Rank<Keys = $crate::Unkeyed>, T> From<T> for $lock<R, T> {
            fn from(value: T) -> Self {
                Self::new(value)
            }
        }

        impl<R: $crate::Rank, T> $crate::then::Ranked for $lock<R, T> {
            type Rank = R;
        }

        impl<R: $crate::Rank, T: std::fmt::Debug> std::fmt::Debug for $lock<R, T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.raw().fmt(f)
            }
        }
    };
}

/// Implements the constructors of a lock type `Lock<R, T>` that begins without a value.
macro_rules! once {
    ($lock:ident, $raw:ty, $new:path) => {
        impl<R: $crate::Rank<Keys = $crate::Unkeyed>, T> $lock<R, T> {
            /// An empty cell of a class without keys.
            pub const fn new() -> Self {
                Self($new())
            }
        }

        impl<R: $crate::Rank<Keys = $crate::Keyed>, T> $lock<R, T> {
            /// An empty cell of a keyed class: of two such the one with the lower key is made first.
            pub const fn keyed(key: u64) -> Self {
                Self($crate::cell::Beside::new(key, $new()))
            }

            /// Its key.
            pub fn key(&self) -> u64 {
                <R::Keys as $crate::cell::Keying>::name(&self.0)
            }
        }

        impl<T> $lock<$crate::learned::Learned, T> {
            pub(crate) const fn unranked(place: $crate::learned::Placed) -> Self {
                Self($crate::cell::placed(place, $new()))
            }
        }

        impl<R: $crate::Rank, T> $lock<R, T> {
            #[inline(always)]
            fn raw(&self) -> &$raw {
                <R::Keys as $crate::cell::Keying>::lock(&self.0)
            }
        }

        impl<R: $crate::Rank<Keys = $crate::Unkeyed>, T> Default for $lock<R, T> {
            fn default() -> Self {
                Self::new()
            }
        }

        impl<R: $crate::Rank, T> $crate::then::Ranked for $lock<R, T> {
            type Rank = R;
        }
    };
}

pub(crate) use {lock, once};
