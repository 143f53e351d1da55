//! The update stream: the pump drains it, the dispatcher hands out what it brought.
//!
//! They are two tasks so that a slow handler stops its own session's events and never the stream, from which
//! `grammers` drops what nobody takes.
//!
//! `grammers` panics over some of what a server may say, such as a difference that is too long and does not say where
//! it ends; and where Telegram refuses a difference, it asks for the same again without end. Then the stream is lost
//! and not the session: the position that cannot be gone on from is forgotten, and the line closed for the
//! [health](super::health) task to make another. What is missing by that the [census](super::census) finds.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::{FutureExt, TryFutureExt, poll};
use grammers_client::client::UpdateStream;
use grammers_mtsender::InvocationError;
use tokio::sync::mpsc;
use tracing::warn;

use super::core::Core;
use super::counts::Counts;
use super::health;
use super::live::Live;
use super::progress::Progress;
use super::state::SessionState;
use crate::events::{Event, Joins};
use crate::id::SessionId;
use crate::telegram::{CallError, Inlet, is_knock};

/// The pause after the second failure in a row; it doubles up to [`MAX_PAUSE`], and each is up to a quarter longer by
/// session: a server that comes back is not called by all at once. After the first there is none: connections break,
/// and most come back at once.
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
            let mut next = pin!(next(core.id, &mut stream));
            match poll!(next.as_mut()) {
                Poll::Ready(next) => next,
                Poll::Pending => {
                    progress.batch_is_over(core);
                    next.await
                }
            }
        };
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
                progress.take(core, event);
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
                Counts::add(&core.counts.panics);
                // It has brought what it had, and where it stands now nobody knows.
                progress.batch_is_over(core);
                return fall(core, live, "a panic").await;
            }
        }
    }
    save(core, &stream).await;
    progress.arrived(core).await;
    progress.batch_is_over(core);
    // Where the sender panicked over and over, what it is asked for may be why. Forgotten here, after the last time
    // that the position is saved.
    let falls = *core.falls.borrow();
    if live.is_broken() && falls > 1 {
        core.forget_position(falls > 2).await;
    }
}

type Next = Result<Result<Arc<Event>, InvocationError>, Box<dyn Any + Send>>;

/// What the stream brings next, or that it panicked. It is shared at once, as it will be in the end: it is large. So is
/// this future, which is no async function: that would hold it twice.
fn next(session: SessionId, stream: &mut UpdateStream) -> impl Future<Output = Next> {
    let event = move |update| Arc::new(Event::new(session, update));
    AssertUnwindSafe(stream.next().map_ok(event)).catch_unwind()
}

/// The stream is lost to a panic or to a refusal, which come again where the next one goes on from the same place. So
/// the channels are forgotten, which is what most of them are about; if it falls again, the account too. What the next
/// line is asked for then begins where Telegram is.
async fn fall(core: &Core, live: &Live, why: &str) {
    if live.is_closing() {
        return;
    }
    let has_fallen_before = *core.falls.borrow() > 0;
    core.forget_position(has_fallen_before).await;
    live.fall(core, &format!("its update stream: {why}"));
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
    let pause = pause(core.id.number(), failures).max(core.blocked_for().unwrap_or_default());
    core.set_state(SessionState::Reconnecting);
    warn!(session = %core.id, %error, ?pause, "the update stream broke");
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        () = live.closing() => return true,
    }
    match live.connection.identify(core.settings.connect_timeout).await {
        Ok(_) if !live.is_closing() => core.identified(),
        Ok(_) => {}
        Err(error) => core.notice(&error),
    }
    !core.key_lost.is_cancelled()
}

/// The pause after so many failures in a row, from 1 on.
fn pause(session: u64, failures: u32) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        n => {
            let doubled = PAUSE.saturating_mul(2_u32.saturating_pow(n - 2));
            health::spread(session, doubled.min(MAX_PAUSE))
        }
    }
}

/// Calls the handlers with each event, and takes up new handlers between two events, until everything that
/// came is handled and nothing more will.
pub(super) async fn dispatch(
    core: Arc<Core>,
    mut events: mpsc::Receiver<Arc<Event>>,
    mut joining: Joins,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_breaks_again_is_waited_for_longer_and_apart_from_others() {
        let whole: Vec<_> = (1..=8).map(|failures| pause(0, failures).as_secs()).collect();
        assert_eq!(whole, [0, 2, 4, 8, 16, 16, 16, 16]);
        assert_eq!(pause(7, u32::MAX), pause(7, 5), "for ever");
        let mut all: Vec<_> = (0..64).map(|session| pause(session, 5)).collect();
        assert!(all.iter().all(|pause| (16.0..=20.0).contains(&pause.as_secs_f64())), "{all:?}");
        all.sort();
        all.dedup();
        assert!(all.len() > 32, "{}", all.len());
    }
}
