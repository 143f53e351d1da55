//! How little Telegram is asked for it, and what is given up.

use std::time::Duration;

use tgsession::Manager;
use tgtest::{Channel, Fault, Method, Telegram};
use tokio::time::{Instant, sleep};
use workspace_tests::{Heard, config, eventually};

use crate::scene::{FIVE, Scene, calls, forgetful, listed, listener, world, write};

#[tokio::test(start_paused = true)]
async fn what_the_stream_brings_in_time_is_not_read_again() {
    let mut scene = Scene::new(world()).await;
    scene.write(&["before"]);
    scene.hears(&["before"], false).await;
    scene.break_line();
    scene.write(&FIVE);
    scene.hears(&FIVE, false).await;
    listed(&scene.telegram, 2).await;
    assert_eq!(scene.calls(Method::GET_HISTORY), 0);
    scene.ends().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_stream_brings_too_late_is_a_repeat() {
    // The line is not judged by how long the stream takes.
    let manager = Manager::builder().health_interval(Duration::from_secs(3600));
    let mut scene = Scene::with(world(), manager.build().unwrap()).await;
    let late = Fault::delay(Duration::from_secs(200)).on(Method::GET_DIFFERENCE);
    scene.telegram.inject(late.by(scene.id()));
    scene.break_line();
    scene.write(&FIVE);
    scene.hears(&FIVE, true).await;
    scene.write(&["after"]);
    scene.hears(&["after"], false).await;
    scene.ends().await;
}

#[tokio::test(start_paused = true)]
async fn sessions_do_not_list_their_dialogs_at_once() {
    const SESSIONS: usize = 100;
    let telegram = Telegram::builder().accounts("a", SESSIONS).start().await.unwrap();
    let manager = Manager::builder().build().unwrap();
    for n in 0..SESSIONS {
        manager.add_session(config(&telegram, &format!("a{n}"))).await.unwrap();
    }
    let (mut before, mut most) = (0, 0);
    for second in 0..65 {
        sleep(Duration::from_secs(1)).await;
        let listed = calls(&telegram, Method::GET_DIALOGS);
        assert!(second >= 4 || listed == 0, "{listed} in second {second}");
        most = most.max(listed - before);
        before = listed;
    }
    assert_eq!(before, SESSIONS, "all of them within a minute");
    assert!(most <= 10, "{most} in one second");
    assert_eq!(manager.shutdown().await.survivors, 0);
}

#[tokio::test(start_paused = true)]
async fn of_many_dialogs_those_are_listed_that_may_have_something_new() {
    let day = Duration::from_secs(24 * 3600);
    let world = (0..350).fold(forgetful(), |world, n| {
        let old = Channel::group(&format!("old{n}")).member("a0").member("friend");
        world.channel(old.messages(1).aged(day))
    });
    let mut scene = Scene::new(world).await;
    listed(&scene.telegram, 5).await;
    assert_eq!(scene.calls(Method::GET_DIALOGS), 5, "all of them, and that nothing is behind");
    scene.break_line();
    scene.write(&FIVE);
    scene.hears(&FIVE, true).await;
    // One page with something new, and one without.
    assert_eq!(scene.calls(Method::GET_DIALOGS), 5 + 2);
    scene.ends().await;
}

#[tokio::test(start_paused = true)]
async fn a_gap_in_a_private_chat_is_read_at_once_although_the_numbers_are_those_of_all_chats() {
    let telegram = forgetful().stranger("other").start().await.unwrap();
    let (monitor, mut heard) = Heard::monitor();
    let manager = Manager::builder().build().unwrap();
    manager.add_session(config(&telegram, "a0").monitor(monitor)).await.unwrap();
    listed(&telegram, 1).await;
    let (me, other) = (telegram.account("a0").unwrap().id(), telegram.user("other").unwrap());
    write(&telegram, "0");
    assert_eq!(heard.later().await, "0");
    assert_eq!(telegram.drop_connections(me), 1);
    assert!(telegram.push_message(me, other, "7"));
    assert!(telegram.push_message(me, other, "8"));
    FIVE.iter().for_each(|text| write(&telegram, text));
    let mut texts = Vec::new();
    while texts.len() < 7 {
        texts.push(heard.later().await);
    }
    texts.sort();
    assert_eq!(texts, ["1", "2", "3", "4", "5", "7", "8"]);
    assert_eq!(calls(&telegram, Method::GET_HISTORY), 2, "one for each chat");
    assert_eq!(manager.shutdown().await.survivors, 0);
}

#[tokio::test(start_paused = true)]
async fn a_flood_wait_is_kept_to_and_then_it_goes_on() {
    let mut scene = Scene::new(forgetful()).await;
    let wait = Duration::from_secs(120);
    scene.telegram.inject(Fault::flood_wait(wait).on(Method::GET_HISTORY));
    scene.break_line();
    scene.write(&FIVE);
    eventually(scene.telegram.called(Method::GET_HISTORY, 1)).await;
    let begin = Instant::now();
    scene.hears(&FIVE, true).await;
    assert!(begin.elapsed() >= wait - Duration::from_secs(1), "{:?}", begin.elapsed());
    assert_eq!(scene.manager.metrics().await.unwrap().flood_waits, 1);
    scene.ends().await;
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_read_is_read_later() {
    let mut scene = Scene::new(forgetful()).await;
    scene.telegram.inject(Fault::rpc_error(500, "INTERNAL").on(Method::GET_HISTORY));
    scene.telegram.inject(Fault::silence().on(Method::GET_DIALOGS));
    scene.break_line();
    scene.write(&FIVE);
    scene.hears(&FIVE, true).await;
    scene.ends().await;
}

#[tokio::test(start_paused = true)]
async fn of_too_many_the_oldest_are_given_up_and_counted() {
    let manager = Manager::builder().recover_at_most(2).build().unwrap();
    let mut scene = Scene::with(forgetful(), manager).await;
    scene.write(&["before"]);
    scene.hears(&["before"], false).await;
    scene.break_line();
    scene.write(&FIVE);
    scene.hears(&["4", "5"], true).await;
    assert_eq!(scene.manager.metrics().await.unwrap().events_dropped, 3);
    assert_eq!(scene.manager.session(scene.session).unwrap().events_dropped, 3);
    scene.ends().await;
}

#[tokio::test(start_paused = true)]
async fn a_long_gap_is_read_page_by_page_and_heard_in_order() {
    let mut scene = Scene::new(forgetful()).await;
    scene.break_line();
    let texts: Vec<String> = (0..350).map(|n| n.to_string()).collect();
    texts.iter().for_each(|text| write(&scene.telegram, text));
    for text in &texts {
        scene.hears(&[text.as_str()], true).await;
    }
    scene.ends().await;
}

#[tokio::test(start_paused = true)]
async fn a_bot_lists_no_dialogs_and_works() {
    let telegram = Telegram::builder().bot("a0").stranger("friend").start().await.unwrap();
    let (monitor, mut heard) = listener();
    let manager = Manager::builder().build().unwrap();
    manager.add_session(config(&telegram, "a0").monitor(monitor)).await.unwrap();
    listed(&telegram, 1).await;
    sleep(Duration::from_secs(300)).await;
    assert_eq!(calls(&telegram, Method::GET_DIALOGS), 1, "it is refused once");
    write(&telegram, "hello");
    assert_eq!(eventually(heard.recv()).await, Some(("hello".to_owned(), false)));
    assert_eq!(manager.shutdown().await.survivors, 0);
}
