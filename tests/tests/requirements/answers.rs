//! What the caller is told.

use tgsession::{
    CallError, ExportMembers, ExportMessages, Failure, Kind, Manager, Outcome, Send, SessionState,
    SubmitError,
};
use tgtest::{Fault, Method, Telegram};
use workspace_tests::{Shelf, Stage, asks, call_error, eventually, secs, soon};

fn name(error: &CallError) -> &'static str {
    match error {
        CallError::Flood { .. } => "flood",
        CallError::SlowMode { .. } => "slow mode",
        CallError::Refused { .. } => "refused",
        CallError::Migrate { .. } => "migrate",
        CallError::ServerError { .. } => "server error",
        CallError::Unusable { .. } => "unusable",
        CallError::Unavailable { .. } => "unavailable",
        CallError::Unreadable { .. } => "unreadable",
        CallError::Restricted { .. } => "restricted",
        CallError::KeyLost { .. } => "key lost",
        CallError::Invalid(_) => "invalid",
        other => panic!("an error that this test does not know: {other}"),
    }
}

/// R8.
#[tokio::test(start_paused = true)]
async fn errors_and_refusals_have_types() {
    let stage = Stage::new(1).await;
    let session = stage.sessions[0];
    let members = stage.manager.submit(session, ExportMembers::of("quiet")).unwrap();
    assert_eq!(name(&call_error(soon(members).await)), "invalid");
    for (code, said, wanted) in [
        (420, "FLOOD_WAIT_3", "flood"),
        (420, "SLOWMODE_WAIT_7", "slow mode"),
        (420, "FROZEN_METHOD_INVALID", "restricted"),
        (400, "FROZEN_PARTICIPANT_MISSING", "restricted"),
        (400, "PEER_FLOOD", "restricted"),
        (400, "PEER_ID_INVALID", "refused"),
        (403, "CHAT_WRITE_FORBIDDEN", "refused"),
        (303, "USER_MIGRATE_4", "migrate"),
        (500, "INTERNAL", "server error"),
        (401, "SESSION_REVOKED", "key lost"),
    ] {
        stage.telegram.inject(Fault::rpc_error(code, said).on(Method::GET_USERS));
        match eventually(stage.manager.submit(session, asks()).unwrap()).await {
            Outcome::Failed(Failure::Call(error)) => assert_eq!(name(&error), wanted, "{said}"),
            Outcome::MaybeExecuted(Failure::Call(error)) => {
                assert_eq!((name(&error), error.maybe_executed()), (wanted, true), "{said}");
            }
            other => panic!("{said}: {other:?}"),
        }
        // A frozen account would do nothing more.
        stage.manager.clear_restriction(session).unwrap();
    }
    let send = || Send::new("friend", "x");
    match stage.manager.submit(session, send()) {
        Err(SubmitError::NotConnected { state, .. }) => assert_eq!(state, SessionState::KeyLost),
        refused => panic!("{refused:?}"),
    }
    let refused = stage.manager.submit_any(send()).unwrap_err();
    assert!(matches!(refused, SubmitError::NobodyConnected), "{refused}");
    soon(stage.manager.remove_session(session)).await.unwrap();
    let refused = stage.manager.submit(session, send()).unwrap_err();
    assert!(matches!(refused, SubmitError::Unknown(id) if id == session), "{refused}");
}

/// R9.
#[tokio::test(start_paused = true)]
async fn every_operation_is_answered_once_whatever_its_end() {
    let manager = Manager::builder()
        .queue_wait(secs(10))
        .timeout(Kind::Send, secs(5))
        .timeout(Kind::ExportMessages, secs(5))
        .build()
        .unwrap();
    let stage = Stage::with(1, manager).await;
    let session = stage.sessions[0];
    let send = |text| stage.manager.submit(session, Send::new("friend", text)).unwrap();
    let export = || stage.manager.submit(session, ExportMessages::of("room")).unwrap();
    let inject = |fault: Fault, method| stage.telegram.inject(fault.on(method));

    assert!(soon(send("done")).await.is_done());
    inject(Fault::rpc_error(403, "CHAT_WRITE_FORBIDDEN"), Method::SEND_MESSAGE);
    assert!(matches!(soon(send("failed")).await, Outcome::Failed(_)));
    inject(Fault::silence(), Method::SEND_MESSAGE);
    assert!(matches!(soon(send("maybe")).await, Outcome::MaybeExecuted(_)));
    inject(Fault::silence(), Method::GET_HISTORY);
    assert!(matches!(soon(export()).await, Outcome::TimedOut { after } if after == secs(5)));

    let line = stage.manager.pause(session).await.unwrap();
    // The first leaves the queue for the line; the second waits behind it.
    let first = send("cancelled");
    stage.until(0, |status| status.queued == 0).await;
    let second = soon(send("expired")).await;
    assert!(matches!(second, Outcome::ExpiredInQueue { waited } if waited.as_secs() == 10));
    assert!(matches!(soon(first.cancel()).await, Outcome::Cancelled));
    drop(line);

    inject(Fault::silence(), Method::GET_HISTORY);
    let before = stage.calls(&[Method::GET_HISTORY]);
    let (running, queued) = (export(), send("shut down"));
    soon(stage.telegram.called(Method::GET_HISTORY, before + 1)).await;
    soon(stage.manager.remove_session(session)).await.unwrap();
    assert!(matches!(soon(running).await, Outcome::ShutDown));
    assert!(matches!(soon(queued).await, Outcome::ShutDown));
    assert_eq!(stage.texts(), ["done", "maybe"]);
    let metrics = stage.manager.metrics().await.unwrap();
    let ends = [metrics.done, metrics.failed, metrics.expired, metrics.timed_out];
    let answered = ends.iter().sum::<u64>() + metrics.cancelled + metrics.shut_down;
    assert_eq!(answered, 8, "{metrics:?}");
}

/// R10.
#[tokio::test(start_paused = true)]
async fn what_may_have_been_sent_is_said_so_and_sent_once_over_restarts_too() {
    let shelf = Shelf::new(Telegram::builder().account("a0").stranger("friend")).await;
    let lose = || shelf.telegram.inject(Fault::lose_answer().on(Method::SEND_MESSAGE));
    let process = shelf.start(Manager::builder().build().unwrap()).await;
    lose();
    let send = process.submit(Send::new("friend", "retried"));
    assert!(eventually(send).await.done().unwrap().by_earlier_attempt);
    process.end().await;

    let keyed = || Send::new("friend", "keyed").keyed("greeting");
    let process = shelf.start(Manager::builder().retries(Kind::Send, 0).build().unwrap()).await;
    lose();
    let maybe = eventually(process.submit(keyed())).await;
    assert!(matches!(maybe, Outcome::MaybeExecuted(_)), "{maybe:?}");
    process.end().await;

    for _ in 0..2 {
        let process = shelf.start(Manager::builder().build().unwrap()).await;
        let again = eventually(process.submit(keyed())).await;
        assert!(again.done().unwrap().by_earlier_attempt);
        process.end().await;
    }
    assert_eq!(shelf.texts(), ["retried", "keyed"]);
}
