//! Answers and updates as a server sends them, in bytes: made by hand of the schema (layer 230), as the generated
//! types have no defaults. That each is valid is tested at the end.

use grammers_client::tl;
use tl::{Deserializable, Identifiable, Serializable, types};

use super::{Random, mutate};

const VECTOR: u32 = 0x1cb5_c415;

/// A value on its way to its bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frame(Vec<u8>);

impl Frame {
    fn of<T: Identifiable>() -> Self {
        Self::default().flags(T::CONSTRUCTOR_ID)
    }

    fn flags(mut self, flags: u32) -> Self {
        flags.serialize(&mut self.0);
        self
    }

    fn int(mut self, number: i32) -> Self {
        number.serialize(&mut self.0);
        self
    }

    fn long(mut self, number: i64) -> Self {
        number.serialize(&mut self.0);
        self
    }

    fn text(mut self, text: &str) -> Self {
        text.to_owned().serialize(&mut self.0);
        self
    }

    fn then(mut self, value: &Self) -> Self {
        self.0.extend_from_slice(&value.0);
        self
    }

    fn list(self, values: &[Self]) -> Self {
        let begun = self.flags(VECTOR).flags(values.len() as u32);
        values.iter().fold(begun, Self::then)
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// A frame that was changed, if it still is one of this type.
pub(crate) fn changed<T: Deserializable>(
    random: &mut Random,
    make: fn(&mut Random) -> Frame,
) -> Option<T> {
    let (mut frame, other) = (make(random).into_bytes(), make(random).into_bytes());
    mutate::change(random, &mut frame, &other, 4);
    T::from_bytes(&frame).ok()
}

fn small(random: &mut Random) -> i32 {
    random.below(40) as i32
}

fn some(random: &mut Random, make: impl Fn(&mut Random) -> Frame) -> Vec<Frame> {
    (0..random.below(4)).map(|_| make(random)).collect()
}

fn empty(list: Frame) -> Frame {
    list.list(&[])
}

fn peer(random: &mut Random) -> Frame {
    match random.below(3) {
        0 => Frame::of::<types::PeerUser>().long(1001),
        1 => Frame::of::<types::PeerChat>().long(77),
        _ => Frame::of::<types::PeerChannel>().long(5001),
    }
}

fn user(random: &mut Random) -> Frame {
    if random.one_in(8) {
        return Frame::of::<types::UserEmpty>().long(1002);
    }
    // Itself perhaps; with an access hash, a first name and a user name.
    let is_self = u32::from(random.one_in(2)) << 10;
    Frame::of::<types::User>()
        .flags(is_self | 0b1011)
        .flags(0)
        .long(1001 + i64::from(small(random)))
        .long(7)
        .text("Alice")
        .text("alice")
}

fn chat(random: &mut Random) -> Frame {
    let photo = Frame::of::<types::ChatPhotoEmpty>();
    match random.below(3) {
        0 => {
            let chat = Frame::of::<types::Chat>().flags(0).long(77).text("few");
            chat.then(&photo).int(3).int(0).int(1)
        }
        1 => Frame::of::<types::ChannelForbidden>().flags(1 << 8).long(5002).long(8).text("shut"),
        // A group with a user name and an access hash.
        _ => {
            let channel = Frame::of::<types::Channel>().flags(1 << 6 | 1 << 8 | 1 << 13).flags(0);
            channel.long(5001).long(9).text("Room").text("room").then(&photo).int(0)
        }
    }
}

fn message(random: &mut Random) -> Frame {
    let (id, author) = (small(random), Frame::of::<types::PeerUser>().long(1001));
    match random.below(5) {
        0 => Frame::of::<types::MessageEmpty>().flags(1).int(id).then(&peer(random)),
        1 => {
            let service = Frame::of::<types::MessageService>().flags(1 << 8).int(id).then(&author);
            service
                .then(&peer(random))
                .int(1_700_000_000)
                .flags(types::MessageActionEmpty::CONSTRUCTOR_ID)
        }
        // With an author; perhaps its own, with views.
        _ => {
            let out = u32::from(random.one_in(4)) << 1;
            let viewed = random.one_in(2);
            let flags = out | 1 << 8 | u32::from(viewed) << 10;
            let message = Frame::of::<types::Message>().flags(flags).flags(0).int(id);
            let said = message.then(&author).then(&peer(random)).int(1_700_000_000).text("hello");
            if viewed { said.int(5).int(6) } else { said }
        }
    }
}

fn participant(random: &mut Random) -> Frame {
    let rights = |id: u32| Frame::default().flags(id).flags(0b1111);
    let user = 1001 + i64::from(small(random));
    match random.below(6) {
        0 => Frame::of::<types::ChannelParticipantSelf>().flags(0).long(user).long(1).int(0),
        1 => {
            let creator = Frame::of::<types::ChannelParticipantCreator>().flags(0).long(user);
            creator.then(&rights(types::ChatAdminRights::CONSTRUCTOR_ID))
        }
        2 => {
            let admin = Frame::of::<types::ChannelParticipantAdmin>().flags(0).long(user).long(1);
            admin.int(0).then(&rights(types::ChatAdminRights::CONSTRUCTOR_ID))
        }
        3 => {
            let banned =
                Frame::of::<types::ChannelParticipantBanned>().flags(0).then(&peer(random));
            let banned = banned.long(1).int(0);
            banned.then(&rights(types::ChatBannedRights::CONSTRUCTOR_ID).int(i32::MAX))
        }
        4 => Frame::of::<types::ChannelParticipantLeft>().then(&peer(random)),
        _ => Frame::of::<types::ChannelParticipant>().flags(0).long(user).int(0),
    }
}

fn update(random: &mut Random) -> Frame {
    let pts = 10 + small(random);
    match random.below(6) {
        0 => Frame::of::<types::UpdateNewMessage>().then(&message(random)).int(pts).int(1),
        1 => Frame::of::<types::UpdateNewChannelMessage>().then(&message(random)).int(pts).int(1),
        2 => Frame::of::<types::UpdateEditMessage>().then(&message(random)).int(pts).int(1),
        3 => {
            let ids = [Frame::default().int(1), Frame::default().int(2)];
            Frame::of::<types::UpdateDeleteMessages>().list(&ids).int(pts).int(2)
        }
        4 => Frame::of::<types::UpdateChannelTooLong>().flags(1).long(5001).int(pts),
        _ => Frame::of::<types::UpdateMessageId>().int(1).long(7),
    }
}

/// Lists of chats and of users, as most answers end.
fn peers(frame: Frame, random: &mut Random) -> Frame {
    frame.list(&some(random, chat)).list(&some(random, user))
}

/// `Vector<User>`
pub(crate) fn users(random: &mut Random) -> Frame {
    match random.one_in(3) {
        true => Frame::default().list(&some(random, user)),
        false => Frame::default().list(&[user(random)]),
    }
}

/// `messages.Messages`
pub(crate) fn messages(random: &mut Random) -> Frame {
    let begun = match random.below(8) {
        0 => return Frame::of::<types::messages::MessagesNotModified>().int(3),
        1 => Frame::of::<types::messages::Messages>(),
        2..=4 => Frame::of::<types::messages::ChannelMessages>().flags(0).int(9).int(250),
        _ => Frame::of::<types::messages::MessagesSlice>().flags(0).int(250),
    };
    peers(empty(begun.list(&some(random, message))), random)
}

/// With a top message, what was read and is unread; and how far a channel has come.
fn dialog(random: &mut Random) -> Frame {
    let settings = Frame::of::<types::PeerNotifySettings>().flags(0);
    match random.below(8) {
        0 => Frame::of::<types::DialogCommunity>().flags(0).long(5003).then(&settings),
        1 => {
            let folder = Frame::of::<types::Folder>().flags(0).int(1).text("old");
            let begun = Frame::of::<types::DialogFolder>().flags(0).then(&folder);
            (0..4).fold(begun.then(&peer(random)).int(small(random)), Frame::int)
        }
        _ => {
            let begun = Frame::of::<types::Dialog>().flags(1).then(&peer(random));
            (0..6).fold(begun.int(small(random)), Frame::int).then(&settings).int(60)
        }
    }
}

/// `messages.Dialogs`
pub(crate) fn dialogs(random: &mut Random) -> Frame {
    let begun = match random.below(8) {
        0 => return Frame::of::<types::messages::DialogsNotModified>().int(3),
        1..=2 => Frame::of::<types::messages::Dialogs>(),
        _ => Frame::of::<types::messages::DialogsSlice>().int(250),
    };
    peers(begun.list(&some(random, dialog)).list(&some(random, message)), random)
}

/// `channels.ChannelParticipants`
pub(crate) fn participants(random: &mut Random) -> Frame {
    if random.one_in(16) {
        return Frame::of::<types::channels::ChannelParticipantsNotModified>();
    }
    let begun = Frame::of::<types::channels::ChannelParticipants>().int(300);
    peers(begun.list(&some(random, participant)), random)
}

/// `channels.ChannelParticipant`
pub(crate) fn one_participant(random: &mut Random) -> Frame {
    let begun = Frame::of::<types::channels::ChannelParticipant>().then(&participant(random));
    peers(begun, random)
}

/// `contacts.ResolvedPeer`
pub(crate) fn resolved(random: &mut Random) -> Frame {
    peers(Frame::of::<types::contacts::ResolvedPeer>().then(&peer(random)), random)
}

/// `updates.State`
pub(crate) fn state(random: &mut Random) -> Frame {
    let state = Frame::of::<types::updates::State>();
    (0..5).fold(state, |state, _| state.int(small(random)))
}

/// `updates.Difference`
pub(crate) fn difference(random: &mut Random) -> Frame {
    let begun = match random.below(8) {
        0 => return Frame::of::<types::updates::DifferenceEmpty>().int(1_700_000_000).int(1),
        1 => return Frame::of::<types::updates::DifferenceTooLong>().int(90),
        2 => Frame::of::<types::updates::DifferenceSlice>(),
        _ => Frame::of::<types::updates::Difference>(),
    };
    let told = empty(begun.list(&some(random, message))).list(&some(random, update));
    let told = peers(told, random);
    told.then(&state(random))
}

/// `updates.ChannelDifference`
pub(crate) fn channel_difference(random: &mut Random) -> Frame {
    // The last one, with a time after which to ask again.
    let begun = match random.below(6) {
        0 => return Frame::of::<types::updates::ChannelDifferenceEmpty>().flags(3).int(9).int(30),
        1 => {
            let settings = Frame::of::<types::PeerNotifySettings>().flags(0);
            let dialog = Frame::of::<types::Dialog>().flags(1).then(&peer(random));
            // The top message, what was read and is unread; and where to go on from.
            let dialog = (0..6).fold(dialog.int(40), Frame::int).then(&settings).int(60);
            Frame::of::<types::updates::ChannelDifferenceTooLong>().flags(3).int(30).then(&dialog)
        }
        _ => {
            let begun = Frame::of::<types::updates::ChannelDifference>().flags(3).int(9).int(30);
            let told = begun.list(&some(random, message)).list(&some(random, update));
            return peers(told, random);
        }
    };
    peers(begun.list(&some(random, message)), random)
}

/// `Updates`
pub(crate) fn updates(random: &mut Random) -> Frame {
    let date = 1_700_000_000;
    match random.below(8) {
        0 => Frame::of::<types::UpdatesTooLong>(),
        1 => Frame::of::<types::UpdateShort>().then(&update(random)).int(date),
        2 => {
            let short = Frame::of::<types::UpdateShortMessage>().flags(0).int(3).long(1001);
            short.text("hi").int(10 + small(random)).int(1).int(date)
        }
        3 => {
            let list = Frame::of::<types::UpdatesCombined>().list(&some(random, update));
            let list = list.list(&some(random, user)).list(&some(random, chat));
            list.int(date).int(small(random)).int(small(random))
        }
        _ => {
            let list = Frame::of::<types::Updates>().list(&some(random, update));
            let list = list.list(&some(random, user)).list(&some(random, chat));
            list.int(date).int(0)
        }
    }
}

/// `RpcError`
pub(crate) fn error(random: &mut Random) -> Frame {
    const NAMES: [&str; 12] = [
        "FLOOD_WAIT_31",
        "FLOOD_WAIT_4294967295",
        "FLOOD_WAIT_0",
        "FLOOD_PREMIUM_WAIT_7",
        "SLOWMODE_WAIT_4294967295",
        "SLOWMODE_WAIT_5",
        "PEER_FLOOD",
        "AUTH_KEY_DUPLICATED",
        "RANDOM_ID_DUPLICATE",
        "INTERDC_2_CALL_ERROR",
        "CHAT_WRITE_FORBIDDEN",
        "",
    ];
    let code = random.pick(&[400, 401, 403, 406, 420, 420, 420, 500, -503]);
    Frame::of::<types::RpcError>().int(code).text(random.pick(&NAMES))
}

#[test]
fn every_frame_is_valid_before_it_is_changed() {
    use tl::enums;

    fn check<T: Deserializable>(name: &str, make: fn(&mut Random) -> Frame) {
        for case in 0..300 {
            let bytes = make(&mut Random::of(1, case)).into_bytes();
            let mut cursor = tl::Cursor::from_slice(&bytes);
            let read = T::deserialize(&mut cursor).err();
            assert_eq!((read, cursor.pos()), (None, bytes.len()), "{name}, case {case}");
        }
    }
    check::<Vec<enums::User>>("users.User", users);
    check::<enums::messages::Messages>("messages.Messages", messages);
    check::<enums::messages::Dialogs>("messages.Dialogs", dialogs);
    check::<enums::channels::ChannelParticipants>("channels.ChannelParticipants", participants);
    check::<enums::channels::ChannelParticipant>("channels.ChannelParticipant", one_participant);
    check::<enums::contacts::ResolvedPeer>("contacts.ResolvedPeer", resolved);
    check::<enums::updates::State>("updates.State", state);
    check::<enums::updates::Difference>("updates.Difference", difference);
    check::<enums::updates::ChannelDifference>("updates.ChannelDifference", channel_difference);
    check::<enums::Updates>("Updates", updates);
    check::<enums::RpcError>("RpcError", error);
}
