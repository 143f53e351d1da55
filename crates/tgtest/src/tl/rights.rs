//! Who may do what in a channel, as clients are told.

use grammers_tl_types::{enums, types};

use crate::world::{Role, UserId};

/// When everybody joined: nobody asks.
pub(super) const JOINED: i32 = 1_700_000_000;
const FOR_EVER: i32 = i32::MAX;

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
        Role::Banned => types::ChannelParticipantBanned {
            left: false,
            peer: types::PeerUser { user_id }.into(),
            kicked_by: user_id,
            date: JOINED,
            banned_rights: banned_rights(),
            rank: None,
        }
        .into(),
    }
}

pub(super) fn admin_rights() -> enums::ChatAdminRights {
    types::ChatAdminRights {
        change_info: true,
        post_messages: true,
        edit_messages: true,
        delete_messages: true,
        ban_users: true,
        invite_users: true,
        pin_messages: true,
        add_admins: false,
        anonymous: false,
        manage_call: true,
        other: true,
        manage_topics: false,
        post_stories: false,
        edit_stories: false,
        delete_stories: false,
        manage_direct_messages: false,
        manage_ranks: false,
        manage_linked_peers: false,
        manage_welcome_messages: false,
    }
    .into()
}

/// May read, and nothing else.
pub(super) fn banned_rights() -> enums::ChatBannedRights {
    types::ChatBannedRights {
        view_messages: false,
        send_messages: true,
        send_media: true,
        send_stickers: true,
        send_gifs: true,
        send_games: true,
        send_inline: true,
        embed_links: true,
        send_polls: true,
        change_info: true,
        invite_users: true,
        pin_messages: true,
        manage_topics: true,
        send_photos: true,
        send_videos: true,
        send_roundvideos: true,
        send_audios: true,
        send_voices: true,
        send_docs: true,
        send_plain: true,
        edit_rank: true,
        send_reactions: true,
        manage_linked_peers: true,
        until_date: FOR_EVER,
    }
    .into()
}
