//! What operations read of answers and of the store, where neither is what it should be.

use std::collections::HashSet;

use grammers_client::tl;
use grammers_session::types::{PeerAuth, PeerId, PeerRef};
use tl::{Deserializable, enums};

use super::export::{
    Checkpoint, Cursor, Export, ExportMembers, ExportMessages, FileId, Format, History, Source,
    may_export,
};
use super::keep::{Recipe, Restored, Written as _};
use super::record::Written;
use super::{Keepable, Send};
use crate::fuzz::frames::{self, changed};
use crate::fuzz::{Case, Random, json, run};
use crate::store::{Entry, Fact, parse};
use crate::telegram::Target;

/// A page as exports ask for it.
const PAGE: u32 = 100;

#[test]
fn whatever_a_page_of_messages_says_an_export_moves_forward_and_ends() {
    run("messages.Messages", |random| {
        let mut export = ExportMessages::of("room").limit(30);
        export.go_on(Cursor(random.number() as i32), random.below(40));
        let mut pages = 0;
        while export.left() > 0 {
            let Some(answer) = changed(random, frames::messages) else { break };
            let (Cursor(last), n) = (export.cursor(), u64::from(PAGE).min(export.left()) as u32);
            let Some(history) = History::of(answer) else { break };
            pages += 1;
            let page = export.move_behind(history, n);
            let rows = &page.rows;
            assert!(rows.len() <= n as usize && rows.iter().all(|post| post.id > last));
            assert!(rows.is_sorted_by(|a, b| a.id < b.id), "each once, in order");
            for format in [Format::JsonLines, Format::Csv] {
                assert_eq!(format.rows(&page.rows).is_empty(), page.rows.is_empty());
            }
            if page.is_last {
                break;
            }
            assert!(export.cursor().0 > last, "there is more, and it goes on behind it");
        }
        Case::of((pages > 0).then_some(()))
    });
}

#[test]
fn whatever_a_page_of_members_says_nobody_is_told_twice() {
    run("channels.ChannelParticipants", |random| {
        let mut export = ExportMembers::of("room");
        export.go_on(Cursor(random.number() as i32), random.next());
        let (mut pages, mut told) = (0, HashSet::new());
        for _ in 0..3 {
            let answer = changed(random, frames::participants);
            let Some(enums::channels::ChannelParticipants::Participants(page)) = answer else {
                break;
            };
            pages += 1;
            let before = export.cursor().0;
            let page = export.move_behind(page);
            assert!(page.rows.iter().all(|member| told.insert(member.user)));
            assert!(page.is_last || export.cursor().0 > before, "there is more, and it goes on");
            let _ = Format::Csv.rows(&page.rows);
        }
        Case::of((pages > 0).then_some(()))
    });
}

#[test]
fn whatever_a_participant_is_said_to_be_only_admins_may_export() {
    run("channels.ChannelParticipant", |random| {
        let answer = changed(random, frames::one_participant);
        let Some(enums::channels::ChannelParticipant::Participant(answer)) = answer else {
            return Case::Refused;
        };
        let is_admin = matches!(
            answer.participant,
            enums::ChannelParticipant::Admin(_) | enums::ChannelParticipant::Creator(_)
        );
        assert_eq!(may_export(&answer.participant), is_admin);
        Case::Accepted
    });
}

fn checkpoint(random: &mut Random) -> Vec<u8> {
    let checkpoint = Checkpoint {
        of: Export {
            path: b"/tmp/room.csv".to_vec(),
            by: random.number(),
            chat: random.number(),
            described: "messages of @room".to_owned(),
            format: random.pick(&[Format::JsonLines, Format::Csv]),
        },
        part: FileId::default(),
        cursor: Cursor(random.number() as i32),
        rows: random.next() >> random.below(64),
        bytes: random.next() >> random.below(64),
        complete: random.one_in(2),
    };
    Fact::new(Entry::Checkpoint(1), &checkpoint).into_value()
}

#[test]
fn wherever_an_export_is_said_to_have_come_it_goes_on_or_has_ended() {
    run("checkpoints", |random| {
        let (mut value, other) = (checkpoint(random), checkpoint(random));
        json::change(random, &mut value, &other);
        let Some(earlier) = parse::<Checkpoint>(&value) else { return Case::Refused };
        let mut export = ExportMessages::of("room").limit(random.pick(&[0, 1, 500, usize::MAX]));
        export.go_on(earlier.cursor, earlier.rows);
        if export.left() > 0 {
            let answer =
                enums::messages::Messages::from_bytes(&frames::messages(random).into_bytes());
            let n = u64::from(PAGE).min(export.left()) as u32;
            if let Some(history) = History::of(answer.expect("it is valid")) {
                assert!(export.move_behind(history, n).rows.len() <= n as usize);
            }
        }
        let mut members = ExportMembers::of("room");
        members.go_on(earlier.cursor, earlier.rows);
        let _ = Fact::new(Entry::Checkpoint(1), &earlier);
        Case::Accepted
    });
}

#[test]
fn whatever_a_record_of_a_send_says_it_is_refused_or_a_record() {
    run("records of sends", |random| {
        let record = |random: &mut Random| {
            let digest = [random.next() as u8; 32];
            let (random_id, sent) = (random.number(), random.one_in(2));
            let written = Written { key: "a key".to_owned(), digest, random_id, sent };
            Fact::new(Entry::Sent(1), &written).into_value()
        };
        let (mut value, other) = (record(random), record(random));
        json::change(random, &mut value, &other);
        let Some(written) = parse::<Written>(&value) else { return Case::Refused };
        let again = Fact::new(Entry::Sent(1), &written).into_value();
        let again: Written = parse(&again).expect("what was read can be written and read");
        assert_eq!((again.key, again.random_id), (written.key, written.random_id));
        Case::Accepted
    });
}

fn recipe(random: &mut Random) -> Vec<u8> {
    let id = random.pick(&[PeerId::channel(5001), PeerId::user(1), Some(PeerId::self_user())]);
    let peer = PeerRef { id: id.expect("it is one"), auth: PeerAuth::from_hash(random.number()) };
    let to = if random.one_in(2) { Target::from("friend") } else { Target::Peer(peer) };
    let recipe = match random.below(3) {
        0 => Send::new(to, "Noon.").keep("a key"),
        1 => ExportMessages::again(to, random.next()).to_file("/tmp/a", Format::Csv).keep("a key"),
        _ => ExportMembers::of(to).to_file("/tmp/b", Format::JsonLines).keep("a key"),
    };
    recipe.written().to_string().into_bytes()
}

/// As a session does that goes on with it.
fn take_up(mut operation: impl Keepable) {
    let _ = (operation.what(), operation.keep("a key"), operation.terms());
}

#[test]
fn whatever_is_kept_it_is_refused_or_an_operation() {
    run("kept operations", |random| {
        let (mut value, other) = (recipe(random), recipe(random));
        json::change(random, &mut value, &other);
        let made = parse(&value).and_then(Recipe::read).and_then(Recipe::make);
        Case::of(made.map(|made| match made {
            Restored::Send(send) => take_up(send),
            Restored::Messages(export) => take_up(export),
            Restored::Members(export) => take_up(export),
        }))
    });
}
