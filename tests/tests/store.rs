//! What outlives the process: accounts in a store, and everything that is wrong with one.

use tgsession::{
    AddError, CallError, Manager, OpenError, Outcome, Secret, Send, Sent, SessionConfig, Store,
    StoreError,
};
use tgtest::{Fault, Method, Telegram};
use workspace_tests::{Heard, Process, Shelf, call_error, eventually as soon, open_store, secs};

/// Two accounts, of which the store has the first.
async fn two() -> Shelf {
    Shelf::new(Telegram::builder().accounts("a", 2).stranger("friend")).await
}

fn manager() -> Manager {
    Manager::builder().build().unwrap()
}

async fn send(process: &Process, text: &str) -> Outcome<Sent> {
    soon(process.submit(Send::new("friend", text))).await
}

/// Why a process does not get the account connected.
async fn refusal(shelf: &Shelf) -> CallError {
    let store = shelf.open().await.unwrap();
    let config = SessionConfig::stored(&store, "a0").await.unwrap();
    let manager = manager();
    let added = manager.add_session(config).await;
    assert_eq!(manager.shutdown().await.survivors, 0);
    drop(manager);
    store.close().await.unwrap();
    match added {
        Err(AddError::Connect(error)) => error.source,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_while_no_process_ran_is_heard_once() {
    let shelf = two().await;
    let listen = async || {
        let (monitor, heard) = Heard::monitor();
        (shelf.listen(manager(), monitor).await, heard)
    };
    let (first, mut heard) = listen().await;
    shelf.push("before");
    assert_eq!(heard.next().await, "before");
    first.end().await;
    assert!(heard.is_silent());
    shelf.push("meanwhile");
    let (second, mut heard) = listen().await;
    assert_eq!(heard.next().await, "meanwhile");
    shelf.push("after");
    assert_eq!(heard.next().await, "after");
    second.end().await;
    assert!(heard.is_silent(), "each once");
}

#[tokio::test(start_paused = true)]
async fn a_flood_wait_holds_the_account_over_a_restart() {
    let shelf = two().await;
    let first = shelf.start(manager()).await;
    let hour = secs(3600);
    shelf.telegram.inject(Fault::flood_wait(hour).on(Method::SEND_MESSAGE));
    let send = first.submit(Send::new("friend", "too fast"));
    soon(shelf.telegram.called(Method::SEND_MESSAGE, 1)).await;
    // It waits in the queue again.
    while first.manager.sessions()[0].queued == 0 {
        tokio::task::yield_now().await;
    }
    assert!(first.manager.sessions()[0].blocked_for.is_some());
    first.end().await;
    assert!(matches!(soon(send).await, Outcome::ShutDown));
    let second = shelf.start(manager()).await;
    let left = second.manager.session(second.session).unwrap().blocked_for.unwrap();
    assert!(left > hour - secs(60) && left <= hour, "{left:?}");
    second.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_key_is_never_tried_again() {
    let shelf = two().await;
    shelf.telegram.inject(Fault::rpc_error(401, "AUTH_KEY_UNREGISTERED").on(Method::GET_USERS));
    assert!(matches!(refusal(&shelf).await, CallError::KeyLost { .. }));
    let connections = shelf.telegram.connections_made();
    let error = refusal(&shelf).await;
    assert!(error.to_string().contains("AUTH_KEY_UNREGISTERED"), "{error}");
    assert_eq!(shelf.telegram.connections_made(), connections, "Telegram was not asked");
}

#[tokio::test(start_paused = true)]
async fn a_restricted_account_sends_nothing_until_that_is_cleared_over_restarts_too() {
    let shelf = two().await;
    let first = shelf.start(manager()).await;
    shelf.telegram.inject(Fault::rpc_error(400, "PEER_FLOOD").on(Method::SEND_MESSAGE));
    let refused = |outcome| match call_error(outcome) {
        CallError::Restricted { name } => assert_eq!(name, "PEER_FLOOD"),
        other => panic!("{other}"),
    };
    refused(send(&first, "one").await);
    refused(send(&first, "two").await);
    first.end().await;

    let second = shelf.start(manager()).await;
    let status = second.manager.session(second.session).unwrap();
    assert_eq!(status.restricted.as_deref(), Some("PEER_FLOOD"));
    refused(send(&second, "three").await);
    let asked = shelf.telegram.requests();
    let asked = asked.iter().filter(|r| r.method == Method::SEND_MESSAGE).count();
    assert_eq!(asked, 1, "Telegram was asked once in all");
    assert!(second.manager.clear_restriction(second.session).unwrap());
    assert!(!second.manager.clear_restriction(second.session).unwrap(), "it was");
    assert!(send(&second, "four").await.done().is_some());
    second.end().await;

    let third = shelf.start(manager()).await;
    assert_eq!(third.manager.session(third.session).unwrap().restricted, None);
    third.end().await;
}

#[tokio::test]
async fn one_process_has_it_at_a_time_and_the_other_is_told_who() {
    let shelf = two().await;
    let store = shelf.open().await.unwrap();
    let error = shelf.open().await.unwrap_err();
    let pid = std::process::id();
    assert!(matches!(&error, OpenError::InUse { pid: Some(of), .. } if *of == pid), "{error}");
    assert!(error.to_string().contains(&format!("in use by process {pid}")), "{error}");
    store.close().await.unwrap();
    shelf.open().await.unwrap().close().await.unwrap();
}

#[tokio::test]
async fn only_its_secret_opens_it_and_nothing_is_changed_by_another() {
    let shelf = two().await;
    let other = Secret::passphrase("other words".to_owned()).unwrap();
    let error = Store::open(shelf.store(), other).await.unwrap_err();
    assert!(matches!(error, OpenError::WrongSecret), "{error}");
    assert_eq!(shelf.open().await.unwrap().names().await.unwrap(), ["a0"]);
}

#[tokio::test]
async fn names_are_checked_and_taken_once() {
    let shelf = two().await;
    let store = shelf.open().await.unwrap();
    let data = shelf.telegram.account("a1").unwrap().session_data();
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
    let shelf = two().await;
    let store = shelf.open().await.unwrap();
    let data = shelf.telegram.account("a1").unwrap().session_data();
    store.add("a1", &data, 1).await.unwrap();
    store.close().await.unwrap();
    let lost = tempfile::tempdir().unwrap();
    std::fs::copy(shelf.database(), lost.path().join("store.db")).unwrap();
    let database = rusqlite::Connection::open(lost.path().join("store.db")).unwrap();
    database.execute("DELETE FROM vault", []).unwrap();
    drop(database);
    let error = open_store(lost.path()).await.unwrap_err();
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
        std::fs::copy(shelf.database(), copy.path().join("store.db")).unwrap();
        let database = rusqlite::Connection::open(copy.path().join("store.db")).unwrap();
        assert!(database.execute(harm, []).unwrap() > 0, "{harm}");
        drop(database);
        let store = open_store(copy.path()).await.unwrap();
        let error = SessionConfig::stored(&store, "a0").await.unwrap_err();
        assert!(matches!(&error, StoreError::Damaged { session, .. } if session == "a0"), "{harm}");
        assert!(SessionConfig::stored(&store, "a1").await.is_ok(), "and the other is whole");
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_left_alone() {
    let shelf = two().await;
    let path = shelf.database();
    let database = rusqlite::Connection::open(&path).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    let error = shelf.open().await.unwrap_err();
    assert!(matches!(error, OpenError::TooNew { found: 99, .. }), "{error}");
    std::fs::write(&path, "this is not a database, and long enough to be looked at").unwrap();
    let error = shelf.open().await.unwrap_err();
    assert!(matches!(error, OpenError::Database(_)), "{error}");
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn its_files_are_for_their_owner_only_and_say_nothing() {
    use std::os::unix::fs::PermissionsExt;

    let shelf = two().await;
    let process = shelf.start(manager()).await;
    let data = shelf.telegram.account("a0").unwrap().session_data();
    let key = data.dc_options.values().find_map(|dc| dc.auth_key).unwrap();
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut seen = Vec::new();
    for entry in std::fs::read_dir(shelf.store()).unwrap() {
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
