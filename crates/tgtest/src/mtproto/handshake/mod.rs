//! How a client that has no key makes one with the server: the server's side.
//!
//! "Creating an Authorization Key" (<https://core.telegram.org/mtproto/auth_key>) has three questions and answers:
//!
//! 1. `req_pq_multi`, or `req_pq`: which RSA key has the server, and which product is the client to factorize?
//! 2. `req_DH_params`: the factors, and a nonce that only the RSA key's owner can read. The server answers with its
//!    half of the key, sealed with that nonce.
//! 3. `set_client_DH_params`: the client's half. Both compute the key, and the server says what became of it.
//!
//! What is not as it should be ends the exchange, and the connection with it: the client gets the transport's error
//! -404 and begins again. Each question is taken once, so that one that is repeated is out of place.
//!
//! Temporary keys (`p_q_inner_data_temp`) are refused: nothing here would bind them to a permanent one.

mod dh;
mod number;
mod padding;
pub(crate) mod rsa;
mod sealed;

use grammers_tl_types as tl;
use tl::{Cursor, Deserializable, Identifiable, Serializable, enums, functions as f, types};

use super::crypto::{self, AuthKey};
use super::session::{Broken, unix_time};
use sealed::Nonces;

/// The factors of Telegram's own sample. To find them costs a client some milliseconds, which is all that it is for:
/// on the real server, to keep off those who ask too much.
const P: u32 = 1_229_739_323;
const Q: u32 = 1_402_015_859;

/// The creation of a key on one connection, as far as it is.
#[derive(Default)]
pub(crate) struct Handshake {
    step: Step,
}

/// Which question is next.
#[derive(Default)]
enum Step {
    #[default]
    Pq,
    Dh(Asked),
    Key(Offered),
}

/// A client that was told the product.
struct Asked {
    nonce: [u8; 16],
    server_nonce: [u8; 16],
}

/// A client that was told the server's half of the key.
struct Offered {
    asked: Asked,
    new_nonce: [u8; 32],
    secret: dh::Secret,
    /// How the client names its last attempt; 0 before the first.
    retry_id: i64,
}

/// An answer, and which question may follow it.
type Answered = Result<(Vec<u8>, Step), Broken>;

impl Handshake {
    /// Answers a question. `keep` is given the key that comes of the last; it refuses one that has another's id.
    ///
    /// # Errors
    /// If the question is not the one that is next, or is not what it should be.
    pub(crate) fn answer(
        &mut self,
        body: &[u8],
        keep: impl FnOnce(&AuthKey) -> bool,
    ) -> Result<Vec<u8>, Broken> {
        let mut cursor = Cursor::from_slice(body);
        let id = u32::deserialize(&mut cursor).map_err(|_| Broken("no question"))?;
        let question = &body[cursor.pos()..];
        let (answer, next) = match (id, std::mem::take(&mut self.step)) {
            // At any time: a client may begin again.
            (f::ReqPqMulti::CONSTRUCTOR_ID, _) => ask(whole::<f::ReqPqMulti>(question)?.nonce),
            (f::ReqPq::CONSTRUCTOR_ID, _) => ask(whole::<f::ReqPq>(question)?.nonce),
            (f::ReqDhParams::CONSTRUCTOR_ID, Step::Dh(asked)) => asked.offer(&whole(question)?)?,
            (f::SetClientDhParams::CONSTRUCTOR_ID, Step::Key(offered)) => {
                offered.conclude(&whole(question)?, keep)?
            }
            _ => return Err(Broken("not the question that is next")),
        };
        self.step = next;
        Ok(answer)
    }
}

/// Reads a question to its end.
fn whole<F: Deserializable>(question: &[u8]) -> Result<F, Broken> {
    let mut cursor = Cursor::from_slice(question);
    match F::deserialize(&mut cursor) {
        Ok(read) if cursor.pos() == question.len() => Ok(read),
        _ => Err(Broken("a question that is cut, or longer than it says")),
    }
}

fn ask(nonce: [u8; 16]) -> (Vec<u8>, Step) {
    let mut server_nonce = [0; 16];
    crypto::random(&mut server_nonce);
    let answer = types::ResPq {
        nonce,
        server_nonce,
        pq: product(),
        server_public_key_fingerprints: vec![rsa::fingerprint()],
    };
    (enums::ResPq::from(answer).to_bytes(), Step::Dh(Asked { nonce, server_nonce }))
}

fn product() -> Vec<u8> {
    (u64::from(P) * u64::from(Q)).to_be_bytes().to_vec()
}

