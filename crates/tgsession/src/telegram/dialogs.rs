//! The list of an account's dialogs, page by page.
//!
//! Asked for with raw calls: the iterator of `grammers` panics over a dialog whose peer the answer does not have. What
//! a server says is taken for what it is: a dialog counts once, one of a number that no peer has does not count, and
//! the list ends where a page brings nothing new, or there have been more than anybody has.
//!
//! It goes by the dates of the newest messages, but for those that are pinned, which come first. So where all that is
//! older than some time is known, it ends with the first page that has nothing newer.

use std::collections::{HashMap, HashSet};

use grammers_client::tl;
use grammers_session::types::{PeerId, PeerInfo, PeerRef};
use tl::{enums, functions as f, types};

use super::peer::{chat_of, date_of, place_of};
use crate::seen::Top;
use crate::store;

/// Telegram's limit of one page.
const PAGE: i32 = 100;
/// Of more dialogs nobody keeps track.
const MOST: usize = 10_000;

/// A list that is being read.
#[derive(Debug)]
pub(crate) struct DialogList {
    /// The newest message of each chat, in the order of the list.
    tops: Vec<(PeerId, Top)>,
    known: HashSet<PeerId>,
    /// All that is older than this is known.
    since: Option<i32>,
    /// Its end was reached, or all that is behind it is known.
    is_whole: bool,
    /// What is behind it is known, and was not asked for.
    is_cut: bool,
    /// What to ask for next.
    next: Option<f::messages::GetDialogs>,
}

impl DialogList {
    /// A list of what may be newer than this; of all if `None`.
    pub(crate) fn begin(since: Option<i32>) -> Self {
        Self {
            tops: Vec::new(),
            known: HashSet::new(),
            since,
            is_whole: false,
            is_cut: false,
            next: Some(page(0, 0, None)),
        }
    }

    /// What to ask for next; nothing at the end.
    pub(crate) fn request(&self) -> Option<&f::messages::GetDialogs> {
        self.next.as_ref()
    }

    /// Whether it has all dialogs that it should have: no page ended it early.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Whether there are dialogs, of which nothing is missing, that it does not have.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }

    pub(crate) fn into_tops(self) -> Vec<(PeerId, Top)> {
        self.tops
    }

    /// Takes the answer; the peers in it, which are to be known from then on.
    pub(crate) fn take(&mut self, answer: enums::messages::Dialogs) -> Vec<PeerInfo> {
        let (slice, is_last) = match answer {
            enums::messages::Dialogs::Slice(slice) => (slice, false),
            enums::messages::Dialogs::Dialogs(all) => (whole(all), true),
            // Nothing was cached that may not have changed.
            enums::messages::Dialogs::NotModified(_) => (nothing(), true),
        };
        let peers = peers(&slice.users, &slice.chats);
        let messages = slice.messages.iter();
        let dates = messages.filter_map(|message| Some((place_of(message)?, date_of(message)?)));
        let dates: HashMap<(PeerId, i32), i32> = dates.collect();
        let before = self.tops.len();
        for dialog in &slice.dialogs {
            // Folders and communities have no messages.
            let enums::Dialog::Dialog(dialog) = dialog else { continue };
            let Some(chat) = chat_of(&dialog.peer) else { continue };
            let number = dialog.top_message;
            if self.known.insert(chat) {
                let date = dates.get(&(chat, number)).copied();
                self.tops.push((chat, Top { number, date }));
            }
        }
        self.is_cut = !is_last && self.is_old(before, &slice.dialogs);
        // A page without dialogs is behind the last.
        self.is_whole = is_last || self.is_cut || slice.dialogs.is_empty();
        let is_last =
            is_last || self.is_cut || self.tops.len() == before || self.tops.len() >= MOST;
        self.next = if is_last { None } else { self.behind(before, &peers) };
        peers
    }

    /// Whether all that comes behind a page is known: the page is, and it is not one of pinned dialogs alone. One
    /// without a date says nothing, and the next page is asked for.
    fn is_old(&self, page_begins: usize, dialogs: &[enums::Dialog]) -> bool {
        let Some(since) = self.since else { return false };
        let mut new = self.tops.iter().skip(page_begins);
        let is_unpinned = |d: &enums::Dialog| matches!(d, enums::Dialog::Dialog(d) if !d.pinned);
        new.all(|(_, top)| top.date.is_some_and(|date| date < since))
            && dialogs.iter().any(is_unpinned)
    }

    /// What comes behind the last dialog of a page of which one can say where it stands.
    fn behind(&self, page_begins: usize, peers: &[PeerInfo]) -> Option<f::messages::GetDialogs> {
        let mut from_the_last = self.tops.get(page_begins..)?.iter().rev();
        from_the_last.find_map(|(chat, top)| {
            let known = peers.iter().find(|peer| store::peer_id(peer) == Some(*chat))?;
            let peer = PeerRef { id: *chat, auth: known.auth()? };
            Some(page(top.date?, top.number, Some(peer)))
        })
    }
}

fn page(offset_date: i32, offset_id: i32, behind: Option<PeerRef>) -> f::messages::GetDialogs {
    f::messages::GetDialogs {
        // Those that are pinned stand on the first page.
        exclude_pinned: behind.is_some(),
        folder_id: None,
        offset_date,
        offset_id,
        offset_peer: behind.map_or(enums::InputPeer::Empty, Into::into),
        limit: PAGE,
        hash: 0,
    }
}

