//! What was said in a chat, page by page from the newest message on, as the events that the stream would have brought.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use grammers_client::update::Update;
use grammers_client::{Client, tl};
use grammers_mtsender::UpdatesConfiguration;
use grammers_session::types::{PeerId, PeerInfo, PeerKind, PeerRef};
use grammers_session::updates::UpdatesLike;
use tl::{enums, functions as f, types};
use tokio::sync::mpsc;

use super::CallError;
use super::peer::{channel_of, chat_of, date_of, place_of};
use crate::seen::Hole;
use crate::store;

/// Telegram's limit of one page.
const PAGE: i32 = 100;

/// Asks for the page of a hole that ends below this number; for the newest if there is none. The message before the
/// hole is asked for too: where it comes, there is nothing more to ask for, whatever the numbers between belong to.
pub(crate) fn page_below(
    chat: PeerRef,
    hole: &Hole,
    below: Option<i32>,
) -> f::messages::GetHistory {
    f::messages::GetHistory {
        peer: chat.into(),
        offset_id: below.unwrap_or(0),
        offset_date: 0,
        add_offset: 0,
        limit: PAGE,
        max_id: 0,
        min_id: hole.numbers.0.saturating_sub(2).max(0),
        hash: 0,
    }
}

/// A page of a hole.
#[derive(Debug)]
pub(crate) struct Page {
    /// Newest first.
    messages: Vec<enums::Message>,
    users: Vec<enums::User>,
    chats: Vec<enums::Chat>,
    /// The numbers of its newest and its oldest place; in some of them there is no message any more.
    places: Option<(i32, i32)>,
    /// There is nothing of the hole below it.
    pub(crate) is_last: bool,
}

impl Page {
    /// What an answer has of a hole, below this number. Whatever a server says, each page is below the one before it.
    pub(crate) fn of(answer: enums::messages::Messages, hole: &Hole, below: Option<i32>) -> Self {
        use enums::messages::Messages;
        let (messages, users, chats, is_all) = match answer {
            Messages::Messages(all) => (all.messages, all.users, all.chats, true),
            Messages::Slice(slice) => {
                let is_all = !slice.inexact && has_all(&slice.messages, slice.count);
                (slice.messages, slice.users, slice.chats, is_all)
            }
            Messages::ChannelMessages(slice) => {
                let is_all = !slice.inexact && has_all(&slice.messages, slice.count);
                (slice.messages, slice.users, slice.chats, is_all)
            }
            // Nothing was cached that may not have changed.
            Messages::NotModified(_) => (Vec::new(), Vec::new(), Vec::new(), true),
        };
        let mut page = Self { messages, users, chats, places: None, is_last: is_all };
        page.keep(hole, below);
        page
    }

    fn keep(&mut self, hole: &Hole, below: Option<i32>) {
        let (from, to) = hole.numbers;
        let is_before = |message: &enums::Message| {
            let number = message.id();
            number > 0 && number < from && may_be_of(message, hole.chat)
        };
        self.is_last |= self.messages.iter().any(is_before);
        self.messages.retain(|message| {
            let number = message.id();
            let is_in_it = number > 0 && (from..=to).contains(&number);
            is_in_it && below.is_none_or(|below| number < below) && may_be_of(message, hole.chat)
        });
        self.messages.sort_unstable_by_key(|message| std::cmp::Reverse(message.id()));
        self.messages.dedup_by_key(|message| message.id());
        let ends = self.messages.first().zip(self.messages.last());
        self.places = ends.map(|(newest, oldest)| (newest.id(), oldest.id()));
        self.is_last |= self.lowest().is_none_or(|lowest| lowest <= from);
        self.messages.retain(|message| place_of(message).is_some());
        let before = self.messages.len();
        let since = self.since(hole);
        self.messages.retain(|message| since <= date_of(message));
        self.is_last |= self.messages.len() < before;
        self.users.retain(|user| store::peer_id(&PeerInfo::from(user)).is_some());
        self.chats.retain(|chat| store::peer_id(&PeerInfo::from(chat)).is_some());
    }

    /// From when on a message is the session's: not from before the account was in the channel, nor at all if it left.
    fn since(&self, hole: &Hole) -> Option<i32> {
        let channel = self.chats.iter().find_map(|chat| match chat {
            enums::Chat::Channel(channel) if channel_of(channel.id) == Some(hole.chat) => {
                Some(channel)
            }
            _ => None,
        });
        match channel {
            Some(channel) if channel.left => Some(i32::MAX),
            Some(channel) => hole.since.max(Some(channel.date)),
            None => hole.since,
        }
    }

    /// How many messages it has.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// The number of its oldest place.
    pub(crate) fn lowest(&self) -> Option<i32> {
        self.places.map(|(_, lowest)| lowest)
    }

