//! Answers about accounts and peers, and errors, that are not what they should be.

use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use grammers_client::tl;
use grammers_mtsender::{InvocationError, RpcError};
use grammers_session::types::{PeerId, PeerInfo};
use grammers_session::{Session as _, SessionData};
use tl::enums;
use tokio::time::Instant;

use super::{CallError, Connection, Credentials, DialogList, Identity, Page, Progress, page_below};
use crate::fuzz::frames::{self, changed};
use crate::fuzz::{Case, Random, foreign, run};
use crate::limits::SlowChats;
use crate::operation::Kind;
use crate::retry::{Kinds, Next, Spread};
use crate::seen::{Hole, Seen};
use crate::store::Fact;

#[test]
fn whoever_an_account_is_said_to_be_it_is_a_user_or_nobody() {
    run("users.User", |random| {
        let Some(users) = changed::<Vec<enums::User>>(random, frames::users) else {
            return Case::Refused;
        };
        match Identity::read(&users) {
            Ok(identity) => {
                assert!(PeerId::user(identity.user).is_some(), "{identity:?}");
                Case::Accepted
            }
            Err(error) => {
                assert!(error.is_transient(), "another answer may say it: {error}");
                Case::Refused
            }
        }
    });
}

#[test]
fn whatever_peers_an_answer_brings_those_with_a_number_are_known_from_then_on() {
    run("contacts.ResolvedPeer", |random| {
        let resolved = changed(random, frames::resolved);
        let Some(enums::contacts::ResolvedPeer::Peer(resolved)) = resolved else {
            return Case::Refused;
        };
        let session = Credentials::new(SessionData::default(), 1, None).session;
        let peers = resolved.users.iter().map(PeerInfo::from);
        for peer in peers.chain(resolved.chats.iter().map(PeerInfo::from)) {
            let id = crate::store::peer_id(&peer);
            let cached = session.cache_peer(peer).now_or_never();
            cached.expect("it is in memory").expect("it is known or passed over");
            if let Some(id) = id {
                let known = session.peer(id).now_or_never().expect("it is in memory");
                assert!(known.expect("it can be read").is_some(), "{id}");
            }
        }
        Case::Accepted
    });
}

#[test]
fn wherever_updates_are_said_to_stand_it_is_told_whether_they_move() {
    run("updates.State", |random| {
        let Some(enums::updates::State::State(state)) = changed(random, frames::state) else {
            return Case::Refused;
        };
        let (earlier, now) = (Progress::new(state.pts, 5), Progress::new(state.seq, state.qts));
        assert!(!(now.has_moved_since(earlier) && now.is_stuck_since(earlier)));
        Case::Accepted
    });
}

/// The numbers of a hole and a date, of which some messages are.
fn hole(random: &mut Random) -> Hole {
    let chat = random.pick(&[PeerId::user(1001), PeerId::chat(77), PeerId::channel(5001)]);
    let chat = chat.expect("they are numbers of chats");
    let from = random.pick(&[1, 5, 20]);
    let to = random.pick(&[4, 20, 30, 39, i32::MAX]);
    let since = random.pick(&[None, None, Some(1_700_000_000), Some(1_700_000_001)]);
    Hole { chat, numbers: (from, to), since }
}

#[test]
fn whatever_a_list_of_dialogs_says_it_ends_and_each_chat_stands_in_it_once() {
    run("messages.Dialogs", |random| {
        let mut list = DialogList::begin(random.pick(&[None, Some(1), Some(i32::MAX)]));
        let session = Credentials::new(SessionData::default(), 1, None).session;
        let mut pages = 0;
        while list.request().is_some() && pages < 8 {
            let Some(answer) = changed(random, frames::dialogs) else { break };
            pages += 1;
            for peer in list.take(answer) {
                let cached = session.cache_peer(peer).now_or_never();
                cached.expect("it is in memory").expect("it is known");
            }
        }
        let tops = list.into_tops();
        let mut chats: Vec<_> = tops.iter().map(|(chat, _)| chat.bot_api_dialog_id()).collect();
        chats.sort_unstable();
        assert!(chats.windows(2).all(|pair| pair[0] != pair[1]), "{chats:?}");
        let mut seen = Seen::default();
        for (chat, top) in &tops {
            seen.adopt(*chat, *top);
            assert_eq!(seen.hole(*chat, Some(*top)), None, "nothing is missing of what begins");
        }
        Case::of((pages > 0).then_some(()))
    });
}

#[test]
fn whatever_a_page_of_a_history_says_a_hole_is_filled_from_its_end_on_and_with_its_own() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let credentials = Credentials::new(SessionData::default(), 1, None);
    let client = Connection::prepare(&credentials).connection.client;
    run("pages of holes", |random| {
        let hole = hole(random);
        let mut seen = Seen::default();
        let (mut below, mut pages) = (None, 0);
        while let Some(answer) = changed(random, frames::messages).filter(|_| pages < 3) {
            let request = page_below(hole.chat.to_ambient_ref(), &hole, below);
            assert!(request.min_id >= 0 && request.offset_id >= 0);
            let page = Page::of(answer, &hole, below);
            pages += 1;
            let (highest, lowest, is_last) = (page.highest(), page.lowest(), page.is_last);
            let updates = foreign(|| runtime.block_on(page.into_updates(&client, hole.chat)));
            let Some(Ok(updates)) = updates else { return Case::Foreign };
            let numbers: Vec<i32> = updates.iter().map(|(number, _)| *number).collect();
            assert!(numbers.is_sorted_by(|a, b| a < b), "each once, in order: {numbers:?}");
            assert!(numbers.iter().all(|n| (hole.numbers.0..=hole.numbers.1).contains(n)));
            assert!(numbers.iter().all(|n| below.is_none_or(|below| *n < below)));
            assert!(numbers.last() <= highest.as_ref(), "{numbers:?}");
            if is_last {
                assert_eq!(seen.fill(&hole, &numbers), numbers, "nothing was known");
                assert!(seen.fill(&hole, &numbers).is_empty(), "each once");
                break;
            }
            assert!(lowest.is_some(), "it goes on below");
            below = lowest;
        }
        Case::of((pages > 0).then_some(()))
    });
}

/// What a session and its operation do after such an error.
fn draw_conclusions(error: &CallError) {
    let now = Instant::now();
    let spread = Spread { session: u64::MAX, operation: u64::MAX };
    for kind in Kind::ALL {
        for attempts in [1, 2, u32::MAX] {
            if let Next::After(pause) = Kinds::default().next(kind, attempts, spread, error) {
                let _ = now + pause + Duration::from_secs(365 * 24 * 3600);
            }
        }
    }
    match error {
        CallError::Flood { wait } => {
            let _ = (now + *wait, Fact::blocked(SystemTime::now() + *wait));
        }
        CallError::SlowMode { wait } => {
            let slow = SlowChats::default();
            slow.hold(7, *wait);
            assert!(slow.rest(7).is_none_or(|rest| rest <= *wait));
        }
        _ => {}
    }
}

#[test]
fn whatever_an_error_is_called_something_follows_from_it() {
    run("RpcError", |random| {
        let Some(enums::RpcError::Error(error)) = changed(random, frames::error) else {
            return Case::Refused;
        };
        let error = CallError::from(InvocationError::Rpc(RpcError::from(error)));
        assert!(!error.to_string().is_empty());
        draw_conclusions(&error);
        Case::Accepted
    });
}
