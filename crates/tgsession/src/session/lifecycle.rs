//! The life of a session: connect, submit, stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lockorder::AcquireError;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use super::admission::Admission;
use super::config::{SessionConfig, Settings};
use super::core::{Core, SessionState};
use super::job::Job;
use super::runner::{Note, Runner};
use super::streams;
use crate::id::SessionId;
use crate::operation::{Operation, Ticket};
use crate::telegram::{CallError, Connection, Parts};

/// Why a session did not connect.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Telegram did not accept it or could not be reached.
    #[error("{label}: Telegram did not let the session in")]
    Call {
        /// What the config called it.
        label: String,
        /// What Telegram said.
        source: CallError,
    },
    /// A lock did not come free in time.
    #[error("{label}: a lock was not free in time")]
    Lock {
        /// What the config called it.
        label: String,
        /// Which, and who held it.
        source: AcquireError,
    },
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
    notes: mpsc::UnboundedSender<Note>,
    jobs: AtomicU64,
}

/// Why a session did not take an operation.
#[derive(Debug)]
pub(crate) enum SubmitRefusal {
    Full { depth: usize },
    State(SessionState),
}

impl Session {
    /// Connects an account and starts its tasks; holds no lock while it talks to Telegram.
    pub(crate) async fn connect(
        id: SessionId,
        config: SessionConfig,
        settings: Settings,
        admission: Arc<dyn Admission>,
    ) -> Result<Self, ConnectError> {
        let Parts { connection, io, updates } = Connection::prepare(config.credentials);
        let limit = settings.connect_timeout;
        let core = Arc::new(Core::new(id, config.label.clone(), settings, connection, admission));
        let abandoned = Abandon(Some(&core));
        core.tasks.spawn("io", |registered| async move {
            match registered {
                Ok(()) => io.run().await,
                Err(error) => warn!(%error, "no line without its entry in the table of tasks"),
            }
        });
        let failed = |source| ConnectError::Call { label: config.label.clone(), source };
        let identity = core.connection.identify(limit).await.map_err(failed)?;
        // Set once, by the only task that knows this core.
        let _ = core.identity.set(identity);
        let stream = core.connection.stream(updates).await.map_err(failed)?;

        let (events, inbox) = mpsc::channel(core.settings.event_capacity);
        let (notes, submitted) = mpsc::unbounded_channel();
        let runner = Runner::new(Arc::clone(&core), notes.clone());
        let own = Arc::clone(&core);
        core.tasks.spawn("pump", |_| streams::pump(own, stream, events));
        let own = Arc::clone(&core);
        core.tasks.spawn("dispatcher", |_| streams::dispatch(own, inbox));
        core.tasks.spawn("runner", |_| runner.run(submitted));
        core.set_state(SessionState::Connected);
        abandoned.keep();
        Ok(Self { core, notes, jobs: AtomicU64::new(0) })
    }

    /// Puts an operation into the queue.
    pub(crate) fn submit<O: Operation>(
        &self,
        operation: O,
    ) -> Result<Ticket<O::Output>, SubmitRefusal> {
        match self.core.state() {
            SessionState::Connected | SessionState::Reconnecting => {}
            state => return Err(SubmitRefusal::State(state)),
        }
        let reserved =
            self.core.queued.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |depth| {
                (depth < self.core.settings.queue_capacity).then_some(depth + 1)
            });
        if let Err(depth) = reserved {
            return Err(SubmitRefusal::Full { depth });
        }
        let number = self.jobs.fetch_add(1, Ordering::Relaxed);
        let (job, ticket) = Job::new(number, operation, &self.core.load);
        if self.notes.send(Note::Submitted(job)).is_err() {
            self.core.queued.fetch_sub(1, Ordering::Relaxed);
            return Err(SubmitRefusal::State(SessionState::Stopped));
        }
        Ok(ticket)
    }

    /// Hangs up and connects again.
    pub(crate) async fn reconnect(&self) -> Result<(), CallError> {
        self.core.set_state(SessionState::Reconnecting);
        self.core.connection.hang_up();
        self.core.connection.identify(self.core.settings.connect_timeout).await?;
        self.core.set_state(SessionState::Connected);
        Ok(())
    }

    /// Stops within the budget: takes no more operations, lets those that run finish for half of it, then
    /// gives them up, hangs up, and ends what is left.
    pub(crate) async fn stop(&self) -> Stopped {
        let core = &self.core;
        let begin = Instant::now();
        let budget = core.settings.stop_budget;
        core.set_state(SessionState::Stopped);
        core.draining.cancel();
        let _ = timeout_at(begin + budget / 2, self.notes.closed()).await;
        core.giving_up.cancel();
        let _ = timeout_at(begin + budget * 3 / 4, self.notes.closed()).await;
        core.connection.close();
        let _ = timeout_at(begin + budget * 7 / 8, core.tasks.join()).await;
        core.tasks.kill();
        let _ = timeout_at(begin + budget, core.tasks.join()).await;
        let stopped = Stopped { id: core.id, took: begin.elapsed(), survivors: core.tasks.len() };
        match stopped.survivors {
            0 => info!(session = %core.id, took = ?stopped.took, "stopped"),
            n => warn!(session = %core.id, survivors = n, "tasks ignored that the session stopped"),
        }
        stopped
    }
}

impl Drop for Session {
    /// A session that nobody stopped ends with its manager.
    fn drop(&mut self) {
        self.core.connection.close();
        self.core.tasks.kill();
    }
}

/// Ends the tasks of a session that did not connect, or whose caller gave up.
struct Abandon<'a>(Option<&'a Arc<Core>>);

impl Abandon<'_> {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        if let Some(core) = self.0 {
            core.connection.close();
            core.tasks.kill();
        }
    }
}
