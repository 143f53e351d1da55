//! What outlives the process: accounts in a store, and everything that is wrong with one.

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tgsession::{
    AddError, CallError, Manager, Monitor, OpenError, Outcome, Secret, Send, SessionConfig,
    SessionId, Store, StoreError,
};
use tgtest::{Fault, Method, Telegram};
use tokio::sync::mpsc;
use workspace_tests::{call_error, eventually as soon};

fn secret() -> Secret {
    Secret::passphrase("a few words".to_owned()).unwrap()
}

/// A loopback Telegram with two accounts, and a directory in which a store has one of them.
struct Stage {
    telegram: Telegram,
    directory: TempDir,
}

/// A process that has the store: what ends when it does.
struct Process {
    manager: Manager,
    store: Store,
}

impl Stage {
    async fn new() -> Self {
        let telegram = Telegram::builder().accounts("a", 2).stranger("friend").start();
        let telegram = telegram.await.unwrap();
        let stage = Self { telegram, directory: tempfile::tempdir().unwrap() };
        let store = stage.open().await;
        let session = stage.telegram.account("a0").unwrap().session_data();
        store.add("a0", &session, 1).await.unwrap();
        store.close().await.unwrap();
        stage
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    async fn open(&self) -> Store {
        Store::open(self.path(), secret()).await.unwrap()
    }

    /// Starts a process, and connects the account if that works.
    async fn start(&self) -> (Process, Result<SessionId, AddError>) {
        let (process, config) = self.prepare().await;
        let added = process.manager.add_session(config).await;
        (process, added)
    }

    async fn prepare(&self) -> (Process, SessionConfig) {
        let store = self.open().await;
        let config = SessionConfig::stored(&store, "a0").await.unwrap();
        (Process { manager: Manager::builder().build().unwrap(), store }, config)
    }

    fn push(&self, text: &str) {
        let id = |name| self.telegram.account(name).unwrap().id();
        assert!(self.telegram.push_message(id("a0"), id("a1"), text));
    }
}

impl Process {
    async fn end(self) {
        assert_eq!(self.manager.shutdown().await.survivors, 0);
        drop(self.manager);
        self.store.close().await.unwrap();
    }

