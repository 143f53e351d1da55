//! Changes of bytes that know nothing of what the bytes say, but where their words begin.

use super::Random;

/// Numbers where something ends: those of the machine, and of the ranges in which Telegram numbers its peers.
pub(crate) const NUMBERS: [i64; 24] = [
    0,
    1,
    -1,
    2,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    i32::MAX as i64 - 1,
    i32::MAX as i64,
    i32::MIN as i64,
    u32::MAX as i64,
    u32::MAX as i64 + 1,
    999_999_999_999,
    1_000_000_000_000,
    997_852_516_352,
    1_002_147_483_649,
    3_000_000_000_000,
    (1 << 40) - 1,
    1 << 40,
    -1_000_000_000_000,
    i64::MAX - 1,
    i64::MAX,
    i64::MIN,
];

/// Longer than this nothing is made.
const LONGEST: usize = 64 * 1024;

/// Changes bytes in one to four ways. `other` is a valid value of the same kind, of which parts are taken; changes
/// begin and end at multiples of `word`, in which TL is made: 4 for TL, 1 for what is text.
pub(crate) fn change(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8], word: usize) {
    for _ in 0..=random.below(4) {
        match random.below(10) {
            0..=1 => flip(random, bytes),
            2 => replace(random, bytes),
            3..=4 => number(random, bytes, word),
            5 => cut(random, bytes, word),
            6 => repeat(random, bytes, word),
            7 => remove(random, bytes, word),
            8 => splice(random, bytes, other, word),
            _ => insert(random, bytes, other, word),
        }
        bytes.truncate(LONGEST);
    }
}

/// A place between two words.
fn place(random: &mut Random, len: usize, word: usize) -> usize {
    random.index(len / word + 1) * word
}

/// A part, from one place to another.
fn part(random: &mut Random, len: usize, word: usize) -> (usize, usize) {
    let (a, b) = (place(random, len, word), place(random, len, word));
    (a.min(b), a.max(b))
}

fn flip(random: &mut Random, bytes: &mut [u8]) {
    if !bytes.is_empty() {
        let at = random.index(bytes.len());
        bytes[at] ^= 1 << random.below(8);
    }
}

fn replace(random: &mut Random, bytes: &mut [u8]) {
    if !bytes.is_empty() {
        let at = random.index(bytes.len());
        bytes[at] = random.next() as u8;
    }
}

/// Puts a number where one may be, of 4 or 8 bytes.
fn number(random: &mut Random, bytes: &mut [u8], word: usize) {
    let number = random.number().to_le_bytes();
    let size = random.pick(&[4_usize, 8]);
    let at = place(random, bytes.len(), word);
    if let Some(there) = bytes.get_mut(at..at + size) {
        there.copy_from_slice(&number[..size]);
    }
}

fn cut(random: &mut Random, bytes: &mut Vec<u8>, word: usize) {
    let at = place(random, bytes.len(), word);
    bytes.truncate(at);
}

fn repeat(random: &mut Random, bytes: &mut Vec<u8>, word: usize) {
    let (from, to) = part(random, bytes.len(), word);
    let copy = bytes[from..to].to_vec();
    let at = place(random, bytes.len(), word);
    bytes.splice(at..at, copy);
}

fn remove(random: &mut Random, bytes: &mut Vec<u8>, word: usize) {
    let (from, to) = part(random, bytes.len(), word);
    bytes.drain(from..to);
}

/// The beginning of one value and the end of another.
fn splice(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8], word: usize) {
    cut(random, bytes, word);
    let from = place(random, other.len(), word);
    bytes.extend_from_slice(&other[from..]);
}

/// A part of another value in the middle of this one, in place of as much.
fn insert(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8], word: usize) {
    let (from, to) = part(random, other.len(), word);
    let at = place(random, bytes.len(), word);
    let end = (at + to - from).min(bytes.len());
    bytes.splice(at..end, other[from..to].iter().copied());
}

#[test]
fn changes_keep_to_words_and_are_the_same_for_the_same_seed() {
    let (valid, other) = ((0..40).collect::<Vec<u8>>(), [7; 24]);
    let changed = |case| {
        let mut bytes = valid.clone();
        change(&mut Random::of(1, case), &mut bytes, &other, 4);
        bytes
    };
    let all: Vec<_> = (0..500).map(changed).collect();
    assert!(all.iter().all(|bytes| bytes.len().is_multiple_of(4)));
    assert!(all.iter().filter(|bytes| **bytes != valid).count() > 400, "most are changed");
    assert!((0..500).zip(&all).all(|(case, bytes)| changed(case) == *bytes));
}
