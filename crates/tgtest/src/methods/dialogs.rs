use std::collections::HashMap;

use grammers_tl_types::{enums, functions as f, types};

use super::{Caller, RpcError, refuse, user_of};
use crate::tl;
use crate::world::{BasicGroupId, ChannelId, Message, Peer, UserId, World};

/// Telegram's limit of one page.
const MAX_PAGE: i32 = 100;

/// A chat, by its newest message; of a channel, how far it has come too.
struct Dialog<'a> {
    top: &'a Message,
    pts: Option<i32>,
}

/// Where a dialog stands in the list, in which the newest is the first: by the date of its newest message, its number,
/// and the chat.
type Place = (i32, i32, i64);

pub(super) fn get_dialogs(
    caller: &mut Caller<'_>,
    arguments: &f::messages::GetDialogs,
) -> Result<enums::messages::Dialogs, RpcError> {
    let (me, world) = (caller.me, &caller.state.world);
    if world.users.get(&me).is_some_and(|user| user.bot) {
        return refuse(400, "BOT_METHOD_INVALID");
    }
    let mut all = dialogs(world, me);
    all.sort_by_key(|dialog| std::cmp::Reverse(place(dialog.top)));
    let count = all.len();
    if let Some(behind) = offset(caller, arguments) {
        all.retain(|dialog| place(dialog.top) < behind);
    }
    let is_whole = all.len() == count;
    let limit = usize::try_from(arguments.limit.clamp(1, MAX_PAGE)).unwrap_or(1);
    let is_last = all.len() <= limit;
    all.truncate(limit);
    let tops = || all.iter().map(|dialog| dialog.top);
    let channels = tops().filter_map(|top| match top.peer {
        Peer::Channel(id) => world.channels.get(&id),
        Peer::User(_) | Peer::BasicGroup(_) => None,
    });
    let mut chats = tl::basic_groups(world, tops(), me);
    chats.extend(channels.map(|channel| tl::channel(channel, me)));
    let page = types::messages::Dialogs {
        dialogs: all.iter().map(|dialog| tl::dialog(dialog.top, dialog.pts)).collect(),
        messages: tops().map(|top| tl::message(top, me)).collect(),
        chats,
        users: tl::users(world, tops(), me),
    };
    Ok(match is_whole && is_last {
        true => page.into(),
        false => slice(count as i32, page).into(),
    })
}

/// The chats of a user in which something was said.
fn dialogs(world: &World, me: UserId) -> Vec<Dialog<'_>> {
    let mailbox = world.mailboxes.get(&me).map_or(&[][..], |mailbox| &mailbox.messages);
    // The last of each is its newest.
    let newest: HashMap<i64, &Message> =
        mailbox.iter().map(|message| (number(message.peer), message)).collect();
    let private = newest.into_values().map(|top| Dialog { top, pts: None });
    let joined = world.channels.values().filter(|channel| channel.role(me).is_some());
    let joined = joined.filter_map(|channel| {
        Some(Dialog { top: channel.messages.last()?, pts: Some(channel.pts) })
    });
    private.chain(joined).collect()
}

fn place(top: &Message) -> Place {
    (top.date, top.id, number(top.peer))
}

/// Tells chats apart, users, basic groups and channels too.
fn number(peer: Peer) -> i64 {
    match peer {
        Peer::User(UserId(id)) => id,
        Peer::BasicGroup(BasicGroupId(id)) => -id,
        // As clients write them, above all numbers of basic groups.
        Peer::Channel(ChannelId(id)) => -1_000_000_000_000 - id,
    }
}

/// The place behind which the page begins, unless it is the first.
fn offset(caller: &Caller<'_>, arguments: &f::messages::GetDialogs) -> Option<Place> {
    let chat = match &arguments.offset_peer {
        enums::InputPeer::Channel(channel) => {
            Some(number(Peer::Channel(ChannelId(channel.channel_id))))
        }
        enums::InputPeer::Chat(chat) => Some(number(Peer::BasicGroup(BasicGroupId(chat.chat_id)))),
        peer => user_of(caller, peer).map(|UserId(id)| id),
    };
    let is_first = chat.is_none() && (arguments.offset_date, arguments.offset_id) == (0, 0);
    let place = (arguments.offset_date, arguments.offset_id, chat.unwrap_or(i64::MIN));
    (!is_first).then_some(place)
}

fn slice(count: i32, page: types::messages::Dialogs) -> types::messages::DialogsSlice {
    let types::messages::Dialogs { dialogs, messages, chats, users } = page;
    types::messages::DialogsSlice { count, dialogs, messages, chats, users }
}
