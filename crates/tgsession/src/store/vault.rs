//! Sealing: XChaCha20-Poly1305 under a key that Argon2id makes of the secret.
//!
//! The parameters are the second choice of RFC 9106 (§4) with one lane; they stand in the database, so that others can
//! be chosen for new stores. Nonces are random: 192 bits are enough for any number of facts.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use rusqlite::{Connection, OptionalExtension};
use zeroize::Zeroizing;

use super::backend::FactId;
use super::{OpenError, Secret};

const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 1;
const SALT: usize = 16;
const NONCE: usize = 24;
/// Sealed in each store, to tell a wrong secret from a damaged fact.
const PROOF: &[u8] = b"tgsession store";

pub(super) struct Vault(XChaCha20Poly1305);

/// What a store says of its vault.
struct Known {
    salt: Vec<u8>,
    memory: u32,
    passes: u32,
    lanes: u32,
    proof: Vec<u8>,
}

impl Known {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            salt: row.get(0)?,
            memory: row.get(1)?,
            passes: row.get(2)?,
            lanes: row.get(3)?,
            proof: row.get(4)?,
        })
    }
}

/// The vault of a store: its own, or a new one if the store is new.
pub(super) fn unlock(database: &mut Connection, secret: &Secret) -> Result<Vault, OpenError> {
    let query = "SELECT salt, memory_kib, passes, lanes, proof FROM vault";
    let known = database.query_row(query, [], Known::read).optional()?;
    if let Some(known) = known {
        let Known { salt, memory, passes, lanes, proof } = known;
        let vault = Vault::derive(secret, &salt, memory, passes, lanes)?;
        let opens = vault.open_bytes(PROOF, &proof).is_some();
        return if opens { Ok(vault) } else { Err(OpenError::WrongSecret) };
    }
    let has_facts = "SELECT EXISTS (SELECT 1 FROM fact)";
    if database.query_row(has_facts, [], |row| row.get(0))? {
        return Err(OpenError::NoVault);
    }
    make(database, secret, MEMORY_KIB, PASSES)
}

/// A new vault for a store. With less memory and fewer passes only where the secret is no secret.
pub(super) fn make(
    database: &Connection,
    secret: &Secret,
    memory: u32,
    passes: u32,
) -> Result<Vault, OpenError> {
    let salt = random::<SALT>();
    let vault = Vault::derive(secret, &salt, memory, passes, LANES)?;
    let proof = vault.seal_bytes(PROOF, PROOF);
    let insert = "INSERT INTO vault (id, salt, memory_kib, passes, lanes, proof)
                  VALUES (0, ?1, ?2, ?3, ?4, ?5)";
    database.execute(insert, (salt.as_slice(), memory, passes, LANES, proof))?;
    Ok(vault)
}

impl Vault {
    fn derive(
        secret: &Secret,
        salt: &[u8],
        memory: u32,
        passes: u32,
        lanes: u32,
    ) -> Result<Self, OpenError> {
        let failed = |error: argon2::Error| OpenError::Key(error.to_string());
        // They stand in a file: one that was changed must not ask for all the memory there is.
        let work = u64::from(memory) * u64::from(passes);
        if memory > 1024 * 1024 || work > 8 * 1024 * 1024 || lanes > 16 {
            return Err(OpenError::Key("the parameters in the store are out of range".to_owned()));
        }
        let mut key = Zeroizing::new([0; 32]);
        let params = Params::new(memory, passes, lanes, Some(key.len())).map_err(failed)?;
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(secret.bytes(), salt, key.as_mut_slice())
            .map_err(failed)?;
        Ok(Self(XChaCha20Poly1305::new((&*key).into())))
    }

    /// Seals a fact of a session.
    pub(super) fn seal(&self, session: &str, fact: FactId, value: &[u8]) -> Vec<u8> {
        self.seal_bytes(&associated(session, fact), value)
    }

    /// The value of a fact; `None` if it is not what was sealed for this place.
    pub(super) fn open(
        &self,
        session: &str,
        fact: FactId,
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        self.open_bytes(&associated(session, fact), sealed)
    }

    fn seal_bytes(&self, aad: &[u8], msg: &[u8]) -> Vec<u8> {
        let nonce = random::<NONCE>();
        let sealed = self
            .0
            .encrypt(&XNonce::from(nonce), Payload { msg, aad })
            .expect("no fact is as long as 256 GiB, the only reason to fail");
        [nonce.as_slice(), &sealed].concat()
    }

    fn open_bytes(&self, aad: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, msg) = sealed.split_first_chunk::<NONCE>()?;
        self.0.decrypt(&XNonce::from(*nonce), Payload { msg, aad }).ok().map(Zeroizing::new)
    }
}

/// Where a fact stands: no two places have the same, as a name has no zero byte.
fn associated(session: &str, fact: FactId) -> Vec<u8> {
    let FactId { kind, id } = fact;
    [session.as_bytes(), &[0, kind], &id.to_be_bytes()].concat()
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has a source of randomness once it has started");
    bytes
}
