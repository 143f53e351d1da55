//! The life of a session: connect, submit, reconnect, stop.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::admission::Admission;
use super::config::{SessionConfig, Settings};
use super::core::Core;
use super::job::{Job, Load};
use super::live::Live;
use super::runner::{Note, Runner};
use super::state::SessionState;
use super::{census, health, streams};
use crate::id::SessionId;
use crate::operation::{Operation, Ticket};
use crate::telegram::CallError;

/// Why a session did not connect.
#[derive(Debug, Error)]
#[error("{label}: Telegram did not let the session in")]
#[non_exhaustive]
pub struct ConnectError {
    /// What the config called it.
    pub label: String,
    /// What Telegram said.
    pub source: CallError,
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stopped {
    /// The session.
    pub id: SessionId,
    /// How long it took.
    pub took: Duration,
    /// Tasks that ignored that they were to end. They are reported, and left to end when they will.
    pub survivors: usize,
}

/// The manager's end of a session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) core: Arc<Core>,
    pub(super) notes: mpsc::UnboundedSender<Note>,
    pub(super) jobs: Arc<AtomicU64>,
}

/// Why a session did not take an operation.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SubmitRefusal {
    Full { depth: usize },
    State(SessionState),
}

impl SessionConfig {
    /// A number by which two configs with one key are recognised; `None` without a key. Says nothing of the
    /// key itself.
    pub(crate) fn fingerprint(&self) -> Option<u64> {
        let key = self.credentials.key()?;
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        Some(hasher.finish())
    }
}

impl Session {
    /// Connects an account and starts its tasks, all of them in `tracker`; holds no lock while it talks to
    /// Telegram.
    pub(crate) async fn connect(
        id: SessionId,
        mut config: SessionConfig,
        settings: Settings,
        admission: Admission,
        tracker: TaskTracker,
    ) -> Result<Self, ConnectError> {
        let label = config.label.clone();
        if let Some(name) = config.held.key_lost.clone() {
            // Trying it again would only tell Telegram that somebody still has it.
            return Err(ConnectError { label, source: CallError::KeyLost { name } });
        }
        let keeper = config.keeper.take();
        let (events, inbox) = mpsc::channel(settings.event_capacity);
        let (core, joining) = Core::new(id, config, settings, admission, events, tracker);
        let core = Arc::new(core);
        let abandoned = EndUnlessKept(Some(&core));
        match keeper {
            Some(keeper) => {
                let keep = keeper.run(Arc::clone(&core));
                core.spawn_essential("keeper", keep, |core| core.settled.is_cancelled());
            }
            None => core.kept.cancel(),
        }
        let identity = match Live::open(&core).await {
            Ok(identity) => identity,
            Err(source) => {
                // What was learned of the account meanwhile is kept all the same.
                core.settled.cancel();
                let _ = timeout(core.settings.stop_budget, core.kept.cancelled()).await;
                return Err(ConnectError { label, source });
            }
        };
        // Set once, by the only task that knows this core.
        let _ = core.identity.set(identity);

        let (notes, submitted) = mpsc::unbounded_channel();
        let runner = Runner::new(Arc::clone(&core), notes.clone()).run(submitted);
        core.spawn_essential("runner", runner, |core| core.draining.is_cancelled());
        let dispatcher = streams::dispatch(Arc::clone(&core), inbox, joining);
        core.spawn_essential("dispatcher", dispatcher, |core| core.events_over.is_cancelled());
        let health = health::watch(Arc::clone(&core));
        core.spawn_essential("health", health, |core| {
            core.draining.is_cancelled() || core.key_lost.is_cancelled()
        });
        let census = census::watch(Arc::clone(&core));
        core.spawn_essential("census", census, |core| {
            core.draining.is_cancelled() || core.key_lost.is_cancelled()
        });
        core.set_state(SessionState::Connected);
        abandoned.keep();
        let session = Self { core, notes, jobs: Arc::default() };
        session.resume_kept();
        Ok(session)
    }

    /// Counts one operation more; `None` if there are not as many as expected.
    pub(crate) fn take_load(&self, expected: Option<usize>) -> Option<Load> {
        Load::take(&self.core.load, expected)
    }

    /// Puts an operation into the queue.
    pub(crate) fn submit<O: Operation>(
        &self,
        operation: O,
    ) -> Result<Ticket<O::Output>, SubmitRefusal> {
        let load = Load::new(&self.core.load);
        self.enqueue(self.reserve()?, operation, load)
    }

