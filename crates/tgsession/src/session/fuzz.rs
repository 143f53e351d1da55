//! What a session makes of what its store had, and of updates that are not what they should be.

use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use grammers_client::tl;
use grammers_session::Session as _;
use grammers_session::types::{ChannelState, PeerId, UpdatesState};
use grammers_session::updates::{MessageBoxes, UpdatesLike};
use tl::{Deserializable, enums};
use tokio::time::Instant;

use super::job::{Job, Load};
use super::latches::as_instant;
use super::position::Step;
use super::queue::{Queue, Standstill};
use crate::fuzz::frames::{self, Frame, changed};
use crate::fuzz::{Case, Random, foreign, run};
use crate::limits::{Allowance, Limits, Used};
use crate::operation::Custom;
use crate::retry::Kinds;
use crate::seen::{Hole, Seen, Top};
use crate::store::{Account, Fact, Held};
use crate::telegram::{CallError, Credentials};

/// The longest time that a manager lets an operation wait.
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Begins with what a store had of an account, as a session does.
pub(crate) fn take_up(account: Account, random: &mut Random) -> Case {
    let Account { session, api_id, held } = account;
    let (peers, position) = (session.peer_infos.clone(), session.updates_state.clone());
    let credentials = Credentials::new(session, api_id, None);
    let _ = credentials.key();
    for (id, peer) in peers {
        // The kinds of numbers that are none are what `grammers` panics over.
        let _ = (id.kind(), id.bare_id(), Fact::peer(&peer));
        let cached = credentials.session.cache_peer(peer).now_or_never();
        cached.expect("it is in memory").expect("it can be cached");
    }
    let Held { blocked_until, used, seen, .. } = held;
    wait(blocked_until);
    spend(used, random);
    go_on(seen, random);
    let mut handled = UpdatesState::default();
    Step::between(&handled, &position).apply(&mut handled);
    let _ = Fact::updates(&handled);
    if position.pts == 0 {
        // Telegram is asked for it then: see `Connection::stream`.
        return Case::Accepted;
    }
    let stream = foreign(|| ask(&mut MessageBoxes::load(position)));
    if stream.is_some() { Case::Accepted } else { Case::Foreign }
}

/// Holds the account until then.
fn wait(until: Option<SystemTime>) {
    let now = Instant::now();
    let Some(blocked) = until.and_then(as_instant) else { return };
    let _ = Fact::blocked(SystemTime::now() + blocked.saturating_duration_since(now));
    let mut queue = Queue::new(YEAR, Kinds::default());
    let operation = Custom::new(|_| async { Ok::<_, CallError>(()) });
    let (job, ticket) = Job::new(0, operation, Load::new(&Default::default()), &Default::default());
    ticket.detach();
    queue.push(job);
    let still = Standstill { blocked: Some(blocked), offline: None };
    assert!(queue.next_change(still, now).is_some());
    assert!(queue.expired(still, now).is_empty(), "being held is no waiting");
}

/// Hears messages of chats of which this is known, and finds what is missing.
fn go_on(seen: Seen, random: &mut Random) {
    let mut seen = seen.resumed();
    for chat in [PeerId::user(1001), PeerId::chat(77), PeerId::channel(5001)] {
        let chat = chat.expect("they are numbers of chats");
        let number = (random.number() as i32).max(1);
        // The account may have it in another chat: its chats are numbered together.
        let is_new = seen.hear(chat, number);
        if is_new {
            seen.join(chat, number);
        }
        assert!(seen.is_repeat(chat, number), "it is given once");
        let missed = (random.number() as i32).max(1);
        if !seen.is_repeat(chat, missed) {
            seen.miss(chat, missed);
            assert!(!seen.is_repeat(chat, missed), "it is not given");
        }
        let hole = Hole { chat, numbers: (1, i32::MAX), since: None };
        let filled = seen.fill(&hole, &[number]);
        assert!(!(is_new && filled.contains(&number)));
        let top = Top { number: random.number() as i32, date: None };
        let _ = (seen.adopt(chat, top), seen.holes(&[(chat, top)]), seen.is_torn(chat));
        let known = seen.chat(chat).expect("something is known of it");
        let _ = Fact::seen(chat, known);
    }
    let _ = (seen.complete(random.number() as i32, seen.jumps()), Fact::whole(seen.whole()));
}

