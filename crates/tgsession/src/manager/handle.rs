//! One session of a manager, as a value of its own.

use super::{KeepError, Manager, ReconnectError, RemoveError, SubmitError};
use crate::id::SessionId;
use crate::operation::{Keepable, Kept, Operation, Ticket};
use crate::session::{SessionStatus, Stopped};

/// One session of a [`Manager`], for who has to do with no other. Clones are the same session.
///
/// It is the number of the session and a clone of the manager, and keeps that one and all its sessions until it is
/// dropped or the manager is shut down. That there is such a handle does not say that the session is still there: each
/// method says what becomes of that.
///
/// ```no_run
/// use tgsession::{Manager, Send, SessionId};
///
/// # async fn run(manager: Manager, id: SessionId) -> Result<(), Box<dyn std::error::Error>> {
/// let support = manager.handle(id).ok_or("it was removed")?;
/// let sent = support.submit(Send::new("@friend", "hello"))?.await;
/// println!("{:?} after {sent:?}", support.status());
/// support.remove().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SessionHandle {
    manager: Manager,
    id: SessionId,
}

impl Manager {
    /// A session as a value of its own; `None` if there is none with this number.
    ///
    /// ```no_run
    /// use tgsession::Send;
    ///
    /// # use tgsession::{Manager, SessionId};
    /// # fn run(manager: Manager, id: SessionId) -> Result<(), Box<dyn std::error::Error>> {
    /// let support = manager.handle(id).ok_or("it was removed")?;
    /// support.submit(Send::new("@friend", "hello"))?.detach();
    /// # Ok(())
    /// # }
    /// ```
    pub fn handle(&self, id: SessionId) -> Option<SessionHandle> {
        self.0.registry.get(id)?;
        Some(SessionHandle { manager: self.clone(), id })
    }
}

impl SessionHandle {
    /// Its number.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// How it is; `None` once it was removed.
    pub fn status(&self) -> Option<SessionStatus> {
        self.manager.session(self.id)
    }

    /// Puts an operation into its queue: [`Manager::submit`].
    ///
    /// # Errors
    /// If it was removed, it is not connected, or its queue is full.
    pub fn submit<O: Operation>(&self, operation: O) -> Result<Ticket<O::Output>, SubmitError> {
        self.manager.submit(self.id, operation)
    }

    /// Puts an operation into its queue once it is written down: [`Manager::submit_kept`].
    ///
    /// # Errors
    /// Those of [`Manager::submit_kept`].
    ///
    /// # Cancel safety
    /// That of [`Manager::submit_kept`].
    pub async fn submit_kept<O: Keepable>(
        &self,
        key: impl Into<String>,
        operation: O,
    ) -> Result<Kept<O::Output>, KeepError> {
        self.manager.submit_kept(self.id, key, operation).await
    }

    /// Hangs up and connects again: [`Manager::reconnect`].
    ///
    /// # Errors
    /// Those of [`Manager::reconnect`].
    ///
    /// # Cancel safety
    /// That of [`Manager::reconnect`].
    pub async fn reconnect(&self) -> Result<(), ReconnectError> {
        self.manager.reconnect(self.id).await
    }

    /// Stops the session and forgets it: [`Manager::remove_session`].
    ///
    /// # Errors
    /// Those of [`Manager::remove_session`].
    ///
    /// # Cancel safety
    /// That of [`Manager::remove_session`].
    pub async fn remove(&self) -> Result<Stopped, RemoveError> {
        self.manager.remove_session(self.id).await
    }
}
