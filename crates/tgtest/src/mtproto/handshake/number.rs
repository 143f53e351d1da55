//! Numbers of 2048 bits: how constants are written, and how values are sent.

use num_bigint::BigUint;

/// A number as it is sent: big-endian, with leading zeros.
pub(super) type Number = [u8; 256];

/// A number in hexadecimal digits, read by the compiler.
pub(super) const fn constant(hex: &str) -> Number {
    let hex = hex.as_bytes();
    assert!(hex.len() == 512, "a number of 2048 bits has 512 digits");
    let mut number = [0; 256];
    let mut i = 0;
    while i < number.len() {
        number[i] = (digit(hex[2 * i]) << 4) | digit(hex[2 * i + 1]);
        i += 1;
    }
    number
}

const fn digit(c: u8) -> u8 {
    match c {
        b'0'..=b'9' => c - b'0',
        b'a'..=b'f' => c - b'a' + 10,
        _ => panic!("not a hexadecimal digit"),
    }
}

/// The bytes of a number that is known to be below 2^2048.
pub(super) fn to_bytes(number: &BigUint) -> Number {
    let bytes = number.to_bytes_be();
    let mut padded = [0; 256];
    padded[256 - bytes.len()..].copy_from_slice(&bytes);
    padded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_numbers_are_filled_up_and_long_ones_kept() {
        let mut seven = [0; 256];
        seven[255] = 7;
        assert_eq!(to_bytes(&BigUint::from(7_u8)), seven);
        assert_eq!(to_bytes(&BigUint::from(0_u8)), [0; 256]);
        assert_eq!(to_bytes(&BigUint::from_bytes_be(&[0xff; 256])), [0xff; 256]);
    }
}
