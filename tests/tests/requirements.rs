//! What the manager promises, each promise as one test.
//!
//! | | the test here | what else shows it |
//! |---|---|---|
//! | R1 | `exclusive_operations_never_overlap_and_the_session_listens_meanwhile` | `exclusive_operations_of_a_session_never_overlap_and_shared_ones_do` (operations.rs), `updates_keep_flowing_while_an_exclusive_operation_runs` (monitoring.rs) |
//! | R2 | `two_hundred_and_fifty_sessions_begin_to_listen_at_once_while_others_work` | the demo (tgsession-cli) |
//! | R3 | `a_failing_handler_concerns_nobody_else_and_each_handler_hears_each_event_once` | monitoring.rs, gaps.rs, `whatever_goes_wrong_everything_is_accounted_for` (chaos.rs) |
//! | R4 | `five_exports_at_most_a_freed_slot_is_used_at_once_and_waiting_costs_none` | `no_more_exports_run_at_once_than_there_are_permits_and_a_freed_one_is_used` (operations.rs), `a_slot_is_not_held_during_backoff` (defects/locks.rs) |
//! | R5 | `every_task_is_listed_and_gone_after_the_shutdown` | `a_task_that_ignores_everything_is_reported_as_a_survivor` (operations.rs), `tasks_of_a_shutdown_are_gone_after_it_and_no_counter_is_negative` (defects/life.rs) |
//! | R6 | `everything_is_back_before_an_error_reaches_the_caller` | contention.rs, chaos.rs |
//! | R7 | `a_circular_wait_is_reported_and_a_timeout_lets_others_go_on` | contention.rs: each of the eight locks; hierarchy.rs: all pairs of levels |
//! | R8 | `errors_and_refusals_have_types` | `a_refusal_is_final_and_typed` (failures.rs), sessions.rs |
//! | R9 | `every_operation_is_answered_once_whatever_its_end` | `every_submission_gets_exactly_one_outcome_also_when_the_session_stops` (operations.rs), chaos.rs |
//! | R10 | `what_may_have_been_sent_is_said_so_and_sent_once_over_restarts_too` | failures.rs, chaos.rs |

use std::fmt::Debug;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use tgsession::{
    AddError, CallError, Custom, ExportMembers, ExportMessages, Failure, Kind, Limits, Manager,
    Monitor, Outcome, Send, SessionState, SubmitError,
};
use tgtest::{Fault, Method, Telegram};
use tokio::sync::mpsc;
use tokio::time::Instant;
use workspace_tests::{Heard, Hold, Shelf, Stage, call_error, eventually, soon};

/// What operations call.
const WORK: [Method; 4] =
    [Method::SEND_MESSAGE, Method::GET_HISTORY, Method::GET_PARTICIPANTS, Method::RESOLVE_USERNAME];

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// R1.
#[tokio::test(start_paused = true)]
async fn exclusive_operations_never_overlap_and_the_session_listens_meanwhile() {
    let stage = Stage::new(1).await;
    let session = stage.sessions[0];
    let (_monitoring, mut heard) = Heard::of(&stage.manager, session).await;
    let (hold, holding) = Hold::operation();
    let holding = stage.manager.submit(session, holding).unwrap();
    hold.entered().await;
    let monitor = Monitor::new(|_| async { Ok(()) });
    let monitor = stage.manager.submit(session, monitor).unwrap();
    let export = stage.manager.submit(session, ExportMessages::of("room")).unwrap();
    let members = stage.manager.submit(session, ExportMembers::of("room")).unwrap();
    let send = stage.manager.submit(session, Send::new("friend", "x")).unwrap();
    stage.push(0, "meanwhile");
    assert_eq!(heard.next().await, "meanwhile");
    // They have ten seconds to do what they must not.
    tokio::time::sleep(secs(10)).await;
    assert_eq!(stage.calls(&WORK), 0);
    assert_eq!(stage.manager.session_handlers(session).await.unwrap().len(), 1);
    hold.release();
    assert!(soon(holding).await.is_done() && soon(monitor).await.is_done());
    assert!(soon(export).await.is_done() && soon(members).await.is_done());
    assert!(soon(send).await.is_done());
    stage.assert_idle().await;
}

