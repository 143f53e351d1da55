//! Who exported what, and when.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::events::now;

/// A line of the audit: one for each export that was done, and for each that was stopped with rows in its part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuditLine {
    /// When it was done, or its last row written.
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
    /// Whether it came to its end. Else these are the rows that its part had when it stopped.
    #[serde(default = "all_were_once")]
    pub whole: bool,
}

/// Lines of others were not written.
fn all_were_once() -> bool {
    true
}

impl AuditLine {
    pub(crate) fn now(by: i64, what: &str, chat: i64, rows: u64, file: Option<String>) -> Self {
        Self { at: now(), by, what: what.to_owned(), chat, rows, file, whole: true }
    }

    /// The same, of an export that stopped before its end.
    pub(crate) fn stopped(self) -> Self {
        Self { whole: false, ..self }
    }

    pub(crate) fn log(&self) {
        let Self { by, what, chat, rows, .. } = self;
        match self.whole {
            true => tracing::info!(by, what, chat, rows, "exported"),
            false => tracing::info!(by, what, chat, rows, "exported so far, and stopped"),
        }
    }
}
