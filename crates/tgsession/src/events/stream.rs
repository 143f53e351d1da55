//! Events as a stream.
//!
//! The session's end of it is a [`Feed`], a handler that waits until there is a place. So a stream that is full is a
//! slow handler and nothing else: it stops the events of its own session before they are taken for handled, and never
//! the pump. A feed is open for as long as its cell has the sender; whoever empties the cell ends the stream after what
//! is in it, and whoever waits for a place then waits no more. That is why a stream can be stopped by the task that
//! reads it, and ends with its session although somebody still has the feed.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::sync::{mpsc, watch};

use super::Event;

/// No channel of tokio has more places.
const MOST: usize = usize::MAX >> 3;

/// The events that a [`Monitor::stream`](crate::Monitor::stream) hears, each once, in order.
///
/// It ends, after what is in it, when the monitoring is [stopped](crate::Monitoring::stop), the session ends, or the
/// monitor was not started at all. Dropping it ends the monitoring.
///
/// It is a [`Stream`], with all that [`StreamExt`](futures_util::StreamExt) makes of one; [`next`](Self::next) needs
/// no trait.
#[must_use = "dropping the stream ends the monitoring"]
pub struct EventStream(mpsc::Receiver<Arc<Event>>);

impl EventStream {
    /// What happens next; `None` when nothing more will.
    ///
    /// ```no_run
    /// # async fn run(mut events: tgsession::EventStream) {
    /// while let Some(event) = events.next().await {
    ///     println!("session {}: {:?}", event.session(), event.update());
    /// }
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// Dropped before it returns, it has taken nothing: the event is there for the next call.
    pub async fn next(&mut self) -> Option<Arc<Event>> {
        self.0.recv().await
    }
}

impl Stream for EventStream {
    type Item = Arc<Event>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Arc<Event>>> {
        self.get_mut().0.poll_recv(cx)
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventStream(..)")
    }
}

type Cell = watch::Sender<Option<mpsc::Sender<Arc<Event>>>>;

/// The session's end of a stream.
#[derive(Clone)]
pub(crate) struct Feed(Arc<Cell>);

/// A feed that is not kept open by this.
#[derive(Debug)]
pub(crate) struct WeakFeed(Weak<Cell>);

impl Feed {
    /// A feed, and its stream with so many places: at least one.
    pub(crate) fn new(capacity: usize) -> (Self, EventStream) {
        let (sender, events) = mpsc::channel(capacity.clamp(1, MOST));
        (Self(Arc::new(watch::Sender::new(Some(sender)))), EventStream(events))
    }

    /// Waits for a place; false if the stream has ended.
    pub(crate) async fn give(&self, event: Arc<Event>) -> bool {
        let mut cell = self.0.subscribe();
        let sender = cell.borrow_and_update().clone();
        let Some(sender) = sender else { return false };
        tokio::select! {
            biased;
            sent = sender.send(event) => sent.is_ok(),
            // It changes once, when it is emptied.
            _ = cell.changed() => false,
        }
    }

    /// Ends the stream, after what is in it.
    pub(crate) fn close(&self) {
        self.0.send_replace(None);
    }

    /// Whether it was closed, or nobody has the stream any more.
    pub(crate) fn is_over(&self) -> bool {
        self.0.borrow().as_ref().is_none_or(mpsc::Sender::is_closed)
    }

    pub(crate) fn downgrade(&self) -> WeakFeed {
        WeakFeed(Arc::downgrade(&self.0))
    }
}

impl WeakFeed {
    /// Ends the stream, if it has not ended.
    pub(crate) fn close(&self) {
        if let Some(cell) = self.0.upgrade() {
            Feed(cell).close();
        }
    }
}
