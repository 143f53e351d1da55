use std::fmt;
use std::marker::PhantomData;

use tokio::sync::AcquireError as ClosedError;

use super::semaphore::Wanted;
use crate::ask::{Grant, Granted, Permits};
use crate::cell::Keep;
use crate::checker::Held;
use crate::error::AcquireError;
use crate::{Mode, Rank};

/// Permits of a [`Semaphore`](super::Semaphore); gives them back when dropped.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Slots = "slots" } } }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), lockorder::AcquireError> {
/// let slots = lockorder::tokio::Semaphore::<Slots>::new(5);
/// let mut three = slots.acquire_many(3).await?;
/// let one = three.split(1);
/// assert_eq!((three.num_permits(), slots.available_permits()), (2, 2));
/// drop(one);
/// three.forget(); // these two are gone for good
/// assert_eq!(slots.available_permits(), 3);
/// # Ok(())
/// # }
/// ```
#[must_use = "if unused the permits are given back at once"]
#[clippy::has_significant_drop]
pub struct SemaphorePermit<'a, R: Rank> {
    inner: tokio::sync::SemaphorePermit<'a>,
    held: Held,
    rank: PhantomData<fn() -> R>,
}

/// Permits of a [`Semaphore`](super::Semaphore) that they keep alive; gives them back when dropped, on
/// whatever thread and in whatever task.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Slots = "slots" } } }
/// # use std::sync::Arc;
/// use lockorder::{hand_over, tokio::Semaphore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), lockorder::AcquireError> {
/// let slots = Arc::new(Semaphore::<Slots>::new(1));
/// let permit = hand_over(Arc::clone(&slots).acquire_owned().await?);
/// let upload = tokio::spawn(async move { drop(permit.take_over()) });
/// upload.await.unwrap();
/// assert_eq!(slots.available_permits(), 1);
/// # Ok(())
/// # }
/// ```
#[must_use = "if unused the permits are given back at once"]
#[clippy::has_significant_drop]
pub struct OwnedSemaphorePermit<R: Rank> {
    inner: tokio::sync::OwnedSemaphorePermit,
    held: Held,
    keep: Keep<R, tokio::sync::Semaphore>,
}

impl<'a, R: Rank> SemaphorePermit<'a, R> {
    pub(super) fn new(inner: tokio::sync::SemaphorePermit<'a>, held: Held) -> Self {
        Self { inner, held, rank: PhantomData }
    }

    /// Takes `n` of the permits out, or none if they are not so many.
    #[track_caller]
    pub fn split(&mut self, n: usize) -> Option<Self> {
        let inner = self.inner.split(n)?;
        let held = self.held.split(mode(&self.inner), mode(&inner));
        Some(Self::new(inner, held))
    }
}

impl<R: Rank> OwnedSemaphorePermit<R> {
    pub(super) fn new(
        inner: tokio::sync::OwnedSemaphorePermit,
        keep: Keep<R, tokio::sync::Semaphore>,
        held: Held,
    ) -> Self {
        Self { inner, held, keep }
    }

    /// Takes `n` of the permits out, or none if they are not so many.
    #[track_caller]
    pub fn split(&mut self, n: usize) -> Option<Self> {
        let inner = self.inner.split(n)?;
        let held = self.held.split(mode(&self.inner), mode(&inner));
        Some(Self::new(inner, self.keep.clone(), held))
    }
}

/// What both kinds of permits can do.
macro_rules! permit {
    ($name:ident [$($life:lifetime)?]) => {
        impl<R: Rank> $name<$($life,)? R> {
            /// Makes one of two.
            ///
            /// # Panics
            /// If the permits are of different semaphores.
            pub fn merge(&mut self, other: Self) {
                self.inner.merge(other.inner);
                self.held.merge(other.held, mode(&self.inner));
            }

            /// Ends ownership: the permits are lost to the semaphore, and no longer held by anybody.
            pub fn forget(self) {
                self.inner.forget();
            }

            /// How many permits it is.
            pub fn num_permits(&self) -> usize {
                self.inner.num_permits()
            }
        }

        impl<R: Rank> fmt::Debug for $name<$($life,)? R> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.num_permits()).finish()
            }
        }

        impl<R: Rank> crate::then::Ranked for $name<$($life,)? R> {
            type Rank = R;
        }

        impl<R: Rank> crate::then::Then for $name<$($life,)? R> {}

        impl<R: Rank> crate::hand_over::Sealed for $name<$($life,)? R> {
            fn held(&mut self) -> &mut Held {
                &mut self.held
            }
        }

        impl Counted for tokio::sync::$name$(<$life>)? {
            fn count(&self) -> usize {
                self.num_permits()
            }
        }
    };
}
permit!(SemaphorePermit ['_]);
permit!(OwnedSemaphorePermit []);

trait Counted {
    fn count(&self) -> usize;
}

fn mode(permit: &impl Counted) -> Mode {
    // Permits are acquired by `u32`s; only merging could make more of them.
    Mode::Permits(u32::try_from(permit.count()).unwrap_or(u32::MAX))
}

impl<'a, R: Rank> Granted<R, Permits, Result<tokio::sync::SemaphorePermit<'a>, ClosedError>>
    for Result<SemaphorePermit<'a, R>, AcquireError>
{
    #[inline(always)]
    fn granted(
        inner: Result<tokio::sync::SemaphorePermit<'a>, ClosedError>,
        want: &Wanted<R>,
        grant: Grant,
    ) -> Self {
        match inner {
            Ok(inner) => Ok(SemaphorePermit::new(inner, grant.hold(want))),
            Err(_) => Err(want.by_task().closed()),
        }
    }
}

type Owned<R> =
    (Result<tokio::sync::OwnedSemaphorePermit, ClosedError>, Keep<R, tokio::sync::Semaphore>);

impl<R: Rank> Granted<R, Permits, Owned<R>> for Result<OwnedSemaphorePermit<R>, AcquireError> {
    #[inline(always)]
    fn granted((inner, keep): Owned<R>, want: &Wanted<R>, grant: Grant) -> Self {
        match inner {
            Ok(inner) => Ok(OwnedSemaphorePermit::new(inner, keep, grant.hold(want))),
            Err(_) => Err(want.by_task().closed()),
        }
    }
}
