//! What stands in the way of recovering: chats that cannot be read, and the past of others.

use std::time::Duration;

use tgsession::{Manager, Monitor};
use tgtest::{Channel, Fault, Method, Telegram};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use workspace_tests::{config, eventually};

use crate::scene::{FIVE, Scene, forgetful, listed, write};

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
async fn a_channel_that_the_account_was_taken_out_of_keeps_no_other_chat_waiting() {
    let mut scene = Scene::new(forgetful()).await;
    scene.post(&["before"]);
    scene.hears(&["before"], false).await;
    let (room, me) = (scene.telegram.channel("room").unwrap(), scene.id());
    scene.break_line();
    scene.post(&FIVE);
    assert!(scene.telegram.set_role(room, me, None));
    scene.write(&FIVE);
    scene.hears(&FIVE, true).await;
    assert_eq!(scene.manager.metrics().await.unwrap().events_dropped, 0);
    scene.ends().await;
}

#[tokio::test(start_paused = true)]
async fn of_a_bot_what_there_is_no_room_for_is_dropped_and_counted() {
    let telegram = Telegram::builder().bot("a0").stranger("friend").start().await.unwrap();
    let (enter, mut entered) = mpsc::unbounded_channel();
    let monitor = Monitor::new(move |_| {
        let enter = enter.clone();
        async move {
            sleep(Duration::from_secs(30)).await;
            enter.send(())?;
            Ok(())
        }
    });
    let manager = Manager::builder().event_capacity(2).build().unwrap();
    manager.add_session(config(&telegram, "a0").monitor(monitor)).await.unwrap();
    listed(&telegram, 1).await;
    (0..9).for_each(|n| write(&telegram, &n.to_string()));
    sleep(Duration::from_secs(150)).await;
    let dropped = manager.metrics().await.unwrap().events_dropped;
    let heard = std::iter::from_fn(|| entered.try_recv().ok()).count() as u64;
    assert_eq!(heard + dropped, 9);
    assert!(dropped > 0, "nobody can ask for them");
    assert_eq!(manager.shutdown().await.survivors, 0);
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