    async fn send(&self, session: SessionId, text: &str) -> Outcome<tgsession::Sent> {
        soon(self.manager.submit(session, Send::new("friend", text)).unwrap()).await
    }
}

fn refusal(added: Result<SessionId, AddError>) -> CallError {
    match added {
        Err(AddError::Connect(error)) => error.source,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_while_no_process_ran_is_heard_once() {
    let stage = Stage::new().await;
    let (tell, mut heard) = mpsc::unbounded_channel();
    let listen = || {
        let tell = tell.clone();
        Monitor::new(move |event| {
            let tell = tell.clone();
            async move {
                tell.send(event.message().map(|m| m.text().to_owned()))?;
                Ok(())
            }
        })
    };
    let run = async || {
        let (process, config) = stage.prepare().await;
        process.manager.add_session(config.monitor(listen())).await.unwrap();
        process
    };
    let first = run().await;
    stage.push("before");
    assert_eq!(soon(heard.recv()).await.unwrap().unwrap(), "before");
    first.end().await;
    stage.push("meanwhile");
    let second = run().await;
    assert_eq!(soon(heard.recv()).await.unwrap().unwrap(), "meanwhile");
    stage.push("after");
    assert_eq!(soon(heard.recv()).await.unwrap().unwrap(), "after");
    second.end().await;
    assert!(heard.try_recv().is_err(), "each once");
}

#[tokio::test(start_paused = true)]
async fn a_flood_wait_holds_the_account_over_a_restart() {
    let stage = Stage::new().await;
    let (first, added) = stage.start().await;
    let hour = Duration::from_secs(3600);
    stage.telegram.inject(Fault::flood_wait(hour).on(Method::SEND_MESSAGE));
    let send = first.manager.submit(added.unwrap(), Send::new("friend", "too fast")).unwrap();
    soon(stage.telegram.called(Method::SEND_MESSAGE, 1)).await;
    // It waits in the queue again.
    while first.manager.sessions()[0].queued == 0 {
        tokio::task::yield_now().await;
    }
    assert!(first.manager.sessions()[0].blocked_for.is_some());
    first.end().await;
    assert!(matches!(soon(send).await, Outcome::ShutDown));
    let (second, added) = stage.start().await;
    let left = second.manager.session(added.unwrap()).unwrap().blocked_for.unwrap();
    assert!(left > hour - Duration::from_secs(60) && left <= hour, "{left:?}");
    second.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_key_is_never_tried_again() {
    let stage = Stage::new().await;
    stage.telegram.inject(Fault::rpc_error(401, "AUTH_KEY_UNREGISTERED").on(Method::GET_USERS));
    let (first, added) = stage.start().await;
    assert!(matches!(refusal(added), CallError::KeyLost { .. }));
    first.end().await;
    let connections = stage.telegram.connections_made();
    let (second, added) = stage.start().await;
    let error = refusal(added);
    assert!(error.to_string().contains("AUTH_KEY_UNREGISTERED"), "{error}");
    assert_eq!(stage.telegram.connections_made(), connections, "Telegram was not asked");
    second.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_restricted_account_sends_nothing_until_that_is_cleared_over_restarts_too() {
    let stage = Stage::new().await;
    let (first, added) = stage.start().await;
    let session = added.unwrap();
    stage.telegram.inject(Fault::rpc_error(400, "PEER_FLOOD").on(Method::SEND_MESSAGE));
    let refused = |outcome| match call_error(outcome) {
        CallError::Restricted { name } => assert_eq!(name, "PEER_FLOOD"),
        other => panic!("{other}"),
    };
    refused(first.send(session, "one").await);
    refused(first.send(session, "two").await);
    first.end().await;

    let (second, added) = stage.start().await;
    let session = added.unwrap();
    let status = second.manager.session(session).unwrap();
    assert_eq!(status.restricted.as_deref(), Some("PEER_FLOOD"));
    refused(second.send(session, "three").await);
    let asked = stage.telegram.requests();
    let asked = asked.iter().filter(|r| r.method == Method::SEND_MESSAGE).count();
    assert_eq!(asked, 1, "Telegram was asked once in all");
    assert!(second.manager.clear_restriction(session).unwrap());
    assert!(!second.manager.clear_restriction(session).unwrap(), "it was");
    assert!(second.send(session, "four").await.done().is_some());
    second.end().await;

    let (third, added) = stage.start().await;
    assert_eq!(third.manager.session(added.unwrap()).unwrap().restricted, None);
    third.end().await;
}

#[tokio::test]
async fn one_process_has_it_at_a_time_and_the_other_is_told_who() {
    let stage = Stage::new().await;
    let store = stage.open().await;
    let error = Store::open(stage.path(), secret()).await.unwrap_err();
    let pid = std::process::id();
    assert!(matches!(&error, OpenError::InUse { pid: Some(of), .. } if *of == pid), "{error}");
    assert!(error.to_string().contains(&format!("in use by process {pid}")), "{error}");
    store.close().await.unwrap();
    stage.open().await.close().await.unwrap();
}

#[tokio::test]
async fn only_its_secret_opens_it_and_nothing_is_changed_by_another() {
    let stage = Stage::new().await;
    let other = Secret::passphrase("other words".to_owned()).unwrap();
    let error = Store::open(stage.path(), other).await.unwrap_err();
    assert!(matches!(error, OpenError::WrongSecret), "{error}");
    assert_eq!(stage.open().await.names().await.unwrap(), ["a0"]);
}

#[tokio::test]
async fn names_are_checked_and_taken_once() {
    let stage = Stage::new().await;
    let store = stage.open().await;
    let data = stage.telegram.account("a1").unwrap().session_data();
    for name in ["", "a b", "../a", "ä", &"x".repeat(65)] {
        let error = store.add(name, &data, 1).await.unwrap_err();
        assert!(matches!(error, StoreError::Name(_)), "{error}");
    }
    let error = store.add("a0", &data, 1).await.unwrap_err();
    assert!(matches!(&error, StoreError::Exists(name) if name == "a0"), "{error}");
    let error = SessionConfig::stored(&store, "a1").await.unwrap_err();
    assert!(matches!(&error, StoreError::Unknown(name) if name == "a1"), "{error}");
    store.add("a1", &data, 1).await.unwrap();
    assert_eq!(store.names().await.unwrap(), ["a0", "a1"]);
    let config = SessionConfig::stored(&store, "a0").await.unwrap();
    for error in [
        SessionConfig::stored(&store, "a0").await.unwrap_err(),
        store.remove("a0").await.unwrap_err(),
        store.close().await.unwrap_err(),
    ] {
        assert!(matches!(&error, StoreError::InUse(name) if name == "a0"), "{error}");
    }
    drop(config);
    assert!(store.remove("a0").await.unwrap() && !store.remove("a0").await.unwrap());
    assert_eq!(store.names().await.unwrap(), ["a1"]);
    store.close().await.unwrap();
    assert!(matches!(store.names().await, Err(StoreError::Closed)));
}

#[tokio::test]
async fn nobody_changes_or_moves_what_it_has_without_being_noticed() {
    let stage = Stage::new().await;
    let store = stage.open().await;
    let data = stage.telegram.account("a1").unwrap().session_data();
    store.add("a1", &data, 1).await.unwrap();
    store.close().await.unwrap();
    let lost = tempfile::tempdir().unwrap();
    std::fs::copy(stage.path().join("store.db"), lost.path().join("store.db")).unwrap();
    let database = rusqlite::Connection::open(lost.path().join("store.db")).unwrap();
    database.execute("DELETE FROM vault", []).unwrap();
    drop(database);
    let error = Store::open(lost.path(), secret()).await.unwrap_err();
    assert!(matches!(error, OpenError::NoVault), "{error}");
    let harms = [
        "UPDATE fact SET value = CAST(substr(value, 1, length(value) - 1) || x'00' AS BLOB)
             WHERE session = 'a0' AND kind = 2",
        "UPDATE fact SET value = x'00' WHERE session = 'a0' AND kind = 1",
        "UPDATE fact SET value = (SELECT value FROM fact AS other WHERE other.session = 'a1'
             AND other.kind = fact.kind AND other.id = fact.id) WHERE session = 'a0' AND kind = 2",
        "UPDATE fact SET id = id + 1 WHERE session = 'a0' AND kind = 2 AND id = 5",
        "DELETE FROM fact WHERE session = 'a0' AND kind = 1",
    ];
    for harm in harms {
        let copy = tempfile::tempdir().unwrap();
        std::fs::copy(stage.path().join("store.db"), copy.path().join("store.db")).unwrap();
        let database = rusqlite::Connection::open(copy.path().join("store.db")).unwrap();
        assert!(database.execute(harm, []).unwrap() > 0, "{harm}");
        drop(database);
        let store = Store::open(copy.path(), secret()).await.unwrap();
        let error = SessionConfig::stored(&store, "a0").await.unwrap_err();
        assert!(matches!(&error, StoreError::Damaged { session, .. } if session == "a0"), "{harm}");
        assert!(SessionConfig::stored(&store, "a1").await.is_ok(), "and the other is whole");
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_left_alone() {
    let stage = Stage::new().await;
    let path = stage.path().join("store.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    let error = Store::open(stage.path(), secret()).await.unwrap_err();
    assert!(matches!(error, OpenError::TooNew { found: 99, .. }), "{error}");
    std::fs::write(&path, "this is not a database, and long enough to be looked at").unwrap();
    let error = Store::open(stage.path(), secret()).await.unwrap_err();
    assert!(matches!(error, OpenError::Database(_)), "{error}");
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn its_files_are_for_their_owner_only_and_say_nothing() {
    use std::os::unix::fs::PermissionsExt;

    let stage = Stage::new().await;
    let (process, added) = stage.start().await;
    added.unwrap();
    let data = stage.telegram.account("a0").unwrap().session_data();
    let key = data.dc_options.values().find_map(|dc| dc.auth_key).unwrap();
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut seen = Vec::new();
    for entry in std::fs::read_dir(stage.path()).unwrap() {
        let path = entry.unwrap().path();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
        let bytes = std::fs::read(&path).unwrap();
        let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(!has(&key[..16]) && !has(&hex.as_bytes()[..32]), "{}", path.display());
        assert!(!has(b"127.0.0.1") && !has(b"a few words"), "{}", path.display());
        seen.push(path.file_name().unwrap().to_owned());
    }
    assert!(seen.len() >= 3, "the database, its log, and the lock: {seen:?}");
    process.end().await;
}
