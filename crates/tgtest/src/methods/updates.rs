use grammers_tl_types::{enums, functions as f, types};

use super::{Caller, RpcError, channels, refuse};
use crate::tl;
use crate::world::{Message, now};

pub(super) fn get_state(
    caller: &mut Caller<'_>,
    _: &f::updates::GetState,
) -> Result<enums::updates::State, RpcError> {
    Ok(state(caller))
}

pub(super) fn get_difference(
    caller: &mut Caller<'_>,
    arguments: &f::updates::GetDifference,
) -> Result<enums::updates::Difference, RpcError> {
    let Some(mailbox) = caller.state.world.mailboxes.get(&caller.me) else {
        return refuse(500, "MAILBOX_MISSING");
    };
    let new: Vec<&Message> = mailbox.messages.iter().filter(|m| m.pts > arguments.pts).collect();
    if new.is_empty() {
        return Ok(types::updates::DifferenceEmpty { date: now(), seq: 0 }.into());
    }
    Ok(types::updates::Difference {
        new_messages: new.iter().map(|m| tl::message(m, caller.me)).collect(),
        new_encrypted_messages: Vec::new(),
        other_updates: Vec::new(),
        chats: Vec::new(),
        users: tl::users(&caller.state.world, new.iter().copied(), caller.me),
        state: state(caller),
    }
    .into())
}

pub(super) fn get_channel_difference(
    caller: &mut Caller<'_>,
    arguments: &f::updates::GetChannelDifference,
) -> Result<enums::updates::ChannelDifference, RpcError> {
    let channel = channels::joined(caller, &arguments.channel)?;
    let new: Vec<&Message> = channel
        .messages
        .iter()
        .filter(|m| m.pts > arguments.pts)
        .take(usize::try_from(arguments.limit).unwrap_or(0).max(1))
        .collect();
    let Some(last) = new.last() else {
        let pts = arguments.pts.max(1);
        let empty =
            types::updates::ChannelDifferenceEmpty { r#final: true, pts, timeout: Some(30) };
        return Ok(empty.into());
    };
    Ok(types::updates::ChannelDifference {
        r#final: last.pts == channel.pts,
        pts: last.pts,
        timeout: Some(30),
        new_messages: new.iter().map(|m| tl::message(m, caller.me)).collect(),
        other_updates: Vec::new(),
        chats: vec![tl::channel(channel, caller.me)],
        users: tl::users(&caller.state.world, new.iter().copied(), caller.me),
    }
    .into())
}

fn state(caller: &Caller<'_>) -> enums::updates::State {
    let pts = caller.state.world.mailboxes.get(&caller.me).map_or(1, |mailbox| mailbox.pts);
    types::updates::State { pts, qts: 0, date: now(), seq: 0, unread_count: 0 }.into()
}
