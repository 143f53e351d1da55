//! What client and server encrypt with AES once both know the client's new nonce.
//!
//! The key and the initialization vector come of the nonces (`tmp_aes_key` and `tmp_aes_iv` in "Creating an
//! Authorization Key"); inside stand the SHA1 of the data, the data, and up to 15 random bytes.

use grammers_crypto::{aes, generate_key_data_from_nonce};
use grammers_tl_types::{Cursor, Deserializable, Serializable};
use sha1::{Digest, Sha1};

use crate::mtproto::crypto;

const BLOCK: usize = 16;

/// The two nonces that the rest of the world does not know together.
#[derive(Clone, Copy)]
pub(super) struct Nonces<'a> {
    pub(super) server: &'a [u8; 16],
    pub(super) new: &'a [u8; 32],
}

/// Encrypts for the client.
pub(super) fn seal(nonces: Nonces<'_>, data: &impl Serializable) -> Vec<u8> {
    let data = data.to_bytes();
    let mut sealed = Sha1::digest(&data).to_vec();
    sealed.extend(data);
    let at = sealed.len();
    sealed.resize(at.next_multiple_of(BLOCK), 0);
    crypto::random(&mut sealed[at..]);
    let (key, iv) = generate_key_data_from_nonce(nonces.server, nonces.new);
    aes::ige_encrypt(&mut sealed, &key, &iv);
    sealed
}

/// Decrypts what a client encrypted. `None` if it did not, or not this.
pub(super) fn open<T: Deserializable>(nonces: Nonces<'_>, sealed: &[u8]) -> Option<T> {
    if !sealed.len().is_multiple_of(BLOCK) {
        return None;
    }
    let (key, iv) = generate_key_data_from_nonce(nonces.server, nonces.new);
    let mut opened = sealed.to_vec();
    aes::ige_decrypt(&mut opened, &key, &iv);
    let (hash, data) = opened.split_at_checked(20)?;
    let mut cursor = Cursor::from_slice(data);
    let value = T::deserialize(&mut cursor).ok()?;
    let (data, padding) = data.split_at_checked(cursor.pos())?;
    let is_whole = Sha1::digest(data)[..] == *hash && padding.len() < BLOCK;
    is_whole.then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCES: Nonces<'static> = Nonces { server: &[1; 16], new: &[2; 32] };

    #[test]
    fn what_is_sealed_is_opened_with_the_same_nonces_only() {
        for len in 0..40 {
            let data = vec![7_u8; len];
            let sealed = seal(NONCES, &data);
            assert_eq!(open::<Vec<u8>>(NONCES, &sealed), Some(data));
            let other = Nonces { new: &[3; 32], ..NONCES };
            assert_eq!(open::<Vec<u8>>(other, &sealed), None);
        }
    }

    #[test]
    fn what_was_changed_or_cut_is_not_opened() {
        let sealed = seal(NONCES, &vec![7_u8; 100]);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open::<Vec<u8>>(NONCES, &changed), None, "byte {at}");
            assert_eq!(open::<Vec<u8>>(NONCES, &sealed[..at]), None, "{at} bytes");
        }
        let longer = [&sealed[..], &[0; BLOCK]].concat();
        assert_eq!(open::<Vec<u8>>(NONCES, &longer), None);
    }
}
