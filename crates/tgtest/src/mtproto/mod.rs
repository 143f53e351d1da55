//! MTProto 2.0 as the server speaks it: framing, encryption, and the session layer on top.

pub(crate) mod crypto;
pub(crate) mod handshake;
pub(crate) mod plain;
pub(crate) mod session;
pub(crate) mod transport;
