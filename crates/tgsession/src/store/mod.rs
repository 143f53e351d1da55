//! What outlives the process: accounts with their keys, where their updates stand, and what holds them.
//!
//! A [`Store`] is one directory, which one process has at a time. What is known of a session is a set of
//! facts ([`facts`]), operations that are kept until they are done ([`operations`]), and a log of what happened
//! ([`events`]); each is sealed by the [`vault`] before a [`Backend`](backend::Backend) keeps it, with the name of the
//! session and the number of its place as associated data. So without the secret nobody reads one, and nobody
//! changes one or puts it in the place of another without being noticed. That an older version of the same
//! was put back cannot be noticed.
//!
//! Whoever uses a session has its [`lease`], and writes through that.
//!
//! The store has two tasks that are in no session's table, as they are no session's: the writer of the database, which
//! ends with the last clone of the store or when it is closed, and is waited for then; and the giving out of a lease,
//! which is as long as two reads, goes on where its caller is gone, and gives the lease back at once then.

mod audit;
mod backend;
mod book;
#[cfg(test)]
mod conformance;
mod error;
mod events;
mod facts;
#[cfg(test)]
mod fuzz;
mod lease;
mod lock;
mod operations;
mod secret;
mod sqlite;
mod vault;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

pub use audit::AuditLine;
use backend::{Change, EventRow, Events, FactId, Leases, Queue, State};
pub(crate) use book::Book;
pub use error::{OpenError, SecretError, StoreError};
pub use events::{Happened, StoredEvent};
use facts::Facts;
pub(crate) use facts::{Account, Entry, Fact, Held, Topic, number_of, parse, peer_id};
use grammers_session::SessionData;
use lease::GivenOut;
pub(crate) use lease::{Batch, Lease};
pub(crate) use lock::private as private_file;
pub(crate) use operations::{Ended, Found, KeptOperation};
pub use operations::{OperationState, StoredOperation};
pub use secret::Secret;
use serde::de::DeserializeOwned;
use sqlite::{Locked, Sqlite};
use vault::Vault;
use zeroize::Zeroizing;

/// Accounts that are kept in a directory, sealed. Clones share it.
///
/// ```no_run
/// use tgsession::{Manager, Secret, SessionConfig, Store};
///
/// # async fn run(session_data: grammers_session::SessionData) -> Result<(), Box<dyn std::error::Error>> {
/// let store = Store::open("/var/lib/archive", Secret::from_env("ARCHIVE_SECRET")?).await?;
/// if store.names().await?.is_empty() {
///     store.add("archive", &session_data, 12345).await?;
/// }
/// let manager = Manager::builder().build()?;
/// manager.add_session(SessionConfig::stored(&store, "archive").await?).await?;
/// manager.shutdown().await;
/// drop(manager);
/// store.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    backend: Sqlite,
    vault: Vault,
    given_out: GivenOut,
}

