//! Lock ranks as types: deadlocks become reports.
//!
//! A program declares the order of its locks once, in one table. Each row is a type, and that type is part
//! of every lock of its class. In builds with checks, each acquisition that could deadlock is reported
//! *before* it blocks, with both locks and both places, whether or not this run would have hung. Blocking
//! locks (`parking_lot`) and async locks (`tokio`) are checked against the same order. In builds without
//! checks an unkeyed lock is the plain lock: same size, same code.
//!
//! ```should_panic
//! lockorder::hierarchy! {
//!     /// The locks of a bank, outermost first.
//!     pub Bank {
//!         level 1 { /// Who owes whom.
//!                   Ledger = "ledger" }
//!         level 2 { /// One account.
//!                   Account = "account" }
//!     }
//! }
//! use lockorder::Mutex;
//!
//! let ledger = Mutex::<Ledger, _>::new(0);
//! let account = Mutex::<Account, _>::new(100);
//!
//! let account = account.lock();
//! let ledger = ledger.lock(); // panics: the ledger comes first
//! # assert!(lockorder::ENFORCING); // with checks off the example cannot show it
//! ```
//!
//! # Why it is right
//!
//! A deadlock of locks is a cycle of holders, each waiting for a lock that the next one holds. Let every
//! lock have a rank, and let every holder wait only for locks that rank above all that it holds. Then along
//! such a cycle the ranks would rise for ever, which no finite table allows: there is no cycle. Equal ranks
//! are covered by keys, which rise in the same way.
//!
//! What this rests on: a holder is whoever is stopped by the wait. For a blocking lock that is the thread,
//! so a blocking acquisition is checked against all that the thread holds and against the async locks of
//! the task it runs. For an async lock it is the task, or the [`branch`] of a task, so an async acquisition
//! is checked against what that task or branch took, on whatever thread.
//!
//! # What it cannot see
//!
//! Waiting that is not for a lock: channels, joining a thread or task, a future that nobody polls. Locks
//! that are not of this crate. Locks taken by a thread while its last thread-locals are destroyed. A blocking
//! lock that stops the only thread of a runtime, and with it another task that holds an async one. Tasks of
//! other runtimes than tokio's are not told apart: all futures that a thread drives outside of tokio tasks
//! are one holder.
//!
//! And it enforces a discipline: it reports an order that could deadlock even where a cleverer argument shows
//! that this program cannot.
//!
//! # Using it
//!
//! - [`hierarchy!`] declares the table.
//! - [`Mutex`], [`RwLock`], and with the feature `tokio` [`tokio::Mutex`], [`tokio::RwLock`] and
//!   [`tokio::Semaphore`], are the locks. They are used like the ones they wrap, and have `.._timed` and
//!   `.._within` methods that give up with an [`AcquireError`] that says who holds the lock.
//! - [`set_policy`] decides what a [`Violation`] does: panic, log, or call back.
//! - [`snapshot`] lists what is held now, by whom, from where.
//! - With a `tracing` subscriber at DEBUG for the target `lockorder`, acquisitions and releases are events
//!   with their times. Time-outs and violations are events at WARN. A subscriber that takes ranked locks
//!   itself must not listen to its own: filter that target out.
//!
//! # When checks are on
//!
//! Under `debug_assertions`, or with the feature `enforce`: see [`ENFORCING`]. A semaphore, a time-out and
//! the WARN event of one work in every build; with checks off nothing is recorded, so a time-out names the
//! lock, the place and the wait, but no holder.
//!
//! # When not to use it
//!
//! Where one lock is enough, or where no code holds two at once: a plain lock says so with less. Where
//! locks are held in an order that only the data decides and that no key expresses.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod ask;
mod blocking;
mod cell;
#[cfg(any(debug_assertions, feature = "enforce"))]
mod checker;
#[cfg(not(any(debug_assertions, feature = "enforce")))]
#[path = "unchecked.rs"]
mod checker;
mod class;
#[cfg(feature = "dashmap")]
pub mod dashmap;
mod error;
mod event;
mod guard;
mod hand_over;
mod held;
mod hierarchy;
mod judge;
pub mod learned;
mod lock;
mod many;
mod policy;
mod report;
pub mod testing;
mod then;
#[cfg(feature = "tokio")]
pub mod tokio;
mod violation;

