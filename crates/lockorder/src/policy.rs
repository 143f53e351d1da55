//! What happens when an order is broken.

use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::{Hierarchy, Violation};

/// What a violation does to the program. Unless it is ignored a WARN event is emitted too.
///
/// ```
/// use lockorder::{Policy, set_policy};
///
/// set_policy(match std::env::var("LOCK_ORDER").as_deref() {
///     Ok("log") => Policy::Log,
///     Ok("ignore") => Policy::Ignore,
///     _ => Policy::Panic,
/// });
/// ```
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Policy {
    /// Panics with the report, before the acquisition blocks. Where a panic would end the process (while
    /// the thread unwinds, or in the destructor of a thread-local) the report goes to standard error
    /// instead. (That a thread-local is being destroyed is read from the names of stack frames: in a binary
    /// without symbols it goes unnoticed.)
    #[default]
    Panic,
    /// Only the event, once for each pair of places.
    Log,
    /// Nothing.
    Ignore,
    /// Calls this with the violation, then lets the acquisition go on. What the callback itself locks is
    /// not checked.
    Callback(Arc<dyn Fn(&Violation) + Send + Sync>),
}

impl Policy {
    /// A policy that calls `f` with each violation.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Config = "config" } level 2 { Log = "log" } } }
    /// # use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    /// # use lockorder::{Mutex, Policy, set_policy};
    /// static COUNT: AtomicUsize = AtomicUsize::new(0);
    ///
    /// set_policy(Policy::callback(|_| _ = COUNT.fetch_add(1, Relaxed)));
    /// let (config, log) = (Mutex::<Config, _>::new(1), Mutex::<Log, _>::new(2));
    /// drop((log.lock(), config.lock())); // counted, and goes on
    /// assert_eq!(COUNT.load(Relaxed), usize::from(lockorder::ENFORCING));
    /// # set_policy(Policy::Panic);
    /// ```
    pub fn callback(f: impl Fn(&Violation) + Send + Sync + 'static) -> Self {
        Self::Callback(Arc::new(f))
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Panic => "Panic",
            Self::Log => "Log",
            Self::Ignore => "Ignore",
            Self::Callback(_) => "Callback(..)",
        })
    }
}

/// Sets the policy of this process. With checks off there are no violations and this does nothing.
///
/// ```
/// use lockorder::Policy;
///
/// lockorder::set_policy(Policy::Log);
/// lockorder::set_policy(Policy::callback(|violation| eprintln!("{violation}")));
/// lockorder::set_policy(Policy::Panic); // the default
/// ```
pub fn set_policy(policy: Policy) {
    let before = std::mem::replace(&mut *POLICY.write(), policy);
    // After the lock: what a callback captured may do anything when it is dropped.
    drop(before);
}

/// Sets the policy for one hierarchy: for violations where the lock that was asked for is of its table.
/// `None` gives it back to the policy of the process.
///
/// ```
/// # lockorder::hierarchy! { Legacy { level 1 { Old = "old" } } }
/// use lockorder::Policy;
///
/// lockorder::set_policy_of::<Legacy>(Some(Policy::Log)); // not yet in order: do not stop for it
/// # lockorder::set_policy_of::<Legacy>(None);
/// ```
pub fn set_policy_of<H: Hierarchy>(policy: Option<Policy>) {
    let before = std::mem::replace(&mut *H::table().policy.write(), policy);
    drop(before);
}

/// Accepts that a lock of one class is asked for while one of another is held, both by name, for a reason
/// that a reader of this line can judge. The rest of the program stays checked. The first mention of a pair
/// counts. A name is that of the class in any hierarchy that has it.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { A = "config" } level 2 { B = "cache" } } }
/// lockorder::suppress("cache", "config", "start-up only, before there is a second thread (#214)");
/// assert_eq!(lockorder::suppressions()[0].held, "cache");
/// ```
pub fn suppress(held: &'static str, wanted: &'static str, reason: &'static str) {
    let mut suppressions = SUPPRESSIONS.write();
    if !suppressions.iter().any(|s| (s.held, s.wanted) == (held, wanted)) {
        suppressions.push(Suppression { held, wanted, reason, count: 0 });
    }
}

/// The pairs that are suppressed, with how often that made a difference.
///
/// ```
/// lockorder::suppress("cache", "config", "start-up only (#214)");
/// for unused in lockorder::suppressions().iter().filter(|pair| pair.count == 0) {
///     println!("still needed? {} under {}", unused.wanted, unused.held);
/// }
/// ```
pub fn suppressions() -> Vec<Suppression> {
    SUPPRESSIONS.read().clone()
}

/// A pair of classes whose violations are not reported, see [`suppress`].
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Config = "config" } level 2 { Cache = "cache" } } }
/// # use lockorder::{Mutex, suppress, suppressions};
/// let (config, cache) = (Mutex::<Config, _>::new(1), Mutex::<Cache, _>::new(2));
/// suppress("cache", "config", "start-up only (#214)");
/// drop((cache.lock(), config.lock())); // not reported, but counted
/// let pair = &suppressions()[0];
/// assert_eq!((pair.held, pair.wanted), ("cache", "config"));
/// assert_eq!(pair.count, u64::from(lockorder::ENFORCING));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Suppression {
    /// The name of the class that is held.
    pub held: &'static str,
    /// The name of the class that is asked for.
    pub wanted: &'static str,
    /// Why that is accepted.
    pub reason: &'static str,
    /// How many violations were not reported because of it.
    pub count: u64,
}

static POLICY: RwLock<Policy> = RwLock::new(Policy::Panic);
static SUPPRESSIONS: RwLock<Vec<Suppression>> = RwLock::new(Vec::new());

#[cfg(any(debug_assertions, feature = "enforce"))]
pub(crate) use reports::{is_new, is_suppressed, of};

#[cfg(any(debug_assertions, feature = "enforce"))]
mod reports {
    use std::collections::HashSet;
    use std::panic::Location;
    use std::sync::LazyLock;

    use parking_lot::Mutex;

    use super::{POLICY, Policy, SUPPRESSIONS};
    use crate::learned::Learned;
    use crate::{Hierarchy, Violation, ViolationKind};

    /// The policy for a violation.
    pub(crate) fn of(violation: &Violation) -> Policy {
        let table = violation.subject().class.table();
        let table = if table.is_declared() { table } else { Learned::table() };
        let own = table.policy.read().clone();
        own.unwrap_or_else(|| POLICY.read().clone())
    }

    /// Whether somebody accepted this.
    pub(crate) fn is_suppressed(violation: &Violation) -> bool {
        if SUPPRESSIONS.read().is_empty() {
            return false;
        }
        let pair = (violation.held.class.name(), violation.subject().class.name());
        let mut suppressions = SUPPRESSIONS.write();
        let found = suppressions.iter_mut().find(|s| (s.held, s.wanted) == pair);
        found.map(|s| s.count += 1).is_some()
    }

    /// Whether a violation of this kind was never seen at these two places.
    pub(crate) fn is_new(violation: &Violation) -> bool {
        type Site = &'static Location<'static>;
        static SEEN: LazyLock<Mutex<HashSet<(ViolationKind, Site, Site)>>> =
            LazyLock::new(Mutex::default);
        SEEN.lock().insert((violation.kind, violation.subject().site, violation.held.site))
    }
}
