//! What goes on at the same time, and what does not.

use std::ops::Range;

use futures_util::future::join_all;
use tgsession::{ExportMembers, ExportMessages, Limits, Monitor, Outcome, Send};
use tgtest::{Fault, Method};
use tokio::sync::mpsc;
use tokio::time::Instant;
use workspace_tests::{Heard, Hold, Stage, eventually, limited, secs, soon};

/// What operations call.
const WORK: [Method; 4] =
    [Method::SEND_MESSAGE, Method::GET_HISTORY, Method::GET_PARTICIPANTS, Method::RESOLVE_USERNAME];

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
    let failures = stage.manager.sessions().into_iter().map(|status| status.handler_failures);
    assert_eq!(failures.collect::<Vec<_>>(), [10, 0, 0], "each session has its own");
}

/// R4.
#[tokio::test(start_paused = true)]
async fn five_exports_at_most_a_freed_slot_is_used_at_once_and_waiting_costs_none() {
    const PAGES: Method = Method::GET_HISTORY;
    let manager = limited(Limits::none());
    let stage = Stage::with(6, manager).await;
    let watch = stage.telegram.watch(&[PAGES]);
    let export =
        |i: usize| stage.manager.submit(stage.sessions[i], ExportMessages::of("room")).unwrap();
    let slow = |accounts: Range<usize>| {
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
