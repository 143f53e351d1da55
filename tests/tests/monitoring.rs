//! Who hears of what: each event reaches each handler of its session once, whatever happens to others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tgsession::{ExportMessages, Monitor};
use tgtest::{Fault, Method};
use workspace_tests::{Heard, Stage, eventually, soon};

#[tokio::test]
async fn each_event_reaches_each_handler_of_its_session_once_and_in_order() {
    let stage = Stage::new(2).await;
    let (_first, mut one) = Heard::of(&stage.manager, stage.sessions[0]).await;
    let (_second, mut two) = Heard::of(&stage.manager, stage.sessions[0]).await;
    let (_other, mut other) = Heard::of(&stage.manager, stage.sessions[1]).await;
    for n in 0..200 {
        stage.push(0, &format!("{n}"));
    }
    stage.push(1, "for the other");
    for n in 0..200 {
        assert_eq!((one.next().await, two.next().await), (format!("{n}"), format!("{n}")));
    }
    assert_eq!(other.next().await, "for the other");
    assert!(one.is_silent() && two.is_silent() && other.is_silent());
}

#[tokio::test]
async fn posts_of_a_channel_reach_every_member_that_listens() {
    let stage = Stage::new(2).await;
    let (_one, mut one) = Heard::of(&stage.manager, stage.sessions[0]).await;
    let (_two, mut two) = Heard::of(&stage.manager, stage.sessions[1]).await;
    let quiet = stage.telegram.channel("quiet").unwrap();
    let author = stage.id(0);
    assert_eq!(stage.telegram.push_post(quiet, author, "to all"), Some(1));
    assert_eq!(two.next().await, "to all");
    assert!(one.is_silent());
}

#[tokio::test]
async fn what_the_account_sent_from_elsewhere_is_left_out() {
    let stage = Stage::new(2).await;
    let (_monitoring, mut heard) = Heard::of(&stage.manager, stage.sessions[0]).await;
    let me = stage.id(0);
    assert!(stage.telegram.push_message(me, me, "a note to myself"));
    stage.push(0, "from another");
    assert_eq!(heard.next().await, "from another");
    assert_eq!(stage.manager.metrics().await.unwrap().events_seen, 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_while_the_connection_was_down_is_caught_up_once() {
    let stage = Stage::new(2).await;
    let (_monitoring, mut heard) = Heard::of(&stage.manager, stage.sessions[0]).await;
    stage.push(0, "before");
    assert_eq!(heard.next().await, "before");
    for round in 0..5 {
        assert_eq!(stage.telegram.drop_connections(stage.id(0)), 1);
        stage.push(0, &format!("missed {round}"));
        assert_eq!(heard.next().await, format!("missed {round}"));
    }
    stage.push(0, "after");
    assert_eq!(heard.next().await, "after");
    assert!(heard.is_silent());
}

#[tokio::test]
async fn a_handler_that_fails_or_panics_concerns_nobody_else() {
    let stage = Stage::new(2).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let bad = Monitor::new(move |event| {
        let n = counter.fetch_add(1, Ordering::Relaxed);
        let text = event.message().map(|m| m.text().to_owned());
        async move {
            assert!(n != 0, "on purpose");
            Err(format!("{text:?} is not to my taste").into())
        }
    });
    soon(stage.manager.submit(stage.sessions[0], bad).unwrap()).await.done().unwrap();
    let (_good, mut heard) = Heard::of(&stage.manager, stage.sessions[0]).await;
    let (_other, mut other) = Heard::of(&stage.manager, stage.sessions[1]).await;
    for n in 0..3 {
        stage.push(0, &format!("{n}"));
        assert_eq!(heard.next().await, format!("{n}"));
    }
    stage.push(1, "other");
    assert_eq!(other.next().await, "other");
    assert_eq!(calls.load(Ordering::Relaxed), 3);
    let metrics = stage.manager.metrics().await.unwrap();
    assert_eq!((metrics.handler_failures, metrics.events_handled), (3, 4));
}

#[tokio::test]
async fn a_stopped_monitor_hears_nothing_more() {
    let stage = Stage::new(2).await;
    let (stopped, mut deaf) = Heard::of(&stage.manager, stage.sessions[0]).await;
    let (_kept, mut heard) = Heard::of(&stage.manager, stage.sessions[0]).await;
    stage.push(0, "1");
    assert_eq!((deaf.next().await, heard.next().await), ("1".to_owned(), "1".to_owned()));
    soon(stopped.stop()).await.unwrap();
    stage.push(0, "2");
    assert_eq!(heard.next().await, "2");
    assert!(deaf.is_silent());
}

#[tokio::test(start_paused = true)]
async fn updates_keep_flowing_while_an_exclusive_operation_runs() {
    let stage = Stage::new(2).await;
    let (_monitoring, mut heard) = Heard::of(&stage.manager, stage.sessions[0]).await;
    stage.telegram.inject(Fault::delay(Duration::from_secs(100)).on(Method::GET_HISTORY));
    let export = stage.manager.submit(stage.sessions[0], ExportMessages::of("room")).unwrap();
    soon(stage.telegram.called(Method::GET_HISTORY, 1)).await;
    stage.push(0, "meanwhile");
    assert_eq!(heard.next().await, "meanwhile");
    assert!(stage.manager.session(stage.sessions[0]).unwrap().load > 0, "the export still runs");
    assert!(eventually(export).await.is_done());
}

#[tokio::test]
async fn a_reconnected_session_listens_on() {
    let stage = Stage::new(2).await;
    let (_monitoring, mut heard) = Heard::of(&stage.manager, stage.sessions[0]).await;
    for round in 0..3 {
        soon(stage.manager.reconnect(stage.sessions[0])).await.unwrap();
        stage.push(0, &format!("{round}"));
        assert_eq!(heard.next().await, format!("{round}"));
    }
    assert_eq!(stage.telegram.connections(), 2);
}