#[cfg(feature = "tokio")]
#[doc(hidden)]
pub use ::tokio as __tokio;
pub use blocking::{
    ArcFairMutexGuard, ArcMutexGuard, ArcRwLockReadGuard, ArcRwLockWriteGuard, Condvar, FairMutex,
    FairMutexGuard, Lazy, MappedFairMutexGuard, MappedMutexGuard, MappedReentrantMutexGuard,
    MappedRwLockReadGuard, MappedRwLockWriteGuard, Mutex, MutexGuard, OnceCell, ReentrantMutex,
    ReentrantMutexGuard, RwLock, RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard,
    WaitTimeoutResult,
};
#[cfg(feature = "tokio")]
pub use checker::Branch;
#[doc(hidden)]
pub use class::table as __table;
pub use class::{Class, Hierarchy, Keyed, Keying, Rank, Table, Unkeyed};
pub use error::{AcquireError, TimedOut};
pub use hand_over::{HandedOver, Transfer, hand_over};
pub use held::{Checked, Held, Request};
pub use judge::{Breach, Checker, Edge, LearnedOrder, Off, RankOrder, reset_checker, set_checker};
pub use many::{Lockable, Lockables, Read, SameKey, Sortable, Write, lock_many};
pub use policy::{Policy, Suppression, set_policy, set_policy_of, suppress, suppressions};
pub use report::{Acquisition, HeldLock, Holder, Mode};
pub use then::{Ranked, Then};
pub use violation::{Violation, ViolationKind};

/// Whether this build checks the order: under `debug_assertions`, or with the feature `enforce`.
pub const ENFORCING: bool = cfg!(any(debug_assertions, feature = "enforce"));

/// What is held now, by whom, from where. Empty with checks off.
///
/// Each row was true at one moment, but not all at the same one: the program goes on meanwhile.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Config = "config" } } }
/// let config = lockorder::Mutex::<Config, _>::new(());
/// let guard = config.lock();
/// for held in lockorder::snapshot() {
///     println!("{held}"); // config (level 1), exclusive, at src/main.rs:3:20 held by thread main
/// }
/// # assert_eq!(lockorder::snapshot().len(), usize::from(lockorder::ENFORCING));
/// ```
pub fn snapshot() -> Vec<HeldLock> {
    checker::snapshot()
}

/// Makes a future a holder of its own: for the arms of a `join!` or `select!`.
///
/// The arms of one `join!` are polled by one task and wait for each other's locks like two tasks do. Unless
/// each is a branch they count as one holder, and the order in which they happen to interleave is taken for
/// an order of one. A branch is still checked against what the task held when it came to the `join!`.
///
/// What a branch still holds when it ends, because a guard was returned, is its task's from then on.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Outer = "outer" } level 2 { Inner = "inner" } } }
/// # use lockorder::{branch, tokio::Mutex};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let outer = Mutex::<Outer, _>::new(());
/// let inner = Mutex::<Inner, _>::new(());
/// tokio::join!(
///     branch(async {
///         let _inner = inner.lock().await;
///         tokio::task::yield_now().await;
///     }),
///     // Without `branch` this would be: outer wanted while inner is held.
///     branch(async { drop(outer.lock().await) }),
/// );
/// # }
/// ```
#[cfg(feature = "tokio")]
pub fn branch<F: Future>(future: F) -> Branch<F> {
    Branch::new(future)
}

/// With checks off a lock and its guard are the wrapped ones.
#[cfg(not(any(debug_assertions, feature = "enforce")))]
mod same_size;
