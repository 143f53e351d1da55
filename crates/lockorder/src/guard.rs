//! What all guards are: the wrapped guard and the record.
//!
//! A guard that borrows its lock releases it first and ends the record then, so that nothing is held
//! unrecorded. One that owns its lock ends the record first: with the lock it may drop the value, whose own
//! `drop` may take locks, and this one is none of those that it holds.

/// Declares a guard type around the guard of the wrapped lock. `write` guards give `&mut` access too.
macro_rules! guard {
    ($(#[$meta:meta])* $name:ident $(<$life:lifetime>)?, $inner:ty, $access:ident) => {
        $crate::guard::guard!(@fields $(#[$meta])* $name $(<$life>)?, $inner);

        impl<$($life,)? R: $crate::Rank, T> $name<$($life,)? R, T> {
            #[inline(always)]
            fn new(inner: $inner, held: $crate::checker::Held) -> Self {
                Self { inner, held, rank: std::marker::PhantomData }
            }
        }

        #[cfg(feature = "tokio")]
        impl<$($life,)? R, H, T> $crate::ask::Granted<R, H, $inner> for $name<$($life,)? R, T>
        where
            R: $crate::Rank,
            H: $crate::ask::How,
        {
            #[inline(always)]
            fn granted(
                inner: $inner,
                want: &$crate::ask::Want<R, H>,
                grant: $crate::ask::Grant,
            ) -> Self {
                Self::new(inner, grant.hold(want))
            }
        }

        impl<$($life,)? R: $crate::Rank, T> std::ops::Deref for $name<$($life,)? R, T> {
            type Target = T;

            #[inline]
            fn deref(&self) -> &T {
                &self.inner
            }
        }

        $crate::guard::guard!(@$access $name $(<$life>)?);

        impl<$($life,)? R: $crate::Rank, T: std::fmt::Debug> std::fmt::Debug for $name<$($life,)? R, T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&**self, f)
            }
        }

        impl<$($life,)? R: $crate::Rank, T: std::fmt::Display> std::fmt::Display for $name<$($life,)? R, T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&**self, f)
            }
        }
    };
    (@fields $(#[$meta:meta])* $name:ident <$life:lifetime>, $inner:ty) => {
        $(#[$meta])*
        #[must_use = "if unused the lock is released at once"]
        #[clippy::has_significant_drop]
        pub struct $name<$life, R: $crate::Rank, T> {
            inner: $inner,
            #[expect(dead_code, reason = "held for its drop, after the lock itself is released")]
            held: $crate::checker::Held,
            rank: std::marker::PhantomData<fn() -> R>,
        }
    };
    (@fields $(#[$meta:meta])* $name:ident, $inner:ty) => {
        $(#[$meta])*
        #[must_use = "if unused the lock is released at once"]
        #[clippy::has_significant_drop]
        pub struct $name<R: $crate::Rank, T> {
            #[expect(dead_code, reason = "held for its drop, before the lock and its value are")]
            held: $crate::checker::Held,
            inner: $inner,
            rank: std::marker::PhantomData<fn() -> R>,
        }
    };
    (@read $name:ident $(<$life:lifetime>)?) => {};
    (@write $name:ident $(<$life:lifetime>)?) => {
        impl<$($life,)? R: $crate::Rank, T> std::ops::DerefMut for $name<$($life,)? R, T> {
            #[inline]
            fn deref_mut(&mut self) -> &mut T {
                &mut self.inner
            }
        }
    };
}

pub(crate) use guard;
