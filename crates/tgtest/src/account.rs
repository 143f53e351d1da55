//! What a client needs to be one of the server's accounts.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::sync::Arc;

use grammers_session::SessionData;
use grammers_session::types::{DcOption, PeerAuth, PeerInfo};

use crate::mtproto::crypto::AuthKey;
use crate::world::UserId;

/// The data center that every account is at home in.
pub(crate) const HOME_DC: i32 = 2;

/// A signed-in account: its number, its key, and where the server listens.
///
/// Two connections that use its key at the same time lose it, as on Telegram.
#[derive(Clone)]
pub struct Account {
    pub(crate) id: UserId,
    pub(crate) access_hash: i64,
    pub(crate) name: String,
    pub(crate) bot: bool,
    pub(crate) key: Arc<AuthKey>,
    pub(crate) port: u16,
}

impl Account {
    /// Its number.
    pub fn id(&self) -> UserId {
        self.id
    }

    /// Its user name, under which others find it.
    pub fn username(&self) -> &str {
        &self.name
    }

    /// Its authorization key: whoever has it is this account.
    pub fn key(&self) -> &[u8; 256] {
        &self.key
    }

    /// A session for a grammers client, signed in and knowing this server only.
    pub fn session_data(&self) -> SessionData {
        let dc = |id| DcOption {
            id,
            ipv4: SocketAddrV4::new(Ipv4Addr::LOCALHOST, self.port),
            ipv6: SocketAddrV6::new(Ipv6Addr::LOCALHOST, self.port, 0, 0),
            auth_key: Some(*self.key),
        };
        let me = PeerInfo::User {
            id: self.id.0,
            auth: Some(PeerAuth::from_hash(self.access_hash)),
            bot: Some(self.bot),
            is_self: Some(true),
        };
        SessionData {
            home_dc: HOME_DC,
            dc_options: (1..=5).map(|id| (id, dc(id))).collect(),
            peer_infos: [(me.id(), me)].into(),
            ..SessionData::default()
        }
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("id", &self.id)
            .field("username", &self.name)
            .finish_non_exhaustive()
    }
}
