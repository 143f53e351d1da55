//! A loopback Telegram for clients in other languages: one account, a friend, and a group.
//!
//! ```text
//! cargo run --example loopback
//! ```
//!
//! The first line of standard output is a JSON object: `{"host":..,"port":..,"dc":..,"user":..,"key":..}`,
//! the key in hexadecimal. Then each line of standard input is a message that the friend writes to the
//! account; the answer on standard output is how many messages the server has accepted from the account.
//! The server ends with its standard input.

use tgtest::{Channel, Telegram};
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let telegram = Telegram::builder()
        .account("alice")
        .account("bob")
        .channel(Channel::group("room").admin("alice").member("bob").messages(120))
        .start()
        .await?;
    let (Some(alice), Some(bob)) = (telegram.account("alice"), telegram.account("bob")) else {
        return Err("they were built".into());
    };
    let key: String = alice.key().iter().map(|byte| format!("{byte:02x}")).collect();
    println!(
        r#"{{"host":"{}","port":{},"dc":2,"user":{},"key":"{key}"}}"#,
        telegram.address().ip(),
        telegram.address().port(),
        alice.id(),
    );
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        telegram.push_message(alice.id(), bob.id(), &line);
        println!("{}", telegram.sent().len());
    }
    Ok(())
}
