//! What the tasks of one session share.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};

use std::time::Duration;

use futures_util::FutureExt;
use lockorder::tokio::Mutex;
use once_cell::sync::OnceCell;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admission::Admission;
use super::config::{SessionConfig, Settings};
use super::counts::Counts;
use super::doubts::Doubts;
use super::in_hand::InHand;
use super::latches;
use super::live::Live;
use super::position::Position;
use super::signal::Signal;
use super::state::{STATES, SessionState};
use super::tasks::Tasks;
use super::turn::Turn;
use crate::events::{Event, Handlers, Joins};
use crate::hierarchy::SessionOperation;
use crate::id::SessionId;
use crate::limits::{Allowance, Notice};
use crate::operation::{Kind, Lane};
use crate::seen::Seen;
use crate::store::{Book, Happened, StoredEvent, Topic};
use crate::telegram::{Changes, Credentials, Identity};

/// How long the answer to an operation waits for what it taught to be written.
const SAVED_WITHIN: Duration = Duration::from_secs(2);

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

/// What the tasks of one session share.
pub(crate) struct Core {
    pub(crate) id: SessionId,
    pub(crate) label: String,
    pub(crate) settings: Settings,
    pub(crate) credentials: Credentials,
    /// The connection in use: replaced by reconnecting, gone once the session stops.
    live: watch::Sender<Option<Arc<Live>>>,
    /// Levels 2 and 3.
    pub(crate) admission: Admission,
    pub(crate) identity: OnceCell<Identity>,
    /// What Telegram called the loss of the key.
    pub(super) lost: OnceCell<String>,
    /// The key is lost.
    pub(crate) key_lost: Signal,
    /// What Telegram called the restriction of the account.
    pub(super) restricted: watch::Sender<Option<String>>,
    /// To the keeper, if there is a store.
    changes: Option<Changes>,
    /// The same, of what happens.
    log: Option<mpsc::UnboundedSender<StoredEvent>>,
    /// The keeper has written the last change, or there is none.
    pub(crate) kept: CancellationToken,
    /// How many urgent changes there were, and how many of them are written.
    noted: AtomicU64,
    written: watch::Sender<u64>,
    /// To the dispatcher.
    pub(super) events: mpsc::Sender<Arc<Event>>,
    /// To the census: the dispatcher has handled an event.
    pub(super) handled_one: Notify,
    /// How far what was given to it is handled.
    pub(super) position: Position,
    /// Which messages were given to it, or are none of the session's.
    pub(super) seen: watch::Sender<Seen>,
    /// What may be missing of them.
    pub(super) doubts: watch::Sender<Doubts>,
    /// It is a bot's: nothing of it can be looked at, and nothing is kept of what is known.
    pub(super) is_blind: AtomicBool,
    /// How often the stream was lost, since the last time that its line was found to work.
    pub(super) falls: watch::Sender<u32>,
    /// Nothing more will be sent to the dispatcher.
    pub(crate) events_over: CancellationToken,
    /// Nothing more will be handled, and nothing change.
    pub(super) settled: CancellationToken,
    /// Level 4.
    pub(crate) line: Arc<Mutex<SessionOperation, Line>>,
    /// Level 5.
    pub(crate) tasks: Tasks,
    /// Level 6.
    pub(crate) handlers: Arc<Handlers>,
    pub(crate) counts: Counts,
    pub(super) allowance: Arc<Allowance>,
    /// With the lease of a session that is stored: until its last task has ended, nobody else uses its key.
    pub(super) book: Book,
    /// The operations that the store keeps and that have a task.
    pub(super) in_hand: Arc<InHand>,
    /// The operation of each lane that had its locks last, as its number and one.
    started: [AtomicU64; Lane::ALL.len()],
    /// To the runner: something has changed that concerns operations which wait.
    pub(super) attention: Arc<Notify>,
    pub(crate) queued: AtomicUsize,
    pub(crate) load: Arc<AtomicUsize>,
    state: AtomicU8,
    /// Until when Telegram wants the account to wait.
    pub(super) blocked_until: watch::Sender<Option<Instant>>,
    /// There is no line: no operation starts.
    offline: AtomicBool,
    /// Telegram refuses again and again to say who the account is.
    pub(super) is_unknown: AtomicBool,
    /// No more operations start, those that run may finish.
    pub(crate) draining: Signal,
    /// Operations that run are given up.
    pub(crate) giving_up: CancellationToken,
}

