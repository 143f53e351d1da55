use grammers_crypto::{DequeBuffer, encrypt_data_v2};

use super::*;

/// A ping as a client makes it that believes in this salt.
fn ping(key: &AuthKey, salt: i64) -> Vec<u8> {
    let body = f::Ping { ping_id: 1 }.to_bytes();
    let mut buffer = DequeBuffer::with_capacity(256, 64);
    salt.serialize(&mut buffer);
    SESSION.serialize(&mut buffer);
    ((unix_time().as_secs() as i64) << 32).serialize(&mut buffer);
    1_i32.serialize(&mut buffer);
    (body.len() as i32).serialize(&mut buffer);
    buffer.extend(body);
    encrypt_data_v2(&mut buffer, &grammers_crypto::AuthKey::from_bytes(*key));
    buffer.as_ref().to_vec()
}

const SESSION: i64 = 7;

#[test]
fn a_client_with_the_salt_of_before_a_restart_is_told_the_new_one() {
    let key = crypto::new_auth_key();
    let (before, after) = (5, 6);
    let mut session = Session::new(crypto::key_id(&key), Arc::new(key), before);
    session.receive(&mut ping(&key, before)).unwrap();
    assert!(session.is_open());

    let mut session = Session::new(crypto::key_id(&key), Arc::new(key), after);
    session.receive(&mut ping(&key, before)).unwrap();
    assert!(!session.is_open());
    let (_, _, answer) = session.pending.pop().expect("it is told why");
    match enums::BadMsgNotification::from_bytes(&answer).unwrap() {
        enums::BadMsgNotification::BadServerSalt(bad) => assert_eq!(bad.new_server_salt, after),
        other => panic!("{other:?}"),
    }
    session.receive(&mut ping(&key, after)).unwrap();
    assert!(session.is_open());
}
