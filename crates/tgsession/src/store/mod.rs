//! What outlives the process: accounts with their keys, where their updates stand, and what holds them.
//!
//! A [`Store`] is one directory, which one process has at a time. What is known of a session is a set of
//! facts ([`facts`]); each is sealed by the [`vault`] before a [`Backend`] keeps it, with the name of the
//! session and the number of the fact as associated data. So without the secret nobody reads one, and nobody
//! changes one or puts it in the place of another without being noticed. That an older version of the same
//! fact was put back cannot be noticed.

mod audit;
mod backend;
mod book;
#[cfg(test)]
mod conformance;
mod error;
mod facts;
#[cfg(test)]
mod fuzz;
mod lease;
mod lock;
mod secret;
mod sqlite;
mod vault;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

pub use audit::AuditLine;
use backend::{Backend, FactId};
pub(crate) use book::Book;
pub use error::{OpenError, SecretError, StoreError};
use facts::Facts;
pub(crate) use facts::parse;
pub(crate) use facts::{Account, Entry, Fact, Held, Topic, peer_id};
use grammers_session::SessionData;
pub(crate) use lease::Lease;
use lease::Leases;
pub(crate) use lock::private as private_file;
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
    leases: Leases,
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
            // The lock last: it is given back after the database is closed, wherever both are dropped.
            Ok::<_, OpenError>((vault, Locked { database, _lock: lock }))
        });
        // A panic in there is a defect, and no reason to go on.
        let (vault, locked) = opened.await.map_err(OpenError::Stopped)??;
        let (backend, leases) = (Sqlite::start(locked), Leases::default());
        Ok(Self(Arc::new(Inner { backend, vault, leases })))
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
            let value = fact.value.as_ref()?;
            Some((fact.id, self.0.vault.seal(name, fact.id, value)))
        });
        match self.0.backend.create(name, rows.collect()).await? {
            true => Ok(()),
            false => Err(StoreError::Exists(name.to_owned())),
        }
    }

    /// Forgets a session with its audit, how far its exports have come and the keys of its messages; files stay. False
    /// if there was none of this name.
    ///
    /// # Errors
    /// If a manager has it: remove it there first; or if it cannot be written.
    ///
    /// # Cancel safety
    /// Dropped once it was polled, it forgets the session all the same, and whatever is asked next does not find it.
    pub async fn remove(&self, name: &str) -> Result<bool, StoreError> {
        let _lease = self.lease(name)?;
        self.0.backend.remove(name).await
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
        let names = self.0.leases.names();
        if !names.is_empty() {
            return Err(StoreError::InUse(names.join(", ")));
        }
        self.0.backend.close().await;
        Ok(())
    }

    /// Gives a session out, to one at a time.
    pub(crate) fn lease(&self, name: &str) -> Result<Lease, StoreError> {
        self.0.leases.take(name).ok_or_else(|| StoreError::InUse(name.to_owned()))
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

    /// What a session exported, oldest first: a line for each export that was done.
    ///
    /// # Errors
    /// If there is none of this name, or what there is cannot be read or was changed by something else.
    ///
    /// # Cancel safety
    /// It changes nothing.
    pub async fn audit(&self, name: &str) -> Result<Vec<AuditLine>, StoreError> {
        check_name(name)?;
        if self.0.backend.get(name, Topic::Home.into()).await?.is_none() {
            return Err(StoreError::Unknown(name.to_owned()));
        }
        let rows = self.0.backend.load(name, Entry::AUDITS).await?;
        let line = |(id, sealed): (FactId, Vec<u8>)| {
            let value = self.unseal(name, id, &sealed)?;
            parse(&value).ok_or_else(|| damaged(name, id))
        };
        rows.into_iter().map(line).collect()
    }

    /// Writes facts, all of them or none; those without a value are forgotten.
    pub(crate) async fn write(&self, name: &str, facts: &[Fact]) -> Result<(), StoreError> {
        let seal = |fact: &Fact| {
            let value = fact.value.as_ref().map(|value| self.0.vault.seal(name, fact.id, value));
            (fact.id, value)
        };
        self.0.backend.write(name, facts.iter().map(seal).collect()).await
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
