//! What is recovered, and where an account begins.

use std::time::Duration;

use tgsession::{Manager, SessionState};
use tgtest::Method;
use tokio::time::{Instant, sleep};
use workspace_tests::{Heard, Shelf, config, eventually};

use crate::scene::{FIVE, Scene, calls, forgetful, listed, listener, post, world, write};

#[tokio::test(start_paused = true)]
async fn what_was_missed_in_a_difference_that_is_too_long_is_recovered_once_and_in_order() {
    let mut scene = Scene::new(forgetful()).await;
    scene.write(&["before"]);
    scene.hears(&["before"], false).await;
    scene.break_line();
    scene.write(&FIVE);
    scene.hears(&FIVE, true).await;
    scene.write(&["after"]);
    scene.hears(&["after"], false).await;
    assert_eq!(scene.telegram.connections_made(), 2, "the line is not made again for that");
    scene.ends().await;
}

#[tokio::test(start_paused = true)]
async fn newer_messages_do_not_wait_for_those_that_are_recovered() {
    let mut scene = Scene::new(forgetful()).await;
    let before = scene.calls(Method::GET_DIFFERENCE);
    scene.break_line();
    scene.write(&FIVE);
    eventually(scene.telegram.called(Method::GET_DIFFERENCE, before + 1)).await;
    scene.write(&["newer", "newest"]);
    scene.hears(&["newer", "newest"], false).await;
    scene.hears(&FIVE, true).await;
    scene.ends().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_black_hole_swallowed_is_recovered() {
    let mut scene = Scene::new(forgetful()).await;
    scene.telegram.black_hole(scene.id());
    scene.write(&FIVE);
    scene.post(&["6", "7"]);
    sleep(Duration::from_secs(60)).await;
    scene.telegram.heal_black_hole(scene.id());
    let mut texts = Vec::new();
    while texts.len() < 7 {
        let (text, is_recovered) = eventually(scene.heard.recv()).await.unwrap();
        assert!(is_recovered, "{text}");
        texts.push(text);
    }
    let of = |texts: &[String], posts: bool| -> Vec<String> {
        texts.iter().filter(|text| (text.as_str() >= "6") == posts).cloned().collect()
    };
    assert_eq!(of(&texts, false), FIVE);
    assert_eq!(of(&texts, true), ["6", "7"]);
    scene.ends().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_in_a_channel_whose_difference_is_too_long_is_recovered() {
    let mut scene = Scene::new(forgetful()).await;
    scene.post(&["before"]);
    scene.hears(&["before"], false).await;
    scene.lose(4);
    scene.post(&FIVE);
    scene.hears(&FIVE, true).await;
    scene.post(&["after"]);
    scene.hears(&["after"], false).await;
    assert_eq!(scene.calls(Method::GET_DIALOGS), 1, "the channel alone was looked at");
    scene.ends().await;
}

#[tokio::test(start_paused = true)]
async fn a_channel_of_which_too_much_is_told_is_asked_for_what_is_missing() {
    let mut scene = Scene::new(forgetful()).await;
    scene.post(&["before"]);
    scene.hears(&["before"], false).await;
    let room = scene.telegram.channel("room").unwrap();
    scene.lose(2);
    scene.post(&["6", "7"]);
    scene.telegram.push_too_long(room);
    scene.hears(&["6", "7"], false).await;
    scene.lose(5);
    scene.post(&FIVE);
    scene.telegram.push_too_long(room);
    scene.hears(&FIVE, true).await;
    scene.ends().await;
}

#[tokio::test(start_paused = true)]
async fn a_difference_that_grammers_panics_over_costs_a_line_and_no_message() {
    let scene = Scene::new(forgetful().too_long_without_pts()).await;
    scene.bears_a_gap_of_the_room().await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_panics_again_and_again_is_made_ever_more_slowly() {
    let world = world().longest_difference(0).too_long_without_pts();
    let scene = Scene::new(world).await;
    // Each post is one too many, and each line has a channel to ask for again.
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(300) {
        scene.post(&["one that is heard of"]);
        scene.lose(1);
        scene.post(&["one that is not"]);
        scene.post(&["one that shows it"]);
        sleep(Duration::from_secs(1)).await;
        let state = scene.manager.session(scene.session).unwrap().state;
        assert_ne!(state, SessionState::Failed);
    }
    let lines = scene.telegram.connections_made();
    assert!((4..=15).contains(&lines), "after 2, 4, 8 and 16 s, then each minute: {lines}");
    assert_eq!(scene.manager.shutdown().await.survivors, 0);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_was_off_for_too_long_goes_on_where_it_was() {
    let shelf = Shelf::new(forgetful()).await;
    let start = async || shelf.start(Manager::builder().build().unwrap()).await;
    let first = start().await;
    let (_monitoring, mut heard) = Heard::of(&first.manager, first.session).await;
    write(&shelf.telegram, "before");
    assert_eq!(heard.later().await, "before");
    listed(&shelf.telegram, 1).await;
    first.end().await;

    FIVE.iter().for_each(|text| write(&shelf.telegram, text));
    post(&shelf.telegram, "6");
    let second = start().await;
    let (_monitoring, mut heard) = Heard::of(&second.manager, second.session).await;
    let mut texts = Vec::new();
    while texts.len() < 6 {
        texts.push(heard.later().await);
    }
    assert!(texts.contains(&"6".to_owned()), "the channel too: {texts:?}");
    texts.retain(|text| text != "6");
    assert_eq!(texts, FIVE);
    second.end().await;

    let third = start().await;
    let (_monitoring, mut heard) = Heard::of(&third.manager, third.session).await;
    listed(&shelf.telegram, 3).await;
    sleep(Duration::from_secs(60)).await;
    assert!(heard.is_silent(), "each once");
    third.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_account_begins_where_it_is_added() {
    let telegram = forgetful().start().await.unwrap();
    FIVE.iter().for_each(|text| write(&telegram, text));
    post(&telegram, "6");
    let (monitor, mut heard) = listener();
    let manager = Manager::builder().build().unwrap();
    manager.add_session(config(&telegram, "a0").monitor(monitor)).await.unwrap();
    listed(&telegram, 1).await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(heard.try_recv().ok(), None);
    assert_eq!(calls(&telegram, Method::GET_HISTORY), 0);
    assert_eq!(manager.shutdown().await.survivors, 0);
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_was_silent_so_far_has_no_gap_that_is_not_seen() {
    let mut scene = Scene::new(world()).await;
    // What comes is the first that the stream hears of the channel: it begins there.
    scene.lose(1);
    scene.post(&["1", "2"]);
    scene.hears(&["2"], false).await;
    scene.hears(&["1"], true).await;
    // From then on it follows the channel, whose access hash it knows.
    scene.lose(1);
    scene.post(&["3", "4"]);
    scene.hears(&["3", "4"], false).await;
    scene.ends().await;
}

#[tokio::test(start_paused = true)]
async fn what_happened_in_a_silent_channel_while_the_line_was_down_is_recovered() {
    let mut scene = Scene::new(world()).await;
    scene.break_line();
    scene.post(&FIVE);
    scene.hears(&FIVE, true).await;
    scene.ends().await;
}

#[tokio::test(start_paused = true)]
async fn a_chat_that_appears_later_brings_what_is_new_in_it() {
    let mut scene = Scene::new(forgetful()).await;
    scene.break_line();
    // The friend has never written before.
    scene.write(&FIVE);
    scene.hears(&FIVE, true).await;
    scene.ends().await;
}
