//! What a store has of an account, changed past decryption.

mod files;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::time::{Duration, SystemTime};

use grammers_session::types::{
    ChannelKind, ChannelState, DcOption, PeerAuth, PeerId, PeerInfo, UpdatesState,
};

use super::backend::FactId;
use super::facts::Facts;
use super::{AuditLine, Fact, Happened, Secret, StoredEvent, sqlite, vault};
use crate::fuzz::{Case, Random, json, mutate, run};
use crate::limits::{Allowance, Limits, Quota};
use crate::seen::{Change, How, Seen, Whole};
use crate::session::fuzz::take_up;

fn secret() -> Secret {
    Secret::passphrase("a few words".to_owned()).expect("they are some")
}

fn word(random: &mut Random) -> i32 {
    random.number() as i32
}

fn updates(random: &mut Random) -> UpdatesState {
    let channels = (0..random.below(6)).map(|_| {
        let id = if random.one_in(2) { 5001 } else { random.number() };
        ChannelState { id, pts: word(random) }
    });
    let channels = channels.collect();
    let (pts, qts) = (word(random), word(random));
    UpdatesState { pts, qts, date: word(random), seq: word(random), channels }
}

fn dc(random: &mut Random) -> DcOption {
    DcOption {
        id: word(random),
        ipv4: SocketAddrV4::new(Ipv4Addr::LOCALHOST, random.next() as u16),
        ipv6: SocketAddrV6::new(Ipv6Addr::LOCALHOST, random.next() as u16, 1, 2),
        auth_key: random.one_in(2).then(|| [random.next() as u8; 256]),
    }
}

/// Peers are valid here: those that are not come of changes.
fn peer(random: &mut Random) -> PeerInfo {
    let auth = random.one_in(2).then(|| PeerAuth::from_hash(random.number()));
    let id = random.pick(&[1, 1001, 5001, 997_852_516_352]);
    match random.below(3) {
        0 => PeerInfo::User { id, auth, bot: Some(random.one_in(2)), is_self: None },
        1 => PeerInfo::Chat { id },
        _ => PeerInfo::Channel { id, auth, kind: Some(ChannelKind::Megagroup) },
    }
}

/// What a day's work leaves behind.
fn used(random: &mut Random) -> Fact {
    let allowance = Allowance::new(&Limits::none(), Default::default(), Box::new(|_| {}));
    for _ in 0..random.below(5) {
        // Without limits all is granted.
        let posts = allowance.quotas.reserve_posts(random.next() as u32);
        posts.into_iter().for_each(|mut reserved| reserved.spend(random.next() as u32));
        let _ = allowance.quotas.reserve_chat(random.number());
        let _ = allowance.quotas.reserve_send();
    }
    Fact::used(&allowance.quotas.used())
}

/// What is known of a chat.
fn seen(random: &mut Random) -> Fact {
    let chat = random.pick(&[PeerId::user(1001), PeerId::chat(77), PeerId::channel(5001)]);
    let chat = chat.expect("they are numbers of chats");
    let mut seen = Seen::default();
    for _ in 0..1 + random.below(4) {
        let how = random.pick(&[How::Heard, How::LookedAt, How::Left]);
        let numbers = (word(random).min(40), word(random).max(0));
        seen.apply(Change::Known { chat, numbers, how });
        seen.apply(Change::Broken { chat, broken: random.one_in(2) });
    }
    Fact::seen(chat, seen.chat(chat).expect("something is known of it"))
}

