//! Where the updates of an account stand, as far as they were handled.
//!
//! The stream knows how far updates have *arrived*, which is what the next connection goes on from. What a new
//! process goes on from is how far they were *handled*: else one that is killed would lose what waited for its
//! handlers. So what the store has is this position. It moves in steps, each noted with the number of the last event
//! that it stands behind, and taken once that event is handled. A step never comes before one of its events; so
//! after a kill an event may come again, and none is missing.
//!
//! Which messages are known (see [`seen`](crate::seen)) moves with it, in the same steps: else a message could be
//! behind the one and not behind the other.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use grammers_session::types::{ChannelState, PeerId, UpdatesState};
use tokio::sync::watch;

use crate::seen::{Change, Chat, Seen, Whole};
use crate::store::Topic;
use crate::telegram::channel_of;

/// How far the updates of an account were handled, and how far they will have been.
#[derive(Debug)]
pub(super) struct Position {
    handled: watch::Sender<UpdatesState>,
    seen: watch::Sender<Seen>,
    /// Behind which event: at most one for each that waits, and one more.
    ahead: watch::Sender<VecDeque<(u64, Step)>>,
    /// How many events were given to the dispatcher.
    events: AtomicU64,
}

impl Position {
    pub(super) fn new(handled: UpdatesState, seen: Seen) -> Self {
        Self {
            handled: watch::Sender::new(handled),
            seen: watch::Sender::new(seen),
            ahead: watch::Sender::default(),
            events: AtomicU64::new(0),
        }
    }

    pub(super) fn handled(&self) -> UpdatesState {
        self.handled.borrow().clone()
    }

    /// Whether it says where a channel stands.
    pub(super) fn follows(&self, channel: PeerId) -> bool {
        self.handled.borrow().channels.iter().any(|state| channel_of(state.id) == Some(channel))
    }

    /// Which messages of a chat were handled, if it is known.
    pub(super) fn chat(&self, chat: PeerId) -> Option<Chat> {
        self.seen.borrow().chat(chat).cloned()
    }

    /// Whether something may be missing, as far as was handled.
    pub(super) fn whole(&self) -> Whole {
        self.seen.borrow().whole()
    }

    /// An account that was never used begins where its first connection began; false if it was.
    pub(super) fn begin(&self, arrived: UpdatesState) -> bool {
        self.handled.send_if_modified(|handled| {
            let is_new = handled.pts == 0;
            if is_new {
                *handled = arrived;
            }
            is_new
        })
    }

    /// An event is about to be given to the dispatcher. Counted before, a step that somebody else notes meanwhile
    /// stands behind it at worst.
    pub(super) fn given(&self) {
        self.events.fetch_add(1, Ordering::AcqRel);
    }

    /// Behind the events that were given so far, the updates have come one step further.
    pub(super) fn note(&self, step: Step) {
        if step.is_empty() {
            return;
        }
        let events = self.events.load(Ordering::Acquire);
        self.ahead.send_modify(|ahead| match ahead.back_mut() {
            Some((behind, last)) if *behind == events => last.extend(step),
            _ => ahead.push_back((events, step)),
        });
    }

    /// Hears of steps.
    pub(super) fn steps(&self) -> watch::Receiver<VecDeque<(u64, Step)>> {
        self.ahead.subscribe()
    }

    /// So many events were handled: takes the steps behind them, and says what changes by them. What is known changes
    /// and is said before the position that stands behind it moves: so whoever looks at the position first, and then at
    /// what he was told, has nothing in the one that is not in the other.
    pub(super) fn reach(&self, events: u64, changed: impl Fn(Topic)) {
        let mut steps = Vec::new();
        self.ahead.send_if_modified(|ahead| {
            while ahead.front().is_some_and(|(behind, _)| *behind <= events) {
                steps.extend(ahead.pop_front().map(|(_, step)| step));
            }
            // Whoever took them knows.
            false
        });
        for step in steps {
            self.seen.send_modify(|seen| step.seen.iter().for_each(|change| seen.apply(*change)));
            step.seen.iter().for_each(|change| changed(topic(change)));
            if step.has_moved() {
                self.handled.send_modify(|at| step.apply(at));
                changed(Topic::Updates);
            }
        }
    }
}

/// What has changed between two positions of one account.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// pts, date and seq, which belong together.
    primary: Option<(i32, i32, i32)>,
    qts: Option<i32>,
    channels: Vec<ChannelState>,
    seen: Vec<Change>,
}

impl From<Vec<Change>> for Step {
    fn from(seen: Vec<Change>) -> Self {
        Self { seen, ..Self::default() }
    }
}

impl Step {
    /// The step from one position to a later one. What a position does not speak of any more stays.
    pub(super) fn between(from: &UpdatesState, to: &UpdatesState) -> Self {
        let primary = (to.pts, to.date, to.seq);
        let moved = (from.pts, from.date, from.seq) != primary;
        let is_new = |(at, channel): &(usize, &ChannelState)| {
            // Both come from one list, so mostly each is where it was.
            from.channels.get(*at) != Some(channel) && !from.channels.contains(channel)
        };
        Self {
            primary: moved.then_some(primary),
            qts: (from.qts != to.qts).then_some(to.qts),
            channels: to
                .channels
                .iter()
                .enumerate()
                .filter(is_new)
                .map(|(_, c)| c.clone())
                .collect(),
            seen: Vec::new(),
        }
    }

    /// The channels that have moved.
    pub(super) fn channels(&self) -> &[ChannelState] {
        &self.channels
    }

