//! Many sessions, and what they share.
//!
//! The manager is a façade over small parts: [`registry`] knows
//! the sessions, [`tasks`] and [`metrics`] are the two locks of level 1, [`balance`] chooses.

mod balance;
mod builder;
mod check;
mod errors;
mod handle;
mod kept;
mod metrics;
mod registry;
mod shutdown;
mod tasks;
mod views;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use balance::Answer;
pub use balance::Balance;
pub use builder::Builder;
pub use check::BuildError;
pub use errors::{AddError, KeepError, ReconnectError, RemoveError, SubmitError};
pub use handle::SessionHandle;
use metrics::Metrics;
pub use metrics::{MetricsSnapshot, Totals};
use registry::Registry;
pub use shutdown::ShutdownReport;
pub use tasks::{GlobalTask, GlobalTaskTable};
pub use views::ViewError;

use lockorder::AcquireError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::hierarchy::GlobalTasks;
use crate::id::SessionId;
use crate::operation::{Lane, Operation, Ticket};
use crate::session::{
    Admission, Permits, Session, SessionConfig, SessionStatus, Settings, Stopped, SubmitRefusal,
};

/// A manager of Telegram sessions. Clones share it.
///
/// ```no_run
/// use tgsession::{ExportMessages, Manager, SessionConfig};
///
/// # async fn archive(session_data: grammers_session::SessionData) -> Result<(), Box<dyn std::error::Error>> {
/// let manager = Manager::builder().build()?;
/// let session = manager.add_session(SessionConfig::new("archive", session_data, 12345)).await?;
/// let export = manager.submit(session, ExportMessages::of("@my_channel").limit(100))?;
/// if let Some(posts) = export.await.done() {
///     println!("{} messages", posts.len());
/// }
/// manager.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Manager(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    balance: Balance,
    tasks: tasks::Tasks,
    metrics: Metrics,
    permits: Arc<Permits>,
    registry: Arc<Registry>,
    next_id: AtomicU64,
    /// Where the next round starts.
    cursor: AtomicUsize,
    closed: CancellationToken,
    /// Sessions that are being added.
    adding: TaskTracker,
    shutdown_budget: std::time::Duration,
}

impl Manager {
    /// Chooses the times and sizes of a manager.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Connects an account and adds it. One that is stored goes on with the operations that it
    /// [keeps](Self::submit_kept).
    ///
    /// ```no_run
    /// use tgsession::{Manager, Monitor, SessionConfig};
    ///
    /// # async fn run(manager: Manager, session_data: grammers_session::SessionData) -> Result<(), tgsession::AddError> {
    /// let heard = Monitor::new(|event| async move {
    ///     println!("{:?}", event.update());
    ///     Ok(())
    /// });
    /// let config = SessionConfig::new("support", session_data, 12345).monitor(heard);
    /// let session = manager.add_session(config).await?;
    /// println!("session {session} is connected");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If Telegram does not let it in, a lock is not free in time, its store does not give it any more, or the manager
    /// is shutting down.
    ///
    /// # Cancel safety
    /// Dropped before it returns, it hangs up, and leaves no connection and no entry behind. That takes a moment,
    /// until which the key counts as in use.
    pub async fn add_session(&self, config: SessionConfig) -> Result<SessionId, AddError> {
        let inner = &self.0;
        let _adding = inner.adding.token();
        if inner.closed.is_cancelled() {
            return Err(AddError::ShuttingDown);
        }
        tokio::select! {
            biased;
            () = inner.closed.cancelled() => Err(AddError::ShuttingDown),
            added = self.add(config) => added,
        }
    }

    /// No lock is held while Telegram is asked, and none while another of the same level is.
    async fn add(&self, mut config: SessionConfig) -> Result<SessionId, AddError> {
        let inner = &self.0;
        config.renew().await?;
        let left = config.take_left();
        let id = SessionId(inner.next_id.fetch_add(1, Ordering::Relaxed));
        let tasks = TaskTracker::new();
        let entry = inner.tasks.enter(id, &config, tasks.clone()).await?;
        let settings = inner.settings.clone();
        let admission = Admission::new(id, Arc::clone(&inner.permits), settings.lock_timeout);
        let session = match Session::connect(id, config, settings, admission, tasks).await {
            Ok(session) => session,
            Err(error) => {
                entry.give_back().await;
                return Err(error.into());
            }
        };
        inner.metrics.change(|totals| totals.added += 1).await?;
        session.take_up(left);
        inner.registry.insert(session);
        entry.keep();
        Ok(id)
    }

