//! Basic groups, as clients are told of them.

use grammers_tl_types::{enums, types};

use super::rights::{JOINED, admin_rights};
use super::values::notify_settings;
use crate::world::{BasicGroup, Role, UserId};

/// How often the list of members has changed: it does not.
const VERSION: i32 = 1;

pub(crate) fn basic_group(group: &BasicGroup, me: UserId) -> enums::Chat {
    let role = group.members.get(&me).copied();
    types::Chat {
        creator: role == Some(Role::Creator),
        left: role.is_none(),
        deactivated: false,
        call_active: false,
        call_not_empty: false,
        noforwards: false,
        id: group.id.0,
        title: group.title.clone(),
        photo: enums::ChatPhoto::Empty,
        participants_count: group.members.len() as i32,
        date: JOINED,
        version: VERSION,
        migrated_to: None,
        admin_rights: role.is_some_and(Role::is_admin).then(admin_rights),
        default_banned_rights: None,
    }
    .into()
}

pub(crate) fn basic_group_full(group: &BasicGroup) -> enums::ChatFull {
    let creator = group.members.iter().find(|(_, role)| **role == Role::Creator);
    let participant = |(user, role): (&UserId, &Role)| -> enums::ChatParticipant {
        let user_id = user.0;
        // Somebody let each of them in; where nobody made the group, they came by themselves.
        let inviter_id = creator.map_or(user_id, |(creator, _)| creator.0);
        let (date, rank) = (JOINED, None);
        match role {
            Role::Creator => types::ChatParticipantCreator { user_id, rank }.into(),
            Role::Admin => types::ChatParticipantAdmin { user_id, inviter_id, date, rank }.into(),
            // Nobody is forbidden to write in a basic group: who is banned is not in it.
            Role::Member | Role::Banned => {
                types::ChatParticipant { user_id, inviter_id, date, rank }.into()
            }
        }
    };
    types::ChatFull {
        can_set_username: false,
        has_scheduled: false,
        translations_disabled: false,
        has_welcome_messages: false,
        id: group.id.0,
        about: String::new(),
        participants: types::ChatParticipants {
            chat_id: group.id.0,
            participants: group.members.iter().map(participant).collect(),
            version: VERSION,
        }
        .into(),
        chat_photo: None,
        notify_settings: notify_settings(),
        exported_invite: None,
        bot_info: None,
        pinned_msg_id: None,
        folder_id: None,
        call: None,
        ttl_period: None,
        groupcall_default_join_as: None,
        theme_emoticon: None,
        requests_pending: None,
        recent_requesters: None,
        available_reactions: None,
        reactions_limit: None,
    }
    .into()
}
