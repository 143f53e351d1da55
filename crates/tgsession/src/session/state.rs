//! How a session is, as others see it.

use std::time::Duration;

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
    /// Its line could not be made again so far. It is tried again each minute.
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
    /// What Telegram calls the restriction of the account, if it has one: it sends nothing until that is cleared.
    pub restricted: Option<String>,
}
