//! What is known of a session, as single facts: each is written by itself when it changes.

use std::time::{Duration, SystemTime};

use grammers_session::SessionData;
use grammers_session::types::{DcOption, PeerId, PeerInfo, UpdatesState};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::backend::{FactId, Kinds};
use crate::limits::Used;
use crate::seen::{Chat, Seen, Whole};

/// What a fact is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    /// The application that the account signed in with, and where the account lives.
    Home,
    /// A server, with its key if there is one.
    Dc(i32),
    /// Where its updates stand.
    Updates,
    /// Somebody whom the account knows.
    Peer(PeerId),
    /// Until when the account waits.
    Blocked,
    /// That the key is lost.
    KeyLost,
    /// What Telegram does not let the account do.
    Restricted,
    /// What was used of the day's quotas.
    Used,
    /// Which messages of a chat are known.
    Seen(PeerId),
    /// Whether something of the account may be missing.
    Whole,
}

impl Topic {
    /// The kinds of facts that are read when an account is loaded.
    pub(super) const KINDS: Kinds = 0..=31;
}

/// What operations write down, and read one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// How far an export has come, by the number of its file.
    Checkpoint(i64),
    /// What became of a message, by the number of its key.
    Sent(i64),
    /// What happened, by its number. Not a fact, but a row of the log: sealed for this place, where it was a fact once.
    Event(i64),
    /// An operation that is kept, by the number of its key. A row of the queue, as is the next.
    Operation(i64),
    /// What became of it.
    Outcome(i64),
}

impl Entry {
    pub(super) const SENT: Kinds = 33..=33;
}

impl From<Entry> for FactId {
    fn from(entry: Entry) -> Self {
        let (kind, id) = match entry {
            Entry::Checkpoint(id) => (32, id),
            Entry::Sent(id) => (33, id),
            Entry::Event(id) => (34, id),
            Entry::Operation(id) => (35, id),
            Entry::Outcome(id) => (36, id),
        };
        Self { kind, id }
    }
}

impl From<Topic> for FactId {
    fn from(topic: Topic) -> Self {
        let (kind, id) = match topic {
            Topic::Home => (1, 0),
            Topic::Dc(dc) => (2, dc.into()),
            Topic::Updates => (3, 0),
            Topic::Peer(peer) => (4, peer.bot_api_dialog_id_unchecked()),
            Topic::Blocked => (5, 0),
            Topic::KeyLost => (6, 0),
            Topic::Restricted => (7, 0),
            Topic::Used => (8, 0),
            Topic::Seen(chat) => (9, chat.bot_api_dialog_id_unchecked()),
            Topic::Whole => (10, 0),
        };
        Self { kind, id }
    }
}

/// A fact and its value; without one it is to be forgotten.
pub(crate) struct Fact {
    pub(super) id: FactId,
    pub(super) value: Option<Zeroizing<Vec<u8>>>,
}

/// The application that the account signed in with, and where the account lives.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Home {
    api_id: i32,
    dc: i32,
}

impl Fact {
    pub(crate) fn new(id: impl Into<FactId>, value: &impl Serialize) -> Self {
        Self { id: id.into(), value: Some(written(value)) }
    }

    /// That there is nothing of this any more.
    pub(crate) fn none(id: impl Into<FactId>) -> Self {
        Self { id: id.into(), value: None }
    }

    #[cfg(test)]
    pub(crate) fn into_value(self) -> Vec<u8> {
        self.value.expect("it is not to be forgotten").to_vec()
    }

    pub(crate) fn home(api_id: i32, home_dc: i32) -> Self {
        Self::new(Topic::Home, &Home { api_id, dc: home_dc })
    }

    pub(crate) fn dc(dc: &DcOption) -> Self {
        Self::new(Topic::Dc(dc.id), dc)
    }

    pub(crate) fn updates(state: &UpdatesState) -> Self {
        Self::new(Topic::Updates, state)
    }

    pub(crate) fn peer(peer: &PeerInfo) -> Self {
        Self::new(Topic::Peer(peer.id()), peer)
    }

