//! What is not done, and what is known of it.

use std::time::Duration;

use tgsession::{
    CallError, Failure, Happened, KeepError, Kept, Limits, Manager, OperationState, Outcome, Quota,
    Send, Sent, StoredOperation, SubmitError,
};
use tgtest::{Fault, Method};
use workspace_tests::{Stage, call_error, eventually};

use crate::office::{
    DAY, busy, ended, noon, office, operations, settled, start, submit, texts, waiting,
};

#[tokio::test(start_paused = true)]
async fn what_is_cancelled_is_not_kept() {
    let shelf = office().await;
    let process = start(&shelf).await;
    let held = busy(&process).await;
    let first = waiting(&process, "first", Send::new("friend", "1")).await;
    let second = waiting(&process, "second", Send::new("friend", "2")).await;
    let third = waiting(&process, "third", Send::new("friend", "3")).await;
    assert!(matches!(eventually(first.cancel()).await, Outcome::Cancelled));
    let forget = |key: &'static str| process.manager.forget_kept(process.session, key);
    assert!(eventually(forget("second")).await.unwrap());
    assert!(matches!(eventually(second).await, Outcome::Cancelled));
    assert!(!eventually(forget("second")).await.unwrap(), "it is gone");
    let left = operations(&process).await;
    assert_eq!(left.iter().map(|left| &*left.key).collect::<Vec<_>>(), ["third"]);
    // Its key is free.
    drop(waiting(&process, "first", noon()).await);
    process.end().await;
    drop((third, held));

    let process = start(&shelf).await;
    settled(&process).await;
    process.end().await;
    assert_eq!(texts(&shelf), ["3", "Noon."]);
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_listed_and_not_done_again_until_it_is_forgotten() {
    let shelf = office().await;
    let process = start(&shelf).await;
    shelf.telegram.inject(Fault::rpc_error(400, "USER_IS_BLOCKED").on(Method::SEND_MESSAGE));
    let ticket = waiting(&process, "noon", noon()).await;
    let refused = call_error(eventually(ticket).await);
    assert!(matches!(refused, CallError::Refused { .. }), "to whom it was told it is typed");
    let again = ended(&process, "noon", noon()).await;
    assert!(
        matches!(&again, Outcome::Failed(Failure::Recorded(why)) if *why == refused.to_string()),
        "{again:?}"
    );
    let kept = operations(&process).await;
    let [StoredOperation { state: OperationState::Failed { why, .. }, .. }] = &kept[..] else {
        panic!("{kept:?}");
    };
    assert_eq!(*why, refused.to_string());
    let forgotten = process.manager.forget_kept(process.session, "noon");
    assert!(eventually(forgotten).await.unwrap());
    let ticket = waiting(&process, "noon", noon()).await;
    assert_eq!(eventually(ticket).await.done().map(|sent| sent.by_earlier_attempt), Some(false));
    assert_eq!(texts(&shelf), ["Noon."]);

    let events = process.store.events("a0").await.unwrap();
    let told: Vec<_> = events
        .iter()
        .map(|event| match &event.what {
            Happened::OperationKept { key, what } => format!("{key}: {what}"),
            Happened::OperationFailed { key, why } => format!("{key}: {why}"),
            Happened::OperationForgotten { key } => format!("{key}: forgotten"),
            Happened::OperationDone { key, said } => format!("{key}: {said}"),
            other => format!("{other:?}"),
        })
        .collect();
    let story = [
        "noon: a message to @friend",
        "noon: Telegram refuses: USER_IS_BLOCKED (400)",
        "noon: forgotten",
        "noon: a message to @friend",
        "noon: delivered",
    ];
    assert_eq!(told, story);
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn it_takes_a_store_and_a_place_in_the_queue() {
    let stage = Stage::new(1).await;
    let refused = stage.manager.submit_kept(stage.sessions[0], "noon", noon()).await.unwrap_err();
    assert!(matches!(refused, KeepError::NoStore(_)), "{refused}");
    assert!(refused.to_string().contains("SessionConfig::stored"), "{refused}");
    assert_eq!(stage.texts(), [""; 0]);

    let shelf = office().await;
    let process = shelf.start(Manager::builder().queue_capacity(1).build().unwrap()).await;
    let (hold, held) = busy(&process).await;
    let first = waiting(&process, "first", Send::new("friend", "1")).await;
    let full = submit(&process, "second", Send::new("friend", "2")).await.unwrap_err();
    let KeepError::Submit(SubmitError::QueueFull { depth: 1, .. }) = full else {
        panic!("{full}");
    };
    let again = waiting(&process, "first", Send::new("friend", "1")).await;
    assert_eq!(operations(&process).await.len(), 1, "what was refused is not kept");
    hold.release();
    assert!(eventually(first).await.is_done() && eventually(again).await.is_done());
    drop(held);
    process.end().await;
    assert_eq!(texts(&shelf), ["1"]);
}

#[tokio::test(start_paused = true)]
async fn what_became_of_it_is_known_for_a_month_and_what_was_sent_for_three() {
    let shelf = office().await;
    let process = start(&shelf).await;
    let ticket = waiting(&process, "noon", noon()).await;
    assert!(eventually(ticket).await.is_done());
    process.end().await;
    let age = |sql: &str, days: i64| {
        let database = rusqlite::Connection::open(shelf.database()).unwrap();
        assert!(database.execute(sql, [days * DAY]).unwrap() > 0, "{sql}");
    };
    let run = async || {
        let process = start(&shelf).await;
        let known = operations(&process).await.len();
        let sent: Kept<Sent> = submit(&process, "noon", noon()).await.unwrap();
        let sent = eventually(sent.outcome()).await.done().unwrap();
        process.end().await;
        (known, sent.by_earlier_attempt)
    };
    let operation = "UPDATE operation SET ended = ended - ?1";
    age(operation, 29);
    assert_eq!(run().await, (1, false), "its outcome, as it was");
    age(operation, 2);
    assert_eq!(run().await, (0, true), "done again, and not sent");
    age(operation, 31);
    age("UPDATE fact SET written = written - ?1 WHERE kind = 33", 91);
    assert_eq!(run().await, (0, false), "nobody knows of it any more");
    assert_eq!(texts(&shelf), ["Noon.", "Noon."]);
}

#[tokio::test(start_paused = true)]
async fn what_an_operator_asks_about_is_in_the_log() {
    let shelf = office().await;
    let limits = Limits::default().quota(Quota::Sends, 2);
    let process = shelf.start(Manager::builder().limits(limits).build().unwrap()).await;
    let send = async |fault: Option<Fault>| {
        fault.into_iter().for_each(|fault| shelf.telegram.inject(fault));
        eventually(process.manager.submit(process.session, noon()).unwrap()).await
    };
    let on_send = |fault: Fault| Some(fault.on(Method::SEND_MESSAGE));
    let short = Fault::flood_wait(Duration::from_secs(59));
    assert!(send(on_send(short)).await.is_done());
    let minute = Duration::from_secs(60);
    assert!(send(on_send(Fault::flood_wait(minute))).await.is_done());
    for _ in 0..2 {
        let exceeded = send(None).await;
        assert!(matches!(exceeded, Outcome::Failed(Failure::Quota(_))), "{exceeded:?}");
    }
    let restrict = Fault::rpc_error(400, "PEER_FLOOD").on(Method::RESOLVE_USERNAME);
    call_error(send(Some(restrict)).await);
    assert!(process.manager.clear_restriction(process.session).unwrap());
    let lose = Fault::rpc_error(401, "AUTH_KEY_UNREGISTERED").on(Method::RESOLVE_USERNAME);
    call_error(send(Some(lose)).await);
    process.end().await;

    let store = shelf.open().await.unwrap();
    let events = store.events("a0").await.unwrap();
    assert!(events.is_sorted_by_key(|event| event.at));
    let whats: Vec<_> = events.into_iter().map(|event| event.what).collect();
    let name = |name: &str| name.to_owned();
    let story = [
        Happened::FloodWait { wait: minute },
        Happened::QuotaUsedUp { quota: Quota::Sends, limit: 2 },
        Happened::Restricted { name: name("PEER_FLOOD") },
        Happened::RestrictionCleared { name: name("PEER_FLOOD") },
        Happened::KeyLost { name: name("AUTH_KEY_UNREGISTERED") },
    ];
    assert_eq!(whats, story);
    assert_eq!(store.audit("a0").await.unwrap(), []);
    store.close().await.unwrap();
}
