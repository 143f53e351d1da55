//! Framing: how packets follow each other on a TCP connection. The client's first bytes choose it.
//!
//! See <https://core.telegram.org/mtproto/mtproto-transports>.

use std::ops::Range;

use grammers_crypto::ObfuscatedCipher;

/// Larger than any packet of a client that this server answers.
const MAX_PACKET: usize = 2 << 20;
const OBFUSCATED_HEADER: usize = 64;

/// The framing of one connection.
pub(crate) struct Transport {
    framing: Framing,
    cipher: Option<ObfuscatedCipher>,
}

#[derive(Debug)]
enum Framing {
    Full { sent: u32, received: u32 },
    Abridged,
    Intermediate { padded: bool },
}

/// What stands at the start of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// Not yet a whole packet.
    More,
    /// A packet, and the bytes of the buffer that it used.
    Packet { payload: Range<usize>, used: usize },
    /// Not a packet, and none will follow.
    Bad(&'static str),
}

impl Transport {
    /// Reads the client's choice and removes it from the buffer; `None` while more bytes are needed.
    pub(crate) fn detect(buffer: &mut Vec<u8>) -> Option<Self> {
        let plain = |framing| Some(Self { framing, cipher: None });
        match buffer.first()? {
            0xef => {
                buffer.drain(..1);
                return plain(Framing::Abridged);
            }
            _ if buffer.len() < 8 => return None,
            _ => {}
        }
        match buffer[..4] {
            [0xee, 0xee, 0xee, 0xee] => {
                buffer.drain(..4);
                plain(Framing::Intermediate { padded: false })
            }
            [0xdd, 0xdd, 0xdd, 0xdd] => {
                buffer.drain(..4);
                plain(Framing::Intermediate { padded: true })
            }
            // The second word of a Full packet is its number, 0 for the first; of a nonce it never is.
            _ if buffer[4..8] == [0; 4] => plain(Framing::Full { sent: 0, received: 0 }),
            _ => Self::detect_obfuscated(buffer),
        }
    }

    /// Obfuscated2: a nonce of 64 bytes from which both sides derive a stream cipher; the framing's tag
    /// stands encrypted at its end. The client's cipher serves with its directions swapped.
    fn detect_obfuscated(buffer: &mut Vec<u8>) -> Option<Self> {
        let mut nonce: [u8; OBFUSCATED_HEADER] =
            buffer.get(..OBFUSCATED_HEADER)?.try_into().ok()?;
        let mut cipher = ObfuscatedCipher::new(&nonce);
        cipher.encrypt(&mut nonce);
        let framing = match nonce[56..60] {
            [0xef, ..] => Framing::Abridged,
            [0xdd, ..] => Framing::Intermediate { padded: true },
            _ => Framing::Intermediate { padded: false },
        };
        buffer.drain(..OBFUSCATED_HEADER);
        cipher.encrypt(buffer);
        Some(Self { framing, cipher: Some(cipher) })
    }

    /// Undoes the obfuscation of bytes that arrived after the transport was detected.
    pub(crate) fn reveal(&mut self, bytes: &mut [u8]) {
        if let Some(cipher) = &mut self.cipher {
            cipher.encrypt(bytes);
        }
    }

    /// Obfuscates bytes before they are written.
    pub(crate) fn conceal(&mut self, bytes: &mut [u8]) {
        if let Some(cipher) = &mut self.cipher {
            cipher.decrypt(bytes);
        }
    }

    /// Looks for a packet at the start of `buffer`.
    pub(crate) fn unpack(&mut self, buffer: &[u8]) -> Frame {
        match &mut self.framing {
            Framing::Full { received, .. } => unpack_full(received, buffer),
            Framing::Abridged => unpack_abridged(buffer),
            Framing::Intermediate { padded } => unpack_intermediate(*padded, buffer),
        }
    }

    /// Appends a packet to `out`.
    pub(crate) fn pack(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        let len = payload.len() as u32;
        match &mut self.framing {
            Framing::Full { sent, .. } => {
                let at = out.len();
                out.extend((len + 12).to_le_bytes());
                out.extend(sent.to_le_bytes());
                out.extend(payload);
                out.extend(crc32fast::hash(&out[at..]).to_le_bytes());
                *sent += 1;
            }
            Framing::Abridged => {
                let words = len / 4;
                match u8::try_from(words) {
                    Ok(words) if words < 0x7f => out.push(words),
                    _ => out.extend([0x7f, words as u8, (words >> 8) as u8, (words >> 16) as u8]),
                }
                out.extend(payload);
            }
            Framing::Intermediate { .. } => {
                out.extend(len.to_le_bytes());
                out.extend(payload);
            }
        }
    }

