//! The ways in which a blocking lock is acquired, once for every lock and side of a lock.

/// Gives a lock the methods of one side of it, around those of the wrapped lock with the same names.
macro_rules! access {
    (
        $lock:ident, $guard:ident, $how:expr, $what:literal:
        $untimed:ident, $timed:ident, $within:ident, $try:ident, $try_for:ident, $try_until:ident
    ) => {
        impl<R: $crate::Rank, T> $lock<R, T> {
            #[doc = concat!("Waits for ", $what, " for as long as it takes.")]
            ///
            /// # Panics
            /// If the acquisition could deadlock and the [`Policy`](crate::Policy) is `Panic`.
            // Inlined whatever it costs: what is not the plain lock is a few instructions, and cold calls.
            #[inline(always)]
            #[track_caller]
            pub fn $untimed(&self) -> $guard<'_, R, T> {
                let ask = self.want($how).by_thread();
                if let Some(place) = $crate::checker::admit(&ask) {
                    let inner = self.raw().$untimed();
                    return $guard::new(inner, place.hold(&ask));
                }
                let (inner, held) = ask.take_slowly(|| self.raw().$untimed());
                $guard::new(inner, held)
            }

            #[doc = concat!("Waits for ", $what, " for the time of its hierarchy.")]
            ///
            /// # Errors
            /// [`AcquireError::TimedOut`](crate::AcquireError::TimedOut), which says who holds the lock.
            ///
            /// # Panics
            #[doc = concat!("As [`", stringify!($untimed), "`](Self::", stringify!($untimed), ").")]
            #[inline]
            #[track_caller]
            pub fn $timed(&self) -> Result<$guard<'_, R, T>, $crate::AcquireError> {
                self.$within(<R::Hierarchy as $crate::Hierarchy>::table().timeout())
            }

            #[doc = concat!("Waits for ", $what, " for `limit` at most.")]
            ///
            /// # Errors
            /// [`AcquireError::TimedOut`](crate::AcquireError::TimedOut), which says who holds the lock.
            ///
            /// # Panics
            #[doc = concat!("As [`", stringify!($untimed), "`](Self::", stringify!($untimed), ").")]
            #[inline]
            #[track_caller]
            pub fn $within(
                &self,
                limit: std::time::Duration,
            ) -> Result<$guard<'_, R, T>, $crate::AcquireError> {
                let ask = self.want($how).by_thread();
                let (inner, held) = ask.take_within(limit, |limit| self.raw().$try_for(limit))?;
                Ok($guard::new(inner, held))
            }

            #[doc = concat!("Takes ", $what, " if it is free. Cannot block, so it is never a violation.")]
            #[inline]
            #[track_caller]
            pub fn $try(&self) -> Option<$guard<'_, R, T>> {
                let inner = self.raw().$try()?;
                Some($guard::new(inner, self.want($how).by_thread().hold_tried()))
            }

            #[doc = concat!("As [`", stringify!($within), "`](Self::", stringify!($within), "), without")]
            /// the reason.
            #[inline]
            #[track_caller]
            pub fn $try_for(&self, limit: std::time::Duration) -> Option<$guard<'_, R, T>> {
                self.$within(limit).ok()
            }

            #[doc = concat!("As [`", stringify!($try_for), "`](Self::", stringify!($try_for), "), until")]
            /// a point in time.
            #[inline]
            #[track_caller]
            pub fn $try_until(&self, end: std::time::Instant) -> Option<$guard<'_, R, T>> {
                self.$try_for(end.saturating_duration_since(std::time::Instant::now()))
            }
        }
    };
}

