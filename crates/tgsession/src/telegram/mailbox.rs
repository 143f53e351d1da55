//! What an update says of the mailbox that it is of.
//!
//! An account has one mailbox for its private chats and small groups, and one for each channel that it is in. Each
//! counts what happens in it (`pts`), and most of its updates say by how much it moves. So what an update weighs can
//! be compared with how far its mailbox has moved: where it has moved by more, something was passed over.

use grammers_client::tl;
use grammers_session::types::PeerId;
use tl::enums::{Message, Update};

use super::peer::{channel_of, chat_of, place_of};

/// Something that counts what happens in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mailbox {
    /// Of the account: its private chats and small groups.
    Account,
    /// Of a channel.
    Channel(PeerId),
}

/// By how much an update moves its mailbox, if it moves one.
pub(crate) fn weigh(update: &Update) -> Option<(Mailbox, i64)> {
    let (mailbox, count) = match update {
        Update::NewMessage(update) => (Mailbox::Account, moved(update.pts, update.pts_count)),
        Update::EditMessage(update) => (Mailbox::Account, update.pts_count),
        Update::DeleteMessages(update) => (Mailbox::Account, update.pts_count),
        Update::ReadHistoryInbox(update) => (Mailbox::Account, update.pts_count),
        Update::ReadHistoryOutbox(update) => (Mailbox::Account, update.pts_count),
        Update::ReadMessagesContents(update) => (Mailbox::Account, update.pts_count),
        Update::WebPage(update) => (Mailbox::Account, update.pts_count),
        Update::FolderPeers(update) => (Mailbox::Account, update.pts_count),
        Update::PinnedMessages(update) => (Mailbox::Account, update.pts_count),
        Update::NewChannelMessage(update) => {
            (of(&update.message)?, moved(update.pts, update.pts_count))
        }
        Update::EditChannelMessage(update) => (of(&update.message)?, update.pts_count),
        Update::DeleteChannelMessages(update) => {
            (Mailbox::Channel(channel_of(update.channel_id)?), update.pts_count)
        }
        Update::ChannelWebPage(update) => {
            (Mailbox::Channel(channel_of(update.channel_id)?), update.pts_count)
        }
        Update::PinnedChannelMessages(update) => {
            (Mailbox::Channel(channel_of(update.channel_id)?), update.pts_count)
        }
        _ => return None,
    };
    Some((mailbox, count.into()))
}

/// A message of a difference has no number in its mailbox, and is one.
fn moved(pts: i32, count: i32) -> i32 {
    if pts == 0 { 1 } else { count }
}

fn of(message: &Message) -> Option<Mailbox> {
    let chat = match message {
        Message::Empty(empty) => empty.peer_id.as_ref().and_then(chat_of),
        _ => place_of(message).map(|(chat, _)| chat),
    };
    chat.map(Mailbox::Channel)
}

/// The chat and the number of the message that an update brings, if it brings one.
pub(crate) fn new_message(update: &Update) -> Option<(PeerId, i32)> {
    match update {
        Update::NewMessage(update) => place_of(&update.message),
        Update::NewChannelMessage(update) => place_of(&update.message),
        _ => None,
    }
}