/// A valid fact of any kind that is read when an account is loaded.
fn fact(random: &mut Random) -> (FactId, Vec<u8>) {
    let fact = match random.below(12) {
        0 => Fact::home(word(random), random.pick(&[1, 2, 5])),
        1 => Fact::dc(&dc(random)),
        2 => Fact::updates(&updates(random)),
        3..=4 => Fact::peer(&peer(random)),
        5 => {
            let since = Duration::from_millis(random.next() >> random.below(64));
            Fact::blocked(SystemTime::UNIX_EPOCH + since)
        }
        6 => Fact::key_lost("AUTH_KEY_UNREGISTERED"),
        7 => Fact::restricted("PEER_FLOOD"),
        8..=9 => seen(random),
        10 => {
            let complete_at = random.one_in(2).then(|| word(random));
            Fact::whole(Whole { complete_at, doubtful: random.one_in(2) })
        }
        _ => used(random),
    };
    (fact.id, fact.into_value())
}

/// Some facts with a home; each of them is read, and what they make together is used.
#[test]
fn whatever_facts_say_they_are_refused_or_make_an_account() {
    run("facts", |random| {
        let mut facts = Facts::default();
        let home = Fact::home(1, 2);
        facts.read(home.id, &home.into_value()).expect("it is valid");
        for _ in 0..1 + random.below(3) {
            let ((id, mut value), (_, other)) = (fact(random), fact(random));
            if !random.one_in(4) {
                json::change(random, &mut value, &other);
            }
            // One that is damaged is the end of it: see `Store::load`.
            if facts.read(id, &value).is_none() {
                return Case::Refused;
            }
        }
        match facts.into_account() {
            Some(account) => take_up(account, random),
            None => Case::Refused,
        }
    });
}

/// An event as it is written, or as lines of the audit were.
fn event(random: &mut Random) -> Vec<u8> {
    let file = random.one_in(2).then(|| "/tmp/room.jsonl".to_owned());
    let line = AuditLine::now(random.number(), "messages", random.number(), random.next(), file);
    let (key, name) = ("a key".to_owned(), "PEER_FLOOD".to_owned());
    let event = StoredEvent::now(match random.below(6) {
        0 => return serde_json::to_vec(&line).unwrap(),
        1 => Happened::Exported(line),
        2 => Happened::Restricted { name },
        3 => Happened::FloodWait { wait: Duration::from_secs(random.next() >> random.below(64)) },
        4 => Happened::QuotaUsedUp { quota: Quota::Sends, limit: random.next() as u32 },
        _ => Happened::OperationFailed { key, why: name },
    });
    serde_json::to_vec(&event).unwrap()
}

#[test]
fn whatever_events_say_they_are_refused_or_read() {
    run("events", |random| {
        let (mut value, other) = (event(random), event(random));
        json::change(random, &mut value, &other);
        Case::of(StoredEvent::parse(&value).map(|event| format!("{event:?}")))
    });
}

#[test]
fn what_was_sealed_is_read_as_it_was_where_it_was_and_in_no_other_way() {
    let directory = tempfile::tempdir().unwrap();
    let database = sqlite::open(directory.path()).unwrap();
    let vault = vault::make(&database, &secret(), 8, 1).unwrap();
    run("sealed facts", |random| {
        let ((id, value), (_, other)) = (fact(random), fact(random));
        let sealed = vault.seal("a0", id, &value);
        let whole = vault.open("a0", id, &sealed).expect("it was not changed");
        assert_eq!(*whole, value);
        if random.one_in(4) {
            let elsewhere = FactId { kind: id.kind ^ 1, id: id.id };
            assert!(vault.open("a0", elsewhere, &sealed).is_none(), "of another kind");
            let elsewhere = FactId { kind: id.kind, id: id.id ^ 1 };
            assert!(vault.open("a0", elsewhere, &sealed).is_none(), "of another number");
            assert!(vault.open("a1", id, &sealed).is_none(), "of another session");
        }
        let mut changed = sealed;
        if !random.one_in(8) {
            mutate::change(random, &mut changed, &vault.seal("a0", id, &other), 1);
        }
        let opened = vault.open("a0", id, &changed);
        // A change may come to none; and what another value was sealed as, in the same place, is that value.
        if let Some(opened) = &opened {
            assert!(**opened == value || **opened == other, "something else was read");
        }
        Case::of(opened)
    });
}
