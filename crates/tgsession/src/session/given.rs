//! What the session gives to its dispatcher, from the stream and from the history of chats, and what is known by that.
//!
//! Both give what they have through here. A message is heard, or a hole filled, in one step with the question whether
//! it was given before; and what becomes known is noted in the same step as it becomes so, so that what was handled
//! follows what was given.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use grammers_session::Session as _;
use grammers_session::types::{PeerId, UpdateState, UpdatesState};
use tokio::sync::mpsc::Permit;

use super::core::Core;
use super::position::Step;
use crate::events::Event;
use crate::seen::Seen;
use crate::store::Topic;

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

    /// The stream brings a message; false if it was given before, from the history.
    pub(super) fn hear(&self, chat: PeerId, number: i32) -> bool {
        if self.is_blind.load(Ordering::Acquire) {
            return true;
        }
        let mut is_new = true;
        self.seen.send_if_modified(|seen| {
            is_new = seen.hear(chat, number);
            false
        });
        is_new
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

    /// Gives the dispatcher an event, unless there is no room.
    pub(super) fn forward(&self, event: Arc<Event>) -> bool {
        match self.events.try_reserve() {
            Ok(place) => {
                self.give(place, event);
                true
            }
            Err(_) => false,
        }
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
