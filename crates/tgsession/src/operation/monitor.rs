use std::fmt;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lockorder::AcquireError;

use super::{Context, Kind, Stop, Terms, Work};
use crate::events::{Event, EventStream, Feed, Handler, HandlerError, Handlers, WeakFeed};
use crate::telegram::identify;

/// Listens: calls a handler with each event of the session, once, in order.
///
/// The operation is done when the handler will hear the next event; what it brings is the [`Monitoring`], which goes on
/// until it is [stopped](Monitoring::stop) or the session ends.
///
/// A function hears the events ([`new`](Self::new)), or a stream brings them ([`stream`](Self::stream)).
///
/// Messages that the account sent itself are left out. What updates passed over comes later, and says so:
/// [`Event::is_recovered`]. A handler that fails or panics is counted and
/// concerns nobody else. Handlers of one session are called one after the other, so a slow one delays the
/// events of its own session, and of no other.
///
/// Listening sends nothing, so there is no cooldown here. What a handler submits keeps to the limits of its account
/// ([`Limits`](crate::Limits)); how often it answers one chat is for it to decide.
///
/// ```
/// use tgsession::Monitor;
///
/// let monitor = Monitor::new(|event| async move {
///     if let Some(message) = event.message() {
///         println!("{}: {}", event.session(), message.text());
///     }
///     Ok(())
/// });
/// ```
pub struct Monitor {
    handler: Handler,
}

/// A handler that is in place.
#[derive(Debug)]
pub struct Monitoring {
    handlers: Arc<Handlers>,
    number: u64,
    /// Of a stream.
    feed: Option<WeakFeed>,
}

impl Monitor {
    /// Calls this function with each event.
    ///
    /// It runs while the session's handlers are kept in place: it may submit operations and wait for them,
    /// but what removes handlers or ends the session ([`Monitoring::stop`], removing the session, shutting
    /// down) waits for it, and belongs into a task of its own. A handler that holds a clone of the manager
    /// keeps it, and all its sessions, until the manager is shut down.
    pub fn new<F, Fut>(handler: F) -> Self
    where
        F: Fn(Arc<Event>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        Self { handler: Handler::Call(Arc::new(move |event| handler(event).boxed())) }
    }

    /// Puts each event into a stream, which holds this many that nobody has taken yet (0 counts as 1).
    ///
    /// Nothing is left out: a stream that is full is a slow handler, and the events of its session wait until there is
    /// a place. Of the session only: the others and the connection go on. The stream ends when the monitoring is
    /// stopped or the session ends; dropping it ends the monitoring.
    ///
    /// An event counts as handled when it has its place. So of a session with a store, those that are in the stream
    /// when the process is killed do not come again; where each must be dealt with, use [`new`](Self::new), whose
    /// handler has handled an event when it returns. A session that is removed, or shut down, waits for its handlers
    /// within its budget, and so for a stream that is full and that nobody reads: stop the monitoring or drop the
    /// stream first.
    ///
    /// ```no_run
    /// use tgsession::{Manager, Monitor, SessionId};
    ///
    /// # async fn run(manager: Manager, session: SessionId) -> Result<(), Box<dyn std::error::Error>> {
    /// let (monitor, mut events) = Monitor::stream(100);
    /// let monitoring = manager.submit(session, monitor)?.await.done().ok_or("it does not listen")?;
    /// while let Some(event) = events.next().await {
    ///     let Some(message) = event.message() else { continue };
    ///     println!("{}", message.text());
    ///     if message.text() == "enough" {
    ///         monitoring.stop().await?;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn stream(capacity: usize) -> (Self, EventStream) {
        let (feed, events) = Feed::new(capacity);
        (Self { handler: Handler::Feed(feed) }, events)
    }

    pub(crate) fn into_handler(self) -> Handler {
        self.handler
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Monitor(..)")
    }
}

impl Monitoring {
    /// Removes the handler. When this returns it is not running, and will not run again. Not to be called
    /// by a handler of the same session, for which it would wait. A [stream](Monitor::stream) ends at once, after what
    /// is in it, and may be stopped by the task that reads it.
    ///
    /// # Errors
    /// If the session's handlers are busy for longer than the lock timeout; the handler stays in place, though a stream
    /// has ended.
    ///
    /// # Cancel safety
    /// Dropped before it returns, it leaves the handler in place. A stream ends with the first poll.
    pub async fn stop(&self) -> Result<(), AcquireError> {
        // First: it may wait for a place that only the caller of this can make.
        self.feed.iter().for_each(WeakFeed::close);
        self.handlers.remove(self.number, self.feed.is_some()).await
    }
}

impl Work for Monitor {
    type Output = Monitoring;

    fn terms(&self) -> Terms {
        Kind::Monitor.terms()
    }

    fn attempt<'a>(&'a mut self, context: Context<'a>) -> BoxFuture<'a, Result<Monitoring, Stop>> {
        async move {
            // Listening on a line that does not work would be no listening.
            identify(context.client).await?;
            let handlers = Arc::clone(context.handlers);
            let number = handlers.add(self.handler.clone());
            let feed = match &self.handler {
                Handler::Call(_) => None,
                Handler::Feed(feed) => Some(feed.downgrade()),
            };
            Ok(Monitoring { handlers, number, feed })
        }
        .boxed()
    }
}
