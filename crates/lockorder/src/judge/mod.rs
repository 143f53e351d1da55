//! What decides whether an acquisition could deadlock.
//!
//! The recording of who holds what is one thing, and the same for everybody; judging an acquisition against
//! it is another, and has a trait: [`Checker`]. The built-in judgement is [`RankOrder`], then
//! [`LearnedOrder`]. While nothing else is set, the common case of it is decided inline.

mod learned;
mod rank;

use std::sync::Arc;

pub use learned::{Edge, LearnedOrder};
use parking_lot::RwLock;
pub use rank::RankOrder;

use crate::report::Acquisition;
use crate::violation::ViolationKind;

/// Judges acquisitions, and may watch them.
///
/// Its hooks are called on the path of every lock, so what they lock themselves is neither checked nor
/// logged. A pair of checkers is a checker: the second is asked where the first finds nothing.
///
/// ```
/// use lockorder::{Acquisition, Breach, Checker, LearnedOrder, RankOrder};
///
/// struct Trace;
///
/// impl Checker for Trace {
///     fn check(&self, wanted: &Acquisition, held: &[Acquisition]) -> Option<Breach> {
///         eprintln!("{wanted}, under {} others", held.len());
///         None // the next one judges
///     }
/// }
///
/// lockorder::set_checker((Trace, (RankOrder, LearnedOrder)));
/// # lockorder::reset_checker();
/// ```
pub trait Checker: Send + Sync {
    /// Judges an acquisition that may block, before it does. `held` are the locks that count for the caller,
    /// in no particular order.
    fn check(&self, wanted: &Acquisition, held: &[Acquisition]) -> Option<Breach>;

    /// Whether what is found without a judgement is reported: [`ViolationKind::CondvarWait`] and
    /// [`ViolationKind::HeldAcrossAwait`].
    fn reports(&self, kind: ViolationKind) -> bool {
        let _ = kind;
        true
    }

    /// A lock was acquired.
    fn acquired(&self, lock: &Acquisition) {
        let _ = lock;
    }

    /// A lock that was acquired while this checker was set is released.
    fn released(&self, lock: &Acquisition) {
        let _ = lock;
    }
}

/// What a [`Checker`] finds wrong with an acquisition.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Config = "config" } level 2 { Cache = "cache" } } }
/// use lockorder::{Acquisition, Breach, Checker, Mode, ViolationKind};
///
/// struct NothingUnderARead;
///
/// impl Checker for NothingUnderARead {
///     fn check(&self, _: &Acquisition, held: &[Acquisition]) -> Option<Breach> {
///         let read = held.iter().position(|lock| lock.mode == Mode::Shared)?;
///         Some(Breach::new(ViolationKind::Other("a lock under a read lock"), read))
///     }
/// }
/// # lockorder::set_checker(NothingUnderARead);
/// # let config = lockorder::RwLock::<Config, _>::new(());
/// # let cache = lockorder::Mutex::<Cache, _>::new(());
/// # let found = lockorder::testing::violations(|| drop((config.read(), cache.lock())));
/// # assert_eq!(found.len(), usize::from(lockorder::ENFORCING));
/// # lockorder::reset_checker();
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Breach {
    /// The rule that is broken.
    pub kind: ViolationKind,
    /// The held lock with which it is broken: an index into those that the checker was given.
    pub held: usize,
    /// The order that was learned before and speaks against this one.
    pub learned: Vec<Edge>,
}

impl Breach {
    /// A breach of a rule, with the lock at the index `held`.
    pub fn new(kind: ViolationKind, held: usize) -> Self {
        Self { kind, held, learned: Vec::new() }
    }
}

impl<A: Checker, B: Checker> Checker for (A, B) {
    fn check(&self, wanted: &Acquisition, held: &[Acquisition]) -> Option<Breach> {
        self.0.check(wanted, held).or_else(|| self.1.check(wanted, held))
    }

    fn reports(&self, kind: ViolationKind) -> bool {
        self.0.reports(kind) && self.1.reports(kind)
    }

    fn acquired(&self, lock: &Acquisition) {
        self.0.acquired(lock);
        self.1.acquired(lock);
    }

    fn released(&self, lock: &Acquisition) {
        self.0.released(lock);
        self.1.released(lock);
    }
}

/// A checker that finds nothing: switches the judgement off while the program runs. What is held is still
/// recorded.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Config = "config" } level 2 { Cache = "cache" } } }
/// use lockorder::{Mutex, Off, reset_checker, set_checker};
///
/// let (config, cache) = (Mutex::<Config, _>::new(1), Mutex::<Cache, _>::new(2));
/// set_checker(Off);
/// drop((cache.lock(), config.lock())); // against the order, and not reported
/// reset_checker();
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Off;

impl Checker for Off {
    fn check(&self, _: &Acquisition, _: &[Acquisition]) -> Option<Breach> {
        None
    }

    fn reports(&self, _: ViolationKind) -> bool {
        false
    }
}

/// Lets another checker judge, in this whole process, from the next acquisition on. With checks off there is
/// nothing to judge and this does nothing.
///
/// ```
/// use lockorder::{Acquisition, Breach, Checker, LearnedOrder, RankOrder, ViolationKind};
///
/// /// No more than four locks at once.
/// struct AtMostFour;
///
/// impl Checker for AtMostFour {
///     fn check(&self, _: &Acquisition, held: &[Acquisition]) -> Option<Breach> {
///         (held.len() >= 4).then(|| Breach::new(ViolationKind::Other("more than four locks"), 0))
///     }
/// }
///
/// lockorder::set_checker((AtMostFour, (RankOrder, LearnedOrder)));
/// # lockorder::reset_checker();
/// ```
pub fn set_checker(checker: impl Checker + 'static) {
    replace(Some(Arc::new(checker)));
}

/// Lets the built-in checker judge again.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Config = "config" } level 2 { Cache = "cache" } } }
/// # use lockorder::{Mutex, testing::violations};
/// let (config, cache) = (Mutex::<Config, _>::new(1), Mutex::<Cache, _>::new(2));
/// lockorder::set_checker(lockorder::Off);
/// assert!(violations(|| drop((cache.lock(), config.lock()))).is_empty());
/// lockorder::reset_checker();
/// let found = violations(|| drop((cache.lock(), config.lock())));
/// assert_eq!(found.len(), usize::from(lockorder::ENFORCING));
/// ```
pub fn reset_checker() {
    replace(None);
}

type Plugged = Option<Arc<dyn Checker>>;

static PLUGGED: RwLock<Plugged> = RwLock::new(None);

fn replace(checker: Plugged) {
    let mut plugged = PLUGGED.write();
    crate::checker::plugged(checker.is_some());
    let before = std::mem::replace(&mut *plugged, checker);
    drop(plugged);
    // After the lock: what it owns may do anything when it is dropped.
    drop(before);
}

/// The checker that was set instead of the built-in one.
#[cfg(any(debug_assertions, feature = "enforce"))]
pub(crate) fn plugged() -> Plugged {
    PLUGGED.read().clone()
}

/// Whether the checker in charge has this kind of violation reported.
#[cfg(any(debug_assertions, feature = "enforce"))]
pub(crate) fn reports(kind: ViolationKind) -> bool {
    crate::checker::is_plugged().then(plugged).flatten().is_none_or(|checker| checker.reports(kind))
}
