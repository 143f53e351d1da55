//! What is held, for how long, and that all of it is given back.

use std::fmt::Debug;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use tgsession::{AddError, Custom, Kind, Manager, Outcome, Send, SessionState, SubmitError};
use tgtest::{Fault, Method};
use tokio::time::Instant;
use workspace_tests::{Hold, Stage, lock_error, secs, soon};

/// R5.
#[tokio::test(start_paused = true)]
async fn every_task_is_listed_and_gone_after_the_shutdown() {
    let stage = Stage::new(2).await;
    let [session, other] = stage.sessions[..] else { unreachable!("there are two") };
    let (hold, holding) = Hold::operation();
    let holding = stage.manager.submit(session, holding.shared()).unwrap();
    hold.entered().await;
    let tasks = stage.manager.session_tasks(session).await.unwrap();
    let mut names: Vec<_> = tasks.iter().map(|task| task.name).collect();
    drop(tasks);
    names.sort_unstable();
    let own = ["census", "dispatcher", "health", "io", "pump", "runner"];
    assert_eq!(names, own);

    let late: Vec<_> = (0..20)
        .map(|n| stage.manager.submit(other, Send::new("friend", n.to_string())).unwrap())
        .collect();
    let manager = stage.manager.clone();
    let ending = tokio::spawn(async move { manager.shutdown().await });
    stage.until(0, |status| status.state == SessionState::Stopped).await;
    match stage.manager.submit(session, Send::new("friend", "too late")) {
        Err(SubmitError::NotConnected { state, .. }) => assert_eq!(state, SessionState::Stopped),
        refused => panic!("{refused:?}"),
    }
    let added = soon(stage.manager.add_session(stage.late())).await;
    assert!(matches!(added, Err(AddError::ShuttingDown)), "{added:?}");
    hold.release();
    assert!(soon(holding).await.is_done(), "what runs may finish");
    for outcome in soon(join_all(late)).await {
        assert!(matches!(outcome, Outcome::Done(_) | Outcome::ShutDown), "{outcome:?}");
    }
    let report = soon(ending).await.unwrap();
    assert_eq!((report.stopped, report.survivors, report.left), (2, 0, 0));
    soon(stage.telegram.connected(0)).await;
    assert!(stage.manager.tasks().await.unwrap().is_empty());
    let metrics = stage.manager.metrics().await.unwrap();
    assert_eq!((metrics.sessions, metrics.added, metrics.removed), (0, 2, 2));
    assert_eq!(metrics.done + metrics.shut_down, 21);
}

/// R5.
#[tokio::test(start_paused = true)]
async fn an_adding_that_was_given_up_leaves_nothing_behind_the_shutdown() {
    let stage = Stage::new(1).await;
    let late = stage.telegram.account("late").unwrap().id();
    stage.telegram.inject(Fault::silence().on(Method::GET_USERS).by(late));
    let before = stage.calls(&[Method::GET_USERS]);
    let (manager, config) = (stage.manager.clone(), stage.late());
    let adding = tokio::spawn(async move { manager.add_session(config).await.map(drop) });
    soon(stage.telegram.called(Method::GET_USERS, before + 1)).await;
    let view = stage.manager.tasks().await.unwrap();
    assert_eq!(view.len(), 2);
    adding.abort();
    assert!(soon(adding).await.unwrap_err().is_cancelled());
    // Longer than two waits for the register.
    tokio::time::sleep(secs(70)).await;
    drop(view);
    let report = soon(stage.manager.shutdown()).await;
    assert_eq!((report.stopped, report.survivors, report.left), (1, 0, 0));
    assert!(stage.manager.tasks().await.unwrap().is_empty());
}

