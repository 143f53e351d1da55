//! The life of sessions: what is counted, and what is left at the end.

use std::sync::Arc;

use futures_util::future::join_all;
use tgsession::{AddError, CallError, Limits, Monitor, Outcome, Send, SessionConfig, SubmitError};
use tgtest::{Fault, Method};
use tokio::sync::{Barrier, mpsc};
use tokio::time::Instant;
use workspace_tests::{Heard, Stage, call_error, config, limited, secs, soon};

#[tokio::test(start_paused = true)]
async fn tasks_of_a_shutdown_are_gone_after_it_and_no_counter_is_negative() {
    let stage = Stage::with(3, limited(Limits::none())).await;
    let (manager, sessions) = (stage.manager.clone(), stage.sessions.clone());
    // Submits as long as somebody takes something: before the shutdown, and while it goes on.
    let submitting = tokio::spawn(async move {
        let mut tickets = Vec::new();
        loop {
            let mut refused = 0;
            for &session in &sessions {
                match manager.submit(session, Send::new("friend", "x")) {
                    Ok(ticket) => tickets.push(ticket),
                    Err(SubmitError::QueueFull { .. }) => {}
                    Err(_) => refused += 1,
                }
            }
            if refused == sessions.len() {
                return tickets;
            }
            tokio::task::yield_now().await;
        }
    });
    soon(stage.telegram.called(Method::SEND_MESSAGE, 10)).await;
    let report = soon(stage.manager.shutdown()).await;
    assert_eq!((report.stopped, report.survivors, report.left), (3, 0, 0));
    let outcomes = soon(join_all(soon(submitting).await.unwrap())).await;
    let maybe = outcomes.iter().filter(|o| matches!(o, Outcome::MaybeExecuted(_))).count();
    let done = outcomes.iter().filter(|o| o.is_done()).count();
    assert!((done..=done + maybe).contains(&stage.texts().len()), "{done} done, {maybe} maybe");
    soon(stage.telegram.connected(0)).await;
    assert!(stage.manager.tasks().await.unwrap().is_empty());
    let metrics = stage.manager.metrics().await.unwrap();
    assert_eq!((metrics.sessions, metrics.connected), (0, 0));
    let ends = [metrics.done, metrics.failed, metrics.expired, metrics.timed_out];
    let answered = ends.iter().sum::<u64>() + metrics.cancelled + metrics.shut_down;
    assert_eq!(answered, outcomes.len() as u64, "{metrics:?}");
}

#[tokio::test(start_paused = true)]
async fn budgets_are_hard() {
    let stage = Stage::new(3).await;
    let (enters, mut entered) = mpsc::unbounded_channel();
    for (account, &session) in stage.sessions.iter().enumerate() {
        let enters = enters.clone();
        let stuck = Monitor::new(move |_| {
            let enters = enters.clone();
            async move {
                enters.send(())?;
                std::future::pending::<()>().await;
                Ok(())
            }
        });
        assert!(soon(stage.manager.submit(session, stuck).unwrap()).await.is_done());
        stage.push(account, "hello");
        soon(entered.recv()).await.unwrap();
    }
    stage.telegram.inject(Fault::silence().on(Method::SEND_MESSAGE).always());
    let send = || Send::new("friend", "unanswered");
    let sends = stage.sessions.iter().map(|&id| stage.manager.submit(id, send()).unwrap());
    let sends: Vec<_> = sends.collect();
    soon(stage.telegram.called(Method::SEND_MESSAGE, 3)).await;

    let begin = Instant::now();
    let stopped = soon(stage.manager.remove_session(stage.sessions[0])).await.unwrap();
    assert_eq!(stopped.survivors, 0);
    assert!(begin.elapsed() <= secs(5), "{:?}", begin.elapsed());

    // Somebody keeps the register, from which sessions are taken last.
    let meet = Arc::new(Barrier::new(2));
    let (manager, meets) = (stage.manager.clone(), Arc::clone(&meet));
    let keeper = tokio::spawn(async move {
        let _view = manager.tasks().await.unwrap();
        meets.wait().await;
        meets.wait().await;
    });
    soon(meet.wait()).await;
    let report = soon(stage.manager.shutdown()).await;
    assert_eq!((report.stopped, report.survivors, report.left), (2, 0, 2));
    assert!(report.took < secs(11), "{:?}", report.took);
    for outcome in soon(join_all(sends)).await {
        assert!(matches!(outcome, Outcome::MaybeExecuted(_)), "{outcome:?}");
    }
    soon(meet.wait()).await;
    keeper.await.unwrap();
    assert_eq!(soon(stage.manager.shutdown()).await.left, 0);
}

#[tokio::test(start_paused = true)]
async fn monitoring_does_not_start_without_a_connection() {
    let stage = Stage::new(1).await;
    let session = stage.sessions[0];
    soon(stage.telegram.stop()).await;
    let monitor = Monitor::new(|_| async { Ok(()) });
    let begun = soon(stage.manager.submit(session, monitor).unwrap()).await;
    assert!(matches!(call_error(begun), CallError::Unavailable { .. }));
    assert!(stage.manager.session_handlers(session).await.unwrap().is_empty());
    soon(stage.telegram.start_again()).await.unwrap();
    soon(stage.telegram.connected(1)).await;
    let (_monitoring, mut heard) = Heard::of(&stage.manager, session).await;
    stage.push(0, "hello");
    assert_eq!(heard.next().await, "hello");
    assert_eq!(stage.manager.session_handlers(session).await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_double_start_is_counted_once() {
    let stage = Stage::new(0).await;
    let adding = [stage.late(), stage.late()].map(|config| {
        let manager = stage.manager.clone();
        tokio::spawn(async move { manager.add_session(config).await })
    });
    let mut added = Vec::new();
    for add in adding {
        match soon(add).await.unwrap() {
            Ok(id) => added.push(id),
            Err(AddError::AlreadyAdded(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(added.len(), 1);
    soon(stage.manager.reconnect(added[0])).await.unwrap();
    let metrics = stage.manager.metrics().await.unwrap();
    assert_eq!((metrics.sessions, metrics.connected), (1, 1));
    assert_eq!((metrics.added, metrics.removed), (1, 0));
    assert_eq!(stage.telegram.connections_made(), 2, "one, and one more by reconnecting");
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_leaks_no_client() {
    let stage = Stage::new(1).await;
    let first = stage.sessions[0];
    let late = stage.telegram.account("late").unwrap();
    // Labels are for people: two accounts may have the same.
    let twin = SessionConfig::new("a0", late.session_data(), 1);
    let twin = soon(stage.manager.add_session(twin)).await.unwrap();
    let labels: Vec<_> = stage.manager.sessions().into_iter().map(|status| status.label).collect();
    assert_eq!(labels, ["a0", "a0"]);
    for _ in 0..3 {
        let again = soon(stage.manager.add_session(config(&stage.telegram, "a0"))).await;
        assert!(matches!(again, Err(AddError::AlreadyAdded(id)) if id == first), "{again:?}");
    }
    assert_eq!((stage.telegram.connections(), stage.telegram.connections_made()), (2, 2));
    soon(stage.manager.remove_session(twin)).await.unwrap();
    soon(stage.telegram.connected(1)).await;
    let send = stage.manager.submit(first, Send::new("friend", "x")).unwrap();
    assert!(soon(send).await.is_done(), "the other one is as it was");
    soon(stage.manager.remove_session(first)).await.unwrap();
    soon(stage.telegram.connected(0)).await;
    assert!(stage.manager.sessions().is_empty());
}
