use std::path::PathBuf;

use tempfile::TempDir;
use tgsession::{Manager, OpenError, Secret, SessionConfig, SessionId, Store};
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

    /// The file with the database of the store.
    pub fn database(&self) -> PathBuf {
        self.path("store").join("store.db")
    }

    /// Opens the store.
    pub async fn open(&self) -> Result<Store, OpenError> {
        let secret = Secret::passphrase("a few words".to_owned()).expect("they are some");
        Store::open(self.path("store"), secret).await
    }

    /// Opens the store, and connects the account by this manager.
    pub async fn start(&self, manager: Manager) -> Process {
        let store = self.open().await.expect("nobody has it");
        let config = SessionConfig::stored(&store, "a0").await.expect("it is there");
        let session = manager.add_session(config).await.expect("the server lets it in");
        Process { manager, session, store }
    }
}

impl Process {
    /// Ends it as a process ends that is asked to.
    pub async fn end(self) {
        assert_eq!(self.manager.shutdown().await.survivors, 0);
        drop(self.manager);
        self.store.close().await.expect("nobody uses it");
    }
}
