//! What the stream brings: each message once, and what there was no room for stays missing.
//!
//! The stream may bring a message twice. What comes while it is about to ask for a difference it brings at once, and
//! the difference has it again. That is not seen by what is known of the chat: a message may come after a newer one,
//! when all below that is taken for known already. So the numbers of what was given are kept by themselves, by mailbox,
//! which is what numbers messages. They are not stored: what was given, and not handled when the process ended, comes
//! again.

use std::collections::HashMap;

use grammers_session::types::{PeerId, PeerKind};

use super::numbers::Numbers;
use super::{Change, How, Seen};

/// More ranges than this are not kept of one mailbox: what was given long ago does not come again.
const MOST_RANGES: usize = 64;

/// The numbers of the messages that the stream brought and that were given, by mailbox: that of a channel, or that of
/// the account, whose private chats and small groups are numbered together.
#[derive(Clone, Debug, Default)]
pub(super) struct Given(HashMap<Option<PeerId>, Numbers>);

impl Given {
    fn has(&self, chat: PeerId, number: i32) -> bool {
        self.0.get(&mailbox(chat)).is_some_and(|numbers| numbers.contains(number))
    }

    fn add(&mut self, chat: PeerId, number: i32) {
        let numbers = self.0.entry(mailbox(chat)).or_default();
        numbers.add((number, number));
        numbers.forget(MOST_RANGES);
    }
}

fn mailbox(chat: PeerId) -> Option<PeerId> {
    (chat.kind() == PeerKind::Channel).then_some(chat)
}

impl Seen {
    /// Whether a message that the stream brings was given before, by the stream or from the history.
    pub(crate) fn is_repeat(&self, chat: PeerId, number: i32) -> bool {
        let was_read = self.chats.get(&chat).is_some_and(|chat| {
            let (from, to) = chat.looked_at;
            (from..=to).contains(&number) && chat.known.contains(number)
        });
        was_read || self.given.has(chat, number)
    }

    /// The stream brings a message, and it is given; false if it was given before.
    pub(crate) fn hear(&mut self, chat: PeerId, number: i32) -> bool {
        let is_new = !self.is_repeat(chat, number);
        if is_new {
            self.remember(chat, number);
            self.chats.entry(chat).or_default().known.add((number, number));
        }
        is_new
    }

    /// A message is given, of an account of which nothing else is kept.
    pub(crate) fn remember(&mut self, chat: PeerId, number: i32) {
        self.given.add(chat, number);
    }

    /// A batch is over that had this message, for which there was no room: what is below it is known as if it had been
    /// given, and it is not. What comes next may not be the next, as after a jump. While a chat is broken already there
    /// is nothing to say: what waits behind a handler that hangs does not grow.
    pub(crate) fn miss(&mut self, chat: PeerId, number: i32) -> Vec<Change> {
        if self.is_repeat(chat, number) {
            // The history was faster than the end of the batch, or it came twice and there was room for the second.
            return Vec::new();
        }
        self.jumps += 1;
        let changes: Vec<Change> = self.all_but(chat, number).into_iter().collect();
        changes.iter().for_each(|change| self.apply(*change));
        let doubt = match chat.kind() {
            PeerKind::Channel => self.doubt_once(chat),
            PeerKind::User | PeerKind::Chat => self.doubt_account_for(chat),
        };
        changes.into_iter().chain(doubt).collect()
    }

    /// What becomes known around a message that is missing.
    fn all_but(&self, chat: PeerId, number: i32) -> Option<Change> {
        let from = self.begin(chat, number);
        let known = self.chats.get(&chat).map(|chat| &chat.known);
        if known.is_some_and(|known| known.contains(number)) {
            return Some(Change::Unknown { chat, number });
        }
        // What is older than the first list is none of the session's; but this came.
        let lowest = known.and_then(Numbers::lowest);
        let is_first = self.whole.complete_at.is_none() && lowest.is_none_or(|lowest| lowest > 0);
        let from = if is_first { 0 } else { from };
        let how = How::Heard;
        (from < number).then(|| Change::Known { chat, numbers: (from, number - 1), how })
    }

    fn doubt_once(&mut self, channel: PeerId) -> Option<Change> {
        let is_broken = self.chats.get(&channel).is_some_and(|chat| chat.broken);
        if is_broken { None } else { self.doubt_channel(channel) }
    }

    /// Of a chat of the account it is found in the list alone that something is missing.
    fn doubt_account_for(&mut self, chat: PeerId) -> Option<Change> {
        self.chats.entry(chat).or_default().broken = true;
        let was_doubtful = std::mem::replace(&mut self.whole.doubtful, true);
        (!was_doubtful).then_some(Change::Whole(self.whole))
    }
}
