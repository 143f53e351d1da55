//! What is particular about `grammers`: connections, errors of calls, and whom they are about.
//!
//! What `grammers` leaves to its user is done here once: no call retries on its own, the connection
//! parameters are spelled out (their default forks processes), the update channel is large and always
//! drained, a lost answer is told apart from a refusal, and a key that Telegram has revoked is fatal. What its stream
//! passes over is read from the history of chats.

mod account;
mod connection;
mod dialogs;
mod error;
#[cfg(test)]
mod fuzz;
mod history;
mod inlet;
mod mailbox;
mod peer;

pub(crate) use account::{AccountError, Changes};
pub use connection::Identity;
pub(crate) use connection::{Connection, Credentials, Parts, Progress, identify};
pub(crate) use dialogs::DialogList;
pub use error::CallError;
pub(crate) use error::is_frozen;
pub(crate) use history::{Page, page_below};
pub(crate) use inlet::{Inlet, Omen, is_knock};
pub(crate) use mailbox::{Mailbox, new_message, weigh};
pub use peer::Target;
pub(crate) use peer::{channel_of, resolve};
