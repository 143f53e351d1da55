//! TL values of the world's data.

mod basic_group;
mod config;
mod rights;
mod values;

use grammers_tl_types::{Serializable, enums, types};

use crate::world::{Channel, Message, Peer, User, UserId, World, now};
pub(crate) use basic_group::{basic_group, basic_group_full};
pub(crate) use config::{config, dc_option};
pub(crate) use rights::participant;
pub(crate) use values::{channel, dialog, message, messages_slice, sent, user, user_full};

pub(crate) fn users<'a>(
    world: &World,
    messages: impl Iterator<Item = &'a Message>,
    me: UserId,
) -> Vec<enums::User> {
    world.users_of(messages).into_iter().map(|u| user(u, me)).collect()
}

/// The basic groups that messages stand in.
pub(crate) fn basic_groups<'a>(
    world: &World,
    messages: impl Iterator<Item = &'a Message>,
    me: UserId,
) -> Vec<enums::Chat> {
    world.basic_groups_of(messages).into_iter().map(|group| basic_group(group, me)).collect()
}

/// The update that brings a message of a mailbox to `to`, as bytes.
pub(crate) fn new_private_message(
    message: &Message,
    sender: &User,
    chats: Vec<enums::Chat>,
    to: UserId,
) -> Vec<u8> {
    mailbox_updates(message, sender, chats, to, None).to_bytes()
}

/// A message of a mailbox as its author (who chose `random_id`) or somebody else sees it.
pub(crate) fn mailbox_updates(
    message_: &Message,
    sender: &User,
    chats: Vec<enums::Chat>,
    me: UserId,
    random_id: Option<i64>,
) -> enums::Updates {
    let new =
        types::UpdateNewMessage { message: message(message_, me), pts: message_.pts, pts_count: 1 };
    let all = chosen(message_, random_id).into_iter().chain([new.into()]).collect();
    updates(all, vec![user(sender, me)], chats, message_.date)
}

/// The update that brings a post to `to`, as bytes.
pub(crate) fn new_channel_message(
    message: &Message,
    author: &User,
    channel: &Channel,
    to: UserId,
    random_id: Option<i64>,
) -> Vec<u8> {
    channel_updates(message, author, channel, to, random_id).to_bytes()
}

/// A post as its author (who chose `random_id`) or another member sees it.
pub(crate) fn channel_updates(
    message_: &Message,
    author: &User,
    channel_: &Channel,
    me: UserId,
    random_id: Option<i64>,
) -> enums::Updates {
    let new = types::UpdateNewChannelMessage {
        message: message(message_, me),
        pts: message_.pts,
        pts_count: 1,
    };
    let all = chosen(message_, random_id).into_iter().chain([new.into()]).collect();
    updates(all, vec![user(author, me)], vec![channel(channel_, me)], message_.date)
}

/// That there is more of a channel than is told, and how far it has come, as bytes.
pub(crate) fn channel_too_long(channel: &Channel) -> Vec<u8> {
    let pts = Some(channel.pts);
    let too_long = types::UpdateChannelTooLong { channel_id: channel.id.0, pts };
    updates(vec![too_long.into()], Vec::new(), Vec::new(), now()).to_bytes()
}

/// Which number a message got, for whoever chose `random_id` for it.
fn chosen(message: &Message, random_id: Option<i64>) -> Option<enums::Update> {
    random_id.map(|random_id| types::UpdateMessageId { id: message.id, random_id }.into())
}

/// A post, and in one container with it that there is more of its channel than is told, as bytes.
pub(crate) fn post_too_long(
    message_: &Message,
    author: &User,
    channel_: &Channel,
    to: UserId,
) -> Vec<u8> {
    let too_long = types::UpdateChannelTooLong { channel_id: channel_.id.0, pts: None };
    let new = types::UpdateNewChannelMessage {
        message: message(message_, to),
        pts: message_.pts,
        pts_count: 1,
    };
    let all = vec![too_long.into(), new.into()];
    updates(all, vec![user(author, to)], vec![channel(channel_, to)], message_.date).to_bytes()
}

fn updates(
    updates: Vec<enums::Update>,
    users: Vec<enums::User>,
    chats: Vec<enums::Chat>,
    date: i32,
) -> enums::Updates {
    types::Updates { updates, users, chats, date, seq: 0 }.into()
}

fn peer(peer: Peer) -> enums::Peer {
    match peer {
        Peer::User(id) => types::PeerUser { user_id: id.0 }.into(),
        Peer::BasicGroup(id) => types::PeerChat { chat_id: id.0 }.into(),
        Peer::Channel(id) => types::PeerChannel { channel_id: id.0 }.into(),
    }
}
