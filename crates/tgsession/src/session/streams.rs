//! The update stream: the pump drains it, the dispatcher hands out what it brought.
//!
//! They are two tasks so that a slow handler stops its own session's events and never the stream, from which
//! `grammers` drops what nobody takes.
//!
//! `grammers` panics over some of what a server may say, such as a difference that is too long and does not say where
//! it ends; and where Telegram refuses a difference, it asks for the same again without end. Then the stream is lost and
//! not the session: the position that cannot be gone on from is forgotten, and the
//! line closed for the [health](super::health) task to make another. What is missing by that the
//! [census](super::census) finds.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::{FutureExt, poll};
use grammers_client::client::UpdateStream;
use tokio::sync::mpsc;
use tracing::{error, warn};

use super::core::Core;
use super::counts::Counts;
use super::live::Live;
use super::progress::Progress;
use super::state::SessionState;
use crate::events::{Event, Joining};
use crate::telegram::{CallError, Inlet, is_knock};

/// The pause after the second failure in a row; it doubles up to [`MAX_PAUSE`]. After the first there is
/// none: connections break, and most come back at once.
const PAUSE: Duration = Duration::from_secs(2);
const MAX_PAUSE: Duration = Duration::from_secs(16);
/// What Telegram has refused so often in a row it will refuse again: a difference that the stream cannot do without.
const MOST_REFUSALS: u32 = 3;

/// Owns the stream and its inlet until their connection is closed.
pub(super) async fn pump(core: Arc<Core>, live: Arc<Live>, stream: UpdateStream, inlet: Inlet) {
    let inlet = pin!(inlet.run(|omen| core.on_omen(omen)));
    // Boxed, as it is large: what is pinned here would be there twice.
    let drained = Box::pin(drain(&core, &live, stream));
    // First the inlet: what it lets in is taken in the same go. It ends with the connection, and the stream after it.
    if let Either::Left(((), drained)) = select(inlet, drained).await {
        drained.await;
    }
}

/// Takes what the stream brings. `next` must not be cancelled, so nothing is selected here: on a closed connection it
/// ends by itself.
async fn drain(core: &Core, live: &Live, mut stream: UpdateStream) {
    let (mut failures, mut refusals) = (0, 0);
    let mut progress = Progress::new(core).await;
    loop {
        let next = {
            let mut next = pin!(AssertUnwindSafe(stream.next()).catch_unwind());
            match poll!(next.as_mut()) {
                Poll::Ready(next) => next,
                Poll::Pending => {
                    progress.batch_is_over(core);
                    next.await
                }
            }
        };
        // Shared before anything is waited for, as it will be in the end: it is large.
        let next = next.map(|next| next.map(|update| Arc::new(Event::new(core.id, update))));
        match next {
            Ok(Ok(event)) => {
                save(core, &stream).await;
                progress.arrived(core).await;
                if is_knock(event.update().raw()) {
                    continue;
                }
                (failures, refusals) = (0, 0);
                if !live.is_closing() {
                    core.works();
                }
                if progress.take(core, event.update()) {
                    forward(core, event);
                }
            }
            Ok(Err(_)) if live.is_closing() => break,
            Ok(Err(error)) => {
                let error = CallError::from(error);
                failures += 1;
                refusals = if error.is_answer() { refusals + 1 } else { 0 };
                if refusals >= MOST_REFUSALS {
                    progress.batch_is_over(core);
                    return fall(core, live, &error.to_string()).await;
                }
                if !recover(core, live, error, failures).await {
                    break;
                }
            }
            Err(_panic) => {
                // It has brought what it had, and where it stands now nobody knows.
                progress.batch_is_over(core);
                return fall(core, live, "a panic").await;
            }
        }
    }
    save(core, &stream).await;
    progress.arrived(core).await;
    progress.batch_is_over(core);
}

/// The stream is lost to a panic or to a refusal, which come again where the next one goes on from the same place. So
/// the channels are forgotten, which is what most of them are about; if it falls again, the account too. What the next line is asked for
/// then begins where Telegram is.
async fn fall(core: &Core, live: &Live, why: &str) {
    if live.is_closing() {
        return;
    }
    let falls = *core.falls.borrow() + 1;
    error!(session = %core.id, falls, why, "the update stream is lost: another line is made");
    core.forget_position(falls > 1).await;
    core.doubt_all();
    core.set_state(SessionState::Reconnecting);
    core.set_offline(true);
    live.close();
    core.falls.send_replace(falls);
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

fn forward(core: &Core, event: Arc<Event>) {
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
                core.handled_one.notify_one();
            }
            // The core has the other end.
            _ = steps.changed() => core.reached(handled),
            () = core.events_over.cancelled() => break,
        }
    }
}