fn whole(all: types::messages::Dialogs) -> types::messages::DialogsSlice {
    let types::messages::Dialogs { dialogs, messages, chats, users } = all;
    types::messages::DialogsSlice { count: 0, dialogs, messages, chats, users }
}

fn nothing() -> types::messages::DialogsSlice {
    types::messages::DialogsSlice {
        count: 0,
        dialogs: Vec::new(),
        messages: Vec::new(),
        chats: Vec::new(),
        users: Vec::new(),
    }
}

/// The peers in an answer, each of them with a number that one can have.
fn peers(users: &[enums::User], chats: &[enums::Chat]) -> Vec<PeerInfo> {
    let users = users.iter().map(PeerInfo::from);
    let all = users.chain(chats.iter().map(PeerInfo::from));
    all.filter(|peer| store::peer_id(peer).is_some()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(user_id: i64, id: i32, date: i32) -> enums::Message {
        types::MessageService {
            out: false,
            mentioned: false,
            media_unread: false,
            reactions_are_possible: false,
            silent: false,
            post: false,
            legacy: false,
            id,
            from_id: None,
            peer_id: types::PeerUser { user_id }.into(),
            saved_peer_id: None,
            reply_to: None,
            date,
            action: enums::MessageAction::Empty,
            reactions: None,
            ttl_period: None,
        }
        .into()
    }

    fn dialog(user_id: i64, top_message: i32) -> enums::Dialog {
        let settings = types::PeerNotifySettings {
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
        };
        types::Dialog {
            pinned: false,
            unread_mark: false,
            view_forum_as_messages: false,
            peer: types::PeerUser { user_id }.into(),
            top_message,
            read_inbox_max_id: 0,
            read_outbox_max_id: 0,
            unread_count: 0,
            unread_mentions_count: 0,
            unread_reactions_count: 0,
            unread_poll_votes_count: 0,
            notify_settings: settings.into(),
            pts: None,
            draft: None,
            folder_id: None,
            ttl_period: None,
        }
        .into()
    }

    /// A page with these dialogs: users, and the numbers and dates of their messages.
    fn slice(of: &[(i64, i32, i32)]) -> enums::messages::Dialogs {
        let users = of.iter().map(|(id, ..)| types::UserEmpty { id: *id }.into());
        types::messages::DialogsSlice {
            count: 9,
            dialogs: of.iter().map(|(user, number, _)| dialog(*user, *number)).collect(),
            messages: of
                .iter()
                .map(|(user, number, date)| message(*user, *number, *date))
                .collect(),
            chats: Vec::new(),
            users: users.collect(),
        }
        .into()
    }

    #[test]
    fn a_list_ends_where_a_page_brings_nothing_new() {
        let mut list = DialogList::begin(None);
        assert_eq!(list.take(slice(&[(1, 10, 99), (2, 8, 90), (0, 7, 80), (1, 3, 9)])).len(), 3);
        // Of users without an access hash one cannot say where they stand.
        assert!(list.request().is_none());
        let told = |(chat, top): &(PeerId, Top)| (chat.bare_id(), top.number, top.date);
        let tops: Vec<_> = list.into_tops().iter().map(told).collect();
        assert_eq!(tops, [(Some(1), 10, Some(99)), (Some(2), 8, Some(90))]);
    }

    fn pinned(dialogs: enums::messages::Dialogs) -> enums::messages::Dialogs {
        let enums::messages::Dialogs::Slice(mut slice) = dialogs else { panic!("it is a slice") };
        let enums::Dialog::Dialog(first) = &mut slice.dialogs[0] else { panic!("it is a dialog") };
        first.pinned = true;
        slice.into()
    }

    #[test]
    fn a_list_ends_with_the_first_page_that_has_nothing_newer() {
        let ends = |since, page| {
            let mut list = DialogList::begin(Some(since));
            list.take(page);
            assert_eq!(list.is_cut(), list.is_whole());
            list.is_cut()
        };
        assert!(ends(100, slice(&[(1, 10, 99), (2, 8, 90)])));
        assert!(!ends(99, slice(&[(1, 10, 99), (2, 8, 90)])), "one may be new");
        assert!(ends(100, pinned(slice(&[(1, 10, 9), (2, 8, 90)]))));
        assert!(!ends(100, pinned(slice(&[(1, 10, 9)]))), "those behind the pinned may be newer");
        let mut list = DialogList::begin(Some(100));
        let mut undated = slice(&[(1, 10, 99), (2, 8, 90)]);
        if let enums::messages::Dialogs::Slice(slice) = &mut undated {
            slice.messages.pop();
        }
        list.take(undated);
        assert!(!list.is_cut(), "nobody knows how old it is");
    }

    #[test]
    fn the_next_page_begins_behind_the_last_dialog() {
        let known = |id| PeerInfo::User {
            id,
            auth: Some(grammers_session::types::PeerAuth::from_hash(3)),
            bot: None,
            is_self: None,
        };
        let mut list = DialogList::begin(None);
        list.take(slice(&[(1, 10, 99), (2, 8, 90)]));
        let next = list.behind(0, &[known(1), known(2)]).unwrap();
        assert_eq!((next.offset_date, next.offset_id, next.exclude_pinned), (90, 8, true));
        let next = list.behind(0, &[known(1)]).unwrap();
        assert_eq!((next.offset_date, next.offset_id), (99, 10), "the last that is known");
    }
}
