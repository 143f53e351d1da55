//! Chats in slow mode: until when the account may not write to each.

use std::time::Duration;

use dashmap::DashMap;
use tokio::time::Instant;

/// The map's own locks are held inside single statements here, and no other lock under them.
#[derive(Debug, Default)]
pub(crate) struct SlowChats(DashMap<i64, Instant>);

impl SlowChats {
    /// Telegram wants the account to write nothing there for so long.
    pub(crate) fn hold(&self, chat: i64, wait: Duration) {
        let now = Instant::now();
        self.0.retain(|_, until| *until > now);
        self.0.insert(chat, now + wait);
    }

    /// The rest of that time.
    pub(crate) fn rest(&self, chat: i64) -> Option<Duration> {
        let until = *self.0.get(&chat)?;
        let rest = until.saturating_duration_since(Instant::now());
        (!rest.is_zero()).then_some(rest)
    }
}
