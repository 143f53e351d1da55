use super::*;

const NOW: i32 = 1_700_000_000;

fn friend() -> PeerId {
    PeerId::user(7).expect("it is a number of users")
}

fn room() -> PeerId {
    PeerId::channel(5001).expect("it is a number of channels")
}

fn top(number: i32) -> Top {
    Top { number, date: Some(NOW) }
}

/// Hears messages as one batch; the steps that it makes.
fn batch(seen: &mut Seen, chat: PeerId, numbers: &[i32]) -> Vec<Change> {
    assert!(numbers.iter().all(|number| seen.hear(chat, *number)), "each is new");
    numbers.iter().map(|number| seen.join(chat, *number)).collect()
}

/// An account that was listed, with these chats.
fn listed(chats: &[(PeerId, i32)]) -> Seen {
    let mut seen = Seen::default();
    for (chat, number) in chats {
        seen.adopt(*chat, top(*number)).expect("nothing is known of it");
    }
    seen.complete(NOW, 0);
    seen
}

fn missing(seen: &Seen, chat: PeerId, number: i32) -> Option<Range> {
    seen.hole(chat, Some(top(number))).map(|hole| hole.numbers)
}

#[test]
fn what_comes_in_a_row_leaves_no_hole_whatever_its_numbers_are() {
    let mut seen = listed(&[(friend(), 10), (room(), 250)]);
    batch(&mut seen, friend(), &[14, 19]);
    batch(&mut seen, friend(), &[30]);
    assert_eq!(missing(&seen, friend(), 30), None);
    assert_eq!(missing(&seen, friend(), 33), Some((31, 33)));
    assert_eq!(missing(&seen, room(), 250), None);
    let young = PeerId::user(8).unwrap();
    batch(&mut seen, young, &[40]);
    assert_eq!(missing(&seen, young, 40), None, "it is as old as its first message");
}

#[test]
fn a_jump_leaves_a_hole_until_it_is_filled() {
    let mut seen = listed(&[(friend(), 10), (room(), 250)]);
    seen.jump_account();
    batch(&mut seen, friend(), &[20, 22]);
    batch(&mut seen, friend(), &[25]);
    assert_eq!(missing(&seen, friend(), 25), Some((11, 19)));
    assert!(seen.is_torn(friend()) && !seen.is_torn(room()));
    let hole = seen.hole(friend(), Some(top(28))).unwrap();
    assert_eq!(hole.numbers, (11, 28));
    assert_eq!(seen.fill(&hole, &[12, 15, 20, 25, 28]), [12, 15, 28], "the others were given");
    assert_eq!(missing(&seen, friend(), 28), None);
    assert!(!seen.hear(friend(), 28), "the stream brings it late");
    assert!(seen.hear(friend(), 29));
}

#[test]
fn numbers_of_a_channel_that_follow_each_other_leave_no_hole_after_a_jump() {
    let mut seen = listed(&[(room(), 250)]);
    seen.jump_channel(room());
    batch(&mut seen, room(), &[251]);
    assert!(!seen.is_torn(room()));
    seen.jump_channel(room());
    batch(&mut seen, room(), &[254]);
    assert!(seen.is_torn(room()));
    assert_eq!(missing(&seen, room(), 254), Some((252, 253)));
}

#[test]
fn what_the_stream_brings_twice_is_a_repeat_and_what_it_brings_late_is_not() {
    let mut seen = listed(&[(friend(), 10), (room(), 250)]);
    batch(&mut seen, friend(), &[14]);
    assert!(!seen.hear(friend(), 14), "it is given once");
    assert!(seen.hear(friend(), 12), "nobody has given it");
    let other = PeerId::user(8).unwrap();
    assert!(!seen.hear(other, 14), "the chats of the account are numbered together");
    assert!(seen.hear(room(), 14), "each channel has numbers of its own");
}

#[test]
fn what_there_was_no_room_for_stays_missing_whatever_comes_before_and_after_it() {
    let mut seen = listed(&[(friend(), 10), (room(), 250)]);
    let before = seen.jumps();
    seen.miss(friend(), 14);
    assert_eq!(missing(&seen, friend(), 14), Some((14, 14)));
    batch(&mut seen, friend(), &[20]);
    assert_eq!(missing(&seen, friend(), 20), Some((14, 19)));
    assert!(seen.whole().doubtful, "another process doubts it too");
    // Of the same batch: newer ones were given.
    batch(&mut seen, room(), &[251, 253]);
    seen.miss(room(), 252);
    assert_eq!(missing(&seen, room(), 253), Some((252, 252)));
    seen.complete(NOW + 60, before);
    assert!(seen.whole().doubtful, "a list that was made before knows nothing of it");
    let hole = seen.hole(room(), Some(top(253))).unwrap();
    assert_eq!(seen.fill(&hole, &[252]), [252]);
    assert!(!seen.hear(room(), 252), "it was recovered");
}

