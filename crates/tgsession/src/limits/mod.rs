//! What an account allows itself: how fast it calls, and how much it does in a day.
//!
//! Telegram's limits are not published, and running into them costs an account its good name. So each account
//! keeps to limits of its own ([`Limits`]).
//!
//! An operation that comes too fast gives back what it holds, and goes on when it is time ([`Paces`]). What a day
//! allows is reserved, and known to the store, before it is used, and settled after ([`Quotas`]); a day is one of UTC,
//! unless it is to begin at another time. A chat in slow mode holds the messages for that chat ([`SlowChats`]). What
//! Telegram itself asks for, a flood wait, holds the account and is no matter of this module. A
//! [`Custom`](crate::Custom) operation is limited by its author.

mod clock;
mod pace;
mod quota;
mod slow;

use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
pub(crate) use pace::Paces;
pub use pace::{Pace, PacedCall};
pub(crate) use quota::{Notice, Quotas, Reserved, Tell, Used};
pub use quota::{Quota, QuotaExceeded};
pub(crate) use slow::SlowChats;

/// The limits that each account of a manager keeps to, beside those of Telegram. Those of [`default`](Self::default)
/// are:
///
/// | | at once, then one every | a day (of UTC) |
/// |---|---|---|
/// | pages of 100 messages or dialogs | 30, 1 s | 500 messages exported |
/// | pages of 200 members | 10, 1 s | |
/// | chats exported | | 10 |
/// | names looked up | 50, 300 s | |
/// | messages sent | 10, 3 s | 100 |
///
/// ```
/// use std::time::Duration;
/// use tgsession::{Limits, Manager, Pace, PacedCall, Quota};
///
/// let limits = Limits::default()
///     .quota(Quota::PostsRead, 5_000)
///     .pace(PacedCall::Send, Pace::new(1, Duration::from_secs(10)));
/// let manager = Manager::builder().limits(limits).build()?;
/// # Ok::<_, tgsession::BuildError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Limits {
    paces: [Option<Pace>; PacedCall::ALL.len()],
    quotas: [Option<u32>; Quota::ALL.len()],
    day_begins: Duration,
}

impl Default for Limits {
    /// Those of careful practice.
    fn default() -> Self {
        Self {
            paces: PacedCall::ALL.map(|call| Some(call.usual())),
            quotas: Quota::ALL.map(|quota| Some(quota.usual())),
            day_begins: Duration::ZERO,
        }
    }
}

impl Limits {
    /// None at all: for a server of one's own.
    pub fn none() -> Self {
        Self {
            paces: [None; PacedCall::ALL.len()],
            quotas: [None; Quota::ALL.len()],
            day_begins: Duration::ZERO,
        }
    }

    /// How fast an account makes these calls; `None` for as fast as it can.
    #[must_use]
    pub fn pace(mut self, call: PacedCall, pace: impl Into<Option<Pace>>) -> Self {
        self.paces[call as usize] = pace.into();
        self
    }

    /// How much of this an account does in a day; `None` for as much as it can.
    #[must_use]
    pub fn quota(mut self, quota: Quota, a_day: impl Into<Option<u32>>) -> Self {
        self.quotas[quota as usize] = a_day.into();
        self
    }

    /// At which time of the day (UTC, to the second) a day of the account begins: midnight, if nothing is said. What
    /// is more than a day is taken as the time of the day that it falls on.
    #[must_use]
    pub fn day_begins(mut self, after_midnight: Duration) -> Self {
        self.day_begins = after_midnight;
        self
    }
}

/// The limits of one account, and what it has used of them.
#[derive(Debug)]
pub(crate) struct Allowance {
    pub(crate) paces: Paces,
    pub(crate) quotas: Arc<Quotas>,
    pub(crate) slow: SlowChats,
}

impl Allowance {
    pub(crate) fn new(limits: &Limits, used: Used, tell: Tell) -> Self {
        Self {
            paces: Paces::new(&limits.paces),
            quotas: Arc::new(Quotas::new(limits.quotas, used, Clock::new(limits.day_begins), tell)),
            slow: SlowChats::default(),
        }
    }
}
