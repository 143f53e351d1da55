//! Why the manager did not do what it was asked.

use lockorder::AcquireError;
use thiserror::Error;

use crate::id::SessionId;
use crate::session::{ConnectError, SessionState, Stopped};
use crate::store::StoreError;
use crate::telegram::CallError;

/// Why a session was not added.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AddError {
    /// It did not connect.
    #[error("the session did not connect")]
    Connect(#[from] ConnectError),
    /// A lock of the manager was not free in time.
    #[error("the session was not added: a lock was not free in time")]
    Lock(#[from] AcquireError),
    /// A session with the same key is there: two connections with one key lose it.
    #[error("session {0} has the same key: remove it first, or sign in once more for another key")]
    AlreadyAdded(SessionId),
    /// The store that it comes from does not give it any more.
    #[error("the session was not added: its store could not be used")]
    Store(#[from] StoreError),
    /// The manager takes no more sessions.
    #[error("the manager is shutting down")]
    ShuttingDown,
}

/// Why a session was not removed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RemoveError {
    /// There is none with this number.
    #[error("there is no session {0}")]
    Unknown(SessionId),
    /// It was stopped, and is still listed: a lock was not free in time. Try again.
    #[error("session {} was stopped but not removed, because a lock was not free in time: try again", stopped.id)]
    Lock {
        /// How it ended.
        stopped: Stopped,
        /// Which lock, and who held it.
        source: AcquireError,
    },
}

/// Why a session was not connected again.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReconnectError {
    /// There is none with this number.
    #[error("there is no session {0}")]
    Unknown(SessionId),
    /// Its operations did not end in time.
    #[error("the session was not reconnected: a lock was not free in time")]
    Lock(#[from] AcquireError),
    /// Telegram did not let it in again.
    #[error("the session was hung up, and did not connect again")]
    Call(#[from] CallError),
}

/// Why an operation was not taken.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// There is no session with this number.
    #[error("there is no session {0}")]
    Unknown(SessionId),
    /// No session could take it.
    #[error("no session is connected: add one, or wait until one is connected again")]
    NobodyConnected,
    /// The session cannot work.
    #[error("session {session} is not connected: it is {state:?}")]
    NotConnected {
        /// The session.
        session: SessionId,
        /// How it is.
        state: SessionState,
    },
    /// The queue takes no more.
    #[error(
        "the queue of session {session} is full: {depth} operations wait in it, try again later"
    )]
    QueueFull {
        /// The session.
        session: SessionId,
        /// How many wait.
        depth: usize,
    },
}

/// Why an operation was not taken to be kept.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeepError {
    /// The session has no store.
    #[error("session {0} has no store to keep operations in: add it with SessionConfig::stored")]
    NoStore(SessionId),
    /// Its key is that of another one.
    #[error("the key {0:?} was used for another operation")]
    OtherOperation(String),
    /// The session does not take it.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// It could not be written down.
    #[error("the operation could not be written down")]
    Store(#[from] StoreError),
}
