//! Messages that are sent once, whatever becomes of who sends them.

use std::time::Duration;

use futures_util::future::join_all;
use tgsession::{CallError, Limits, Monitor, Outcome, Pace, PacedCall, Quota, Send, Sent};
use tgtest::{Fault, Method, Telegram};
use workspace_tests::{Process, Shelf, Stage, call_error, eventually, limited, secs};

/// An account that has a friend.
async fn office() -> Shelf {
    Shelf::new(Telegram::builder().account("a0").stranger("friend")).await
}

/// Sends the friend a message with a key.
async fn keyed(process: &Process, key: &str, text: &str) -> Outcome<Sent> {
    eventually(process.submit(Send::new("friend", text).keyed(key))).await
}

#[tokio::test(start_paused = true)]
async fn a_key_sends_once_over_submissions_and_restarts() {
    let shelf = office().await;
    for (attempt, earlier) in [(0, false), (1, true), (2, true)] {
        let process = shelf.start(limited(Limits::default())).await;
        for (n, earlier) in [(0, earlier), (1, true)] {
            let sent = keyed(&process, "noon", "The meeting is at noon.").await.done().unwrap();
            assert_eq!(sent.by_earlier_attempt, earlier, "process {attempt}, submission {n}");
        }
        assert!(keyed(&process, "one", "Another.").await.is_done());
        process.end().await;
    }
    assert_eq!(shelf.texts(), ["The meeting is at noon.", "Another."]);
}

#[tokio::test(start_paused = true)]
async fn a_key_sends_once_where_two_submissions_wait_for_the_same_pace() {
    let shelf = office().await;
    let slow = Limits::default().pace(PacedCall::Send, Pace::new(1, secs(3)));
    let process = shelf.start(limited(slow)).await;
    assert!(keyed(&process, "first", "It uses up the pace.").await.is_done());
    let both = [keyed(&process, "noon", "Noon."), keyed(&process, "noon", "Noon.")];
    assert!(join_all(both).await.iter().all(Outcome::is_done));
    assert_eq!(shelf.texts(), ["It uses up the pace.", "Noon."]);
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_is_of_one_message_and_a_refused_one_may_be_tried_again() {
    let shelf = office().await;
    let process = shelf.start(limited(Limits::default())).await;
    shelf.telegram.inject(Fault::rpc_error(400, "USER_IS_BLOCKED").on(Method::SEND_MESSAGE));
    let refused = call_error(keyed(&process, "noon", "Noon.").await);
    assert!(matches!(refused, CallError::Refused { .. }), "{refused}");
    let sent = keyed(&process, "noon", "Noon.").await.done().unwrap();
    assert!(!sent.by_earlier_attempt);
    let other = call_error(keyed(&process, "noon", "One.").await);
    assert!(other.to_string().contains("\"noon\" was used for another message"), "{other}");
    assert_eq!(shelf.texts(), ["Noon."]);
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_takes_a_store() {
    let stage = Stage::new(1).await;
    let send = Send::new("friend", "Noon.").keyed("noon");
    let outcome = eventually(stage.manager.submit(stage.sessions[0], send).unwrap()).await;
    assert!(call_error(outcome).to_string().contains("takes a session of a store"));
    assert!(stage.texts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_was_reserved_and_not_used_is_there_after_a_restart() {
    let shelf = office().await;
    let one = || limited(Limits::default().quota(Quota::Sends, 1));
    let process = shelf.start(one()).await;
    shelf.telegram.inject(Fault::rpc_error(400, "USER_IS_BLOCKED").on(Method::SEND_MESSAGE));
    call_error(keyed(&process, "noon", "Noon.").await);
    process.end().await;
    let process = shelf.start(one()).await;
    assert!(keyed(&process, "noon", "Noon.").await.is_done());
    process.end().await;
    let process = shelf.start(one()).await;
    assert!(!keyed(&process, "one", "One.").await.is_done(), "and what was used is not");
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_handled_while_a_session_stops_does_not_come_again() {
    const EVENTS: usize = 60;
    let shelf = office().await;
    let (tell, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let slowly = || {
        let tell = tell.clone();
        Monitor::new(move |event| {
            let tell = tell.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                tell.send(event.message().map(|message| message.text().to_owned()))?;
                Ok(())
            }
        })
    };
    let process = shelf.listen(limited(Limits::default()), slowly()).await;
    for n in 0..EVENTS {
        shelf.push(&n.to_string());
    }
    // One of many: the others are on their way, or wait.
    assert_eq!(eventually(heard.recv()).await.unwrap().unwrap(), "0");
    process.end().await;
    let process = shelf.listen(limited(Limits::default()), slowly()).await;
    shelf.push("last");
    let mut rest = Vec::new();
    while rest.last().map(String::as_str) != Some("last") {
        rest.push(eventually(heard.recv()).await.unwrap().unwrap());
    }
    let mut expected: Vec<_> = (1..EVENTS).map(|n| n.to_string()).collect();
    expected.push("last".to_owned());
    assert_eq!(rest, expected, "each once");
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_send_that_fails_again_and_again_is_answered_whatever_its_pace() {
    let slow = Limits::default().pace(PacedCall::Send, Pace::new(1, secs(10)));
    let stage = Stage::with(1, limited(slow)).await;
    stage.telegram.inject(Fault::rpc_error(500, "INTERNAL").on(Method::SEND_MESSAGE).always());
    let send = stage.manager.submit(stage.sessions[0], Send::new("friend", "Noon.")).unwrap();
    let outcome = eventually(send).await;
    assert!(matches!(outcome, Outcome::MaybeExecuted(_)), "{outcome:?}");
    assert_eq!(stage.calls(&[Method::SEND_MESSAGE]), 2, "once, and one retry");
}
