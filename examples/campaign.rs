//! Writes to those who asked for it, once each, however often it is run; and no more in a day than is allowed.
//!
//! ```text
//! cargo run --example campaign
//! ```

use std::path::Path;

use tgsession::{Failure, Limits, Manager, Outcome, Quota, Secret, Send, SessionConfig, Store};
use tgtest::Telegram;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Somebody who is known, and since when they want to be written to, if they do.
struct Recipient {
    name: &'static str,
    opted_in: Option<&'static str>,
}

const RECIPIENTS: [Recipient; 6] = [
    Recipient { name: "ada", opted_in: Some("2026-03-02, on the website") },
    Recipient { name: "blaise", opted_in: Some("2026-05-17, by message") },
    Recipient { name: "charles", opted_in: None },
    Recipient { name: "donald", opted_in: Some("2026-06-30, on the website") },
    Recipient { name: "edsger", opted_in: None },
    Recipient { name: "frances", opted_in: Some("2026-09-11, at the conference") },
];

async fn open(directory: &Path) -> Result<Store> {
    // With real accounts: `Secret::from_env` or `Secret::from_file`.
    let secret = Secret::passphrase("correct horse battery staple".to_owned())?;
    Ok(Store::open(directory, secret).await?)
}

/// Writes to everybody on the list: a process of its own.
async fn write(directory: &Path, sends_a_day: u32) -> Result<()> {
    let store = open(directory).await?;
    let limits = Limits::default().quota(Quota::Sends, sends_a_day);
    let manager = Manager::builder().limits(limits).build()?;
    let config = SessionConfig::stored(&store, "newsletter").await?;
    let session = manager.add_session(config).await?;
    for Recipient { name, opted_in } in &RECIPIENTS {
        let Some(since) = opted_in else {
            println!("  {name}: did not ask for it");
            continue;
        };
        let send = Send::new(*name, format!("Dear {name}, the autumn letter is out."));
        // The key stands for this letter to this person, in every process.
        let send = send.keyed(format!("autumn letter/{name}"));
        match manager.submit(session, send)?.await {
            Outcome::Done(sent) if sent.by_earlier_attempt => println!("  {name}: has it already"),
            Outcome::Done(_) => println!("  {name}: sent, asked for it {since}"),
            Outcome::Failed(Failure::Quota(exceeded)) => println!("  {name}: not sent, {exceeded}"),
            other => return Err(format!("{name}: {other:?}").into()),
        }
    }
    manager.shutdown().await;
    drop(manager);
    Ok(store.close().await?)
}

#[tokio::main]
async fn main() -> Result<()> {
    let world = Telegram::builder().account("newsletter");
    let world = RECIPIENTS.iter().fold(world, |world, recipient| world.stranger(recipient.name));
    let telegram = world.start().await?;
    let account = telegram.account("newsletter").ok_or("it was built")?;
    let directory = tempfile::tempdir()?;
    let store = open(directory.path()).await?;
    store.add("newsletter", &account.session_data(), 1).await?;
    store.close().await?;

    for (run, sends_a_day) in [("once", 3), ("twice", 3), ("with a larger quota", 10)] {
        println!("Run {run}, with {sends_a_day} messages a day:");
        write(directory.path(), sends_a_day).await?;
        println!("  Telegram has {} messages", telegram.sent().len());
    }
    Ok(())
}
