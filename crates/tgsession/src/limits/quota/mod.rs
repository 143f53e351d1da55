//! How much an account does in a day: reserved before, settled after.
//!
//! What is reserved counts as used. So two that reserve at once never get more than there is, and after a crash
//! between the reservation and the work too little is left of the day, never too much.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::watch;

use super::clock::{Clock, DAY};

/// Something of which an account does only so much in a [day](crate::Limits::day_begins).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    "the account has reached its {limit} {} of the day: go on in {}, or raise the limit",
    .quota.of_what(), in_words(*.renewed_in)
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

/// To the minute, and not too early.
fn in_words(time: Duration) -> String {
    let minutes = time.as_secs().div_ceil(60);
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// What was used of a day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Used {
    /// By the account's clock.
    day: u64,
    posts: u32,
    sends: u32,
    chats: Vec<i64>,
    /// Those of them from which nothing was read yet.
    #[serde(skip)]
    unread: Vec<i64>,
}

impl Used {
    /// Whether nothing was read from a chat until now.
    fn take_unread(&mut self, chat: i64) -> bool {
        let at = self.unread.iter().position(|unread| *unread == chat);
        at.map(|at| self.unread.swap_remove(at)).is_some()
    }
}

/// The quotas of one account.
pub(crate) struct Quotas {
    limits: [Option<u32>; Quota::ALL.len()],
    clock: Clock,
    used: watch::Sender<Used>,
    /// The day of which it was told last that a quota is used up.
    used_up: [AtomicU64; Quota::ALL.len()],
    tell: Tell,
}

/// What concerns the account beside whoever asked.
#[derive(Debug)]
pub(crate) enum Notice<'a> {
    /// Something was given back.
    GivenBack,
    /// What a day allows is used up: told once a day.
    UsedUp(&'a QuotaExceeded),
}

/// Whom to tell.
pub(crate) type Tell = Box<dyn Fn(Notice<'_>) + Send + Sync>;

/// A part of the day that is reserved. What is left of it when this is dropped is given back.
#[derive(Debug)]
pub(crate) struct Reserved {
    quotas: Arc<Quotas>,
    quota: Quota,
    day: u64,
    left: u32,
}

impl Reserved {
    /// How much is left.
    pub(crate) fn left(&self) -> u32 {
        self.left
    }

    /// So much of it is used; no more than there is.
    pub(crate) fn spend(&mut self, n: u32) {
        self.left = self.left.saturating_sub(n);
    }

    /// So much of it was not used after all.
    pub(crate) fn refund(&mut self, n: u32) {
        self.left = self.left.saturating_add(n);
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.quotas.settle(self.quota, self.day, self.left);
    }
}

impl Quotas {
    pub(super) fn new(
        limits: [Option<u32>; Quota::ALL.len()],
        used: Used,
        clock: Clock,
        tell: Tell,
    ) -> Self {
        Self { limits, clock, used: watch::Sender::new(used), used_up: Default::default(), tell }
    }

    /// What was used so far, to be kept.
    pub(crate) fn used(&self) -> Used {
        self.used.borrow().clone()
    }

    /// Whether there is as much of this as anybody wants: what is used of it need not be known after a crash.
    pub(crate) fn is_unlimited(&self, quota: Quota) -> bool {
        self.limits[quota as usize].is_none()
    }

    /// Reserves as many messages as there are left, up to so many and at least one.
    pub(crate) fn reserve_posts(self: &Arc<Self>, wanted: u32) -> Result<Reserved, QuotaExceeded> {
        self.reserve(Quota::PostsRead, |used, limit| take(&mut used.posts, wanted, limit))
    }

    /// Reserves one message to send.
    pub(crate) fn reserve_send(self: &Arc<Self>) -> Result<Reserved, QuotaExceeded> {
        self.reserve(Quota::Sends, |used, limit| take(&mut used.sends, 1, limit))
    }

    fn reserve(
        self: &Arc<Self>,
        quota: Quota,
        take: impl FnOnce(&mut Used, Option<u32>) -> Option<u32>,
    ) -> Result<Reserved, QuotaExceeded> {
        let (left, day) = self.change(quota, take)?;
        Ok(Reserved { quotas: Arc::clone(self), quota, day, left })
    }

    /// Reserves a chat; false if it was reserved on this day before.
    pub(crate) fn reserve_chat(&self, chat: i64) -> Result<bool, QuotaExceeded> {
        let new = self.change(Quota::ChatsExported, |used, limit| {
            if used.chats.contains(&chat) {
                return Some(false);
            }
            let has_room = limit.is_none_or(|limit| used.chats.len() < limit as usize);
            has_room.then(|| {
                used.chats.push(chat);
                used.unread.push(chat);
                true
            })
        });
        Ok(new?.0)
    }

    /// Something was read from a chat that is reserved: it counts.
    pub(crate) fn read_chat(&self, chat: i64) {
        self.used.send_if_modified(|used| used.take_unread(chat));
    }

    /// Gives a chat back, if nothing was read from it.
    pub(crate) fn release_chat(&self, chat: i64) {
        let is_given_back = self.used.send_if_modified(|used| {
            let is_unread = used.take_unread(chat);
            used.chats.retain(|known| *known != chat || !is_unread);
            is_unread
        });
        if is_given_back {
            (self.tell)(Notice::GivenBack);
        }
    }

    /// Gives back what was reserved on a day and not used. What was reserved on another one is over.
    fn settle(&self, quota: Quota, day: u64, unused: u32) {
        if unused == 0 {
            return;
        }
        self.used.send_modify(|used| {
            if used.day != day {
                return;
            }
            match quota {
                Quota::PostsRead => used.posts = used.posts.saturating_sub(unused),
                Quota::Sends => used.sends = used.sends.saturating_sub(unused),
                Quota::ChatsExported => {}
            }
        });
        (self.tell)(Notice::GivenBack);
    }

    fn today(&self) -> u64 {
        self.clock.now().as_secs() / DAY.as_secs()
    }

    /// One step: nobody sees what there is left before it is taken. With the day of which it is.
    fn change<T>(
        &self,
        quota: Quota,
        take: impl FnOnce(&mut Used, Option<u32>) -> Option<T>,
    ) -> Result<(T, u64), QuotaExceeded> {
        let (limit, today) = (self.limits[quota as usize], self.today());
        let mut taken = None;
        self.used.send_modify(|used| {
            // A day that has passed counts no more; one to come was of a clock that was ahead, and counts as today.
            if used.day < today {
                *used = Used::default();
            }
            used.day = today;
            taken = take(used, limit);
        });
        taken.map(|taken| (taken, today)).ok_or_else(|| self.exceeded(quota, limit, today))
    }

    fn exceeded(&self, quota: Quota, limit: Option<u32>, today: u64) -> QuotaExceeded {
        let limit = limit.unwrap_or(u32::MAX);
        let tomorrow = DAY * (today + 1) as u32;
        let renewed_in = tomorrow - self.clock.now().min(tomorrow);
        let exceeded = QuotaExceeded { quota, limit, renewed_in };
        if self.used_up[quota as usize].swap(today, Ordering::Relaxed) != today {
            (self.tell)(Notice::UsedUp(&exceeded));
        }
        exceeded
    }
}

impl fmt::Debug for Quotas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quotas").field("limits", &self.limits).finish_non_exhaustive()
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
mod tests;
