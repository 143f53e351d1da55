//! TL values of the world's data. The generated structs have no defaults, so every field stands here.

use grammers_tl_types::{Serializable, enums, types};

use crate::world::{Channel, Message, Peer, Role, User, UserId, World};

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

pub(crate) fn user(user: &User, me: UserId) -> enums::User {
    types::User {
        is_self: user.id == me,
        contact: false,
        mutual_contact: false,
        deleted: false,
        bot: user.bot,
        bot_chat_history: false,
        bot_nochats: false,
        verified: false,
        restricted: false,
        min: false,
        bot_inline_geo: false,
        support: false,
        scam: false,
        apply_min_photo: false,
        fake: false,
        bot_attach_menu: false,
        premium: false,
        attach_menu_enabled: false,
        bot_can_edit: false,
        close_friend: false,
        stories_hidden: false,
        stories_unavailable: false,
        contact_require_premium: false,
        bot_business: false,
        bot_has_main_app: false,
        bot_forum_view: false,
        bot_forum_can_manage_topics: false,
        bot_can_manage_bots: false,
        bot_guestchat: false,
        bot_guard: false,
        id: user.id.0,
        access_hash: Some(user.access_hash),
        first_name: Some(user.name.clone()),
        last_name: None,
        username: user.username.clone(),
        phone: None,
        photo: None,
        status: None,
        bot_info_version: user.bot.then_some(1),
        restriction_reason: None,
        bot_inline_placeholder: None,
        lang_code: None,
        emoji_status: None,
        usernames: None,
        stories_max_id: None,
        color: None,
        profile_color: None,
        bot_active_users: None,
        bot_verification_icon: None,
        send_paid_messages_stars: None,
        linked_community_id: None,
    }
    .into()
}

pub(crate) fn channel(channel: &Channel, me: UserId) -> enums::Chat {
    let role = channel.role(me);
    types::Channel {
        creator: role == Some(Role::Creator),
        left: role.is_none(),
        broadcast: channel.broadcast,
        verified: false,
        megagroup: !channel.broadcast,
        restricted: false,
        signatures: false,
        min: false,
        scam: false,
        has_link: false,
        has_geo: false,
        slowmode_enabled: false,
        call_active: false,
        call_not_empty: false,
        fake: false,
        gigagroup: false,
        noforwards: false,
        join_to_send: false,
        join_request: false,
        forum: false,
        stories_hidden: false,
        stories_hidden_min: false,
        stories_unavailable: false,
        signature_profiles: false,
        autotranslation: false,
        broadcast_messages_allowed: false,
        monoforum: false,
        forum_tabs: false,
        id: channel.id.0,
        access_hash: Some(channel.access_hash),
        title: channel.title.clone(),
        username: Some(channel.username.clone()),
        photo: enums::ChatPhoto::Empty,
        date: 0,
        restriction_reason: None,
        admin_rights: (role.is_some_and(|role| role != Role::Member)).then(admin_rights),
        banned_rights: None,
        default_banned_rights: None,
        participants_count: Some(channel.members.len() as i32),
        usernames: None,
        stories_max_id: None,
        color: None,
        profile_color: None,
        emoji_status: None,
        level: None,
        subscription_until_date: None,
        bot_verification_icon: None,
        send_paid_messages_stars: None,
        linked_monoforum_id: None,
        linked_community_id: None,
    }
    .into()
}

pub(crate) fn message(message: &Message, me: UserId) -> enums::Message {
    types::Message {
        out: message.from == me,
        mentioned: false,
        media_unread: false,
        silent: false,
        post: false,
        from_scheduled: false,
        legacy: false,
        edit_hide: false,
        pinned: false,
        noforwards: false,
        invert_media: false,
        offline: false,
        video_processing_pending: false,
        paid_suggested_post_stars: false,
        paid_suggested_post_ton: false,
        id: message.id,
        from_id: Some(types::PeerUser { user_id: message.from.0 }.into()),
        from_boosts_applied: None,
        from_rank: None,
        peer_id: peer(message.peer),
        saved_peer_id: None,
        fwd_from: None,
        via_bot_id: None,
        via_business_bot_id: None,
        guestchat_via_from: None,
        reply_to: None,
        date: message.date,
        message: message.text.clone(),
        media: None,
        reply_markup: None,
        entities: None,
        views: None,
        forwards: None,
        replies: None,
        edit_date: None,
        post_author: None,
        grouped_id: None,
        reactions: None,
        restriction_reason: None,
        ttl_period: None,
        quick_reply_shortcut_id: None,
        effect: None,
        factcheck: None,
        report_delivery_until_date: None,
        paid_message_stars: None,
        suggested_post: None,
        schedule_repeat_period: None,
        summary_from_language: None,
        rich_message: None,
    }
    .into()
}

pub(crate) fn dc_option(id: i32, ip: String, port: i32) -> enums::DcOption {
    types::DcOption {
        ipv6: false,
        media_only: false,
        tcpo_only: false,
        cdn: false,
        r#static: true,
        this_port_only: false,
        id,
        ip_address: ip,
        port,
        secret: None,
    }
    .into()
}

