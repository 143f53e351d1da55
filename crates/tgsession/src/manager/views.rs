//! Looking at what the locks guard.
//!
//! Each of these holds its lock for as long as its result exists, and nobody else gets it meanwhile: keep it
//! short, and ask for nothing of an outer level under it.

use std::ops::Deref;
use std::sync::Arc;

use lockorder::AcquireError;
use thiserror::Error;

use super::{GlobalTaskTable, Manager, MetricsSnapshot, Totals};
use crate::events::HandlerTable;
use crate::id::SessionId;
use crate::session::{Line, Session, TaskTable};

/// Why there is nothing to look at.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ViewError {
    /// There is no session with this number.
    #[error("there is no session {0}")]
    Unknown(SessionId),
    /// The lock was not free in time.
    #[error("a lock was not free in time")]
    Lock(#[from] AcquireError),
}

impl Manager {
    /// The register of actors (level 1). While the result exists no session is added or removed.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let manager = tgsession::Manager::builder().build()?;
    /// for (session, task) in manager.tasks().await?.iter() {
    ///     println!("{session}: {}, for {:?}", task.label, task.since.elapsed());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the lock is not free in time.
    ///
    /// # Cancel safety
    /// Dropped before it returns, it leaves nothing behind.
    pub async fn tasks(&self) -> Result<impl Deref<Target = GlobalTaskTable> + Send, AcquireError> {
        self.0.tasks.table().await
    }

    /// The totals of what changes outside of operations (level 1). While the result exists no session is
    /// added or removed.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let manager = tgsession::Manager::builder().build()?;
    /// let totals = manager.totals().await?;
    /// println!("{} sessions came, {} went", totals.added, totals.removed);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the lock is not free in time.
    ///
    /// # Cancel safety
    /// Dropped before it returns, it leaves nothing behind.
    pub async fn totals(&self) -> Result<impl Deref<Target = Totals> + Send, AcquireError> {
        self.0.metrics.totals().await
    }

    /// All numbers, as a copy that belongs together.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let manager = tgsession::Manager::builder().build()?;
    /// let metrics = manager.metrics().await?;
    /// println!("{} of {} sessions are connected", metrics.connected, metrics.sessions);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the metrics lock (level 1) is not free in time.
    ///
    /// # Cancel safety
    /// Dropped before it returns, it leaves nothing behind.
    pub async fn metrics(&self) -> Result<MetricsSnapshot, AcquireError> {
        let totals = self.0.metrics.totals().await?;
        let records = self.0.registry.all();
        Ok(totals.with(records.iter().map(|session| &*session.core)))
    }

    /// Keeps a session free of exclusive operations (level 4), and shows what it did. Updates keep flowing.
    ///
    /// ```no_run
    /// # use tgsession::{Manager, SessionId, ViewError};
    /// # async fn run(manager: Manager, session: SessionId) -> Result<(), ViewError> {
    /// let line = manager.pause(session).await?;
    /// println!("{} exclusive operations have run, and none runs now", line.finished());
    /// drop(line); // the next may begin
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If there is no such session, or its operation does not end in time.
    ///
    /// # Cancel safety
    /// Dropped before it returns, it leaves nothing behind.
    pub async fn pause(
        &self,
        id: SessionId,
    ) -> Result<impl Deref<Target = Line> + Send + use<>, ViewError> {
        let session = self.find(id)?;
        let core = &session.core;
        Ok(Arc::clone(&core.line).lock_owned_within(core.settings.lock_timeout).await?)
    }

    /// The tasks of a session (level 5). While the result exists none enters: one that starts then waits for the lock
    /// timeout at most, and is listed to whoever looks next.
    ///
    /// ```no_run
    /// # use tgsession::{Manager, SessionId, ViewError};
    /// # async fn run(manager: Manager, session: SessionId) -> Result<(), ViewError> {
    /// for task in manager.session_tasks(session).await?.iter() {
    ///     println!("{}, for {:?}", task.name, task.since.elapsed());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If there is no such session, or the lock is not free in time.
    ///
    /// # Cancel safety
    /// Dropped before it returns, it leaves nothing behind.
    pub async fn session_tasks(
        &self,
        id: SessionId,
    ) -> Result<impl Deref<Target = TaskTable> + Send + use<>, ViewError> {
        Ok(self.find(id)?.core.tasks.table().await?)
    }

    /// The handlers of a session (level 6). While the result exists none is added or removed.
    ///
    /// ```no_run
    /// # use tgsession::{Manager, SessionId, ViewError};
    /// # async fn run(manager: Manager, session: SessionId) -> Result<(), ViewError> {
    /// println!("{} handlers listen", manager.session_handlers(session).await?.len());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If there is no such session, or the lock is not free in time.
    ///
    /// # Cancel safety
    /// Dropped before it returns, it leaves nothing behind.
    pub async fn session_handlers(
        &self,
        id: SessionId,
    ) -> Result<impl Deref<Target = HandlerTable> + Send + use<>, ViewError> {
        Ok(self.find(id)?.core.handlers.read().await?)
    }

    fn find(&self, id: SessionId) -> Result<Arc<Session>, ViewError> {
        self.0.registry.get(id).ok_or(ViewError::Unknown(id))
    }
}
