//! Operations that a store keeps: done once, whatever becomes of the process that was asked for them.

use std::time::Duration;

use tgsession::{
    CallError, ExportMessages, Failure, Format, Happened, KeepError, Keepable, Kept, KeptTicket,
    Limits, Manager, OperationState, Outcome, Quota, Send, Sent, StoredOperation, SubmitError,
    Ticket,
};
use tgtest::{Channel, Fault, Method, Telegram};
use workspace_tests::{Hold, Process, Shelf, Stage, call_error, eventually};

const POSTS: usize = 250;
const DAY: i64 = 24 * 3600 * 1000;

async fn office() -> Shelf {
    let room = Channel::group("room").member("a0").messages(POSTS);
    Shelf::new(Telegram::builder().account("a0").stranger("friend").channel(room)).await
}

async fn start(shelf: &Shelf) -> Process {
    shelf.start(Manager::builder().build().unwrap()).await
}

/// Keeps the session busy: what is submitted waits.
async fn busy(process: &Process) -> (Hold, Ticket<()>) {
    let (hold, operation) = Hold::operation();
    let ticket = process.manager.submit(process.session, operation).unwrap();
    hold.entered().await;
    (hold, ticket)
}

async fn submit<O: Keepable>(
    process: &Process,
    key: &str,
    operation: O,
) -> Result<Kept<O::Output>, KeepError> {
    eventually(process.manager.submit_kept(process.session, key, operation)).await
}

async fn waiting<O: Keepable>(process: &Process, key: &str, operation: O) -> KeptTicket<O::Output> {
    match submit(process, key, operation).await.unwrap() {
        Kept::Waiting(ticket) => ticket,
        Kept::Ended { at, .. } => panic!("{key} has ended at {at:?}"),
    }
}

async fn ended<O: Keepable>(process: &Process, key: &str, operation: O) -> Outcome<O::Output> {
    match submit(process, key, operation).await.unwrap() {
        Kept::Ended { outcome, .. } => outcome,
        Kept::Waiting(_) => panic!("{key} waits"),
    }
}

fn noon() -> Send {
    Send::new("friend", "Noon.")
}

fn texts(shelf: &Shelf) -> Vec<String> {
    shelf.telegram.sent().into_iter().map(|sent| sent.text).collect()
}

async fn operations(process: &Process) -> Vec<StoredOperation> {
    process.store.operations("a0").await.unwrap()
}

fn is_waiting(operation: &StoredOperation) -> bool {
    operation.state == OperationState::Waiting
}

