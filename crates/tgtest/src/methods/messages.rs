use grammers_tl_types::{enums, functions as f, types};

use super::{Caller, RpcError, basic_groups, channels, refuse, user_of};
use crate::fault::whole_seconds;
use crate::journal::Sent;
use crate::tl;
use crate::world::{BasicGroupId, Channel, ChannelId, Message, Peer, UserId};

/// Telegram's limit of one page.
const MAX_PAGE: i32 = 100;
const MAX_TEXT: usize = 4096;

pub(super) fn send_message(
    caller: &mut Caller<'_>,
    arguments: &f::messages::SendMessage,
) -> Result<enums::Updates, RpcError> {
    match arguments.message.chars().count() {
        0 => return refuse(400, "MESSAGE_EMPTY"),
        n if n > MAX_TEXT => return refuse(400, "MESSAGE_TOO_LONG"),
        _ => {}
    }
    if let enums::InputPeer::Channel(peer) = &arguments.peer {
        let channel = channels::known(caller, peer.channel_id, peer.access_hash)?;
        channels::check_may_write(channel, caller.me)?;
        let id = channel.id;
        check_pace(caller, channel, arguments.random_id)?;
        accept(caller, arguments.random_id, id.0, &arguments.message)?;
        return post(caller, id, arguments);
    }
    if let enums::InputPeer::Chat(peer) = &arguments.peer {
        let Some(id) = basic_groups::joined(caller, peer.chat_id).map(|group| group.id) else {
            return refuse(400, "PEER_ID_INVALID");
        };
        accept(caller, arguments.random_id, id.0, &arguments.message)?;
        return tell(caller, id, arguments);
    }
    let Some(to) = user_of(caller, &arguments.peer) else {
        return refuse(400, "PEER_ID_INVALID");
    };
    accept(caller, arguments.random_id, to.0, &arguments.message)?;
    send(caller, to, &arguments.message)
}

/// Refuses what comes too early for the slow mode. Not what was accepted before: that it was is known at once.
fn check_pace(caller: &Caller<'_>, channel: &Channel, random_id: i64) -> Result<(), RpcError> {
    match channel.slows_down(caller.me) {
        Some(wait) if !caller.state.world.knows_random_id(caller.me, random_id) => {
            refuse(420, &format!("SLOWMODE_WAIT_{}", whole_seconds(wait)))
        }
        _ => Ok(()),
    }
}

/// Enters a message into the journal, once.
fn accept(caller: &mut Caller<'_>, random_id: i64, to: i64, text: &str) -> Result<(), RpcError> {
    if !caller.state.world.accept_random_id(caller.me, random_id) {
        return refuse(500, "RANDOM_ID_DUPLICATE");
    }
    caller.state.journal.sent.push(Sent { from: caller.me, to, text: text.to_owned() });
    Ok(())
}

fn send(caller: &mut Caller<'_>, to: UserId, text: &str) -> Result<enums::Updates, RpcError> {
    let me = caller.me;
    let Some(mine) = caller.state.world.deliver(me, Peer::User(to), me, text) else {
        return refuse(500, "MAILBOX_MISSING");
    };
    if to != me
        && let Some(theirs) = caller.state.world.deliver(to, Peer::User(me), me, text)
    {
        caller.state.push_private(to, &theirs);
    }
    Ok(tl::sent(&mine))
}

fn tell(
    caller: &mut Caller<'_>,
    id: BasicGroupId,
    arguments: &f::messages::SendMessage,
) -> Result<enums::Updates, RpcError> {
    let me = caller.me;
    let Some(told) = caller.state.world.tell(id, me, &arguments.message) else {
        return refuse(400, "PEER_ID_INVALID");
    };
    caller.state.push_told(&told);
    let world = &caller.state.world;
    let mine = told.iter().find(|(to, _)| *to == me);
    let (Some((_, mine)), Some(author)) = (mine, world.users.get(&me)) else {
        return refuse(500, "MAILBOX_MISSING");
    };
    let chats = tl::basic_groups(world, [mine].into_iter(), me);
    Ok(tl::mailbox_updates(mine, author, chats, me, Some(arguments.random_id)))
}

fn post(
    caller: &mut Caller<'_>,
    id: ChannelId,
    arguments: &f::messages::SendMessage,
) -> Result<enums::Updates, RpcError> {
    let me = caller.me;
    let Some(message) = caller.state.world.post(id, me, &arguments.message) else {
        return refuse(400, "CHANNEL_INVALID");
    };
    caller.state.push_post(id, &message);
    let world = &caller.state.world;
    let (Some(channel), Some(author)) = (world.channels.get(&id), world.users.get(&me)) else {
        return refuse(400, "CHANNEL_INVALID");
    };
    Ok(tl::channel_updates(&message, author, channel, me, Some(arguments.random_id)))
}

