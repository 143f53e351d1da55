//! What the account could not do when it was its turn, and what becomes of it while the process goes on.

use std::time::{Duration, SystemTime};

use tgsession::{
    CallError, ExportMessages, Format, KeptTicket, Limits, OperationState, Outcome, Quota, Send,
    Sent, SessionState,
};
use tgtest::{Fault, Method};
use workspace_tests::{Process, call_error, eventually, limited, quota_exceeded};

use crate::office::{
    DAY, POSTS, busy, is_waiting, noon, office, operations, settled, start, texts, waiting,
};

/// Keeps a message that says its key.
async fn keep(process: &Process, key: &str) -> KeptTicket<Sent> {
    waiting(process, key, Send::new("friend", key)).await
}

/// Keeps messages of an account that Telegram restricts.
async fn held(process: &Process, keys: &[&str]) {
    for key in keys {
        let ticket = keep(process, key).await;
        let restricted = call_error(eventually(ticket).await);
        assert!(matches!(restricted, CallError::Restricted { .. }), "{restricted}");
    }
    assert!(operations(process).await.iter().all(is_waiting));
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap()
}

fn peer_flood() -> Fault {
    Fault::rpc_error(400, "PEER_FLOOD").on(Method::SEND_MESSAGE)
}

#[tokio::test(start_paused = true)]
async fn what_a_restriction_held_goes_on_by_itself_and_in_order_once_it_is_cleared() {
    let shelf = office().await;
    let process = start(&shelf).await;
    shelf.telegram.inject(peer_flood());
    held(&process, &["0", "1", "2", "3"]).await;
    // What is forgotten meanwhile does not go on.
    assert!(eventually(process.manager.forget_kept(process.session, "2")).await.unwrap());
    assert!(process.manager.clear_restriction(process.session).unwrap());
    settled(&process).await;
    assert_eq!(texts(&shelf), ["0", "1", "3"]);
    // And each once, also where it is cleared again.
    shelf.telegram.inject(peer_flood());
    let restricted = call_error(eventually(keep(&process, "4").await).await);
    assert!(matches!(restricted, CallError::Restricted { .. }), "{restricted}");
    for _ in 0..3 {
        process.manager.clear_restriction(process.session).unwrap();
    }
    settled(&process).await;
    process.end().await;
    assert_eq!(texts(&shelf), ["0", "1", "3", "4"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_restriction_held_stays_in_the_next_process_until_it_is_cleared_there() {
    let shelf = office().await;
    let process = start(&shelf).await;
    shelf.telegram.inject(peer_flood());
    held(&process, &["0", "1"]).await;
    process.end().await;

    let process = start(&shelf).await;
    let session = || process.manager.session(process.session).unwrap();
    // It goes on with them, and the account may not.
    while session().load > 0 {
        tokio::task::yield_now().await;
    }
    assert!(operations(&process).await.iter().all(is_waiting));
    assert!(process.manager.clear_restriction(process.session).unwrap());
    settled(&process).await;
    process.end().await;
    assert_eq!(texts(&shelf), ["0", "1"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_full_day_held_goes_on_by_itself_when_it_is_over() {
    let shelf = office().await;
    // What a connection waits for does not see that time is paused: the day is over in ten minutes.
    let over_soon = since_epoch() + Duration::from_secs(600);
    let limits = Limits::default().quota(Quota::Sends, 2).day_begins(over_soon);
    let process = shelf.start(limited(limits)).await;
    let mut renewed_in = Duration::ZERO;
    for (key, may) in [("0", true), ("1", true), ("2", false), ("3", false)] {
        let outcome = eventually(keep(&process, key).await).await;
        match may {
            true => assert!(outcome.is_done(), "{outcome:?}"),
            false => renewed_in = quota_exceeded(outcome).renewed_in,
        }
    }
    assert_eq!(operations(&process).await.iter().filter(|kept| is_waiting(kept)).count(), 2);
    assert_eq!(texts(&shelf), ["0", "1"]);
    assert!(renewed_in <= Duration::from_secs(600), "{renewed_in:?}");
    tokio::time::advance(renewed_in + Duration::from_secs(1)).await;
    settled(&process).await;
    process.end().await;
    assert_eq!(texts(&shelf), ["0", "1", "2", "3"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_too_old_is_forgotten_each_day_by_a_process_that_goes_on() {
    let shelf = office().await;
    let process = start(&shelf).await;
    assert!(eventually(keep(&process, "old").await).await.is_done());
    let held = busy(&process).await;
    drop(keep(&process, "left").await);
    process.end().await;
    drop(held);
    let database = rusqlite::Connection::open(shelf.database()).unwrap();
    let age = "UPDATE operation SET ended = ended - ?1 WHERE ended IS NOT NULL";
    assert_eq!(database.execute(age, [31 * DAY]).unwrap(), 1);
    drop(database);

    // Where something was left to do, nothing is forgotten at the start. A line would not see that time is paused.
    let process = start(&shelf).await;
    let keys = async || -> Vec<String> {
        operations(&process).await.into_iter().map(|kept| kept.key).collect()
    };
    settled(&process).await;
    assert_eq!(keys().await, ["old", "left"]);
    shelf.telegram.stop().await;
    while process.manager.session(process.session).unwrap().state == SessionState::Connected {
        tokio::task::yield_now().await;
    }
    tokio::time::advance(Duration::from_millis(DAY as u64)).await;
    let forgotten = async {
        while keys().await != ["left"] {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    eventually(forgotten).await;
    process.end().await;
    assert_eq!(texts(&shelf), ["old", "left"]);
}

#[tokio::test(start_paused = true)]
async fn an_export_that_is_cancelled_while_it_ends_has_ended_or_can_be_done_again() {
    let shelf = office().await;
    let process = shelf.start(limited(Limits::none())).await;
    for turns in 0..24 {
        let file = shelf.path(&format!("room {turns}.jsonl"));
        let key = format!("room {turns}");
        let export = || ExportMessages::of("room").to_file(&file, Format::JsonLines);
        let ticket = waiting(&process, &key, export()).await;
        // It has its name, and ends; how far it is then differs.
        while !file.exists() {
            tokio::task::yield_now().await;
        }
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        let exported = match eventually(ticket.cancel()).await {
            Outcome::Cancelled => {
                assert!(!operations(&process).await.iter().any(|kept| kept.key == key));
                eventually(waiting(&process, &key, export()).await).await
            }
            outcome => outcome,
        };
        assert_eq!(exported.done().unwrap().rows, POSTS as u64);
        let all = operations(&process).await;
        let kept = all.iter().find(|kept| kept.key == key).unwrap();
        assert!(matches!(kept.state, OperationState::Done { .. }), "{kept:?}");
        assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), POSTS);
        assert_eq!(process.store.audit("a0").await.unwrap().len(), turns + 1, "a line for each");
    }
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_forgotten_is_free_for_whoever_submits_it_meanwhile() {
    let shelf = office().await;
    let process = start(&shelf).await;
    let (hold, busy) = busy(&process).await;
    let old = waiting(&process, "noon", noon()).await;
    let forget = process.manager.forget_kept(process.session, "noon");
    let (forgotten, outcome) = eventually(async { tokio::join!(forget, old) }).await;
    assert!(forgotten.unwrap());
    assert!(matches!(outcome, Outcome::Cancelled), "{outcome:?}");
    // Two forget it at once; whoever submits it after them keeps what he has.
    let forget = || process.manager.forget_kept(process.session, "noon");
    let both = eventually(async { tokio::join!(forget(), forget()) }).await;
    assert!(!both.0.unwrap() && !both.1.unwrap(), "there was none");
    let new = waiting(&process, "noon", Send::new("friend", "One.")).await;
    assert_eq!(operations(&process).await.len(), 1);
    hold.release();
    assert!(eventually(new).await.is_done());
    drop(busy);
    process.end().await;
    assert_eq!(texts(&shelf), ["One."]);
}
