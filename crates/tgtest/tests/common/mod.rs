//! A grammers client of an account of the server.
#![allow(missing_docs, unreachable_pub, dead_code, reason = "each test binary uses a part of this")]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use grammers_client::Client;
use grammers_client::client::UpdateStream;
use grammers_mtsender::{ConnectionParams, NoRetries, SenderPool, UpdatesConfiguration};
use grammers_session::storages::MemorySession;
use tgtest::Account;
use tokio::task::JoinHandle;

pub struct Connected {
    pub client: Client,
    pub updates: UpdateStream,
    runner: JoinHandle<()>,
}

pub async fn connect(account: &Account) -> Connected {
    let session = Arc::new(MemorySession::from(account.session_data()));
    let pool = SenderPool::with_configuration(session, 1, params());
    let runner = tokio::spawn(pool.runner.run());
    let client = Client::new(pool.handle);
    let configuration = UpdatesConfiguration { catch_up: true };
    let updates = client.stream_updates(pool.updates, configuration).await.unwrap();
    Connected { client, updates, runner }
}

impl Connected {
    pub async fn disconnect(self) {
        self.client.disconnect();
        self.runner.await.unwrap();
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
