//! How far an export into a file has come, as the store has it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::part::FileId;
use super::{Cursor, Format};
use crate::store::{Entry, Fact, number_of};

/// How far an export has come.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    pub(crate) of: Export,
    /// The file that was begun.
    pub(crate) part: FileId,
    pub(crate) cursor: Cursor,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// All rows are there; what is left is the name.
    pub(crate) complete: bool,
}

impl Checkpoint {
    pub(super) fn fact(&self) -> Fact {
        Fact::new(entry(&self.of.path), self)
    }
}

/// Which export it is: another one does not go on with its file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Export {
    /// As the system has it, which need not be text.
    pub(crate) path: Vec<u8>,
    pub(crate) by: i64,
    /// The number of the chat: names move.
    pub(crate) chat: i64,
    /// What is read, in words.
    pub(crate) described: String,
    pub(crate) format: Format,
}

impl Export {
    /// Where the checkpoint of a file is.
    pub(super) fn entry(path: &Path) -> Entry {
        entry(path.as_os_str().as_encoded_bytes())
    }
}

fn entry(path: &[u8]) -> Entry {
    Entry::Checkpoint(number_of(path))
}