impl Asked {
    /// Takes the factors and the new nonce, and gives the server's half of the key.
    fn offer(self, question: &f::ReqDhParams) -> Answered {
        self.check(question.nonce, question.server_nonce)?;
        if question.p != P.to_be_bytes() || question.q != Q.to_be_bytes() {
            return Err(Broken("not the factors, or not in four bytes each"));
        }
        if question.public_key_fingerprint != rsa::fingerprint() {
            return Err(Broken("an RSA key that the server has not"));
        }
        let new_nonce = self.new_nonce(&question.encrypted_data)?;
        let secret = dh::Secret::new();
        let half = types::ServerDhInnerData {
            nonce: self.nonce,
            server_nonce: self.server_nonce,
            g: dh::GENERATOR.into(),
            dh_prime: dh::PRIME.to_vec(),
            g_a: secret.half().to_vec(),
            server_time: unix_time().as_secs() as i32,
        };
        let offered = Offered { asked: self, new_nonce, secret, retry_id: 0 };
        let answer = types::ServerDhParamsOk {
            nonce: offered.asked.nonce,
            server_nonce: offered.asked.server_nonce,
            encrypted_answer: sealed::seal(offered.nonces(), &enums::ServerDhInnerData::from(half)),
        };
        Ok((enums::ServerDhParams::from(answer).to_bytes(), Step::Key(offered)))
    }

    /// What the client encrypted with the RSA key: what it said in clear, and the new nonce.
    fn new_nonce(&self, encrypted: &[u8]) -> Result<[u8; 32], Broken> {
        let block = rsa::decrypt(encrypted);
        let inner = match block.and_then(|block| padding::undo(&block)) {
            Some(enums::PQInnerData::Data(inner)) => inner,
            // Which data center is meant does not matter: all of them are this server.
            Some(enums::PQInnerData::Dc(inner)) => types::PQInnerData {
                pq: inner.pq,
                p: inner.p,
                q: inner.q,
                nonce: inner.nonce,
                server_nonce: inner.server_nonce,
                new_nonce: inner.new_nonce,
            },
            Some(enums::PQInnerData::Temp(_) | enums::PQInnerData::TempDc(_)) => {
                return Err(Broken("a temporary key"));
            }
            None => return Err(Broken("not encrypted with the RSA key")),
        };
        self.check(inner.nonce, inner.server_nonce)?;
        if inner.pq != product() || inner.p != P.to_be_bytes() || inner.q != Q.to_be_bytes() {
            return Err(Broken("other factors encrypted than in clear"));
        }
        Ok(inner.new_nonce)
    }

    fn check(&self, nonce: [u8; 16], server_nonce: [u8; 16]) -> Result<(), Broken> {
        if (nonce, server_nonce) == (self.nonce, self.server_nonce) {
            Ok(())
        } else {
            Err(Broken("nonces of another exchange"))
        }
    }
}

impl Offered {
    fn nonces(&self) -> Nonces<'_> {
        Nonces { server: &self.asked.server_nonce, new: &self.new_nonce }
    }

    /// Takes the client's half, and says what became of the key. One that has the id of another is no key: the client
    /// chooses another half, and says by the hash of the last key which attempt it repeats.
    fn conclude(
        mut self,
        question: &f::SetClientDhParams,
        keep: impl FnOnce(&AuthKey) -> bool,
    ) -> Answered {
        self.asked.check(question.nonce, question.server_nonce)?;
        let opened = sealed::open(self.nonces(), &question.encrypted_data);
        let Some(enums::ClientDhInnerData::Data(inner)) = opened else {
            return Err(Broken("not sealed with the nonces"));
        };
        self.asked.check(inner.nonce, inner.server_nonce)?;
        if inner.retry_id != self.retry_id {
            return Err(Broken("a repetition of another attempt"));
        }
        if inner.g_b.len() > dh::PRIME.len() {
            return Err(Broken("a half of a key that is longer than the prime"));
        }
        let key = self.secret.key_with(&inner.g_b);
        let hash = |outcome| {
            let key = grammers_crypto::AuthKey::from_bytes(key);
            key.calc_new_nonce_hash(&self.new_nonce, outcome)
        };
        let Asked { nonce, server_nonce } = self.asked;
        let answer: enums::SetClientDhParamsAnswer = if !dh::is_safe(&inner.g_b) {
            types::DhGenFail { nonce, server_nonce, new_nonce_hash3: hash(3) }.into()
        } else if keep(&key) {
            types::DhGenOk { nonce, server_nonce, new_nonce_hash1: hash(1) }.into()
        } else {
            let answer = types::DhGenRetry { nonce, server_nonce, new_nonce_hash2: hash(2) };
            self.retry_id = crypto::aux_hash(&key);
            return Ok((enums::SetClientDhParamsAnswer::from(answer).to_bytes(), Step::Key(self)));
        };
        Ok((answer.to_bytes(), Step::Pq))
    }
}

#[cfg(test)]
mod tests;
