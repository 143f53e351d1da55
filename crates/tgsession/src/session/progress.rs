//! How far the stream has come, batch by batch, and whether it passed something over.
//!
//! Updates come in batches, and the state of the stream is already that after the last of its batch. That a batch is
//! over is seen when `next` has nothing at hand, or a new state: only then a step of the
//! [position](super::position) is noted behind it.
//!
//! Only then it is known too what the batch weighs, and by how much each mailbox has moved since the batch before.
//! One that has moved by more has jumped: what was between was not delivered, because the stream was told that it is
//! too much, or because the server counts what it does not tell. Which of them it was, the
//! [census](super::census) finds out. A channel that the stream has not followed so far has come from nobody knows
//! where: it is looked at only if a number is missing before the message that it begins with.

use std::sync::Arc;

use grammers_session::types::{PeerId, PeerKind, UpdatesState};
use tracing::{debug, warn};

use super::core::Core;
use super::counts::Counts;
use super::given::Brought;
use super::position::Step;
use crate::events::Event;
use crate::seen::{Change, Seen};
use crate::telegram::{Mailbox, channel_of, new_message, weigh};

/// How far the dispatcher was told that updates have come, and how far they have.
pub(super) struct Progress {
    told: UpdatesState,
    arrived: UpdatesState,
    batch: Batch,
}

/// What was taken from the stream and is not told yet.
#[derive(Default)]
struct Batch {
    weights: Vec<(Mailbox, i64)>,
    /// Chats and numbers, in their order.
    messages: Vec<(PeerId, i32)>,
    /// Those for which there was no room.
    missed: Vec<(PeerId, i32)>,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.weights.is_empty() && self.messages.is_empty() && self.missed.is_empty()
    }

    fn add(&mut self, mailbox: Mailbox, weight: i64) {
        match self.weights.iter_mut().find(|(other, _)| *other == mailbox) {
            Some((_, sum)) => *sum = sum.saturating_add(weight),
            None => self.weights.push((mailbox, weight)),
        }
    }

    /// Whether it has messages of this chat.
    fn brought(&self, chat: PeerId) -> bool {
        self.messages.iter().any(|(other, _)| *other == chat)
    }

    fn weight(&self, mailbox: Mailbox) -> i64 {
        self.weights.iter().find(|(other, _)| *other == mailbox).map_or(0, |(_, weight)| *weight)
    }
}

impl Progress {
    pub(super) async fn new(core: &Core) -> Self {
        let arrived = core.arrived().await;
        Self { told: arrived.clone(), arrived, batch: Batch::default() }
    }

    /// To be called when something was taken from the stream: if its state is a new one, so is the batch.
    pub(super) async fn arrived(&mut self, core: &Core) {
        let arrived = core.arrived().await;
        if arrived != self.arrived {
            self.batch_is_over(core);
            self.arrived = arrived;
        }
    }

    /// Takes an event into the batch, and gives it to the dispatcher.
    pub(super) fn take(&mut self, core: &Core, event: Arc<Event>) {
        let raw = event.update().raw();
        if let Some((mailbox, weight)) = weigh(raw) {
            self.batch.add(mailbox, weight);
        }
        let message = new_message(raw);
        match core.bring(event, message) {
            Brought::Given => self.batch.messages.extend(message),
            Brought::Missed => self.batch.missed.extend(message),
            Brought::Repeat | Brought::Dropped => {}
        }
    }

    /// Everything up to the state that has arrived was forwarded.
    pub(super) fn batch_is_over(&mut self, core: &Core) {
        let step = Step::between(&self.told, &self.arrived);
        if step.is_empty() && self.batch.is_empty() {
            return;
        }
        let (jumps, begun) = self.jumps(&step);
        // They are joined in the order of the chat, in which they need not have come.
        self.batch.messages.sort_unstable_by_key(|(_, number)| *number);
        self.batch.missed.sort_unstable_by_key(|(_, number)| *number);
        core.learn(|seen| {
            let changes = self.changes(core, seen, &jumps, &begun);
            step.with(changes)
        });
        for jump in jumps {
            debug!(session = %core.id, ?jump, "more has happened than was told");
            match jump {
                Mailbox::Account => core.doubt_all(),
                // Edits and the like move a channel too, and are not all told: its messages show that none is missing.
                Mailbox::Channel(id) if self.batch.brought(id) && !core.is_torn(id) => {}
                Mailbox::Channel(id) => core.doubt_channel(id),
            }
        }
        begun.into_iter().filter(|id| core.is_torn(*id)).for_each(|id| core.doubt_channel(id));
        self.doubt_missed(core);
        self.told.clone_from(&self.arrived);
        self.batch = Batch::default();
    }

