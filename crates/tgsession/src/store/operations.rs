//! Operations that are kept: what there is to do, and what became of it.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::backend::OperationRow;
use super::events::now;
use super::{Entry, Store, StoreError, damaged, parse};

/// An operation that a store keeps: see [`Manager::submit_kept`](crate::Manager::submit_kept).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredOperation {
    /// The key that it was submitted under.
    pub key: String,
    /// What it is, in words.
    pub what: String,
    /// When it was submitted.
    pub since: SystemTime,
    /// How it stands.
    pub state: OperationState,
}

/// How an operation that is kept stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OperationState {
    /// It waits or runs, or will in the next process.
    Waiting,
    /// It was done.
    Done {
        /// When.
        at: SystemTime,
        /// What it brought, in words.
        said: String,
    },
    /// It was not done, or nobody knows.
    Failed {
        /// When that was clear.
        at: SystemTime,
        /// Why, in words.
        why: String,
    },
}

/// An operation as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeptOperation {
    pub(crate) key: String,
    pub(crate) what: String,
    since: SystemTime,
    /// What makes it again: `operation` knows.
    pub(crate) recipe: Value,
}

/// What became of it, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) at: SystemTime,
    pub(crate) is_done: bool,
    /// In words.
    pub(crate) said: String,
    /// As `operation` reads it.
    pub(crate) outcome: Value,
}

/// An operation that was found under its key.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) kept: KeptOperation,
    pub(crate) ended: Option<Ended>,
}

impl KeptOperation {
    /// One that is submitted now.
    pub(crate) fn new(key: String, what: String, recipe: Value) -> Self {
        Self { key, what, since: now(), recipe }
    }
}

impl Ended {
    pub(crate) fn now(is_done: bool, said: String, outcome: Value) -> Self {
        Self { at: now(), is_done, said, outcome }
    }
}

impl From<Found> for StoredOperation {
    fn from(Found { kept, ended }: Found) -> Self {
        let KeptOperation { key, what, since, .. } = kept;
        let state = match ended {
            None => OperationState::Waiting,
            Some(Ended { at, is_done: true, said, .. }) => OperationState::Done { at, said },
            Some(Ended { at, said: why, .. }) => OperationState::Failed { at, why },
        };
        Self { key, what, since, state }
    }
}

impl Store {
    /// Reads a row.
    pub(super) fn found(&self, name: &str, row: &OperationRow) -> Result<Found, StoreError> {
        let of = Entry::Operation(row.id).into();
        let kept = parse(&self.unseal(name, of, &row.value)?).ok_or_else(|| damaged(name, of))?;
        let of = Entry::Outcome(row.id).into();
        let ended = row.outcome.as_ref().map(|outcome| {
            parse(&self.unseal(name, of, outcome)?).ok_or_else(|| damaged(name, of))
        });
        Ok(Found { kept, ended: ended.transpose()? })
    }
}
