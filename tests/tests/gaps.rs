//! What the updates of an account pass over: it is found and recovered, each message once.
//!
//! On paused time, of which no test lets more pass than `grammers` waits for updates before it asks for them.

use std::time::Duration;

use tgsession::{Manager, Monitor, SessionId, SessionState};
use tgtest::{Builder, Channel, Fault, Method, Telegram, UpdateFault, UserId};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use workspace_tests::{Heard, Shelf, config, eventually};

/// What a handler heard: the text, and whether it was recovered.
type Told = (String, bool);

/// An account that listens, its friend, and a group with some messages that both are in.
struct Scene {
    telegram: Telegram,
    manager: Manager,
    session: SessionId,
    heard: mpsc::UnboundedReceiver<Told>,
}

fn world() -> Builder {
    let room = Channel::group("room").member("a0").member("friend").messages(20);
    Telegram::builder().account("a0").stranger("friend").channel(room)
}

/// Of more than three messages a client is not told.
fn forgetful() -> Builder {
    world().longest_difference(3)
}

/// Tells what it hears, and fails where it is not told who wrote it.
fn listener() -> (Monitor, mpsc::UnboundedReceiver<Told>) {
    let (tell, heard) = mpsc::unbounded_channel();
    let monitor = Monitor::new(move |event| {
        let tell = tell.clone();
        async move {
            let Some(message) = event.message() else { return Ok(()) };
            tell.send((message.text().to_owned(), event.is_recovered()))?;
            match message.sender().and_then(|sender| sender.username()) {
                Some("friend") => Ok(()),
                other => Err(format!("written by {other:?}").into()),
            }
        }
    });
    (monitor, heard)
}

impl Scene {
    /// Connects with the defaults, and waits for the first list.
    async fn new(world: Builder) -> Self {
        Self::with(world, Manager::builder().build().unwrap()).await
    }

    async fn with(world: Builder, manager: Manager) -> Self {
        let telegram = world.start().await.unwrap();
        let (monitor, heard) = listener();
        let config = config(&telegram, "a0").monitor(monitor);
        let session = manager.add_session(config).await.unwrap();
        listed(&telegram, 1).await;
        Self { telegram, manager, session, heard }
    }

    fn id(&self) -> UserId {
        self.telegram.account("a0").unwrap().id()
    }

    /// The friend writes to the account.
    fn write(&self, texts: &[&str]) {
        texts.iter().for_each(|text| write(&self.telegram, text));
    }

    /// The friend writes to the group.
    fn post(&self, texts: &[&str]) {
        texts.iter().for_each(|text| post(&self.telegram, text));
    }

    /// The connection breaks; it is made again as soon as anybody waits.
    fn break_line(&self) {
        assert_eq!(self.telegram.drop_connections(self.id()), 1);
    }

    /// The next so many updates to the account are lost.
    fn lose(&self, updates: usize) {
        self.telegram.inject_update_fault(UpdateFault::lose().to(self.id()).times(updates));
    }

    async fn hears(&mut self, texts: &[&str], are_recovered: bool) {
        for text in texts {
            let told = eventually(self.heard.recv()).await.unwrap();
            assert_eq!(told, ((*text).to_owned(), are_recovered));
        }
    }

    fn calls(&self, method: Method) -> usize {
        calls(&self.telegram, method)
    }

    /// Nothing more is heard in a while, and all that was heard was as it should be.
    async fn ends(mut self) {
        sleep(Duration::from_secs(150)).await;
        assert_eq!(self.heard.try_recv().ok(), None, "each once");
        assert_eq!(self.manager.metrics().await.unwrap().handler_failures, 0);
        let state = self.manager.session(self.session).unwrap().state;
        assert_eq!(state, SessionState::Connected);
        assert_eq!(self.manager.shutdown().await.survivors, 0);
    }
}

fn write(telegram: &Telegram, text: &str) {
    let (to, from) = (telegram.account("a0").unwrap().id(), telegram.user("friend").unwrap());
    assert!(telegram.push_message(to, from, text));
}

fn post(telegram: &Telegram, text: &str) {
    let room = telegram.channel("room").unwrap();
    assert_eq!(telegram.push_post(room, telegram.user("friend").unwrap(), text), Some(1));
}

fn calls(telegram: &Telegram, method: Method) -> usize {
    telegram.requests().iter().filter(|call| call.method == method).count()
}

/// Waits until the dialogs were listed so often, and the list was looked at.
async fn listed(telegram: &Telegram, times: usize) {
    eventually(telegram.called(Method::GET_DIALOGS, times)).await;
    sleep(Duration::from_secs(1)).await;
}

const FIVE: [&str; 5] = ["1", "2", "3", "4", "5"];

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
    let mut scene = Scene::new(forgetful().too_long_without_pts()).await;
    scene.post(&["before"]);
    scene.hears(&["before"], false).await;
    scene.lose(4);
    scene.post(&FIVE);
    scene.hears(&FIVE, true).await;
    assert_eq!(scene.telegram.connections_made(), 2, "another line was made");
    scene.write(&["to the account"]);
    scene.hears(&["to the account"], false).await;
    scene.post(&["after"]);
    scene.hears(&["after"], false).await;
    scene.ends().await;
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