    /// Stops a session and forgets it: its queue is answered, what runs may finish within the budget.
    ///
    /// ```no_run
    /// # use tgsession::{Manager, RemoveError, SessionId};
    /// # async fn run(manager: Manager, session: SessionId) -> Result<(), RemoveError> {
    /// let stopped = manager.remove_session(session).await?;
    /// println!("session {} took {:?} to stop", stopped.id, stopped.took);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If there is no such session; or if somebody kept it or the register for longer than the lock timeout:
    /// it is stopped then, but still listed.
    ///
    /// # Cancel safety
    /// Dropped before it returns, it leaves the session ended at once, and perhaps still listed. Not to be
    /// called by a handler of the session, for which it would wait.
    pub async fn remove_session(&self, id: SessionId) -> Result<Stopped, RemoveError> {
        let session = self.0.registry.get(id).ok_or(RemoveError::Unknown(id))?;
        let stopped = session.stop().await;
        match self.forget(&session).await {
            Ok(()) => Ok(stopped),
            Err(source) => Err(RemoveError::Lock { stopped, source }),
        }
    }

    /// Takes a stopped session off the books: levels 3, 1 and 1, one after the other. It is listed until the
    /// last step, so that it can be tried again.
    async fn forget(&self, session: &Session) -> Result<(), AcquireError> {
        let (inner, id) = (&self.0, session.core.id);
        session.core.admission.retire().await?;
        inner.tasks.leave(id).await?;
        let mut totals = inner.metrics.totals().await?;
        if inner.registry.remove(id) {
            totals.absorb(&session.core);
        }
        Ok(())
    }

    /// Hangs up and connects again, with nothing running meanwhile.
    ///
    /// ```no_run
    /// # use tgsession::{Manager, SessionId};
    /// # async fn run(manager: Manager, session: SessionId) {
    /// // The network has changed, and that would be noticed only when the line is looked at next.
    /// if let Err(error) = manager.reconnect(session).await {
    ///     println!("session {session}: {error}");
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// If there is no such session, its operations do not end within the lock timeout, or Telegram does not
    /// let it in again: then it has no connection until it is asked for its health, or this is called again.
    ///
    /// # Cancel safety
    /// Dropped while it waits for the operations of the session, it changes nothing. Dropped after that, it leaves
    /// the session without a connection: the same holds.
    pub async fn reconnect(&self, id: SessionId) -> Result<(), ReconnectError> {
        let session = self.0.registry.get(id).ok_or(ReconnectError::Unknown(id))?;
        let exclusive = session.core.admission.exclude().await?;
        let _exclusive = exclusive.ok_or(ReconnectError::Unknown(id))?;
        Ok(session.reconnect().await?)
    }

    /// Says that an account which Telegram restricts (`PEER_FLOOD` and its like) was seen to, and may send again;
    /// false if it might before. Until then its sends fail with [`CallError::Restricted`], and all its operations if
    /// it is frozen (`FROZEN_x`), over restarts too if it is in a [`Store`](crate::Store). What is
    /// [kept](Self::submit_kept) and was held by it goes on.
    ///
    /// ```no_run
    /// # use tgsession::{Manager, SessionId, ViewError};
    /// # fn run(manager: Manager, session: SessionId) -> Result<(), ViewError> {
    /// // Somebody has looked at the account, and it may write to strangers again.
    /// if manager.clear_restriction(session)? {
    ///     println!("session {session} sends again");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If there is no such session.
    ///
    /// [`CallError::Restricted`]: crate::CallError::Restricted
    pub fn clear_restriction(&self, id: SessionId) -> Result<bool, ViewError> {
        let session = self.0.registry.get(id).ok_or(ViewError::Unknown(id))?;
        Ok(session.core.clear_restriction())
    }

