//! What one session says at DEBUG, from the first connection to the last task: reviewed, and kept.

use tgsession::{ExportMessages, Manager, Monitor, Send};
use tgtest::{Channel, Telegram};
use tracing_subscriber::{EnvFilter, fmt};
use workspace_tests::{Logged, config, soon, spellings};

/// Takes out what differs from run to run: times, and the lines of the source.
fn normalised(line: &str) -> String {
    let digits = |word: &str| -> String {
        let mut out = String::new();
        for c in word.chars() {
            match c {
                '0'..='9' if out.ends_with('_') => {}
                '0'..='9' => out.push('_'),
                c => out.push(c),
            }
        }
        out
    };
    line.split(' ')
        .map(|word| match word.split_once('=') {
            Some((name @ ("wait_us" | "hold_us"), _)) => format!("{name}=_"),
            Some(("took", _)) => "took=_".to_owned(),
            Some(("site", site)) => format!("site={}", digits(site)),
            _ => word.to_owned(),
        })
        .collect::<Vec<_>>()
        .join(" ")
}

#[tokio::test]
async fn the_debug_log_of_a_session_tells_its_locks_and_no_secret() {
    let transcript = Logged::default();
    let writer = transcript.clone();
    let subscriber = fmt::Subscriber::builder()
        .with_env_filter(EnvFilter::new("lockorder=debug,tgsession=debug"))
        .with_ansi(false)
        .without_time()
        .with_writer(move || writer.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);

    let room = Channel::group("room").admin("alice").messages(3);
    let telegram =
        Telegram::builder().account("alice").stranger("bob").channel(room).start().await.unwrap();
    let alice = telegram.account("alice").unwrap().clone();
    let manager = Manager::builder().build().unwrap();
    let session = soon(manager.add_session(config(&telegram, "alice"))).await.unwrap();
    let monitor = Monitor::new(|_| async { Ok(()) });
    soon(manager.submit(session, monitor).unwrap()).await.done().unwrap();
    soon(manager.submit(session, Send::new("bob", "a private text")).unwrap())
        .await
        .done()
        .unwrap();
    soon(manager.submit(session, ExportMessages::of("room")).unwrap()).await.done().unwrap();
    soon(manager.remove_session(session)).await.unwrap();

    let log = transcript.text();
    assert!(!log.contains("a private text"), "{log}");
    for secret in spellings(alice.key()) {
        assert!(!log.contains(&secret), "{secret} is in the log");
    }
    let lines: Vec<_> = log.lines().map(normalised).collect();
    insta::assert_snapshot!(lines.join("\n"));
}
