//! What stands around a client's first secret when it is encrypted with RSA.
//!
//! "Creating an Authorization Key" has one form today, RSA_PAD (4.1); clients that are older than that send another,
//! among them Telethon 1.45. Each has a hash of what it encloses, so that which it is shows by itself.

use grammers_crypto::aes;
use grammers_tl_types as tl;
use sha1::{Digest, Sha1};
use tl::{Cursor, Deserializable, enums};

use super::number::Number;
use crate::mtproto::crypto;

/// What a client enclosed. `None` if it is in neither form, or not what it should be.
pub(super) fn undo(block: &Number) -> Option<enums::PQInnerData> {
    undo_rsa_pad(block).or_else(|| undo_sha1(block))
}

/// `key_aes_encrypted`: a random key, hidden by the hash of the rest, and the rest encrypted with it: the data, filled
/// up and reversed, and the hash of both.
fn undo_rsa_pad(block: &Number) -> Option<enums::PQInnerData> {
    const DATA: usize = 192;
    let (masked_key, encrypted) = block.split_at(32);
    let mask = crypto::sha256(&[encrypted]);
    let temp_key: [u8; 32] = std::array::from_fn(|i| masked_key[i] ^ mask[i]);
    let mut data = encrypted.to_vec();
    aes::ige_decrypt(&mut data, &temp_key, &[0; 32]);
    let hash = data.split_off(DATA);
    data.reverse();
    if crypto::sha256(&[&temp_key, &data])[..] != hash[..] {
        return None;
    }
    enums::PQInnerData::from_bytes(&data).ok()
}

/// The older form: a zero, the SHA1 of the data, the data, and random bytes.
fn undo_sha1(block: &Number) -> Option<enums::PQInnerData> {
    let (zero, rest) = block.split_first()?;
    let (hash, data) = rest.split_at_checked(20)?;
    let mut cursor = Cursor::from_slice(data);
    let inner = enums::PQInnerData::deserialize(&mut cursor).ok()?;
    let is_whole = *zero == 0 && Sha1::digest(&data[..cursor.pos()])[..] == *hash;
    is_whole.then_some(inner)
}