/// R2.
#[tokio::test(start_paused = true)]
async fn two_hundred_and_fifty_sessions_begin_to_listen_at_once_while_others_work() {
    const MONITORS: usize = 250;
    let stage = Stage::new(MONITORS + 6).await;
    let (monitors, workers) = stage.sessions.split_at(MONITORS);
    // The call with which each begins takes a while.
    let before = stage.calls(&[Method::GET_USERS]);
    stage.telegram.inject(Fault::delay(secs(5)).on(Method::GET_USERS).always());
    let (tell, mut told) = mpsc::unbounded_channel();
    let begin = Instant::now();
    let starting: Vec<_> = monitors
        .iter()
        .map(|&id| {
            let tell = tell.clone();
            let monitor = Monitor::new(move |event| {
                let tell = tell.clone();
                async move {
                    if event.message().is_some() {
                        tell.send(event.session())?;
                    }
                    Ok(())
                }
            });
            stage.manager.submit(id, monitor).unwrap()
        })
        .collect();
    soon(stage.telegram.called(Method::GET_USERS, before + MONITORS)).await;
    let (exporters, senders) = workers.split_at(3);
    let exports = exporters.iter().map(|&id| stage.manager.submit(id, ExportMessages::of("room")));
    let exports: Vec<_> = exports.map(Result::unwrap).collect();
    let sends = senders.iter().map(|&id| stage.manager.submit(id, Send::new("friend", "x")));
    let sends: Vec<_> = sends.map(Result::unwrap).collect();
    assert!(soon(join_all(exports)).await.iter().all(Outcome::is_done));
    assert!(soon(join_all(sends)).await.iter().all(Outcome::is_done));
    assert!(begin.elapsed() < secs(5), "while they begin: {:?}", begin.elapsed());
    assert!(soon(join_all(starting)).await.iter().all(Outcome::is_done));
    assert!(begin.elapsed() < secs(10), "not one after the other: {:?}", begin.elapsed());
    for account in 0..MONITORS {
        stage.push(account, "hello");
    }
    let mut heard = Vec::new();
    while heard.len() < MONITORS {
        heard.push(soon(told.recv()).await.unwrap());
    }
    heard.sort_unstable();
    assert_eq!(heard, monitors, "each once");
    assert!(told.try_recv().is_err());
}

/// R3.
#[tokio::test(start_paused = true)]
async fn a_failing_handler_concerns_nobody_else_and_each_handler_hears_each_event_once() {
    const EVENTS: usize = 5;
    let stage = Stage::new(3).await;
    let fails = Monitor::new(|_| async { Err("on purpose".into()) });
    let panics = Monitor::new(|event| async move {
        assert!(event.message().is_none(), "on purpose");
        Ok(())
    });
    for bad in [fails, panics] {
        let bad = stage.manager.submit(stage.sessions[0], bad).unwrap();
        assert!(soon(bad).await.is_done());
    }
    let mut hearing = Vec::new();
    for (account, &session) in stage.sessions.iter().enumerate() {
        for _ in 0..2 {
            hearing.push((account, Heard::of(&stage.manager, session).await.1));
        }
    }
    for n in 0..EVENTS {
        for account in 0..stage.sessions.len() {
            stage.push(account, &format!("{n} for {account}"));
        }
    }
    for (account, heard) in &mut hearing {
        for n in 0..EVENTS {
            assert_eq!(heard.next().await, format!("{n} for {account}"));
        }
    }
    assert!(hearing.iter_mut().all(|(_, heard)| heard.is_silent()));
    let metrics = stage.manager.metrics().await.unwrap();
    assert_eq!((metrics.events_seen, metrics.events_handled), (15, 30));
    assert_eq!(metrics.handler_failures, 10);
}

