//! What happens to accounts, and who is told.

mod handlers;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use grammers_client::update::{Message, Update};

use crate::id::SessionId;

pub use handlers::HandlerTable;
pub(crate) use handlers::{Handlers, Joining};

/// Something that happened to an account.
#[derive(Debug)]
pub struct Event {
    session: SessionId,
    update: Update,
}

impl Event {
    pub(crate) fn new(session: SessionId, update: Update) -> Self {
        Self { session, update }
    }

    /// The session it happened to.
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// The new message, if that is what happened.
    pub fn message(&self) -> Option<&Message> {
        match &self.update {
            Update::NewMessage(message) => Some(message),
            _ => None,
        }
    }

    /// The update as `grammers` has it.
    pub fn update(&self) -> &Update {
        &self.update
    }

    /// Whether the account sent it itself.
    pub(crate) fn is_own(&self) -> bool {
        self.message().is_some_and(|message| message.outgoing())
    }
}

/// What a handler fails with.
pub type HandlerError = Box<dyn std::error::Error + Send + Sync>;

pub(crate) type Handler =
    Arc<dyn Fn(Arc<Event>) -> BoxFuture<'static, Result<(), HandlerError>> + Send + Sync>;
