//! Each of the eight locks contended through the public API, and timing out, while other sessions go on.
//!
//! Time is paused: the thirty seconds pass at once.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use lockorder::AcquireError;
use tgsession::{
    AddError, ExportMessages, Manager, Monitor, Outcome, ReconnectError, Send, SessionId, ViewError,
};
use tgtest::{Fault, Method};
use tokio::sync::Notify;
use tokio::time::Instant;
use workspace_tests::{Stage, eventually as soon, lock_error};

const LIMIT: Duration = Duration::from_secs(30);

/// Asserts that this is the time-out of this lock, and that it says who was in the way.
#[track_caller]
fn assert_timed_out(error: &AcquireError, class: &str, begin: Instant) {
    let timed_out = error.timed_out().expect("it timed out");
    assert_eq!(timed_out.wanted.class.name(), class);
    assert_eq!(timed_out.waited, LIMIT);
    assert!(!timed_out.holders.is_empty(), "{error}");
    assert!(timed_out.holders.iter().all(|h| h.lock.class.name() == class), "{error}");
    assert!(begin.elapsed() >= LIMIT && begin.elapsed() < LIMIT * 2, "{:?}", begin.elapsed());
}

/// A manager in whose queues operations wait for longer than for a lock, and for less than a send takes.
fn patient() -> Manager {
    Manager::builder().queue_wait(Duration::from_secs(45)).build().unwrap()
}

/// Asserts that the operation got no permit for as long as the queue lets it wait, over the time-out of one wait.
async fn assert_expired<T: Debug>(outcome: &Outcome<T>, manager: &Manager, begin: Instant) {
    let is_expired =
        matches!(outcome, Outcome::ExpiredInQueue { waited } if waited.as_secs() == 45);
    assert!(is_expired, "{outcome:?}");
    assert_eq!(begin.elapsed().as_secs(), 45);
    let metrics = manager.metrics().await.unwrap();
    assert_eq!((metrics.expired, metrics.lock_timeouts), (1, 2), "after 30 s and at the end");
}

/// Asserts that another session does its work at once.
async fn assert_goes_on(manager: &Manager, other: SessionId) {
    let begin = Instant::now();
    let sent = manager.submit(other, Send::new("friend", "meanwhile")).unwrap();
    assert!(soon(sent).await.is_done());
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
}

