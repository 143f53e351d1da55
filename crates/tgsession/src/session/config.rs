//! What a session is made of.

use std::fmt;
use std::time::Duration;

use grammers_session::SessionData;

use crate::telegram::Credentials;

/// An account to add to a manager.
///
/// Whoever has the session data is the account: its `Debug` shows none of it.
pub struct SessionConfig {
    pub(crate) label: String,
    pub(crate) credentials: Credentials,
}

impl SessionConfig {
    /// An account that is signed in. `label` is what logs and listings call it; keep phone numbers out of
    /// it. `api_id` is the number of the application that the account signed in with.
    pub fn new(label: impl Into<String>, session: SessionData, api_id: i32) -> Self {
        Self { label: label.into(), credentials: Credentials::new(session, api_id) }
    }
}

impl fmt::Debug for SessionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionConfig").field("label", &self.label).finish_non_exhaustive()
    }
}

/// The times and sizes of a manager that concern its sessions.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// How long each lock is waited for.
    pub(crate) lock_timeout: Duration,
    /// How many operations a session's queue holds.
    pub(crate) queue_capacity: usize,
    /// How long an operation waits in the queue.
    pub(crate) queue_wait: Duration,
    /// How long the first call may take.
    pub(crate) connect_timeout: Duration,
    /// How long a session may take to stop.
    pub(crate) stop_budget: Duration,
    /// How many events may wait for their handlers.
    pub(crate) event_capacity: usize,
}
