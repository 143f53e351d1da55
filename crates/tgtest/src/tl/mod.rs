//! TL values of the world's data.

mod values;

use grammers_tl_types::{Serializable, enums, types};

use crate::world::{Channel, Message, Peer, Role, User, UserId, World};
use values::admin_rights;
pub(crate) use values::{
    channel, config, dc_option, dialog, message, messages_slice, sent, user, user_full,
};

/// When everybody joined: nobody asks.
const JOINED: i32 = 1_700_000_000;

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

pub(crate) fn participant(user: UserId, role: Role, me: UserId) -> enums::ChannelParticipant {
    let user_id = user.0;
    match role {
        Role::Creator => {
            types::ChannelParticipantCreator { user_id, admin_rights: admin_rights(), rank: None }
                .into()
        }
        Role::Admin => types::ChannelParticipantAdmin {
            can_edit: false,
            is_self: user == me,
            user_id,
            // Shares its flag with `is_self`.
            inviter_id: (user == me).then_some(user_id),
            promoted_by: user_id,
            date: JOINED,
            admin_rights: admin_rights(),
            rank: None,
        }
        .into(),
        Role::Member => types::ChannelParticipant {
            user_id,
            date: JOINED,
            subscription_until_date: None,
            rank: None,
        }
        .into(),
    }
}