/// R4.
#[tokio::test(start_paused = true)]
async fn five_exports_at_most_a_freed_slot_is_used_at_once_and_waiting_costs_none() {
    const PAGES: Method = Method::GET_HISTORY;
    let manager = Manager::builder().limits(Limits::none()).build().unwrap();
    let stage = Stage::with(6, manager).await;
    let watch = stage.telegram.watch(&[PAGES]);
    let export =
        |i: usize| stage.manager.submit(stage.sessions[i], ExportMessages::of("room")).unwrap();
    let slow = |accounts: std::ops::Range<usize>| {
        for account in accounts {
            let fault = Fault::delay(secs(10)).on(PAGES).by(stage.id(account));
            stage.telegram.inject(fault.always());
        }
    };

    slow(0..5);
    let begin = Instant::now();
    let five: Vec<_> = (0..5).map(export).collect();
    soon(stage.telegram.called(PAGES, 5)).await;
    let sixth = export(5);
    assert!(soon(sixth).await.is_done());
    assert_eq!(begin.elapsed().as_secs(), 10, "when the first page of the others had come");
    assert!(eventually(join_all(five)).await.iter().all(Outcome::is_done));

    // Four that read, and one that must wait: its slot is for others.
    stage.telegram.heal();
    slow(0..4);
    stage.telegram.inject(Fault::flood_wait(secs(60)).on(PAGES).by(stage.id(4)));
    let (begin, before) = (Instant::now(), stage.calls(&[PAGES]));
    let five: Vec<_> = (0..5).map(export).collect();
    soon(stage.telegram.called(PAGES, before + 5)).await;
    assert!(soon(export(5)).await.is_done());
    assert!(begin.elapsed() < secs(1), "{:?}", begin.elapsed());
    assert!(eventually(join_all(five)).await.iter().all(Outcome::is_done));
    assert!(begin.elapsed() >= secs(60), "{:?}", begin.elapsed());
    assert_eq!(watch.most_at_once(), 5);
    stage.assert_idle().await;
}

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
    let own = ["census", "dispatcher", "health", "io", "pump", "runner", "shared operation"];
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
    match soon(waiting).await {
        Outcome::Failed(Failure::Lock(error)) => {
            let class = error.timed_out().map(|timed_out| timed_out.wanted.class.name());
            assert_eq!(class, Some("session.operation"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(begin.elapsed().as_secs(), 1);
    drop(line);
    let free = stage.manager.submit(session, Send::new("friend", "free")).unwrap();
    assert!(soon(free).await.is_done());
    assert_eq!(stage.texts(), ["meanwhile", "free"]);
}

fn name(error: &CallError) -> &'static str {
    match error {
        CallError::Flood { .. } => "flood",
        CallError::SlowMode { .. } => "slow mode",
        CallError::Refused { .. } => "refused",
        CallError::Unavailable { .. } => "unavailable",
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
        (400, "PEER_FLOOD", "restricted"),
        (400, "PEER_ID_INVALID", "refused"),
        (403, "CHAT_WRITE_FORBIDDEN", "refused"),
        (500, "INTERNAL", "unavailable"),
        (401, "SESSION_REVOKED", "key lost"),
    ] {
        stage.telegram.inject(Fault::rpc_error(code, said).on(Method::GET_USERS));
        let asks =
            Custom::new(|client| async move { Ok::<_, CallError>(client.get_me().await?.id()) });
        match eventually(stage.manager.submit(session, asks).unwrap()).await {
            Outcome::Failed(Failure::Call(error)) => assert_eq!(name(&error), wanted, "{said}"),
            Outcome::MaybeExecuted(Failure::Call(error)) => {
                assert_eq!((name(&error), error.maybe_executed()), (wanted, true), "{said}");
            }
            other => panic!("{said}: {other:?}"),
        }
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
    let texts = || shelf.telegram.sent().into_iter().map(|sent| sent.text).collect::<Vec<_>>();
    let lose = || shelf.telegram.inject(Fault::lose_answer().on(Method::SEND_MESSAGE));
    let process = shelf.start(Manager::builder().build().unwrap()).await;
    lose();
    let send = process.manager.submit(process.session, Send::new("friend", "retried")).unwrap();
    assert!(eventually(send).await.done().unwrap().by_earlier_attempt);
    process.end().await;

    let keyed = || Send::new("friend", "keyed").keyed("greeting");
    let process = shelf.start(Manager::builder().retries(Kind::Send, 0).build().unwrap()).await;
    lose();
    let maybe = eventually(process.manager.submit(process.session, keyed()).unwrap()).await;
    assert!(matches!(maybe, Outcome::MaybeExecuted(_)), "{maybe:?}");
    process.end().await;

    for _ in 0..2 {
        let process = shelf.start(Manager::builder().build().unwrap()).await;
        let again = eventually(process.manager.submit(process.session, keyed()).unwrap()).await;
        assert!(again.done().unwrap().by_earlier_attempt);
        process.end().await;
    }
    assert_eq!(texts(), ["retried", "keyed"]);
}
