//! What becomes of operations when Telegram or the network fails: retries, flood waits, and what is known.
//!
//! Time is paused where something waits: pauses of seconds and minutes pass at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tgsession::{
    CallError, Custom, ExportMessages, Failure, Manager, Monitor, Outcome, Send, SessionState,
    SubmitError,
};
use tgtest::{Fault, Method};
use tokio::sync::Notify;
use tokio::time::Instant;
use workspace_tests::{POSTS, Stage, asks, call_error, eventually as soon};

#[tokio::test(start_paused = true)]
async fn an_export_goes_on_where_a_lost_answer_stopped_it() {
    let stage = Stage::new(1).await;
    let begin = Instant::now();
    stage.telegram.inject(Fault::lose_answer().on(Method::GET_HISTORY).after(1));
    let export = stage.manager.submit(stage.sessions[0], ExportMessages::of("room")).unwrap();
    assert_eq!(soon(export).await.done().unwrap().len(), POSTS);
    assert!(begin.elapsed() >= Duration::from_secs(2), "the first pause is 2 s");
    let pages = stage.calls(&[Method::GET_HISTORY]);
    assert_eq!(pages, 5, "three pages, the empty one, and the second page once more");
    let metrics = stage.manager.metrics().await.unwrap();
    assert_eq!((metrics.retried, metrics.done, metrics.failed), (1, 1, 0));
    stage.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_send_whose_answer_was_lost_is_not_delivered_twice() {
    let stage = Stage::new(1).await;
    stage.telegram.inject(Fault::lose_answer().on(Method::SEND_MESSAGE));
    let send = stage.manager.submit(stage.sessions[0], Send::new("friend", "once")).unwrap();
    let sent = soon(send).await.done().unwrap();
    assert!(sent.by_earlier_attempt);
    assert_eq!(stage.texts(), ["once"]);
}

#[tokio::test(start_paused = true)]
async fn a_send_that_never_gets_an_answer_may_have_been_executed() {
    // Its line is not looked after meanwhile: another one would bring an answer.
    let manager = Manager::builder().health_interval(Duration::from_secs(1000)).build().unwrap();
    let stage = Stage::with(1, manager).await;
    stage.telegram.inject(Fault::lose_answer().on(Method::SEND_MESSAGE).times(2));
    let send = stage.manager.submit(stage.sessions[0], Send::new("friend", "maybe")).unwrap();
    // The second attempt is refused as a duplicate, and that answer is lost too.
    assert!(matches!(soon(send).await, Outcome::MaybeExecuted(_)));
    stage.telegram.inject(Fault::silence().on(Method::SEND_MESSAGE));
    let begin = Instant::now();
    let send = stage.manager.submit(stage.sessions[0], Send::new("friend", "silence")).unwrap();
    assert!(matches!(soon(send).await, Outcome::MaybeExecuted(_)));
    assert!(begin.elapsed() >= Duration::from_secs(60), "its timeout");
    assert_eq!(stage.texts(), ["maybe", "silence"]);
    stage.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_executed_stays_so_whatever_comes_after() {
    let stage = Stage::new(1).await;
    let send = |text| stage.manager.submit(stage.sessions[0], Send::new("friend", text)).unwrap();
    let lose = || Fault::lose_answer().on(Method::SEND_MESSAGE);

    stage.telegram.inject(lose());
    stage
        .telegram
        .inject(Fault::rpc_error(403, "CHAT_WRITE_FORBIDDEN").on(Method::SEND_MESSAGE).after(1));
    assert!(matches!(soon(send("refused later")).await, Outcome::MaybeExecuted(_)));

    stage.telegram.inject(lose());
    let ticket = send("cancelled between attempts");
    soon(stage.telegram.called(Method::SEND_MESSAGE, 3)).await;
    stage.until(0, |status| status.queued > 0).await;
    assert!(matches!(soon(ticket.cancel()).await, Outcome::MaybeExecuted(_)));

    stage.telegram.inject(Fault::silence().on(Method::SEND_MESSAGE));
    let ticket = send("stopped in the middle");
    soon(stage.telegram.called(Method::SEND_MESSAGE, 4)).await;
    soon(stage.manager.remove_session(stage.sessions[0])).await.unwrap();
    assert!(matches!(soon(ticket).await, Outcome::MaybeExecuted(_)));
    assert_eq!(
        stage.texts(),
        ["refused later", "cancelled between attempts", "stopped in the middle"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_send_was_not_executed_for_certain() {
    let stage = Stage::new(1).await;
    stage.telegram.inject(Fault::silence().on(Method::RESOLVE_USERNAME));
    let send = stage.manager.submit(stage.sessions[0], Send::new("friend", "x")).unwrap();
    assert!(matches!(soon(send).await, Outcome::TimedOut { .. }), "nothing was sent");
}

#[tokio::test(start_paused = true)]
async fn a_custom_operation_is_never_called_twice() {
    let stage = Stage::new(1).await;
    stage.telegram.inject(Fault::flood_wait(Duration::from_secs(9)).on(Method::GET_USERS));
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let custom = Custom::new(move |client| {
        counter.fetch_add(1, Ordering::Relaxed);
        async move { Ok::<_, CallError>(client.get_me().await?.id()) }
    });
    let outcome = soon(stage.manager.submit(stage.sessions[0], custom).unwrap()).await;
    assert!(matches!(call_error(outcome), CallError::Flood { .. }));
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    assert!(stage.manager.session(stage.sessions[0]).unwrap().blocked_for.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_error_with_the_code_of_a_flood_but_no_time_is_a_refusal() {
    let stage = Stage::new(1).await;
    let send = || stage.manager.submit(stage.sessions[0], Send::new("friend", "x")).unwrap();
    stage.telegram.inject(Fault::rpc_error(420, "NO_TIME").on(Method::SEND_MESSAGE));
    assert!(matches!(call_error(soon(send()).await), CallError::Refused { code: 420, .. }));
    // That of a frozen account: it is no refusal of this call only.
    stage.telegram.inject(Fault::rpc_error(420, "FROZEN_METHOD_INVALID").on(Method::SEND_MESSAGE));
    assert!(matches!(call_error(soon(send()).await), CallError::Restricted { .. }));
    assert_eq!(stage.manager.session(stage.sessions[0]).unwrap().blocked_for, None);
}

#[tokio::test(start_paused = true)]
async fn a_frozen_account_does_nothing_and_one_that_is_restricted_sends_nothing() {
    let stage = Stage::new(2).await;
    let session = stage.sessions[0];
    let send = || stage.manager.submit(session, Send::new("friend", "x")).unwrap();
    let calls = || stage.calls(&[Method::GET_HISTORY, Method::SEND_MESSAGE, Method::GET_DIALOGS]);
    for (code, name, is_frozen) in [
        (400, "PEER_FLOOD", false),
        (420, "FROZEN_METHOD_INVALID", true),
        (400, "FROZEN_PARTICIPANT_MISSING", true),
    ] {
        let refuse = Fault::rpc_error(code, name).on(Method::SEND_MESSAGE);
        stage.telegram.inject(refuse.by(stage.id(0)));
        for _ in 0..2 {
            let error = call_error(soon(send()).await);
            assert!(matches!(&error, CallError::Restricted { name: said } if said == name));
        }
        let before = calls();
        let export = stage.manager.submit(session, ExportMessages::of("room").limit(10)).unwrap();
        let listen = stage.manager.submit(session, Monitor::new(|_| async { Ok(()) })).unwrap();
        let own = stage.manager.submit(session, asks()).unwrap();
        let (export, listen, own) = soon(async { tokio::join!(export, listen, own) }).await;
        let done = [export.is_done(), listen.is_done(), own.is_done()];
        assert_eq!(done, [!is_frozen; 3], "{name}: {export:?} {listen:?} {own:?}");
        if is_frozen {
            assert!(matches!(call_error(export), CallError::Restricted { .. }));
            assert_eq!(calls(), before, "Telegram is not asked");
        }
        let other = stage.manager.submit(stage.sessions[1], Send::new("friend", "y")).unwrap();
        assert!(soon(other).await.is_done(), "another account may");
        assert!(stage.manager.clear_restriction(session).unwrap());
        assert!(soon(send()).await.is_done());
    }
    stage.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_frozen_account_stays_frozen_whatever_else_is_said_of_it() {
    let stage = Stage::new(1).await;
    let go = Arc::new(Notify::new());
    let gate = Arc::clone(&go);
    let late = Custom::new(move |_| {
        let gate = Arc::clone(&gate);
        async move {
            gate.notified().await;
            Err::<(), _>(CallError::Restricted { name: "PEER_FLOOD".to_owned() })
        }
    });
    let late = stage.manager.submit(stage.sessions[0], late.shared()).unwrap();
    stage.until(0, |status| status.queued == 0).await;
    stage.telegram.inject(Fault::rpc_error(420, "FROZEN_METHOD_INVALID").on(Method::SEND_MESSAGE));
    let send = stage.manager.submit(stage.sessions[0], Send::new("friend", "x")).unwrap();
    assert!(matches!(call_error(soon(send).await), CallError::Restricted { .. }));
    go.notify_one();
    assert!(!soon(late).await.is_done());
    let status = stage.manager.session(stage.sessions[0]).unwrap();
    assert_eq!(status.restricted.as_deref(), Some("FROZEN_METHOD_INVALID"));
}

#[tokio::test(start_paused = true)]
async fn a_flood_wait_holds_the_account_and_no_other_and_no_permit() {
    let stage = Stage::new(2).await;
    // Longer than the queue lets anything wait: but this is no waiting in the queue.
    let wait = Duration::from_secs(90);
    stage.telegram.inject(Fault::flood_wait(wait).on(Method::SEND_MESSAGE).by(stage.id(0)));
    let begin = Instant::now();
    let flooded = stage.manager.submit(stage.sessions[0], Send::new("friend", "1")).unwrap();
    soon(stage.telegram.called(Method::SEND_MESSAGE, 1)).await;
    let behind = stage.manager.submit(stage.sessions[0], ExportMessages::of("room")).unwrap();
    let others =
        (0..3).map(|_| stage.manager.submit(stage.sessions[1], Send::new("friend", "x")).unwrap());
    for outcome in soon(join_all(others)).await {
        assert!(outcome.is_done());
    }
    assert!(begin.elapsed() < Duration::from_secs(1));
    let blocked = stage.manager.session(stage.sessions[0]).unwrap().blocked_for.unwrap();
    assert!(blocked <= wait && blocked > wait - Duration::from_secs(1), "{blocked:?}");
    let (flooded, behind) = soon(async { tokio::join!(flooded, behind) }).await;
    assert!(flooded.is_done() && behind.is_done());
    assert!(begin.elapsed() >= wait && begin.elapsed() < wait + Duration::from_secs(1));
    assert_eq!(stage.manager.metrics().await.unwrap().flood_waits, 1);
    stage.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_flood_wait_that_another_operation_meets_holds_what_runs_too() {
    let stage = Stage::new(1).await;
    let wait = Duration::from_secs(90);
    stage.telegram.inject(Fault::delay(Duration::from_secs(1)).on(Method::GET_HISTORY).after(1));
    let begin = Instant::now();
    let export = stage.manager.submit(stage.sessions[0], ExportMessages::of("room")).unwrap();
    soon(stage.telegram.called(Method::GET_HISTORY, 1)).await;
    stage.telegram.inject(Fault::flood_wait(wait).on(Method::GET_USERS));
    let asks = Custom::new(|client| async move {
        client.get_me().await?;
        Ok::<_, CallError>(())
    });
    let asks = stage.manager.submit(stage.sessions[0], asks.shared()).unwrap();
    assert!(matches!(call_error(soon(asks).await), CallError::Flood { .. }));
    assert!(begin.elapsed() < Duration::from_secs(1), "its second page is on its way");
    assert_eq!(soon(export).await.done().unwrap().len(), POSTS);
    assert!(begin.elapsed() >= wait, "{:?}", begin.elapsed());
    stage.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_panicking_operation_concerns_nobody_else() {
    let stage = Stage::new(2).await;
    let panics = Custom::new(|_| async { panic!("on purpose") });
    let panics = stage.manager.submit::<Custom<()>>(stage.sessions[0], panics).unwrap();
    // It may have called Telegram before it panicked.
    let Outcome::MaybeExecuted(Failure::Panicked(why)) = soon(panics).await else {
        panic!("it did not")
    };
    assert_eq!(why, "on purpose");
    let panics = |session| stage.manager.session(stage.sessions[session]).unwrap().panics;
    assert_eq!((panics(0), panics(1)), (1, 0));
    assert_eq!(stage.manager.metrics().await.unwrap().panics, 1);
    for id in &stage.sessions {
        let send = stage.manager.submit(*id, Send::new("friend", "alive")).unwrap();
        assert!(soon(send).await.is_done());
    }
    stage.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_final_and_typed() {
    let stage = Stage::new(1).await;
    stage.telegram.inject(Fault::rpc_error(403, "CHAT_WRITE_FORBIDDEN").on(Method::SEND_MESSAGE));
    let send = stage.manager.submit(stage.sessions[0], Send::new("friend", "x")).unwrap();
    match call_error(soon(send).await) {
        CallError::Refused { code, name } => {
            assert_eq!((code, &*name), (403, "CHAT_WRITE_FORBIDDEN"));
        }
        other => panic!("{other:?}"),
    }
    let nobody = stage.manager.submit(stage.sessions[0], Send::new("@nobody", "x")).unwrap();
    let error = call_error(soon(nobody).await).to_string();
    assert!(
        error.contains("USERNAME_NOT_OCCUPIED") || error.contains("nobody is called"),
        "{error}"
    );
    assert_eq!(stage.manager.metrics().await.unwrap().retried, 0);
}

#[tokio::test(start_paused = true)]
async fn a_lost_key_ends_its_session_and_no_other() {
    let stage = Stage::new(2).await;
    stage.telegram.inject(Fault::rpc_error(406, "AUTH_KEY_DUPLICATED").by(stage.id(0)));
    let send = stage.manager.submit(stage.sessions[0], Send::new("friend", "x")).unwrap();
    assert!(matches!(call_error(soon(send).await), CallError::KeyLost { .. }));
    assert_eq!(stage.manager.session(stage.sessions[0]).unwrap().state, SessionState::KeyLost);
    match stage.manager.submit(stage.sessions[0], Send::new("friend", "x")) {
        Err(SubmitError::NotConnected { state, .. }) => assert_eq!(state, SessionState::KeyLost),
        other => panic!("{other:?}"),
    }
    let send = stage.manager.submit(stage.sessions[1], Send::new("friend", "alive")).unwrap();
    assert!(soon(send).await.is_done());
}

#[tokio::test(start_paused = true)]
async fn an_account_that_telegram_bans_is_told_so_and_its_key_is_never_used_again() {
    let stage = Stage::new(2).await;
    assert_eq!(stage.telegram.revoke_as(stage.id(0), "USER_DEACTIVATED_BAN"), 1);
    let export = stage.manager.submit(stage.sessions[0], ExportMessages::of("room")).unwrap();
    match call_error(soon(export).await) {
        CallError::KeyLost { name } => assert_eq!(name, "USER_DEACTIVATED_BAN"),
        other => panic!("{other:?}"),
    }
    assert_eq!(stage.manager.session(stage.sessions[0]).unwrap().state, SessionState::KeyLost);
    let connections = stage.telegram.connections_made();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(stage.telegram.connections_made(), connections);
    let send = stage.manager.submit(stage.sessions[1], Send::new("friend", "alive")).unwrap();
    assert!(soon(send).await.is_done());
}
