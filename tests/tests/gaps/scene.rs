//! Who writes to whom, and who hears of it.

use std::time::Duration;

use tgsession::{Manager, Monitor, SessionId, SessionState};
use tgtest::{Builder, Channel, Method, Telegram, UpdateFault, UserId};
use tokio::sync::mpsc;
use tokio::time::sleep;
use workspace_tests::{config, eventually};

/// What a handler heard: the text, and whether it was recovered.
pub(crate) type Told = (String, bool);

/// An account that listens, its friend, and a group with some messages that both are in.
pub(crate) struct Scene {
    pub(crate) telegram: Telegram,
    pub(crate) manager: Manager,
    pub(crate) session: SessionId,
    pub(crate) heard: mpsc::UnboundedReceiver<Told>,
}

pub(crate) fn world() -> Builder {
    let room = Channel::group("room").member("a0").member("friend").messages(20);
    Telegram::builder().account("a0").stranger("friend").channel(room)
}

/// Of more than three messages a client is not told.
pub(crate) fn forgetful() -> Builder {
    world().longest_difference(3)
}

/// Tells what it hears, and fails where it is not told who wrote it.
pub(crate) fn listener() -> (Monitor, mpsc::UnboundedReceiver<Told>) {
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
    pub(crate) async fn new(world: Builder) -> Self {
        Self::with(world, Manager::builder().build().unwrap()).await
    }

    pub(crate) async fn with(world: Builder, manager: Manager) -> Self {
        let telegram = world.start().await.unwrap();
        let (monitor, heard) = listener();
        let config = config(&telegram, "a0").monitor(monitor);
        let session = manager.add_session(config).await.unwrap();
        listed(&telegram, 1).await;
        Self { telegram, manager, session, heard }
    }

    pub(crate) fn id(&self) -> UserId {
        self.telegram.account("a0").unwrap().id()
    }

    /// The friend writes to the account.
    pub(crate) fn write(&self, texts: &[&str]) {
        texts.iter().for_each(|text| write(&self.telegram, text));
    }

    /// The friend writes to the group.
    pub(crate) fn post(&self, texts: &[&str]) {
        texts.iter().for_each(|text| post(&self.telegram, text));
    }

    /// The connection breaks; it is made again as soon as anybody waits.
    pub(crate) fn break_line(&self) {
        assert_eq!(self.telegram.drop_connections(self.id()), 1);
    }

    /// The next so many updates to the account are lost.
    pub(crate) fn lose(&self, updates: usize) {
        self.telegram.inject_update_fault(UpdateFault::lose().to(self.id()).times(updates));
    }

    pub(crate) async fn hears(&mut self, texts: &[&str], are_recovered: bool) {
        for text in texts {
            let told = eventually(self.heard.recv()).await.unwrap();
            assert_eq!(told, ((*text).to_owned(), are_recovered));
        }
    }

    pub(crate) fn calls(&self, method: Method) -> usize {
        calls(&self.telegram, method)
    }

    /// A gap in the group costs a line, and no message of anybody.
    pub(crate) async fn bears_a_gap_of_the_room(mut self) {
        self.post(&["before"]);
        self.hears(&["before"], false).await;
        self.lose(4);
        self.post(&FIVE);
        self.hears(&FIVE, true).await;
        assert_eq!(self.telegram.connections_made(), 2, "another line was made");
        self.write(&["to the account"]);
        self.hears(&["to the account"], false).await;
        self.post(&["after"]);
        self.hears(&["after"], false).await;
        self.ends().await;
    }

    /// Nothing more is heard in a while, and all that was heard was as it should be.
    pub(crate) async fn ends(mut self) {
        sleep(Duration::from_secs(150)).await;
        assert_eq!(self.heard.try_recv().ok(), None, "each once");
        assert_eq!(self.manager.metrics().await.unwrap().handler_failures, 0);
        let state = self.manager.session(self.session).unwrap().state;
        assert_eq!(state, SessionState::Connected);
        assert_eq!(self.manager.shutdown().await.survivors, 0);
    }
}

pub(crate) fn write(telegram: &Telegram, text: &str) {
    let (to, from) = (telegram.account("a0").unwrap().id(), telegram.user("friend").unwrap());
    assert!(telegram.push_message(to, from, text));
}

pub(crate) fn post(telegram: &Telegram, text: &str) {
    let room = telegram.channel("room").unwrap();
    assert_eq!(telegram.push_post(room, telegram.user("friend").unwrap(), text), Some(1));
}

pub(crate) fn calls(telegram: &Telegram, method: Method) -> usize {
    telegram.requests().iter().filter(|call| call.method == method).count()
}

/// Waits until the dialogs were listed so often, and the list was looked at.
pub(crate) async fn listed(telegram: &Telegram, times: usize) {
    eventually(telegram.called(Method::GET_DIALOGS, times)).await;
    sleep(Duration::from_secs(1)).await;
}

pub(crate) const FIVE: [&str; 5] = ["1", "2", "3", "4", "5"];
