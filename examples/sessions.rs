//! Two accounts of a loopback Telegram: one listens, the other writes and reads a chat.
//!
//! ```text
//! cargo run --example sessions
//! ```

use tgsession::{ExportMessages, Manager, Monitor, Send, SessionConfig};
use tgtest::{Channel, Telegram};
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let room = Channel::group("room").member("alice").member("bob").messages(120);
    let telegram =
        Telegram::builder().account("alice").account("bob").channel(room).start().await?;

    let manager = Manager::builder().build()?;
    let mut sessions = Vec::new();
    for account in telegram.accounts() {
        // With a real account: the session data that signing in left behind, and your api_id.
        let config = SessionConfig::new(account.username(), account.session_data(), 1);
        sessions.push(manager.add_session(config).await?);
    }
    let [alice, bob] = sessions[..] else { return Err("two accounts were built".into()) };

    let (heard, mut hears) = mpsc::channel(10);
    let monitor = Monitor::new(move |event| {
        let heard = heard.clone();
        async move {
            if let Some(message) = event.message() {
                heard.send(message.text().to_owned()).await?;
            }
            Ok(())
        }
    });
    let monitoring = manager.submit(bob, monitor)?.await.done().ok_or("not listening")?;

    let sent = manager.submit(alice, Send::new("@bob", "hello"))?.await;
    println!("sent: {sent:?}");
    println!("bob heard: {:?}", hears.recv().await);

    let posts =
        manager.submit(alice, ExportMessages::of("@room"))?.await.done().ok_or("no export")?;
    println!("exported {} messages, the first: {:?}", posts.len(), posts[0].text);

    monitoring.stop().await?;
    println!("{:?}", manager.shutdown().await);
    Ok(())
}
