//! What a database has to do: keep bytes by session and number, and let one at a time write them. It sees nothing of
//! what they say.
//!
//! Four small traits say it, [`Leases`], [`State`], [`Queue`] and [`Events`], and [`Backend`] is their sum with the one
//! thing that spans them, [`commit`](Backend::commit): what an operation has reached, that it has ended, and the line
//! that says so are written together or not at all.
//!
//! # Why nobody writes over another
//!
//! Whoever has a session has a lease with a number, its *epoch*. Each epoch is higher than all before, and a session
//! has one lease at a time. All that changes a session carries the epoch, and is compared with that of the lease in
//! the transaction that makes the change: so what an earlier owner still has under way is refused
//! ([`StoreError::LeaseLost`](super::StoreError::LeaseLost)), however late it arrives. Reading needs no lease: what is
//! read under one is what its last owner left, as nobody else writes.
//!
//! What `conformance` tells is told of every backend. `SQLite` is one: one process has its directory, so that a lease
//! there ends with the process at the latest. Of one that several machines share more is asked: see [`Leases`].

mod events;
mod leases;
mod queue;
mod state;

use futures_util::future::BoxFuture;

use super::StoreError;

pub(crate) use events::{EVENTS_KEPT, EventRow, Events};
pub(crate) use leases::{Fence, Leases};
pub(crate) use queue::{OperationRow, Queue};
pub(crate) use state::{Change, FactId, Kinds, Row, State};

/// What is written together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Writes {
    pub(crate) facts: Vec<Change>,
    /// What has ended, with its outcome; without one it is to be forgotten, ended or not.
    pub(crate) operations: Vec<(i64, Option<Vec<u8>>)>,
    /// What is added to the log.
    pub(crate) events: Vec<EventRow>,
}

/// What is behind a store.
pub(crate) trait Backend: Leases + State + Queue + Events {
    /// Makes all changes or none. Once it returns, they outlive the process.
    ///
    /// An operation that has ended before stays as it ended. An event whose number is there stays as it was; those
    /// that are [`EVENTS_KEPT`] numbers or more behind the last are forgotten, unless they [stay](EventRow::stays).
    fn commit(&self, fence: &Fence, writes: Writes) -> BoxFuture<'_, Result<(), StoreError>>;
}
