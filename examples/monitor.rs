//! Listens on fifty accounts at once. The handler of one fails, and nobody else notices.
//!
//! ```text
//! cargo run --example monitor
//! ```

use futures_util::stream::{StreamExt, select_all};
use tgsession::{Manager, Monitor, SessionConfig};
use tgtest::Telegram;

const ACCOUNTS: usize = 50;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let telegram =
        Telegram::builder().accounts("support", ACCOUNTS).stranger("customer").start().await?;
    let customer = telegram.user("customer").ok_or("the customer was built")?;
    let manager = Manager::builder().build()?;
    let mut streams = Vec::new();

    for account in telegram.accounts() {
        let name = account.username();
        let mut config = SessionConfig::new(name, account.session_data(), 1);
        if name == "support7" {
            let fails = Monitor::new(|_| async { Err("the ticket system is away".into()) });
            config = config.monitor(fails);
        }
        // From the first event on.
        let (monitor, events) = Monitor::stream(10);
        streams.push(events);
        manager.add_session(config.monitor(monitor)).await?;
    }
    println!("{} accounts are connected", telegram.connections());

    for account in telegram.accounts() {
        telegram.push_message(account.id(), customer, "is anybody there?");
    }
    let mut all = select_all(streams);
    for _ in 0..ACCOUNTS {
        let event = all.next().await.ok_or("the sessions have ended")?;
        let session = manager.session(event.session()).ok_or("nobody removes one")?;
        println!("{} hears {:?}", session.label, event.message().map(|m| m.text()));
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