    /// What there was no room for is looked for where it stands.
    fn doubt_missed(&self, core: &Core) {
        let missed = &self.batch.missed;
        if !missed.is_empty() {
            warn!(session = %core.id, messages = missed.len(), "handlers are too slow: messages are to be recovered");
        }
        for (chat, _) in missed {
            match chat.kind() {
                PeerKind::Channel => core.doubt_channel(*chat),
                PeerKind::User | PeerKind::Chat => core.doubt_all(),
            }
        }
    }

    /// The mailboxes that have moved by more than they were told, and the channels that are followed from now on.
    fn jumps(&self, step: &Step) -> (Vec<Mailbox>, Vec<PeerId>) {
        let (mut jumps, mut begun) = (Vec::new(), Vec::new());
        let moved = i64::from(self.arrived.pts) - i64::from(self.told.pts);
        if moved > self.batch.weight(Mailbox::Account) {
            jumps.push(Mailbox::Account);
        }
        for state in step.channels() {
            let Some(id) = channel_of(state.id) else { continue };
            let channel = Mailbox::Channel(id);
            let weight = self.batch.weight(channel);
            let before = self.told.channels.iter().find(|before| before.id == state.id);
            match before.map(|before| i64::from(state.pts) - i64::from(before.pts)) {
                Some(moved) if moved > weight => jumps.push(channel),
                Some(_) => {}
                None if weight == 0 => jumps.push(channel),
                None => begun.push(id),
            }
        }
        (jumps, begun)
    }

    /// What becomes known by the batch, whose messages come behind whatever was passed over.
    fn changes(
        &self,
        core: &Core,
        seen: &mut Seen,
        jumps: &[Mailbox],
        begun: &[PeerId],
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        for jump in jumps {
            match jump {
                Mailbox::Account => changes.push(seen.jump_account()),
                Mailbox::Channel(channel) => changes.extend(seen.jump_channel(*channel)),
            }
        }
        changes.extend(begun.iter().filter_map(|channel| seen.doubt_channel(*channel)));
        for (chat, number) in &self.batch.messages {
            changes.push(seen.join(*chat, *number));
            if let Some((numbers, change)) = seen.shorten(*chat) {
                warn!(session = %core.id, %chat, ?numbers, "messages were missed and are given up");
                let given_up = i64::from(numbers.1) - i64::from(numbers.0) + 1;
                Counts::add_all(&core.counts.events_dropped, given_up.unsigned_abs());
                changes.push(change);
            }
        }
        // Behind those that were given, which may be newer: what those made known, these are not.
        let missed = self.batch.missed.iter();
        changes.extend(missed.flat_map(|(chat, number)| seen.miss(*chat, *number)));
        changes
    }
}

#[cfg(test)]
mod tests {
    use grammers_session::types::ChannelState;

    use super::*;

    fn at(pts: i32, channels: &[(i64, i32)]) -> UpdatesState {
        let channels = channels.iter().map(|&(id, pts)| ChannelState { id, pts }).collect();
        UpdatesState { pts, qts: 0, date: 1, seq: 1, channels }
    }

    fn room() -> PeerId {
        PeerId::channel(5001).unwrap()
    }

    /// What has jumped, and what is followed from then on.
    fn jumps(
        from: UpdatesState,
        to: UpdatesState,
        weights: &[(Mailbox, i64)],
    ) -> (Vec<Mailbox>, Vec<PeerId>) {
        let mut batch = Batch::default();
        weights.iter().for_each(|(mailbox, weight)| batch.add(*mailbox, *weight));
        let step = Step::between(&from, &to);
        Progress { told: from, arrived: to, batch }.jumps(&step)
    }

    #[test]
    fn a_mailbox_that_moves_by_what_it_was_told_has_not_jumped() {
        let told = [(Mailbox::Account, 1), (Mailbox::Account, 1), (Mailbox::Channel(room()), 1)];
        let found = jumps(at(5, &[(5001, 7)]), at(7, &[(5001, 8)]), &told);
        assert_eq!(found, (vec![], vec![]));
        assert_eq!(jumps(at(5, &[]), at(3, &[]), &[]), (vec![], vec![]), "it went back");
    }

    #[test]
    fn a_mailbox_that_moves_by_more_has() {
        let found = jumps(at(5, &[(5001, 7)]), at(8, &[(5001, 7)]), &[(Mailbox::Account, 2)]);
        assert_eq!(found, (vec![Mailbox::Account], vec![]));
        let found = jumps(at(5, &[(5001, 7)]), at(5, &[(5001, 9)]), &[]);
        assert_eq!(found, (vec![Mailbox::Channel(room())], vec![]));
    }

    #[test]
    fn a_channel_that_was_not_followed_begins_with_what_it_brings() {
        let told = [(Mailbox::Channel(room()), 1)];
        assert_eq!(jumps(at(5, &[]), at(5, &[(5001, 9)]), &told), (vec![], vec![room()]));
        let nothing = jumps(at(5, &[]), at(5, &[(5001, 9)]), &[]);
        assert_eq!(nothing, (vec![Mailbox::Channel(room())], vec![]));
    }
}
