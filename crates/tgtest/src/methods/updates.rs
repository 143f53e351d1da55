use grammers_tl_types::{enums, functions as f, types};

use super::{Caller, RpcError, channels, refuse};
use crate::tl;
use crate::world::{Channel, Message, now};

/// After how many seconds without news a client asks again about a channel that it looks at.
const TIMEOUT: Option<i32> = Some(30);

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
    if is_too_long(caller, &new) {
        return Ok(types::updates::DifferenceTooLong { pts: mailbox.pts }.into());
    }
    Ok(types::updates::Difference {
        new_messages: new.iter().map(|m| tl::message(m, caller.me)).collect(),
        new_encrypted_messages: Vec::new(),
        other_updates: Vec::new(),
        chats: tl::basic_groups(&caller.state.world, new.iter().copied(), caller.me),
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
    let new: Vec<&Message> = channel.messages.iter().filter(|m| m.pts > arguments.pts).collect();
    let limit = usize::try_from(arguments.limit).unwrap_or(0).clamp(1, new.len().max(1));
    let Some(newest) = new.last() else {
        let pts = channel.pts;
        let empty = types::updates::ChannelDifferenceEmpty { r#final: true, pts, timeout: TIMEOUT };
        return Ok(empty.into());
    };
    if is_too_long(caller, &new) {
        return Ok(channel_too_long(caller, channel, newest, &new[new.len() - limit..]));
    }
    let page = &new[..limit];
    let is_final = page.len() == new.len();
    Ok(types::updates::ChannelDifference {
        r#final: is_final,
        pts: if is_final { channel.pts } else { page[limit - 1].pts },
        timeout: TIMEOUT,
        new_messages: page.iter().map(|m| tl::message(m, caller.me)).collect(),
        other_updates: Vec::new(),
        chats: vec![tl::channel(channel, caller.me)],
        users: tl::users(&caller.state.world, page.iter().copied(), caller.me),
    }
    .into())
}

/// Where to go on from, and the latest messages.
fn channel_too_long(
    caller: &Caller<'_>,
    channel: &Channel,
    newest: &Message,
    latest: &[&Message],
) -> enums::updates::ChannelDifference {
    types::updates::ChannelDifferenceTooLong {
        r#final: true,
        timeout: TIMEOUT,
        dialog: tl::dialog(newest, (!caller.state.too_long_without_pts).then_some(channel.pts)),
        messages: latest.iter().rev().map(|m| tl::message(m, caller.me)).collect(),
        chats: vec![tl::channel(channel, caller.me)],
        users: tl::users(&caller.state.world, latest.iter().copied(), caller.me),
    }
    .into()
}

fn is_too_long(caller: &Caller<'_>, new: &[&Message]) -> bool {
    caller.state.longest_difference.is_some_and(|longest| new.len() > longest)
}

fn state(caller: &Caller<'_>) -> enums::updates::State {
    let pts = caller.state.world.mailboxes.get(&caller.me).map_or(1, |mailbox| mailbox.pts);
    types::updates::State { pts, qts: 0, date: now(), seq: 0, unread_count: 0 }.into()
}
