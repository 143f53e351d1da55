use bytemuck::TransparentWrapper;

use super::access::{access, access_arc, release, share};
use crate::Rank;
use crate::ask::Exclusive;
use crate::cell::Cell;
use crate::checker::Held;
use crate::guard::{guard, map, try_map};
use crate::lock::lock;

/// A [`parking_lot::Mutex`] with a place in the order.
///
/// ```
/// lockorder::hierarchy! {
///     pub Bank {
///         level 1 { Ledger = "ledger" }
///         level 2 { Account = "account" [keyed] }
///     }
/// }
/// use lockorder::{Mutex, MutexGuard};
///
/// static LEDGER: Mutex<Ledger, u32> = Mutex::new(0);
/// static HOUSE: Mutex<Account, (u32, &str)> = Mutex::keyed(17, (100, "the house"));
///
/// let mut ledger = LEDGER.lock();
/// let mut balance = MutexGuard::map(HOUSE.lock(), |account| &mut account.0);
/// *balance -= 1;
/// *ledger += 1;
/// ```
#[derive(TransparentWrapper)]
#[repr(transparent)]
pub struct Mutex<R: Rank, T>(Cell<R, parking_lot::Mutex<T>>);

/// A [`parking_lot::FairMutex`] with a place in the order: whoever waited longest is next.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Turn = "turn" } } }
/// use lockorder::FairMutex;
///
/// static TURN: FairMutex<Turn, u32> = FairMutex::new(0);
/// *TURN.lock() += 1;
/// ```
#[derive(TransparentWrapper)]
#[repr(transparent)]
pub struct FairMutex<R: Rank, T>(Cell<R, parking_lot::FairMutex<T>>);

lock!(Mutex, parking_lot::Mutex<T>, parking_lot::const_mutex);
lock!(FairMutex, parking_lot::FairMutex<T>, parking_lot::const_fair_mutex);
share!(Mutex, parking_lot::Mutex<T>);
share!(FairMutex, parking_lot::FairMutex<T>);

access! {
    Mutex, MutexGuard, Exclusive, "the lock":
    lock, lock_timed, lock_within, try_lock, try_lock_for, try_lock_until
}
access! {
    FairMutex, FairMutexGuard, Exclusive, "the lock":
    lock, lock_timed, lock_within, try_lock, try_lock_for, try_lock_until
}
access_arc! {
    Mutex, ArcMutexGuard, Exclusive, "the lock":
    lock_arc, lock_arc_timed, lock_arc_within, try_lock_arc, try_lock_arc_for, try_lock_arc_until
}
access_arc! {
    FairMutex, ArcFairMutexGuard, Exclusive, "the lock":
    lock_arc, lock_arc_timed, lock_arc_within, try_lock_arc, try_lock_arc_for, try_lock_arc_until
}

macro_rules! is_locked {
    ($($lock:ident),*) => {$(
        impl<R: Rank, T> $lock<R, T> {
            /// Whether anybody holds it now.
            pub fn is_locked(&self) -> bool {
                self.raw().is_locked()
            }
        }
    )*};
}
is_locked!(Mutex, FairMutex);

