use tgsession::{Manager, SessionConfig, SessionId, SessionStatus};
use tgtest::{Channel, Method, Telegram, UserId};

use crate::config;

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
