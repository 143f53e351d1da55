//! What the demo's Telegram is made of.

use tgtest::{Channel, StartError, Telegram};

use super::DemoError;
use crate::cli::Demo;

/// Somebody who writes to every account, and is written to where there is only one.
pub(super) const STRANGER: &str = "mailbox";
const STRANGERS: usize = 450;
const POSTS: usize = 250;

/// The user name of an account.
pub(super) fn account(i: usize) -> String {
    format!("account{i}")
}

/// The channel that an account is an admin of.
pub(super) fn channel_of(i: usize, channels: usize) -> String {
    format!("channel{}", i % channels)
}

pub(super) async fn start(options: &Demo) -> Result<Telegram, DemoError> {
    let mut builder = Telegram::builder()
        .port(options.port)
        .accounts("account", options.sessions)
        .stranger(STRANGER);
    for c in 0..options.channels {
        let name = channel_of(c, options.channels);
        let channel = Channel::group(&name).strangers(STRANGERS).messages(POSTS);
        let admins = (0..options.sessions).filter(|i| i % options.channels == c);
        builder = builder.channel(admins.fold(channel, |ch, i| ch.admin(&account(i))));
    }
    builder.start().await.map_err(|error| match error {
        StartError::Listen { port, source } => DemoError::Port { port, reason: source.to_string() },
        other => DemoError::World(other),
    })
}
