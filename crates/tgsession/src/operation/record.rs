//! What the store knows of a message that is to be sent once.
//!
//! The record is written before the message goes out, with the number by which Telegram recognises it, and says
//! that it was sent after that. Who finds a record that does not say so sends with the number in it: Telegram has
//! accepted it or not, and the message is delivered once either way, for as long as Telegram remembers the numbers.
//!
//! # Why a key stays that of its message, also where nothing was sent
//!
//! The record is the last that is written before the request, so one that does not say "sent" may be of a message that
//! never went out, or of one whose answer nobody heard: a process was killed, or the operation cancelled, on either
//! side of the request. Nobody can tell them apart, and another text under the same key would be a second message
//! wherever the first had arrived. To tell them apart, each message would have to wait for the disk once more. So what
//! is taken off the books is what Telegram has refused, and nothing else.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tracing::error;

use super::Stop;
use crate::store::{Book, Entry, Fact, number_of};
use crate::telegram::{CallError, Target};

/// The record of a message.
#[derive(Debug)]
pub(super) struct Record {
    key: String,
    /// What the message is, without saying it.
    digest: [u8; 32],
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nobody has looked.
    Unknown,
    /// Nothing was there; what is to be written. Until it is, another submission of the key may come first.
    New(Written),
    Stored(Written),
}

/// As it is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Written {
    pub(super) key: String,
    pub(super) digest: [u8; 32],
    pub(super) random_id: i64,
    pub(super) sent: bool,
}

impl Record {
    pub(super) fn new(key: String, to: &Target, text: &str) -> Self {
        let mut digest = Sha256::new();
        let to = to.to_string();
        digest.update((to.len() as u64).to_le_bytes());
        digest.update(to);
        digest.update(text);
        Self { key, digest: digest.finalize().into(), state: State::Unknown }
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Looks for what an earlier submission wrote: true if it had begun. Its number is the message's then.
    pub(super) async fn begin(&mut self, book: &Book, random_id: &mut i64) -> Result<bool, Stop> {
        if matches!(self.state, State::Stored(_)) {
            return Ok(false);
        }
        if !book.is_kept() {
            let why = "a message with a key takes a session of a store, where the key is kept";
            return Err(CallError::Invalid(why.to_owned()).into());
        }
        let earlier: Option<Written> = book.read(self.entry()).await?;
        if let Some(earlier) = &earlier {
            if (&earlier.key, earlier.digest) != (&self.key, self.digest) {
                let why = format!("the key {:?} was used for another message", self.key);
                return Err(CallError::Invalid(why).into());
            }
            *random_id = earlier.random_id;
        }
        let had_begun = earlier.is_some();
        self.state =
            earlier.map_or_else(|| State::New(self.new_written(*random_id)), State::Stored);
        Ok(had_begun)
    }

    fn new_written(&self, random_id: i64) -> Written {
        Written { key: self.key.clone(), digest: self.digest, random_id, sent: false }
    }

    /// What was to be written is.
    pub(super) fn is_stored(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Unknown) {
            State::New(written) => State::Stored(written),
            other => other,
        };
    }

    pub(super) fn is_sent(&self) -> bool {
        matches!(&self.state, State::Stored(written) if written.sent)
    }

    /// To be written before the message is sent.
    pub(super) fn fact(&self) -> Fact {
        match &self.state {
            State::New(written) | State::Stored(written) => Fact::new(self.entry(), written),
            State::Unknown => Fact::none(self.entry()),
        }
    }

    /// It was sent. Where that cannot be written, it is sent again with its number, and not delivered.
    pub(super) async fn end(&mut self, book: &Book) {
        if let State::Stored(written) = &mut self.state {
            written.sent = true;
        }
        if let Err(error) = book.write(vec![self.fact()]).await {
            error!(key = self.key, %error, "that a message was sent was not written");
        }
    }

    /// It was refused, and nothing of it was sent before.
    pub(super) async fn forget(&mut self, book: &Book) {
        self.state = State::Unknown;
        if let Err(error) = book.write(vec![self.fact()]).await {
            error!(key = self.key, %error, "that a message was refused was not written");
        }
    }

    fn entry(&self) -> Entry {
        Entry::Sent(number_of(&self.key))
    }
}
