//! What logs say at TRACE, of this crate and of all below it: no secret, and of this crate nothing that people wrote.
//! In a process of its own, as loggers are for all.

use std::io::Write;

use tgsession::{
    ExportMembers, ExportMessages, Format, Kept, Manager, Outcome, Secret, Send, SessionConfig,
    Store,
};
use tgtest::{Channel, Fault, Method, Telegram};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt;
use workspace_tests::{Heard, Logged, spellings};

/// What is logged by `log` and not by `tracing`, into the same.
struct Records(Logged);

impl log::Log for Records {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        // As a whole: somebody else may write in the middle of a line otherwise.
        let line = format!("{} {}\n", record.target(), record.args());
        self.0.clone().write_all(line.as_bytes()).unwrap();
    }

    fn flush(&self) {}
}

#[tokio::test]
async fn nothing_secret_is_logged_at_any_level() {
    let logged = Logged::default();
    let writer = logged.clone();
    let subscriber = fmt::Subscriber::builder()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    log::set_boxed_logger(Box::new(Records(logged.clone()))).unwrap();
    log::set_max_level(log::LevelFilter::Trace);

    let words = "tangerine umbrella";
    let (said, told) = ("the marzipan is hidden", "the nougat is gone");
    let room = Channel::group("room").admin("a0").member("friend").messages(30);
    let world = Telegram::builder().accounts("a", 1).stranger("friend").channel(room);
    let telegram = world.start().await.unwrap();
    let data = telegram.account("a0").unwrap().session_data();
    let directory = tempfile::tempdir().unwrap();
    let secret = || Secret::passphrase(words.to_owned()).unwrap();
    let store = Store::open(directory.path(), secret()).await.unwrap();
    store.add("a0", &data, 1).await.unwrap();
    let config = SessionConfig::stored(&store, "a0").await.unwrap();
    tracing::info!(?config, ?store, secret = ?secret(), "their Debug");
    let wrong = Store::open(directory.path(), secret()).await.unwrap_err();
    tracing::info!(%wrong, ?wrong, "the error of a second one");
    let manager = Manager::builder().build().unwrap();
    let session = manager.add_session(config).await.unwrap();
    let (_monitoring, mut heard) = Heard::of(&manager, session).await;
    let (account, friend) =
        (telegram.account("a0").unwrap().id(), telegram.user("friend").unwrap());
    telegram.push_message(account, friend, told);
    assert_eq!(heard.next().await, told);
    let done = manager.submit(session, Send::new("friend", said)).unwrap().await;
    assert!(done.is_done());
    let keyed = Send::new("friend", said).keyed("noon");
    assert!(manager.submit(session, keyed).unwrap().await.is_done());
    let kept = manager.submit_kept(session, "evening", Send::new("friend", said)).await.unwrap();
    let Kept::Waiting(kept) = kept else { panic!("it was done before") };
    assert!(kept.await.is_done());
    telegram.push_post(telegram.channel("room").unwrap(), friend, told);
    let path = |name: &str| directory.path().join(name);
    let posts = ExportMessages::of("room").to_file(path("room.csv"), Format::Csv);
    assert_eq!(manager.submit(session, posts).unwrap().await.done().unwrap().rows, 31);
    let members = ExportMembers::of("room").to_file(path("members.jsonl"), Format::JsonLines);
    assert!(manager.submit(session, members).unwrap().await.is_done());
    telegram.inject(Fault::rpc_error(400, "PEER_FLOOD").on(Method::SEND_MESSAGE));
    let failed = manager.submit(session, Send::new("friend", said)).unwrap().await;
    assert!(matches!(failed, Outcome::Failed(_)));
    manager.reconnect(session).await.unwrap();
    manager.shutdown().await;
    drop(manager);
    store.close().await.unwrap();
    let others = "pomegranate parasol";
    let wrong = Secret::passphrase(others.to_owned()).unwrap();
    let wrong = Store::open(directory.path(), wrong).await.unwrap_err();
    tracing::info!(%wrong, ?wrong, "the error of other words");
    let database = rusqlite::Connection::open(path("store.db")).unwrap();
    assert!(database.execute("UPDATE fact SET value = x'00' WHERE kind = 2", []).unwrap() > 0);
    drop(database);
    let store = Store::open(directory.path(), secret()).await.unwrap();
    let damaged = SessionConfig::stored(&store, "a0").await.unwrap_err();
    tracing::info!(%damaged, ?damaged, "the error of what was changed");
    store.close().await.unwrap();

    let log = logged.text();
    assert!(log.contains("lockorder") && log.contains("grammers"), "everybody was heard");
    assert!(log.lines().count() > 100, "at TRACE there is much to say");
    let key = data.dc_options.values().find_map(|dc| dc.auth_key).unwrap();
    assert!(!log.contains(words) && !log.contains(others), "the words were logged");
    // At TRACE grammers shows each update that it takes in, with what was said: nobody else does, nor below TRACE.
    let is_grammers = |line: &str| line.contains("TRACE") && line.contains("grammers_session");
    for line in log.lines().filter(|line| line.contains(said) || line.contains(told)) {
        assert!(is_grammers(line), "{line}");
    }
    for secret in spellings(&key) {
        assert!(!log.contains(&secret), "{secret} was logged");
    }
}
