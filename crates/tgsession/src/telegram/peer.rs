//! Whom or what an operation is about.

use std::fmt;

use grammers_client::Client;
use grammers_session::types::PeerRef;

use super::CallError;

/// A user, a group or a channel.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Target {
    /// By its public name, without `@`; asked of Telegram each time.
    Username(String),
    /// One that was resolved before.
    Peer(PeerRef),
}

impl From<&str> for Target {
    fn from(name: &str) -> Self {
        Self::Username(name.trim_start_matches('@').to_owned())
    }
}

impl From<String> for Target {
    fn from(name: String) -> Self {
        name.as_str().into()
    }
}

impl From<PeerRef> for Target {
    fn from(peer: PeerRef) -> Self {
        Self::Peer(peer)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Username(name) => write!(f, "@{name}"),
            Self::Peer(peer) => match peer.id.bare_id() {
                Some(id) => write!(f, "{:?} {id}", peer.id.kind()),
                None => f.write_str("the account itself"),
            },
        }
    }
}

/// The peer behind a target.
pub(crate) async fn resolve(client: &Client, target: &Target) -> Result<PeerRef, CallError> {
    let name = match target {
        Target::Peer(peer) => return Ok(*peer),
        Target::Username(name) => name,
    };
    let nobody = || CallError::Invalid(format!("nobody is called @{name}: check the name"));
    let peer = client.resolve_username(name).await?.ok_or_else(nobody)?;
    let known = peer.to_ref().await.map_err(|error| CallError::Invalid(error.to_string()))?;
    known.ok_or_else(nobody)
}
