use std::fmt;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lockorder::AcquireError;

use super::{Context, Kind, Stop, Terms, Work};
use crate::events::{Event, Handler, HandlerError, Handlers};
use crate::telegram::identify;

/// Listens: calls a handler with each event of the session, once, in order.
///
/// The operation is done when the handler will hear the next event; what it brings is the [`Monitoring`], which goes on
/// until it is [stopped](Monitoring::stop) or the session ends.
///
/// Messages that the account sent itself are left out. What updates passed over comes later, and says so:
/// [`Event::is_recovered`]. A handler that fails or panics is counted and
/// concerns nobody else. Handlers of one session are called one after the other, so a slow one delays the
/// events of its own session, and of no other.
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
        Self { handler: Arc::new(move |event| handler(event).boxed()) }
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
    /// by a handler of the same session, for which it would wait.
    ///
    /// # Errors
    /// If the session's handlers are busy for longer than the lock timeout; the handler stays in place.
    ///
    /// # Cancel safety
    /// Dropped before it returns, it leaves the handler in place.
    pub async fn stop(&self) -> Result<(), AcquireError> {
        self.handlers.remove(self.number).await
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
            let number = handlers.add(Arc::clone(&self.handler));
            Ok(Monitoring { handlers, number })
        }
        .boxed()
    }
}