/// As `access!`, for the guards that own their lock.
macro_rules! access_arc {
    (
        $lock:ident, $guard:ident, $how:expr, $what:literal:
        $arc:ident, $timed:ident, $within:ident, $try_arc:ident, $try_for:ident, $try_until:ident
    ) => {
        impl<R: $crate::Rank, T> $lock<R, T> {
            #[doc = concat!("Waits for ", $what, ", with a guard that keeps the lock alive.")]
            ///
            /// # Panics
            /// If the acquisition could deadlock and the [`Policy`](crate::Policy) is `Panic`.
            #[track_caller]
            pub fn $arc(self: &std::sync::Arc<Self>) -> $guard<R, T> {
                let (raw, keep) = self.share();
                let (inner, held) = self.want($how).by_thread().take(|| raw.$arc());
                $guard::new(inner, keep, held)
            }

            #[doc = concat!("As [`", stringify!($arc), "`](Self::", stringify!($arc), "), for the time of its hierarchy.")]
            ///
            /// # Errors
            /// [`AcquireError::TimedOut`](crate::AcquireError::TimedOut), which says who holds the lock.
            ///
            /// # Panics
            #[doc = concat!("As [`", stringify!($arc), "`](Self::", stringify!($arc), ").")]
            #[track_caller]
            pub fn $timed(self: &std::sync::Arc<Self>) -> Result<$guard<R, T>, $crate::AcquireError> {
                self.$within(<R::Hierarchy as $crate::Hierarchy>::table().timeout())
            }

            #[doc = concat!("As [`", stringify!($arc), "`](Self::", stringify!($arc), "), for `limit` at most.")]
            ///
            /// # Errors
            /// [`AcquireError::TimedOut`](crate::AcquireError::TimedOut), which says who holds the lock.
            ///
            /// # Panics
            #[doc = concat!("As [`", stringify!($arc), "`](Self::", stringify!($arc), ").")]
            #[track_caller]
            pub fn $within(
                self: &std::sync::Arc<Self>,
                limit: std::time::Duration,
            ) -> Result<$guard<R, T>, $crate::AcquireError> {
                let (raw, keep) = self.share();
                let ask = self.want($how).by_thread();
                let (inner, held) = ask.take_within(limit, |limit| raw.$try_for(limit))?;
                Ok($guard::new(inner, keep, held))
            }

            #[doc = concat!("As [`", stringify!($within), "`](Self::", stringify!($within), "), without")]
            /// the reason.
            #[track_caller]
            pub fn $try_for(
                self: &std::sync::Arc<Self>,
                limit: std::time::Duration,
            ) -> Option<$guard<R, T>> {
                self.$within(limit).ok()
            }

            #[doc = concat!("As [`", stringify!($try_for), "`](Self::", stringify!($try_for), "), until")]
            /// a point in time.
            #[track_caller]
            pub fn $try_until(
                self: &std::sync::Arc<Self>,
                end: std::time::Instant,
            ) -> Option<$guard<R, T>> {
                self.$try_for(end.saturating_duration_since(std::time::Instant::now()))
            }

            #[doc = concat!("Takes ", $what, " if it is free, with a guard that keeps the lock alive.")]
            #[track_caller]
            pub fn $try_arc(self: &std::sync::Arc<Self>) -> Option<$guard<R, T>> {
                let (raw, keep) = self.share();
                let inner = raw.$try_arc()?;
                Some($guard::new(inner, keep, self.want($how).by_thread().hold_tried()))
            }
        }
    };
}

/// Gives a lock the `Arc` of the lock that it wraps.
macro_rules! share {
    ($lock:ident, $raw:ty) => {
        impl<R: $crate::Rank, T> $lock<R, T> {
            fn share(
                self: &std::sync::Arc<Self>,
            ) -> (std::sync::Arc<$raw>, $crate::cell::Keep<R, $raw>) {
                use bytemuck::TransparentWrapperAlloc;
                <R::Keys as $crate::cell::Keying>::share(Self::peel_arc(std::sync::Arc::clone(
                    self,
                )))
            }
        }
    };
}

/// Gives a guard what releases its lock for a moment, or in another way than by being dropped.
macro_rules! release {
    ($name:ident [$($decl:tt)*] [$($use:tt)*] $inner:ident) => {
        $crate::blocking::access::release!($name [$($decl)*] [$($use)*] $inner, |_guard| || false);
    };
    // With what says whether the caller has the lock besides, so that it cannot wait for it.
    ($name:ident [$($decl:tt)*] [$($use:tt)*] $inner:ident, |$guard:ident| $owned:expr) => {
        impl<$($decl)*> $name<$($use)*> {
            /// Releases the lock while `f` runs, and waits for it again.
            ///
            /// # Panics
            /// If waiting for it again could deadlock and the [`Policy`](crate::Policy) is `Panic`.
            #[track_caller]
            pub fn unlocked<U>(this: &mut Self, f: impl FnOnce() -> U) -> U {
                let site = std::panic::Location::caller();
                let $guard = &this.inner;
                let is_owned = $owned;
                let inner = &mut this.inner;
                this.held.away(site, |before_relock| {
                    parking_lot::$inner::unlocked(inner, || {
                        let result = f();
                        if !is_owned() {
                            before_relock();
                        }
                        result
                    })
                })
            }

            /// Releases the lock, and hands it to the next who waits, if somebody does.
            pub fn unlock_fair(this: Self) {
                parking_lot::$inner::unlock_fair(this.inner);
            }

            /// Lets others who wait have the lock, and waits for it again.
            ///
            /// # Panics
            /// As [`unlocked`](Self::unlocked).
            #[track_caller]
            pub fn bump(this: &mut Self) {
                let site = std::panic::Location::caller();
                let $guard = &this.inner;
                let is_owned = $owned;
                let is_owned = is_owned();
                let inner = &mut this.inner;
                this.held.away(site, |before_relock| {
                    if !is_owned {
                        before_relock();
                    }
                    parking_lot::$inner::bump(inner);
                });
            }
        }
    };
}

pub(super) use {access, access_arc, release, share};
