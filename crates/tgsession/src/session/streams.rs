//! The update stream: the pump drains it, the dispatcher hands out what it brought.
//!
//! They are two tasks so that a slow handler stops its own session's events and never the stream, from which
//! `grammers` drops what nobody takes.

use std::sync::Arc;
use std::time::Duration;

use grammers_client::client::UpdateStream;
use grammers_mtsender::InvocationError;
use tokio::sync::mpsc;
use tracing::warn;

use super::core::{Core, Counts, SessionState};
use crate::events::Event;
use crate::telegram::CallError;

/// The pause after the first failure; it doubles up to [`MAX_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const MAX_PAUSE: Duration = Duration::from_secs(16);

/// Owns the stream until the session ends. `next` must not be cancelled, so nothing is selected here: the
/// stream ends when its connection is closed.
pub(super) async fn pump(core: Arc<Core>, mut stream: UpdateStream, events: mpsc::Sender<Event>) {
    let mut pause = FIRST_PAUSE;
    loop {
        match stream.next().await {
            Ok(update) => {
                pause = FIRST_PAUSE;
                core.set_state(SessionState::Connected);
                forward(&core, &events, Event::new(core.id, update));
            }
            Err(InvocationError::Dropped(_)) => break,
            Err(error) => match CallError::from(error) {
                CallError::KeyLost { name } => {
                    tracing::error!(session = %core.id, name, "the key is lost");
                    core.set_state(SessionState::KeyLost);
                    break;
                }
                error => {
                    core.set_state(SessionState::Reconnecting);
                    warn!(session = %core.id, %error, ?pause, "the update stream broke");
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = core.giving_up.cancelled() => break,
                    }
                    pause = (pause * 2).min(MAX_PAUSE);
                }
            },
        }
    }
    if let Err(error) = stream.sync_update_state().await {
        warn!(session = %core.id, %error, "the update state was not saved");
    }
}

fn forward(core: &Core, events: &mpsc::Sender<Event>, event: Event) {
    if event.is_own() {
        return;
    }
    Counts::add(&core.counts.events_seen);
    if events.try_send(event).is_err() {
        Counts::add(&core.counts.events_dropped);
        warn!(session = %core.id, "handlers are too slow: an event was dropped");
    }
}

/// Calls the handlers with each event until the pump has ended and every event is handled.
pub(super) async fn dispatch(core: Arc<Core>, mut events: mpsc::Receiver<Event>) {
    while let Some(event) = events.recv().await {
        core.handlers.dispatch(event).await;
    }
}