    /// Until when the account waits: kept to the millisecond.
    pub(crate) fn blocked(until: SystemTime) -> Self {
        let since = until.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self::new(Topic::Blocked, &u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// Telegram's name of the loss of the key.
    pub(crate) fn key_lost(name: &str) -> Self {
        Self::new(Topic::KeyLost, &name)
    }

    pub(crate) fn used(used: &Used) -> Self {
        Self::new(Topic::Used, used)
    }

    /// Telegram's name of what it does not let the account do.
    pub(crate) fn restricted(name: &str) -> Self {
        Self::new(Topic::Restricted, &name)
    }

    pub(crate) fn seen(id: PeerId, chat: &Chat) -> Self {
        Self::new(Topic::Seen(id), chat)
    }

    pub(crate) fn whole(whole: Whole) -> Self {
        Self::new(Topic::Whole, &whole)
    }
}

/// All facts of an account that is signed in and was not used yet.
pub(super) fn of(session: &SessionData, api_id: i32) -> Vec<Fact> {
    let mut facts =
        vec![Fact::home(api_id, session.home_dc), Fact::updates(&session.updates_state)];
    facts.extend(session.dc_options.values().map(Fact::dc));
    facts.extend(session.peer_infos.values().map(Fact::peer));
    facts
}

/// What a store has of a session.
pub(crate) struct Account {
    pub(crate) session: SessionData,
    pub(crate) api_id: i32,
    pub(crate) held: Held,
}

/// What holds an account, and what it had come to, over restarts too.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    pub(crate) blocked_until: Option<SystemTime>,
    pub(crate) key_lost: Option<String>,
    pub(crate) restricted: Option<String>,
    pub(crate) used: Used,
    /// Which messages were handled, which is what its events go on from.
    pub(crate) seen: Seen,
}

/// Facts as they are read, one by one.
#[derive(Default)]
pub(crate) struct Facts {
    home: Option<Home>,
    dcs: Vec<DcOption>,
    peers: Vec<PeerInfo>,
    updates: UpdatesState,
    held: Held,
}

impl Facts {
    /// Takes one up; `None` if it is no such fact.
    pub(super) fn read(&mut self, id: FactId, value: &[u8]) -> Option<()> {
        match id.kind {
            1 => self.home = Some(parse(value)?),
            2 => self.dcs.push(parse(value)?),
            3 => self.updates = parse(value)?,
            4 => self.peers.push(parse(value)?),
            5 => {
                let since = Duration::from_millis(parse(value)?);
                self.held.blocked_until = SystemTime::UNIX_EPOCH.checked_add(since);
            }
            6 => self.held.key_lost = Some(parse(value)?),
            7 => self.held.restricted = Some(parse(value)?),
            8 => self.held.used = parse(value)?,
            9 => {
                let chat: Chat = parse(value)?;
                // A number that no chat has concerns none.
                if let Some(id) = PeerId::from_bot_api_dialog_id(id.id) {
                    self.held.seen.load(id, chat);
                }
            }
            10 => self.held.seen.load_whole(parse(value)?),
            // Of a newer version, which has changed nothing that this one knows.
            _ => {}
        }
        Some(())
    }

    /// The account, if its first fact was there. Peers and channels with numbers that none has are left out: a server
    /// may have said so once, and `grammers` panics over them each time.
    pub(super) fn into_account(self) -> Option<Account> {
        let Home { api_id, dc } = self.home?;
        let mut session = SessionData { home_dc: dc, ..SessionData::default() };
        session.dc_options.extend(self.dcs.into_iter().map(|dc| (dc.id, dc)));
        let peers = self.peers.into_iter().filter_map(|peer| Some((peer_id(&peer)?, peer)));
        session.peer_infos = peers.collect();
        session.updates_state = self.updates;
        session.updates_state.channels.retain(|channel| channel_id(channel.id).is_some());
        Some(Account { session, api_id, held: self.held })
    }
}

/// The number of a peer, if it is one: [`PeerInfo::id`] takes any.
pub(crate) fn peer_id(peer: &PeerInfo) -> Option<PeerId> {
    match peer {
        PeerInfo::User { id, .. } => PeerId::user(*id),
        // Of a number out of all range it computes before it looks.
        PeerInfo::Chat { id } => in_range(*id).and_then(PeerId::chat),
        PeerInfo::Channel { id, .. } => channel_id(*id),
    }
}

fn channel_id(id: i64) -> Option<PeerId> {
    in_range(id).and_then(PeerId::channel)
}

fn in_range(id: i64) -> Option<i64> {
    (1..=i64::from(u32::MAX) << 16).contains(&id).then_some(id)
}

/// As it is written: `value` is made of numbers, text, and lists and maps of them.
pub(super) fn written(value: &impl Serialize) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(serde_json::to_vec(value).expect("numbers, text and lists of them are JSON"))
}

/// The number that stands for a name in every process: two that have the same are not to be expected, and are told
/// apart by what is written there.
pub(crate) fn number_of(name: impl AsRef<[u8]>) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] = Sha256::digest(name).0;
    i64::from_le_bytes([a, b, c, d, e, f, g, h])
}

pub(crate) fn parse<T: DeserializeOwned>(value: &[u8]) -> Option<T> {
    serde_json::from_slice(value).ok()
}
