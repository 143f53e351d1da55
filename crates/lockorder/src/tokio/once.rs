use std::fmt;
use std::future::Future;

use tokio::sync::SetError;

use crate::Rank;
use crate::ask::{Exclusive, Want};
use crate::cell::{Cell, Keying};
use crate::lock::once;

type Raw<T> = tokio::sync::OnceCell<T>;

/// A [`tokio::sync::OnceCell`] with a place in the order.
///
/// Whoever asks for the value first makes it, and all others wait for that: so the cell is a lock that is
/// held while its initialiser runs, and what the initialiser locks must come after it.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Session = "session" } level 2 { Keys = "keys" } } }
/// use lockorder::tokio::{Mutex, OnceCell};
///
/// static KEYS: Mutex<Keys, u32> = Mutex::new(3);
/// static SESSION: OnceCell<Session, u32> = OnceCell::new();
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// assert_eq!(*SESSION.get_or_init(|| async { *KEYS.lock().await + 1 }).await, 4);
/// assert_eq!(SESSION.get(), Some(&4));
/// # }
/// ```
#[repr(transparent)]
pub struct OnceCell<R: Rank, T>(Cell<R, Raw<T>>);

once!(OnceCell, Raw<T>, Raw::const_new);

impl<R: Rank, T> OnceCell<R, T> {
    /// The value, if it was made.
    pub fn get(&self) -> Option<&T> {
        self.raw().get()
    }

    /// The value, if it was made.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        R::Keys::lock_mut(&mut self.0).get_mut()
    }

    /// Whether the value was made.
    pub fn initialized(&self) -> bool {
        self.raw().initialized()
    }

    /// The value; `make` makes it if nobody did, and others who ask wait for that.
    ///
    /// # Cancel safety
    /// Dropping the future drops that of `make`; the cell stays empty, and the next who waits makes the
    /// value.
    ///
    /// # Panics
    /// If the wait could deadlock and the [`Policy`](crate::Policy) is `Panic`.
    #[track_caller]
    pub fn get_or_init<F, Fut>(&self, make: F) -> impl Future<Output = &T>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        enum Never {}
        let made = self.get_or_try_init(|| {
            let made = make();
            async { Ok::<_, Never>(made.await) }
        });
        async {
            match made.await {
                Ok(value) => value,
                Err(never) => match never {},
            }
        }
    }

    /// As [`get_or_init`](Self::get_or_init), with an initialiser that can fail.
    ///
    /// # Errors
    /// What `make` returned; the cell stays empty.
    ///
    /// # Cancel safety
    /// As [`get_or_init`](Self::get_or_init).
    ///
    /// # Panics
    /// As [`get_or_init`](Self::get_or_init).
    #[track_caller]
    pub fn get_or_try_init<E, F, Fut>(&self, make: F) -> impl Future<Output = Result<&T, E>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let name = R::Keys::name(&self.0);
        let want = Want::<R, _>::new(self.raw(), name, Exclusive, std::panic::Location::caller());
        async move {
            if let Some(value) = self.get() {
                return Ok(value);
            }
            let asked = want.by_task().check();
            let made = self.raw().get_or_try_init(|| {
                let held = want.by_task().hold(asked);
                let made = make();
                async move {
                    let _held = held;
                    made.await
                }
            });
            made.await
        }
    }

    /// Gives the cell its value.
    ///
    /// # Errors
    /// The value, if there is one already or somebody is making one.
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        self.raw().set(value)
    }

    /// Takes the value out.
    pub fn take(&mut self) -> Option<T> {
        R::Keys::lock_mut(&mut self.0).take()
    }

    /// Takes the cell apart.
    pub fn into_inner(self) -> Option<T> {
        R::Keys::into_lock(self.0).into_inner()
    }
}

impl<R: Rank, T: fmt::Debug> fmt::Debug for OnceCell<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw().fmt(f)
    }
}
