//! Operations: what a session can be asked to do, and what comes of it.
//!
//! | kind | permit | exclusive | priority | its timeout covers |
//! |---|---|---|---|---|
//! | [`Monitor`] | none | while it starts | 10 | the start, 3600 s: from the first lock until the handler will hear the next event |
//! | [`ExportMembers`] | scrape | yes | 5 | one attempt, 300 s: from the first call to the last row |
//! | [`ExportMessages`] | scrape | yes | 5 | one attempt, 300 s: from the first call to the last row |
//! | [`Send`] | operation | yes | 1 | one attempt, 60 s: from the first call to the answer |
//! | [`Custom`] | operation | yes, unless it says [`shared`](Custom::shared) | 0 | one attempt, 300 s: the future |
//!
//! A permit is one of the manager's; an exclusive operation runs alone on its session, while updates keep
//! flowing. Waiting in the queue, for a permit, for a flood wait or between attempts is covered by no
//! timeout of the operation, and holds nothing.

mod custom;
mod export;
mod kind;
mod monitor;
mod outcome;
mod send;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use grammers_client::Client;

pub use custom::Custom;
pub use export::{ExportMembers, ExportMessages, Member, Post};
pub use kind::Kind;
pub(crate) use kind::{Lane, Terms};
pub use monitor::{Monitor, Monitoring};
pub use outcome::{Failure, Outcome, Ticket};
pub(crate) use outcome::{Reply, ticket};
pub use send::{Send, Sent};

use crate::events::Handlers;

/// Something that a session can do. Implemented by the types of this module.
pub trait Operation: Work {}

impl<W: Work> Operation for W {}

pub(crate) use work::Work;

mod work {
    use super::{BoxFuture, Context, Failure, Terms};

    /// What the session needs to know of an operation.
    pub trait Work: Send + 'static {
        /// What it brings.
        type Output: Send + 'static;

        /// How it is queued and run.
        #[doc(hidden)]
        fn terms(&self) -> Terms;

        /// Whether Telegram may have executed it although no answer says so. Once it may have, only a
        /// result says otherwise.
        #[doc(hidden)]
        fn may_have_acted(&self) -> bool {
            false
        }

        /// One attempt. It keeps what it has reached in itself, so that the next attempt goes on from there.
        #[doc(hidden)]
        fn attempt<'a>(
            &'a mut self,
            context: Context<'a>,
        ) -> BoxFuture<'a, Result<Self::Output, Failure>>;
    }
}

/// What an attempt works with.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub(crate) client: &'a Client,
    pub(crate) handlers: &'a Arc<Handlers>,
}
