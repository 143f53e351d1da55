//! What the server refuses by itself: too many calls, and keys that are no longer good.

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::{connect, identify, peer, refusal, soon};
use tgtest::{Method, Telegram};
use tokio::time::advance;

#[tokio::test(start_paused = true)]
async fn who_calls_too_often_waits_as_long_as_the_limit_says() {
    let telegram = Telegram::builder()
        .account("alice")
        .account("bob")
        .limit(Method::SEND_MESSAGE, 3, Duration::from_secs(20))
        .start()
        .await
        .unwrap();
    let alice = telegram.account("alice").unwrap();
    let client = connect(alice).await.client;
    let to = peer(&client, "bob").await;
    let send = async || soon(client.send_message(to, "x")).await.map(drop);

    send().await.unwrap();
    send().await.unwrap();
    advance(Duration::from_secs(5)).await;
    send().await.unwrap();
    assert_eq!(telegram.broken_limits(), BTreeMap::new());
    assert_eq!(refusal(send().await), "420 FLOOD_WAIT_15");
    advance(Duration::from_millis(10_500)).await;
    assert_eq!(refusal(send().await), "420 FLOOD_WAIT_5");
    soon(client.get_me()).await.expect("another method has no limit");
    advance(Duration::from_millis(4_500)).await;
    send().await.unwrap();
    send().await.unwrap();
    assert_eq!(refusal(send().await), "420 FLOOD_WAIT_5");

    let other = connect(telegram.account("bob").unwrap()).await.client;
    let to = peer(&other, "alice").await;
    soon(other.send_message(to, "y")).await.expect("each account has its own");
    assert_eq!(telegram.broken_limits(), BTreeMap::from([(alice.id(), 3)]));
    assert_eq!(telegram.sent().len(), 6);
}

#[tokio::test]
async fn a_revoked_key_is_refused_for_ever_and_no_other_is() {
    let telegram =
        Telegram::builder().account("alice").account("bob").account("carol").start().await.unwrap();
    let id = |name| telegram.account(name).unwrap().id();
    let mut clients = Vec::new();
    for name in ["alice", "bob", "carol"] {
        let client = connect(telegram.account(name).unwrap()).await.client;
        soon(client.get_me()).await.unwrap();
        clients.push(client);
    }
    assert_eq!(telegram.revoke(id("alice")), 1);
    assert_eq!(telegram.revoke_as(id("bob"), "AUTH_KEY_UNREGISTERED"), 1);
    for _ in 0..2 {
        assert_eq!(refusal(identify(&clients[0]).await), "401 SESSION_REVOKED");
        assert_eq!(refusal(identify(&clients[1]).await), "401 AUTH_KEY_UNREGISTERED");
    }
    let again = connect(telegram.account("alice").unwrap()).await.client;
    assert_eq!(refusal(identify(&again).await), "401 SESSION_REVOKED");
    soon(clients[2].get_me()).await.unwrap();
}
