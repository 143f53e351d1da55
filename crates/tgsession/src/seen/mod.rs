//! Which messages of which chats are known: were given to the handlers, or are none of the session's.
//!
//! A stream of updates numbers what it brings, and trusts its numbers: where Telegram says that a difference is too
//! long, it goes on behind it, and what was between is never heard of. This is what the session trusts instead. The
//! numbers of the messages of one chat rise; so a chat of which all is known has one range of numbers, and one of
//! which something was missed has a hole between two ranges, or above the last.
//!
//! - A message that the stream brings is known from then on ([`hear`](Seen::hear)), unless there is no room for it
//!   ([`miss`](Seen::miss)). When its batch is over, and the
//!   mailbox has moved by no more than the batch weighs, all below it is known too ([`join`](Seen::join)).
//! - Where the mailbox has moved further, it has *jumped*, and its chats are *broken*: the next message of each begins
//!   a range of its own.
//! - What the list of dialogs has at the top of a chat is known, or there is a [`Hole`]. What fills it is taken in
//!   one step with the question what of it is new ([`fill`](Seen::fill)): a message comes from the stream or from the
//!   history, whoever is first, and never from both.
//! - A chat of which nothing is known begins where the account begins: with the first list of an account its dialogs
//!   are known up to their tops; one that appears later has a hole of what is not older than the time at which the
//!   account was last complete.
//!
//! There are two of these for each session: what was given, and what was handled, which follows in steps and is what
//! the store has. Both are made of the same [`Change`]s.
//!
//! What it cannot see: a message whose number is below one that is known, and which a server brings only later. The
//! stream brings it all the same, unless its place was looked at in the history: what the stream brings is compared
//! with what it brought before, and with that.

mod brought;
mod numbers;

use std::collections::{HashMap, HashSet};

use brought::Given;
use grammers_session::types::{PeerId, PeerKind};
use numbers::Numbers;
pub(crate) use numbers::Range;
use serde::{Deserialize, Serialize};

/// More holes than this one chat does not have: the oldest is given up.
const MOST_RANGES: usize = 256;

/// What is known of all chats of an account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    chats: HashMap<PeerId, Chat>,
    whole: Whole,
    /// What the stream brings again is not given again.
    given: Given,
    /// How often something was passed over, by whichever mailbox.
    jumps: u64,
}

/// What is known of one chat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Chat {
    /// From 0 on where all that is older than what was heard is known.
    known: Numbers,
    /// The part that was looked at in the history: what is known there, and comes again, is a repeat.
    looked_at: Range,
    /// What comes next may not be the next.
    broken: bool,
}

/// What is known of the account as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Whole {
    /// When nothing was missing, as Telegram's clock had it; never so far if `None`.
    pub(crate) complete_at: Option<i32>,
    /// Something of the mailbox of the account was passed over since.
    pub(crate) doubtful: bool,
}

/// A step of what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// These numbers of a chat are known.
    Known {
        chat: PeerId,
        numbers: Range,
        how: How,
    },
    /// This one is not known any more: it could not be given.
    Unknown {
        chat: PeerId,
        number: i32,
    },
    /// Whether what comes next in a chat may not be the next.
    Broken {
        chat: PeerId,
        broken: bool,
    },
    Whole(Whole),
}

/// How numbers became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// The stream brought the last of them.
    Heard,
    /// They were looked at in the history.
    LookedAt,
    /// They are none of the session's, or given up.
    Left,
}

/// The newest message of a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Top {
    pub(crate) number: i32,
    pub(crate) date: Option<i32>,
}

/// A part of a chat in which something may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hole {
    pub(crate) chat: PeerId,
    /// Up to [`i32::MAX`] where it is not known what the newest is.
    pub(crate) numbers: Range,
    /// Only what is not older than this is the session's.
    pub(crate) since: Option<i32>,
}

impl Hole {
    /// That part of it is known up to this number. What is older than the session's first message is too.
    pub(crate) fn known(&self, from: i32, to: i32) -> Change {
        let is_first = self.since.is_some() && from == self.numbers.0;
        let numbers = (if is_first { 0 } else { from }, to);
        Change::Known { chat: self.chat, numbers, how: How::LookedAt }
    }
}

impl Seen {
    /// Takes up what a store has of a chat.
    pub(crate) fn load(&mut self, chat: PeerId, known: Chat) {
        self.chats.insert(chat, known);
    }

    /// Takes up what a store has of the whole.
    pub(crate) fn load_whole(&mut self, whole: Whole) {
        self.whole = whole;
    }

