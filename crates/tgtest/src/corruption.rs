//! Answers and updates with other words in them: what a client must bear that believes its server.
//!
//! They are changed before they are packed and encrypted, so they arrive as if they were meant. What changes is a
//! function of the bytes and a seed.

/// Words that begin something, or end what numbers may be.
const WORDS: [u32; 16] = [
    0,
    1,
    2,
    0xff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    // Vector, boolTrue, boolFalse
    0x1cb5_c415,
    0x9972_75b5,
    0xbc79_9737,
    // peerUser, peerChat, peerChannel
    0x5951_1722,
    0x36c6_019a,
    0xa2a5_371e,
    // userEmpty, messageEmpty, rpc_error
    0xd3bc_4b7a,
    0x90a6_ca84,
    0x2144_ca19,
];

/// Twice as long as this nothing is made: a packet has room for about 1 MiB.
const LONGEST: usize = 128 * 1024;

/// Changes one to three places. The length stays a number of words, as that of every message is.
pub(crate) fn corrupt(bytes: &mut Vec<u8>, seed: u64) {
    let mut random = Random(seed);
    let rest = bytes.len() % 4;
    bytes.truncate(bytes.len() - rest);
    for _ in 0..=random.below(3) {
        // Words of the beginning say what all is.
        let words = bytes.len() / 4;
        let reach = if random.below(3) == 0 { words.min(8) } else { words };
        let at = random.below(reach + 1) * 4;
        change(bytes, at, &mut random);
    }
}

/// Changes something from one word on.
fn change(bytes: &mut Vec<u8>, at: usize, random: &mut Random) {
    let len = bytes.len();
    let end = at + random.below((len - at) / 4 + 1) * 4;
    match random.below(8) {
        0..=1 if at < len => bytes[at + random.below(4)] ^= 1 << random.below(8),
        2..=4 if at < len => {
            let word = WORDS[random.below(WORDS.len())];
            bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        5 if len < LONGEST => {
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy);
        }
        6 => drop(bytes.drain(at..end)),
        7 => bytes.truncate(at),
        _ => bytes.extend_from_slice(&random.next().to_le_bytes()),
    }
}

/// SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let n = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ (n >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corrupted(valid: &[u8], seed: u64) -> Vec<u8> {
        let mut bytes = valid.to_vec();
        corrupt(&mut bytes, seed);
        bytes
    }

    #[test]
    fn a_seed_changes_the_same_bytes_in_the_same_way_and_whole_words_stay() {
        let valid: Vec<u8> = (0..100).collect();
        let all: Vec<_> = (0..1000).map(|seed| corrupted(&valid, seed)).collect();
        assert!(all.iter().all(|bytes| bytes.len().is_multiple_of(4)));
        assert!((0..1000).zip(&all).all(|(seed, bytes)| corrupted(&valid, seed) == *bytes));
        assert!(all.iter().filter(|bytes| **bytes != valid).count() > 900, "most are changed");
    }

    #[test]
    fn there_may_be_nothing_to_change() {
        for seed in 0..1000 {
            assert!(corrupted(&[], seed).len() <= 32);
            assert!(corrupted(&[1, 2, 3], seed).len().is_multiple_of(4));
        }
    }
}
