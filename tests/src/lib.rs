//! What the tests of the manager share: a world, and sessions in it.

mod hold;
mod shelf;

use std::time::Duration;

pub use hold::Hold;
pub use shelf::{Process, Shelf};
use tgsession::{
    CallError, Failure, Manager, Monitor, Monitoring, Outcome, SessionConfig, SessionId,
    SessionStatus,
};
use tgtest::{Channel, Method, Telegram, UserId};
use tokio::sync::mpsc;

/// A loopback Telegram and a manager with sessions in it.
pub struct Stage {
    /// The server.
    pub telegram: Telegram,
    /// The manager.
    pub manager: Manager,
    /// Its sessions, in the order of the accounts `a0`, `a1`, ...
    pub sessions: Vec<SessionId>,
}

/// How many messages stand in the channel `room` of every stage.
pub const POSTS: usize = 250;
/// How many are in it beside the accounts.
pub const STRANGERS: usize = 300;

impl Stage {
    /// So many accounts, all of them admins of the group `room`, connected by a manager with the defaults.
    pub async fn new(accounts: usize) -> Self {
        let manager = Manager::builder().build().expect("the defaults are right");
        Self::with(accounts, manager).await
    }

    /// The same, connected by this manager.
    pub async fn with(accounts: usize, manager: Manager) -> Self {
        let room = Channel::group("room").strangers(STRANGERS).messages(POSTS);
        let room = (0..accounts).fold(room, |room, i| room.admin(&format!("a{i}")));
        let quiet =
            (0..accounts).fold(Channel::group("quiet"), |ch, i| ch.member(&format!("a{i}")));
        let telegram = Telegram::builder()
            .accounts("a", accounts)
            .account("late")
            .stranger("friend")
            .channel(room)
            .channel(quiet)
            .start()
            .await
            .expect("the world is right");
        let mut sessions = Vec::new();
        for i in 0..accounts {
            let config = config(&telegram, &format!("a{i}"));
            sessions.push(manager.add_session(config).await.expect("the server lets it in"));
        }
        Self { telegram, manager, sessions }
    }

    /// The number of the account `a0`, `a1`, ...
    pub fn id(&self, account: usize) -> UserId {
        self.telegram.account(&format!("a{account}")).expect("it was built").id()
    }

    /// Delivers a message of the friend to an account.
    pub fn push(&self, to: usize, text: &str) {
        let friend = self.telegram.user("friend").expect("it was built");
        assert!(self.telegram.push_message(self.id(to), friend, text), "both are there");
    }

    /// How many calls of these methods the server has received.
    pub fn calls(&self, methods: &[Method]) -> usize {
        self.telegram.requests().iter().filter(|call| methods.contains(&call.method)).count()
    }

    /// Waits until this holds of a session. Paused time stands still meanwhile.
    pub async fn until(&self, session: usize, holds: impl Fn(&SessionStatus) -> bool) {
        let status = || self.manager.session(self.sessions[session]);
        while !status().is_some_and(|status| holds(&status)) {
            tokio::task::yield_now().await;
        }
    }

    /// The texts that the server accepted, in their order.
    pub fn texts(&self) -> Vec<String> {
        self.telegram.sent().into_iter().map(|sent| sent.text).collect()
    }

    /// Asserts that nothing is queued, running or held.
    pub async fn assert_idle(&self) {
        for status in self.manager.sessions() {
            assert_eq!((status.queued, status.load), (0, 0), "{status:?}");
            let line = self.manager.pause(status.id).await.expect("nothing runs");
            assert_eq!(line.running(), None);
        }
    }

    /// An account that is not connected yet.
    pub fn late(&self) -> SessionConfig {
        config(&self.telegram, "late")
    }
}

/// The error of the call with which an operation failed.
#[track_caller]
pub fn call_error<T: std::fmt::Debug>(outcome: Outcome<T>) -> CallError {
    match outcome {
        Outcome::Failed(Failure::Call(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// A handler's story: the texts in the order in which it heard them.
pub struct Heard(mpsc::UnboundedReceiver<String>);

impl Heard {
    /// Starts a monitor on a session.
    pub async fn of(manager: &Manager, session: SessionId) -> (Monitoring, Self) {
        let (tell, heard) = mpsc::unbounded_channel();
        let monitor = Monitor::new(move |event| {
            let tell = tell.clone();
            async move {
                if let Some(message) = event.message() {
                    tell.send(message.text().to_owned())?;
                }
                Ok(())
            }
        });
        let ticket = manager.submit(session, monitor).expect("it is connected");
        let monitoring = soon(ticket).await.done().expect("it starts");
        (monitoring, Self(heard))
    }

    /// What it hears next.
    pub async fn next(&mut self) -> String {
        soon(self.0.recv()).await.expect("the handler is there")
    }

    /// The same on paused time, of which some passes before what was missed is recovered.
    pub async fn later(&mut self) -> String {
        eventually(self.0.recv()).await.expect("the handler is there")
    }

    /// Whether it has heard nothing more so far.
    pub fn is_silent(&mut self) -> bool {
        self.0.try_recv().is_err()
    }
}

/// The config of an account.
pub fn config(telegram: &Telegram, username: &str) -> SessionConfig {
    let account = telegram.account(username).expect("it was built");
    SessionConfig::new(username, account.session_data(), 1)
}

/// A bound for what must happen soon: a test that would hang says so.
pub async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it happens within 30 s")
}

/// The same on paused time, where an hour passes at once.
pub async fn eventually<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(3600), future).await.expect("it happens in an hour")
}

/// The examples of the README compile, and those that can run do.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
