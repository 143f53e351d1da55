//! What is kept is done once, by this process or by the next.

use std::time::Duration;

use tgsession::{
    ExportMessages, Failure, Format, KeepError, OperationState, Outcome, Send, StoredOperation,
};
use tgtest::{Fault, Method};
use workspace_tests::eventually;

use crate::office::{
    POSTS, busy, ended, is_waiting, noon, office, operations, settled, start, submit, texts,
    waiting,
};

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