    /// What was handled, as what was given in another process: it goes on where that one was.
    pub(crate) fn resumed(mut self) -> Self {
        if self.whole.doubtful {
            self.break_account();
        }
        self
    }

    /// What a store keeps of a chat.
    pub(crate) fn chat(&self, chat: PeerId) -> Option<&Chat> {
        self.chats.get(&chat)
    }

    pub(crate) fn whole(&self) -> Whole {
        self.whole
    }

    pub(crate) fn jumps(&self) -> u64 {
        self.jumps
    }

    /// A batch is over that had this message: what is known by that.
    pub(crate) fn join(&mut self, chat: PeerId, number: i32) -> Change {
        let from = self.begin(chat, number);
        self.known(chat, (from, number), How::Heard)
    }

    /// Where the part of a chat begins of which nothing is missing, if the stream brings this message next.
    fn begin(&self, chat: PeerId, number: i32) -> i32 {
        // Of an account of which nothing was passed over, a chat is as old as its first message.
        let is_whole = !self.whole.doubtful && chat.kind() != PeerKind::Channel;
        let none = is_whole.then_some(-1);
        let Some(Chat { known, broken, .. }) = self.chats.get(&chat) else {
            return none.map_or(number, |end| end + 1);
        };
        let begins_here = known.begin_of(number).is_none_or(|begin| begin == number);
        match known.end_below(number).or(none) {
            Some(end) if begins_here && !*broken => end.saturating_add(1),
            _ => number,
        }
    }

    fn known(&mut self, chat: PeerId, numbers: Range, how: How) -> Change {
        let change = Change::Known { chat, numbers, how };
        self.apply(change);
        change
    }

    /// Something of the mailbox of the account was passed over: of its private chats and small groups.
    pub(crate) fn jump_account(&mut self) -> Change {
        self.jumps += 1;
        self.whole.doubtful = true;
        self.break_account();
        Change::Whole(self.whole)
    }

    fn break_account(&mut self) {
        let of_account = self.chats.iter_mut().filter(|(id, _)| id.kind() != PeerKind::Channel);
        of_account.for_each(|(_, chat)| chat.broken = true);
    }

    /// Something of a channel was passed over.
    pub(crate) fn jump_channel(&mut self, channel: PeerId) -> Option<Change> {
        self.jumps += 1;
        self.doubt_channel(channel)
    }

    /// What comes next of a channel may not be the next. Of one of which nothing is known it never is.
    pub(crate) fn doubt_channel(&mut self, channel: PeerId) -> Option<Change> {
        self.chats.get(&channel)?;
        let change = Change::Broken { chat: channel, broken: true };
        self.apply(change);
        Some(change)
    }

    /// Gives up the oldest hole of a chat that has too many; returns it, and what is known by that.
    pub(crate) fn shorten(&mut self, chat: PeerId) -> Option<(Range, Change)> {
        let numbers = self.chats.get_mut(&chat)?.known.shorten(MOST_RANGES)?;
        Some((numbers, Change::Known { chat, numbers, how: How::Left }))
    }

    /// What is missing of a chat, if the newest of its messages is this one; up to whatever is the newest if it is not
    /// known.
    pub(crate) fn hole(&self, chat: PeerId, top: Option<Top>) -> Option<Hole> {
        let to = top.map_or(i32::MAX, |top| top.number);
        let known = self.chats.get(&chat).map(|chat| &chat.known);
        if let Some(known) = known.filter(|known| known.lowest().is_some_and(|n| n <= 0)) {
            let numbers = known.missing_up_to(to)?;
            return Some(Hole { chat, numbers, since: None });
        }
        // All that was before the first list is none of the session's.
        let since = self.whole.complete_at?;
        let highest = known.and_then(Numbers::highest);
        let is_old = top.and_then(|top| top.date).is_some_and(|date| date < since);
        let to = highest.unwrap_or(0).max(to);
        let has_new = to > 0 && (highest.is_some() || !is_old);
        has_new.then_some(Hole { chat, numbers: (1, to), since: Some(since) })
    }

    /// All holes, if these are the newest messages: those of chats that are not among them too.
    pub(crate) fn holes(&self, tops: &[(PeerId, Top)]) -> Vec<Hole> {
        let listed: HashSet<PeerId> = tops.iter().map(|(chat, _)| *chat).collect();
        let holes = tops.iter().filter_map(|(chat, top)| self.hole(*chat, Some(*top)));
        let others = self.torn().filter(|chat| !listed.contains(chat));
        let others = others.filter_map(|chat| {
            let number = self.chats[&chat].known.highest()?;
            self.hole(chat, Some(Top { number, date: None }))
        });
        holes.chain(others).collect()
    }

