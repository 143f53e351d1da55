//! The session layer: what stands between encrypted packets and calls of methods.
//!
//! It checks message ids and salts as Telegram does, takes containers and gzip apart, answers service
//! messages, and numbers what it sends. See <https://core.telegram.org/mtproto/service_messages>.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use grammers_tl_types as tl;
use tl::{Cursor, Deserializable, Identifiable, Serializable, enums, functions as f, types};

use super::crypto::{self, AuthKey};

const MSG_CONTAINER: u32 = 0x73f1_f8dc;
const GZIP_PACKED: u32 = 0x3072_cfa1;
const RPC_RESULT: u32 = 0xf35c_6d01;
const HTTP_WAIT: u32 = 0x9299_359f;
/// Shorter bodies are not worth packing.
const GZIP_FROM: usize = 1024;
/// Containers in containers: none is legal, so few are followed.
const MAX_DEPTH: usize = 3;

/// A method that a client calls.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) msg_id: i64,
    pub(crate) body: Vec<u8>,
}

/// A method's result as bytes, or its error.
pub(crate) type Answer = Result<Vec<u8>, RpcError>;

/// An error that a method answers with: a code and a name such as `CHANNEL_INVALID`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RpcError {
    pub(crate) code: i32,
    pub(crate) name: String,
}

/// A packet that ends its connection.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) &'static str);

/// One client's session on one connection.
pub(crate) struct Session {
    key: Arc<AuthKey>,
    key_id: i64,
    salt: i64,
    /// Chosen by the client, known from its first packet on.
    id: Option<i64>,
    /// Whether the client was told that the session exists: it was, once its salt was right.
    announced: bool,
    content_sent: i32,
    last_msg_id: i64,
    pending: Vec<(i64, i32, Vec<u8>)>,
    close_after: Option<Duration>,
}

impl Session {
    pub(crate) fn new(key_id: i64, key: Arc<AuthKey>, salt: i64) -> Self {
        Self {
            key,
            key_id,
            salt,
            id: None,
            announced: false,
            content_sent: 0,
            last_msg_id: 0,
            pending: Vec::new(),
            close_after: None,
        }
    }

    pub(crate) fn key_id(&self) -> i64 {
        self.key_id
    }

    /// After how long without a packet the client asked to be disconnected.
    pub(crate) fn close_after(&self) -> Option<Duration> {
        self.close_after
    }

    /// Whether the client is known well enough for the server to speak first.
    pub(crate) fn is_open(&self) -> bool {
        self.announced
    }

    /// Takes one encrypted packet apart: service messages are answered, calls returned.
    pub(crate) fn receive(&mut self, packet: &mut [u8]) -> Result<Vec<Call>, Broken> {
        let key = Arc::clone(&self.key);
        let plain = crypto::decrypt(&key, packet).ok_or(Broken("not encrypted with this key"))?;
        let envelope = Envelope::read(plain)?;
        let body = envelope.body.to_vec();
        if let Some(code) = envelope.id_error() {
            let notification = types::BadMsgNotification {
                bad_msg_id: envelope.msg_id,
                bad_msg_seqno: envelope.seq_no,
                error_code: code,
            };
            self.id = Some(envelope.session_id);
            self.queue_reply(enums::BadMsgNotification::from(notification).to_bytes());
            return Ok(Vec::new());
        }
        if envelope.salt != self.salt {
            let notification = types::BadServerSalt {
                bad_msg_id: envelope.msg_id,
                bad_msg_seqno: envelope.seq_no,
                error_code: 48,
                new_server_salt: self.salt,
            };
            self.id = Some(envelope.session_id);
            self.queue_reply(enums::BadMsgNotification::from(notification).to_bytes());
            return Ok(Vec::new());
        }
        if self.id != Some(envelope.session_id) || !self.announced {
            self.announce(&envelope);
        }
        let mut calls = Vec::new();
        self.take_apart(envelope.msg_id, &body, MAX_DEPTH, &mut calls);
        Ok(calls)
    }

    /// Answers a call.
    pub(crate) fn answer(&mut self, msg_id: i64, answer: Answer) {
        let mut result = answer.unwrap_or_else(|RpcError { code, name }| {
            enums::RpcError::from(types::RpcError { error_code: code, error_message: name })
                .to_bytes()
        });
        if result.len() > GZIP_FROM {
            let packed = packed(&result);
            if packed.len() < result.len() {
                result = packed;
            }
        }
        let mut body = RPC_RESULT.to_bytes();
        msg_id.serialize(&mut body);
        body.extend(result);
        self.queue(body, true, REPLY);
    }

    /// Queues something that the client did not ask for.
    pub(crate) fn push(&mut self, body: Vec<u8>) {
        self.queue(body, true, PUSH);
    }