impl Store {
    /// Opens the store in a directory, which is made if it is not there; the first secret is the one that opens it
    /// from then on. Takes about a tenth of a second on purpose: so does every guess at the secret.
    ///
    /// # Errors
    /// If another process has it, the secret is wrong, or it cannot be read.
    ///
    /// # Cancel safety
    /// Dropped before it returns, it leaves the directory free again, as soon as what it is doing has ended; a store
    /// that was new may have been made.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn open(directory: impl AsRef<Path>, secret: Secret) -> Result<Self, OpenError> {
        let directory = directory.as_ref().to_owned();
        let opened = tokio::task::spawn_blocking(move || {
            // Before anything else: whoever comes second changes nothing.
            let lock = lock::take(&directory)?;
            let mut database = sqlite::open(&directory)?;
            let vault = vault::unlock(&mut database, &secret)?;
            sqlite::take_over(&database)?;
            // The lock last: it is given back after the database is closed, wherever both are dropped.
            Ok::<_, OpenError>((vault, Locked { database, _lock: lock }))
        });
        // A panic in there is a defect, and no reason to go on.
        let (vault, locked) = opened.await.map_err(OpenError::Stopped)??;
        let (backend, given_out) = (Sqlite::start(locked), GivenOut::default());
        Ok(Self(Arc::new(Inner { backend, vault, given_out })))
    }

    /// The names of the sessions in it, in their order.
    ///
    /// # Errors
    /// If it cannot be read.
    ///
    /// # Cancel safety
    /// Dropped before it returns, it changes nothing.
    pub async fn names(&self) -> Result<Vec<String>, StoreError> {
        self.0.backend.names().await
    }

    /// Adds an account that is signed in. `api_id` is the number of the application that it signed in with.
    ///
    /// # Errors
    /// If there is one of this name, the name is none, or it cannot be written.
    ///
    /// # Cancel safety
    /// Dropped once it was polled, it adds the account all the same, and whatever is asked next finds it.
    pub async fn add(
        &self,
        name: &str,
        session: &SessionData,
        api_id: i32,
    ) -> Result<(), StoreError> {
        check_name(name)?;
        let facts = facts::of(session, api_id);
        let rows = facts.iter().filter_map(|fact| {
            let (id, value) = self.seal(name, fact);
            Some((id, value?))
        });
        match self.0.backend.create(name, rows.collect()).await? {
            true => Ok(()),
            false => Err(StoreError::Exists(name.to_owned())),
        }
    }

    /// Forgets a session with its events and audit, the operations that it keeps, how far its exports have come and
    /// the keys of its messages; files stay. False if there was none of this name.
    ///
    /// # Errors
    /// If a manager has it: remove it there first; the name is none, or it cannot be written.
    ///
    /// # Cancel safety
    /// Dropped before it returns, it has forgotten all of the session or will have in a moment, or nothing.
    pub async fn remove(&self, name: &str) -> Result<bool, StoreError> {
        let lease = self.lease(name).await?;
        self.0.backend.remove(lease.fence()).await
    }

    /// Waits until all that was given to it is written, and frees the directory. It takes nothing more.
    ///
    /// # Errors
    /// If sessions of it are in use: another process that opened it now would use their keys too, and lose them.
    /// Shut their managers down and drop them first.
    ///
    /// # Cancel safety
    /// Dropped once it was polled, it closes all the same; call it again to wait for the end.
    pub async fn close(&self) -> Result<(), StoreError> {
        let names = self.0.given_out.names();
        if !names.is_empty() {
            return Err(StoreError::InUse(names.join(", ")));
        }
        self.0.backend.close().await;
        Ok(())
    }

    /// Gives a session out, to one at a time.
    ///
    /// # Cancel safety
    /// Dropped before it returns, it gives the session back in a moment.
    pub(crate) async fn lease(&self, name: &str) -> Result<Lease, StoreError> {
        check_name(name)?;
        let in_use = || StoreError::InUse(name.to_owned());
        let taken = self.0.given_out.take(name).ok_or_else(in_use)?;
        let (store, session) = (self.clone(), name.to_owned());
        // To its end, whoever waits for it: an epoch that nobody was told of would be given back by nobody.
        let asked = tokio::spawn(async move {
            let fence = store.0.backend.acquire(&session).await?;
            match fence {
                Some(fence) => Lease::begin(store, fence, taken).await.map(Some),
                None => Ok(None),
            }
        });
        asked.await.map_err(|_| StoreError::Closed)??.ok_or_else(in_use)
    }

    pub(crate) async fn load(&self, name: &str) -> Result<Account, StoreError> {
        check_name(name)?;
        let rows = self.0.backend.load(name, Topic::KINDS).await?;
        if rows.is_empty() {
            return Err(StoreError::Unknown(name.to_owned()));
        }
        let mut facts = Facts::default();
        for (id, sealed) in rows {
            let value = self.unseal(name, id, &sealed)?;
            facts.read(id, &value).ok_or_else(|| damaged(name, id))?;
        }
        facts.into_account().ok_or_else(|| damaged(name, Topic::Home.into()))
    }

    fn unseal(
        &self,
        name: &str,
        id: FactId,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        self.0.vault.open(name, id, sealed).ok_or_else(|| damaged(name, id))
    }

    /// What is written there, if something is.
    pub(crate) async fn read<T: DeserializeOwned>(
        &self,
        name: &str,
        entry: Entry,
    ) -> Result<Option<T>, StoreError> {
        let id = entry.into();
        let Some(sealed) = self.0.backend.get(name, id).await? else { return Ok(None) };
        let value = self.unseal(name, id, &sealed)?;
        parse(&value).map(Some).ok_or_else(|| damaged(name, id))
    }

    /// What a session exported, oldest first: a line for each export that was done. They are kept for as long as the
    /// session is.
    ///
    /// # Errors
    /// If there is none of this name, or what there is cannot be read or was changed by something else.
    ///
    /// # Cancel safety
    /// It changes nothing.
    pub async fn audit(&self, name: &str) -> Result<Vec<AuditLine>, StoreError> {
        let exported = |event: StoredEvent| match event.what {
            Happened::Exported(line) => Some(line),
            _ => None,
        };
        Ok(self.events(name).await?.into_iter().filter_map(exported).collect())
    }

    /// What happened to a session, oldest first: what was exported, lost keys, restrictions, flood waits of a minute
    /// and more, quotas that were used up, and operations that were kept. In the order in which it was written down,
    /// whatever the clock said. What is behind the last 10,000 is forgotten, except for what was exported.
    ///
    /// # Errors
    /// If there is none of this name, or what there is cannot be read or was changed by something else.
    ///
    /// # Cancel safety
    /// It changes nothing.
    pub async fn events(&self, name: &str) -> Result<Vec<StoredEvent>, StoreError> {
        self.require(name).await?;
        let event = |row: EventRow| {
            let of = Entry::Event(row.id).into();
            let value = self.unseal(name, of, &row.value)?;
            StoredEvent::parse(&value).ok_or_else(|| damaged(name, of))
        };
        self.0.backend.events(name).await?.into_iter().map(event).collect()
    }

    /// The operations that a session [keeps](crate::Manager::submit_kept), in the order in which they were submitted:
    /// those that wait, and for thirty days those that have ended.
    ///
    /// # Errors
    /// If there is none of this name, or what there is cannot be read or was changed by something else.
    ///
    /// # Cancel safety
    /// It changes nothing.
    pub async fn operations(&self, name: &str) -> Result<Vec<StoredOperation>, StoreError> {
        self.require(name).await?;
        let rows = self.0.backend.operations(name).await?;
        rows.iter().map(|row| self.found(name, row).map(StoredOperation::from)).collect()
    }

    /// Fails if there is no session of this name.
    async fn require(&self, name: &str) -> Result<(), StoreError> {
        check_name(name)?;
        match self.0.backend.get(name, Topic::Home.into()).await? {
            Some(_) => Ok(()),
            None => Err(StoreError::Unknown(name.to_owned())),
        }
    }

    /// A fact as a database has it.
    fn seal(&self, name: &str, fact: &Fact) -> Change {
        let value = fact.value.as_ref().map(|value| self.0.vault.seal(name, fact.id, value));
        (fact.id, value)
    }
}

fn damaged(name: &str, fact: FactId) -> StoreError {
    StoreError::Damaged { session: name.to_owned(), fact: fact.to_string() }
}

/// Names stand in logs, in file names of exports and in associated data.
fn check_name(name: &str) -> Result<(), StoreError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    match !name.is_empty() && name.len() <= 64 && name.chars().all(fits) {
        true => Ok(()),
        false => Err(StoreError::Name(name.to_owned())),
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}
