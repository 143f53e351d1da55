//! Why the store did not do what it was asked. Nothing here has a secret in it.

use std::io;
use std::path::PathBuf;

use thiserror::Error;
use tokio::task::JoinError;

/// Why a store was not opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it: two connections with one key lose the key.
    #[error(
        "{} is in use by {}: stop that process, or choose another directory",
        directory.display(),
        pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
    )]
    InUse {
        /// The directory of the store.
        directory: PathBuf,
        /// The other process, if it said so.
        pid: Option<u32>,
    },
    /// It was made with another secret.
    #[error("the secret does not open this store: use the one that it was made with")]
    WrongSecret,
    /// It was written by a newer version of this program.
    #[error("the store is of version {found}, and this program knows {known}: use a newer one")]
    TooNew {
        /// The version of the store.
        found: i64,
        /// The newest version that is known here.
        known: i64,
    },
    /// It has sessions, and nothing that says how they are sealed.
    #[error("the store has lost the table that says how it is sealed: put a copy back")]
    NoVault,
    /// Its database is there, and has nothing.
    #[error("the database of the store has lost what it had: put a copy back")]
    Empty,
    /// A file of it could not be used.
    #[error("{} cannot be used", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its database could not be used.
    #[error("the database of the store cannot be used")]
    Database(#[from] rusqlite::Error),
    /// The system could not make the key.
    #[error("the key could not be derived from the secret: {0}")]
    Key(String),
    /// The runtime stopped meanwhile.
    #[error("the store was not opened: the runtime stopped")]
    Stopped(#[source] JoinError),
}

/// Why a store did not do something.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// That is no name.
    #[error("{0:?} cannot be the name of a session: use 1 to 64 letters, digits, '.', '-' and '_'")]
    Name(String),
    /// It has no such session.
    #[error("there is no session {0:?} in the store")]
    Unknown(String),
    /// It has such a session.
    #[error("there is a session {0:?} in the store already: remove it, or choose another name")]
    Exists(String),
    /// Somebody has the session.
    #[error("{0} in use: remove it from its manager first")]
    InUse(String),
    /// Somebody else has the session by now: nothing more is written of it here.
    #[error("the lease of session {0} has ended: add the session again")]
    LeaseLost(String),
    /// What it has of a session was changed by something else.
    #[error(
        "what the store has of session {session:?} was damaged or changed (fact {fact}): \
         put a copy back, or remove the session and sign in again"
    )]
    Damaged {
        /// The session.
        session: String,
        /// The number of the fact.
        fact: String,
    },
    /// Its database could not be used.
    #[error("the database of the store cannot be used")]
    Database(#[from] rusqlite::Error),
    /// It was closed.
    #[error("the store is closed")]
    Closed,
}

/// Why there is no secret.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The variable is not set, or is not text.
    #[error("the environment variable {0} is not set: put the secret of the store there")]
    NotSet(String),
    /// The file cannot be read.
    #[error("the secret cannot be read from {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is nothing in it.
    #[error("the secret is empty: use at least a few words")]
    Empty,
    /// The keyring of the system has none of this name, or could not be asked.
    #[cfg(feature = "keyring")]
    #[error(
        "the keyring of the system has no secret of user {user:?} for service {service:?}, or cannot be asked: put one \
         there (on Linux: secret-tool store --label={service} target default service {service} username {user}), or use another source"
    )]
    Keyring {
        /// For what it is.
        service: String,
        /// Whose it is.
        user: String,
        /// What the keyring said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
