//! Operations: what a session can be asked to do, and what comes of it.
//!
//! | kind | permit | exclusive | priority | its timeout covers |
//! |---|---|---|---|---|
//! | [`Monitor`] | none | while it starts | 10 | the start, 3600 s: from the first lock until the handler will hear the next event |
//! | [`ExportMembers`] | scrape | yes | 5 | a turn of 2 s and one page more, 300 s |
//! | [`ExportMessages`] | scrape | yes | 5 | a turn of 2 s and one page more, 300 s |
//! | [`Send`] | operation | yes | 1 | one attempt, 60 s: from the first call to the answer |
//! | [`Custom`] | operation | yes, unless it says [`shared`](Custom::shared) | 0 | one attempt, 300 s: the future |
//!
//! A permit is one of the manager's; an exclusive operation runs alone on its session, while updates keep flowing.
//! Waiting in the queue, for a permit, for a flood wait or between attempts is covered by no timeout of the operation,
//! and holds nothing; only where there is no line for as long as that timeout is an operation that was started answered
//! all the same, unless it is kept. An export gives its permit back every 2 s, between two pages, and queues again: so
//! whatever else there is to do waits for one turn, and not for all of them. In all an export takes as long as its
//! pages do.
//!
//! Messages and exports into files are [`Keepable`]: they can be written down before they are done, and are done
//! once, whatever becomes of the process. See [`Manager::submit_kept`](crate::Manager::submit_kept).

mod custom;
mod export;
#[cfg(test)]
mod fuzz;
mod keep;
mod kept;
mod kind;
mod monitor;
mod outcome;
mod record;
mod send;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use grammers_client::Client;
use grammers_session::types::PeerRef;
use tokio::sync::watch;
use tokio::time::Instant;

pub use custom::Custom;
pub use export::{ExportMembers, ExportMessages, Exported, Format, Member, Post, ToFile};
pub use keep::Keepable;
pub(crate) use keep::{Recipe, Restored, ended, goes_on, in_full, recalled};
pub use kept::{Kept, KeptTicket};
pub use kind::Kind;
pub(crate) use kind::{Lane, Terms};
pub use monitor::{Monitor, Monitoring};
pub use outcome::{Failure, Outcome, Ticket};
pub(crate) use outcome::{Reply, ticket};
pub use send::{Send, Sent};

use crate::events::Handlers;
use crate::limits::{Allowance, PacedCall};
use crate::store::Book;
use crate::telegram::{CallError, Target, resolve};

/// Something that a session can do. Implemented by the types of this module.
pub trait Operation: Work {}

impl<W: Work> Operation for W {}

pub(crate) use work::Work;

mod work {
    use super::{BoxFuture, Context, Stop, Terms};
    use crate::store::AuditLine;

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

        /// What the audit has to say of it if it ends without a result; `goes_on` if that is no end of what is
        /// kept.
        #[doc(hidden)]
        fn left(&self, _goes_on: bool) -> Option<AuditLine> {
            None
        }

        /// One attempt. It keeps what it has reached in itself, so that the next attempt goes on from there.
        #[doc(hidden)]
        fn attempt<'a>(
            &'a mut self,
            context: Context<'a>,
        ) -> BoxFuture<'a, Result<Self::Output, Stop>>;
    }
}

/// What an attempt works with.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub(crate) client: &'a Client,
    pub(crate) handlers: &'a Arc<Handlers>,
    /// The number of the account's user.
    pub(crate) user: i64,
    pub(crate) allowance: &'a Arc<Allowance>,
    /// Until when Telegram wants the account to wait.
    pub(crate) blocked_until: &'a watch::Sender<Option<Instant>>,
    pub(crate) book: &'a Book,
    /// What is left has an end of its own, and is not stopped any more.
    pub(crate) ending: &'a AtomicBool,
}

impl Context<'_> {
    /// From now on the attempt is not given up, whoever cancels it or however long it takes: what it brings is what
    /// its caller hears. For what is short and local, and cannot be taken back.
    pub(crate) fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    /// Takes the right to one call, or stops until there is one. What Telegram asked somebody else of the account to
    /// wait for is for this operation too.
    pub(crate) fn take(&self, call: PacedCall) -> Result<(), Stop> {
        let until = *self.blocked_until.borrow();
        let rest = until.map(|until| until.saturating_duration_since(Instant::now()));
        if let Some(rest) = rest.filter(|rest| !rest.is_zero()) {
            return Err(Stop::pause(rest));
        }
        self.allowance.paces.take(call).map_err(Stop::pause)
    }

    /// The peer behind a target, which is remembered in it.
    pub(crate) async fn resolve(&self, target: &mut Target) -> Result<PeerRef, Stop> {
        if matches!(target, Target::Username(_)) {
            self.take(PacedCall::Resolve)?;
        }
        let peer = resolve(self.client, target).await?;
        *target = Target::Peer(peer);
        Ok(peer)
    }
}

/// Why an attempt brought no result.
#[derive(Debug)]
pub enum Stop {
    /// It failed. What comes of that is not for the operation to say.
    Failed(Failure),
    /// It goes on after this time, and holds nothing until then.
    Pause {
        /// How long.
        wait: Duration,
        /// It has reached something since it was stopped last: failures from before are over.
        came_on: bool,
    },
}

impl Stop {
    /// To go on after this time, where it is now.
    pub(crate) fn pause(wait: Duration) -> Self {
        Self::Pause { wait, came_on: false }
    }

    /// Whether something was asked of Telegram that it refused or failed to do: it did nothing then. Where an answer
    /// was lost nobody knows.
    pub(crate) fn is_answer(&self) -> bool {
        match self {
            Self::Failed(Failure::Call(error)) => {
                !error.maybe_executed() || matches!(error, CallError::ServerError { .. })
            }
            _ => false,
        }
    }

    /// The same, of an attempt that has reached something.
    pub(crate) fn having_come_on(self) -> Self {
        match self {
            Self::Pause { wait, .. } => Self::Pause { wait, came_on: true },
            failed => failed,
        }
    }
}

impl<F: Into<Failure>> From<F> for Stop {
    fn from(failure: F) -> Self {
        Self::Failed(failure.into())
    }
}
