//! What a session is made of.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use grammers_session::SessionData;
use grammers_session::types::UpdatesState;
use tokio::sync::mpsc;

use super::keeper::Keeper;
use super::kept::Left;
use crate::limits::Limits;
use crate::operation::Monitor;
use crate::retry::Kinds;
use crate::store::{Account, Held, Lease, Store, StoreError, StoredEvent};
use crate::telegram::{Changes, Credentials};

/// An account to add to a manager.
///
/// Whoever has the session data is the account: its `Debug` shows none of it.
pub struct SessionConfig {
    pub(crate) label: String,
    pub(crate) credentials: Credentials,
    /// What holds the account since before.
    pub(crate) held: Held,
    pub(crate) changes: Option<Changes>,
    /// How far its updates were handled.
    pub(super) position: UpdatesState,
    pub(crate) monitors: Vec<Monitor>,
    pub(super) keeper: Option<Keeper>,
    /// To the keeper: what happens.
    pub(super) log: Option<mpsc::UnboundedSender<StoredEvent>>,
    /// Its name in the store is its own.
    pub(super) lease: Option<Arc<Lease>>,
    /// The operations that the last process left.
    pub(super) left: Vec<Left>,
}

impl SessionConfig {
    /// An account that is signed in. `label` is what logs and listings call it; keep phone numbers out of
    /// it. `api_id` is the number of the application that the account signed in with.
    pub fn new(label: impl Into<String>, session: SessionData, api_id: i32) -> Self {
        let credentials = Credentials::new(session, api_id, None);
        Self {
            label: label.into(),
            credentials,
            held: Held::default(),
            changes: None,
            position: UpdatesState::default(),
            monitors: Vec::new(),
            keeper: None,
            log: None,
            lease: None,
            left: Vec::new(),
        }
    }

    /// An account that a store has, which is told of whatever changes: new keys, where the updates stand, what
    /// holds the account. Its label is its name in the store. The operations that it
    /// [keeps](crate::Manager::submit_kept) go on once it is added; what became of those that ended thirty days ago,
    /// and the keys of messages that were sent ninety days ago, are forgotten here.
    ///
    /// # Errors
    /// If the store has none of this name, somebody has it already, or what there is was changed by something else.
    ///
    /// # Cancel safety
    /// Dropped before it returns, it leaves the session for the next who asks for it, in a moment.
    pub async fn stored(store: &Store, name: &str) -> Result<Self, StoreError> {
        // First: what is read under it is what its last user left.
        let lease = Arc::new(store.lease(name).await?);
        let Account { session, api_id, held } = store.load(name).await?;
        let left = lease.claim().await?.into_iter().map(|kept| Left::read(kept, &lease));
        let left: Vec<_> = left.collect::<Result<_, _>>()?;
        // What waits may be done already, and what it has written down of that says so.
        if left.is_empty() {
            lease.prune().await?;
        }
        let (changes, inbox) = mpsc::unbounded_channel();
        let (log, events) = mpsc::unbounded_channel();
        let keeper = Some(Keeper::new(Arc::clone(&lease), inbox, events));
        let position = session.updates_state.clone();
        let credentials = Credentials::new(session, api_id, Some(changes.clone()));
        Ok(Self {
            label: name.to_owned(),
            credentials,
            held,
            changes: Some(changes),
            position,
            monitors: Vec::new(),
            keeper,
            log: Some(log),
            lease: Some(lease),
            left,
        })
    }

    /// The operations that the last process left, for when the session can do them.
    pub(crate) fn take_left(&mut self) -> Vec<Left> {
        std::mem::take(&mut self.left)
    }

    /// Asks the store, if there is one, whether the session is still this one's: it may have been a while.
    pub(crate) async fn renew(&self) -> Result<(), StoreError> {
        match &self.lease {
            Some(lease) => lease.renew().await,
            None => Ok(()),
        }
    }

    /// Listens from the first event on, with those that were missed while nobody did. A monitor that is
    /// [submitted](crate::Manager::submit) hears what comes after that.
    #[must_use]
    pub fn monitor(mut self, monitor: Monitor) -> Self {
        self.monitors.push(monitor);
        self
    }
}

impl fmt::Debug for SessionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionConfig").field("label", &self.label).finish_non_exhaustive()
    }
}

/// The pauses before the attempts to make a line again.
#[derive(Clone, Debug)]
pub(crate) struct Pauses {
    /// Before the first ones.
    pub(crate) first: Arc<[Duration]>,
    /// Before each after those.
    pub(crate) later: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        let later = Duration::from_secs(60);
        Self { first: [2, 4, 8, 16].map(Duration::from_secs).into(), later }
    }
}

impl Pauses {
    /// Before this attempt, counted from 0.
    pub(super) fn before(&self, attempt: usize) -> Duration {
        self.first.get(attempt).copied().unwrap_or(self.later)
    }

    /// Whether this attempt, counted from 0, comes after the first ones.
    pub(super) fn are_over(&self, attempt: usize) -> bool {
        attempt >= self.first.len()
    }
}

/// The times and sizes of a manager that concern its sessions.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// How long each lock is waited for.
    pub(crate) lock_timeout: Duration,
    /// How long each kind of operation may take, and how often it is tried again.
    pub(crate) kinds: Kinds,
    /// What each account allows itself.
    pub(crate) limits: Limits,
    /// How many operations a session's queue holds.
    pub(crate) queue_capacity: usize,
    /// How long an operation waits in the queue.
    pub(crate) queue_wait: Duration,
    /// How long the first call may take.
    pub(crate) connect_timeout: Duration,
    /// How often it is asked whether the line works.
    pub(crate) health_interval: Duration,
    /// How long the answer may take.
    pub(crate) health_timeout: Duration,
    /// The pauses before a line is made again.
    pub(crate) reconnects: Pauses,
    /// How long a session may take to stop.
    pub(crate) stop_budget: Duration,
    /// How many events may wait for their handlers.
    pub(crate) event_capacity: usize,
    /// How many messages of a chat are recovered at once.
    pub(crate) recover_at_most: usize,
}
