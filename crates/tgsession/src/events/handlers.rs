//! The handlers of one session.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use lockorder::AcquireError;
use lockorder::tokio::{OwnedRwLockReadGuard, RwLock};
use tokio::sync::mpsc;
use tracing::error;

use super::{Event, Feed, Handler};
use crate::hierarchy::SessionHandlers;
use crate::id::SessionId;

/// A handler on its way to its place.
pub(crate) struct Joining {
    number: u64,
    handler: Handler,
}

/// The handlers on their way. Once this is dropped, by a dispatcher that ended in whatever way, no stream brings more.
pub(crate) struct Joins {
    inbox: mpsc::UnboundedReceiver<Joining>,
    /// Those of the handlers that were taken up.
    feeds: Vec<Feed>,
}

/// The handlers of one session, and what they made of its events.
pub(crate) struct Handlers {
    session: SessionId,
    limit: Duration,
    table: Arc<RwLock<SessionHandlers, HandlerTable>>,
    next: AtomicU64,
    joining: mpsc::UnboundedSender<Joining>,
    pub(crate) handled: AtomicU64,
    pub(crate) failed: AtomicU64,
    /// Of those that failed.
    pub(crate) panicked: AtomicU64,
}

/// Handlers by number, in the order in which they were added; and the numbers of those that were removed
/// before they were in place.
#[derive(Default)]
pub struct HandlerTable(Vec<(u64, Handler)>, Vec<u64>);

impl HandlerTable {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for HandlerTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(number, _)| number)).finish()
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handlers").field("session", &self.session).finish_non_exhaustive()
    }
}

impl Handlers {
    /// The handlers of a session, and those that join them, for its dispatcher.
    pub(crate) fn new(session: SessionId, limit: Duration) -> (Self, Joins) {
        let (joining, inbox) = mpsc::unbounded_channel();
        let handlers = Self {
            session,
            limit,
            table: Arc::default(),
            next: AtomicU64::new(0),
            handled: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            panicked: AtomicU64::new(0),
            joining,
        };
        (handlers, Joins { inbox, feeds: Vec::new() })
    }

    /// Adds a handler before the next event. Waits for nobody: a handler that is running may be waiting for
    /// the very operation that adds another.
    pub(crate) fn add(&self, handler: Handler) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // Nobody takes it up any more where the session has stopped, and no event comes either.
        let _ = self.joining.send(Joining { number, handler });
        number
    }

    /// Puts a new handler in its place. For the dispatcher, between two events.
    pub(crate) async fn take_up(&self, Joining { number, handler }: Joining) {
        let mut table = loop {
            match self.table.write_within(self.limit).await {
                Ok(table) => break table,
                // It was logged with who holds it. A handler is not lost because of that.
                Err(_) => continue,
            }
        };
        match table.1.iter().position(|removed| *removed == number) {
            Some(at) => drop(table.1.swap_remove(at)),
            None => table.0.push((number, handler)),
        }
    }

    /// Removes a handler. One that `leaves_by_itself`, for its stream has ended, may be gone.
    pub(crate) async fn remove(
        &self,
        number: u64,
        leaves_by_itself: bool,
    ) -> Result<(), AcquireError> {
        let mut table = self.table.write_within(self.limit).await?;
        if table.0.iter().any(|(n, _)| *n == number) {
            table.0.retain(|(n, _)| *n != number);
        } else if !leaves_by_itself {
            // It has not been taken up: it will be passed over.
            table.1.push(number);
        }
        Ok(())
    }

    /// Calls every handler with an event, one after the other, and counts what comes of it. The table is
    /// read meanwhile: a handler that was removed is not running.
    pub(crate) async fn dispatch(&self, event: Arc<Event>) {
        let table = loop {
            match self.table.read_within(self.limit).await {
                Ok(table) => break table,
                // It was logged with who holds it. An event is not lost because of that.
                Err(_) => continue,
            }
        };
        for (_, handler) in &table.0 {
            let call = match handler {
                Handler::Call(call) => call,
                Handler::Feed(feed) => {
                    // Boxed: few sessions have one, and each would be larger by it.
                    if Box::pin(feed.give(Arc::clone(&event))).await {
                        self.handled.fetch_add(1, Ordering::Relaxed);
                    }
                    continue;
                }
            };
            let call = AssertUnwindSafe(async { call(Arc::clone(&event)).await }).catch_unwind();
            let failure = match call.await {
                Ok(Ok(())) => {
                    self.handled.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => {
                    self.panicked.fetch_add(1, Ordering::Relaxed);
                    "it panicked".to_owned()
                }
            };
            self.failed.fetch_add(1, Ordering::Relaxed);
            error!(session = %self.session, %failure, "a handler failed");
        }
        let some_are_over = table.0.iter().any(|(_, handler)| handler.is_over());
        drop(table);
        if some_are_over {
            self.forget_those_that_are_over();
        }
    }

    /// Takes out the handlers whose streams nobody has. Where somebody looks at the table, the next event does it.
    fn forget_those_that_are_over(&self) {
        if let Ok(mut table) = self.table.try_write() {
            table.0.retain(|(_, handler)| !handler.is_over());
        }
    }

    pub(crate) async fn read(
        &self,
    ) -> Result<OwnedRwLockReadGuard<SessionHandlers, HandlerTable>, AcquireError> {
        Arc::clone(&self.table).read_owned_within(self.limit).await
    }
}

impl Joins {
    /// The next handler that is to be taken up. Dropped before it returns, it has taken none.
    pub(crate) async fn recv(&mut self) -> Option<Joining> {
        let joining = self.inbox.recv().await?;
        if let Handler::Feed(feed) = &joining.handler {
            self.feeds.retain(|feed| !feed.is_over());
            self.feeds.push(feed.clone());
        }
        Some(joining)
    }
}

impl Drop for Joins {
    fn drop(&mut self) {
        self.feeds.iter().for_each(Feed::close);
    }
}
