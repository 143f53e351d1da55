//! Locks and slots: what is taken, when, and for how long.

use std::sync::Arc;

use tgsession::{
    ExportMembers, ExportMessages, Failure, Manager, Monitor, Outcome, Send, SessionState,
};
use tgtest::{Fault, Method};
use tokio::sync::Barrier;
use tokio::time::Instant;
use workspace_tests::{Hold, Stage, asks, secs, soon};

/// What operations call.
const CALLS: [Method; 5] = [
    Method::GET_USERS,
    Method::SEND_MESSAGE,
    Method::GET_HISTORY,
    Method::GET_PARTICIPANTS,
    Method::RESOLVE_USERNAME,
];

#[tokio::test(start_paused = true)]
async fn no_operation_waits_for_level_1() {
    let stage = Stage::new(1).await;
    let session = stage.sessions[0];
    // Both locks of the level are kept, each by a task of its own, until everybody meets again.
    let meet = Arc::new(Barrier::new(3));
    let (manager, meets) = (stage.manager.clone(), Arc::clone(&meet));
    let register = tokio::spawn(async move {
        let _view = manager.tasks().await.unwrap();
        meets.wait().await;
        meets.wait().await;
    });
    let (manager, meets) = (stage.manager.clone(), Arc::clone(&meet));
    let totals = tokio::spawn(async move {
        let _view = manager.totals().await.unwrap();
        meets.wait().await;
        meets.wait().await;
    });
    soon(meet.wait()).await;
    let begin = Instant::now();
    let monitor = Monitor::new(|_| async { Ok(()) });
    let monitor = stage.manager.submit(session, monitor).unwrap();
    let export = stage.manager.submit(session, ExportMessages::of("room")).unwrap();
    let members = stage.manager.submit(session, ExportMembers::of("room")).unwrap();
    let send = stage.manager.submit(session, Send::new("friend", "x")).unwrap();
    let custom = stage.manager.submit(session, asks()).unwrap();
    assert!(soon(monitor).await.is_done() && soon(export).await.is_done());
    assert!(soon(members).await.is_done() && soon(send).await.is_done());
    assert!(soon(custom).await.is_done());
    soon(stage.manager.reconnect(session)).await.unwrap();
    assert!(begin.elapsed() < secs(1), "{:?}", begin.elapsed());
    soon(meet.wait()).await;
    register.await.unwrap();
    totals.await.unwrap();
    stage.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn no_call_goes_past_the_operation_lock() {
    let stage = Stage::new(1).await;
    let session = stage.sessions[0];
    let line = stage.manager.pause(session).await.unwrap();
    let before = stage.calls(&CALLS);
    let monitor = Monitor::new(|_| async { Ok(()) });
    let monitor = stage.manager.submit(session, monitor).unwrap();
    let export = stage.manager.submit(session, ExportMessages::of("room")).unwrap();
    let members = stage.manager.submit(session, ExportMembers::of("room")).unwrap();
    let send = stage.manager.submit(session, Send::new("friend", "x")).unwrap();
    let custom = stage.manager.submit(session, asks()).unwrap();
    // They have twenty seconds to do what they must not; after thirty the health is asked for.
    tokio::time::sleep(secs(20)).await;
    assert_eq!(stage.calls(&CALLS), before);
    assert_eq!(line.running(), None);
    drop(line);
    assert!(soon(monitor).await.is_done() && soon(export).await.is_done());
    assert!(soon(members).await.is_done() && soon(send).await.is_done());
    assert!(soon(custom).await.is_done());
    assert_eq!(stage.manager.pause(session).await.unwrap().finished(), 5);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_tasks_under_a_global_lock() {
    let stage = Stage::new(2).await;
    let session = stage.sessions[0];
    let (hold, holding) = Hold::operation();
    let holding = stage.manager.submit(session, holding).unwrap();
    hold.entered().await;
    let manager = stage.manager.clone();
    let removing = tokio::spawn(async move { manager.remove_session(session).await });
    stage.until(0, |status| status.state == SessionState::Stopped).await;
    let begin = Instant::now();
    assert_eq!(stage.manager.tasks().await.unwrap().len(), 2);
    assert_eq!(stage.manager.metrics().await.unwrap().sessions, 2);
    let late = soon(stage.manager.add_session(stage.late())).await.unwrap();
    for id in [late, stage.sessions[1]] {
        let send = stage.manager.submit(id, Send::new("friend", "meanwhile")).unwrap();
        assert!(soon(send).await.is_done());
    }
    assert!(begin.elapsed() < secs(1), "{:?}", begin.elapsed());
    assert!(!removing.is_finished(), "its operation runs");
    hold.release();
    assert!(soon(holding).await.is_done());
    assert_eq!(soon(removing).await.unwrap().unwrap().survivors, 0);
}

#[tokio::test(start_paused = true)]
async fn a_slot_is_not_held_during_backoff() {
    let manager = Manager::builder()
        .scrape_permits(1)
        .operation_permits(1)
        .backoff(secs(20))
        .jitter(false)
        .build()
        .unwrap();
    let stage = Stage::with(2, manager).await;
    for method in [Method::GET_HISTORY, Method::SEND_MESSAGE] {
        stage.telegram.inject(Fault::rpc_error(500, "INTERNAL").on(method).by(stage.id(0)));
    }
    let export =
        |i: usize| stage.manager.submit(stage.sessions[i], ExportMessages::of("room")).unwrap();
    let send =
        |i: usize| stage.manager.submit(stage.sessions[i], Send::new("friend", "x")).unwrap();
    let (exports, sends) = (export(0), send(0));
    soon(stage.telegram.called(Method::GET_HISTORY, 1)).await;
    soon(stage.telegram.called(Method::SEND_MESSAGE, 1)).await;
    stage.until(0, |status| status.queued == 2).await;
    let begin = Instant::now();
    assert!(soon(export(1)).await.is_done() && soon(send(1)).await.is_done());
    assert!(begin.elapsed() < secs(1), "both slots are free: {:?}", begin.elapsed());
    assert!(soon(exports).await.is_done() && soon(sends).await.is_done());
    assert!(begin.elapsed() > secs(19), "they waited meanwhile: {:?}", begin.elapsed());
    stage.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_somebody_else_has_is_not_taken_for_ones_own() {
    let stage = Stage::with(1, Manager::builder().lock_timeout(secs(5)).build().unwrap()).await;
    let send = |text| stage.manager.submit(stage.sessions[0], Send::new("friend", text)).unwrap();
    let line = stage.manager.pause(stage.sessions[0]).await.unwrap();
    // Whoever does not get it gives nothing back: the second does not get it either.
    for text in ["first", "second"] {
        let outcome = soon(send(text)).await;
        assert!(matches!(outcome, Outcome::Failed(Failure::Lock(_))), "{outcome:?}");
    }
    assert_eq!(line.finished(), 0);
    assert!(stage.texts().is_empty());
    drop(line);
    assert!(soon(send("third")).await.is_done());
    assert_eq!(stage.texts(), ["third"]);
}
