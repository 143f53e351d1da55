//! What the tasks of one session share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};

use lockorder::tokio::Mutex;
use once_cell::sync::OnceCell;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::admission::Admission;
use super::config::Settings;
use super::tasks::Tasks;
use crate::events::Handlers;
use crate::hierarchy::SessionOperation;
use crate::id::SessionId;
use crate::operation::Kind;
use crate::telegram::{Connection, Identity};

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
    /// Telegram does not accept its key any more. Only signing in again helps.
    KeyLost,
    /// It is stopping, or has stopped.
    Stopped,
}

const STATES: [SessionState; 5] = [
    SessionState::Connecting,
    SessionState::Connected,
    SessionState::Reconnecting,
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
    pub blocked_for: Option<std::time::Duration>,
}

/// What a session is doing: the value that its operation lock guards.
#[derive(Debug, Default)]
pub struct Line {
    pub(crate) running: Option<(Kind, Instant)>,
    pub(crate) finished: u64,
}

impl Line {
    /// The exclusive operation that is running, and since when.
    pub fn running(&self) -> Option<(Kind, Instant)> {
        self.running
    }

    /// How many exclusive operations have run so far.
    pub fn finished(&self) -> u64 {
        self.finished
    }
}

/// What changes inside operations, as atomics: the metrics lock is of level 1 and out of reach there.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) done: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) expired: AtomicU64,
    pub(crate) timed_out: AtomicU64,
    pub(crate) cancelled: AtomicU64,
    pub(crate) shut_down: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) flood_waits: AtomicU64,
    pub(crate) lock_timeouts: AtomicU64,
    pub(crate) events_seen: AtomicU64,
    pub(crate) events_dropped: AtomicU64,
}

impl Counts {
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// What the tasks of one session share.
pub(crate) struct Core {
    pub(crate) id: SessionId,
    pub(crate) label: String,
    pub(crate) settings: Settings,
    pub(crate) connection: Connection,
    pub(crate) admission: Arc<dyn Admission>,
    pub(crate) identity: OnceCell<Identity>,
    /// Level 4.
    pub(crate) line: Arc<Mutex<SessionOperation, Line>>,
    /// Level 5.
    pub(crate) tasks: Tasks,
    /// Level 6.
    pub(crate) handlers: Arc<Handlers>,
    pub(crate) counts: Counts,
    /// Whether an exclusive operation has its permit and runs.
    busy: AtomicBool,
    pub(crate) queued: AtomicUsize,
    pub(crate) load: Arc<AtomicUsize>,
    state: AtomicU8,
    /// Until when Telegram wants the account to wait.
    pub(crate) blocked_until: watch::Sender<Option<Instant>>,
    /// No more operations start, those that run may finish.
    pub(crate) draining: CancellationToken,
    /// Operations that run are given up.
    pub(crate) giving_up: CancellationToken,
}

impl Core {
    pub(crate) fn new(
        id: SessionId,
        label: String,
        settings: Settings,
        connection: Connection,
        admission: Arc<dyn Admission>,
    ) -> Self {
        Self {
            id,
            label,
            connection,
            admission,
            identity: OnceCell::new(),
            line: Arc::default(),
            tasks: Tasks::new(id, settings.lock_timeout),
            handlers: Arc::new(Handlers::new(id, settings.lock_timeout)),
            settings,
            counts: Counts::default(),
            busy: AtomicBool::new(false),
            queued: AtomicUsize::new(0),
            load: Arc::default(),
            state: AtomicU8::new(0),
            blocked_until: watch::Sender::new(None),
            draining: CancellationToken::new(),
            giving_up: CancellationToken::new(),
        }
    }

    pub(crate) fn state(&self) -> SessionState {
        STATES[usize::from(self.state.load(Ordering::Relaxed))]
    }

    /// Changes the state, unless it is one that no session comes back from.
    pub(crate) fn set_state(&self, state: SessionState) {
        let is_final = |s: u8| {
            STATES[usize::from(s)] == SessionState::Stopped
                || (STATES[usize::from(s)] == SessionState::KeyLost
                    && state != SessionState::Stopped)
        };
        let to = STATES.iter().position(|s| *s == state).unwrap_or(0);
        // Fewer than 256 states.
        let changed = self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| {
            (!is_final(now) && usize::from(now) != to).then_some(to as u8)
        });
        if let Ok(from) = changed {
            let from = STATES[usize::from(from)];
            tracing::info!(session = %self.id, label = %self.label, ?from, to = ?state, "state changed");
        }
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Acquire)
    }

    /// Makes the session busy; `None` if it is.
    pub(crate) fn turn(self: &Arc<Self>) -> Option<Turn> {
        let was_busy = self.busy.swap(true, Ordering::AcqRel);
        (!was_busy).then(|| Turn(Arc::clone(self)))
    }

    pub(crate) fn status(&self) -> SessionStatus {
        let until = *self.blocked_until.borrow();
        let now = Instant::now();
        SessionStatus {
            id: self.id,
            label: self.label.clone(),
            state: self.state(),
            identity: self.identity.get().cloned(),
            queued: self.queued.load(Ordering::Relaxed),
            load: self.load.load(Ordering::Relaxed),
            blocked_for: until.filter(|until| *until > now).map(|until| until - now),
        }
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("id", &self.id)
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

/// The session is busy until this is dropped.
pub(crate) struct Turn(Arc<Core>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Release);
    }
}