/// Goes on with a day of which this was used.
fn spend(used: Used, random: &mut Random) {
    let quotas = Allowance::new(&Limits::default(), used, Box::new(|_| {})).quotas;
    for _ in 0..4 {
        let n = random.number();
        let reserved = match random.below(3) {
            0 => quotas.reserve_posts(n as u32).map(Some),
            1 => quotas.reserve_chat(n).map(|_| None),
            _ => quotas.reserve_send().map(Some),
        };
        match reserved {
            Ok(reserved) => reserved.into_iter().for_each(|mut r| r.spend(random.next() as u32)),
            Err(exceeded) => assert!(!exceeded.to_string().is_empty()),
        }
    }
    let _ = Fact::used(&quotas.used());
}

/// All that the stream asks of the position between two calls.
fn ask(boxes: &mut MessageBoxes) -> UpdatesState {
    boxes.check_deadlines();
    let _ = (boxes.get_difference(), boxes.get_channel_difference());
    boxes.session_state()
}

/// A stream in the middle of its work: either it fetches what it missed, or it waits for what comes.
fn stream(random: &mut Random) -> MessageBoxes {
    let channels = vec![ChannelState { id: 5001, pts: 5 }];
    let qts = random.pick(&[0, 1]);
    let state = UpdatesState { pts: 10, qts, date: 1_700_000_000, seq: 1, channels };
    let mut boxes = MessageBoxes::load(state);
    if random.one_in(2) {
        let nothing = tl::types::updates::DifferenceEmpty { date: 1_700_000_000, seq: 1 };
        boxes.apply_difference(nothing.into());
        let nothing =
            tl::types::updates::ChannelDifferenceEmpty { r#final: true, pts: 5, timeout: None };
        boxes.apply_channel_difference(nothing.into());
    }
    boxes
}

/// One that fetches what it missed.
fn fetching() -> MessageBoxes {
    let channels = vec![ChannelState { id: 5001, pts: 5 }];
    MessageBoxes::load(UpdatesState { pts: 10, qts: 1, date: 1, seq: 1, channels })
}

/// Gives a changed frame to a stream, and looks whether the position that is kept follows it.
fn follow<T: Deserializable>(
    random: &mut Random,
    make: fn(&mut Random) -> Frame,
    mut boxes: MessageBoxes,
    apply: fn(&mut MessageBoxes, T),
) -> Case {
    let Some(value) = changed(random, make) else { return Case::Refused };
    let before = boxes.session_state();
    let after = foreign(|| {
        apply(&mut boxes, value);
        ask(&mut boxes)
    });
    let Some(after) = after else { return Case::Foreign };
    let mut position = before.clone();
    Step::between(&before, &after).apply(&mut position);
    let numbers = |state: &UpdatesState| (state.pts, state.qts, state.date, state.seq);
    assert_eq!(numbers(&position), numbers(&after));
    assert!(after.channels.iter().all(|channel| position.channels.contains(channel)));
    Case::Accepted
}

#[test]
fn whatever_updates_say_the_position_follows_the_stream() {
    run("Updates", |random| {
        let boxes = stream(random);
        follow(random, frames::updates, boxes, |boxes, updates: enums::Updates| {
            // A gap is asked for with the next difference.
            let _ = boxes.process_updates(UpdatesLike::Updates(updates));
        })
    });
}

#[test]
fn whatever_a_difference_says_the_position_follows_the_stream() {
    run("updates.Difference", |random| {
        follow(random, frames::difference, fetching(), |boxes, difference| {
            boxes.apply_difference(difference);
        })
    });
}

#[test]
fn whatever_the_difference_of_a_channel_says_the_position_follows_the_stream() {
    run("updates.ChannelDifference", |random| {
        follow(random, frames::channel_difference, fetching(), |boxes, difference| {
            boxes.apply_channel_difference(difference);
        })
    });
}
