//! The census: compares what the session knows of its chats with what Telegram has, and fetches what is missing.
//!
//! # Why
//!
//! The stream of updates is gapless only as far as differences go. Where one is too long, of the account or of a
//! channel, `grammers` goes on behind it, and all that was missed is lost without a word. A channel of which it does
//! not know the access hash it cannot ask at all. So the list of dialogs is asked: it has the number of the newest
//! message of each chat, and brings the peers. What lies between that and what is [known](crate::seen) is read from
//! the history of the chat and given to the handlers like any event.
//!
//! # When
//!
//! Somebody [doubts](super::doubts): there is a new line, or one that broke; a mailbox has jumped; the connection
//! dropped something, or there was no room for a message because handlers are slow. Each new line is doubted at a time
//! of its own within a minute, and there is one round a minute at most. The list is read up to the first page on which
//! nothing is newer than the last time that nothing was missing: one page or two, of however many. A channel that alone
//! is doubted is looked at alone. While the account must wait the census waits; what failed is looked at again after 1,
//! 2, 4 minutes and so on up to 16, a chat by itself: it keeps no other waiting. Each call keeps to the account's pace
//! for reading messages, and takes none of the day's quota: these are messages that the account was sent.
//!
//! # Why each message comes once
//!
//! A message is given by whoever asks first whether it is known, the stream or the census: [`Seen`] answers both in one
//! step, and knows it from then on. What the stream is about to bring when a hole is found has a few seconds to come,
//! so that it mostly comes from there. The step of the [position](super::position) that goes with a recovered message
//! stands behind its event, as with any other; one that was read, and not handled when the process ended, is missing in
//! the next process too, and read again.
//!
//! # Order
//!
//! The messages of one hole come oldest first, and all of them have been read before the first is given. What the
//! stream brings meanwhile does not wait for them: so newer messages of a chat may come before older ones that were
//! recovered, and say so ([`Event::is_recovered`](crate::Event::is_recovered)).
//!
//! # What is given up
//!
//! - Of a hole with more than [`recover_at_most`](crate::Builder::recover_at_most) messages the oldest, with a warning.
//! - What Telegram refuses to show three times, or shows so that it cannot be read, with a warning.
//! - What was said in a channel before the account was in it: it is not among what it missed.
//! - Whatever happened to messages but that they came: edits, deletions, reactions.
//! - What was missed before the first list, which is made within a minute after an account was connected for the first
//!   time: it says where the session begins.
//! - All of it for bots, which have no dialogs that they could list.
//!
//! # Locks
//!
//! The census takes no permit of the manager, which are for operations. It has the manager's lease on the session
//! (level 3) for one call at a time, and asks for nothing under it: so whoever reconnects or removes the session, which
//! closes the line, waits for one call at most, and no call is made on a line that is being closed. When the session
//! stops or loses its key, the census ends where it is.

mod patience;
mod recovery;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use grammers_client::tl;
use grammers_session::Session as _;
use grammers_session::types::{PeerId, PeerKind};
use patience::{Looked, Patience};
use tl::functions as f;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};

use super::core::Core;
use super::doubts::{Doubts, SETTLE, Work};
use super::live::Live;
use super::runner::until;
use crate::limits::PacedCall;
use crate::seen::{Change, Seen, Top};
use crate::telegram::{CallError, DialogList};

/// There is one round in this time at most; and this is the pause after one that failed, which doubles.
const PAUSE: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(16 * 60);
/// So many seconds before nothing was missing are looked at again: Telegram's clocks are several.
const OVERLAP: i32 = 3600;

/// Looks into doubts until the session ends.
pub(super) async fn watch(core: Arc<Core>) {
    tokio::select! {
        () = core.draining.cancelled() => {}
        () = core.key_lost.cancelled() => {}
        () = look_into_doubts(&core) => {}
    }
}

async fn look_into_doubts(core: &Core) {
    let mut doubts = core.doubts.subscribe();
    let (mut free_at, mut failures) = (Instant::now(), 0_u32);
    let mut patience = Patience::default();
    loop {
        due(&mut doubts, free_at).await;
        let work = core.take_doubts();
        if work == Work::default() {
            continue;
        }
        let (again, error) = match Box::pin(look_into(core, &work, &mut patience)).await {
            Ok(Looked { failed, why: Some(error), .. }) => (Some(only(failed)), error),
            Ok(_) => {
                failures = 0;
                free_at = Instant::now() + PAUSE;
                continue;
            }
            Err(error) => (error.is_transient().then_some(work), error),
        };
        if error.is("BOT_METHOD_INVALID") {
            return stay_blind(core).await;
        }
        if let Some(again) = again {
            let pause = PAUSE.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST);
            failures += 1;
            debug!(session = %core.id, %error, ?pause, "it is looked again whether all is there");
            core.doubt_again(again, pause);
        } else {
            failures = 0;
            warn!(session = %core.id, %error, "nobody knows whether all is there");
        }
        free_at = Instant::now() + PAUSE;
    }
}

/// Waits until something is to be looked into.
async fn due(doubts: &mut watch::Receiver<Doubts>, free_at: Instant) {
    loop {
        let at = doubts.borrow_and_update().due().map(|at| at.max(free_at));
        tokio::select! {
            () = until(at) => return,
            // The core has the other end.
            _ = doubts.changed() => {}
        }
    }
}

/// What is to be looked into again where these chats could not be looked at. One that is no channel is found in the
/// list alone.
fn only(failed: Vec<PeerId>) -> Work {
    match failed.iter().all(|chat| chat.kind() == PeerKind::Channel) {
        true => Work { list: false, channels: failed },
        false => Work { list: true, channels: Vec::new() },
    }
}

