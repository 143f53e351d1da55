//! Messages that are sent once, whatever becomes of who sends them.

use std::time::Duration;

use futures_util::future::join_all;
use tempfile::TempDir;
use tgsession::{
    CallError, Limits, Manager, Monitor, Outcome, Pace, PacedCall, Quota, Secret, Send, Sent,
    SessionConfig, SessionId, Store,
};
use tgtest::{Fault, Method, Telegram};
use workspace_tests::{Stage, call_error, eventually};

/// A loopback Telegram with an account that a store has.
struct Office {
    telegram: Telegram,
    directory: TempDir,
}

/// A process that has the store.
struct Process {
    manager: Manager,
    store: Store,
    session: SessionId,
}

impl Office {
    async fn new() -> Self {
        let telegram = Telegram::builder().account("a").stranger("friend").start();
        let office =
            Self { telegram: telegram.await.unwrap(), directory: tempfile::tempdir().unwrap() };
        let store = office.open().await;
        store.add("a", &office.telegram.account("a").unwrap().session_data(), 1).await.unwrap();
        store.close().await.unwrap();
        office
    }

    async fn open(&self) -> Store {
        let secret = Secret::passphrase("a few words".to_owned()).unwrap();
        Store::open(self.directory.path(), secret).await.unwrap()
    }

    async fn start(&self, limits: Limits, monitor: Option<Monitor>) -> Process {
        let store = self.open().await;
        let manager = Manager::builder().limits(limits).build().unwrap();
        let mut config = SessionConfig::stored(&store, "a").await.unwrap();
        if let Some(monitor) = monitor {
            config = config.monitor(monitor);
        }
        let session = manager.add_session(config).await.unwrap();
        Process { manager, store, session }
    }

    fn texts(&self) -> Vec<String> {
        self.telegram.sent().into_iter().map(|sent| sent.text).collect()
    }
}

impl Process {
    async fn keyed(&self, key: &str, text: &str) -> Outcome<Sent> {
        let send = Send::new("friend", text).keyed(key);
        eventually(self.manager.submit(self.session, send).unwrap()).await
    }

    async fn end(self) {
        assert_eq!(self.manager.shutdown().await.survivors, 0);
        drop(self.manager);
        self.store.close().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_sends_once_over_submissions_and_restarts() {
    let office = Office::new().await;
    for (attempt, earlier) in [(0, false), (1, true), (2, true)] {
        let process = office.start(Limits::default(), None).await;
        for (n, earlier) in [(0, earlier), (1, true)] {
            let sent = process.keyed("noon", "The meeting is at noon.").await.done().unwrap();
            assert_eq!(sent.by_earlier_attempt, earlier, "process {attempt}, submission {n}");
        }
        assert!(process.keyed("one", "Another.").await.is_done());
        process.end().await;
    }
    assert_eq!(office.texts(), ["The meeting is at noon.", "Another."]);
}

#[tokio::test(start_paused = true)]
async fn a_key_sends_once_where_two_submissions_wait_for_the_same_pace() {
    let office = Office::new().await;
    let slow = Limits::default().pace(PacedCall::Send, Pace::new(1, Duration::from_secs(3)));
    let process = office.start(slow, None).await;
    assert!(process.keyed("first", "It uses up the pace.").await.is_done());
    let both = [process.keyed("noon", "Noon."), process.keyed("noon", "Noon.")];
    assert!(join_all(both).await.iter().all(Outcome::is_done));
    assert_eq!(office.texts(), ["It uses up the pace.", "Noon."]);
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_is_of_one_message_and_a_refused_one_may_be_tried_again() {
    let office = Office::new().await;
    let process = office.start(Limits::default(), None).await;
    office.telegram.inject(Fault::rpc_error(400, "USER_IS_BLOCKED").on(Method::SEND_MESSAGE));
    let refused = call_error(process.keyed("noon", "Noon.").await);
    assert!(matches!(refused, CallError::Refused { .. }), "{refused}");
    let sent = process.keyed("noon", "Noon.").await.done().unwrap();
    assert!(!sent.by_earlier_attempt);
    let other = call_error(process.keyed("noon", "One.").await);
    assert!(other.to_string().contains("\"noon\" was used for another message"), "{other}");
    assert_eq!(office.texts(), ["Noon."]);
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_takes_a_store() {
    let stage = Stage::new(1).await;
    let send = Send::new("friend", "Noon.").keyed("noon");
    let outcome = eventually(stage.manager.submit(stage.sessions[0], send).unwrap()).await;
    assert!(call_error(outcome).to_string().contains("takes a session of a store"));
    assert!(stage.texts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_was_reserved_and_not_used_is_there_after_a_restart() {
    let office = Office::new().await;
    let one = || Limits::default().quota(Quota::Sends, 1);
    let process = office.start(one(), None).await;
    office.telegram.inject(Fault::rpc_error(400, "USER_IS_BLOCKED").on(Method::SEND_MESSAGE));
    call_error(process.keyed("noon", "Noon.").await);
    process.end().await;
    let process = office.start(one(), None).await;
    assert!(process.keyed("noon", "Noon.").await.is_done());
    process.end().await;
    let process = office.start(one(), None).await;
    assert!(!process.keyed("one", "One.").await.is_done(), "and what was used is not");
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_handled_while_a_session_stops_does_not_come_again() {
    const EVENTS: usize = 60;
    let office = Office::new().await;
    let (tell, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let slowly = || {
        let tell = tell.clone();
        Monitor::new(move |event| {
            let tell = tell.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                tell.send(event.message().map(|message| message.text().to_owned()))?;
                Ok(())
            }
        })
    };
    let process = office.start(Limits::default(), Some(slowly())).await;
    let id = |name| office.telegram.user(name).unwrap();
    for n in 0..EVENTS {
        assert!(office.telegram.push_message(id("a"), id("friend"), &n.to_string()));
    }
    // One of many: the others are on their way, or wait.
    assert_eq!(eventually(heard.recv()).await.unwrap().unwrap(), "0");
    process.end().await;
    let process = office.start(Limits::default(), Some(slowly())).await;
    assert!(office.telegram.push_message(id("a"), id("friend"), "last"));
    let mut rest = Vec::new();
    while rest.last().map(String::as_str) != Some("last") {
        rest.push(eventually(heard.recv()).await.unwrap().unwrap());
    }
    let mut expected: Vec<_> = (1..EVENTS).map(|n| n.to_string()).collect();
    expected.push("last".to_owned());
    assert_eq!(rest, expected, "each once");
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_send_that_fails_again_and_again_is_answered_whatever_its_pace() {
    let slow = Limits::default().pace(PacedCall::Send, Pace::new(1, Duration::from_secs(10)));
    let stage = Stage::with(1, Manager::builder().limits(slow).build().unwrap()).await;
    stage.telegram.inject(Fault::rpc_error(500, "INTERNAL").on(Method::SEND_MESSAGE).always());
    let send = stage.manager.submit(stage.sessions[0], Send::new("friend", "Noon.")).unwrap();
    let outcome = eventually(send).await;
    assert!(matches!(outcome, Outcome::MaybeExecuted(_)), "{outcome:?}");
    let asked = stage.telegram.requests();
    let asked = asked.iter().filter(|r| r.method == Method::SEND_MESSAGE).count();
    assert_eq!(asked, 2, "once, and one retry");
}
