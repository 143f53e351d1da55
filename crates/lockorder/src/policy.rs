//! What happens when an order is broken.

use std::fmt;
use std::sync::Arc;

use crate::Violation;

/// What a violation does to the program. Whatever it is, a WARN event is emitted too.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Policy {
    /// Panics with the report, before the acquisition blocks. Where a panic would end the process (while
    /// the thread unwinds, or in the destructor of a thread-local) the report goes to standard error
    /// instead. (That a thread-local is being destroyed is read from the names of stack frames: in a binary
    /// without symbols it goes unnoticed.)
    #[default]
    Panic,
    /// Only the event.
    Log,
    /// Calls this with the violation, then lets the acquisition go on. What the callback itself locks is
    /// not checked.
    Callback(Arc<dyn Fn(&Violation) + Send + Sync>),
}

impl Policy {
    /// A policy that calls `f` with each violation.
    pub fn callback(f: impl Fn(&Violation) + Send + Sync + 'static) -> Self {
        Self::Callback(Arc::new(f))
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Panic => "Panic",
            Self::Log => "Log",
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

static POLICY: parking_lot::RwLock<Policy> = parking_lot::RwLock::new(Policy::Panic);

#[cfg(any(debug_assertions, feature = "enforce"))]
pub(crate) fn policy() -> Policy {
    POLICY.read().clone()
}
