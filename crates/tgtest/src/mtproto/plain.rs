//! Messages that are not encrypted: what client and server say while there is no key.
//!
//! See "Unencrypted Message" in <https://core.telegram.org/mtproto/description>: a key id of 0, a message id, the
//! length of the body, the body.

use super::session::{self, Broken};

/// Instead of a key's.
pub(crate) const NO_KEY: i64 = 0;
const HEADER: usize = 20;
/// How much a transport may append that hides lengths.
const MAX_PADDING: usize = 15;

/// The body of a client's message. Its id is not looked at: clients that have no key may have no clock either.
pub(crate) fn read(packet: &[u8]) -> Result<&[u8], Broken> {
    let len = packet.get(16..HEADER).and_then(|len| len.first_chunk());
    let len = len.and_then(|len| usize::try_from(i32::from_le_bytes(*len)).ok());
    let body = len.and_then(|len| packet.get(HEADER..HEADER.checked_add(len)?));
    match body {
        Some(body) if packet.len() - HEADER - body.len() <= MAX_PADDING => Ok(body),
        _ => Err(Broken("an unencrypted message of a wrong length")),
    }
}

/// A message to the client, which answers one of its.
pub(crate) fn write(body: &[u8]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(HEADER + body.len());
    packet.extend(NO_KEY.to_le_bytes());
    packet.extend((session::msg_id_of_now() | session::REPLY).to_le_bytes());
    packet.extend((body.len() as i32).to_le_bytes());
    packet.extend(body);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_how_long_it_is() {
        let packet = write(b"12345678");
        assert_eq!(read(&packet).unwrap(), b"12345678");
        assert_eq!(packet[8] & 3, 1, "the id of an answer");
        let padded = [&packet[..], &[7; MAX_PADDING]].concat();
        assert_eq!(read(&padded).unwrap(), b"12345678");
        let too_long = [&padded[..], &[7]].concat();
        assert!(read(&too_long).is_err());
    }

    #[test]
    fn what_is_cut_or_lies_about_its_length_is_refused() {
        let packet = write(b"12345678");
        for len in 0..packet.len() {
            assert!(read(&packet[..len]).is_err(), "{len} bytes");
        }
        for len in [-1, i32::MIN, i32::MAX, 9] {
            let mut lying = packet.clone();
            lying[16..20].copy_from_slice(&len.to_le_bytes());
            assert!(read(&lying).is_err(), "{len}");
        }
    }
}