/// Nothing is held once everything has ended.
async fn assert_all_given_back(stage: Stage) {
    let report = soon(stage.manager.shutdown()).await;
    assert_eq!((report.survivors, report.left), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_register_of_tasks() {
    let stage = Stage::new(1).await;
    let view = stage.manager.tasks().await.unwrap();
    let (manager, late, begin) = (stage.manager.clone(), stage.late(), Instant::now());
    let adding = tokio::spawn(async move { manager.add_session(late).await });
    assert_goes_on(&stage.manager, stage.sessions[0]).await;
    let Err(AddError::Lock(error)) = soon(adding).await.unwrap() else { panic!("it was added") };
    assert_timed_out(&error, "manager.tasks", begin);
    assert_eq!(view.len(), 1);
    drop(view);
    soon(stage.manager.add_session(stage.late())).await.unwrap();
    assert_all_given_back(stage).await;
}

#[tokio::test(start_paused = true)]
async fn the_metrics() {
    let stage = Stage::new(1).await;
    let view = stage.manager.totals().await.unwrap();
    let (manager, begin) = (stage.manager.clone(), Instant::now());
    let counting = tokio::spawn(async move { manager.metrics().await });
    assert_goes_on(&stage.manager, stage.sessions[0]).await;
    assert_timed_out(&soon(counting).await.unwrap().unwrap_err(), "manager.metrics", begin);
    assert_eq!(view.added, 1);
    drop(view);
    assert_eq!(stage.manager.metrics().await.unwrap().done, 1);
    assert_all_given_back(stage).await;
}

#[tokio::test(start_paused = true)]
async fn the_scrape_permits() {
    let stage = Stage::with(7, patient()).await;
    stage.telegram.inject(Fault::silence().on(Method::GET_HISTORY).times(5));
    let export =
        |i: usize| stage.manager.submit(stage.sessions[i], ExportMessages::of("room")).unwrap();
    let holding: Vec<_> = (0..5).map(export).collect();
    soon(stage.telegram.called(Method::GET_HISTORY, 5)).await;
    let (waiting, begin) = (export(5), Instant::now());
    assert_goes_on(&stage.manager, stage.sessions[6]).await;
    assert_expired(&soon(waiting).await, &stage.manager, begin).await;
    drop(holding);
    assert!(soon(export(5)).await.is_done());
    assert_all_given_back(stage).await;
}

#[tokio::test(start_paused = true)]
async fn the_operation_permits() {
    let stage = Stage::with(5, patient()).await;
    stage.telegram.inject(Fault::silence().on(Method::SEND_MESSAGE).times(3));
    let send =
        |i: usize| stage.manager.submit(stage.sessions[i], Send::new("friend", "x")).unwrap();
    let holding: Vec<_> = (0..3).map(send).collect();
    soon(stage.telegram.called(Method::SEND_MESSAGE, 3)).await;
    let (waiting, begin) = (send(3), Instant::now());
    let other = stage.manager.submit(stage.sessions[4], ExportMessages::of("room")).unwrap();
    assert!(soon(other).await.is_done());
    assert_expired(&soon(waiting).await, &stage.manager, begin).await;
    drop(holding);
    assert!(soon(send(3)).await.is_done());
    assert_all_given_back(stage).await;
}

#[tokio::test(start_paused = true)]
async fn the_managers_lock_on_a_session() {
    let stage = Stage::new(2).await;
    stage.telegram.inject(Fault::silence().on(Method::GET_HISTORY));
    let holding = stage.manager.submit(stage.sessions[0], ExportMessages::of("room")).unwrap();
    soon(stage.telegram.called(Method::GET_HISTORY, 1)).await;
    let (manager, id, begin) = (stage.manager.clone(), stage.sessions[0], Instant::now());
    let reconnecting = tokio::spawn(async move { manager.reconnect(id).await });
    assert_goes_on(&stage.manager, stage.sessions[1]).await;
    let Err(ReconnectError::Lock(error)) = soon(reconnecting).await.unwrap() else {
        panic!("it reconnected under an operation");
    };
    assert_timed_out(&error, "manager.session", begin);
    assert!(matches!(soon(holding.cancel()).await, Outcome::Cancelled));
    soon(stage.manager.reconnect(stage.sessions[0])).await.unwrap();
    assert_all_given_back(stage).await;
}

#[tokio::test(start_paused = true)]
async fn a_sessions_operation_lock() {
    let stage = Stage::new(2).await;
    let paused = stage.manager.pause(stage.sessions[0]).await.unwrap();
    let begin = Instant::now();
    let waiting = stage.manager.submit(stage.sessions[0], ExportMessages::of("room")).unwrap();
    assert_goes_on(&stage.manager, stage.sessions[1]).await;
    assert_timed_out(&lock_error(soon(waiting).await), "session.operation", begin);
    assert_eq!(paused.finished(), 0);
    drop(paused);
    assert_goes_on(&stage.manager, stage.sessions[0]).await;
    assert_eq!(stage.manager.pause(stage.sessions[0]).await.unwrap().finished(), 1);
    assert_all_given_back(stage).await;
}

#[tokio::test(start_paused = true)]
async fn a_sessions_task_lock() {
    let stage = Stage::new(2).await;
    let table = stage.manager.session_tasks(stage.sessions[0]).await.unwrap();
    let mut names: Vec<_> = table.iter().map(|task| task.name).collect();
    names.sort_unstable();
    assert_eq!(names, ["census", "dispatcher", "health", "io", "pump", "runner"]);
    let begin = Instant::now();
    let (manager, session) = (stage.manager.clone(), stage.sessions[0]);
    let listing = tokio::spawn(async move { manager.session_tasks(session).await.map(drop) });
    assert_goes_on(&stage.manager, stage.sessions[1]).await;
    // No task starts with an operation.
    assert_goes_on(&stage.manager, stage.sessions[0]).await;
    let Err(ViewError::Lock(error)) = soon(listing).await.unwrap() else { panic!("it was listed") };
    assert_timed_out(&error, "session.tasks", begin);
    drop(table);
    soon(stage.manager.session_tasks(stage.sessions[0])).await.unwrap();
    assert_all_given_back(stage).await;
}

#[tokio::test(start_paused = true)]
async fn a_sessions_handler_lock() {
    let stage = Stage::new(2).await;
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (enters, released) = (Arc::clone(&entered), Arc::clone(&release));
    let stuck = Monitor::new(move |_| {
        let (enters, released) = (Arc::clone(&enters), Arc::clone(&released));
        async move {
            enters.notify_one();
            released.notified().await;
            Ok(())
        }
    });
    let monitoring = stage.manager.submit(stage.sessions[0], stuck).unwrap();
    let monitoring = Arc::new(soon(monitoring).await.done().unwrap());
    stage.push(0, "hello");
    soon(entered.notified()).await;

    let begin = Instant::now();
    let stopping = tokio::spawn({
        let monitoring = Arc::clone(&monitoring);
        async move { monitoring.stop().await }
    });
    assert_goes_on(&stage.manager, stage.sessions[1]).await;
    // Another monitor waits for no handler, and neither does an operation of the same session.
    let second = Monitor::new(|_| async { Ok(()) });
    let second =
        soon(stage.manager.submit(stage.sessions[0], second).unwrap()).await.done().unwrap();
    assert_goes_on(&stage.manager, stage.sessions[0]).await;
    let error = soon(stopping).await.unwrap().unwrap_err();
    assert_timed_out(&error, "session.handlers", begin);
    release.notify_one();
    soon(monitoring.stop()).await.unwrap();
    soon(second.stop()).await.unwrap();
    assert!(stage.manager.session_handlers(stage.sessions[0]).await.unwrap().is_empty());
    assert_all_given_back(stage).await;
}

#[tokio::test]
async fn an_inversion_planted_in_the_manager_is_reported_with_both_locks_and_both_places() {
    let stage = Stage::new(1).await;
    let manager = stage.manager.clone();
    let panic = tokio::spawn(async move { manager.__invert().await }).await.unwrap_err();
    let report = *panic.into_panic().downcast::<String>().unwrap();
    assert!(report.starts_with("lock order violation: this can deadlock"), "{report}");
    assert!(report.contains("wanted: manager.tasks (level 1), exclusive, at "), "{report}");
    assert!(report.contains("held: manager.operations (level 2), 1 permit, at "), "{report}");
    for place in ["manager/tasks.rs:", "session/permits.rs:"] {
        assert!(report.contains(place), "{place} is missing: {report}");
    }
    assert_all_given_back(stage).await;
}
