use super::*;

#[path = "../../../tests/common/key_maker.rs"]
mod key_maker;
use key_maker::{KeyMaker, Padding};

fn client() -> KeyMaker {
    KeyMaker::new(&rsa::MODULUS, rsa::EXPONENT)
}

fn take(_: &AuthKey) -> bool {
    true
}

/// An exchange in which the client was told the product.
fn asked(client: &KeyMaker) -> (Handshake, types::ResPq) {
    let mut server = Handshake::default();
    let answer = server.answer(&client.req_pq_multi().to_bytes(), take).unwrap();
    let told = client.res_pq(&answer);
    (server, told)
}

/// An exchange in which the client has the server's half of the key.
fn offered(client: &KeyMaker) -> (Handshake, types::ResPq, types::ServerDhInnerData) {
    let (mut server, told) = asked(client);
    let question = client.req_dh_params(&told, client.inner_data(&told), Padding::RsaPad);
    let answer = server.answer(&question.to_bytes(), take).unwrap();
    let half = client.server_half(&told, &answer);
    (server, told, half)
}

fn outcome(answer: &[u8]) -> enums::SetClientDhParamsAnswer {
    enums::SetClientDhParamsAnswer::from_bytes(answer).unwrap()
}

fn dh_gen_ok(
    client: &KeyMaker,
    told: &types::ResPq,
    key: [u8; 256],
) -> enums::SetClientDhParamsAnswer {
    let (nonce, server_nonce) = (client.nonce, told.server_nonce);
    types::DhGenOk { nonce, server_nonce, new_nonce_hash1: client.hash(key, 1) }.into()
}

#[test]
fn both_sides_have_the_same_key_whichever_way_the_client_pads() {
    for padding in [Padding::RsaPad, Padding::Sha1] {
        let client = client();
        let (mut server, told) = asked(&client);
        assert_eq!(told.server_public_key_fingerprints, [rsa::fingerprint()]);
        let question = client.req_dh_params(&told, client.inner_data(&told), padding);
        let answer = server.answer(&question.to_bytes(), take).unwrap();
        let half = client.server_half(&told, &answer);
        let question = client.set_client_dh_params(&told, client.client_half(&half));
        let mut kept = None;
        let keep = |key: &AuthKey| {
            kept = Some(*key);
            true
        };
        let answer = server.answer(&question.to_bytes(), keep).unwrap();
        let key = client.key(&half);
        assert_eq!(kept, Some(key), "{padding:?}");
        assert_eq!(outcome(&answer), dh_gen_ok(&client, &told, key), "{padding:?}");
    }
}

#[test]
fn the_older_first_question_and_the_name_of_a_data_center_are_understood() {
    let client = client();
    let mut server = Handshake::default();
    let answer = server.answer(&f::ReqPq { nonce: client.nonce }.to_bytes(), take).unwrap();
    let told = client.res_pq(&answer);
    let inner = client.inner_data(&told);
    let with_dc = types::PQInnerDataDc {
        pq: inner.pq.clone(),
        p: inner.p.clone(),
        q: inner.q.clone(),
        nonce: inner.nonce,
        server_nonce: inner.server_nonce,
        new_nonce: inner.new_nonce,
        dc: 2,
    };
    let with_dc = enums::PQInnerData::from(with_dc).to_bytes();
    let mut question = client.req_dh_params(&told, inner, Padding::RsaPad);
    question.encrypted_data = client.encrypt(&with_dc, Padding::RsaPad);
    let answer = server.answer(&question.to_bytes(), take).unwrap();
    client.server_half(&told, &answer);
}

#[test]
fn a_temporary_key_is_refused() {
    let client = client();
    let (mut server, told) = asked(&client);
    let inner = client.inner_data(&told);
    let temporary = types::PQInnerDataTemp {
        pq: inner.pq.clone(),
        p: inner.p.clone(),
        q: inner.q.clone(),
        nonce: inner.nonce,
        server_nonce: inner.server_nonce,
        new_nonce: inner.new_nonce,
        expires_in: 86_400,
    };
    let temporary = enums::PQInnerData::from(temporary).to_bytes();
    let mut question = client.req_dh_params(&told, inner, Padding::RsaPad);
    question.encrypted_data = client.encrypt(&temporary, Padding::RsaPad);
    assert!(server.answer(&question.to_bytes(), take).is_err());
}

