//! Listens on fifty accounts at once. The handler of one fails, and nobody else notices.
//!
//! ```text
//! cargo run --example monitor
//! ```

use tgsession::{Manager, Monitor, SessionConfig};
use tgtest::Telegram;
use tokio::sync::mpsc;

const ACCOUNTS: usize = 50;

/// Tells what an account hears.
fn tells(account: &str, heard: &mpsc::Sender<String>) -> Monitor {
    let (account, heard) = (account.to_owned(), heard.clone());
    Monitor::new(move |event| {
        let (account, heard) = (account.clone(), heard.clone());
        async move {
            if let Some(message) = event.message() {
                heard.send(format!("{account} hears {:?}", message.text())).await?;
            }
            Ok(())
        }
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let telegram =
        Telegram::builder().accounts("support", ACCOUNTS).stranger("customer").start().await?;
    let customer = telegram.user("customer").ok_or("the customer was built")?;
    let manager = Manager::builder().build()?;
    let (heard, mut hears) = mpsc::channel(100);

    for account in telegram.accounts() {
        let name = account.username();
        let mut config = SessionConfig::new(name, account.session_data(), 1);
        if name == "support7" {
            let fails = Monitor::new(|_| async { Err("the ticket system is away".into()) });
            config = config.monitor(fails);
        }
        // From the first event on.
        manager.add_session(config.monitor(tells(name, &heard))).await?;
    }
    println!("{} accounts are connected", telegram.connections());

    for account in telegram.accounts() {
        telegram.push_message(account.id(), customer, "is anybody there?");
    }
    for _ in 0..ACCOUNTS {
        println!("{}", hears.recv().await.ok_or("the handlers are gone")?);
    }

    let report = manager.shutdown().await;
    let totals = manager.metrics().await?;
    println!(
        "{} sessions heard {} events: {} calls of handlers went well, {} failed, {} events were dropped",
        totals.added,
        totals.events_seen,
        totals.events_handled,
        totals.handler_failures,
        totals.events_dropped,
    );
    println!(
        "{} sessions stopped within {:?}, {} tasks are left",
        report.stopped, report.took, report.survivors
    );
    Ok(())
}