/// Asserts that the first session has nothing any more at this very moment, and that its permits are free.
async fn assert_all_is_back<T: Debug>(stage: &Stage, outcome: &Outcome<T>) {
    assert!(!outcome.is_done(), "{outcome:?}");
    let [session, other] = stage.sessions[..] else { unreachable!("there are two") };
    let status = stage.manager.session(session).unwrap();
    assert_eq!((status.queued, status.load), (0, 0), "{outcome:?}");
    let line = stage.manager.pause(session).now_or_never();
    let line = line.unwrap_or_else(|| panic!("its line is not free: {outcome:?}")).unwrap();
    assert_eq!(line.running(), None);
    drop(line);
    let begin = Instant::now();
    let send = stage.manager.submit(other, Send::new("friend", "alive")).unwrap();
    assert!(soon(send).await.is_done());
    assert!(begin.elapsed() < Duration::from_millis(100), "{:?}", begin.elapsed());
}

/// R6.
#[tokio::test(start_paused = true)]
async fn everything_is_back_before_an_error_reaches_the_caller() {
    let manager = Manager::builder()
        .operation_permits(1)
        .retries(Kind::Send, 0)
        .timeout(Kind::Send, secs(1))
        .build()
        .unwrap();
    let stage = Stage::with(2, manager).await;
    let send = || stage.manager.submit(stage.sessions[0], Send::new("friend", "x")).unwrap();
    let inject =
        |fault: Fault| stage.telegram.inject(fault.on(Method::SEND_MESSAGE).by(stage.id(0)));
    for fault in [
        Fault::rpc_error(403, "CHAT_WRITE_FORBIDDEN"),
        Fault::rpc_error(500, "INTERNAL"),
        Fault::silence(),
    ] {
        inject(fault);
        assert_all_is_back(&stage, &soon(send()).await).await;
    }
    let panics = Custom::<()>::new(|_| async { panic!("on purpose") });
    let panics = stage.manager.submit(stage.sessions[0], panics).unwrap();
    assert_all_is_back(&stage, &soon(panics).await).await;

    inject(Fault::silence());
    let (before, given_up) = (stage.calls(&[Method::SEND_MESSAGE]), send());
    soon(stage.telegram.called(Method::SEND_MESSAGE, before + 1)).await;
    assert_all_is_back(&stage, &soon(given_up.cancel()).await).await;
    inject(Fault::lose_answer());
    assert_all_is_back(&stage, &soon(send()).await).await;
}

/// R7.
#[tokio::test(start_paused = true)]
async fn a_circular_wait_is_reported_and_a_timeout_lets_others_go_on() {
    let stage = Stage::with(2, Manager::builder().lock_timeout(secs(1)).build().unwrap()).await;
    let [session, other] = stage.sessions[..] else { unreachable!("there are two") };
    // An operation that has the session waits for its line, and this one the other way round.
    let manager = stage.manager.clone();
    let circle = tokio::spawn(async move {
        let _line = manager.pause(session).await.unwrap();
        manager.reconnect(session).await
    });
    let report = soon(circle).await.unwrap_err().into_panic().downcast::<String>().unwrap();
    assert!(report.contains("wanted: manager.session (level 3)"), "{report}");
    assert!(report.contains("held: session.operation (level 4)"), "{report}");

    let line = stage.manager.pause(session).await.unwrap();
    let begin = Instant::now();
    let waiting = stage.manager.submit(session, Send::new("friend", "late")).unwrap();
    let goes_on = stage.manager.submit(other, Send::new("friend", "meanwhile")).unwrap();
    assert!(soon(goes_on).await.is_done());
    assert!(begin.elapsed() < secs(1), "{:?}", begin.elapsed());
    let error = lock_error(soon(waiting).await);
    let class = error.timed_out().map(|timed_out| timed_out.wanted.class.name());
    assert_eq!(class, Some("session.operation"), "{error}");
    assert_eq!(begin.elapsed().as_secs(), 1);
    drop(line);
    let free = stage.manager.submit(session, Send::new("friend", "free")).unwrap();
    assert!(soon(free).await.is_done());
    assert_eq!(stage.texts(), ["meanwhile", "free"]);
}