    /// Puts an operation into the queue that is counted already, and has its place in it.
    pub(crate) fn enqueue<O: Operation>(
        &self,
        number: u64,
        operation: O,
        load: Load,
    ) -> Result<Ticket<O::Output>, SubmitRefusal> {
        let (job, ticket) = Job::new(number, operation, load, &self.core.attention);
        if self.notes.send(Note::Submitted(job)).is_err() {
            self.core.queued.fetch_sub(1, Ordering::Relaxed);
            return Err(SubmitRefusal::State(SessionState::Stopped));
        }
        Ok(ticket)
    }

    /// Reserves a place in the queue for an operation, and numbers it.
    pub(crate) fn reserve(&self) -> Result<u64, SubmitRefusal> {
        match self.core.state() {
            SessionState::Connected | SessionState::Reconnecting | SessionState::Degraded => {}
            state => return Err(SubmitRefusal::State(state)),
        }
        let reserved =
            self.core.queued.fetch_update(Ordering::SeqCst, Ordering::Relaxed, |depth| {
                (depth < self.core.settings.queue_capacity).then_some(depth + 1)
            });
        match reserved {
            Ok(_) => Ok(self.jobs.fetch_add(1, Ordering::Relaxed)),
            Err(depth) => Err(SubmitRefusal::Full { depth }),
        }
    }

    /// Closes the connection to its end, then opens another. Nothing else may use the session meanwhile. If
    /// it fails or is dropped, the session has no connection until its health is looked at.
    pub(crate) async fn reconnect(&self) -> Result<(), CallError> {
        self.require_alive()?;
        Live::replace(&self.core).await?;
        self.require_alive()
            .inspect_err(|_| self.core.live().iter().for_each(|live| live.close()))?;
        Ok(())
    }

    /// A lost key is never tried again, and a session that ended does not come back.
    fn require_alive(&self) -> Result<(), CallError> {
        match self.core.state() {
            SessionState::Connected | SessionState::Reconnecting | SessionState::Degraded => Ok(()),
            state => Err(self.core.lost().unwrap_or_else(|| {
                CallError::Invalid(format!("the session is {state:?}: remove it and add it again"))
            })),
        }
    }

    /// Stops within the budget: takes no more operations, lets those that run finish for half of it, then
    /// gives them up, hangs up, and ends what is left. Dropped half-way, it ends everything at once.
    pub(crate) async fn stop(&self) -> Stopped {
        let core = &self.core;
        let begin = Instant::now();
        let budget = core.settings.stop_budget;
        let dropped = EndUnlessKept(Some(core));
        core.set_state(SessionState::Stopped);
        core.drain();
        let _ = timeout_at(begin + budget / 2, self.notes.closed()).await;
        core.give_up();
        let _ = timeout_at(begin + budget * 3 / 4, self.notes.closed()).await;
        if let Some(live) = core.live() {
            live.close();
            // What it brought is handled before the dispatcher hears that nothing more will come.
            let _ = timeout_at(begin + budget * 13 / 16, live.closed()).await;
        }
        core.events_over.cancel();
        let _ = timeout_at(begin + budget * 7 / 8, core.tasks.join()).await;
        core.end();
        let _ = timeout_at(begin + budget, core.tasks.join()).await;
        dropped.keep();
        let stopped = Stopped { id: core.id, took: begin.elapsed(), survivors: core.tasks.len() };
        match stopped.survivors {
            0 => info!(session = %core.id, took = ?stopped.took, "stopped"),
            n => warn!(session = %core.id, survivors = n, "tasks ignored that the session stopped"),
        }
        stopped
    }
}

impl Core {
    /// Ends the connection and every task at its next await.
    fn end(&self) {
        self.drain();
        self.give_up();
        self.events_over.cancel();
        self.settled.cancel();
        if let Some(live) = self.live() {
            live.close();
        }
        self.tasks.kill();
    }
}

impl Drop for Session {
    /// A session that nobody stopped ends with its manager.
    fn drop(&mut self) {
        self.core.end();
    }
}

/// Ends a session that did not connect or did not stop, because its caller gave up.
struct EndUnlessKept<'a>(Option<&'a Arc<Core>>);

impl EndUnlessKept<'_> {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for EndUnlessKept<'_> {
    fn drop(&mut self) {
        if let Some(core) = self.0 {
            core.end();
        }
    }
}
