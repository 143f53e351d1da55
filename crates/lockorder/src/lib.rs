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
//! # From an existing program to a checked one
//!
//! 1. Take the locks that you suspect, and change the `use` line: [`learned::Mutex`] for
//!    `parking_lot::Mutex`, [`learned::tokio::Mutex`] for `tokio::sync::Mutex`, and so on. Nothing else
//!    changes: the guards are there by their names too. Run the tests: a lock that is taken in two orders is a report.
//! 2. Write down the order that you want, outermost first, with [`hierarchy!`], and give the locks their ranks,
//!    class by class: `Mutex<Ledger, T>` for `learned::Mutex<T>`. Now an order is wrong before any run has
//!    shown the other one.
//! 3. Where a program holds many locks of one class, mark it `[keyed]`, and take them with [`lock_many`].
//! 4. Wrap the arms of `join!` and `select!` in [`branch`], or use [`tokio::join`] and [`tokio::select`];
//!    spawn tasks that are waited for with [`tokio::spawn`] and [`tokio::spawn_blocking`].
//! 5. What cannot be mended today: [`suppress`] a pair with a reason, or [`set_policy_of`] a hierarchy.
//!
//! ```toml
//! [dependencies]
//! lockorder = { version = "0.1", features = ["tokio"] }
//! ```
//!
//! | feature | what it adds |
//! |---|---|
//! | `tokio` | [`tokio`]: async locks, holders that are tasks |
//! | `dashmap` | [`dashmap`]: a map whose references are locks |
//! | `enforce` | checks in builds without debug assertions |
//!
//! # What there is
//!
//! - Blocking: [`Mutex`], [`FairMutex`], [`ReentrantMutex`], [`RwLock`], [`Condvar`], [`OnceCell`], [`Lazy`];
//!   async: [`tokio::Mutex`], [`tokio::RwLock`], [`tokio::Semaphore`], [`tokio::OnceCell`];
//!   [`dashmap::DashMap`]. They are used like the ones they wrap. Beside each wait there is one for the time
//!   of the hierarchy (`lock_timed`) and one for a time (`lock_within`), which give up with an
//!   [`AcquireError`] that says who holds the lock.
//! - [`learned`]: the same without ranks. [`Held`] and [`Request`]: for locks that this crate does not know.
//! - [`Then`]: the order of two locks checked when the program is compiled.
//! - [`hand_over`]: a guard for another task.
//! - [`set_policy`] decides what a [`Violation`] does: panic, log, nothing, or call back.
//!   [`testing`] has violations as values. [`set_checker`] lets somebody else judge.
//! - [`snapshot`] lists what is held now, by whom, from where.
//! - With a `tracing` subscriber at DEBUG for the target `lockorder`, acquisitions and releases are events
//!   with their times. Time-outs and violations are events at WARN. A subscriber that takes ranked locks
//!   itself must not listen to its own: filter that target out.
//!
//! # What it cannot see
//!
//! Waiting that is not for a lock: channels, joining a thread, or a task that was not spawned through this
//! crate; a future that nobody polls. Locks of other types, unless [`Held`] tells of them. Locks taken by a
//! thread while its last thread-locals are destroyed. A blocking lock that stops the only thread of a
//! runtime, and with it another task that holds an async one. The other side of a `fork`. Tasks of other
//! runtimes than tokio's are not told apart: all futures that a thread drives outside of tokio tasks are one
//! holder, and so are a `block_on` root and its thread. Until a program has taken its first async lock, or a
//! blocking one inside a runtime, nobody asks in which task a blocking lock is taken; one that a thread took
//! for the first time before it entered its runtime may go unseen by the very first async one. A thread that had
//! locked something before it entered its runtime does not ask there either: what its tasks lock until the first
//! async lock is taken for its own.
//!
//! And it enforces a discipline: it reports an order that could deadlock even where a cleverer argument shows
//! that this program cannot.
//!
//! # `std::sync` locks
//!
//! These are refused. A lock that a panic has poisoned makes every later `lock` an error that nearly all
//! programs unwrap; `parking_lot` releases it instead, and so do these types. A program that relies on
//! poisoning keeps its `std::sync` lock and tells of it with [`Held`]. Refused too, because safe code cannot
//! give them: `RawMutex` and the other raw locks of `lock_api`, `force_unlock`, and values without a size
//! (put a `Box<dyn Trait>` inside).
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
//!
#![cfg_attr(feature = "tokio", doc = "[`tokio`]: tokio")]
#![cfg_attr(feature = "tokio", doc = "[`tokio::Mutex`]: tokio::Mutex")]
#![cfg_attr(feature = "tokio", doc = "[`tokio::RwLock`]: tokio::RwLock")]
#![cfg_attr(feature = "tokio", doc = "[`tokio::Semaphore`]: tokio::Semaphore")]
#![cfg_attr(feature = "tokio", doc = "[`tokio::OnceCell`]: tokio::OnceCell")]
#![cfg_attr(feature = "tokio", doc = "[`tokio::join`]: tokio::join")]
#![cfg_attr(feature = "tokio", doc = "[`tokio::select`]: tokio::select")]
#![cfg_attr(feature = "tokio", doc = "[`tokio::spawn`]: tokio::spawn")]
#![cfg_attr(feature = "tokio", doc = "[`tokio::spawn_blocking`]: tokio::spawn_blocking")]
#![cfg_attr(feature = "tokio", doc = "[`learned::tokio::Mutex`]: learned::tokio::Mutex")]
#![cfg_attr(feature = "tokio", doc = "[`branch`]: branch")]
#![cfg_attr(not(feature = "tokio"), doc = "[`tokio`]: #from-an-existing-program-to-a-checked-one")]
#![cfg_attr(
    not(feature = "tokio"),
    doc = "[`tokio::Mutex`]: #from-an-existing-program-to-a-checked-one"
)]
#![cfg_attr(
    not(feature = "tokio"),
    doc = "[`tokio::RwLock`]: #from-an-existing-program-to-a-checked-one"
)]
#![cfg_attr(
    not(feature = "tokio"),
    doc = "[`tokio::Semaphore`]: #from-an-existing-program-to-a-checked-one"
)]
#![cfg_attr(
    not(feature = "tokio"),
    doc = "[`tokio::OnceCell`]: #from-an-existing-program-to-a-checked-one"
)]
#![cfg_attr(
    not(feature = "tokio"),
    doc = "[`tokio::join`]: #from-an-existing-program-to-a-checked-one"
)]
#![cfg_attr(
    not(feature = "tokio"),
    doc = "[`tokio::select`]: #from-an-existing-program-to-a-checked-one"
)]
#![cfg_attr(
    not(feature = "tokio"),
    doc = "[`tokio::spawn`]: #from-an-existing-program-to-a-checked-one"
)]
#![cfg_attr(
    not(feature = "tokio"),
    doc = "[`tokio::spawn_blocking`]: #from-an-existing-program-to-a-checked-one"
)]
#![cfg_attr(
    not(feature = "tokio"),
    doc = "[`learned::tokio::Mutex`]: #from-an-existing-program-to-a-checked-one"
)]
#![cfg_attr(not(feature = "tokio"), doc = "[`branch`]: #from-an-existing-program-to-a-checked-one")]
#![cfg_attr(feature = "dashmap", doc = "[`dashmap`]: dashmap")]
#![cfg_attr(feature = "dashmap", doc = "[`dashmap::DashMap`]: dashmap::DashMap")]
#![cfg_attr(
    not(feature = "dashmap"),
    doc = "[`dashmap`]: #from-an-existing-program-to-a-checked-one"
)]
#![cfg_attr(
    not(feature = "dashmap"),
    doc = "[`dashmap::DashMap`]: #from-an-existing-program-to-a-checked-one"
)]
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
    ArcFairMutexGuard, ArcMutexGuard, ArcReentrantMutexGuard, ArcRwLockReadGuard,
    ArcRwLockUpgradableReadGuard, ArcRwLockWriteGuard, Condvar, FairMutex, FairMutexGuard, Lazy,
    MappedFairMutexGuard, MappedMutexGuard, MappedReentrantMutexGuard, MappedRwLockReadGuard,
    MappedRwLockWriteGuard, Mutex, MutexGuard, OnceCell, ReentrantMutex, ReentrantMutexGuard,
    RwLock, RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard, WaitTimeoutResult,
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
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Config = "config" } level 2 { Cache = "cache" } } }
/// use lockorder::{ENFORCING, Mutex, testing::violations};
///
/// let (config, cache) = (Mutex::<Config, _>::new(1), Mutex::<Cache, _>::new(2));
/// let found = violations(|| drop((cache.lock(), config.lock())));
/// assert_eq!(found.is_empty(), !ENFORCING); // a test that passes in both builds
/// ```
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
