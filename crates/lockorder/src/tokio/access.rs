//! The ways in which an async lock is acquired, once for every lock and side of a lock.

/// Gives a lock the methods of one side of it, around those of the wrapped lock with the same names.
macro_rules! access {
    (
        $lock:ident, $guard:ident, $owned:ident, $how:expr, $what:literal:
        $untimed:ident, $timed:ident, $within:ident, $try:ident, $blocking:ident,
        $untimed_owned:ident, $timed_owned:ident, $within_owned:ident, $try_owned:ident
    ) => {
        impl<R: $crate::Rank, T> $lock<R, T> {
            #[doc = concat!("Waits for ", $what, " for as long as it takes.")]
            ///
            /// # Cancel safety
            /// Dropping the future gives up the place in the queue and leaves nothing behind.
            ///
            /// # Panics
            /// If the acquisition could deadlock and the [`Policy`](crate::Policy) is `Panic`.
            #[track_caller]
            pub fn $untimed(&self) -> impl Future<Output = $guard<'_, R, T>> {
                #[cfg(any(debug_assertions, feature = "enforce"))]
                {
                    let now = || self.raw().$try().ok();
                    wait::forever(self.want($how), now, self.raw().$untimed())
                }
                #[cfg(not(any(debug_assertions, feature = "enforce")))]
                wait::bare(self.raw().$untimed())
            }

            #[doc = concat!("Waits for ", $what, " for the time of its hierarchy.")]
            ///
            /// # Errors
            /// [`AcquireError::TimedOut`], which says who holds the lock.
            ///
            /// # Cancel safety
            /// Dropping the future gives up the place in the queue and leaves nothing behind.
            ///
            /// # Panics
            #[doc = concat!("As [`", stringify!($untimed), "`](Self::", stringify!($untimed), "); and outside")]
            /// a tokio runtime with time enabled, if it has to wait.
            #[track_caller]
            pub fn $timed(&self) -> impl Future<Output = Result<$guard<'_, R, T>, AcquireError>> {
                self.$within(<R::Hierarchy as $crate::Hierarchy>::table().timeout())
            }

            #[doc = concat!("Waits for ", $what, " for `limit` at most.")]
            ///
            /// # Errors
            /// [`AcquireError::TimedOut`], which says who holds the lock.
            ///
            /// # Cancel safety
            /// Dropping the future gives up the place in the queue and leaves nothing behind.
            ///
            /// # Panics
            #[doc = concat!("As [`", stringify!($timed), "`](Self::", stringify!($timed), ").")]
            #[track_caller]
            pub fn $within(
                &self,
                limit: Duration,
            ) -> impl Future<Output = Result<$guard<'_, R, T>, AcquireError>> {
                wait::within(self.want($how), limit, self.raw().$untimed())
            }

            #[doc = concat!("Takes ", $what, " if it is free. Cannot wait, so it is never a violation.")]
            ///
            /// # Errors
            /// If it is not free.
            #[track_caller]
            pub fn $try(&self) -> Result<$guard<'_, R, T>, TryLockError> {
                $crate::checker::arrive();
                let inner = self.raw().$try()?;
                Ok($guard::new(inner, self.want($how).by_task().hold_tried()))
            }

            #[doc = concat!("Waits for ", $what, " outside of async code: stops the thread.")]
            ///
            /// # Panics
            /// Inside of async code. If the acquisition could deadlock and the [`Policy`](crate::Policy) is
            /// `Panic`.
            #[track_caller]
            pub fn $blocking(&self) -> $guard<'_, R, T> {
                let (inner, held) = self.want($how).by_task().take_blocking(|| self.raw().$blocking());
                $guard::new(inner, held)
            }

            #[doc = concat!("As [`", stringify!($untimed), "`](Self::", stringify!($untimed), "), with a")]
            /// guard that owns its lock and may travel.
            ///
            /// # Cancel safety
            /// Dropping the future gives up the place in the queue and leaves nothing behind.
            ///
            /// # Panics
            #[doc = concat!("As [`", stringify!($untimed), "`](Self::", stringify!($untimed), ").")]
            #[track_caller]
            pub fn $untimed_owned(self: Arc<Self>) -> impl Future<Output = $owned<R, T>> {
                let want = self.want($how);
                let (raw, keep) = self.share();
                wait::forever(want, || None, wait::keeping(raw.$untimed_owned(), keep))
            }

            #[doc = concat!("As [`", stringify!($timed), "`](Self::", stringify!($timed), "), with a guard")]
            /// that owns its lock and may travel.
            ///
            /// # Errors
            /// [`AcquireError::TimedOut`], which says who holds the lock.
            ///
            /// # Cancel safety
            /// Dropping the future gives up the place in the queue and leaves nothing behind.
            ///
            /// # Panics
            #[doc = concat!("As [`", stringify!($timed), "`](Self::", stringify!($timed), ").")]
            #[track_caller]
            pub fn $timed_owned(
                self: Arc<Self>,
            ) -> impl Future<Output = Result<$owned<R, T>, AcquireError>> {
                self.$within_owned(<R::Hierarchy as $crate::Hierarchy>::table().timeout())
            }

            #[doc = concat!("As [`", stringify!($within), "`](Self::", stringify!($within), "), with a guard")]
            /// that owns its lock and may travel.
            ///
            /// # Errors
            /// [`AcquireError::TimedOut`], which says who holds the lock.
            ///
            /// # Cancel safety
            /// Dropping the future gives up the place in the queue and leaves nothing behind.
            ///
            /// # Panics
            #[doc = concat!("As [`", stringify!($timed), "`](Self::", stringify!($timed), ").")]
            #[track_caller]
            pub fn $within_owned(
                self: Arc<Self>,
                limit: Duration,
            ) -> impl Future<Output = Result<$owned<R, T>, AcquireError>> {
                let want = self.want($how);
                let (raw, keep) = self.share();
                wait::within(want, limit, wait::keeping(raw.$untimed_owned(), keep))
            }

            #[doc = concat!("As [`", stringify!($try), "`](Self::", stringify!($try), "), with a guard that")]
            /// owns its lock and may travel.
            ///
            /// # Errors
            /// If it is not free.
            #[track_caller]
            pub fn $try_owned(self: Arc<Self>) -> Result<$owned<R, T>, TryLockError> {
                let want = self.want($how);
                let (raw, keep) = self.share();
                $crate::checker::arrive();
                Ok($owned::new(raw.$try_owned()?, keep, want.by_task().hold_tried()))
            }
        }
    };
}

/// Gives a lock the `Arc` of the lock that it wraps.
macro_rules! share {
    ($lock:ident, $raw:ty) => {
        impl<R: $crate::Rank, T> $lock<R, T> {
            fn share(self: Arc<Self>) -> (Arc<$raw>, $crate::cell::Keep<R, $raw>) {
                <R::Keys as $crate::cell::Keying>::share(Self::peel_arc(self))
            }
        }
    };
}

pub(super) use {access, share};