    /// Appends a transport error, such as -404 for an unknown key.
    pub(crate) fn pack_error(&mut self, code: i32, out: &mut Vec<u8>) {
        match self.framing {
            // One client takes a bare negative length for an error, another reads a whole frame first.
            Framing::Full { .. } => (0..3).for_each(|_| out.extend(code.to_le_bytes())),
            _ => self.pack(&code.to_le_bytes(), out),
        }
    }
}

fn unpack_full(received: &mut u32, buffer: &[u8]) -> Frame {
    let Some(len) = word(buffer, 0) else {
        return Frame::More;
    };
    let len = len as usize;
    if !(12..=MAX_PACKET).contains(&len) {
        return Frame::Bad("full: a length that no packet has");
    }
    if buffer.len() < len {
        return Frame::More;
    }
    if word(buffer, 4) != Some(*received) {
        return Frame::Bad("full: packets out of order");
    }
    if word(buffer, len - 4) != Some(crc32fast::hash(&buffer[..len - 4])) {
        return Frame::Bad("full: wrong checksum");
    }
    *received += 1;
    Frame::Packet { payload: 8..len - 4, used: len }
}

fn unpack_abridged(buffer: &[u8]) -> Frame {
    let (len, head) = match buffer {
        [] => return Frame::More,
        [0x7f, a, b, c, ..] => (u32::from_le_bytes([*a, *b, *c, 0]) as usize * 4, 4),
        [0x7f, ..] => return Frame::More,
        [n, ..] if n & 0x80 != 0 => return Frame::Bad("abridged: quick acks are not supported"),
        [n, ..] => (usize::from(*n) * 4, 1),
    };
    if len > MAX_PACKET {
        return Frame::Bad("abridged: a length that no packet has");
    }
    match buffer.len() < head + len {
        true => Frame::More,
        false => Frame::Packet { payload: head..head + len, used: head + len },
    }
}

fn unpack_intermediate(padded: bool, buffer: &[u8]) -> Frame {
    let Some(len) = word(buffer, 0) else {
        return Frame::More;
    };
    let len = len as usize;
    if len > MAX_PACKET {
        return Frame::Bad("intermediate: a length that no packet has");
    }
    if buffer.len() < 4 + len {
        return Frame::More;
    }
    // An encrypted packet is its header of 24 bytes and whole AES blocks: what is over is padding. One that is not
    // encrypted names no key, and says its length itself.
    let is_encrypted = buffer[4..4 + len].first_chunk() != Some(&[0; 8]);
    let padding = if padded && is_encrypted && len > 24 { (len - 24) % 16 } else { 0 };
    Frame::Packet { payload: 4..4 + len - padding, used: 4 + len }
}

fn word(buffer: &[u8], at: usize) -> Option<u32> {
    let bytes = buffer.get(at..at + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transport(framing: Framing) -> Transport {
        Transport { framing, cipher: None }
    }

    #[test]
    fn every_framing_reads_what_it_writes_byte_by_byte() {
        for framing in [
            Framing::Full { sent: 0, received: 0 },
            Framing::Abridged,
            Framing::Intermediate { padded: false },
            Framing::Intermediate { padded: true },
        ] {
            let mut transport = transport(framing);
            for len in [24, 40, 600, 70_000 / 8 * 8] {
                let payload: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
                let mut wire = Vec::new();
                transport.pack(&payload, &mut wire);
                for cut in [0, 1, 3, wire.len() - 1] {
                    assert_eq!(transport.unpack(&wire[..cut]), Frame::More);
                }
                let Frame::Packet { payload: range, used } = transport.unpack(&wire) else {
                    panic!("{:?} with {len} bytes", transport.framing);
                };
                assert_eq!((used, wire[range].len() >= len - 15), (wire.len(), true));
            }
        }
    }

    #[test]
    fn padding_is_cut_off_packets_that_do_not_say_their_length() {
        let mut transport = transport(Framing::Intermediate { padded: true });
        let mut wire = vec![47_u8, 0, 0, 0];
        wire.extend([1; 47]);
        let packet = |payload| Frame::Packet { payload, used: 51 };
        assert_eq!(transport.unpack(&wire), packet(4..44));
        wire[4..12].fill(0);
        assert_eq!(transport.unpack(&wire), packet(4..51));
    }

    #[test]
    fn garbage_is_refused_and_not_waited_for() {
        let mut full = transport(Framing::Full { sent: 0, received: 0 });
        assert!(matches!(full.unpack(&[0xff; 12]), Frame::Bad(_)));
        let mut wire = Vec::new();
        full.pack(&[7; 24], &mut wire);
        wire[20] ^= 1;
        assert!(matches!(full.unpack(&wire), Frame::Bad(_)));
        assert!(matches!(transport(Framing::Abridged).unpack(&[0x80]), Frame::Bad(_)));
        let mut intermediate = transport(Framing::Intermediate { padded: false });
        assert!(matches!(intermediate.unpack(&[0xff; 4]), Frame::Bad(_)));
    }
}
