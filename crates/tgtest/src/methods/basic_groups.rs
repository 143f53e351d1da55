use grammers_tl_types::{enums, functions as f, types};

use super::{Caller, RpcError, refuse};
use crate::tl;
use crate::world::{BasicGroup, BasicGroupId};

pub(super) fn get_full_chat(
    caller: &mut Caller<'_>,
    arguments: &f::messages::GetFullChat,
) -> Result<enums::messages::ChatFull, RpcError> {
    let Some(group) = joined(caller, arguments.chat_id) else {
        return refuse(400, "CHAT_ID_INVALID");
    };
    let members = group.members.keys().filter_map(|id| caller.state.world.users.get(id));
    Ok(types::messages::ChatFull {
        full_chat: tl::basic_group_full(group),
        chats: vec![tl::basic_group(group, caller.me)],
        users: members.map(|user| tl::user(user, caller.me)).collect(),
    }
    .into())
}

/// The group with this number, if the caller is in it.
pub(super) fn joined<'a>(caller: &'a Caller<'_>, id: i64) -> Option<&'a BasicGroup> {
    let group = caller.state.world.basic_groups.get(&BasicGroupId(id))?;
    group.members.contains_key(&caller.me).then_some(group)
}
