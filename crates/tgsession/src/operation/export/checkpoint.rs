//! How far an export into a file has come, as the store has it.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::part::FileId;
use super::{Cursor, Format};
use crate::store::{Entry, Fact};

/// How far an export has come.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    pub(super) of: Export,
    /// The file that was begun.
    pub(super) part: FileId,
    pub(super) cursor: Cursor,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// All rows are there; what is left is the name.
    pub(super) complete: bool,
}

impl Checkpoint {
    pub(super) fn fact(&self) -> Fact {
        Fact::new(entry(&self.of.path), self)
    }
}

/// Which export it is: another one does not go on with its file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Export {
    /// As the system has it, which need not be text.
    pub(super) path: Vec<u8>,
    pub(super) by: i64,
    /// The number of the chat: names move.
    pub(super) chat: i64,
    /// What is read, in words.
    pub(super) described: String,
    pub(super) format: Format,
}

impl Export {
    /// Where the checkpoint of a file is.
    pub(super) fn entry(path: &Path) -> Entry {
        entry(path.as_os_str().as_encoded_bytes())
    }
}

/// By a number that stands for the path in every process.
fn entry(path: &[u8]) -> Entry {
    let [a, b, c, d, e, f, g, h, ..] = Sha256::digest(path).0;
    Entry::Checkpoint(i64::from_le_bytes([a, b, c, d, e, f, g, h]))
}