/// Waits until all operations have ended, of which nobody here has a ticket.
async fn settled(process: &Process) -> Vec<StoredOperation> {
    let settled = async {
        loop {
            let all = operations(process).await;
            if !all.iter().any(is_waiting) {
                return all;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    eventually(settled).await
}

#[tokio::test(start_paused = true)]
async fn what_a_process_was_asked_for_the_next_one_does_once_and_in_order() {
    let shelf = office().await;
    let process = start(&shelf).await;
    let _busy = busy(&process).await;
    let mut tickets = Vec::new();
    for n in 0..5 {
        let send = Send::new("friend", n.to_string());
        tickets.push(waiting(&process, &format!("key {n}"), send).await);
    }
    let kept = operations(&process).await;
    assert!(kept.len() == 5 && kept.iter().all(is_waiting), "{kept:?}");
    assert_eq!((&*kept[0].key, &*kept[0].what), ("key 0", "a message to @friend"));
    process.end().await;
    for ticket in tickets {
        assert!(matches!(eventually(ticket).await, Outcome::ShutDown));
    }
    assert_eq!(texts(&shelf), [""; 0], "it did not come to that");

    for _ in 0..2 {
        let process = start(&shelf).await;
        let all = settled(&process).await;
        assert_eq!(all.len(), 5);
        for operation in all {
            let OperationState::Done { said, .. } = &operation.state else {
                panic!("{operation:?}");
            };
            assert_eq!(said, "delivered");
        }
        process.end().await;
        assert_eq!(texts(&shelf), ["0", "1", "2", "3", "4"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_is_of_one_operation_however_often_it_is_submitted() {
    let shelf = office().await;
    let process = start(&shelf).await;
    let (hold, held) = busy(&process).await;
    let first = waiting(&process, "noon", noon()).await;
    let again = waiting(&process, "noon", noon()).await;
    let other = submit(&process, "noon", Send::new("friend", "One.")).await.unwrap_err();
    assert!(matches!(&other, KeepError::OtherOperation(key) if key == "noon"), "{other}");
    assert_eq!(operations(&process).await.len(), 1);
    // Whoever loses a ticket loses no operation.
    drop(waiting(&process, "one", Send::new("friend", "One.")).await);
    hold.release();
    for ticket in [first, again] {
        let sent = eventually(ticket).await.done().unwrap();
        assert!(!sent.by_earlier_attempt);
    }
    settled(&process).await;
    assert!(ended(&process, "noon", noon()).await.is_done());
    drop(held);
    process.end().await;

    let process = start(&shelf).await;
    assert!(ended(&process, "noon", noon()).await.is_done());
    let other = submit(&process, "noon", Send::new("friend", "Two.")).await.unwrap_err();
    assert!(matches!(other, KeepError::OtherOperation(_)), "{other}");
    process.end().await;
    assert_eq!(texts(&shelf), ["Noon.", "One."]);
}

#[tokio::test(start_paused = true)]
async fn whoever_submits_it_again_in_the_next_process_waits_for_the_one_that_goes_on() {
    let shelf = office().await;
    let process = start(&shelf).await;
    let held = busy(&process).await;
    drop(waiting(&process, "noon", noon()).await);
    process.end().await;
    drop(held);
    shelf.telegram.inject(Fault::delay(Duration::from_secs(5)).on(Method::SEND_MESSAGE));
    let process = start(&shelf).await;
    eventually(shelf.telegram.called(Method::SEND_MESSAGE, 1)).await;
    let ticket = waiting(&process, "noon", noon()).await;
    assert!(eventually(ticket).await.is_done());
    process.end().await;
    assert_eq!(texts(&shelf), ["Noon."]);
}

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
async fn a_message_that_was_on_its_way_when_its_session_stopped_goes_on_in_the_next_process() {
    for unanswered in [Fault::silence(), Fault::lose_answer()] {
        let shelf = office().await;
        shelf.telegram.inject(unanswered.on(Method::SEND_MESSAGE));
        let process = start(&shelf).await;
        let ticket = waiting(&process, "noon", noon()).await;
        eventually(shelf.telegram.called(Method::SEND_MESSAGE, 1)).await;
        process.end().await;
        let outcome = eventually(ticket).await;
        assert!(matches!(&outcome, Outcome::MaybeExecuted(Failure::Stopped)), "{outcome:?}");
        shelf.telegram.heal();
        let process = start(&shelf).await;
        let kept = settled(&process).await;
        assert!(matches!(kept[0].state, OperationState::Done { .. }), "{kept:?}");
        process.end().await;
        assert_eq!(texts(&shelf), ["Noon."]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_account_may_not_do_now_stays_and_is_done_when_it_is_submitted_again() {
    let shelf = office().await;
    let process = start(&shelf).await;
    shelf.telegram.inject(Fault::rpc_error(400, "PEER_FLOOD").on(Method::SEND_MESSAGE));
    for key in ["noon", "one"] {
        let ticket = waiting(&process, key, Send::new("friend", key)).await;
        let restricted = call_error(eventually(ticket).await);
        assert!(matches!(restricted, CallError::Restricted { .. }), "{restricted}");
    }
    assert!(operations(&process).await.iter().all(is_waiting));
    assert!(process.manager.clear_restriction(process.session).unwrap());
    let ticket = waiting(&process, "noon", Send::new("friend", "noon")).await;
    assert!(eventually(ticket).await.is_done());
    process.end().await;
    // And the other by itself.
    let process = start(&shelf).await;
    settled(&process).await;
    process.end().await;
    assert_eq!(texts(&shelf), ["noon", "one"]);
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
async fn it_waits_for_as_long_as_it_takes() {
    let shelf = office().await;
    let process = start(&shelf).await;
    let (hold, held) = busy(&process).await;
    let kept = waiting(&process, "noon", noon()).await;
    let plain = process.manager.submit(process.session, Send::new("friend", "soon")).unwrap();
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert!(matches!(eventually(plain).await, Outcome::ExpiredInQueue { .. }));
    hold.release();
    assert!(eventually(kept).await.is_done());
    drop(held);
    process.end().await;
    assert_eq!(texts(&shelf), ["Noon."]);
}

#[tokio::test(start_paused = true)]
async fn an_export_goes_on_in_the_next_process_by_itself() {
    let shelf = office().await;
    let file = shelf.path("room.jsonl");
    let export = || ExportMessages::of("room").to_file(&file, Format::JsonLines);
    // The first page takes so long that it is written, and the second never comes.
    let slow = Fault::delay(Duration::from_millis(1500)).on(Method::GET_HISTORY);
    shelf.telegram.inject(slow.always());
    shelf.telegram.inject(Fault::silence().on(Method::GET_HISTORY).after(1));
    let process = start(&shelf).await;
    let stopped = waiting(&process, "room", export()).await;
    eventually(shelf.telegram.called(Method::GET_HISTORY, 2)).await;
    process.end().await;
    assert!(matches!(eventually(stopped).await, Outcome::ShutDown));
    assert!(!file.exists());

    shelf.telegram.heal();
    let process = start(&shelf).await;
    let kept = settled(&process).await;
    let [StoredOperation { state: OperationState::Done { said, .. }, .. }] = &kept[..] else {
        panic!("{kept:?}");
    };
    assert_eq!(*said, format!("{POSTS} rows"));
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), POSTS);
    let exported = ended(&process, "room", export()).await.done().unwrap();
    assert_eq!((exported.rows, exported.resumed_from), (POSTS as u64, 100));
    assert_eq!(exported.path, file);
    assert_eq!(process.store.audit("a0").await.unwrap().len(), 1);
    process.end().await;
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
