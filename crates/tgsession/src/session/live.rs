//! A connection with its two tasks, as one thing that is opened, replaced and closed.
//!
//! A session has one at a time. The next is opened only after the last is closed to its end: two
//! connections with one key at once, and the key is lost.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::core::{Core, SessionState};
use super::streams;
use crate::events::Event;
use crate::telegram::{CallError, Connection, Identity, Parts};

/// How long a closed connection may take to end by itself.
const GRACE: Duration = Duration::from_millis(500);

pub(crate) struct Live {
    pub(crate) connection: Connection,
    /// It was closed on purpose.
    closing: CancellationToken,
    /// The io task and the pump.
    tasks: TaskTracker,
}

impl Live {
    /// Connects: the first call proves that Telegram lets the account in, the second where its updates
    /// stand. A connection that is given up half-way is closed.
    pub(super) async fn open(
        core: &Arc<Core>,
        events: mpsc::Sender<Event>,
    ) -> Result<(Arc<Self>, Identity), CallError> {
        let Parts { connection, io, updates } = Connection::prepare(&core.credentials);
        let (closing, tasks) = (CancellationToken::new(), TaskTracker::new());
        let live = Arc::new(Self { connection, closing, tasks });
        let opening = CloseUnlessKept(Some(&live));
        let closing = live.closing.clone();
        live.spawn(core, "io", async move {
            tokio::select! {
                () = io.run() => {}
                // It hears that it is to end only between two calls: not while it waits for a connection
                // that nobody answers.
                () = async { closing.cancelled().await; sleep(GRACE).await } => {}
            }
        });

        let limit = core.settings.connect_timeout;
        let first_calls = async {
            let identity = live.connection.identify(limit).await?;
            Ok::<_, CallError>((live.connection.stream(updates).await?, identity))
        };
        let answered = timeout(limit, first_calls).await;
        let (stream, identity) = answered.map_err(|_| CallError::Unavailable {
            reason: format!("no answer within {limit:?}"),
            maybe_executed: false,
        })??;
        let pump = streams::pump(Arc::clone(core), Arc::clone(&live), stream, events);
        live.spawn(core, "pump", pump);
        opening.keep();
        Ok((live, identity))
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    pub(super) async fn closing(&self) {
        self.closing.cancelled().await;
    }

    /// Hangs up. The tasks end by themselves.
    pub(super) fn close(&self) {
        self.closing.cancel();
        self.connection.close();
        self.tasks.close();
    }

    /// Waits until the tasks of a closed connection have ended, and with them its socket.
    pub(super) async fn closed(&self) {
        self.tasks.wait().await;
    }

    /// Runs a task without which the connection is none. A panic in it stays in its session.
    fn spawn(
        self: &Arc<Self>,
        core: &Arc<Core>,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let (live, own, token) = (Arc::clone(self), Arc::clone(core), self.tasks.token());
        core.tasks.spawn(name, move |_| async move {
            let ended = AssertUnwindSafe(task).catch_unwind().await;
            drop(token);
            if !live.is_closing() && own.state() != SessionState::KeyLost {
                let panicked = ended.is_err();
                tracing::error!(session = %own.id, name, panicked, "a task ended by itself");
                own.set_state(SessionState::Failed);
                own.draining.cancel();
            }
        });
    }
}

struct CloseUnlessKept<'a>(Option<&'a Arc<Live>>);

impl CloseUnlessKept<'_> {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for CloseUnlessKept<'_> {
    fn drop(&mut self) {
        if let Some(live) = self.0 {
            live.close();
        }
    }
}
