//! Answers about accounts and peers, and errors, that are not what they should be.

use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use grammers_client::tl;
use grammers_mtsender::{InvocationError, RpcError};
use grammers_session::types::{PeerId, PeerInfo};
use grammers_session::{Session as _, SessionData};
use tl::enums;
use tokio::time::Instant;

use super::{CallError, Credentials, Identity, Progress};
use crate::fuzz::frames::{self, changed};
use crate::fuzz::{Case, run};
use crate::limits::SlowChats;
use crate::operation::Kind;
use crate::retry::{Kinds, Next, Spread};
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