    /// Puts an operation into the queue of a session.
    ///
    /// ```no_run
    /// use tgsession::{Outcome, Send};
    ///
    /// # use tgsession::{Manager, SessionId, SubmitError};
    /// # async fn run(manager: Manager, session: SessionId) -> Result<(), SubmitError> {
    /// let ticket = manager.submit(session, Send::new("@friend", "hello"))?;
    /// match ticket.await {
    ///     Outcome::Done(sent) => println!("{sent:?}"),
    ///     Outcome::MaybeExecuted(failure) => println!("it may have arrived: {failure}"),
    ///     other => println!("it was not sent: {other:?}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If there is no such session, it is not connected, or its queue is full.
    pub fn submit<O: Operation>(
        &self,
        session: SessionId,
        operation: O,
    ) -> Result<Ticket<O::Output>, SubmitError> {
        let session = self.0.registry.get(session).ok_or(SubmitError::Unknown(session))?;
        submitted(&session, session.submit(operation))
    }

    /// Puts an operation into the queue of the session that the manager's [`Balance`] chooses, among those that have
    /// room. The choice and its count are one step: of many callers at once no two take the same session for the least
    /// loaded. Where others take the last place of the one that was chosen, the next best gets it.
    ///
    /// ```no_run
    /// use tgsession::ExportMessages;
    ///
    /// # use tgsession::{Manager, SubmitError};
    /// # async fn run(manager: Manager) -> Result<(), SubmitError> {
    /// let export = ExportMessages::of("@my_channel").limit(100);
    /// let (session, ticket) = manager.submit_any(export)?;
    /// println!("session {session} reads it: {:?}", ticket.await);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If no session is connected, the queues of all of them are full, or the one that was chosen stops at this moment.
    pub fn submit_any<O: Operation>(
        &self,
        operation: O,
    ) -> Result<(SessionId, Ticket<O::Output>), SubmitError> {
        let inner = &self.0;
        let cursor = inner.cursor.fetch_add(1, Ordering::Relaxed);
        let ask = |chosen: balance::Load| {
            let Some(session) = inner.registry.get(chosen.session) else { return Answer::Gone };
            let expected = (inner.balance == Balance::LeastLoaded).then_some(chosen.load);
            // Another caller was faster: what he took is no longer the least loaded.
            let Some(load) = session.take_load(expected) else { return Answer::Changed };
            match session.reserve() {
                Ok(number) => Answer::Takes((session, load, number)),
                Err(SubmitRefusal::State(_)) => Answer::Gone,
                Err(full) => Answer::Full(refused(chosen.session, full)),
            }
        };
        let placed = inner.balance.place(cursor, || inner.registry.loads(), ask);
        let (session, load, number) =
            placed.map_err(|full| full.unwrap_or(SubmitError::NobodyConnected))?;
        let ticket = submitted(&session, session.enqueue(number, operation, load))?;
        Ok((session.core.id, ticket))
    }

    /// How every session is, by number.
    ///
    /// ```no_run
    /// # fn run(manager: tgsession::Manager) {
    /// for session in manager.sessions() {
    ///     println!("{} is {:?}, with {} operations", session.label, session.state, session.load);
    /// }
    /// # }
    /// ```
    pub fn sessions(&self) -> Vec<SessionStatus> {
        self.0.registry.all().iter().map(|session| session.core.status()).collect()
    }

    /// How one session is; `None` if there is none with this number.
    ///
    /// ```no_run
    /// use tgsession::SessionState;
    ///
    /// # fn run(manager: tgsession::Manager, id: tgsession::SessionId) {
    /// let state = manager.session(id).map(|session| session.state);
    /// if state == Some(SessionState::KeyLost) {
    ///     println!("session {id} has to sign in again");
    /// }
    /// # }
    /// ```
    pub fn session(&self, id: SessionId) -> Option<SessionStatus> {
        self.0.registry.get(id).map(|session| session.core.status())
    }

    /// Asks for a lock of level 1 while a permit of level 2 is held: the mistake of the original, for the
    /// test that shows that it is reported.
    #[doc(hidden)]
    pub async fn __invert(&self) {
        let permit = self.0.permits.acquire(Lane::Operate, self.0.settings.lock_timeout).await;
        let table = self.0.tasks.table().await;
        drop((table, permit));
    }
}

fn submitted<T>(
    session: &Session,
    submitted: Result<Ticket<T>, SubmitRefusal>,
) -> Result<Ticket<T>, SubmitError> {
    submitted.map_err(|refusal| refused(session.core.id, refusal))
}

fn refused(session: SessionId, refusal: SubmitRefusal) -> SubmitError {
    match refusal {
        SubmitRefusal::Full { depth } => SubmitError::QueueFull { session, depth },
        SubmitRefusal::State(state) => SubmitError::NotConnected { session, state },
    }
}
