use grammers_tl_types::{enums, functions as f, types};

use super::{Caller, RpcError, known_user, refuse};
use crate::tl;
use crate::world::UserId;

pub(super) fn get_users(
    caller: &mut Caller<'_>,
    arguments: &f::users::GetUsers,
) -> Result<Vec<enums::User>, RpcError> {
    let found = arguments.id.iter().filter_map(|user| input_user(caller, user));
    Ok(found
        .filter_map(|id| caller.state.world.users.get(&id))
        .map(|u| tl::user(u, caller.me))
        .collect())
}

pub(super) fn get_full_user(
    caller: &mut Caller<'_>,
    arguments: &f::users::GetFullUser,
) -> Result<enums::users::UserFull, RpcError> {
    let user = input_user(caller, &arguments.id).and_then(|id| caller.state.world.users.get(&id));
    let Some(user) = user else {
        return refuse(400, "USER_ID_INVALID");
    };
    Ok(types::users::UserFull {
        full_user: tl::user_full(user.id),
        chats: Vec::new(),
        users: vec![tl::user(user, caller.me)],
    }
    .into())
}

pub(super) fn resolve_username(
    caller: &mut Caller<'_>,
    arguments: &f::contacts::ResolveUsername,
) -> Result<enums::contacts::ResolvedPeer, RpcError> {
    let world = &caller.state.world;
    let resolved = if let Some(user) = world.user_named(&arguments.username) {
        types::contacts::ResolvedPeer {
            peer: types::PeerUser { user_id: user.id.0 }.into(),
            chats: Vec::new(),
            users: vec![tl::user(user, caller.me)],
        }
    } else if let Some(channel) = world.channel_named(&arguments.username) {
        types::contacts::ResolvedPeer {
            peer: types::PeerChannel { channel_id: channel.id.0 }.into(),
            chats: vec![tl::channel(channel, caller.me)],
            users: Vec::new(),
        }
    } else {
        return refuse(400, "USERNAME_NOT_OCCUPIED");
    };
    Ok(resolved.into())
}

fn input_user(caller: &Caller<'_>, user: &enums::InputUser) -> Option<UserId> {
    match user {
        enums::InputUser::UserSelf => Some(caller.me),
        enums::InputUser::User(u) => known_user(caller, u.user_id, u.access_hash),
        _ => None,
    }
}
