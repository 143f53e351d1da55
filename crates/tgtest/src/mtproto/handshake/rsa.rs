//! The server's RSA key. A client encrypts for it what nobody else may read while there is no key between the two.
//!
//! Every server has the same, and everybody can read its private half here: it is for servers on the loopback address
//! only, and protects nothing. What it is for is that clients go the whole way.

use grammers_tl_types::Serializable;
use num_bigint::BigUint;
use sha1::{Digest, Sha1};

use super::number::{self, Number};

/// The public half of the server's RSA key, for a client that makes its own authorization key.
///
/// Clients know Telegram's RSA keys by heart; one that can be told another gets this, in whichever of its forms the
/// client reads. It is the same for every server, and everybody knows its private half.
///
/// Got from [`Telegram::rsa_public_key`](crate::Telegram::rsa_public_key).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RsaPublicKey {
    /// The modulus, big-endian.
    pub n: [u8; 256],
    /// The public exponent.
    pub e: u32,
    /// By which client and server name it: the low 64 bits of the SHA1 of its TL serialization.
    pub fingerprint: i64,
    /// The same as PKCS #1 in PEM, which begins with `-----BEGIN RSA PUBLIC KEY-----`.
    pub pem: &'static str,
}

impl RsaPublicKey {
    /// The only one there is.
    pub(crate) fn of_the_server() -> Self {
        Self { n: MODULUS, e: EXPONENT, fingerprint: fingerprint(), pem: PEM }
    }
}

/// The low 64 bits of SHA1 of `rsa_public_key n:string e:string = RSAPublicKey` without its constructor, as "Creating
/// an Authorization Key" has it.
pub(super) fn fingerprint() -> i64 {
    let mut key = MODULUS.to_vec().to_bytes();
    BigUint::from(EXPONENT).to_bytes_be().serialize(&mut key);
    let hash: [u8; 20] = Sha1::digest(&key).into();
    i64::from_le_bytes(std::array::from_fn(|i| hash[12 + i]))
}

/// Undoes the encryption with the public key. `None` if this is nothing that it encrypts to.
pub(super) fn decrypt(encrypted: &[u8]) -> Option<Number> {
    let modulus = BigUint::from_bytes_be(&MODULUS);
    let number = BigUint::from_bytes_be(encrypted);
    if encrypted.len() != MODULUS.len() || number >= modulus {
        return None;
    }
    let exponent = BigUint::from_bytes_be(&PRIVATE_EXPONENT);
    Some(number::to_bytes(&number.modpow(&exponent, &modulus)))
}

pub(super) const EXPONENT: u32 = 65537;

pub(super) const MODULUS: Number = number::constant(concat!(
    "eae131b7d7651b81553262a93de17a527cad4647b88ebb338f56ac9ee687205b",
    "7d5e0f57d46ab7792e1c158216afab8a75e84bdea1ebe42ded3ec24527f50616",
    "8725c86de53bde523c34e3b19fb9cf0c253d1187a34e09848cb41f4839664fcf",
    "377cf17d0bcc27781298640feb6fc2970954d2d8ea93ca48ee4c50a802718431",
    "9c9d19a50e95c52a115fe2aaacfa863ab8281b8b22b541b16b105e11bf46dcd2",
    "3bf8aaee556f2a2f74b94fd9ec644e15b9613a071e7df454f1cea8feeee4cb3d",
    "e91e24af89894ea288522bdc41f6074ef873a4bfd293adca161ba7c5a70a10cd",
    "cb5fb16e790091b7c9ec5627b1dda0d9de87ff3389a7ce9335b795d1973f6105",
));

/// Public, as said above.
const PRIVATE_EXPONENT: Number = number::constant(concat!(
    "1a7344325009148d1ebf47118884af0e0178d0e08c45d48a84a28ddb7219f6f8",
    "9e985c51777c120fcd33bfef4fa73641e82fc1f57f160db2e753e9343900f48f",
    "ce65e0999196499dc8a66b1aca62361107d385f9189895e54da40e1ec7ca0004",
    "559b1625cf118d434e12c7b7ec3b40765a48695b20a58682ea8501133e7d3295",
    "dd65d862c1f405874ffc6504d276fe3214934aebf5a059868cc716df6724a116",
    "14b95ee9c2c81d7d1d31993d7c3886880aeac26163dacd6aa049bd9a09b27c0d",
    "6794c7fac6cd8bdca767b465f44f7806e896e3f0a3719ad08bfa0ba76c362c89",
    "9b1651c35831341024124baf7bfb064777936a472b61b980cdf93175dc833e51",
));

const PEM: &str = "-----BEGIN RSA PUBLIC KEY-----
MIIBCgKCAQEA6uExt9dlG4FVMmKpPeF6UnytRke4jrszj1asnuaHIFt9Xg9X1Gq3
eS4cFYIWr6uKdehL3qHr5C3tPsJFJ/UGFoclyG3lO95SPDTjsZ+5zwwlPRGHo04J
hIy0H0g5Zk/PN3zxfQvMJ3gSmGQP62/ClwlU0tjqk8pI7kxQqAJxhDGcnRmlDpXF
KhFf4qqs+oY6uCgbiyK1QbFrEF4Rv0bc0jv4qu5VbyovdLlP2exkThW5YToHHn30
VPHOqP7u5Ms96R4kr4mJTqKIUivcQfYHTvhzpL/Sk63KFhunxacKEM3LX7FueQCR
t8nsViex3aDZ3of/M4mnzpM1t5XRlz9hBQIDAQAB
-----END RSA PUBLIC KEY-----
";

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(pem: &str) -> Vec<u8> {
        let (mut buffer, mut bits, mut bytes) = (0_u32, 0, Vec::new());
        let text = pem.lines().filter(|line| !line.starts_with("-----"));
        for c in text.flat_map(str::bytes) {
            let value = match c {
                b'A'..=b'Z' => c - b'A',
                b'a'..=b'z' => c - b'a' + 26,
                b'0'..=b'9' => c - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                other => panic!("{other} is not base64"),
            };
            buffer = (buffer << 6) | u32::from(value);
            bits += 6;
            if bits >= 8 {
                bits -= 8;
                bytes.push((buffer >> bits) as u8);
            }
        }
        bytes
    }

    #[test]
    fn its_forms_say_the_same() {
        let key = RsaPublicKey::of_the_server();
        // SEQUENCE { INTEGER n, INTEGER e }
        let mut der = vec![0x30_u8, 0x82, 1, 10, 2, 0x82, 1, 1, 0];
        der.extend(key.n);
        der.extend([2, 3, 1, 0, 1]);
        assert_eq!(unpacked(key.pem), der);
        assert_eq!(key.e, 0x01_0001);
        // What Telethon computes of the PEM.
        assert_eq!(key.fingerprint, 957_713_057_406_152_987);
    }

    #[test]
    fn what_was_encrypted_is_decrypted_and_what_was_not_is_refused() {
        let modulus = BigUint::from_bytes_be(&MODULUS);
        let message = [0x17; 256];
        let encrypted = BigUint::from_bytes_be(&message).modpow(&BigUint::from(EXPONENT), &modulus);
        assert_eq!(decrypt(&number::to_bytes(&encrypted)), Some(message));
        assert_eq!(decrypt(&MODULUS), None);
        assert_eq!(decrypt(&[0xff; 256]), None);
        assert_eq!(decrypt(&[1; 255]), None);
        assert_eq!(decrypt(&[0; 257]), None);
        assert_eq!(decrypt(&[]), None);
    }
}
