//! An account's session as `grammers` wants it: in memory, with a word to the store of whatever changes.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use grammers_session::storages::{MemorySession, MemorySessionError};
use grammers_session::types::{DcOption, PeerId, PeerInfo, UpdateState, UpdatesState};
use grammers_session::{Session, SessionData};
use tokio::sync::mpsc;

use crate::store::Topic;

/// What has changed since it was written.
pub(crate) type Changes = mpsc::UnboundedSender<Topic>;

/// The session of an account, over all its connections.
pub(crate) struct AccountSession {
    memory: MemorySession,
    changes: Option<Changes>,
}

impl AccountSession {
    pub(crate) fn new(session: SessionData, changes: Option<Changes>) -> Arc<Self> {
        Arc::new(Self { memory: MemorySession::from(session), changes })
    }

    fn changed(&self, topic: Topic) {
        if let Some(changes) = &self.changes {
            // Once the session has stopped nobody writes, and nothing changes that matters.
            let _ = changes.send(topic);
        }
    }

    async fn cache(&self, peer: PeerInfo) -> Result<(), MemorySessionError> {
        let id = peer.id();
        let before = self.memory.peer(id).await?;
        self.memory.cache_peer(peer).await?;
        // Each update brings peers again that are known.
        if self.memory.peer(id).await? != before {
            self.changed(Topic::Peer(id));
        }
        Ok(())
    }
}

impl Session for AccountSession {
    type Error = MemorySessionError;

    fn home_dc_id(&self) -> Result<i32, MemorySessionError> {
        self.memory.home_dc_id()
    }

    fn set_home_dc_id(&self, dc: i32) -> BoxFuture<'_, Result<(), MemorySessionError>> {
        Box::pin(async move {
            self.memory.set_home_dc_id(dc).await?;
            self.changed(Topic::Home);
            Ok(())
        })
    }

    fn dc_option(&self, dc: i32) -> Result<Option<DcOption>, MemorySessionError> {
        self.memory.dc_option(dc)
    }

    fn set_dc_option(&self, dc: &DcOption) -> BoxFuture<'_, Result<(), MemorySessionError>> {
        let dc = dc.clone();
        Box::pin(async move {
            // Each connection is told of all servers, which are those that it knows.
            if self.memory.dc_option(dc.id)?.as_ref() != Some(&dc) {
                self.memory.set_dc_option(&dc).await?;
                self.changed(Topic::Dc(dc.id));
            }
            Ok(())
        })
    }

    fn peer(&self, peer: PeerId) -> BoxFuture<'_, Result<Option<PeerInfo>, MemorySessionError>> {
        self.memory.peer(peer)
    }

    fn cache_peer(&self, peer: PeerInfo) -> BoxFuture<'_, Result<(), MemorySessionError>> {
        Box::pin(self.cache(peer))
    }

    fn updates_state(&self) -> BoxFuture<'_, Result<UpdatesState, MemorySessionError>> {
        self.memory.updates_state()
    }

    fn set_update_state(
        &self,
        update: UpdateState,
    ) -> BoxFuture<'_, Result<(), MemorySessionError>> {
        Box::pin(async move {
            self.memory.set_update_state(update).await?;
            self.changed(Topic::Updates);
            Ok(())
        })
    }
}

impl fmt::Debug for AccountSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountSession").finish_non_exhaustive()
    }
}
