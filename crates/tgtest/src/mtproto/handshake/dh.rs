//! The Diffie-Hellman part of a key: two halves from which both sides compute it.
//!
//! "Creating an Authorization Key" (<https://core.telegram.org/mtproto/auth_key>) has clients check that the prime is
//! a safe one of 2048 bits and that the generator fits it. This is the prime that Telegram itself gives out, and that
//! careful clients know by heart; it leaves 2 when it is divided by 3, as it must for the generator 3.

use num_bigint::BigUint;

use super::number::{self, Number};
use crate::mtproto::crypto::{self, AuthKey};

pub(super) const GENERATOR: u8 = 3;

pub(super) const PRIME: Number = number::constant(concat!(
    "c71caeb9c6b1c9048e6c522f70f13f73980d40238e3e21c14934d037563d930f",
    "48198a0aa7c14058229493d22530f4dbfa336f6e0ac925139543aed44cce7c37",
    "20fd51f69458705ac68cd4fe6b6b13abdc9746512969328454f18faf8c595f64",
    "2477fe96bb2a941d5bcd1d4ac8cc49880708fa9b378e3c4f3a9060bee67cf9a4",
    "a4a695811051907e162753b56b0f6b410dba74d8a84b2a14b3144e0ef1284754",
    "fd17ed950d5965b4b9dd46582db1178d169c6bc465b0d6ff9ca3928fef5b9ae4",
    "e418fc15e83ebea0f87fa9ff5eed70050ded2849f47bf959d956850ce929851f",
    "0d8115f635b105ee2e4e15d04b2454bf6f4fadf034b10403119cd8e3b92fcc5b",
));

/// The exponent that the server keeps to itself.
pub(super) struct Secret(BigUint);

impl Secret {
    pub(super) fn new() -> Self {
        let mut bytes = [0; 256];
        crypto::random(&mut bytes);
        Self(BigUint::from_bytes_be(&bytes))
    }

    /// The server's half of the key, `g_a`.
    pub(super) fn half(&self) -> Number {
        number::to_bytes(&BigUint::from(GENERATOR).modpow(&self.0, &prime()))
    }

    /// The key that this and the client's half make.
    pub(super) fn key_with(&self, half: &[u8]) -> AuthKey {
        number::to_bytes(&BigUint::from_bytes_be(half).modpow(&self.0, &prime()))
    }
}

/// Whether a half is far enough from 1 and from the prime to hide its exponent: "we recommend checking that `g_a` and
/// `g_b` are between 2^{2048-64} and `dh_prime` - 2^{2048-64}".
pub(super) fn is_safe(half: &[u8]) -> bool {
    let half = BigUint::from_bytes_be(half);
    let margin = BigUint::from(1_u8) << 1984_usize;
    half >= margin && half <= prime() - margin
}

fn prime() -> BigUint {
    BigUint::from_bytes_be(&PRIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_compute_the_same_key_and_their_halves_are_safe() {
        let (ours, theirs) = (Secret::new(), Secret::new());
        assert!(is_safe(&ours.half()) && is_safe(&theirs.half()));
        assert_eq!(ours.key_with(&theirs.half()), theirs.key_with(&ours.half()));
    }

    #[test]
    fn halves_near_the_ends_are_not_safe() {
        let bytes = |n: BigUint| number::to_bytes(&n);
        let (one, margin) = (BigUint::from(1_u8), BigUint::from(1_u8) << 1984_usize);
        assert!(!is_safe(&[0; 256]) && !is_safe(&[0xff; 256]) && !is_safe(&PRIME));
        assert!(!is_safe(&bytes(&margin - &one)) && is_safe(&bytes(margin.clone())));
        assert!(is_safe(&bytes(prime() - &margin)) && !is_safe(&bytes(prime() - margin + one)));
    }
}
