use std::fmt;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use grammers_client::Client;

use super::{Context, Kind, Stop, Terms, Work};
use crate::telegram::CallError;

/// An operation of one's own: an async function of the session's client.
///
/// It is attempted once. A flood wait of its own making is an outcome, not a pause.
///
/// It runs in the task that owns the queue of its session, so it must not block its thread: while it does, nothing of
/// that session is answered. Work that blocks belongs into `spawn_blocking`.
///
/// ```
/// use tgsession::{CallError, Custom};
///
/// let contacts = Custom::new(|client| async move {
///     let me = client.get_me().await?;
///     Ok::<_, CallError>(me.id())
/// })
/// .shared();
/// ```
pub struct Custom<T> {
    function: Box<dyn Fn(Client) -> BoxFuture<'static, Result<T, CallError>> + Send>,
    terms: Terms,
    /// It was called, and did not come back with an answer.
    unfinished: bool,
}

impl<T> Custom<T> {
    /// An exclusive operation that calls this function.
    pub fn new<F, Fut>(function: F) -> Self
    where
        F: Fn(Client) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, CallError>> + Send + 'static,
    {
        let function = Box::new(move |client| function(client).boxed());
        Self { function, terms: Kind::Custom.terms(), unfinished: false }
    }

    /// Lets it run beside other operations of its session.
    #[must_use]
    pub fn shared(mut self) -> Self {
        self.terms.exclusive = false;
        self
    }

    /// How long it may run; 300 s if nothing is said.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.terms.timeout = Some(timeout);
        self
    }
}

impl<T> fmt::Debug for Custom<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Custom").field("terms", &self.terms).finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Work for Custom<T> {
    type Output = T;

    fn terms(&self) -> Terms {
        self.terms
    }

    fn may_have_acted(&self) -> bool {
        self.unfinished
    }

    fn attempt<'a>(&'a mut self, context: Context<'a>) -> BoxFuture<'a, Result<T, Stop>> {
        async move {
            self.unfinished = true;
            let result = (self.function)(context.client.clone()).await;
            self.unfinished = result.as_ref().is_err_and(CallError::maybe_executed);
            Ok(result?)
        }
        .boxed()
    }
}
