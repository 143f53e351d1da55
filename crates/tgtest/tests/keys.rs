//! A client that has no key makes one with the server, and is whoever it belongs to.

mod common;
#[path = "common/key_maker.rs"]
mod key_maker;

use std::io::ErrorKind;

use common::{connect_as, identify, peer, refusal, soon};
use grammers_session::SessionData;
use grammers_tl_types as tl;
use key_maker::{KeyMaker, Padding};
use tgtest::{StartError, Telegram};
use tl::{Serializable, enums, types};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection (of the transport Intermediate) on which nothing is encrypted.
struct Line(TcpStream);

impl Line {
    async fn open(telegram: &Telegram) -> Self {
        let mut stream = TcpStream::connect(telegram.address()).await.unwrap();
        stream.write_all(&[0xee; 4]).await.unwrap();
        Self(stream)
    }

    async fn ask(&mut self, question: &impl Serializable) -> Vec<u8> {
        let body = question.to_bytes();
        let mut packet = vec![0; 16];
        packet.extend((body.len() as u32).to_le_bytes());
        packet.extend(body);
        self.write(&packet).await;
        let answer = self.read().await;
        assert_eq!(answer[..8], [0; 8], "not encrypted either");
        answer[20..].to_vec()
    }

    async fn write(&mut self, packet: &[u8]) {
        let mut out = (packet.len() as u32).to_le_bytes().to_vec();
        out.extend(packet);
        self.0.write_all(&out).await.unwrap();
    }

    async fn read(&mut self) -> Vec<u8> {
        let len = soon(self.0.read_u32_le()).await.unwrap();
        let mut packet = vec![0; len as usize];
        soon(self.0.read_exact(&mut packet)).await.unwrap();
        packet
    }

    /// The server says that there is no such key, and hangs up.
    async fn hears_a_refusal(mut self) {
        assert_eq!(self.read().await, (-404_i32).to_le_bytes());
        match soon(self.0.read_u8()).await {
            Err(error) => assert!(
                matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset),
                "{error}"
            ),
            Ok(byte) => panic!("{byte} after the end"),
        }
    }
}

fn client(telegram: &Telegram) -> KeyMaker {
    let rsa = telegram.rsa_public_key();
    KeyMaker::new(&rsa.n, rsa.e)
}

/// The whole exchange on a connection of its own.
async fn make_key(telegram: &Telegram, padding: Padding) -> [u8; 256] {
    let client = client(telegram);
    let mut line = Line::open(telegram).await;
    let told = client.res_pq(&line.ask(&client.req_pq_multi()).await);
    assert_eq!(told.server_public_key_fingerprints, [telegram.rsa_public_key().fingerprint]);
    let inner = client.inner_data(&told);
    let answer = line.ask(&client.req_dh_params(&told, inner, padding)).await;
    let half = client.server_half(&told, &answer);
    let question = client.set_client_dh_params(&told, client.client_half(&half));
    let answer = line.ask(&question).await;
    let key = client.key(&half);
    let ok = types::DhGenOk {
        nonce: client.nonce,
        server_nonce: told.server_nonce,
        new_nonce_hash1: client.hash(key, 1),
    };
    assert_eq!(answer, enums::SetClientDhParamsAnswer::from(ok).to_bytes());
    key
}

/// What a grammers client knows that has made this key.
fn session(telegram: &Telegram, key: [u8; 256]) -> SessionData {
    let mut session = telegram.account("alice").unwrap().session_data();
    for dc in session.dc_options.values_mut() {
        dc.auth_key = Some(key);
    }
    session
}

#[tokio::test]
async fn a_key_that_a_client_made_is_nobodys() {
    let telegram = Telegram::builder().account("alice").start().await.unwrap();
    for (n, padding) in [(1, Padding::RsaPad), (2, Padding::Sha1)] {
        let key = make_key(&telegram, padding).await;
        assert_eq!(telegram.keys_made(), n);
        let nobody = connect_as(session(&telegram, key)).await;
        assert_eq!(refusal(identify(&nobody.client).await), "401 AUTH_KEY_UNREGISTERED");
        nobody.disconnect().await;
    }
    assert!(telegram.requests().iter().all(|request| request.account.is_none()));
}

#[tokio::test]
async fn a_key_that_a_client_made_is_the_account_that_was_named() {
    let telegram = Telegram::builder()
        .account("alice")
        .account("bob")
        .new_keys_are("alice")
        .start()
        .await
        .unwrap();
    let (alice, bob) = (telegram.user("alice").unwrap(), telegram.user("bob").unwrap());
    let key = make_key(&telegram, Padding::RsaPad).await;
    assert_ne!(&key, telegram.account("alice").unwrap().key());
    let mut client = connect_as(session(&telegram, key)).await;
    let me = soon(client.client.get_me()).await.unwrap();
    assert_eq!(me.username(), Some("alice"));
    assert!(telegram.push_message(alice, bob, "hello"));
    assert_eq!(client.hear(1).await, ["hello"]);
    let to = peer(&client.client, "bob").await;
    soon(client.client.send_message(to, "hello yourself")).await.unwrap();
    assert_eq!(telegram.sent().len(), 1);

    assert_eq!(telegram.revoke(alice), 1);
    assert_eq!(refusal(identify(&client.client).await), "401 SESSION_REVOKED");
    client.disconnect().await;
}

#[tokio::test]
async fn what_is_out_of_place_ends_its_connection_and_no_other() {
    let telegram = Telegram::builder().account("alice").start().await.unwrap();
    let client = client(&telegram);
    let mut good = Line::open(&telegram).await;
    let told = client.res_pq(&good.ask(&client.req_pq_multi()).await);
    let inner = client.inner_data(&told);
    let second = client.req_dh_params(&told, inner, Padding::RsaPad);

    // Of an exchange on another connection.
    let mut line = Line::open(&telegram).await;
    let mut packet = vec![0; 16];
    packet.extend((second.to_bytes().len() as u32).to_le_bytes());
    packet.extend(second.to_bytes());
    line.write(&packet).await;
    line.hears_a_refusal().await;
    // Cut, too short for its length, and no message at all.
    for packet in [&packet[..100], &packet[..24], &[0; 20], &[0; 8]] {
        let mut line = Line::open(&telegram).await;
        line.write(packet).await;
        line.hears_a_refusal().await;
    }

    let answer = good.ask(&second).await;
    let half = client.server_half(&told, &answer);
    good.ask(&client.set_client_dh_params(&told, client.client_half(&half))).await;
    assert_eq!(telegram.keys_made(), 1);
    assert_eq!(telegram.connections_made(), 0, "none of them has shown a key");
}

#[tokio::test]
async fn new_keys_belong_to_an_account_that_there_is() {
    let world = Telegram::builder().account("alice").stranger("bob").new_keys_are("bob");
    match world.start().await.unwrap_err() {
        StartError::UnknownOwner(name) => assert_eq!(name, "bob"),
        other => panic!("{other}"),
    }
}