#[test]
fn what_there_was_no_room_for_before_the_first_list_is_missing_in_it() {
    let mut seen = Seen::default();
    seen.miss(friend(), 14);
    seen.miss(room(), 251);
    seen.miss(room(), 252);
    let holes = seen.holes(&[(friend(), top(14)), (room(), top(252))]);
    let numbers: Vec<_> = holes.iter().map(|hole| hole.numbers).collect();
    assert_eq!(numbers, [(14, 14), (251, 252)]);
}

#[test]
fn while_nothing_can_be_given_what_is_known_does_not_change() {
    let mut seen = listed(&[(friend(), 10), (room(), 250)]);
    assert!(!seen.miss(friend(), 14).is_empty() && !seen.miss(room(), 251).is_empty());
    let later =
        (20..500).flat_map(|n| [seen.miss(friend(), 3 * n), seen.miss(room(), 300 + n)].concat());
    assert_eq!(later.count(), 0);
}

#[test]
fn what_is_listed_first_is_none_of_the_sessions_but_what_the_stream_owes_is() {
    let mut seen = Seen::default();
    assert!(seen.holes(&[(friend(), top(10))]).is_empty());
    seen.adopt(friend(), top(10)).unwrap();
    assert!(seen.hear(friend(), 10), "it was on its way when it was listed");
    assert_eq!(seen.adopt(friend(), top(11)), None, "it is known");
}

#[test]
fn a_chat_that_appears_later_has_what_is_not_older_than_the_last_list() {
    let mut seen = listed(&[]);
    let old = Top { number: 9, date: Some(NOW - 1) };
    assert_eq!(seen.hole(friend(), Some(old)), None);
    assert!(seen.adopt(friend(), old).is_some());
    let hole = seen.hole(room(), Some(top(9))).unwrap();
    assert_eq!((hole.numbers, hole.since), ((1, 9), Some(NOW)));
    assert_eq!(seen.fill(&hole, &[8, 9]), [8, 9]);
    assert_eq!(missing(&seen, room(), 9), None);
    assert_eq!(missing(&seen, room(), 10), Some((10, 10)));
}

#[test]
fn chats_that_are_not_listed_have_their_holes_too() {
    let mut seen = listed(&[(friend(), 10), (room(), 250)]);
    seen.jump_channel(room());
    batch(&mut seen, room(), &[260]);
    let holes = seen.holes(&[(friend(), top(12))]);
    let numbers: Vec<_> = holes.iter().map(|hole| (hole.chat, hole.numbers)).collect();
    assert_eq!(numbers, [(friend(), (11, 12)), (room(), (251, 259))]);
}

#[test]
fn a_list_mends_what_was_broken_before_it_and_nothing_after() {
    let mut seen = listed(&[(friend(), 10), (room(), 250)]);
    seen.jump_account();
    let before = seen.jumps();
    seen.jump_channel(room());
    seen.complete(NOW + 60, before);
    assert!(seen.whole().doubtful, "there was a jump since");
    batch(&mut seen, friend(), &[20]);
    assert_eq!(missing(&seen, friend(), 20), Some((11, 19)));
    let changes = seen.complete(NOW + 120, seen.jumps());
    assert_eq!(changes.len(), 2, "the channel is mended: {changes:?}");
    assert_eq!(seen.whole(), Whole { complete_at: Some(NOW + 120), doubtful: false });
    seen.jump_channel(room());
    assert_eq!(seen.mend(room(), before), None);
    assert!(seen.mend(room(), seen.jumps()).is_some());
}

/// What was handled is made of the same steps; and another process, which has what was handled, finds the same holes.
#[test]
fn the_steps_lead_to_what_they_came_from_in_another_process_too() {
    let (mut given, mut handled) = (Seen::default(), Seen::default());
    let mut changes = Vec::new();
    changes.extend(given.adopt(friend(), top(10)));
    changes.extend(given.adopt(room(), top(250)));
    changes.extend(given.complete(NOW, 0));
    changes.extend(batch(&mut given, friend(), &[14]));
    changes.push(given.jump_account());
    changes.extend(given.jump_channel(room()));
    changes.extend(batch(&mut given, room(), &[255]));
    changes.extend(batch(&mut given, room(), &[256, 258]));
    changes.extend(given.miss(room(), 257));
    changes.into_iter().for_each(|change| handled.apply(change));
    assert_eq!(
        handled.chat(friend()).map(|chat| &chat.known),
        given.chat(friend()).map(|c| &c.known)
    );
    assert_eq!(handled.chat(room()), given.chat(room()));
    let mut next = handled.resumed();
    batch(&mut next, friend(), &[20]);
    assert_eq!(missing(&next, friend(), 20), Some((15, 19)));
    assert_eq!(missing(&next, room(), 258), Some((251, 257)));
}

#[test]
fn holes_without_end_are_given_up_from_the_oldest_on() {
    let mut seen = listed(&[(room(), 0)]);
    for n in 1..=MOST_RANGES as i32 {
        seen.jump_channel(room());
        batch(&mut seen, room(), &[10 * n]);
        let given_up = seen.shorten(room()).map(|(numbers, _)| numbers);
        assert_eq!(given_up, (n == MOST_RANGES as i32).then_some((1, 9)));
    }
}
