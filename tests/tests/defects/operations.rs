//! What becomes of single operations.

use futures_util::future::join_all;
use tgsession::{CallError, ExportMembers, ExportMessages, Manager, Outcome, Send};
use tgtest::{Fault, Method};
use tokio::time::Instant;
use workspace_tests::{Heard, POSTS, Stage, call_error, eventually, secs, soon};

#[tokio::test(start_paused = true)]
async fn closures_keep_their_own_target() {
    let stage = Stage::new(5).await;
    let mut hearing = Vec::new();
    for &session in &stage.sessions[1..] {
        hearing.push(Heard::of(&stage.manager, session).await.1);
    }
    let mut tickets = Vec::new();
    for n in 1..5 {
        let send = Send::new(format!("a{n}"), format!("for a{n}"));
        tickets.push(stage.manager.submit(stage.sessions[0], send).unwrap());
    }
    assert!(soon(join_all(tickets)).await.iter().all(Outcome::is_done));
    let sent: Vec<_> = stage.telegram.sent().into_iter().map(|sent| (sent.to, sent.text)).collect();
    let wanted: Vec<_> = (1..5).map(|n| (stage.id(n).0, format!("for a{n}"))).collect();
    assert_eq!(sent, wanted);
    for (n, heard) in (1..5).zip(&mut hearing) {
        assert_eq!(heard.next().await, format!("for a{n}"));
        assert!(heard.is_silent());
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_not_taken_for_success() {
    let stage = Stage::new(1).await;
    let session = stage.sessions[0];
    stage.telegram.inject(Fault::rpc_error(400, "PEER_ID_INVALID").on(Method::SEND_MESSAGE));
    let send = stage.manager.submit(session, Send::new("friend", "refused")).unwrap();
    assert!(matches!(call_error(soon(send).await), CallError::Refused { .. }));
    let members = stage.manager.submit(session, ExportMembers::of("quiet")).unwrap();
    assert!(matches!(call_error(soon(members).await), CallError::Invalid(_)));
    let quiet = stage.telegram.channel("quiet").unwrap();
    assert!(stage.telegram.set_role(quiet, stage.id(0), None));
    let export = stage.manager.submit(session, ExportMessages::of("quiet")).unwrap();
    match call_error(soon(export).await) {
        CallError::Refused { name, .. } => assert_eq!(name, "CHANNEL_PRIVATE"),
        other => panic!("{other}"),
    }
    let metrics = stage.manager.metrics().await.unwrap();
    assert_eq!((metrics.done, metrics.failed), (0, 3));
    assert!(stage.telegram.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_not_retried_after_a_partial_success() {
    let stage = Stage::new(1).await;
    stage.telegram.inject(Fault::rpc_error(500, "INTERNAL").on(Method::SEND_MESSAGE).after(2));
    let batch = (0..5).map(|n| Send::new("friend", n.to_string()));
    let batch: Vec<_> =
        batch.map(|send| stage.manager.submit(stage.sessions[0], send).unwrap()).collect();
    assert!(soon(join_all(batch)).await.iter().all(Outcome::is_done));
    assert_eq!(stage.texts(), ["0", "1", "3", "4", "2"], "only that which failed comes again");
    assert_eq!(stage.calls(&[Method::SEND_MESSAGE]), 6);
    assert_eq!(stage.manager.metrics().await.unwrap().retried, 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_may_pass_is_tried_again() {
    let stage = Stage::with(1, Manager::builder().jitter(false).build().unwrap()).await;
    let begin = Instant::now();
    stage.telegram.inject(Fault::rpc_error(500, "INTERNAL").on(Method::GET_HISTORY).times(2));
    let export = stage.manager.submit(stage.sessions[0], ExportMessages::of("room")).unwrap();
    assert_eq!(soon(export).await.done().unwrap().len(), POSTS);
    assert_eq!(begin.elapsed().as_secs(), 6, "after 2 s, and after 4 s more");
    let metrics = stage.manager.metrics().await.unwrap();
    assert_eq!((metrics.retried, metrics.done, metrics.failed), (2, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_3600_s_is_waited_for_and_not_retried_after_1_s() {
    let stage = Stage::new(1).await;
    stage.telegram.inject(Fault::flood_wait(secs(3600)).on(Method::SEND_MESSAGE));
    let send = stage.manager.submit(stage.sessions[0], Send::new("friend", "too fast")).unwrap();
    soon(stage.telegram.called(Method::SEND_MESSAGE, 1)).await;
    stage.until(0, |status| status.queued == 1).await;
    // Time enough for whoever does not wait. The whole hour is more than the update stream of `grammers` bears on
    // paused time.
    tokio::time::sleep(secs(300)).await;
    assert_eq!(stage.calls(&[Method::SEND_MESSAGE]), 1);
    let status = stage.manager.session(stage.sessions[0]).unwrap();
    let left = status.blocked_for.unwrap();
    assert!(left > secs(3290) && left <= secs(3300), "{left:?}");
    assert_eq!((status.queued, status.load), (1, 1), "it waits");
    assert!(matches!(soon(send.cancel()).await, Outcome::Cancelled));
    assert_eq!(stage.manager.metrics().await.unwrap().flood_waits, 1);
}

#[tokio::test(start_paused = true)]
async fn words_in_the_name_of_an_error_do_not_sort_it() {
    let stage = Stage::new(1).await;
    for (code, said) in
        [(400, "FLOOD_SKIP_FAILED"), (403, "CHAT_TIMEOUT_FORBIDDEN"), (400, "AUTH_KEY_PERM_EMPTY")]
    {
        let before = stage.calls(&[Method::SEND_MESSAGE]);
        stage.telegram.inject(Fault::rpc_error(code, said).on(Method::SEND_MESSAGE));
        let send = stage.manager.submit(stage.sessions[0], Send::new("friend", "x")).unwrap();
        match call_error(eventually(send).await) {
            CallError::Refused { code: found, name } => assert_eq!((found, &*name), (code, said)),
            other => panic!("{said}: {other:?}"),
        }
        assert_eq!(stage.calls(&[Method::SEND_MESSAGE]) - before, 1, "{said} was tried again");
        assert_eq!(stage.manager.session(stage.sessions[0]).unwrap().blocked_for, None);
    }
}