    /// The chats of which one can see without asking anybody that something may be missing.
    pub(crate) fn torn(&self) -> impl Iterator<Item = PeerId> {
        self.chats.keys().copied().filter(move |chat| self.is_torn(*chat))
    }

    /// Whether one can see without asking anybody that something of a chat may be missing.
    pub(crate) fn is_torn(&self, chat: PeerId) -> bool {
        let Some(Chat { known, .. }) = self.chats.get(&chat) else { return false };
        let is_young = known.lowest().is_some_and(|lowest| lowest > 0);
        is_young || known.highest().is_some_and(|highest| known.missing_up_to(highest).is_some())
    }

    /// A chat that the list has, and of which nothing is missing: it is known up to its top from then on.
    pub(crate) fn adopt(&mut self, chat: PeerId, top: Top) -> Option<Change> {
        let lowest = self.chats.get(&chat).and_then(|chat| chat.known.lowest());
        if lowest.is_some_and(|lowest| lowest <= 0) || self.hole(chat, Some(top)).is_some() {
            return None;
        }
        let to = top.number.max(lowest.unwrap_or(0)).max(0);
        Some(self.known(chat, (0, to), How::Left))
    }

    /// These messages of a hole were read: those of them that are to be given. All of the hole is known from then on.
    pub(crate) fn fill(&mut self, hole: &Hole, read: &[i32]) -> Vec<i32> {
        let known = &self.chats.entry(hole.chat).or_default().known;
        let new = read.iter().copied().filter(|number| !known.contains(*number)).collect();
        self.apply(hole.known(hole.numbers.0, hole.numbers.1));
        new
    }

    /// Nothing was missing at this time; if nothing was passed over since there were so many jumps, what comes next is
    /// the next.
    pub(crate) fn complete(&mut self, at: i32, jumps: u64) -> Vec<Change> {
        let is_whole = self.jumps == jumps;
        let whole = Whole { complete_at: Some(at), doubtful: self.whole.doubtful && !is_whole };
        let mut changes = vec![Change::Whole(whole)];
        self.whole = whole;
        for (&chat, known) in self.chats.iter_mut().filter(|(_, chat)| is_whole && chat.broken) {
            known.broken = false;
            // Those of the account are broken as a whole.
            let is_channel = chat.kind() == PeerKind::Channel;
            changes.extend(is_channel.then_some(Change::Broken { chat, broken: false }));
        }
        changes
    }

    /// Nothing is missing of these chats, and of others nobody knows, if nothing was passed over since there were so
    /// many jumps. What appears from then on is not older than `at`.
    pub(crate) fn complete_of(
        &mut self,
        chats: impl Iterator<Item = PeerId>,
        at: Option<i32>,
        jumps: u64,
    ) -> Vec<Change> {
        self.whole.complete_at = at.or(self.whole.complete_at);
        let mended = chats.filter_map(|chat| self.mend(chat, jumps)).collect::<Vec<_>>();
        [vec![Change::Whole(self.whole)], mended].concat()
    }

    /// Nothing is missing of one chat, if nothing was passed over since there were so many jumps.
    pub(crate) fn mend(&mut self, chat: PeerId, jumps: u64) -> Option<Change> {
        let is_broken = self.chats.get(&chat).is_some_and(|chat| chat.broken);
        let change = Change::Broken { chat, broken: false };
        (is_broken && self.jumps == jumps).then(|| {
            self.apply(change);
            change
        })
    }

    /// Takes a step.
    pub(crate) fn apply(&mut self, change: Change) {
        match change {
            Change::Known { chat, numbers, how } => {
                self.chats.entry(chat).or_default().learn(numbers, how);
            }
            Change::Unknown { chat, number } => {
                if let Some(chat) = self.chats.get_mut(&chat) {
                    chat.known.remove(number);
                }
            }
            Change::Broken { chat, broken } => {
                if let Some(chat) = self.chats.get_mut(&chat) {
                    chat.broken = broken;
                }
            }
            Change::Whole(whole) => self.whole = whole,
        }
    }
}

impl Chat {
    fn learn(&mut self, numbers: Range, how: How) {
        self.known.add(numbers);
        match how {
            How::Heard => self.broken = false,
            // What lies between two parts that were looked at was heard: it counts as looked at too.
            How::LookedAt if self.looked_at != (0, 0) => {
                let ((begin, end), (from, to)) = (self.looked_at, numbers);
                self.looked_at = (begin.min(from), end.max(to));
            }
            How::LookedAt => self.looked_at = numbers,
            How::Left => {}
        }
    }
}

#[cfg(test)]
mod tests;
