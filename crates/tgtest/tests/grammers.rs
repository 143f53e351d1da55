//! An unmodified grammers client takes the server for Telegram.

mod common;

use std::time::Duration;

use common::{connect, peer, soon};
use grammers_client::InvocationError;
use grammers_client::update::Update;
use tgtest::{Channel, Fault, Method, Telegram};

fn rpc_name<T>(result: Result<T, InvocationError>) -> String {
    match result {
        Err(InvocationError::Rpc(error)) => error.name,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was not refused"),
    }
}

#[tokio::test]
async fn it_knows_itself_sends_and_reads_history() {
    let telegram = Telegram::builder().account("alice").account("bob").start().await.unwrap();
    let alice = connect(telegram.account("alice").unwrap()).await;
    let me = soon(alice.client.get_me()).await.unwrap();
    assert_eq!(me.username(), Some("alice"));

    let bob = peer(&alice.client, "bob").await;
    for i in 0..130 {
        soon(alice.client.send_message(bob, format!("hello {i}"))).await.unwrap();
    }
    let mut history = alice.client.iter_messages(bob);
    assert_eq!(soon(history.total()).await.unwrap(), 130);
    let mut texts = Vec::new();
    while let Some(message) = soon(history.next()).await.unwrap() {
        assert!(message.outgoing());
        texts.push(message.text().to_owned());
    }
    let expected: Vec<_> = (0..130).rev().map(|i| format!("hello {i}")).collect();
    assert_eq!(texts, expected);
    assert_eq!(telegram.sent().len(), 130);
    alice.disconnect().await;
}

#[tokio::test]
async fn updates_arrive_and_what_was_missed_is_caught_up() {
    let telegram = Telegram::builder().account("alice").account("bob").start().await.unwrap();
    let (alice, bob) = (telegram.account("alice").unwrap(), telegram.account("bob").unwrap());
    let mut client = connect(alice).await;
    soon(client.client.get_me()).await.unwrap();

    let next = |client: common::Connected| async move {
        let mut client = client;
        loop {
            match soon(client.updates.next()).await {
                Ok(Update::NewMessage(message)) => return (client, message.text().to_owned()),
                Ok(_) => {}
                Err(error) => eprintln!("while away: {error}"),
            }
        }
    };
    telegram.push_message(alice.id(), bob.id(), "pushed");
    let (back, text) = next(client).await;
    assert_eq!(text, "pushed");
    client = back;

    assert_eq!(telegram.drop_all_connections(), 1);
    telegram.push_message(alice.id(), bob.id(), "while away");
    let (back, text) = next(client).await;
    assert_eq!(text, "while away");
    assert_eq!(telegram.connections_made(), 2);
    back.disconnect().await;
}

#[tokio::test]
async fn members_and_posts_are_seen_by_those_who_may() {
    let room = Channel::group("room").admin("alice").member("bob").strangers(448).messages(250);
    let news = Channel::broadcast("news").creator("alice").member("bob").messages(3);
    let telegram = Telegram::builder()
        .account("alice")
        .account("bob")
        .account("carol")
        .channel(room)
        .channel(news)
        .start()
        .await
        .unwrap();
    let alice = connect(telegram.account("alice").unwrap()).await;
    let room = peer(&alice.client, "room").await;
    let mut members = alice.client.iter_participants(room);
    let mut n = 0;
    while soon(members.next()).await.unwrap().is_some() {
        n += 1;
    }
    assert_eq!(n, 450);
    let mut posts = alice.client.iter_messages(room);
    assert_eq!(soon(posts.total()).await.unwrap(), 250);

    let bob = connect(telegram.account("bob").unwrap()).await;
    let news = peer(&bob.client, "news").await;
    let refused = soon(bob.client.iter_participants(news).next()).await;
    assert_eq!(rpc_name(refused), "CHAT_ADMIN_REQUIRED");
    assert_eq!(rpc_name(soon(bob.client.send_message(news, "x")).await), "CHAT_WRITE_FORBIDDEN");

    let carol = connect(telegram.account("carol").unwrap()).await;
    let room = peer(&carol.client, "room").await;
    assert_eq!(rpc_name(soon(carol.client.iter_messages(room).next()).await), "CHANNEL_PRIVATE");

    let mut dialogs = bob.client.iter_dialogs();
    let mut names = Vec::new();
    while let Some(dialog) = soon(dialogs.next()).await.unwrap() {
        names.push(dialog.peer().name().unwrap_or_default().to_owned());
    }
    assert_eq!(names, ["room", "news"]);
    for connected in [alice, bob, carol] {
        connected.disconnect().await;
    }
}

