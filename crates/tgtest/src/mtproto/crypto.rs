//! The server's side of MTProto 2.0 message encryption.
//!
//! `grammers-crypto` has the client's side, which differs in the offset into the key that each direction
//! uses: 0 from client to server, 8 from server to client. See "Defining AES key and initialization vector"
//! in <https://core.telegram.org/mtproto/description>.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use grammers_crypto::aes;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// An authorization key, shared by client and server.
pub(crate) type AuthKey = [u8; 256];

const TO_SERVER: usize = 0;
const TO_CLIENT: usize = 8;
/// The key id and the message key that stand before the encrypted part.
const HEADER: usize = 24;
/// What a client may unpack to: a guard against a packet that is small only while it is packed.
const MAX_UNPACKED: u64 = 4 << 20;

/// The low 64 bits of the key's SHA1, by which packets name it.
pub(crate) fn key_id(key: &AuthKey) -> i64 {
    let hash = Sha1::digest(key);
    i64::from_le_bytes(first(&hash[12..]))
}

/// The high 64 bits of the key's SHA1, by which a client that makes one names its last attempt.
pub(crate) fn aux_hash(key: &AuthKey) -> i64 {
    let hash = Sha1::digest(key);
    i64::from_le_bytes(first(&hash[..]))
}

/// Encrypts for the client; `plain` is everything from the salt on, without padding.
pub(crate) fn encrypt(key: &AuthKey, key_id: i64, mut plain: Vec<u8>) -> Vec<u8> {
    let at = plain.len();
    plain.resize(at + 16 + (16 - at % 16) % 16, 0);
    random(&mut plain[at..]);
    let message_key: [u8; 16] = first(&sha256(&[&key[88 + TO_CLIENT..][..32], &plain])[8..]);
    let (aes_key, iv) = derive(key, &message_key, TO_CLIENT);
    aes::ige_encrypt(&mut plain, &aes_key, &iv);
    let mut packet = Vec::with_capacity(HEADER + plain.len());
    packet.extend(key_id.to_le_bytes());
    packet.extend(message_key);
    packet.extend(plain);
    packet
}

/// Decrypts a client's packet in place; what it returns still has its padding. `None` if it was not made
/// with this key.
pub(crate) fn decrypt<'a>(key: &AuthKey, packet: &'a mut [u8]) -> Option<&'a [u8]> {
    if packet.len() < HEADER + 32 || !(packet.len() - HEADER).is_multiple_of(16) {
        return None;
    }
    let message_key: [u8; 16] = first(&packet[8..]);
    let (aes_key, iv) = derive(key, &message_key, TO_SERVER);
    aes::ige_decrypt(&mut packet[HEADER..], &aes_key, &iv);
    let plain = &packet[HEADER..];
    let expected = sha256(&[&key[88 + TO_SERVER..][..32], plain]);
    (expected[8..24] == message_key).then_some(plain)
}

pub(crate) fn new_auth_key() -> AuthKey {
    let mut key = [0; 256];
    random(&mut key);
    key
}

pub(crate) fn random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the system has a source of randomness");
}

pub(crate) fn gunzip(data: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    GzDecoder::new(data).take(MAX_UNPACKED).read_to_end(&mut out).ok()?;
    Some(out)
}

pub(crate) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).and_then(|()| encoder.finish()).expect("a Vec takes every write")
}

fn derive(key: &AuthKey, message_key: &[u8; 16], x: usize) -> ([u8; 32], [u8; 32]) {
    let a = sha256(&[message_key, &key[x..][..36]]);
    let b = sha256(&[&key[40 + x..][..36], message_key]);
    let (mut aes_key, mut iv) = ([0; 32], [0; 32]);
    aes_key[..8].copy_from_slice(&a[..8]);
    aes_key[8..24].copy_from_slice(&b[8..24]);
    aes_key[24..].copy_from_slice(&a[24..]);
    iv[..8].copy_from_slice(&b[..8]);
    iv[8..24].copy_from_slice(&a[8..24]);
    iv[24..].copy_from_slice(&b[24..]);
    (aes_key, iv)
}

pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    std::array::from_fn(|i| bytes[i])
}

#[cfg(test)]
mod tests {
    use grammers_crypto::{DequeBuffer, encrypt_data_v2};

    use super::*;

    /// A packet as a client makes it.
    fn from_client(key: &AuthKey, body: &[u8]) -> Vec<u8> {
        let mut buffer = DequeBuffer::with_capacity(body.len(), 64);
        buffer.extend(body.iter().copied());
        encrypt_data_v2(&mut buffer, &grammers_crypto::AuthKey::from_bytes(*key));
        buffer.as_ref().to_vec()
    }

    #[test]
    fn what_a_client_encrypts_is_read_and_what_was_changed_on_the_way_is_not() {
        let key = new_auth_key();
        let body: Vec<u8> = (0..100).collect();
        let packet = from_client(&key, &body);
        let mut whole = packet.clone();
        assert_eq!(decrypt(&key, &mut whole).map(|plain| &plain[..100]), Some(&body[..]));
        for at in [8, HEADER, packet.len() - 1] {
            let mut changed = packet.clone();
            changed[at] ^= 1;
            assert!(decrypt(&key, &mut changed).is_none(), "byte {at}");
        }
        assert!(decrypt(&key, &mut packet[..HEADER + 40].to_vec()).is_none());
        assert!(decrypt(&new_auth_key(), &mut packet.clone()).is_none());
    }

    #[test]
    fn gzip_is_undone_and_a_bomb_is_cut() {
        let text = b"the same again and again ".repeat(100);
        assert_eq!(gunzip(&gzip(&text)).as_deref(), Some(&text[..]));
        let bomb = gzip(&vec![0; 16 << 20]);
        assert_eq!(gunzip(&bomb).map(|out| out.len()), Some(4 << 20));
        assert_eq!(gunzip(b"not gzip"), None);
    }
}