/// A bot has no dialogs that it could list: what is known of it would never be asked for.
async fn stay_blind(core: &Core) {
    info!(session = %core.id, "a bot cannot be told what its updates pass over");
    core.is_blind.store(true, Ordering::Release);
    std::future::pending::<()>().await;
}

async fn look_into(core: &Core, work: &Work, patience: &mut Patience) -> Result<Looked, CallError> {
    match work.list {
        true => look_at_all(core, patience).await,
        false => look_at(core, &work.channels, patience).await,
    }
}

/// Looks at all chats.
async fn look_at_all(core: &Core, patience: &mut Patience) -> Result<Looked, CallError> {
    // Whatever is passed over from here on is not looked at here.
    let jumps = core.seen.borrow().jumps();
    let tl::enums::updates::State::State(now) = ask(core, &f::updates::GetState {}).await?;
    let list = list(core).await?;
    let (is_whole, is_cut, tops) = (list.is_whole(), list.is_cut(), list.into_tops());
    if !core.seen.borrow().holes(&tops).is_empty() {
        sleep(SETTLE).await;
    }
    let holes = core.seen.borrow().holes(&tops);
    core.learn(|seen| adopt(seen, &tops).into());
    let mut looked = Looked::default();
    for hole in holes {
        // The stream may have filled it while others were read.
        let top = Top { number: hole.numbers.1, date: None };
        let hole = core.seen.borrow().hole(hole.chat, Some(top));
        if let Some(hole) = hole {
            patience.fill(core, hole, &mut looked).await?;
            // A list that is not cut has brought all the peers that there are.
            if !is_cut && looked.unknown.pop().is_some() {
                recovery::give_up_all(core, &hole).await;
            }
        }
    }
    if !looked.unknown.is_empty() {
        // The next is not cut: it finds that it lacks a peer before it begins.
        core.doubt_all();
    }
    let all_looked = looked.failed.is_empty() && looked.unknown.is_empty();
    core.learn(|seen| match is_whole && all_looked {
        true => seen.complete(now.date, jumps).into(),
        false => {
            let at = all_looked.then_some(now.date);
            let chats = tops.iter().map(|(chat, _)| *chat).filter(|chat| looked.has(*chat));
            seen.complete_of(chats, at, jumps).into()
        }
    });
    Ok(looked)
}

/// The chats that begin where they are.
fn adopt(seen: &mut Seen, tops: &[(PeerId, Top)]) -> Vec<Change> {
    tops.iter().filter_map(|(chat, top)| seen.adopt(*chat, *top)).collect()
}

/// Looks at some channels.
async fn look_at(
    core: &Core,
    channels: &[PeerId],
    patience: &mut Patience,
) -> Result<Looked, CallError> {
    let mut looked = Looked::default();
    for &channel in channels {
        let jumps = core.seen.borrow().jumps();
        let hole = core.seen.borrow().hole(channel, None);
        if let Some(hole) = hole {
            patience.fill(core, hole, &mut looked).await?;
        }
        if looked.has(channel) {
            core.learn(|seen| seen.mend(channel, jumps).into_iter().collect::<Vec<_>>().into());
        }
    }
    if !looked.unknown.is_empty() {
        // The list knows how to ask for them, and how far they go.
        core.doubt_all();
    }
    Ok(looked)
}

/// From when on something may be new; `None` where a chat must be read of which only the list knows how to ask for it,
/// however old it is.
async fn since(core: &Core) -> Option<i32> {
    let torn: Vec<PeerId> = core.seen.borrow().torn().collect();
    for chat in torn {
        // It is in memory.
        core.credentials.session.peer_ref(chat).await.ok().flatten()?;
    }
    let whole = core.seen.borrow().whole();
    whole.complete_at?.checked_sub(OVERLAP)
}

/// The newest message of each chat in which something may be new. The session knows their peers from then on.
async fn list(core: &Core) -> Result<DialogList, CallError> {
    let mut list = DialogList::begin(since(core).await);
    while let Some(request) = list.request() {
        let answer = ask(core, request).await?;
        let peers = list.take(answer);
        // It is in memory.
        let _ = core.credentials.session.cache_peers(peers).await;
    }
    Ok(list)
}

/// One call, as soon as the account may make it; one that it made too early is made again.
async fn ask<R: tl::RemoteCall>(core: &Core, request: &R) -> Result<R::Return, CallError> {
    loop {
        while let Some(rest) = core.blocked_for() {
            sleep(rest).await;
        }
        while let Err(wait) = core.allowance.paces.take(PacedCall::History) {
            sleep(wait).await;
        }
        let answer = ask_once(core, request).await;
        if let Err(error) = &answer {
            core.notice(error);
        }
        if !matches!(answer, Err(CallError::Flood { .. })) {
            return answer;
        }
    }
}

async fn ask_once<R: tl::RemoteCall>(core: &Core, request: &R) -> Result<R::Return, CallError> {
    let lease = core.admission.lease().await;
    let lease = lease.map_err(|error| unavailable(error.to_string()))?;
    let _lease = lease.ok_or_else(|| unavailable("the session was removed".to_owned()))?;
    line(core)?.connection.call(request, core.settings.connect_timeout).await
}

/// The line, if there is one that works as far as anybody knows.
fn line(core: &Core) -> Result<Arc<Live>, CallError> {
    let live = core.live().filter(|live| !live.is_closing() && !core.is_offline());
    live.ok_or_else(|| unavailable("the session has no connection".to_owned()))
}

fn unavailable(reason: String) -> CallError {
    CallError::Unavailable { reason, maybe_executed: false }
}
