//! An account's session as `grammers` wants it: in memory, with a word to the store of whatever changes.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use grammers_session::storages::{MemorySession, MemorySessionError};
use grammers_session::types::{DcOption, PeerId, PeerInfo, UpdateState, UpdatesState};
use grammers_session::{Session, SessionData};
use thiserror::Error;
use tokio::sync::mpsc;

use crate::store::{Topic, peer_id};

/// What has changed since it was written.
pub(crate) type Changes = mpsc::UnboundedSender<Topic>;

/// Why the session of an account did not do what `grammers` asked.
#[derive(Debug, Error)]
pub(crate) enum AccountError {
    #[error(transparent)]
    Memory(#[from] MemorySessionError),
    /// A server that says that it does not know the key is not believed: anybody on the way can say so.
    #[error("the key of an account is not replaced: sign in again if Telegram has lost it")]
    KeyReplaced,
}

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

    async fn cache(&self, peer: PeerInfo) -> Result<(), AccountError> {
        // A number that no peer has is of no use, and `grammers` panics over it, here with its lock held.
        let Some(id) = peer_id(&peer) else { return Ok(()) };
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
    type Error = AccountError;

    fn home_dc_id(&self) -> Result<i32, AccountError> {
        Ok(self.memory.home_dc_id()?)
    }

    fn set_home_dc_id(&self, dc: i32) -> BoxFuture<'_, Result<(), AccountError>> {
        Box::pin(async move {
            self.memory.set_home_dc_id(dc).await?;
            self.changed(Topic::Home);
            Ok(())
        })
    }

    fn dc_option(&self, dc: i32) -> Result<Option<DcOption>, AccountError> {
        Ok(self.memory.dc_option(dc)?)
    }

    fn set_dc_option(&self, dc: &DcOption) -> BoxFuture<'_, Result<(), AccountError>> {
        let dc = dc.clone();
        Box::pin(async move {
            let known = self.memory.dc_option(dc.id)?;
            let key = known.as_ref().and_then(|known| known.auth_key);
            if key.is_some() && dc.auth_key != key {
                return Err(AccountError::KeyReplaced);
            }
            // Each connection is told of all servers, which are those that it knows.
            if known.as_ref() != Some(&dc) {
                self.memory.set_dc_option(&dc).await?;
                self.changed(Topic::Dc(dc.id));
            }
            Ok(())
        })
    }

    fn peer(&self, peer: PeerId) -> BoxFuture<'_, Result<Option<PeerInfo>, AccountError>> {
        Box::pin(async move { Ok(self.memory.peer(peer).await?) })
    }

    fn cache_peer(&self, peer: PeerInfo) -> BoxFuture<'_, Result<(), AccountError>> {
        Box::pin(self.cache(peer))
    }

    fn updates_state(&self) -> BoxFuture<'_, Result<UpdatesState, AccountError>> {
        Box::pin(async move { Ok(self.memory.updates_state().await?) })
    }

    fn set_update_state(&self, update: UpdateState) -> BoxFuture<'_, Result<(), AccountError>> {
        Box::pin(async move {
            // How far updates have arrived concerns nobody but the next connection.
            Ok(self.memory.set_update_state(update).await?)
        })
    }
}

impl fmt::Debug for AccountSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountSession").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_is_never_replaced_and_a_server_may_move() {
        let session = AccountSession::new(SessionData::default(), None);
        let mut dc = session.dc_option(2).unwrap().unwrap();
        dc.auth_key = Some([1; 256]);
        session.set_dc_option(&dc).await.unwrap();
        for key in [Some([2; 256]), None] {
            let other = DcOption { auth_key: key, ..dc.clone() };
            let error = session.set_dc_option(&other).await.unwrap_err();
            assert!(matches!(error, AccountError::KeyReplaced), "{error}");
        }
        dc.ipv4.set_port(1);
        session.set_dc_option(&dc).await.unwrap();
        assert_eq!(session.dc_option(2).unwrap(), Some(dc));
    }

    #[tokio::test]
    async fn only_what_changes_is_told() {
        let (changes, mut told) = mpsc::unbounded_channel();
        let session = AccountSession::new(SessionData::default(), Some(changes));
        let dc = session.dc_option(2).unwrap().unwrap();
        session.set_dc_option(&dc).await.unwrap();
        assert!(told.try_recv().is_err(), "it was known");
        session.cache_peer(PeerInfo::Chat { id: 7 }).await.unwrap();
        session.cache_peer(PeerInfo::Chat { id: 7 }).await.unwrap();
        assert!(matches!(told.try_recv(), Ok(Topic::Peer(_))));
        assert!(told.try_recv().is_err(), "once");
    }
}
