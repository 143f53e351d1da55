//! What is particular about `grammers`: connections, errors of calls, and whom they are about.
//!
//! What `grammers` leaves to its user is done here once: no call retries on its own, the connection
//! parameters are spelled out (their default forks processes), the update channel is large and always
//! drained, a lost answer is told apart from a refusal, and a key that Telegram has revoked is fatal.

mod account;
mod connection;
mod error;
#[cfg(test)]
mod fuzz;
mod peer;

pub(crate) use account::{AccountError, Changes};
pub use connection::Identity;
pub(crate) use connection::{Connection, Credentials, Parts, Progress, identify};
pub use error::CallError;
pub use peer::Target;
pub(crate) use peer::resolve;
