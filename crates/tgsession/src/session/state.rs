//! How a session is, as others see it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::core::Core;
use crate::id::SessionId;
use crate::telegram::Identity;

/// How a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionState {
    /// It has not yet heard from Telegram.
    Connecting,
    /// It works.
    Connected,
    /// Its line broke and is being made again.
    Reconnecting,
    /// Its line could not be made again so far, and is tried again each minute, if nothing else was said; or it works,
    /// and Telegram has refused three times in a row to say who the account is.
    Degraded,
    /// A task without which it cannot work ended by itself: remove it and add it again.
    Failed,
    /// Telegram does not accept its key any more. Only signing in again helps.
    KeyLost,
    /// It is stopping, or has stopped.
    Stopped,
}

/// By their numbers.
pub(super) const STATES: [SessionState; 7] = [
    SessionState::Connecting,
    SessionState::Connected,
    SessionState::Reconnecting,
    SessionState::Degraded,
    SessionState::Failed,
    SessionState::KeyLost,
    SessionState::Stopped,
];

/// A session as it was at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionStatus {
    /// Its number.
    pub id: SessionId,
    /// What its config called it.
    pub label: String,
    /// How it is.
    pub state: SessionState,
    /// Who it is, once Telegram has said so.
    pub identity: Option<Identity>,
    /// How many operations wait in its queue.
    pub queued: usize,
    /// How many operations it has in all: waiting, for a permit too, and running.
    pub load: usize,
    /// How much longer Telegram wants the account to wait.
    pub blocked_for: Option<Duration>,
    /// What Telegram calls the restriction of the account, if it has one: until that is cleared it sends nothing, and
    /// does nothing at all if it is frozen (`FROZEN_x`).
    pub restricted: Option<String>,
    /// How many of its events were dropped, as
    /// [`MetricsSnapshot::events_dropped`](crate::MetricsSnapshot::events_dropped) counts them.
    pub events_dropped: u64,
    /// How many of its messages found no room, as
    /// [`MetricsSnapshot::events_deferred`](crate::MetricsSnapshot::events_deferred) counts them.
    pub events_deferred: u64,
    /// How many events wait for its handlers now. Where that stays at
    /// [`Builder::event_capacity`](crate::Builder::event_capacity), a handler does not come back.
    pub events_waiting: usize,
    /// How many calls of its handlers failed or panicked.
    pub handler_failures: u64,
    /// How often something of it panicked, as [`MetricsSnapshot::panics`](crate::MetricsSnapshot::panics) counts that.
    pub panics: u64,
}

impl Core {
    /// How often something of it panicked: its tasks, its operations, its stream, its handlers.
    pub(crate) fn panics(&self) -> u64 {
        let counts = [&self.counts.panics, &self.handlers.panicked];
        counts.into_iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    pub(crate) fn status(&self) -> SessionStatus {
        SessionStatus {
            id: self.id,
            label: self.label.clone(),
            state: self.state(),
            identity: self.identity.get().cloned(),
            queued: self.queued.load(Ordering::Relaxed),
            load: self.load(),
            blocked_for: self.blocked_for(),
            restricted: self.restriction_name(),
            events_dropped: self.counts.events_dropped.load(Ordering::Relaxed),
            events_deferred: self.counts.events_deferred.load(Ordering::Relaxed),
            events_waiting: self.events.max_capacity() - self.events.capacity(),
            handler_failures: self.handlers.failed.load(Ordering::Relaxed),
            panics: self.panics(),
        }
    }
}