pub(super) fn get_history(
    caller: &mut Caller<'_>,
    arguments: &f::messages::GetHistory,
) -> Result<enums::messages::Messages, RpcError> {
    let world = &caller.state.world;
    let (all, chats): (Vec<&Message>, _) = match &arguments.peer {
        enums::InputPeer::Channel(peer) => {
            let channel = channels::known(caller, peer.channel_id, peer.access_hash)?;
            if channel.role(caller.me).is_none() && !channel.public {
                return refuse(400, "CHANNEL_PRIVATE");
            }
            (channel.messages.iter().collect(), vec![tl::channel(channel, caller.me)])
        }
        enums::InputPeer::Chat(peer) => {
            let Some(group) = basic_groups::joined(caller, peer.chat_id) else {
                return refuse(400, "PEER_ID_INVALID");
            };
            let messages = in_mailbox(caller, Peer::BasicGroup(group.id));
            (messages, vec![tl::basic_group(group, caller.me)])
        }
        peer => {
            let Some(with) = user_of(caller, peer) else {
                return refuse(400, "PEER_ID_INVALID");
            };
            (in_mailbox(caller, Peer::User(with)), Vec::new())
        }
    };
    let page: Vec<&Message> = page(&all, arguments);
    Ok(tl::messages_slice(
        all.len() as i32,
        page.iter().map(|m| tl::message(m, caller.me)).collect(),
        tl::users(world, page.iter().copied(), caller.me),
        chats,
    ))
}

/// What the caller has of a chat that has no history of its own.
fn in_mailbox<'a>(caller: &'a Caller<'_>, of: Peer) -> Vec<&'a Message> {
    let mailbox = caller.state.world.mailboxes.get(&caller.me);
    let messages = mailbox.map_or(&[][..], |mailbox| &mailbox.messages);
    messages.iter().filter(|message| message.peer == of).collect()
}

/// The part of a history that was asked for, newest first. `add_offset` moves the window from
/// `offset_id`: towards newer messages if it is negative.
fn page<'a>(all: &[&'a Message], arguments: &f::messages::GetHistory) -> Vec<&'a Message> {
    let older = match arguments.offset_id {
        0 => all.len(),
        offset => all.partition_point(|m| m.id < offset),
    };
    let end = older as i64 - i64::from(arguments.add_offset);
    let start = end - i64::from(arguments.limit.clamp(0, MAX_PAGE));
    let clamp = |i: i64| usize::try_from(i).unwrap_or(0).min(all.len());
    all[clamp(start)..clamp(end)]
        .iter()
        .rev()
        .filter(|m| arguments.max_id == 0 || m.id < arguments.max_id)
        .filter(|m| m.id > arguments.min_id)
        .copied()
        .collect()
}

pub(super) fn read_history(
    caller: &mut Caller<'_>,
    _: &f::messages::ReadHistory,
) -> Result<enums::messages::AffectedMessages, RpcError> {
    let pts = caller.state.world.mailboxes.get(&caller.me).map_or(1, |mailbox| mailbox.pts);
    Ok(types::messages::AffectedMessages { pts, pts_count: 0 }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_a_history_follow_each_other_without_gap_or_overlap() {
        let messages: Vec<_> = (1..=250)
            .map(|id| Message {
                id,
                peer: Peer::User(UserId(1)),
                from: UserId(1),
                text: String::new(),
                date: 0,
                pts: id,
            })
            .collect();
        let all: Vec<_> = messages.iter().collect();
        let ids = |offset_id, add_offset, limit, min_id| {
            let arguments = f::messages::GetHistory {
                peer: enums::InputPeer::PeerSelf,
                offset_id,
                offset_date: 0,
                add_offset,
                limit,
                max_id: 0,
                min_id,
                hash: 0,
            };
            page(&all, &arguments).iter().map(|m| m.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(0, 0, 100, 0), (151..=250).rev().collect::<Vec<_>>());
        assert_eq!(ids(151, 0, 100, 0), (51..=150).rev().collect::<Vec<_>>());
        assert_eq!(ids(51, 0, 100, 0), (1..=50).rev().collect::<Vec<_>>());
        assert_eq!(ids(1, 0, 100, 0), [0; 0]);
        // From the oldest on, as exports read.
        assert_eq!(ids(1, -100, 100, 0), (1..=100).rev().collect::<Vec<_>>());
        assert_eq!(ids(101, -100, 100, 100), (101..=200).rev().collect::<Vec<_>>());
        assert_eq!(ids(201, -100, 100, 200), (201..=250).rev().collect::<Vec<_>>());
        assert_eq!(ids(251, -100, 100, 250), [0; 0]);
        assert_eq!(ids(0, 0, 5000, 0).len(), 100);
    }
}
