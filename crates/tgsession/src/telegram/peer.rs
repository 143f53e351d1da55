//! Whom or what an operation is about.

use std::fmt;

use grammers_client::{Client, tl};
use grammers_session::types::{PeerId, PeerInfo, PeerRef};
use tl::enums;

use super::CallError;
use crate::store;

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

/// The chat that a peer of Telegram is, if it is one: `grammers` panics over numbers that none has.
pub(crate) fn chat_of(peer: &enums::Peer) -> Option<PeerId> {
    store::peer_id(&match peer {
        enums::Peer::User(user) => {
            PeerInfo::User { id: user.user_id, auth: None, bot: None, is_self: None }
        }
        enums::Peer::Chat(chat) => PeerInfo::Chat { id: chat.chat_id },
        enums::Peer::Channel(channel) => {
            PeerInfo::Channel { id: channel.channel_id, auth: None, kind: None }
        }
    })
}

/// The channel with this number, if it is one of channels.
pub(crate) fn channel_of(id: i64) -> Option<PeerId> {
    store::peer_id(&PeerInfo::Channel { id, auth: None, kind: None })
}

/// Where a message stands and its number, if it is one and not only the place of one.
pub(crate) fn place_of(message: &enums::Message) -> Option<(PeerId, i32)> {
    let (peer, number) = match message {
        enums::Message::Message(message) => (&message.peer_id, message.id),
        enums::Message::Service(message) => (&message.peer_id, message.id),
        enums::Message::Empty(_) => return None,
    };
    Some((chat_of(peer)?, number)).filter(|_| number > 0)
}

/// When a message was written.
pub(crate) fn date_of(message: &enums::Message) -> Option<i32> {
    match message {
        enums::Message::Message(message) => Some(message.date),
        enums::Message::Service(message) => Some(message.date),
        enums::Message::Empty(_) => None,
    }
}