#[test]
fn a_second_question_that_was_spoiled_is_refused() {
    type Spoil = fn(&mut f::ReqDhParams);
    let spoils: [(&str, Spoil); 9] = [
        ("nonce", |q| q.nonce[0] ^= 1),
        ("server nonce", |q| q.server_nonce[15] ^= 1),
        ("p", |q| q.p[3] ^= 1),
        ("factors the other way round", |q| std::mem::swap(&mut q.p, &mut q.q)),
        ("leading zero", |q| q.q.insert(0, 0)),
        ("fingerprint", |q| q.public_key_fingerprint ^= 1),
        ("encrypted", |q| q.encrypted_data[255] ^= 1),
        ("short", |q| q.encrypted_data.truncate(255)),
        ("empty", |q| q.encrypted_data.clear()),
    ];
    for padding in [Padding::RsaPad, Padding::Sha1] {
        for (what, spoil) in &spoils {
            let client = client();
            let (mut server, told) = asked(&client);
            let right = client.req_dh_params(&told, client.inner_data(&told), padding);
            let mut question = right.clone();
            spoil(&mut question);
            assert!(server.answer(&question.to_bytes(), take).is_err(), "{what}, {padding:?}");
            assert!(server.answer(&right.to_bytes(), take).is_err(), "after {what}, {padding:?}");
        }
    }
}

#[test]
fn what_is_encrypted_must_be_what_is_said_in_clear() {
    type Spoil = fn(&mut types::PQInnerData);
    let spoils: [(&str, Spoil); 5] = [
        ("nonce", |inner| inner.nonce[0] ^= 1),
        ("server nonce", |inner| inner.server_nonce[0] ^= 1),
        ("product", |inner| inner.pq[7] ^= 1),
        ("p", |inner| inner.p[0] ^= 1),
        ("q", |inner| inner.q.clear()),
    ];
    for padding in [Padding::RsaPad, Padding::Sha1] {
        for (what, spoil) in &spoils {
            let client = client();
            let (mut server, told) = asked(&client);
            let mut inner = client.inner_data(&told);
            let mut question = client.req_dh_params(&told, inner.clone(), padding);
            spoil(&mut inner);
            let inner = enums::PQInnerData::from(inner).to_bytes();
            question.encrypted_data = client.encrypt(&inner, padding);
            assert!(server.answer(&question.to_bytes(), take).is_err(), "{what}, {padding:?}");
        }
    }
}

#[test]
fn a_third_question_that_was_spoiled_is_refused() {
    type Spoil = fn(&mut f::SetClientDhParams);
    let spoils: [(&str, Spoil); 7] = [
        ("nonce", |q| q.nonce[0] ^= 1),
        ("server nonce", |q| q.server_nonce[0] ^= 1),
        ("first block", |q| q.encrypted_data[0] ^= 1),
        ("last block", |q| *q.encrypted_data.last_mut().unwrap() ^= 1),
        ("no whole blocks", |q| q.encrypted_data.truncate(100)),
        ("a block less", |q| q.encrypted_data.truncate(q.encrypted_data.len() - 16)),
        ("empty", |q| q.encrypted_data.clear()),
    ];
    for (what, spoil) in &spoils {
        let client = client();
        let (mut server, told, half) = offered(&client);
        let right = client.set_client_dh_params(&told, client.client_half(&half));
        let mut question = right.clone();
        spoil(&mut question);
        assert!(server.answer(&question.to_bytes(), nothing).is_err(), "{what}");
        assert!(server.answer(&right.to_bytes(), nothing).is_err(), "after {what}");
    }
}

fn nothing(_: &AuthKey) -> bool {
    panic!("no key comes of this")
}

#[test]
fn what_is_sealed_must_belong_to_the_exchange() {
    type Spoil = fn(&mut types::ClientDhInnerData);
    let spoils: [(&str, Spoil); 4] = [
        ("nonce", |half| half.nonce[0] ^= 1),
        ("server nonce", |half| half.server_nonce[0] ^= 1),
        ("a retry of nothing", |half| half.retry_id = 1),
        ("longer than the prime", |half| half.g_b = vec![1; 257]),
    ];
    for (what, spoil) in &spoils {
        let client = client();
        let (mut server, told, half) = offered(&client);
        let mut half = client.client_half(&half);
        spoil(&mut half);
        let question = client.set_client_dh_params(&told, half);
        assert!(server.answer(&question.to_bytes(), nothing).is_err(), "{what}");
    }
}

