//! A grammers client of an account of the server.
#![allow(missing_docs, unreachable_pub, dead_code, reason = "each test binary uses a part of this")]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use grammers_client::client::UpdateStream;
use grammers_client::update::Update;
use grammers_client::{Client, InvocationError};
use grammers_mtsender::{ConnectionParams, NoRetries, SenderPool, UpdatesConfiguration};
use grammers_session::SessionData;
use grammers_session::storages::MemorySession;
use grammers_session::types::PeerRef;
use tgtest::Account;
use tokio::task::JoinHandle;

pub struct Connected {
    pub client: Client,
    pub updates: UpdateStream,
    runner: JoinHandle<()>,
}

pub async fn connect(account: &Account) -> Connected {
    connect_as(account.session_data()).await
}

pub async fn connect_as(session: SessionData) -> Connected {
    let session = Arc::new(MemorySession::from(session));
    let pool = SenderPool::with_configuration(session, 1, params());
    let runner = tokio::spawn(pool.runner.run());
    let client = Client::new(pool.handle);
    let configuration = UpdatesConfiguration { catch_up: true };
    let updates = client.stream_updates(pool.updates, configuration).await.unwrap();
    Connected { client, updates, runner }
}

impl Connected {
    /// The texts of the messages that it hears next. Errors are those of a line that is being made again.
    pub async fn hear(&mut self, messages: usize) -> Vec<String> {
        let mut texts = Vec::new();
        while texts.len() < messages {
            match soon(self.updates.next()).await {
                Ok(Update::NewMessage(message)) => texts.push(message.text().to_owned()),
                Ok(_) => {}
                Err(error) => eprintln!("while away: {error}"),
            }
        }
        texts
    }

    pub async fn disconnect(self) {
        self.client.disconnect();
        self.runner.await.unwrap();
    }
}

/// A user or channel as a client finds it.
pub async fn peer(client: &Client, name: &str) -> PeerRef {
    let peer = soon(client.resolve_username(name)).await.unwrap().expect("it exists");
    peer.to_ref().await.unwrap().expect("it has a hash")
}

/// What an identity call is answered: a client learns that its connection was closed by using it, and makes another.
pub async fn identify(client: &Client) -> Result<(), InvocationError> {
    loop {
        match soon(client.get_me()).await.map(drop) {
            Err(InvocationError::Io(_) | InvocationError::Dropped(_)) => {}
            answer => return answer,
        }
    }
}

/// What a call was refused with, such as `420 FLOOD_WAIT_3`.
pub fn refusal<T>(result: Result<T, InvocationError>) -> String {
    match result {
        Err(InvocationError::Rpc(error)) => match error.value {
            Some(value) => format!("{} {}_{value}", error.code, error.name),
            None => format!("{} {}", error.code, error.name),
        },
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was not refused"),
    }
}

/// Every field by name: the default forks processes to learn about the machine.
fn params() -> ConnectionParams {
    ConnectionParams {
        device_model: "test".to_owned(),
        system_version: "0".to_owned(),
        app_version: "0".to_owned(),
        system_lang_code: "en".to_owned(),
        lang_code: "en".to_owned(),
        use_ipv6: false,
        retry_policy: Box::new(NoRetries),
        updates_channel_capacity: NonZeroUsize::new(100).unwrap(),
        __non_exhaustive: (),
    }
}

/// A bound for what must happen soon: a test that hangs says so.
pub async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(10), future).await.expect("it happens within 10 s")
}
