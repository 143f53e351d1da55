//! What stands in the way of recovering: slow handlers, chats that cannot be read, and the past of others.

use std::time::Duration;

use tgsession::{Manager, Monitor};
use tgtest::{Channel, Fault, Method};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use workspace_tests::{config, eventually};

use crate::scene::{FIVE, Scene, Told, forgetful, listed, write};

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

#[tokio::test(start_paused = true)]
async fn what_was_said_in_a_channel_before_the_account_came_is_not_recovered() {
    let mut scene = Scene::new(forgetful().channel(Channel::group("club").member("friend"))).await;
    let telegram = &scene.telegram;
    let (club, friend) = (telegram.channel("club").unwrap(), telegram.user("friend").unwrap());
    assert_eq!(telegram.push_post(club, friend, "past"), Some(0));
    assert!(telegram.join(club, scene.id()));
    scene.lose(1);
    assert_eq!(telegram.push_post(club, friend, "present"), Some(1));
    scene.break_line();
    scene.hears(&["present"], true).await;
    scene.ends().await;
}

#[tokio::test(start_paused = true)]
async fn a_chat_that_cannot_be_read_keeps_no_other_waiting() {
    let mut scene = Scene::new(forgetful()).await;
    // Whichever comes first.
    scene.telegram.inject(Fault::rpc_error(500, "INTERNAL").on(Method::GET_HISTORY));
    scene.break_line();
    scene.write(&FIVE);
    scene.post(&FIVE);
    let mut heard_at = Vec::new();
    while heard_at.len() < 10 {
        assert!(eventually(scene.heard.recv()).await.unwrap().1, "it is recovered");
        heard_at.push(Instant::now());
    }
    assert!(heard_at[4] - heard_at[0] < Duration::from_secs(10));
    assert!(heard_at[5] - heard_at[4] > Duration::from_secs(30), "only that waited");
    scene.ends().await;
}

#[tokio::test(start_paused = true)]
async fn a_chat_that_is_refused_again_and_again_is_given_up_and_counted() {
    let mut scene = Scene::new(forgetful()).await;
    scene.write(&["before"]);
    scene.hears(&["before"], false).await;
    let refused = Fault::rpc_error(400, "PEER_ID_INVALID").on(Method::GET_HISTORY);
    scene.telegram.inject(refused.times(3));
    scene.break_line();
    scene.write(&FIVE);
    eventually(scene.telegram.called(Method::GET_HISTORY, 3)).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(scene.manager.metrics().await.unwrap().events_dropped, 5);
    scene.write(&["after"]);
    scene.hears(&["after"], false).await;
    assert_eq!(scene.calls(Method::GET_HISTORY), 3);
    scene.ends().await;
}

#[tokio::test(start_paused = true)]
async fn a_channel_whose_difference_is_refused_costs_a_line_and_no_message() {
    let scene = Scene::new(forgetful()).await;
    let refused = Fault::rpc_error(400, "CHANNEL_INVALID").on(Method::GET_CHANNEL_DIFFERENCE);
    scene.telegram.inject(refused.always());
    scene.bears_a_gap_of_the_room().await;
}
