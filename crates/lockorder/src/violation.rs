//! A broken order, as data first and as text from it.

use std::fmt;

use crate::judge::Edge;
use crate::report::{Acquisition, Holder};

/// How many further locks the text lists; the data has them all.
const ALSO_LISTED: usize = 8;

/// Which rule is broken.
///
/// ```
/// use lockorder::{Policy, ViolationKind, set_policy};
///
/// set_policy(Policy::callback(|violation| match violation.kind {
///     ViolationKind::SameLock => panic!("{violation}"), // it would hang for certain
///     kind => eprintln!("{kind:?}: {}", violation.advice()),
/// }));
/// # set_policy(Policy::Panic);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ViolationKind {
    /// A lock of an outer class was asked for while an inner one is held.
    Order,
    /// A second lock of a class was asked for, unkeyed or against rising keys.
    SameClass,
    /// The lock is held already by whoever asks for it: it would wait for itself.
    SameLock,
    /// The program took locks in both orders: of two hierarchies, or without ranks.
    LearnedOrder,
    /// A condition variable was waited for while another lock is held, which whoever notifies may need.
    CondvarWait,
    /// A task was suspended while it held a blocking lock: whoever else runs on that thread and wants it
    /// stops the thread, and with it the task.
    HeldAcrossAwait,
    /// A rule of a [`Checker`](crate::Checker) of the program's own, in words.
    Other(&'static str),
}

/// Something that could deadlock, noticed before it does.
///
/// ```
/// use lockorder::{Policy, set_policy};
///
/// set_policy(Policy::callback(|violation| {
///     let wanted = violation.wanted.as_ref().map(|wanted| wanted.class.name());
///     eprintln!("{:?}: {wanted:?} under {}", violation.kind, violation.held.class.name());
///     eprintln!("held from {} by {}", violation.held.site, violation.holder);
///     eprintln!("{}", violation.advice());
/// }));
/// # set_policy(Policy::Panic);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Violation {
    /// The rule.
    pub kind: ViolationKind,
    /// The lock that was asked for. `None` where a task was suspended: no lock need be asked for then.
    pub wanted: Option<Acquisition>,
    /// The held lock that it must not be taken under, or not be suspended with.
    pub held: Acquisition,
    /// Who asks. It holds the other lock too; but where it would block a thread, so does every task that
    /// is suspended on that thread with a blocking lock.
    pub holder: Holder,
    /// The tracing span in which it asks.
    pub span: Option<&'static str>,
    /// What else it holds.
    pub also_held: Vec<Acquisition>,
    /// The order that the program showed before, from the lock that is asked for to the one that is held.
    pub learned: Vec<Edge>,
    /// Both locks are async ones of one task outside of any `branch`: these may be two arms
    /// of one `join!` or `select!`, which wait for each other like two tasks do.
    pub may_be_arms: bool,
}

impl Violation {
    /// One sentence on how to mend it.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Config = "config" } level 2 { Log = "log" } } }
    /// # use lockorder::{Mutex, testing::violations};
    /// let (config, log) = (Mutex::<Config, _>::new(1), Mutex::<Log, _>::new(2));
    /// for violation in violations(|| drop((log.lock(), config.lock()))) {
    ///     assert!(violation.advice().starts_with("take the outer lock first"));
    /// }
    /// ```
    pub fn advice(&self) -> &'static str {
        match self.kind {
            ViolationKind::Order => {
                "take the outer lock first, or release the inner one before asking"
            }
            ViolationKind::SameClass if self.held.class.is_keyed() => {
                "take locks of one keyed class in the order of rising keys, or all at once with lock_many"
            }
            ViolationKind::SameClass if !self.held.class.table().is_declared() => {
                "hold one of the locks made here at a time, or name them apart, or give them a keyed rank"
            }
            ViolationKind::SameClass => {
                "hold one lock of this class at a time, or mark the class [keyed] and take its locks in \
                 the order of their keys"
            }
            ViolationKind::SameLock => {
                "release the guard you hold, or pass it on, instead of taking the same lock again"
            }
            ViolationKind::LearnedOrder => {
                "this program takes these locks in both orders: decide on one, and declare it in one table"
            }
            ViolationKind::CondvarWait => {
                "release every other lock before waiting for a condition variable"
            }
            ViolationKind::HeldAcrossAwait => {
                "drop a blocking guard before .await, or use an async lock"
            }
            ViolationKind::Other(_) => "see the rule",
        }
    }

    /// What it is about: the lock that was asked for, or the one that a task was suspended with.
    #[cfg(any(debug_assertions, feature = "enforce"))]
    pub(crate) fn subject(&self) -> &Acquisition {
        self.wanted.as_ref().unwrap_or(&self.held)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ViolationKind::Order => "lock order violation",
            ViolationKind::SameClass => "two locks of one class",
            ViolationKind::SameLock => "the same lock twice",
            ViolationKind::LearnedOrder => "lock order violation, by what was learned",
            ViolationKind::CondvarWait => "waiting for a condition variable under another lock",
            ViolationKind::HeldAcrossAwait => "a blocking lock is held across an await",
            ViolationKind::Other(rule) => rule,
        };
        writeln!(f, "{what}: this can deadlock")?;
        if let Some(wanted) = &self.wanted {
            writeln!(f, "  wanted: {wanted}")?;
        }
        writeln!(f, "    held: {}", self.held)?;
        let listed = self.also_held.len().min(ALSO_LISTED);
        self.also_held[..listed].iter().try_for_each(|a| writeln!(f, "    also: {a}"))?;
        if listed < self.also_held.len() {
            writeln!(f, "    also: {} more", self.also_held.len() - listed)?;
        }
        self.learned.iter().try_for_each(|edge| writeln!(f, "  before: {edge}"))?;
        write!(f, "      by: {}", self.holder)?;
        if let Some(span) = self.span {
            write!(f, ", span {span}")?;
        }
        write!(f, "\n    help: {}", self.advice())?;
        if self.may_be_arms {
            f.write_str(
                "; if these are two arms of one join! or select!, wrap each in lockorder::branch",
            )?;
        }
        Ok(())
    }
}