guard! {
    /// Access to the value of a locked [`Mutex`]; releases the lock when dropped.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Queue = "queue" } } }
    /// use lockorder::{Mutex, MutexGuard};
    ///
    /// fn take_all(mut queue: MutexGuard<'_, Queue, Vec<u32>>) -> Vec<u32> {
    ///     std::mem::take(&mut *queue)
    /// } // released here
    ///
    /// let queue = Mutex::<Queue, _>::new(vec![1, 2]);
    /// assert_eq!(take_all(queue.lock()), [1, 2]);
    /// assert!(!queue.is_locked());
    /// ```
    MutexGuard ['a, R: Rank, T: ?Sized] ['a, R, T] => T, parking_lot::MutexGuard<'a, T>, write
}
guard! {
    /// Access to a part of the value of a locked [`Mutex`]: see [`MutexGuard::map`].
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Account = "account" } } }
    /// use lockorder::{MappedMutexGuard, Mutex, MutexGuard};
    ///
    /// fn balance(account: &Mutex<Account, (u32, String)>) -> MappedMutexGuard<'_, Account, u32> {
    ///     MutexGuard::map(account.lock(), |account| &mut account.0)
    /// }
    ///
    /// let account = Mutex::<Account, _>::new((100, "ann".to_owned()));
    /// *balance(&account) -= 10;
    /// assert_eq!(*balance(&account), 90);
    /// ```
    MappedMutexGuard ['a, R: Rank, T: ?Sized] ['a, R, T] => T,
    parking_lot::MappedMutexGuard<'a, T>, write
}
guard! {
    /// Access to the value of a locked [`Mutex`] that it keeps alive: see [`Mutex::lock_arc`].
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Log = "log" } } }
    /// # use std::sync::Arc;
    /// use lockorder::{ArcMutexGuard, Mutex};
    ///
    /// struct Writer {
    ///     log: ArcMutexGuard<Log, String>, // no lifetime
    /// }
    ///
    /// let log = Arc::new(Mutex::<Log, _>::new(String::new()));
    /// let mut writer = Writer { log: log.lock_arc() };
    /// writer.log.push_str("begun");
    /// assert!(log.is_locked());
    /// ```
    ArcMutexGuard [R: Rank, T] [R, T] => T,
    parking_lot::ArcMutexGuard<parking_lot::RawMutex, T>, write, owned parking_lot::Mutex<T>
}
guard! {
    /// Access to the value of a locked [`FairMutex`]; releases the lock when dropped.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Turn = "turn" } } }
    /// use lockorder::{FairMutex, FairMutexGuard};
    ///
    /// fn finish(mut turn: FairMutexGuard<'_, Turn, u32>) {
    ///     *turn += 1;
    /// } // now it is the turn of whoever waited longest
    ///
    /// let turn = FairMutex::<Turn, _>::new(0);
    /// finish(turn.lock());
    /// assert_eq!(*turn.lock(), 1);
    /// ```
    FairMutexGuard ['a, R: Rank, T: ?Sized] ['a, R, T] => T, parking_lot::FairMutexGuard<'a, T>, write
}
guard! {
    /// Access to a part of the value of a locked [`FairMutex`]: see [`FairMutexGuard::map`].
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Turn = "turn" } } }
    /// use lockorder::{FairMutex, FairMutexGuard, MappedFairMutexGuard};
    ///
    /// fn first(turns: &FairMutex<Turn, [u32; 2]>) -> MappedFairMutexGuard<'_, Turn, u32> {
    ///     FairMutexGuard::map(turns.lock(), |turns| &mut turns[0])
    /// }
    ///
    /// let turns = FairMutex::<Turn, _>::new([0, 0]);
    /// *first(&turns) += 1;
    /// assert_eq!(*turns.lock(), [1, 0]);
    /// ```
    MappedFairMutexGuard ['a, R: Rank, T: ?Sized] ['a, R, T] => T,
    parking_lot::MappedFairMutexGuard<'a, T>, write
}
guard! {
    /// Access to the value of a locked [`FairMutex`] that it keeps alive: see [`FairMutex::lock_arc`].
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Turn = "turn" } } }
    /// # use std::sync::Arc;
    /// use lockorder::{ArcFairMutexGuard, FairMutex};
    ///
    /// let turn = Arc::new(FairMutex::<Turn, _>::new(0));
    /// let mut guard: ArcFairMutexGuard<Turn, u32> = turn.lock_arc();
    /// drop(turn); // the guard keeps it alive
    /// *guard += 1;
    /// assert_eq!(*guard, 1);
    /// ```
    ArcFairMutexGuard [R: Rank, T] [R, T] => T,
    parking_lot::lock_api::ArcMutexGuard<parking_lot::RawFairMutex, T>, write,
    owned parking_lot::FairMutex<T>
}

macro_rules! map_both {
    ($($guard:ident: $inner:ident => $mapped:ident;)*) => {$(
        map! {
            $guard ['a, R: Rank, T: ?Sized] ['a, R, T] => $mapped ['a, R, U],
            parking_lot::$inner::map, [mut] T, keep [], part ?Sized
        }
        try_map! {
            $guard ['a, R: Rank, T: ?Sized] ['a, R, T] => $mapped ['a, R, U],
            parking_lot::$inner::try_map, [mut] T, keep [], part ?Sized
        }
    )*};
}
map_both! {
    MutexGuard: MutexGuard => MappedMutexGuard;
    MappedMutexGuard: MappedMutexGuard => MappedMutexGuard;
    FairMutexGuard: FairMutexGuard => MappedFairMutexGuard;
    MappedFairMutexGuard: MappedFairMutexGuard => MappedFairMutexGuard;
}
release!(MutexGuard ['a, R: Rank, T: ?Sized] ['a, R, T] MutexGuard);
release!(FairMutexGuard ['a, R: Rank, T: ?Sized] ['a, R, T] FairMutexGuard);

impl<'a, R: Rank, T: ?Sized> MutexGuard<'a, R, T> {
    /// The wrapped guard and the record, for a condition variable.
    pub(super) fn parts(&mut self) -> (&mut parking_lot::MutexGuard<'a, T>, &mut Held) {
        (&mut self.inner, &mut self.held)
    }
}
