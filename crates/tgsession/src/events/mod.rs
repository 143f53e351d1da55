//! What happens to accounts, and who is told.

mod handlers;
mod stream;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use grammers_client::update::{Message, Update};

use crate::id::SessionId;

pub use handlers::HandlerTable;
pub(crate) use handlers::{Handlers, Joins};
pub use stream::EventStream;
pub(crate) use stream::{Feed, WeakFeed};

/// Something that happened to an account.
#[derive(Debug)]
pub struct Event {
    session: SessionId,
    update: Update,
    is_recovered: bool,
}

impl Event {
    pub(crate) fn new(session: SessionId, update: Update) -> Self {
        Self { session, update, is_recovered: false }
    }

    pub(crate) fn recovered(session: SessionId, update: Update) -> Self {
        Self { session, update, is_recovered: true }
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

    /// The update as `grammers` has it. Of a message that was [recovered](Self::is_recovered) it is made as `grammers`
    /// makes those of a difference: it has no number among the updates (`pts` is 0).
    pub fn update(&self) -> &Update {
        &self.update
    }

    /// Whether it was missing among the updates, and was read from the history of its chat: so newer messages of the
    /// chat may have come before it.
    pub fn is_recovered(&self) -> bool {
        self.is_recovered
    }

    /// Whether the account sent it itself.
    pub(crate) fn is_own(&self) -> bool {
        self.message().is_some_and(|message| message.outgoing())
    }
}

/// What a handler fails with.
pub type HandlerError = Box<dyn std::error::Error + Send + Sync>;

type Call = dyn Fn(Arc<Event>) -> BoxFuture<'static, Result<(), HandlerError>> + Send + Sync;

/// Who hears of events.
#[derive(Clone)]
pub(crate) enum Handler {
    /// It is called with each.
    Call(Arc<Call>),
    /// It puts them into a stream.
    Feed(Feed),
}

impl Handler {
    /// Whether it hears nothing more, for nobody has its stream.
    fn is_over(&self) -> bool {
        match self {
            Self::Call(_) => false,
            Self::Feed(feed) => feed.is_over(),
        }
    }
}
