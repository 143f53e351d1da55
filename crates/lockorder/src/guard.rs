//! What all guards are: the wrapped guard and the record.
//!
//! A guard that borrows its lock releases it first and ends the record then, so that nothing is held
//! unrecorded. One that owns its lock ends the record first: with the lock it may drop the value, whose own
//! `drop` may take locks, and this one is none of those that it holds.

/// Declares a guard type around the guard of the wrapped lock. `[..]` are its generics as declared and as
/// used; `write` guards give `&mut` access too; `owned` ones keep what stands around the wrapped lock.
macro_rules! guard {
    (
        $(#[$meta:meta])*
        $name:ident [$($decl:tt)*] [$($use:tt)*] => $target:ty, $inner:ty, $access:ident
    ) => {
        $(#[$meta])*
        #[must_use = "if unused the lock is released at once"]
        #[clippy::has_significant_drop]
        pub struct $name<$($decl)*> {
            inner: $inner,
            held: $crate::checker::Held,
            rank: std::marker::PhantomData<fn() -> R>,
        }

        impl<$($decl)*> $name<$($use)*> {
            #[inline(always)]
            fn new(inner: $inner, held: $crate::checker::Held) -> Self {
                Self { inner, held, rank: std::marker::PhantomData }
            }
        }

        $crate::guard::guard!(@traits $name [$($decl)*] [$($use)*] $target, $inner, $access);

        #[cfg(all(feature = "tokio", not(any(debug_assertions, feature = "enforce"))))]
        impl<$($decl)*> $crate::ask::Unrecorded<$inner> for $name<$($use)*> {
            #[inline(always)]
            fn unrecorded(inner: $inner) -> Self {
                Self::new(inner, $crate::checker::Held)
            }
        }

        #[cfg(feature = "tokio")]
        impl<$($decl)*, How: $crate::ask::How> $crate::ask::Granted<R, How, $inner> for $name<$($use)*> {
            #[inline(always)]
            fn granted(
                inner: $inner,
                want: &$crate::ask::Want<R, How>,
                grant: $crate::ask::Grant,
            ) -> Self {
                Self::new(inner, grant.hold(want))
            }
        }
    };
    (
        $(#[$meta:meta])*
        $name:ident [$($decl:tt)*] [$($use:tt)*] => $target:ty, $inner:ty, $access:ident, owned $raw:ty
    ) => {
        $(#[$meta])*
        #[must_use = "if unused the lock is released at once"]
        #[clippy::has_significant_drop]
        pub struct $name<$($decl)*> {
            held: $crate::checker::Held,
            inner: $inner,
            #[allow(dead_code, reason = "kept as long as the guard; read where one becomes another")]
            keep: $crate::cell::Keep<R, $raw>,
        }

        impl<$($decl)*> $name<$($use)*> {
            #[inline(always)]
            fn new(
                inner: $inner,
                keep: $crate::cell::Keep<R, $raw>,
                held: $crate::checker::Held,
            ) -> Self {
                Self { held, inner, keep }
            }
        }

        $crate::guard::guard!(@traits $name [$($decl)*] [$($use)*] $target, $inner, $access);

        #[cfg(feature = "tokio")]
        impl<$($decl)*, How: $crate::ask::How>
            $crate::ask::Granted<R, How, ($inner, $crate::cell::Keep<R, $raw>)> for $name<$($use)*>
        {
            #[inline(always)]
            fn granted(
                (inner, keep): ($inner, $crate::cell::Keep<R, $raw>),
                want: &$crate::ask::Want<R, How>,
                grant: $crate::ask::Grant,
            ) -> Self {
                Self::new(inner, keep, grant.hold(want))
            }
        }
    };
    (@traits $name:ident [$($decl:tt)*] [$($use:tt)*] $target:ty, $inner:ty, $access:ident) => {
        impl<$($decl)*> std::ops::Deref for $name<$($use)*> {
            type Target = $target;

            #[inline]
            fn deref(&self) -> &$target {
                &self.inner
            }
        }

        $crate::guard::guard!(@$access $name [$($decl)*] [$($use)*] $target);

        impl<$($decl)*> std::fmt::Debug for $name<$($use)*>
        where
            $target: std::fmt::Debug,
        {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&**self, f)
            }
        }

        impl<$($decl)*> std::fmt::Display for $name<$($use)*>
        where
            $target: std::fmt::Display,
        {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&**self, f)
            }
        }

        impl<$($decl)*> $crate::then::Ranked for $name<$($use)*> {
            type Rank = R;
        }

        impl<$($decl)*> $crate::then::Then for $name<$($use)*> {}

        impl<$($decl)*> $crate::hand_over::Sealed for $name<$($use)*> {
            fn held(&mut self) -> &mut $crate::checker::Held {
                &mut self.held
            }
        }
    };
    (@read $name:ident [$($decl:tt)*] [$($use:tt)*] $target:ty) => {};
    (@write $name:ident [$($decl:tt)*] [$($use:tt)*] $target:ty) => {
        impl<$($decl)*> std::ops::DerefMut for $name<$($use)*> {
            #[inline]
            fn deref_mut(&mut self) -> &mut $target {
                &mut self.inner
            }
        }
    };
}

/// Gives a guard `map` and `try_map`, which narrow it to a part of the value. `[..]` are its generics as
/// declared and as used, then those of the narrowed guard, for a part of type `U`.
macro_rules! map {
    (
        $name:ident [$($decl:tt)*] [$($use:tt)*] => $mapped:ident [$($to:tt)*],
        $inner:path, [$($mut:ident)?] $target:ty, keep [$($keep:ident)?], part $($bound:tt)+
    ) => {
        impl<$($decl)*> $name<$($use)*> {
            /// Narrows the guard to a part of the value. An associated function, so that it does not hide a
            /// method of the value.
            pub fn map<U: $($bound)+>(
                this: Self,
                part: impl FnOnce(&$($mut)? $target) -> &$($mut)? U,
            ) -> $mapped<$($to)*> {
                $mapped::new($inner(this.inner, part), $(this.$keep,)? this.held)
            }
        }
    };
}

/// As `map`, for the function that may find no such part.
macro_rules! try_map {
    (
        $name:ident [$($decl:tt)*] [$($use:tt)*] => $mapped:ident [$($to:tt)*],
        $inner:path, [$($mut:ident)?] $target:ty, keep [$($keep:ident)?], part $($bound:tt)+
    ) => {
        impl<$($decl)*> $name<$($use)*> {
            /// Narrows the guard to a part of the value if there is such a part, or gives the guard back.
            ///
            /// # Errors
            /// The guard itself.
            pub fn try_map<U: $($bound)+>(
                this: Self,
                part: impl FnOnce(&$($mut)? $target) -> Option<&$($mut)? U>,
            ) -> Result<$mapped<$($to)*>, Self> {
                match $inner(this.inner, part) {
                    Ok(inner) => Ok($mapped::new(inner, $(this.$keep,)? this.held)),
                    Err(inner) => Err(Self::new(inner, $(this.$keep,)? this.held)),
                }
            }
        }
    };
}

pub(crate) use {guard, map, try_map};
