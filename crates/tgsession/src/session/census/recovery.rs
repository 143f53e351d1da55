//! A hole in a chat: read from its history, and filled.

use std::collections::HashSet;
use std::sync::Arc;

use grammers_client::update::Update;
use grammers_session::Session as _;
use grammers_session::types::PeerRef;
use tracing::{info, warn};

use super::super::core::Core;
use super::super::counts::Counts;
use super::{ask, line};
use crate::events::Event;
use crate::seen::Hole;
use crate::telegram::{CallError, Page, page_below};

/// What was read of a hole.
#[derive(Default)]
struct Found {
    /// With their numbers, oldest first.
    messages: Vec<(i32, Update)>,
    /// How many are given up at most, as far as one can tell.
    given_up: u64,
}

/// What became of a hole.
#[derive(Debug)]
pub(super) enum Recovered {
    /// It was looked at, or given up.
    Looked,
    /// Nobody knows how to ask for the chat, or how far it goes.
    Unknown,
}

/// Gives what is missing in a chat. What cannot be read now stays missing; what never will is given up: at the last
/// attempt, what Telegram refuses.
pub(super) async fn recover(
    core: &Core,
    mut hole: Hole,
    is_last: bool,
) -> Result<Recovered, CallError> {
    // It is in memory.
    let known = core.credentials.session.peer_ref(hole.chat).await.ok().flatten();
    let Some(chat) = known else { return Ok(Recovered::Unknown) };
    let found = read(core, chat, &mut hole, is_last).await?;
    // Of a chat of which nobody knows how far it goes, nothing is known now either.
    if hole.numbers.1 == i32::MAX {
        return Ok(Recovered::Unknown);
    }
    if hole.numbers.1 < hole.numbers.0 {
        return Ok(Recovered::Looked);
    }
    give_up(core, &hole, found.given_up);
    give(core, &hole, found.messages).await;
    Ok(Recovered::Looked)
}

/// So many messages of a hole, as far as one can tell, are not recovered.
fn give_up(core: &Core, hole: &Hole, messages: u64) {
    if messages > 0 {
        let Hole { chat, numbers, .. } = hole;
        warn!(
            session = %core.id, %chat, ?numbers, given_up = messages,
            "messages that were missed in a chat are given up: too many, or they cannot be read"
        );
        Counts::add_all(&core.counts.events_dropped, messages);
    }
}

/// Gives up all of a hole: what is in it is known from then on.
pub(super) async fn give_up_all(core: &Core, hole: &Hole) {
    if hole.numbers.1 < i32::MAX {
        give_up(core, hole, size(hole));
        give(core, hole, Vec::new()).await;
    }
}

/// How many messages a hole has at most, as far as one can tell.
fn size(hole: &Hole) -> u64 {
    match hole.since {
        // Of how far back it goes one knows nothing.
        Some(_) => 1,
        None => u64::from(hole.numbers.1.abs_diff(hole.numbers.0)) + 1,
    }
}

/// Reads a hole from its newest message on. Where it was not known how far it goes it is known then. At the last
/// attempt, what Telegram has refused ends it.
async fn read(
    core: &Core,
    chat: PeerRef,
    hole: &mut Hole,
    is_last_attempt: bool,
) -> Result<Found, CallError> {
    let most = core.settings.recover_at_most;
    let (mut newest_first, mut lost) = (Vec::new(), 0);
    let mut below = hole.numbers.1.checked_add(1);
    let (mut is_last, mut pages) = (false, 0);
    // A page may have nothing but places of messages that are gone.
    while !is_last && newest_first.len() < most && pages < most {
        pages += 1;
        let answer = match ask(core, &page_below(chat, hole, below)).await {
            Ok(answer) => answer,
            Err(error) if is_last_attempt && error.is_answer() => {
                warn!(session = %core.id, chat = %hole.chat, %error, "a chat cannot be read");
                break;
            }
            Err(error) => return Err(error),
        };
        let page = Page::of(answer, hole, below);
        if below.is_none() {
            // Nothing at all if the page is empty.
            hole.numbers.1 = page.highest().unwrap_or(hole.numbers.0 - 1);
        }
        (below, is_last) = (page.lowest(), page.is_last);
        let client = line(core)?.connection.client.clone();
        let messages = page.len();
        let updates = page.into_updates(&client, hole.chat).await?;
        lost += messages.saturating_sub(updates.len());
        newest_first.extend(updates.into_iter().rev());
    }
    let too_many = newest_first.split_off(most.min(newest_first.len()));
    let mut messages = newest_first;
    messages.reverse();
    let below_those = match messages.first() {
        _ if is_last => too_many.len() as u64,
        // Of how far back it goes one knows nothing.
        _ if hole.since.is_some() => 1 + too_many.len() as u64,
        Some((oldest, _)) => u64::from(oldest.abs_diff(hole.numbers.0)),
        None => size(hole),
    };
    Ok(Found { messages, given_up: below_those + lost as u64 })
}

/// Fills a hole with what was read: what of it was not given is given now.
///
/// The dispatcher has room for it some time: what was hard to get is not dropped, and nothing that the stream brings
/// is dropped for it. A message and the step behind it are given without a wait between them, so that a session that
/// stops meanwhile has given both or neither.
async fn give(core: &Core, hole: &Hole, messages: Vec<(i32, Update)>) {
    let numbers: Vec<i32> = messages.iter().map(|(number, _)| *number).collect();
    let mut new = HashSet::new();
    core.seen.send_if_modified(|seen| {
        new.extend(seen.fill(hole, &numbers));
        false
    });
    let mut from = hole.numbers.0;
    for (number, update) in messages {
        let event = Arc::new(Event::recovered(core.id, update));
        if new.contains(&number) && !event.is_own() {
            let place = core.place_for_recovered().await;
            Counts::add(&core.counts.events_seen);
            core.give(place, event);
        }
        core.learn(|_| vec![hole.known(from, number)].into());
        from = number.saturating_add(1);
    }
    if from <= hole.numbers.1 {
        core.learn(|_| vec![hole.known(from, hole.numbers.1)].into());
    }
    if !new.is_empty() {
        info!(session = %core.id, chat = %hole.chat, messages = new.len(), "what updates passed over was recovered");
    }
}