pub(crate) fn config(now: i32, this_dc: i32, dcs: Vec<enums::DcOption>) -> enums::Config {
    types::Config {
        default_p2p_contacts: false,
        preload_featured_stickers: false,
        revoke_pm_inbox: false,
        blocked_mode: false,
        force_try_ipv6: false,
        date: now,
        expires: now + 3600,
        test_mode: false,
        this_dc,
        dc_options: dcs,
        dc_txt_domain_name: String::new(),
        chat_size_max: 200,
        megagroup_size_max: 200000,
        forwarded_count_max: 100,
        online_update_period_ms: 0,
        offline_blur_timeout_ms: 0,
        offline_idle_timeout_ms: 0,
        online_cloud_timeout_ms: 0,
        notify_cloud_delay_ms: 0,
        notify_default_delay_ms: 0,
        push_chat_period_ms: 0,
        push_chat_limit: 0,
        edit_time_limit: 172800,
        revoke_time_limit: 0,
        revoke_pm_time_limit: 0,
        rating_e_decay: 0,
        stickers_recent_limit: 0,
        channels_read_media_period: 0,
        tmp_sessions: None,
        call_receive_timeout_ms: 0,
        call_ring_timeout_ms: 0,
        call_connect_timeout_ms: 0,
        call_packet_timeout_ms: 0,
        me_url_prefix: String::new(),
        autoupdate_url_prefix: None,
        gif_search_username: None,
        venue_search_username: None,
        img_search_username: None,
        static_maps_provider: None,
        caption_length_max: 1024,
        message_length_max: 4096,
        webfile_dc_id: 4,
        suggested_lang_code: None,
        lang_pack_version: None,
        base_lang_pack_version: None,
        reactions_default: None,
        autologin_token: None,
    }
    .into()
}

/// The answer to a private message that was sent.
pub(crate) fn sent(message: &Message) -> enums::Updates {
    types::UpdateShortSentMessage {
        out: true,
        id: message.id,
        pts: message.pts,
        pts_count: 1,
        date: message.date,
        media: None,
        entities: None,
        ttl_period: None,
    }
    .into()
}

pub(crate) fn messages_slice(
    count: i32,
    messages: Vec<enums::Message>,
    users: Vec<enums::User>,
    chats: Vec<enums::Chat>,
) -> enums::messages::Messages {
    types::messages::MessagesSlice {
        inexact: false,
        count,
        next_rate: None,
        offset_id_offset: None,
        search_flood: None,
        messages,
        topics: vec![],
        chats,
        users,
    }
    .into()
}

pub(crate) fn dialog(top: &Message, pts: Option<i32>) -> enums::Dialog {
    types::Dialog {
        pinned: false,
        unread_mark: false,
        view_forum_as_messages: false,
        peer: peer(top.peer),
        top_message: top.id,
        read_inbox_max_id: 0,
        read_outbox_max_id: 0,
        unread_count: 0,
        unread_mentions_count: 0,
        unread_reactions_count: 0,
        unread_poll_votes_count: 0,
        notify_settings: notify_settings(),
        pts,
        draft: None,
        folder_id: None,
        ttl_period: None,
    }
    .into()
}

pub(crate) fn user_full(id: UserId) -> enums::UserFull {
    types::UserFull {
        blocked: false,
        phone_calls_available: false,
        phone_calls_private: false,
        can_pin_message: false,
        has_scheduled: false,
        video_calls_available: false,
        voice_messages_forbidden: false,
        translations_disabled: false,
        stories_pinned_available: false,
        blocked_my_stories_from: false,
        wallpaper_overridden: false,
        contact_require_premium: false,
        read_dates_private: false,
        sponsored_enabled: false,
        can_view_revenue: false,
        bot_can_manage_emoji_status: false,
        display_gifts_button: false,
        noforwards_my_enabled: false,
        noforwards_peer_enabled: false,
        unofficial_security_risk: false,
        id: id.0,
        about: None,
        settings: types::PeerSettings {
            report_spam: false,
            add_contact: false,
            block_contact: false,
            share_contact: false,
            need_contacts_exception: false,
            report_geo: false,
            autoarchived: false,
            invite_members: false,
            request_chat_broadcast: false,
            business_bot_paused: false,
            business_bot_can_reply: false,
            geo_distance: None,
            request_chat_title: None,
            request_chat_date: None,
            business_bot_id: None,
            business_bot_manage_url: None,
            charge_paid_message_stars: None,
            registration_month: None,
            phone_country: None,
            name_change_date: None,
            photo_change_date: None,
        }
        .into(),
        personal_photo: None,
        profile_photo: None,
        fallback_photo: None,
        notify_settings: notify_settings(),
        bot_info: None,
        pinned_msg_id: None,
        common_chats_count: 0,
        folder_id: None,
        ttl_period: None,
        theme: None,
        private_forward_name: None,
        bot_group_admin_rights: None,
        bot_broadcast_admin_rights: None,
        wallpaper: None,
        stories: None,
        business_work_hours: None,
        business_location: None,
        business_greeting_message: None,
        business_away_message: None,
        business_intro: None,
        birthday: None,
        personal_channel_id: None,
        personal_channel_message: None,
        stargifts_count: None,
        starref_program: None,
        bot_verification: None,
        send_paid_messages_stars: None,
        disallowed_gifts: None,
        stars_rating: None,
        stars_my_pending_rating: None,
        stars_my_pending_rating_date: None,
        main_tab: None,
        saved_music: None,
        note: None,
        bot_manager_id: None,
    }
    .into()
}

fn notify_settings() -> enums::PeerNotifySettings {
    types::PeerNotifySettings {
        show_previews: None,
        silent: None,
        mute_until: None,
        ios_sound: None,
        android_sound: None,
        other_sound: None,
        stories_muted: None,
        stories_hide_sender: None,
        stories_ios_sound: None,
        stories_android_sound: None,
        stories_other_sound: None,
    }
    .into()
}

fn admin_rights() -> enums::ChatAdminRights {
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