    /// The same, with what became known by it.
    pub(super) fn with(mut self, seen: Vec<Change>) -> Self {
        self.seen.extend(seen);
        self
    }

    /// The same, and nothing of what is known.
    pub(super) fn without_seen(self) -> Self {
        Self { seen: Vec::new(), ..self }
    }

    fn has_moved(&self) -> bool {
        self.primary.is_some() || self.qts.is_some() || !self.channels.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.has_moved() && self.seen.is_empty()
    }

    /// Goes on with a later step.
    fn extend(&mut self, later: Self) {
        self.primary = later.primary.or(self.primary);
        self.qts = later.qts.or(self.qts);
        later.channels.into_iter().for_each(|channel| set(&mut self.channels, channel));
        later.seen.into_iter().for_each(|change| push(&mut self.seen, change));
    }

    /// Takes the step, as far as it is one of the stream.
    pub(super) fn apply(self, position: &mut UpdatesState) {
        if let Some((pts, date, seq)) = self.primary {
            (position.pts, position.date, position.seq) = (pts, date, seq);
        }
        position.qts = self.qts.unwrap_or(position.qts);
        self.channels.into_iter().for_each(|channel| set(&mut position.channels, channel));
    }
}

fn topic(change: &Change) -> Topic {
    match change {
        Change::Known { chat, .. } | Change::Unknown { chat, .. } | Change::Broken { chat, .. } => {
            Topic::Seen(*chat)
        }
        Change::Whole(_) => Topic::Whole,
    }
}

/// Adds a change to earlier ones. Of a chat in which one message comes after the other it is one that grows: what is
/// behind a handler that hangs is no more than the chats are.
fn push(changes: &mut Vec<Change>, new: Change) {
    let Change::Known { chat, numbers, how } = new else { return changes.push(new) };
    let of_chat = |change: &&mut Change| match change {
        Change::Known { chat: other, .. }
        | Change::Unknown { chat: other, .. }
        | Change::Broken { chat: other, .. } => *other == chat,
        Change::Whole(_) => false,
    };
    match changes.iter_mut().rev().find(of_chat) {
        Some(Change::Known { numbers: last, how: same, .. })
            if *same == how && last.1.checked_add(1) == Some(numbers.0) =>
        {
            last.1 = numbers.1;
        }
        _ => changes.push(new),
    }
}

fn set(channels: &mut Vec<ChannelState>, new: ChannelState) {
    match channels.iter_mut().find(|channel| channel.id == new.id) {
        Some(channel) => *channel = new,
        None => channels.push(new),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::seen::How;

    fn at(pts: i32, qts: i32, channels: &[(i64, i32)]) -> UpdatesState {
        let channels = channels.iter().map(|&(id, pts)| ChannelState { id, pts }).collect();
        UpdatesState { pts, qts, date: pts, seq: pts, channels }
    }

    fn way() -> [UpdatesState; 4] {
        [
            at(1, 1, &[]),
            at(2, 1, &[(7, 1)]),
            at(2, 3, &[(7, 2), (8, 5)]),
            at(2, 3, &[(7, 2), (8, 5)]),
        ]
    }

    #[test]
    fn a_step_leads_from_one_position_to_the_other() {
        let mut position = way()[0].clone();
        for pair in way().windows(2) {
            let step = Step::between(&pair[0], &pair[1]);
            assert_eq!(step.is_empty(), pair[0] == pair[1]);
            step.apply(&mut position);
            assert_eq!(position, pair[1]);
        }
    }

    #[test]
    fn a_channel_that_is_gone_is_kept() {
        let (with, without) = (at(1, 0, &[(7, 1)]), at(1, 0, &[]));
        assert!(Step::between(&with, &without).is_empty());
    }

    #[test]
    fn a_step_is_taken_once_the_events_before_it_are_handled() {
        let [start, first, second, _] = way();
        let position = Position::new(start.clone(), Seen::default());
        let chat = PeerId::user(7).unwrap();
        let known = Change::Known { chat, numbers: (0, 9), how: How::Heard };
        position.given();
        position.given();
        position.note(Step::between(&start, &first));
        position.note(Step::between(&first, &second).with(vec![known]));
        let reach = |events| {
            let changed = RefCell::new(Vec::new());
            position.reach(events, |topic| changed.borrow_mut().push(topic));
            changed.into_inner()
        };
        assert_eq!(reach(1), []);
        assert_eq!(position.handled(), start);
        assert_eq!(position.ahead.borrow().len(), 1, "steps behind one event are one");
        assert!(position.chat(chat).is_none());
        assert_eq!(reach(2), [Topic::Seen(chat), Topic::Updates]);
        assert_eq!(reach(2), []);
        assert_eq!(position.handled(), second);
        assert!(position.chat(chat).is_some());
    }

    #[test]
    fn messages_one_after_the_other_are_one_change_however_many_wait() {
        let room = PeerId::channel(7).unwrap();
        let other = PeerId::channel(8).unwrap();
        let known = |chat, numbers, how| Change::Known { chat, numbers, how };
        let mut changes = Vec::new();
        for number in 1..1000 {
            push(&mut changes, known(room, (number, number), How::Heard));
            push(&mut changes, known(other, (2 * number, 2 * number), How::Heard));
        }
        assert_eq!(changes.len(), 1000);
        assert_eq!(changes[0], known(room, (1, 999), How::Heard));
        push(&mut changes, Change::Broken { chat: room, broken: true });
        push(&mut changes, known(room, (1000, 1000), How::Heard));
        assert_eq!(changes.len(), 1002, "what is between is kept");
    }
}
