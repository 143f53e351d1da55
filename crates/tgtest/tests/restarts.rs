//! A server that goes away and comes back.

mod common;

use std::io::ErrorKind;
use std::time::Duration;

use common::{Connected, connect, identify, refusal, soon};
use grammers_client::InvocationError;
use tgtest::{Fault, Method, Telegram};

/// Alice's client, which heard a first message from Bob.
async fn alice(telegram: &Telegram) -> Connected {
    let mut client = connect(telegram.account("alice").unwrap()).await;
    soon(client.client.get_me()).await.unwrap();
    say(telegram, "first");
    assert_eq!(client.hear(1).await, ["first"]);
    client
}

fn say(telegram: &Telegram, text: &str) {
    let id = |name| telegram.account(name).unwrap().id();
    assert!(telegram.push_message(id("alice"), id("bob"), text));
}

#[tokio::test]
async fn after_a_restart_clients_begin_again_and_miss_nothing() {
    let telegram = Telegram::builder().account("alice").account("bob").start().await.unwrap();
    let mut client = alice(&telegram).await;
    let address = telegram.address();
    for round in 0..3 {
        let text = format!("while away {round}");
        telegram.restart().await.unwrap();
        assert_eq!(telegram.connections(), 0);
        say(&telegram, &text);
        assert_eq!(client.hear(1).await, [text]);
    }
    assert_eq!((telegram.address(), telegram.connections_made()), (address, 4));
    client.disconnect().await;
}

#[tokio::test]
async fn while_it_is_stopped_whoever_connects_is_refused() {
    let telegram = Telegram::builder().account("alice").account("bob").start().await.unwrap();
    let mut client = alice(&telegram).await;
    telegram.stop().await;
    telegram.stop().await;
    loop {
        match soon(client.client.get_me()).await {
            Err(InvocationError::Io(error)) if error.kind() == ErrorKind::ConnectionRefused => {
                break;
            }
            // The client has not noticed yet that its connection was closed.
            Err(InvocationError::Io(_) | InvocationError::Dropped(_)) => {}
            other => panic!("{:?}", other.map(drop)),
        }
    }
    say(&telegram, "while stopped");

    telegram.start_again().await.unwrap();
    telegram.start_again().await.unwrap();
    assert_eq!(client.hear(1).await, ["while stopped"]);
    client.disconnect().await;
}

#[tokio::test]
async fn faults_outlive_a_restart_and_calls_in_flight_do_not() {
    let telegram = Telegram::builder().account("alice").account("bob").start().await.unwrap();
    let client = connect(telegram.account("alice").unwrap()).await;
    soon(client.client.get_me()).await.unwrap();
    telegram.inject(Fault::silence().on(Method::GET_USERS));
    telegram.inject(Fault::flood_wait(Duration::from_secs(9)).on(Method::GET_USERS).after(1));
    let caller = client.client.clone();
    let unanswered = tokio::spawn(async move { caller.get_me().await.map(drop) });
    soon(telegram.called(Method::GET_USERS, 2)).await;
    telegram.restart().await.unwrap();
    assert!(soon(unanswered).await.unwrap().is_err());
    assert_eq!(refusal(identify(&client.client).await), "420 FLOOD_WAIT_9");
    soon(client.client.get_me()).await.unwrap();
    client.disconnect().await;
}
