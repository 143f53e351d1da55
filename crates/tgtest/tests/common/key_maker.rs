//! The client's side of the creation of a key, of grammers-crypto's pieces and step by step, so that each can be
//! spoiled. Shared by the tests of the steps and those of the whole server.
#![allow(missing_docs, unreachable_pub, dead_code, reason = "each test binary uses a part of this")]

use grammers_crypto::{AuthKey, aes, factorize, generate_key_data_from_nonce, rsa};
use grammers_tl_types as tl;
use num_bigint::BigUint;
use sha1::{Digest, Sha1};
use tl::{Cursor, Deserializable, Serializable, enums, functions as f, types};

/// How the first secret is padded before RSA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// As Telegram has it today.
    RsaPad,
    /// As it was before, and as Telethon 1.45 sends it.
    Sha1,
}

/// A client that knows the server's RSA key.
pub struct KeyMaker {
    pub nonce: [u8; 16],
    pub new_nonce: [u8; 32],
    n: BigUint,
    e: BigUint,
    b: BigUint,
}

impl KeyMaker {
    pub fn new(n: &[u8], e: u32) -> Self {
        Self {
            nonce: random(),
            new_nonce: random(),
            n: BigUint::from_bytes_be(n),
            e: BigUint::from(e),
            b: BigUint::from_bytes_be(&random::<256>()),
        }
    }

    pub fn req_pq_multi(&self) -> f::ReqPqMulti {
        f::ReqPqMulti { nonce: self.nonce }
    }

    pub fn res_pq(&self, answer: &[u8]) -> types::ResPq {
        let enums::ResPq::Pq(told) = enums::ResPq::from_bytes(answer).unwrap();
        assert_eq!(told.nonce, self.nonce);
        told
    }

    /// What is encrypted with RSA.
    pub fn inner_data(&self, told: &types::ResPq) -> types::PQInnerData {
        let pq = u64::from_be_bytes(told.pq.as_slice().try_into().unwrap());
        let (p, q) = factorize(pq);
        types::PQInnerData {
            pq: told.pq.clone(),
            p: BigUint::from(p).to_bytes_be(),
            q: BigUint::from(q).to_bytes_be(),
            nonce: self.nonce,
            server_nonce: told.server_nonce,
            new_nonce: self.new_nonce,
        }
    }

    pub fn req_dh_params(
        &self,
        told: &types::ResPq,
        inner: types::PQInnerData,
        padding: Padding,
    ) -> f::ReqDhParams {
        f::ReqDhParams {
            nonce: self.nonce,
            server_nonce: told.server_nonce,
            p: inner.p.clone(),
            q: inner.q.clone(),
            public_key_fingerprint: told.server_public_key_fingerprints[0],
            encrypted_data: self.encrypt(&enums::PQInnerData::from(inner).to_bytes(), padding),
        }
    }

    pub fn encrypt(&self, data: &[u8], padding: Padding) -> Vec<u8> {
        match padding {
            Padding::RsaPad => {
                let key = rsa::Key::new(&self.n.to_string(), &self.e.to_string()).unwrap();
                rsa::encrypt_hashed(data, &key, &random())
            }
            Padding::Sha1 => {
                let mut block = Sha1::digest(data).to_vec();
                block.extend(data);
                let missing = 255 - block.len();
                block.extend(&random::<255>()[..missing]);
                let encrypted = BigUint::from_bytes_be(&block).modpow(&self.e, &self.n);
                padded(&encrypted).to_vec()
            }
        }
    }

    /// What the server sealed: its half of the key, which must be what clients accept.
    pub fn server_half(&self, told: &types::ResPq, answer: &[u8]) -> types::ServerDhInnerData {
        let Ok(enums::ServerDhParams::Ok(answer)) = enums::ServerDhParams::from_bytes(answer)
        else {
            panic!("no half");
        };
        assert_eq!((answer.nonce, answer.server_nonce), (self.nonce, told.server_nonce));
        let (key, iv) = generate_key_data_from_nonce(&told.server_nonce, &self.new_nonce);
        let mut data = answer.encrypted_answer;
        aes::ige_decrypt(&mut data, &key, &iv);
        let (hash, data) = data.split_at(20);
        let mut cursor = Cursor::from_slice(data);
        let enums::ServerDhInnerData::Data(half) =
            enums::ServerDhInnerData::deserialize(&mut cursor).unwrap();
        assert_eq!(Sha1::digest(&data[..cursor.pos()]).to_vec(), hash);
        assert_eq!((half.nonce, half.server_nonce), (self.nonce, told.server_nonce));
        let (prime, g_a) =
            (BigUint::from_bytes_be(&half.dh_prime), BigUint::from_bytes_be(&half.g_a));
        let margin = BigUint::from(1_u8) << 1984_usize;
        assert!(half.dh_prime.len() == 256 && g_a > margin && g_a < prime - margin);
        half
    }

    /// The client's half of the key, which is sealed in turn.
    pub fn client_half(&self, server: &types::ServerDhInnerData) -> types::ClientDhInnerData {
        let g = BigUint::from(server.g.unsigned_abs());
        let g_b = g.modpow(&self.b, &BigUint::from_bytes_be(&server.dh_prime));
        types::ClientDhInnerData {
            nonce: self.nonce,
            server_nonce: server.server_nonce,
            retry_id: 0,
            g_b: g_b.to_bytes_be(),
        }
    }

    pub fn set_client_dh_params(
        &self,
        told: &types::ResPq,
        half: types::ClientDhInnerData,
    ) -> f::SetClientDhParams {
        let half = enums::ClientDhInnerData::from(half).to_bytes();
        let mut data = Sha1::digest(&half).to_vec();
        data.extend(half);
        data.resize(data.len().next_multiple_of(16), 7);
        let (key, iv) = generate_key_data_from_nonce(&told.server_nonce, &self.new_nonce);
        aes::ige_encrypt(&mut data, &key, &iv);
        f::SetClientDhParams {
            nonce: self.nonce,
            server_nonce: told.server_nonce,
            encrypted_data: data,
        }
    }

    pub fn key(&self, server: &types::ServerDhInnerData) -> [u8; 256] {
        let prime = BigUint::from_bytes_be(&server.dh_prime);
        padded(&BigUint::from_bytes_be(&server.g_a).modpow(&self.b, &prime))
    }

    /// How the server says what became of a key: 1 for taken, 2 for again, 3 for failed.
    pub fn hash(&self, key: [u8; 256], outcome: u8) -> [u8; 16] {
        AuthKey::from_bytes(key).calc_new_nonce_hash(&self.new_nonce, outcome)
    }

    /// Chooses another half.
    pub fn choose_again(&mut self) {
        self.b += 1_u32;
    }
}

pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

fn padded(number: &BigUint) -> [u8; 256] {
    let bytes = number.to_bytes_be();
    let mut padded = [0; 256];
    padded[256 - bytes.len()..].copy_from_slice(&bytes);
    padded
}