    /// All that is queued as one encrypted packet, a container if there are several messages.
    pub(crate) fn flush(&mut self) -> Option<Vec<u8>> {
        let session_id = self.id?;
        let mut messages = std::mem::take(&mut self.pending);
        let (msg_id, seq_no, body) = match messages.len() {
            0 => return None,
            1 => messages.pop()?,
            n => {
                let mut body = MSG_CONTAINER.to_bytes();
                (n as i32).serialize(&mut body);
                for (msg_id, seq_no, message) in messages {
                    msg_id.serialize(&mut body);
                    seq_no.serialize(&mut body);
                    (message.len() as i32).serialize(&mut body);
                    body.extend(message);
                }
                (self.next_msg_id(REPLY), self.next_seq_no(false), body)
            }
        };
        let mut plain = Vec::with_capacity(body.len() + 64);
        self.salt.serialize(&mut plain);
        session_id.serialize(&mut plain);
        msg_id.serialize(&mut plain);
        seq_no.serialize(&mut plain);
        (body.len() as i32).serialize(&mut plain);
        plain.extend(body);
        Some(crypto::encrypt(&self.key, self.key_id, plain))
    }

    fn announce(&mut self, envelope: &Envelope<'_>) {
        self.id = Some(envelope.session_id);
        self.announced = true;
        self.content_sent = 0;
        let created = types::NewSessionCreated {
            first_msg_id: envelope.msg_id,
            unique_id: envelope.session_id ^ 0x55,
            server_salt: self.salt,
        };
        self.queue(enums::NewSession::from(created).to_bytes(), true, PUSH);
    }

    fn take_apart(&mut self, msg_id: i64, body: &[u8], depth: usize, calls: &mut Vec<Call>) {
        let mut cursor = Cursor::from_slice(body);
        let Ok(id) = u32::deserialize(&mut cursor) else {
            return;
        };
        match id {
            MSG_CONTAINER if depth > 0 => {
                for (msg_id, message) in container(body) {
                    self.take_apart(msg_id, message, depth - 1, calls);
                }
            }
            GZIP_PACKED if depth > 0 => {
                let unpacked = Vec::<u8>::deserialize(&mut cursor).ok();
                if let Some(unpacked) = unpacked.and_then(|packed| crypto::gunzip(&packed)) {
                    self.take_apart(msg_id, &unpacked, depth - 1, calls);
                }
            }
            _ if self.serve(msg_id, id, &mut cursor) => {}
            _ => calls.push(Call { msg_id, body: body.to_vec() }),
        }
    }

    /// Answers a service message; false if it is a call.
    fn serve(&mut self, msg_id: i64, id: u32, cursor: &mut Cursor<'_>) -> bool {
        match id {
            types::MsgsAck::CONSTRUCTOR_ID | HTTP_WAIT => {}
            f::Ping::CONSTRUCTOR_ID => {
                if let Ok(f::Ping { ping_id }) = f::Ping::deserialize(cursor) {
                    self.queue_reply(enums::Pong::from(types::Pong { msg_id, ping_id }).to_bytes());
                }
            }
            f::PingDelayDisconnect::CONSTRUCTOR_ID => {
                if let Ok(ping) = f::PingDelayDisconnect::deserialize(cursor) {
                    let delay = u64::try_from(ping.disconnect_delay).unwrap_or(0).max(1);
                    self.close_after = Some(Duration::from_secs(delay));
                    let pong = types::Pong { msg_id, ping_id: ping.ping_id };
                    self.queue_reply(enums::Pong::from(pong).to_bytes());
                }
            }
            f::GetFutureSalts::CONSTRUCTOR_ID => self.queue_reply(future_salts(msg_id, self.salt)),
            types::MsgsStateReq::CONSTRUCTOR_ID => {
                if let Ok(request) = types::MsgsStateReq::deserialize(cursor) {
                    let info = vec![4; request.msg_ids.len()];
                    let state = types::MsgsStateInfo { req_msg_id: msg_id, info };
                    self.queue_reply(enums::MsgsStateInfo::from(state).to_bytes());
                }
            }
            f::RpcDropAnswer::CONSTRUCTOR_ID => {
                self.answer(msg_id, Ok(enums::RpcDropAnswer::RpcAnswerUnknown.to_bytes()));
            }
            f::DestroySession::CONSTRUCTOR_ID => {
                if let Ok(f::DestroySession { session_id }) = f::DestroySession::deserialize(cursor)
                {
                    let none = types::DestroySessionNone { session_id };
                    self.queue_reply(enums::DestroySessionRes::from(none).to_bytes());
                }
            }
            _ => return false,
        }
        true
    }

