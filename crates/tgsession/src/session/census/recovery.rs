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

/// Gives what is missing in a chat. What cannot be read now stays missing; what never will is given up.
pub(super) async fn recover(core: &Core, mut hole: Hole) -> Result<(), CallError> {
    let found = match read(core, &mut hole).await {
        Ok(found) => found,
        Err(error @ (CallError::Refused { .. } | CallError::Invalid(_))) => {
            warn!(session = %core.id, chat = %hole.chat, %error, "what a chat may miss is given up");
            Found::default()
        }
        Err(error) => return Err(error),
    };
    // Of a chat of which nobody knows how far it goes, nothing is known now either.
    if hole.numbers.1 == i32::MAX || hole.numbers.1 < hole.numbers.0 {
        return Ok(());
    }
    if found.given_up > 0 {
        let Hole { chat, numbers, .. } = hole;
        warn!(
            session = %core.id, %chat, ?numbers, given_up = found.given_up,
            "too many messages were missed in a chat: the oldest are given up"
        );
        Counts::add_all(&core.counts.events_dropped, found.given_up);
    }
    give(core, &hole, found.messages).await;
    Ok(())
}

/// Reads a hole from its newest message on. Where it was not known how far it goes it is known then.
async fn read(core: &Core, hole: &mut Hole) -> Result<Found, CallError> {
    let chat = peer(core, hole).await?;
    let most = core.settings.recover_at_most;
    let mut newest_first = Vec::new();
    let mut below = hole.numbers.1.checked_add(1);
    let mut is_last = false;
    while !is_last && newest_first.len() < most {
        let answer = ask(core, &page_below(chat, hole, below)).await?;
        let page = Page::of(answer, hole, below);
        if below.is_none() {
            // Nothing at all if the page is empty.
            hole.numbers.1 = page.highest().unwrap_or(hole.numbers.0 - 1);
        }
        (below, is_last) = (page.lowest(), page.is_last);
        let client = line(core)?.connection.client.clone();
        newest_first.extend(page.into_updates(&client, hole.chat).await?.into_iter().rev());
    }
    let too_many = newest_first.split_off(most.min(newest_first.len()));
    let mut messages = newest_first;
    messages.reverse();
    let given_up = match messages.first() {
        _ if is_last => too_many.len() as u64,
        // Of how far back it goes one knows nothing.
        _ if hole.since.is_some() => 1 + too_many.len() as u64,
        Some((oldest, _)) => u64::from(oldest.abs_diff(hole.numbers.0)),
        None => u64::from(hole.numbers.1.abs_diff(hole.numbers.0)) + 1,
    };
    Ok(Found { messages, given_up })
}

/// The chat, as one asks for it.
async fn peer(core: &Core, hole: &Hole) -> Result<PeerRef, CallError> {
    // It is in memory.
    let known = core.credentials.session.peer_ref(hole.chat).await.ok().flatten();
    known.ok_or_else(|| CallError::Invalid("nobody knows how to ask for the chat".to_owned()))
}

/// Fills a hole with what was read: what of it was not given is given now.
///
/// The dispatcher has room for it some time: what was hard to get is not dropped. A message and the step behind it are
/// given without a wait between them, so that a session that stops meanwhile has given both or neither.
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
            // The core has the other end, until the session ends.
            let Ok(place) = core.events.reserve().await else { return };
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
