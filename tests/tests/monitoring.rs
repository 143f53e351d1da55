//! Who hears of what: each event reaches each handler of its session once, whatever happens to others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use tgsession::{EventStream, ExportMessages, Monitor, Monitoring};
use tgtest::{Fault, Method, UpdateFault};
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

#[tokio::test(start_paused = true)]
async fn updates_that_come_twice_or_out_of_order_reach_each_handler_once_and_in_order() {
    let stage = Stage::new(1).await;
    let (_first, mut one) = Heard::of(&stage.manager, stage.sessions[0]).await;
    let (_second, mut two) = Heard::of(&stage.manager, stage.sessions[0]).await;
    let (twice, swapped) = (UpdateFault::duplicate(), UpdateFault::swap());
    let faults: [&[UpdateFault]; 3] = [
        &[twice.times(10)],
        &[swapped.times(5)],
        // The second of each pair comes twice, and before the first.
        &[swapped.times(5), twice.times(5)],
    ];
    for (round, faults) in faults.into_iter().enumerate() {
        // With one that comes as it should, it is known where they begin and that they are over.
        let texts: Vec<_> = (0..12).map(|n| format!("{n} of round {round}")).collect();
        stage.push(0, &texts[0]);
        assert_eq!((one.later().await, two.later().await), (texts[0].clone(), texts[0].clone()));
        for fault in faults {
            stage.telegram.inject_update_fault(*fault);
        }
        for text in &texts[1..] {
            stage.push(0, text);
        }
        for text in &texts[1..] {
            assert_eq!((one.later().await, two.later().await), (text.clone(), text.clone()));
        }
    }
    tokio::time::sleep(Duration::from_secs(150)).await;
    assert!(one.is_silent() && two.is_silent(), "nor later, when it is looked for what is missing");
    assert_eq!(stage.manager.metrics().await.unwrap().events_seen, 36);
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
    assert_eq!((metrics.handler_failures, metrics.events_handled, metrics.panics), (3, 4, 1));
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

/// Starts a stream of so many places on a session.
async fn stream_of(stage: &Stage, session: usize, capacity: usize) -> (Monitoring, EventStream) {
    let (monitor, events) = Monitor::stream(capacity);
    let ticket = stage.manager.submit(stage.sessions[session], monitor).unwrap();
    (soon(ticket).await.done().unwrap(), events)
}

/// The text of the next message; `None` when the stream has ended.
async fn text(events: &mut EventStream) -> Option<String> {
    let event = soon(events.next()).await?;
    Some(event.message().expect("only messages come here").text().to_owned())
}

#[tokio::test]
async fn a_stream_brings_each_event_once_and_in_order_and_a_full_one_stops_no_other_session() {
    let stage = Stage::new(2).await;
    let (_monitoring, mut events) = stream_of(&stage, 0, 1).await;
    let (_other, mut other) = Heard::of(&stage.manager, stage.sessions[1]).await;
    for n in 0..200 {
        stage.push(0, &format!("{n}"));
    }
    stage.push(1, "for the other");
    assert_eq!(other.next().await, "for the other");
    for n in 0..100 {
        assert_eq!(text(&mut events).await, Some(format!("{n}")));
    }
    // The same through the trait.
    let texts = events.map(|event| event.message().map(|message| message.text().to_owned()));
    let rest: Vec<_> = soon(texts.take(100).collect()).await;
    assert_eq!(rest, (100..200).map(|n| Some(format!("{n}"))).collect::<Vec<_>>());
    let metrics = stage.manager.metrics().await.unwrap();
    assert_eq!((metrics.events_seen, metrics.events_dropped), (201, 0));
}

#[tokio::test]
async fn a_stream_of_a_config_hears_from_the_first_event_on_and_ends_with_its_session() {
    let stage = Stage::new(1).await;
    let (monitor, mut events) = Monitor::stream(10);
    let late = stage.manager.add_session(stage.late().monitor(monitor)).await.unwrap();
    let friend = stage.telegram.user("friend").unwrap();
    let account = stage.telegram.account("late").unwrap().id();
    assert!(stage.telegram.push_message(account, friend, "hello"));
    assert_eq!(text(&mut events).await.as_deref(), Some("hello"));
    // Another one that somebody still has the right to stop.
    let (_monitoring, mut submitted) = stream_of(&stage, 0, 10).await;
    stage.push(0, "last");
    assert_eq!(text(&mut submitted).await.as_deref(), Some("last"));
    for session in [late, stage.sessions[0]] {
        soon(stage.manager.remove_session(session)).await.unwrap();
    }
    assert_eq!((text(&mut events).await, text(&mut submitted).await), (None, None));
}

#[tokio::test]
async fn a_stream_whose_monitor_is_not_started_ends() {
    let stage = Stage::new(1).await;
    let (monitor, mut events) = Monitor::stream(10);
    drop(monitor);
    assert_eq!(text(&mut events).await, None);
    let (monitor, mut events) = Monitor::stream(10);
    let ticket = stage.manager.submit(stage.sessions[0], monitor).unwrap();
    let _ = soon(ticket.cancel()).await;
    assert_eq!(text(&mut events).await, None);
}

#[tokio::test]
async fn a_full_stream_can_be_stopped_by_who_reads_it_and_ends_after_what_is_in_it() {
    let stage = Stage::new(1).await;
    // It hears first, and of the next event when the stream before it had a place for the last.
    let (_heard, mut heard) = Heard::of(&stage.manager, stage.sessions[0]).await;
    let (monitoring, mut events) = stream_of(&stage, 0, 1).await;
    for n in 0..3 {
        stage.push(0, &format!("{n}"));
    }
    assert_eq!((heard.next().await, heard.next().await), ("0".to_owned(), "1".to_owned()));
    soon(monitoring.stop()).await.unwrap();
    assert_eq!(heard.next().await, "2", "who listens goes on");
    assert_eq!(text(&mut events).await.as_deref(), Some("0"));
    assert_eq!(text(&mut events).await, None);
}

#[tokio::test]
async fn a_stream_that_is_dropped_ends_its_monitoring_also_when_it_is_full() {
    let stage = Stage::new(1).await;
    let id = stage.sessions[0];
    let (_monitoring, events) = stream_of(&stage, 0, 1).await;
    let (_heard, mut heard) = Heard::of(&stage.manager, id).await;
    for n in 0..3 {
        stage.push(0, &format!("{n}"));
    }
    assert_eq!(heard.next().await, "0", "for the next there is no place");
    drop(events);
    assert_eq!((heard.next().await, heard.next().await), ("1".to_owned(), "2".to_owned()));
    stage.push(0, "3");
    assert_eq!(heard.next().await, "3");
    assert_eq!(stage.manager.session_handlers(id).await.unwrap().len(), 1);
    assert_eq!(stage.manager.metrics().await.unwrap().handler_failures, 0);
}