    /// The number of its newest place.
    pub(crate) fn highest(&self) -> Option<i32> {
        self.places.map(|(highest, _)| highest)
    }

    /// Its messages as updates, oldest first, each with its number: as `grammers` makes them of a difference. Those
    /// that it panics over are not among them.
    ///
    /// It makes them with all that belongs to them, the names of their authors too, only where they come through a
    /// stream. So this is one, of a single batch, whose numbers are those of a difference: none.
    ///
    /// # Errors
    /// If there is no stream.
    pub(crate) async fn into_updates(
        self,
        client: &Client,
        chat: PeerId,
    ) -> Result<Vec<(i32, Update)>, CallError> {
        let Self { messages, users, chats, .. } = self;
        let all: Vec<_> = messages.into_iter().rev().map(|message| new(message, chat)).collect();
        let batch = |updates| {
            let (users, chats) = (users.clone(), chats.clone());
            AssertUnwindSafe(through_a_stream(client, updates, users, chats)).catch_unwind()
        };
        if let Ok(updates) = batch(all.clone()).await {
            return updates;
        }
        // Over one of them, most likely.
        let mut updates = Vec::new();
        for one in all {
            if let Ok(update) = batch(vec![one]).await {
                updates.extend(update?);
            }
        }
        Ok(updates)
    }
}

/// Whether these are as many as the chat has.
fn has_all(messages: &[enums::Message], count: i32) -> bool {
    usize::try_from(count).is_ok_and(|count| 0 < count && count <= messages.len())
}

/// Whether a message is of a chat, or the place of one that may have been.
fn may_be_of(message: &enums::Message, chat: PeerId) -> bool {
    match message {
        enums::Message::Empty(empty) => {
            empty.peer_id.as_ref().is_none_or(|peer| chat_of(peer) == Some(chat))
        }
        _ => place_of(message).is_some_and(|(place, _)| place == chat),
    }
}

fn new(message: enums::Message, chat: PeerId) -> enums::Update {
    let (pts, pts_count) = (0, 0);
    match chat.kind() {
        PeerKind::Channel => types::UpdateNewChannelMessage { message, pts, pts_count }.into(),
        PeerKind::User | PeerKind::Chat => {
            types::UpdateNewMessage { message, pts, pts_count }.into()
        }
    }
}

async fn through_a_stream(
    client: &Client,
    updates: Vec<enums::Update>,
    users: Vec<enums::User>,
    chats: Vec<enums::Chat>,
) -> Result<Vec<(i32, Update)>, CallError> {
    let batch = types::Updates { updates, users, chats, date: 0, seq: 0 };
    let (to, updates) = mpsc::channel(1);
    // There is room for it, and there comes nothing more.
    let _ = to.try_send(UpdatesLike::Updates(batch.into()));
    drop(to);
    let configuration = UpdatesConfiguration { catch_up: false };
    let stream = client.stream_updates(updates, configuration).await;
    let mut stream = stream.map_err(|error| CallError::Invalid(error.to_string()))?;
    let mut all = Vec::new();
    while let Ok(update) = stream.next().await {
        if let Update::NewMessage(message) = &update {
            all.push((message.id(), update));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRIEND: i64 = 7;

    fn place(user_id: i64, id: i32) -> enums::Message {
        types::MessageEmpty { id, peer_id: Some(types::PeerUser { user_id }.into()) }.into()
    }

    /// A page of places, of a chat with so many messages.
    fn page(places: &[(i64, i32)], count: i32, from: i32) -> Page {
        let answer = types::messages::MessagesSlice {
            inexact: false,
            count,
            next_rate: None,
            offset_id_offset: None,
            search_flood: None,
            messages: places.iter().map(|(user, id)| place(*user, *id)).collect(),
            topics: Vec::new(),
            chats: Vec::new(),
            users: Vec::new(),
        };
        let chat = PeerId::user(FRIEND).unwrap();
        let hole = Hole { chat, numbers: (from, 30), since: None };
        Page::of(answer.into(), &hole, Some(31))
    }

    #[test]
    fn a_page_is_the_last_if_it_comes_to_what_is_known_or_has_all_there_is() {
        let first = page(&[(FRIEND, 30), (FRIEND, 25)], 9, 21);
        assert!(!first.is_last, "there may be more from 21 to 24");
        assert_eq!((first.highest(), first.lowest()), (Some(30), Some(25)));
        let known = page(&[(FRIEND, 30), (FRIEND, 25), (FRIEND, 20)], 9, 21);
        assert!(known.is_last);
        assert_eq!(known.lowest(), Some(25), "what is known is not of the hole");
        assert!(page(&[(FRIEND, 30), (FRIEND, 25)], 2, 1).is_last);
        assert!(!page(&[(FRIEND, 30), (FRIEND, 25), (8, 20)], 9, 21).is_last, "it is another's");
    }
}
