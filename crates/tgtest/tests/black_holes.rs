//! Connections that stay open and do nothing.

mod common;

use std::time::Duration;

use common::{connect, identify, soon};
use grammers_client::{Client, InvocationError};
use tgtest::{Method, Telegram};
use tokio::task::JoinHandle;

/// A call that goes on by itself.
fn call(client: &Client) -> JoinHandle<Result<(), InvocationError>> {
    let client = client.clone();
    tokio::spawn(async move { client.get_me().await.map(drop) })
}

fn identity_calls(telegram: &Telegram) -> usize {
    telegram.requests().iter().filter(|r| r.method == Method::GET_USERS).count()
}

#[tokio::test]
async fn a_black_hole_swallows_both_ways_and_closes_when_it_heals() {
    let telegram = Telegram::builder().account("alice").account("bob").start().await.unwrap();
    let (alice, bob) = (telegram.account("alice").unwrap(), telegram.account("bob").unwrap());
    let (mut hers, his) = (connect(alice).await, connect(bob).await);
    soon(hers.client.get_me()).await.unwrap();
    soon(his.client.get_me()).await.unwrap();
    telegram.push_message(alice.id(), bob.id(), "before");
    assert_eq!(hers.hear(1).await, ["before"]);

    telegram.black_hole(alice.id());
    telegram.push_message(alice.id(), bob.id(), "swallowed");
    let unanswered = call(&hers.client);
    for _ in 0..10 {
        soon(his.client.get_me()).await.expect("others are served");
    }
    assert!(!unanswered.is_finished());
    assert_eq!(identity_calls(&telegram), 12, "hers did not arrive");
    assert_eq!(telegram.connections(), 2, "nobody closed anything");

    assert_eq!(telegram.heal_black_hole(alice.id()), 1);
    assert!(soon(unanswered).await.unwrap().is_err(), "what was swallowed is lost");
    assert_eq!(hers.hear(1).await, ["swallowed"], "as a part of the difference");
    soon(hers.client.get_me()).await.unwrap();
    assert_eq!(telegram.heal_black_hole(alice.id()), 0);
    hers.disconnect().await;
    his.disconnect().await;
}

#[tokio::test]
async fn who_connects_into_a_black_hole_is_accepted_and_ignored() {
    let telegram = Telegram::builder().account("alice").start().await.unwrap();
    let alice = telegram.account("alice").unwrap();
    telegram.black_hole(alice.id());
    let first = connect(alice).await;
    let unanswered = call(&first.client);
    soon(telegram.connected(1)).await;
    // Nobody saw two packets with one key, so it is not lost.
    let second = connect(alice).await;
    let also_unanswered = call(&second.client);
    soon(telegram.connected(2)).await;
    assert!(telegram.requests().is_empty());

    telegram.heal();
    assert!(soon(unanswered).await.unwrap().is_err());
    assert!(soon(also_unanswered).await.unwrap().is_err());
    soon(telegram.connected(0)).await;
    soon(first.client.get_me()).await.unwrap();
    first.disconnect().await;
    second.disconnect().await;
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_outlasts_the_silence_that_a_client_allows() {
    let telegram = Telegram::builder().account("alice").start().await.unwrap();
    let alice = telegram.account("alice").unwrap();
    let client = connect(alice).await;
    soon(client.client.get_me()).await.unwrap();
    // Its pings ask to be disconnected after 75 s of silence.
    tokio::time::sleep(Duration::from_secs(70)).await;
    telegram.black_hole(alice.id());
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(telegram.connections(), 1);
    telegram.heal();
    soon(telegram.connected(0)).await;
    identify(&client.client).await.unwrap();
    client.disconnect().await;
}
