//! A loopback Telegram: a server that unmodified clients take for the real one.
//!
//! It speaks encrypted MTProto 2.0 over TCP on 127.0.0.1, keeps a world of users, groups and channels, answers the
//! methods that clients of people and bots use most, and pushes updates. Tests and demos build a world,
//! connect real clients to it, make things go wrong on purpose, and compare the client's story with the
//! server's.
//!
//! ```
//! use tgtest::{Channel, Fault, Method, Telegram};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), tgtest::StartError> {
//! let telegram = Telegram::builder()
//!     .account("alice")
//!     .account("bob")
//!     .channel(Channel::group("room").admin("alice").member("bob").messages(120))
//!     .start()
//!     .await?;
//!
//! let alice = telegram.account("alice").expect("it was built");
//! let session = alice.session_data(); // for a grammers client; `alice.key()` for any other
//! telegram.push_message(alice.id(), telegram.account("bob").expect("it was built").id(), "hello");
//! telegram.inject(Fault::lose_answer().on(Method::SEND_MESSAGE).by(alice.id()));
//! # let _ = session;
//! # Ok(())
//! # }
//! ```
//!
//! # How it is built
//!
//! `mtproto` knows packets, sessions and how keys are made, but no method; `methods` know the world but no
//! packet; `connection` joins the two, and `listener` owns the connections. `world`, `fault`, `update_fault`,
//! `limit` and `journal` are plain data, behind one lock in `state`; `push` tells the clients what happens in the
//! world.
//!
//! # Keys
//!
//! An [`Account`] has a key, and whoever is given it is signed in. A client may also make a key of its own, as it does
//! with Telegram, if it can be told another RSA key than Telegram's: [`Telegram::rsa_public_key`]. Such a key is
//! nobody's, or the account's that [`Builder::new_keys_are`] names.
//!
//! # What can go wrong
//!
//! - calls: [`Fault`], [`Builder::limit`], [`Channel::slow_mode`], [`Telegram::set_role`], [`Telegram::revoke`];
//! - updates: [`UpdateFault`], [`Builder::longest_difference`], [`Builder::too_long_without_pts`],
//!   [`Telegram::push_too_long`];
//! - what answers and updates say: [`Fault::corrupt`], [`Fault::pack_nothing`], [`UpdateFault::corrupt`];
//! - connections: [`Telegram::drop_connections`], [`Telegram::black_hole`], [`Telegram::restart`].
//!
//! # What it is not
//!
//! Telegram. It answers what it implements and refuses the rest with `METHOD_INVALID`; it keeps everything
//! in memory; it trusts its clients not to be hostile beyond what a parser must bear. It listens on the
//! loopback address only.

mod account;
mod basic_group;
mod builder;
mod connection;
mod corruption;
mod fault;
mod journal;
mod limit;
mod listener;
mod methods;
mod mtproto;
mod push;
mod server;
mod state;
mod tl;
mod update_fault;
mod world;

pub use account::Account;
pub use basic_group::BasicGroup;
pub use builder::{Builder, Channel, StartError};
pub use fault::{Fault, Method};
pub use journal::{Request, Sent, Watch};
pub use mtproto::handshake::rsa::RsaPublicKey;
pub use server::Telegram;
pub use update_fault::UpdateFault;
pub use world::{BasicGroupId, ChannelId, Role, UserId};
