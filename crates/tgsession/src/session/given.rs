//! What the session gives to its dispatcher, from the stream and from the history of chats, and what is known by that.
//!
//! Both give what they have through here. A message is heard, or a hole filled, in one step with the question whether
//! it was given before; and what becomes known is noted in the same step as it becomes so, so that what was handled
//! follows what was given. What the stream brings is given, counted and known in one step too: else somebody who notes
//! meanwhile what is known would note it behind fewer events. Where there is no room for it, it stays missing.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use grammers_session::Session as _;
use grammers_session::types::{PeerId, UpdateState, UpdatesState};
use tokio::sync::mpsc::Permit;
use tracing::warn;

use super::core::Core;
use super::counts::Counts;
use super::position::Step;
use crate::events::Event;
use crate::seen::Seen;
use crate::store::Topic;

/// What became of something that the stream brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Brought {
    /// The dispatcher has it, or need not have it.
    Given,
    /// It was given before.
    Repeat,
    /// A message for which there is no room: it is to be recovered.
    Missed,
    /// Something else for which there is no room.
    Dropped,
}

impl Core {
    /// How far the updates of the account have arrived.
    pub(super) async fn arrived(&self) -> UpdatesState {
        // It is in memory; where it cannot be read, nothing of it is written either.
        self.credentials.session.updates_state().await.unwrap_or_default()
    }

    /// Forgets how far the updates of channels have arrived, or of all: the next line begins there where Telegram is.
    pub(super) async fn forget_position(&self, all: bool) {
        let state = match all {
            true => UpdatesState::default(),
            false => UpdatesState { channels: Vec::new(), ..self.arrived().await },
        };
        // It is in memory.
        let _ = self.credentials.session.set_update_state(UpdateState::All(state)).await;
        if all {
            self.learn(|seen| vec![seen.jump_account()].into());
        }
    }

    /// The stream brings an event, and with it this message, if it is one: it is given unless it was given before.
    pub(super) fn bring(&self, event: Arc<Event>, message: Option<(PeerId, i32)>) -> Brought {
        let mut brought = Brought::Given;
        self.seen.send_if_modified(|seen| {
            brought = self.bring_once(seen, event, message);
            false
        });
        if brought == Brought::Dropped {
            Counts::add(&self.counts.events_dropped);
            warn!(session = %self.id, "handlers are too slow: an event was dropped");
        }
        brought
    }

    fn bring_once(
        &self,
        seen: &mut Seen,
        event: Arc<Event>,
        message: Option<(PeerId, i32)>,
    ) -> Brought {
        if message.is_some_and(|(chat, number)| seen.is_repeat(chat, number)) {
            return Brought::Repeat;
        }
        let is_blind = self.is_blind.load(Ordering::Acquire);
        if !event.is_own() {
            let place = self.events.try_reserve();
            if place.is_err() && message.is_some() && !is_blind {
                Counts::add(&self.counts.events_deferred);
                return Brought::Missed;
            }
            Counts::add(&self.counts.events_seen);
            let Ok(place) = place else { return Brought::Dropped };
            self.give(place, event);
        }
        match message {
            Some((chat, number)) if is_blind => seen.remember(chat, number),
            Some((chat, number)) => _ = seen.hear(chat, number),
            None => {}
        }
        Brought::Given
    }

    /// Something becomes known, behind the events that were given so far.
    pub(super) fn learn(&self, learn: impl FnOnce(&mut Seen) -> Step) {
        self.seen.send_if_modified(|seen| {
            let step = learn(seen);
            let is_blind = self.is_blind.load(Ordering::Acquire);
            self.position.note(if is_blind { step.without_seen() } else { step });
            false
        });
    }

    /// Whether something of a chat seems to be missing. Before the first list nothing can be.
    pub(super) fn is_torn(&self, chat: PeerId) -> bool {
        let seen = self.seen.borrow();
        seen.whole().complete_at.is_some() && seen.is_torn(chat)
    }

    /// Gives the dispatcher an event, in a place that it has for it.
    pub(super) fn give(&self, place: Permit<'_, Arc<Event>>, event: Arc<Event>) {
        self.position.given();
        place.send(event);
    }

    /// Waits until what was recovered may be given: it has half of the dispatcher's places, and leaves the others to
    /// the stream, which waits for none.
    pub(super) async fn place_for_recovered(&self) -> Permit<'_, Arc<Event>> {
        loop {
            if self.events.capacity() > self.events.max_capacity() / 2
                && let Ok(place) = self.events.try_reserve()
            {
                return place;
            }
            // It keeps one notice for whoever comes too late to hear it.
            self.handled_one.notified().await;
        }
    }

    /// So many events were handled.
    pub(super) fn reached(&self, events: u64) {
        self.position.reach(events, |topic| self.changed_sometime(topic));
    }

    pub(super) async fn begin_position(&self) {
        if self.position.begin(self.arrived().await) {
            self.changed_sometime(Topic::Updates);
        }
    }
}