#[tokio::test]
async fn dialogs_are_listed_page_by_page_and_not_to_bots() {
    let world = Telegram::builder().account("alice").bot("robot").accounts("b", 230);
    let room = Channel::group("room").member("alice").messages(3);
    let telegram = world.channel(room).start().await.unwrap();
    let me = telegram.account("alice").unwrap();
    for account in telegram.accounts().filter(|account| account.username().starts_with('b')) {
        assert!(telegram.push_message(me.id(), account.id(), "hello"));
    }
    let alice = connect(me).await;
    let mut dialogs = alice.client.iter_dialogs();
    assert_eq!(soon(dialogs.total()).await.unwrap(), 231);
    let mut names = Vec::new();
    while let Some(dialog) = soon(dialogs.next()).await.unwrap() {
        assert!(dialog.last_message.is_some());
        names.push(dialog.peer().name().unwrap_or_default().to_owned());
    }
    let first = names.first().cloned();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 231, "each once");
    assert_eq!(first.as_deref(), Some("b99"), "the newest is the first: they are told by name");
    let asked = |r: &tgtest::Request| r.method == Method::GET_DIALOGS;
    assert_eq!(telegram.requests().into_iter().filter(asked).count(), 1 + 3);
    let robot = connect(telegram.account("robot").unwrap()).await;
    let refused = soon(robot.client.iter_dialogs().next()).await;
    assert_eq!(rpc_name(refused), "BOT_METHOD_INVALID");
    alice.disconnect().await;
    robot.disconnect().await;
}

#[tokio::test]
async fn a_key_in_two_connections_is_lost_to_both() {
    let telegram = Telegram::builder().account("alice").start().await.unwrap();
    let account = telegram.account("alice").unwrap();
    let first = connect(account).await;
    soon(first.client.get_me()).await.unwrap();
    let second = connect(account).await;
    assert_eq!(rpc_name(soon(second.client.get_me()).await), "AUTH_KEY_DUPLICATED");
    assert_eq!(rpc_name(soon(first.client.get_me()).await), "AUTH_KEY_DUPLICATED");
    first.disconnect().await;
    second.disconnect().await;
}

#[tokio::test]
async fn reconnecting_at_once_is_no_duplicate() {
    let telegram = Telegram::builder().account("alice").start().await.unwrap();
    for _ in 0..50 {
        let client = connect(telegram.account("alice").unwrap()).await;
        soon(client.client.get_me()).await.unwrap();
        client.disconnect().await;
    }
    assert_eq!(telegram.connections_made(), 50);
}

#[tokio::test]
async fn faults_strike_the_calls_they_name() {
    let telegram = Telegram::builder().account("alice").account("bob").start().await.unwrap();
    let alice = connect(telegram.account("alice").unwrap()).await;
    let bob = peer(&alice.client, "bob").await;

    telegram.inject(Fault::flood_wait(Duration::from_secs(7)).on(Method::SEND_MESSAGE));
    assert_eq!(rpc_name(soon(alice.client.send_message(bob, "1")).await), "FLOOD_WAIT");
    soon(alice.client.send_message(bob, "2")).await.unwrap();

    telegram.inject(Fault::drop_connection().on(Method::SEND_MESSAGE));
    assert!(soon(alice.client.send_message(bob, "3")).await.is_err());
    telegram.inject(Fault::lose_answer().on(Method::SEND_MESSAGE));
    assert!(soon(alice.client.send_message(bob, "4")).await.is_err());
    soon(alice.client.send_message(bob, "5")).await.unwrap();

    telegram.inject(Fault::silence().on(Method::GET_USERS));
    let unanswered = tokio::time::timeout(Duration::from_millis(50), alice.client.get_me()).await;
    assert!(unanswered.is_err());
    soon(alice.client.send_message(bob, "6")).await.unwrap();

    let texts: Vec<_> = telegram.sent().into_iter().map(|sent| sent.text).collect();
    assert_eq!(texts, ["2", "4", "5", "6"]);
    let refused: Vec<_> = telegram.requests().into_iter().filter_map(|r| r.refused).collect();
    assert_eq!(refused, ["FLOOD_WAIT_7"]);
    alice.disconnect().await;
}

#[tokio::test]
async fn a_watch_counts_the_accounts_in_a_method_at_once() {
    let telegram = Telegram::builder().accounts("a", 4).start().await.unwrap();
    let watch = telegram.watch(&[Method::GET_USERS]);
    telegram.inject(Fault::delay(Duration::from_millis(50)).on(Method::GET_USERS).always());
    let mut clients = Vec::new();
    for account in telegram.accounts() {
        clients.push(connect(account).await);
    }
    soon(futures_util::future::join_all(clients.iter().map(|c| c.client.get_me()))).await;
    assert_eq!(watch.most_at_once(), 4);
    for client in clients {
        client.disconnect().await;
    }
}

#[tokio::test]
async fn a_world_that_contradicts_itself_is_refused() {
    let error = |builder: tgtest::Builder| async { builder.start().await.unwrap_err().to_string() };
    let twice = Telegram::builder().account("alice").stranger("Alice");
    assert_eq!(error(twice).await, "the user name Alice is given twice");
    let unknown = Telegram::builder().channel(Channel::group("room").member("bob"));
    assert_eq!(error(unknown).await, "channel room has the member bob, but there is no such user");
    let nobody = Telegram::builder().channel(Channel::group("room").messages(1));
    assert_eq!(error(nobody).await, "channel room has messages but no members");
    let first = Telegram::builder().start().await.unwrap();
    let port = first.address().port();
    let taken = Telegram::builder().port(port);
    assert_eq!(error(taken).await, format!("cannot listen on 127.0.0.1:{port}"));
}
