//! Handlers that are slower than what comes: each message is heard once all the same, by this process or by the next.

use std::time::Duration;

use tgsession::{Manager, Monitor};
use tokio::sync::mpsc;
use tokio::time::sleep;
use workspace_tests::{Shelf, config, eventually};

use crate::scene::{Told, forgetful, listed, listener, post, world, write};

/// Tells what it hears, and takes a second for each.
fn slow_listener() -> (Monitor, mpsc::UnboundedReceiver<Told>) {
    let (tell, heard) = mpsc::unbounded_channel();
    let monitor = Monitor::new(move |event| {
        let tell = tell.clone();
        async move {
            sleep(Duration::from_secs(1)).await;
            if let Some(message) = event.message() {
                tell.send((message.text().to_owned(), event.is_recovered()))?;
            }
            Ok(())
        }
    });
    (monitor, heard)
}

#[tokio::test(start_paused = true)]
async fn what_is_recovered_leaves_room_for_what_comes() {
    const MISSED: usize = 40;
    const LIVE: usize = 8;
    let telegram = forgetful().start().await.unwrap();
    let (monitor, mut heard) = slow_listener();
    let manager = Manager::builder().event_capacity(8).build().unwrap();
    manager.add_session(config(&telegram, "a0").monitor(monitor)).await.unwrap();
    listed(&telegram, 1).await;
    assert_eq!(telegram.drop_connections(telegram.account("a0").unwrap().id()), 1);
    (0..MISSED).for_each(|n| write(&telegram, &n.to_string()));
    let mut told = vec![eventually(heard.recv()).await.unwrap()];
    for n in 0..LIVE {
        write(&telegram, &format!("live {n}"));
        sleep(Duration::from_secs(3)).await;
    }
    while told.len() < MISSED + LIVE {
        told.push(eventually(heard.recv()).await.unwrap());
    }
    let (recovered, live): (Vec<Told>, Vec<Told>) = told.into_iter().partition(|told| told.1);
    assert_eq!((recovered.len(), live.len()), (MISSED, LIVE));
    assert_eq!(manager.metrics().await.unwrap().events_dropped, 0);
    assert_eq!(manager.shutdown().await.survivors, 0);
}

/// Has room for two events.
fn narrow() -> Manager {
    Manager::builder().event_capacity(2).build().unwrap()
}

/// The next so many texts, sorted.
async fn texts(heard: &mut mpsc::UnboundedReceiver<Told>, n: usize) -> Vec<String> {
    let mut texts = Vec::new();
    while texts.len() < n {
        texts.push(eventually(heard.recv()).await.unwrap().0);
    }
    texts.sort();
    texts
}

fn numbers(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|n| n.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_there_is_no_room_for_is_recovered_and_each_is_heard_once() {
    let telegram = world().start().await.unwrap();
    let (monitor, mut heard) = slow_listener();
    let manager = narrow();
    let session = manager.add_session(config(&telegram, "a0").monitor(monitor)).await.unwrap();
    listed(&telegram, 1).await;
    numbers(10, 20).iter().for_each(|text| write(&telegram, text));
    numbers(20, 30).iter().for_each(|text| post(&telegram, text));
    let status = || manager.session(session).unwrap();
    while status().events_deferred == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(status().events_waiting, 2, "all that there is room for");
    assert_eq!(texts(&mut heard, 20).await, numbers(10, 30));
    write(&telegram, "after");
    assert_eq!(eventually(heard.recv()).await, Some(("after".to_owned(), false)));
    sleep(Duration::from_secs(150)).await;
    assert_eq!(heard.try_recv().ok(), None, "each once");
    let metrics = manager.metrics().await.unwrap();
    assert_eq!((metrics.events_dropped, metrics.events_deferred), (0, status().events_deferred));
    assert_eq!(status().events_waiting, 0);
    assert_eq!(manager.shutdown().await.survivors, 0);
}

#[tokio::test(start_paused = true)]
async fn what_there_was_no_room_for_is_heard_by_the_next_process() {
    let shelf = Shelf::new(world()).await;
    let telegram = &shelf.telegram;
    let (monitor, mut heard) = slow_listener();
    let first = shelf.listen(narrow(), monitor).await;
    listed(telegram, 1).await;
    numbers(10, 20).iter().for_each(|text| write(telegram, text));
    numbers(20, 30).iter().for_each(|text| post(telegram, text));
    // What there was room for is handled by then, and the next list is not made yet.
    sleep(Duration::from_secs(15)).await;
    first.end().await;
    let mut told = Vec::new();
    while let Ok((text, _)) = heard.try_recv() {
        told.push(text);
    }
    assert!((1..20).contains(&told.len()), "{told:?}");

    let (monitor, mut heard) = listener();
    let second = shelf.listen(Manager::builder().build().unwrap(), monitor).await;
    let rest = 20 - told.len();
    told.extend(texts(&mut heard, rest).await);
    told.sort();
    assert_eq!(told, numbers(10, 30));
    sleep(Duration::from_secs(150)).await;
    assert_eq!(heard.try_recv().ok(), None, "each once");
    second.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_hanging_handler_keeps_from_being_handled_is_heard_by_the_next_process() {
    let shelf = Shelf::new(world()).await;
    let telegram = &shelf.telegram;
    let hanging = Monitor::new(|_| std::future::pending());
    let first = shelf.listen(narrow(), hanging).await;
    listed(telegram, 1).await;
    numbers(10, 20).iter().for_each(|text| write(telegram, text));
    // The rest is read from the history by then, and waits too.
    sleep(Duration::from_secs(120)).await;
    first.end().await;
    let (monitor, mut heard) = listener();
    let second = shelf.listen(Manager::builder().build().unwrap(), monitor).await;
    assert_eq!(texts(&mut heard, 10).await, numbers(10, 20));
    second.end().await;
}
