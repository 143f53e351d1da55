//! What the log says of operations that were not done: which it was, how long it took, and who was in the way.

use tgsession::{Custom, ExportMessages, Kind, Manager, Outcome, Send};
use tgtest::{Fault, Method};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::{EnvFilter, fmt};
use workspace_tests::{Logged, Stage, eventually, lock_error, secs};

/// What this thread logs from now on.
fn logging() -> (Logged, DefaultGuard) {
    let logged = Logged::default();
    let writer = logged.clone();
    let subscriber = fmt::Subscriber::builder()
        .with_env_filter(EnvFilter::new("tgsession=warn"))
        .with_ansi(false)
        .without_time()
        .with_writer(move || writer.clone())
        .finish();
    (logged, tracing::subscriber::set_default(subscriber))
}

/// Asserts that one line has all of this.
#[track_caller]
fn assert_told(log: &Logged, wanted: &[&str]) {
    let text = log.text();
    let has_all = |line: &str| wanted.iter().all(|word| line.contains(word));
    assert!(text.lines().any(has_all), "{wanted:?} are not in one line of {text}");
}

#[tokio::test(start_paused = true)]
async fn who_gets_no_permit_is_told_with_the_whole_situation_at_each_time_out() {
    let manager = Manager::builder().scrape_permits(1).queue_wait(secs(45)).build().unwrap();
    let stage = Stage::with(2, manager).await;
    let (log, _logging) = logging();
    stage.telegram.inject(Fault::silence().on(Method::GET_HISTORY));
    let export =
        |i: usize| stage.manager.submit(stage.sessions[i], ExportMessages::of("room")).unwrap();
    let _holding = export(0);
    eventually(stage.telegram.called(Method::GET_HISTORY, 1)).await;
    let first = export(1);
    stage.until(1, |status| status.queued == 0).await;
    let _second = export(1);
    assert!(matches!(eventually(first).await, Outcome::ExpiredInQueue { .. }));
    let common = ["WARN", "session=2", "operation=0", "kind=export-messages"];
    let lock = ["a lock was not free in time", "manager.scrapes (level 2)", "held by"];
    let meanwhile =
        ["queued=1", "load=2", "tasks=6", "running=\"nothing\"", "waiting_for_permits=0"];
    let elsewhere = "all_running=\"session 1: export-messages, operation 0, for ";
    for waited in ["no lock within 30s", "no lock within 1"] {
        assert_told(
            &log,
            &[&common[..], &lock[..], &meanwhile[..], &[waited, elsewhere][..]].concat(),
        );
    }
    assert_told(&log, &[&common[..], &["expired in its queue", "waited=45"][..]].concat());
}

#[tokio::test(start_paused = true)]
async fn the_operation_that_has_the_session_is_told_where_another_waits() {
    let manager =
        Manager::builder().operation_permits(1).timeout(Kind::Send, secs(50)).build().unwrap();
    let stage = Stage::with(2, manager).await;
    let (log, _logging) = logging();
    stage.telegram.inject(Fault::silence().on(Method::SEND_MESSAGE));
    stage.telegram.inject(Fault::silence().on(Method::GET_HISTORY));
    let _send = stage.manager.submit(stage.sessions[0], Send::new("friend", "x")).unwrap();
    eventually(stage.telegram.called(Method::SEND_MESSAGE, 1)).await;
    let export = ExportMessages::of("room");
    let _export = stage.manager.submit(stage.sessions[1], export).unwrap();
    eventually(stage.telegram.called(Method::GET_HISTORY, 1)).await;
    let shared = Custom::new(|_| async { Ok::<_, tgsession::CallError>(()) }).shared();
    let shared = stage.manager.submit(stage.sessions[1], shared).unwrap();
    assert!(eventually(shared).await.is_done(), "the send has timed out");
    let situation = ["operation=1", "kind=custom", "manager.operations (level 2)"];
    let running = [
        "running=\"export-messages, operation 0, for 3",
        "session 1: send, operation 0, for 3",
        "; session 2: export-messages, operation 0, for 3",
    ];
    assert_told(&log, &[&situation[..], &running[..]].concat());
}

#[tokio::test(start_paused = true)]
async fn an_error_tells_the_operation_its_session_its_kind_and_its_time() {
    let manager = Manager::builder().timeout(Kind::ExportMessages, secs(5)).build().unwrap();
    let stage = Stage::with(1, manager).await;
    let session = stage.sessions[0];
    let (log, _logging) = logging();
    stage.telegram.inject(Fault::silence().on(Method::GET_HISTORY));
    let export = stage.manager.submit(session, ExportMessages::of("room")).unwrap();
    assert!(matches!(eventually(export).await, Outcome::TimedOut { .. }));
    let export = ["ERROR", "timed out", "session=1", "operation=0", "kind=export-messages"];
    assert_told(&log, &[&export[..], &["took=5", "after=5s"][..]].concat());

    let line = stage.manager.pause(session).await.unwrap();
    let send = stage.manager.submit(session, Send::new("friend", "x")).unwrap();
    lock_error(eventually(send).await);
    drop(line);
    let send = ["session=1", "operation=1", "kind=send", "took=30", "session.operation (level 4)"];
    let kept = ["WARN", "running=\"nothing, and its line is kept\""];
    assert_told(&log, &[&send[..], &kept[..]].concat());
    assert_told(
        &log,
        &[&send[..], &["ERROR", "failed", "a lock was not free in time: "][..]].concat(),
    );
}
