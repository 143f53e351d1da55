//! TL values of the world's data.

mod config;
mod rights;
mod values;

use grammers_tl_types::{Serializable, enums, types};

use crate::world::{Channel, Message, Peer, User, UserId, World, now};
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

/// The update that brings a private message to `to`, as bytes.
pub(crate) fn new_private_message(message_: &Message, sender: &User, to: UserId) -> Vec<u8> {
    let new =
        types::UpdateNewMessage { message: message(message_, to), pts: message_.pts, pts_count: 1 };
    let users = vec![user(sender, to)];
    updates(vec![new.into()], users, Vec::new(), message_.date).to_bytes()
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
    let id =
        random_id.map(|random_id| types::UpdateMessageId { id: message_.id, random_id }.into());
    let all = id.into_iter().chain([new.into()]).collect();
    updates(all, vec![user(author, me)], vec![channel(channel_, me)], message_.date)
}

/// That there is more of a channel than is told, and how far it has come, as bytes.
pub(crate) fn channel_too_long(channel: &Channel) -> Vec<u8> {
    let pts = Some(channel.pts);
    let too_long = types::UpdateChannelTooLong { channel_id: channel.id.0, pts };
    updates(vec![too_long.into()], Vec::new(), Vec::new(), now()).to_bytes()
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
        Peer::Channel(id) => types::PeerChannel { channel_id: id.0 }.into(),
    }
}
