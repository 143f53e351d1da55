use std::fmt;
use std::ops::Deref;
use std::panic::Location;

use crate::Rank;
use crate::ask::{Exclusive, Want};
use crate::cell::{Cell, Keying};
use crate::checker;
use crate::learned::{Learned, Placed};
use crate::lock::once;

type Raw<T> = once_cell::sync::OnceCell<T>;

/// A [`once_cell::sync::OnceCell`] with a place in the order.
///
/// Whoever asks for the value first makes it, and all others wait for that: so the cell is a lock that is
/// held while its initialiser runs, and what the initialiser locks must come after it.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Settings = "settings" } level 2 { Files = "files" } } }
/// use lockorder::{Mutex, OnceCell};
///
/// static FILES: Mutex<Files, u32> = Mutex::new(3);
/// static SETTINGS: OnceCell<Settings, u32> = OnceCell::new();
///
/// assert_eq!(*SETTINGS.get_or_init(|| *FILES.lock() + 1), 4);
/// assert_eq!(SETTINGS.get(), Some(&4));
/// ```
#[repr(transparent)]
pub struct OnceCell<R: Rank, T>(Cell<R, Raw<T>>);

once!(OnceCell, Raw<T>, Raw::new);

impl<R: Rank, T> OnceCell<R, T> {
    /// The value, if it was made.
    pub fn get(&self) -> Option<&T> {
        self.raw().get()
    }

    /// The value, if it was made.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        R::Keys::lock_mut(&mut self.0).get_mut()
    }

    /// The value; `make` makes it if nobody did, and others who ask wait for that.
    ///
    /// # Panics
    /// If the wait could deadlock and the [`Policy`](crate::Policy) is `Panic`. A panic of `make` is passed
    /// on, and the cell stays empty.
    #[track_caller]
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        enum Never {}
        match self.get_or_try_init(|| Ok::<_, Never>(make())) {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    /// As [`get_or_init`](Self::get_or_init), with an initialiser that can fail.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Port = "port" } } }
    /// # use lockorder::OnceCell;
    /// let port = OnceCell::<Port, u16>::new();
    /// assert!(port.get_or_try_init(|| "none".parse()).is_err()); // still empty
    /// assert_eq!(port.get_or_try_init(|| "443".parse()), Ok(&443));
    /// ```
    ///
    /// # Errors
    /// What `make` returned; the cell stays empty.
    ///
    /// # Panics
    /// As [`get_or_init`](Self::get_or_init).
    #[track_caller]
    pub fn get_or_try_init<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        match self.get() {
            Some(value) => Ok(value),
            None => self.init(Location::caller(), make),
        }
    }

    #[cold]
    fn init<E>(
        &self,
        site: &'static Location<'static>,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<&T, E> {
        let name = R::Keys::name(&self.0);
        let ask = Want::<R, _>::new(self.raw(), name, Exclusive, site).by_thread();
        let blocked = checker::blocked(ask);
        let asked = ask.check();
        self.raw().get_or_try_init(|| {
            drop(blocked); // it is this thread that makes the value
            let _held = ask.hold(asked);
            make()
        })
    }

    /// Gives the cell its value. If somebody is making one, waits for that.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Port = "port" } } }
    /// # use lockorder::OnceCell;
    /// let port = OnceCell::<Port, u16>::new();
    /// assert_eq!(port.set(443), Ok(()));
    /// assert_eq!(port.set(80), Err(80)); // it has its value
    /// ```
    ///
    /// # Errors
    /// The value, if there is one already.
    ///
    /// # Panics
    /// As [`get_or_init`](Self::get_or_init).
    #[track_caller]
    pub fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.get_or_init(|| value.take().expect("an initialiser runs once"));
        value.map_or(Ok(()), Err)
    }

    /// A cell that has its value.
    pub fn with_value(value: T) -> Self
    where
        Self: Default,
    {
        let cell = Self::default();
        // It is new: nobody makes another.
        let _ = cell.raw().set(value);
        cell
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

/// A [`once_cell::sync::Lazy`] with a place in the order: a value that is made when it is first looked at.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Settings = "settings" } level 2 { Files = "files" } } }
/// use lockorder::{Lazy, Mutex};
///
/// static FILES: Mutex<Files, u32> = Mutex::new(3);
/// static SETTINGS: Lazy<Settings, u32> = Lazy::new(|| *FILES.lock() + 1);
///
/// assert_eq!(*SETTINGS, 4);
/// ```
pub struct Lazy<R: Rank, T, F = fn() -> T> {
    cell: OnceCell<R, T>,
    make: parking_lot::Mutex<Option<F>>,
}

impl<R: Rank<Keys = crate::Unkeyed>, T, F> Lazy<R, T, F> {
    /// A value that `make` will make.
    pub const fn new(make: F) -> Self {
        Self { cell: OnceCell::<R, T>::new(), make: parking_lot::const_mutex(Some(make)) }
    }
}

impl<T, F> Lazy<Learned, T, F> {
    pub(crate) const fn unranked(place: Placed, make: F) -> Self {
        Self { cell: OnceCell::unranked(place), make: parking_lot::const_mutex(Some(make)) }
    }
}

impl<R: Rank, T, F> Lazy<R, T, F> {
    /// The value, if it was made.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Settings = "settings" } } }
    /// # use lockorder::Lazy;
    /// static SETTINGS: Lazy<Settings, u32> = Lazy::new(|| 7);
    /// assert_eq!(Lazy::get(&SETTINGS), None); // looking at it like this does not make it
    /// assert_eq!(*SETTINGS, 7);
    /// assert_eq!(Lazy::get(&SETTINGS), Some(&7));
    /// ```
    pub fn get(this: &Self) -> Option<&T> {
        this.cell.get()
    }
}

impl<R: Rank, T, F: FnOnce() -> T> Lazy<R, T, F> {
    /// The value, which is made now if it was not.
    ///
    /// # Panics
    /// If waiting for it could deadlock and the [`Policy`](crate::Policy) is `Panic`. If its initialiser
    /// panicked before.
    #[track_caller]
    pub fn force(this: &Self) -> &T {
        this.cell.get_or_init(|| {
            let make = this.make.lock().take();
            make.expect("the initialiser of this Lazy panicked before")()
        })
    }
}

impl<R: Rank, T, F: FnOnce() -> T> Deref for Lazy<R, T, F> {
    type Target = T;

    #[track_caller]
    fn deref(&self) -> &T {
        Self::force(self)
    }
}

impl<R: Rank, T: fmt::Debug, F> fmt::Debug for Lazy<R, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cell.fmt(f)
    }
}
