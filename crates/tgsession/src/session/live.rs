//! A connection with its two tasks, as one thing that is opened, replaced and closed.
//!
//! A session has one at a time. The next is opened only after the last is closed to its end: two
//! connections with one key at once, and the key is lost.
//!
//! `grammers` panics over some of what a server may say, in the task of its sender or while it connects; and its runner
//! raises the panic of a sender again. Then the line is lost and not the session: what waits on it fails, as nobody is
//! left to answer, and the [health](super::health) task makes another.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use grammers_mtsender::SenderPoolRunner;
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;
use tracing::error;

use super::core::Core;
use super::counts::Counts;
use super::signal::Signal;
use super::state::SessionState;
use super::streams;
use crate::telegram::{CallError, Connection, Identity, Parts};

/// How long a closed connection may take to end by itself.
const GRACE: Duration = Duration::from_millis(500);

pub(crate) struct Live {
    pub(crate) connection: Connection,
    /// It was closed on purpose.
    closing: Signal,
    /// Its sender panicked: what it brought last may do the same to the next.
    broken: Signal,
    /// The io task and the pump.
    tasks: TaskTracker,
}

impl Live {
    /// Connects: one call proves that Telegram lets the account in, another asks where its updates stand. The session
    /// has the connection from the start, so that whoever comes next closes it first; one that does not come about is
    /// closed to its end.
    pub(super) async fn open(core: &Arc<Core>) -> Result<Identity, CallError> {
        let Parts { connection, io, updates } = Connection::prepare(&core.credentials);
        let (closing, broken) = (Signal::default(), Signal::default());
        let live = Arc::new(Self { connection, closing, broken, tasks: TaskTracker::new() });
        core.set_live(Some(Arc::clone(&live)));
        let opening = CloseUnlessKept(Some(&live));
        live.spawn(core, "io", run(Arc::clone(core), Arc::clone(&live), io));

        let limit = core.settings.connect_timeout;
        let first_calls = async {
            // In one round trip.
            let (identity, ()) =
                tokio::try_join!(live.connection.identify(limit), live.connection.begin())?;
            Ok((live.connection.stream(updates).await?, identity))
        };
        let answered = timeout(limit, first_calls).await.unwrap_or_else(|_| {
            let reason = format!("no answer within {limit:?}");
            Err(CallError::Unavailable { reason, maybe_executed: false })
        });
        match answered {
            Ok(((stream, inlet), identity)) => {
                core.begin_position().await;
                let pump = streams::pump(Arc::clone(core), Arc::clone(&live), stream, inlet);
                live.spawn(core, "pump", pump);
                core.doubt_line();
                opening.keep();
                Ok(identity)
            }
            Err(error) => {
                core.notice(&error);
                live.close();
                live.closed().await;
                Err(error)
            }
        }
    }

    /// Closes the connection of a session to its end, then opens another. Nothing else may use the session
    /// meanwhile. If it fails or is dropped, the session has no connection.
    pub(super) async fn replace(core: &Arc<Core>) -> Result<(), CallError> {
        if core.state() != SessionState::Degraded {
            core.set_state(SessionState::Reconnecting);
        }
        core.set_offline(true);
        if let Some(live) = core.live() {
            live.close();
            live.closed().await;
        }
        Self::open(core).await?;
        // Its stream may be lost by now.
        core.set_offline(core.live().is_none_or(|live| live.is_closing()));
        core.identified();
        Ok(())
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    pub(super) async fn closing(&self) {
        self.closing.cancelled().await;
    }

    /// Whether it was lost to a panic of its sender.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.is_cancelled()
    }

    /// The line is lost, and the session is not: it is closed, and the health task makes another.
    pub(super) fn fall(&self, core: &Core, why: &str) {
        if self.is_closing() {
            return;
        }
        let falls = *core.falls.borrow() + 1;
        error!(session = %core.id, falls, why, "the line is lost: another is made");
        core.doubt_all();
        if core.state() != SessionState::Degraded {
            core.set_state(SessionState::Reconnecting);
        }
        core.set_offline(true);
        self.close();
        core.falls.send_replace(falls);
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

    /// Runs a task without which the connection is none.
    fn spawn(
        self: &Arc<Self>,
        core: &Arc<Core>,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let (live, token) = (Arc::clone(self), self.tasks.token());
        let task = Box::pin(task);
        let task = async move {
            let _token = token;
            task.await;
        };
        let meant = move |core: &Core| live.is_closing() || core.key_lost.is_cancelled();
        core.spawn_essential(name, task, meant);
    }
}

/// Runs a connection until it is closed. It hears that it is to end only between two calls, and not while it
/// waits for a connection that nobody answers: then it is dropped, and its sender with it. Where it ends by itself
/// the line is lost.
async fn run(core: Arc<Core>, live: Arc<Live>, io: SenderPoolRunner) {
    let dropped = async {
        live.closing().await;
        sleep(GRACE).await;
    };
    tokio::select! {
        // Nothing of it is used after a panic: it is dropped with all that waits for an answer.
        ended = AssertUnwindSafe(io.run()).catch_unwind() => match ended {
            // A custom operation may hang up by itself.
            Ok(()) => return live.fall(&core, "somebody hung up"),
            Err(_panic) => {
                Counts::add(&core.counts.panics);
                live.broken.cancel();
                live.fall(&core, "a panic of its sender");
            }
        },
        () = dropped => {}
    }
    // The senders end in tasks of their own.
    sleep(GRACE / 5).await;
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
