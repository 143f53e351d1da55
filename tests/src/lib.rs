//! What the tests of the manager share: worlds, sessions in them, and what is asked of both.

mod heard;
mod hold;
mod logged;
mod order;
mod outcomes;
mod random;
mod shelf;
mod stage;

use std::io::Write;
use std::time::Duration;

pub use heard::Heard;
pub use hold::Hold;
pub use logged::{Logged, spellings};
pub use order::Violations;
pub use outcomes::{End, call_error, done_and_exceeded, lock_error, quota_exceeded};
pub use random::Random;
pub use shelf::{Process, Shelf, open_store};
pub use stage::{POSTS, STRANGERS, Stage};
use tgsession::{CallError, Custom, Limits, Manager, SessionConfig};
use tgtest::Telegram;

/// The config of an account.
pub fn config(telegram: &Telegram, username: &str) -> SessionConfig {
    let account = telegram.account(username).expect("it was built");
    SessionConfig::new(username, account.session_data(), 1)
}

/// A manager whose accounts allow themselves this, and that is as by default otherwise.
pub fn limited(limits: Limits) -> Manager {
    Manager::builder().limits(limits).build().expect("the defaults are right")
}

/// An operation that asks Telegram who the account is.
pub fn asks() -> Custom<()> {
    Custom::new(|client| async move {
        client.get_me().await?;
        Ok::<_, CallError>(())
    })
}

/// So many seconds.
pub fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// What a variable of the environment says, if it is there: a seed, or how often.
pub fn number(variable: &str) -> Option<u64> {
    let said = std::env::var(variable).ok()?;
    Some(said.parse().unwrap_or_else(|_| panic!("{variable} is not a number: {said}")))
}

/// Says what is to be seen of a test that passes, too: what `println!` says is kept back then.
pub fn tell(line: &str) {
    // In one piece: other tests have their say.
    std::io::stdout().write_all(format!("{line}\n").as_bytes()).expect("somebody listens");
}

/// A bound for what must happen soon: a test that would hang says so.
pub async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(secs(30), future).await.expect("it happens within 30 s")
}

/// The same on paused time, where an hour passes at once.
pub async fn eventually<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(secs(3600), future).await.expect("it happens in an hour")
}

/// The examples of the README compile, and those that can run do.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
