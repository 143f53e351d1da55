use grammers_tl_types::{enums, functions as f, types};

use super::{Caller, RpcError, refuse, user_of};
use crate::tl;
use crate::world::{Channel, ChannelId, Role, UserId};

/// Telegram's limit of one page.
const MAX_PAGE: i32 = 200;

pub(super) fn get_participant(
    caller: &mut Caller<'_>,
    arguments: &f::channels::GetParticipant,
) -> Result<enums::channels::ChannelParticipant, RpcError> {
    let channel = joined(caller, &arguments.channel)?;
    let Some(user) = user_of(caller, &arguments.participant) else {
        return refuse(400, "PARTICIPANT_ID_INVALID");
    };
    let Some(role) = channel.role(user) else {
        return refuse(400, "USER_NOT_PARTICIPANT");
    };
    Ok(types::channels::ChannelParticipant {
        participant: tl::participant(user, role, caller.me),
        chats: vec![tl::channel(channel, caller.me)],
        users: users(caller, &[user]),
    }
    .into())
}

pub(super) fn get_participants(
    caller: &mut Caller<'_>,
    arguments: &f::channels::GetParticipants,
) -> Result<enums::channels::ChannelParticipants, RpcError> {
    let channel = joined(caller, &arguments.channel)?;
    if !channel.may_list_members(caller.me) {
        return refuse(400, "CHAT_ADMIN_REQUIRED");
    }
    let offset = usize::try_from(arguments.offset).unwrap_or(0);
    let limit = usize::try_from(arguments.limit.clamp(0, MAX_PAGE)).unwrap_or(0);
    let page: Vec<_> = channel.members.iter().skip(offset).take(limit).collect();
    let mut ids: Vec<_> = page.iter().map(|(id, _)| **id).collect();
    // As on Telegram: of users there are more than of participants, here whoever promoted the admins.
    let promoter = channel.members.iter().find(|(_, role)| role.is_admin());
    ids.extend(promoter.map(|(id, _)| *id).filter(|id| !ids.contains(id)));
    Ok(types::channels::ChannelParticipants {
        count: channel.members.len() as i32,
        participants: page
            .iter()
            .map(|(id, role)| tl::participant(**id, **role, caller.me))
            .collect(),
        chats: vec![tl::channel(channel, caller.me)],
        users: users(caller, &ids),
    }
    .into())
}

pub(super) fn get_channels(
    caller: &mut Caller<'_>,
    arguments: &f::channels::GetChannels,
) -> Result<enums::messages::Chats, RpcError> {
    let found = arguments.id.iter().filter_map(|channel| input_channel(caller, channel).ok());
    let chats = found.map(|channel| tl::channel(channel, caller.me)).collect();
    Ok(types::messages::Chats { chats }.into())
}

/// The channel, if the caller knows its access hash.
pub(super) fn known<'a>(
    caller: &'a Caller<'_>,
    id: i64,
    access_hash: i64,
) -> Result<&'a Channel, RpcError> {
    match caller.state.world.channels.get(&ChannelId(id)) {
        Some(channel) if channel.access_hash == access_hash => Ok(channel),
        _ => refuse(400, "CHANNEL_INVALID"),
    }
}

/// The channel, if the caller is in it.
pub(super) fn joined<'a>(
    caller: &'a Caller<'_>,
    channel: &enums::InputChannel,
) -> Result<&'a Channel, RpcError> {
    let channel = input_channel(caller, channel)?;
    match channel.role(caller.me) {
        Some(_) => Ok(channel),
        None => refuse(400, "CHANNEL_PRIVATE"),
    }
}

/// Refuses those who may not write to the channel.
pub(super) fn check_may_write(channel: &Channel, user: UserId) -> Result<(), RpcError> {
    match channel.role(user) {
        None => refuse(400, "CHANNEL_PRIVATE"),
        Some(Role::Banned) => refuse(400, "USER_BANNED_IN_CHANNEL"),
        Some(Role::Member) if channel.broadcast => refuse(403, "CHAT_WRITE_FORBIDDEN"),
        Some(_) => Ok(()),
    }
}

fn input_channel<'a>(
    caller: &'a Caller<'_>,
    channel: &enums::InputChannel,
) -> Result<&'a Channel, RpcError> {
    match channel {
        enums::InputChannel::Channel(c) => known(caller, c.channel_id, c.access_hash),
        _ => refuse(400, "CHANNEL_INVALID"),
    }
}

fn users(caller: &Caller<'_>, ids: &[UserId]) -> Vec<enums::User> {
    let users = ids.iter().filter_map(|id| caller.state.world.users.get(id));
    users.map(|user| tl::user(user, caller.me)).collect()
}