    fn queue_reply(&mut self, body: Vec<u8>) {
        self.queue(body, false, REPLY);
    }

    fn queue(&mut self, body: Vec<u8>, content: bool, kind: i64) {
        let msg_id = self.next_msg_id(kind);
        let seq_no = self.next_seq_no(content);
        self.pending.push((msg_id, seq_no, body));
    }

    /// Always rising; its low bits say what kind of message it is.
    fn next_msg_id(&mut self, kind: i64) -> i64 {
        self.last_msg_id = msg_id_of_now().max(self.last_msg_id + 4);
        self.last_msg_id | kind
    }

    fn next_seq_no(&mut self, content: bool) -> i32 {
        let seq_no = self.content_sent * 2 + i32::from(content);
        self.content_sent += i32::from(content);
        seq_no
    }
}

/// A result as the packed object that stands for it.
pub(crate) fn packed(result: &[u8]) -> Vec<u8> {
    let mut packed = GZIP_PACKED.to_bytes();
    crypto::gzip(result).serialize(&mut packed);
    packed
}

/// The low bits of the id of a message that answers one of the client's.
pub(super) const REPLY: i64 = 1;
/// The low bits of the id of a message that answers none.
const PUSH: i64 = 3;

struct Envelope<'a> {
    salt: i64,
    session_id: i64,
    msg_id: i64,
    seq_no: i32,
    body: &'a [u8],
}

impl<'a> Envelope<'a> {
    fn read(plain: &'a [u8]) -> Result<Self, Broken> {
        const SHORT: Broken = Broken("too short for an envelope");
        let mut cursor = Cursor::from_slice(plain);
        let salt = i64::deserialize(&mut cursor).map_err(|_| SHORT)?;
        let session_id = i64::deserialize(&mut cursor).map_err(|_| SHORT)?;
        let msg_id = i64::deserialize(&mut cursor).map_err(|_| SHORT)?;
        let seq_no = i32::deserialize(&mut cursor).map_err(|_| SHORT)?;
        let len = i32::deserialize(&mut cursor).map_err(|_| SHORT)?;
        let end = usize::try_from(len).map_err(|_| SHORT)? + 32;
        let body = plain.get(32..end).ok_or(Broken("a body longer than its packet"))?;
        if !(12..=1024).contains(&(plain.len() - end)) {
            return Err(Broken("padding of a wrong length"));
        }
        Ok(Self { salt, session_id, msg_id, seq_no, body })
    }

    /// What is wrong with the message id, as Telegram numbers it.
    fn id_error(&self) -> Option<i32> {
        let age = unix_time().as_secs() as i64 - (self.msg_id >> 32);
        match age {
            _ if self.msg_id & 3 != 0 => Some(18),
            301.. => Some(16),
            ..-30 => Some(17),
            _ => None,
        }
    }
}

/// The messages of a container, up to the first that does not fit.
fn container(body: &[u8]) -> Vec<(i64, &[u8])> {
    let mut messages = Vec::new();
    let mut rest = &body[4..];
    let Some(count) = take(&mut rest).map(i32::from_le_bytes) else {
        return messages;
    };
    for _ in 0..count {
        let Some(msg_id) = take(&mut rest).map(i64::from_le_bytes) else {
            break;
        };
        let Some([_seq_no, len]) = take::<8>(&mut rest).map(two_words) else {
            break;
        };
        let Some((message, after)) =
            usize::try_from(len).ok().and_then(|n| rest.split_at_checked(n))
        else {
            break;
        };
        messages.push((msg_id, message));
        rest = after;
    }
    messages
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

fn two_words([a, b, c, d, e, f, g, h]: [u8; 8]) -> [i32; 2] {
    [i32::from_le_bytes([a, b, c, d]), i32::from_le_bytes([e, f, g, h])]
}

/// Clients wait for salts of the future before they go on; here there is one for all times until a restart.
fn future_salts(msg_id: i64, salt: i64) -> Vec<u8> {
    let now = unix_time().as_secs() as i32;
    let salts = (0..32)
        .map(|hour| types::FutureSalt {
            valid_since: now - 60 + hour * 3600,
            valid_until: now + 3600 + hour * 3600,
            salt,
        })
        .collect();
    let salts = types::FutureSalts { req_msg_id: msg_id, now, salts: tl::RawVec(salts) };
    enums::FutureSalts::from(salts).to_bytes()
}

/// The time in units of 2^-32 s, with room for the kind of the message.
pub(super) fn msg_id_of_now() -> i64 {
    let now = unix_time();
    (now.as_secs() as i64) << 32 | i64::from(now.subsec_nanos()) << 2
}

pub(crate) fn unix_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests;
