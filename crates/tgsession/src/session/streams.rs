//! The update stream: the pump drains it, the dispatcher hands out what it brought.
//!
//! They are two tasks so that a slow handler stops its own session's events and never the stream, from which
//! `grammers` drops what nobody takes.
//!
//! Updates come in batches, and the state of the stream is already that after the last of its batch. That a batch is
//! over is seen when `next` has nothing at hand, or a new state: only then a step of the
//! [position](super::position) is noted behind it.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::poll;
use grammers_client::client::UpdateStream;
use grammers_session::types::UpdatesState;
use tokio::sync::mpsc;
use tracing::warn;

use super::core::{Core, Counts};
use super::live::Live;
use super::position::Step;
use super::state::SessionState;
use crate::events::{Event, Joining};
use crate::telegram::CallError;

/// The pause after the second failure in a row; it doubles up to [`MAX_PAUSE`]. After the first there is
/// none: connections break, and most come back at once.
const PAUSE: Duration = Duration::from_secs(2);
const MAX_PAUSE: Duration = Duration::from_secs(16);

/// Owns the stream until its connection is closed. `next` must not be cancelled, so nothing is selected here:
/// on a closed connection it ends by itself.
pub(super) async fn pump(core: Arc<Core>, live: Arc<Live>, mut stream: UpdateStream) {
    let mut failures = 0;
    let mut progress = Progress::new(&core).await;
    loop {
        let next = {
            let mut next = pin!(stream.next());
            match poll!(next.as_mut()) {
                Poll::Ready(next) => next,
                Poll::Pending => {
                    progress.batch_is_over(&core);
                    next.await
                }
            }
        };
        match next {
            Ok(update) => {
                failures = 0;
                if !live.is_closing() {
                    core.works();
                }
                save(&core, &stream).await;
                progress.arrived(&core).await;
                forward(&core, Event::new(core.id, update));
            }
            Err(_) if live.is_closing() => break,
            Err(error) => {
                failures += 1;
                if !recover(&core, &live, error.into(), failures).await {
                    break;
                }
            }
        }
    }
    save(&core, &stream).await;
    progress.arrived(&core).await;
    progress.batch_is_over(&core);
}

/// How far the dispatcher was told that updates have come, and how far they have.
struct Progress {
    told: UpdatesState,
    arrived: UpdatesState,
}

impl Progress {
    async fn new(core: &Core) -> Self {
        let arrived = core.arrived().await;
        Self { told: arrived.clone(), arrived }
    }

    /// To be called when something was taken from the stream: if its state is a new one, so is the batch.
    async fn arrived(&mut self, core: &Core) {
        let arrived = core.arrived().await;
        if arrived != self.arrived {
            self.batch_is_over(core);
            self.arrived = arrived;
        }
    }

    /// Everything up to the state that has arrived was forwarded.
    fn batch_is_over(&mut self, core: &Core) {
        let step = Step::between(&self.told, &self.arrived);
        if !step.is_empty() {
            core.position.note(step);
            self.told.clone_from(&self.arrived);
        }
    }
}

/// Gives the session the state of the stream.
async fn save(core: &Core, stream: &UpdateStream) {
    if let Err(error) = stream.sync_update_state().await {
        warn!(session = %core.id, %error, "the update state was not saved");
    }
}

/// Waits as the failure asks, then proves that the line works; false if it never will again.
async fn recover(core: &Core, live: &Live, error: CallError, failures: u32) -> bool {
    core.notice(&error);
    if core.key_lost.is_cancelled() {
        return false;
    }
    let pause = match failures {
        1 => Duration::ZERO,
        n => (PAUSE * 2_u32.saturating_pow(n - 2)).min(MAX_PAUSE),
    };
    let pause = pause.max(core.blocked_for().unwrap_or_default());
    core.set_state(SessionState::Reconnecting);
    warn!(session = %core.id, %error, ?pause, "the update stream broke");
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        () = live.closing() => return true,
    }
    match live.connection.identify(core.settings.connect_timeout).await {
        Ok(_) if !live.is_closing() => core.works(),
        Ok(_) => {}
        Err(error) => core.notice(&error),
    }
    !core.key_lost.is_cancelled()
}

fn forward(core: &Core, event: Event) {
    if event.is_own() {
        return;
    }
    Counts::add(&core.counts.events_seen);
    if !core.forward(event) {
        Counts::add(&core.counts.events_dropped);
        warn!(session = %core.id, "handlers are too slow: an event was dropped");
    }
}

/// Calls the handlers with each event, and takes up new handlers between two events, until everything that
/// came is handled and nothing more will.
pub(super) async fn dispatch(
    core: Arc<Core>,
    mut events: mpsc::Receiver<Arc<Event>>,
    mut joining: mpsc::UnboundedReceiver<Joining>,
) {
    // What is handled is written after this.
    let _settled = core.settled.clone().drop_guard();
    let mut steps = core.position.steps();
    let mut handled = 0;
    loop {
        tokio::select! {
            biased;
            Some(handler) = joining.recv() => core.handlers.take_up(handler).await,
            Some(event) = events.recv() => {
                core.handlers.dispatch(event).await;
                handled += 1;
                core.reached(handled);
            }
            // The core has the other end.
            _ = steps.changed() => core.reached(handled),
            () = core.events_over.cancelled() => break,
        }
    }
}
