//! How much an account does in a day: reserved before, settled after.
//!
//! What is reserved counts as used. So two that reserve at once never get more than there is, and after a crash
//! between the reservation and the work too little is left of the day, never too much.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::watch;

use super::Clock;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Something of which an account does only so much in a day (of UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Quota {
    /// Messages that exports read.
    PostsRead,
    /// Different chats that exports read from.
    ChatsExported,
    /// Messages sent.
    Sends,
}

impl Quota {
    pub(super) const ALL: [Self; 3] = [Self::PostsRead, Self::ChatsExported, Self::Sends];

    pub(super) fn usual(self) -> u32 {
        match self {
            Self::PostsRead => 500,
            Self::ChatsExported => 10,
            Self::Sends => 100,
        }
    }

    fn of_what(self) -> &'static str {
        match self {
            Self::PostsRead => "messages read",
            Self::ChatsExported => "chats exported",
            Self::Sends => "messages sent",
        }
    }
}

/// The account has done what a day allows.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "the account has reached its {limit} {} of the day: go on in {renewed_in:?}, or raise the limit",
    .quota.of_what()
)]
#[non_exhaustive]
pub struct QuotaExceeded {
    /// Of what.
    pub quota: Quota,
    /// How much of it a day allows.
    pub limit: u32,
    /// When the next day begins.
    pub renewed_in: Duration,
}

/// What was used of a day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Used {
    /// Days since the beginning of 1970.
    day: u64,
    posts: u32,
    sends: u32,
    chats: Vec<i64>,
}

/// The quotas of one account.
#[derive(Debug)]
pub(crate) struct Quotas {
    limits: [Option<u32>; Quota::ALL.len()],
    clock: Clock,
    used: watch::Sender<Used>,
}

impl Quotas {
    pub(super) fn new(limits: [Option<u32>; Quota::ALL.len()], used: Used, clock: Clock) -> Self {
        Self { limits, clock, used: watch::Sender::new(used) }
    }

    /// What was used so far, to be kept.
    pub(crate) fn used(&self) -> Used {
        self.used.borrow().clone()
    }

    /// Reserves as many messages as there are left, up to so many and at least one.
    pub(crate) fn reserve_posts(&self, wanted: u32) -> Result<u32, QuotaExceeded> {
        self.change(Quota::PostsRead, |used, limit| take(&mut used.posts, wanted, limit))
    }

    /// Reserves one message to send.
    pub(crate) fn reserve_send(&self) -> Result<(), QuotaExceeded> {
        self.change(Quota::Sends, |used, limit| take(&mut used.sends, 1, limit)).map(drop)
    }

    /// Reserves a chat; false if it was reserved on this day before.
    pub(crate) fn reserve_chat(&self, chat: i64) -> Result<bool, QuotaExceeded> {
        self.change(Quota::ChatsExported, |used, limit| {
            if used.chats.contains(&chat) {
                return Some(false);
            }
            let has_room = limit.is_none_or(|limit| used.chats.len() < limit as usize);
            has_room.then(|| {
                used.chats.push(chat);
                true
            })
        })
    }

    /// Gives back what was reserved and not used. What was reserved on another day is over.
    pub(crate) fn settle(&self, quota: Quota, unused: u32) {
        let today = self.today();
        self.used.send_modify(|used| {
            let count = match quota {
                Quota::PostsRead => &mut used.posts,
                Quota::Sends => &mut used.sends,
                Quota::ChatsExported => return,
            };
            if used.day == today {
                *count = count.saturating_sub(unused);
            }
        });
    }

    fn today(&self) -> u64 {
        self.clock.now().as_secs() / DAY.as_secs()
    }

    /// One step: nobody sees what there is left before it is taken.
    fn change<T>(
        &self,
        quota: Quota,
        take: impl FnOnce(&mut Used, Option<u32>) -> Option<T>,
    ) -> Result<T, QuotaExceeded> {
        let (limit, today) = (self.limits[quota as usize], self.today());
        let mut taken = None;
        self.used.send_modify(|used| {
            // A day that has passed counts no more; one to come was reserved by a clock that was ahead.
            if used.day < today {
                *used = Used { day: today, ..Used::default() };
            }
            taken = take(used, limit);
        });
        taken.ok_or_else(|| QuotaExceeded {
            quota,
            limit: limit.unwrap_or(u32::MAX),
            renewed_in: DAY * (today + 1) as u32 - self.clock.now().min(DAY * (today + 1) as u32),
        })
    }
}

/// Takes up to `wanted` of what is left; `None` if that is nothing.
fn take(used: &mut u32, wanted: u32, limit: Option<u32>) -> Option<u32> {
    let left = limit.map_or(u32::MAX, |limit| limit.saturating_sub(*used));
    let taken = wanted.min(left);
    *used = used.saturating_add(taken);
    (taken > 0).then_some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotas(used: Used) -> Quotas {
        Quotas::new([Some(500), Some(2), Some(1)], used, Clock::new())
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_is_given_and_then_nothing_until_the_next_day() {
        let quotas = quotas(Used::default());
        assert_eq!(quotas.reserve_posts(450), Ok(450));
        assert_eq!(quotas.reserve_posts(100), Ok(50));
        let exceeded = quotas.reserve_posts(100).unwrap_err();
        assert_eq!((exceeded.quota, exceeded.limit), (Quota::PostsRead, 500));
        assert!(exceeded.renewed_in <= DAY, "{exceeded}");
        quotas.settle(Quota::PostsRead, 30);
        assert_eq!(quotas.reserve_posts(100), Ok(30));
        tokio::time::advance(exceeded.renewed_in + Duration::from_secs(1)).await;
        assert_eq!(quotas.reserve_posts(100), Ok(100));
    }

    #[tokio::test(start_paused = true)]
    async fn a_chat_counts_once_a_day() {
        let quotas = quotas(Used::default());
        for (chat, is_new) in [(7, true), (8, true), (7, false), (8, false)] {
            assert_eq!(quotas.reserve_chat(chat), Ok(is_new));
        }
        assert_eq!(quotas.reserve_chat(9).unwrap_err().limit, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_another_process_used_counts() {
        let before = quotas(Used::default());
        assert_eq!(before.reserve_send(), Ok(()));
        let after = quotas(before.used());
        assert_eq!(after.reserve_send().unwrap_err().quota, Quota::Sends);
        after.settle(Quota::Sends, 1);
        assert_eq!(after.reserve_send(), Ok(()));
    }

    #[test]
    fn no_limit_is_no_limit() {
        let mut used = u32::MAX - 1;
        assert_eq!((take(&mut used, 9, None), used), (Some(9), u32::MAX));
    }
}