#[test]
fn a_half_that_hides_nothing_fails_and_the_client_may_begin_again() {
    let mut near_one = vec![0_u8; 256];
    near_one[8..].fill(0xff);
    for g_b in [vec![], vec![1], near_one, dh::PRIME.to_vec(), vec![0xff; 256]] {
        let client = client();
        let (mut server, told, half) = offered(&client);
        let mut spoiled = client.client_half(&half);
        spoiled.g_b = g_b;
        let question = client.set_client_dh_params(&told, spoiled);
        let answer = server.answer(&question.to_bytes(), nothing).unwrap();
        assert!(matches!(outcome(&answer), enums::SetClientDhParamsAnswer::DhGenFail(_)));
        let right = client.set_client_dh_params(&told, client.client_half(&half));
        assert!(server.answer(&right.to_bytes(), nothing).is_err(), "that exchange is over");
        assert!(server.answer(&client.req_pq_multi().to_bytes(), nothing).is_ok());
    }
}

#[test]
fn a_key_with_the_id_of_another_is_chosen_again() {
    let mut client = client();
    let (mut server, told, half) = offered(&client);
    let mut choice = client.client_half(&half);
    for _ in 0..2 {
        let key = client.key(&half);
        let question = client.set_client_dh_params(&told, choice);
        let answer = server.answer(&question.to_bytes(), |_| false).unwrap();
        let again = types::DhGenRetry {
            nonce: client.nonce,
            server_nonce: told.server_nonce,
            new_nonce_hash2: client.hash(key, 2),
        };
        assert_eq!(outcome(&answer), enums::SetClientDhParamsAnswer::from(again));
        client.choose_again();
        choice = client.client_half(&half);
        choice.retry_id = crypto::aux_hash(&key);
    }
    let question = client.set_client_dh_params(&told, choice);
    let answer = server.answer(&question.to_bytes(), take).unwrap();
    assert_eq!(outcome(&answer), dh_gen_ok(&client, &told, client.key(&half)));
}

#[test]
fn each_question_has_its_place_and_is_taken_once() {
    let client = client();
    let (mut server, told) = asked(&client);
    let second = client.req_dh_params(&told, client.inner_data(&told), Padding::RsaPad);
    let refused = |server: &mut Handshake, question: &[u8]| server.answer(question, take).is_err();
    assert!(refused(&mut Handshake::default(), &second.to_bytes()), "the first is missing");
    let (mut other, _) = asked(&client);
    assert!(refused(&mut other, &second.to_bytes()), "of another exchange");

    let answer = server.answer(&second.to_bytes(), take).unwrap();
    let half = client.server_half(&told, &answer);
    let third = client.set_client_dh_params(&told, client.client_half(&half));
    let (mut other, _) = asked(&client);
    assert!(refused(&mut other, &third.to_bytes()), "the second is missing");
    let (mut other, ..) = offered(&client);
    assert!(refused(&mut other, &second.to_bytes()), "after the answer to its like");

    server.answer(&third.to_bytes(), take).unwrap();
    assert!(refused(&mut server, &third.to_bytes()), "again");
    assert!(refused(&mut server, &f::Ping { ping_id: 1 }.to_bytes()), "no question at all");
}

#[test]
fn whatever_is_cut_or_has_something_after_it_is_refused() {
    let client = client();
    let first = client.req_pq_multi().to_bytes();
    for len in 0..first.len() {
        assert!(Handshake::default().answer(&first[..len], nothing).is_err(), "{len} bytes");
    }
    let (_, told) = asked(&client);
    let second = client.req_dh_params(&told, client.inner_data(&told), Padding::RsaPad).to_bytes();
    for len in 0..second.len() {
        let (mut server, _) = asked(&client);
        assert!(server.answer(&second[..len], nothing).is_err(), "{len} bytes");
    }
    let (mut server, told, half) = offered(&client);
    let third = client.set_client_dh_params(&told, client.client_half(&half)).to_bytes();
    let longer = [&third[..], &[0; 4]].concat();
    assert!(server.answer(&longer, nothing).is_err());
    let (mut server, ..) = offered(&client);
    assert!(server.answer(&third[..third.len() - 4], nothing).is_err());
    assert!(Handshake::default().answer(&[0xff; 1000], nothing).is_err());
}
