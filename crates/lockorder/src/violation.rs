//! A broken order, as data first and as text from it.

use std::fmt;

use crate::report::{Acquisition, Holder};

/// How many further locks the text lists; the data has them all.
const ALSO_LISTED: usize = 8;

/// Which rule an acquisition breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ViolationKind {
    /// A lock of an outer class was asked for while an inner one is held.
    Order,
    /// A second lock of a class was asked for, unkeyed or against rising keys.
    SameClass,
    /// The lock is held already by whoever asks for it: it would wait for itself.
    SameLock,
    /// The program took locks of two hierarchies in both orders.
    BetweenHierarchies,
}

/// An acquisition that could deadlock, noticed before it blocks.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Violation {
    /// The rule.
    pub kind: ViolationKind,
    /// The lock that was asked for.
    pub wanted: Acquisition,
    /// The held lock that it must not be taken under.
    pub held: Acquisition,
    /// Who asks. It holds the other lock too; but where it would block a thread, so does every task that
    /// is suspended on that thread with a blocking lock.
    pub holder: Holder,
    /// The tracing span in which it asks.
    pub span: Option<&'static str>,
    /// What else it holds.
    pub also_held: Vec<Acquisition>,
}

impl Violation {
    /// One sentence on how to mend it.
    pub fn advice(&self) -> &'static str {
        match self.kind {
            ViolationKind::Order => {
                "take the outer lock first, or release the inner one before asking; if these are two \
                 arms of one join! or select!, wrap each in lockorder::branch"
            }
            ViolationKind::SameClass if self.wanted.class.is_keyed() => {
                "take locks of one keyed class in the order of rising keys"
            }
            ViolationKind::SameClass => {
                "hold one lock of this class at a time, or mark the class [keyed] and take its locks in \
                 the order of their keys"
            }
            ViolationKind::SameLock => {
                "release the guard you hold, or pass it on, instead of taking the same lock again"
            }
            ViolationKind::BetweenHierarchies => {
                "this program takes these hierarchies in both orders: decide on one, or declare both in \
                 one table"
            }
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ViolationKind::Order => "lock order violation",
            ViolationKind::SameClass => "two locks of one class",
            ViolationKind::SameLock => "the same lock twice",
            ViolationKind::BetweenHierarchies => "lock order violation between hierarchies",
        };
        writeln!(f, "{what}: this can deadlock")?;
        writeln!(f, "  wanted: {}", self.wanted)?;
        writeln!(f, "    held: {}", self.held)?;
        let listed = self.also_held.len().min(ALSO_LISTED);
        self.also_held[..listed].iter().try_for_each(|a| writeln!(f, "    also: {a}"))?;
        if listed < self.also_held.len() {
            writeln!(f, "    also: {} more", self.also_held.len() - listed)?;
        }
        write!(f, "      by: {}", self.holder)?;
        if let Some(span) = self.span {
            write!(f, ", span {span}")?;
        }
        write!(f, "\n    mend: {}", self.advice())
    }
}