impl Core {
    /// What a session shares, and the new handlers for its dispatcher.
    pub(super) fn new(
        id: SessionId,
        config: SessionConfig,
        settings: Settings,
        admission: Admission,
        events: mpsc::Sender<Arc<Event>>,
        tracker: TaskTracker,
    ) -> (Self, Joins) {
        let SessionConfig {
            label, credentials, held, changes, position, monitors, log, lease, ..
        } = config;
        let (handlers, joining) = Handlers::new(id, settings.lock_timeout);
        for monitor in monitors {
            handlers.add(monitor.into_handler());
        }
        let (told, logged) = (changes.clone(), log.clone());
        let tell = Box::new(move |notice: Notice<'_>| {
            if let (Notice::UsedUp(exceeded), Some(log)) = (notice, &logged) {
                let (quota, limit) = (exceeded.quota, exceeded.limit);
                let _ = log.send(StoredEvent::now(Happened::QuotaUsedUp { quota, limit }));
            }
            if let Some(changes) = &told {
                // Gone only once the session has stopped.
                let _ = changes.send(Topic::Used);
            }
        });
        let core = Self {
            id,
            label,
            credentials,
            live: watch::Sender::new(None),
            lost: OnceCell::new(),
            restricted: watch::Sender::new(held.restricted),
            changes,
            log,
            kept: CancellationToken::new(),
            noted: AtomicU64::new(0),
            written: watch::Sender::new(0),
            key_lost: Signal::default(),
            events,
            handled_one: Notify::new(),
            position: Position::new(position, held.seen.clone()),
            seen: watch::Sender::new(held.seen.resumed()),
            doubts: watch::Sender::default(),
            is_blind: AtomicBool::new(false),
            falls: watch::Sender::new(0),
            events_over: CancellationToken::new(),
            settled: CancellationToken::new(),
            admission,
            identity: OnceCell::new(),
            line: Arc::default(),
            tasks: Tasks::new(id, settings.lock_timeout, tracker),
            handlers: Arc::new(handlers),
            allowance: Arc::new(Allowance::new(&settings.limits, held.used, tell)),
            book: Book::new(lease),
            in_hand: Arc::default(),
            settings,
            counts: Counts::default(),
            started: Default::default(),
            attention: Arc::default(),
            queued: AtomicUsize::new(0),
            load: Arc::default(),
            state: AtomicU8::new(0),
            blocked_until: watch::Sender::new(held.blocked_until.and_then(latches::as_instant)),
            offline: AtomicBool::new(false),
            is_unknown: AtomicBool::new(false),
            draining: Signal::default(),
            giving_up: CancellationToken::new(),
        };
        (core, joining)
    }

    pub(crate) fn state(&self) -> SessionState {
        STATES[usize::from(self.state.load(Ordering::Relaxed))]
    }

    /// Changes the state, unless it is one that no session comes back from.
    pub(crate) fn set_state(&self, state: SessionState) {
        // Nothing but a stop comes after a failure or a lost key, and nothing after a stop.
        let is_final = |now: u8| match STATES[usize::from(now)] {
            SessionState::Stopped => true,
            SessionState::KeyLost | SessionState::Failed => state != SessionState::Stopped,
            _ => false,
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

    /// Has the keeper write this with whatever comes next: nobody waits for that.
    pub(super) fn changed_sometime(&self, topic: Topic) {
        if let Some(changes) = &self.changes {
            // Gone only once the session has stopped.
            let _ = changes.send(topic);
        }
    }

    /// Has the keeper write what there is of this now.
    pub(crate) fn changed(&self, topic: Topic) {
        if let Some(changes) = &self.changes {
            // Sent first: who counts it as noted finds it in the channel. Gone only once the session has stopped.
            let _ = changes.send(topic);
            self.noted.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Has the keeper write what happened with the next change: to be followed by one.
    pub(super) fn log(&self, what: Happened) {
        if let Some(log) = &self.log {
            // Gone only once the session has stopped.
            let _ = log.send(StoredEvent::now(what));
        }
    }

    /// How many changes there were, before what is written now was looked for.
    pub(crate) fn noted(&self) -> u64 {
        self.noted.load(Ordering::Acquire)
    }

    /// All changes up to this one are written.
    pub(crate) fn set_written(&self, noted: u64) {
        self.written.send_replace(noted);
    }

    /// Waits until what was noted of the account is written, for a moment at most: whoever hears of it may end the
    /// process.
    pub(crate) async fn saved(&self) {
        if self.changes.is_none() {
            return;
        }
        let (noted, mut written) = (self.noted(), self.written.subscribe());
        let saved = written.wait_for(|written| *written >= noted);
        if tokio::time::timeout(SAVED_WITHIN, saved).await.is_err() {
            tracing::error!(session = %self.id, "what was learned of the account is not written yet");
        }
    }

    /// Runs a task without which the session is none, and fails the session if it ends before it was
    /// `meant` to. A panic in it stays in its session.
    pub(crate) fn spawn_essential(
        self: &Arc<Self>,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
        meant: impl Fn(&Self) -> bool + Send + 'static,
    ) {
        let core = Arc::clone(self);
        // Boxed before it is wrapped: each async block around a future holds it twice.
        let task = Box::pin(task);
        self.tasks.spawn(name, async move {
            let panicked = AssertUnwindSafe(task).catch_unwind().await.is_err();
            if panicked {
                Counts::add(&core.counts.panics);
            }
            if panicked || !meant(&core) {
                tracing::error!(session = %core.id, name, panicked, "a task ended by itself");
                core.set_state(SessionState::Failed);
                core.drain();
            }
        });
    }

    /// No more operations start.
    pub(super) fn drain(&self) {
        self.draining.cancel();
        self.attention.notify_one();
    }

    /// What runs is given up.
    pub(super) fn give_up(&self) {
        self.giving_up.cancel();
        self.attention.notify_one();
    }

    /// Whether there is no line.
    pub(crate) fn is_offline(&self) -> bool {
        self.offline.load(Ordering::Acquire)
    }

    pub(crate) fn set_offline(&self, offline: bool) {
        self.offline.store(offline, Ordering::Release);
        self.attention.notify_one();
    }

    pub(crate) fn live(&self) -> Option<Arc<Live>> {
        self.live.borrow().clone()
    }

    pub(crate) fn set_live(&self, live: Option<Arc<Live>>) {
        self.live.send_replace(live);
    }

    /// An operation has its locks. True if the runner must be told, because another waits: one that is submitted after
    /// this tells it too.
    pub(super) fn start(&self, lane: Lane, number: u64) -> bool {
        self.started[lane as usize].store(number + 1, Ordering::SeqCst);
        self.queued.load(Ordering::SeqCst) > 0
    }

    /// An operation is about to ask for its locks: that it had them in an earlier attempt does not count.
    pub(super) fn ask(&self, lane: Lane) {
        self.started[lane as usize].store(0, Ordering::SeqCst);
    }

    pub(super) fn has_started(&self, lane: Lane, number: u64) -> bool {
        self.started[lane as usize].load(Ordering::SeqCst) == number + 1
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.admission.turns.is_taken()
    }

    /// Makes the session busy; `None` if it is.
    pub(crate) fn turn(&self) -> Option<Turn<'_>> {
        self.admission.turns.take()
    }

    /// How many operations it has, queued and running.
    pub(crate) fn load(&self) -> usize {
        self.load.load(Ordering::Acquire)
    }

    pub(crate) fn has_room(&self) -> bool {
        self.queued.load(Ordering::Relaxed) < self.settings.queue_capacity
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
