//! The arm that is compared with: a `grammers` client, used as its documentation says.

use std::num::NonZeroUsize;
use std::sync::Arc;

use grammers_client::Client;
use grammers_mtsender::{ConnectionParams, NoRetries, SenderPool, UpdatesConfiguration};
use grammers_session::SessionData;
use grammers_session::storages::MemorySession;
use grammers_session::updates::UpdatesLike;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A client that is connected.
pub(crate) struct Plain {
    pub(crate) client: Client,
    runner: JoinHandle<()>,
    listener: Option<JoinHandle<()>>,
}

impl Plain {
    /// Connects, and has one call answered.
    pub(crate) async fn connect(session: SessionData) -> Self {
        Self::open(session).await.0
    }

    /// Connects, and takes what there is of updates.
    pub(crate) async fn listen(session: SessionData) -> Self {
        let (mut plain, updates) = Self::open(session).await;
        let configuration = UpdatesConfiguration { catch_up: true };
        let stream = plain.client.stream_updates(updates, configuration).await;
        let mut stream = stream.expect("a session in memory can be read");
        let listener = async move { while stream.next().await.is_ok() {} };
        plain.listener = Some(tokio::spawn(listener));
        plain
    }

    async fn open(session: SessionData) -> (Self, mpsc::Receiver<UpdatesLike>) {
        let session = Arc::new(MemorySession::from(session));
        let SenderPool { runner, handle, updates } =
            SenderPool::with_configuration(session, 1, parameters());
        let client = Client::new(handle);
        let runner = tokio::spawn(runner.run());
        client.get_me().await.expect("the server lets its accounts in");
        (Self { client, runner, listener: None }, updates)
    }

    /// Returns when the connection is closed: another with the same key may be opened.
    pub(crate) async fn disconnect(self) {
        self.client.disconnect();
        self.runner.await.expect("a client does not panic");
        if let Some(listener) = self.listener {
            listener.abort();
        }
    }
}

/// As a session has them, every field by name: the default runs programs to learn about the machine.
fn parameters() -> ConnectionParams {
    ConnectionParams {
        device_model: "plain".to_owned(),
        system_version: std::env::consts::OS.to_owned(),
        app_version: env!("CARGO_PKG_VERSION").to_owned(),
        system_lang_code: "en".to_owned(),
        lang_code: "en".to_owned(),
        use_ipv6: false,
        retry_policy: Box::new(NoRetries),
        updates_channel_capacity: NonZeroUsize::new(4096).expect("it is not zero"),
        __non_exhaustive: (),
    }
}
