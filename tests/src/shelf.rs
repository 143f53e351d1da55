use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tgsession::{
    Manager, Monitor, OpenError, Operation, Secret, SessionConfig, SessionId, Store, Ticket,
};
use tgtest::Telegram;

/// A loopback Telegram, and a directory with a store that has its account `a0`.
pub struct Shelf {
    /// The server.
    pub telegram: Telegram,
    directory: TempDir,
}

/// A process that has the store and has connected the account: what ends when it does.
pub struct Process {
    /// The manager.
    pub manager: Manager,
    /// Its only session.
    pub session: SessionId,
    /// The store.
    pub store: Store,
}

/// Opens the store in this directory, with the secret that all tests have.
pub async fn open_store(directory: impl AsRef<Path>) -> Result<Store, OpenError> {
    let secret = Secret::passphrase("a few words".to_owned()).expect("they are some");
    Store::open(directory, secret).await
}

impl Shelf {
    /// Starts this world, and puts its account `a0` into a new store.
    pub async fn new(world: tgtest::Builder) -> Self {
        let telegram = world.start().await.expect("the world is right");
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let shelf = Self { telegram, directory };
        let account = shelf.telegram.account("a0").expect("the world has it").session_data();
        let store = shelf.open().await.expect("it is new");
        store.add("a0", &account, 1).await.expect("it is empty");
        store.close().await.expect("nobody uses it");
        shelf
    }

    /// A file of this name, beside the store.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The directory of the store.
    pub fn store(&self) -> PathBuf {
        self.path("store")
    }

    /// The file with the database of the store.
    pub fn database(&self) -> PathBuf {
        self.store().join("store.db")
    }

    /// Opens the store.
    pub async fn open(&self) -> Result<Store, OpenError> {
        open_store(self.store()).await
    }

    /// Opens the store, and connects the account by this manager.
    pub async fn start(&self, manager: Manager) -> Process {
        let store = self.open().await.expect("nobody has it");
        Process::start(store, manager, None).await
    }

    /// The same, with a monitor that listens from the first event on.
    pub async fn listen(&self, manager: Manager, monitor: Monitor) -> Process {
        let store = self.open().await.expect("nobody has it");
        Process::start(store, manager, Some(monitor)).await
    }

    /// Delivers a message of the friend to the account.
    pub fn push(&self, text: &str) {
        let id = |name| self.telegram.user(name).expect("the world has it");
        assert!(self.telegram.push_message(id("a0"), id("friend"), text), "both are there");
    }

    /// The texts that the server accepted, in their order.
    pub fn texts(&self) -> Vec<String> {
        self.telegram.sent().into_iter().map(|sent| sent.text).collect()
    }
}

impl Process {
    /// Connects the account `a0` of this store.
    pub async fn start(store: Store, manager: Manager, monitor: Option<Monitor>) -> Self {
        let config = SessionConfig::stored(&store, "a0").await.expect("it is there");
        let config = monitor.into_iter().fold(config, SessionConfig::monitor);
        let session = manager.add_session(config).await.expect("the server lets it in");
        Self { manager, session, store }
    }

    /// Submits an operation.
    #[track_caller]
    pub fn submit<O: Operation>(&self, operation: O) -> Ticket<O::Output> {
        self.manager.submit(self.session, operation).expect("it is connected")
    }

    /// Ends it as a process ends that is asked to.
    pub async fn end(self) {
        assert_eq!(self.manager.shutdown().await.survivors, 0);
        drop(self.manager);
        self.store.close().await.expect("nobody uses it");
    }
}
