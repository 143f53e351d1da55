//! What logs say at TRACE, of this crate and of all below it: no secret. In a process of its own, as loggers are
//! for all.

use std::io::Write;

use tgsession::{Manager, Outcome, Secret, Send, SessionConfig, Store};
use tgtest::{Fault, Method, Telegram};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt;
use workspace_tests::{Logged, spellings};

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
    let telegram = Telegram::builder().accounts("a", 1).stranger("friend").start().await.unwrap();
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
    telegram.inject(Fault::rpc_error(400, "PEER_FLOOD").on(Method::SEND_MESSAGE));
    let failed = manager.submit(session, Send::new("friend", "x")).unwrap().await;
    assert!(matches!(failed, Outcome::Failed(_)));
    manager.reconnect(session).await.unwrap();
    manager.shutdown().await;
    drop(manager);
    store.close().await.unwrap();

    let log = logged.text();
    assert!(log.contains("lockorder") && log.contains("grammers"), "everybody was heard");
    assert!(log.lines().count() > 100, "at TRACE there is much to say");
    let key = data.dc_options.values().find_map(|dc| dc.auth_key).unwrap();
    assert!(!log.contains(words), "the words were logged");
    for secret in spellings(&key) {
        assert!(!log.contains(&secret), "{secret} was logged");
    }
}
