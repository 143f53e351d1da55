//! Who exported what, and when.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::events::now;

/// A line of the audit: one for each export that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuditLine {
    /// When it was done.
    pub at: SystemTime,
    /// The number of the user who did it.
    pub by: i64,
    /// What was exported: `messages` or `members`.
    pub what: String,
    /// The number of the chat.
    pub chat: i64,
    /// How many rows.
    pub rows: u64,
    /// The file they are in, or none where they were handed to the program.
    pub file: Option<String>,
}

impl AuditLine {
    pub(crate) fn now(by: i64, what: &str, chat: i64, rows: u64, file: Option<String>) -> Self {
        Self { at: now(), by, what: what.to_owned(), chat, rows, file }
    }

    pub(super) fn log(&self) {
        let Self { by, what, chat, rows, .. } = self;
        tracing::info!(by, what, chat, rows, "exported");
    }
}
