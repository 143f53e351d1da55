//! Basic groups, whose messages are numbered in the mailbox of each member.

mod common;

use common::{Connected, connect, peer, refusal, soon};
use grammers_session::types::{PeerAuth, PeerId, PeerRef};
use grammers_tl_types::{enums, functions as f};
use tgtest::{BasicGroup, Telegram, UserId};

/// Two who are in a group, and one who is not.
async fn world() -> Telegram {
    let family = BasicGroup::new("family").creator("alice").member("bob").messages(3);
    let world = Telegram::builder().account("alice").account("bob").account("carol");
    world.basic_group(family).start().await.unwrap()
}

async fn client(telegram: &Telegram, name: &str) -> Connected {
    let client = connect(telegram.account(name).unwrap()).await;
    soon(client.client.get_me()).await.unwrap();
    client
}

fn id(telegram: &Telegram, name: &str) -> UserId {
    telegram.user(name).unwrap()
}

/// The group, for which nobody needs a hash.
fn family(telegram: &Telegram) -> PeerRef {
    let id = PeerId::chat(telegram.basic_group("family").unwrap().0).unwrap();
    PeerRef { id, auth: PeerAuth::default() }
}

/// What a client reads in a chat, oldest first, with the numbers that it has there.
async fn history(of: &Connected, chat: PeerRef) -> Vec<(i32, String)> {
    let mut messages = of.client.iter_messages(chat);
    let mut read = Vec::new();
    while let Some(message) = soon(messages.next()).await.unwrap() {
        read.push((message.id(), message.text().to_owned()));
    }
    read.reverse();
    read
}

#[tokio::test]
async fn each_member_numbers_what_is_said_with_all_else_that_he_has() {
    let telegram = world().await;
    let alice = client(&telegram, "alice").await;
    let mut bob = client(&telegram, "bob").await;
    let group = family(&telegram);
    let to_bob = peer(&alice.client, "bob").await;
    soon(alice.client.send_message(to_bob, "to bob")).await.unwrap();
    assert_eq!(bob.hear(1).await, ["to bob"]);
    assert!(telegram.push_message(id(&telegram, "bob"), id(&telegram, "carol"), "from carol"));
    assert_eq!(bob.hear(1).await, ["from carol"]);

    let sent = soon(alice.client.send_message(group, "to all")).await.unwrap();
    assert_eq!(sent.text(), "to all");
    assert_eq!(bob.hear(1).await, ["to all"]);
    let before = |n: i32| (n, format!("message {n} in family"));
    let expected = |last| vec![before(1), before(2), before(3), (last, "to all".to_owned())];
    assert_eq!(history(&alice, group).await, expected(5), "behind what she wrote to bob");
    assert_eq!(history(&bob, group).await, expected(6), "and what carol wrote");
    let sent: Vec<_> = telegram.sent().into_iter().map(|sent| (sent.to, sent.text)).collect();
    let expected = [(id(&telegram, "bob").0, "to bob"), (7001, "to all")];
    assert_eq!(sent, expected.map(|(to, text)| (to, text.to_owned())));
}

#[tokio::test]
async fn what_was_missed_is_in_the_difference() {
    let telegram = world().await;
    let mut alice = client(&telegram, "alice").await;
    let (group, bob) = (telegram.basic_group("family").unwrap(), id(&telegram, "bob"));
    assert_eq!(telegram.push_to_basic_group(group, bob, "heard"), Some(1));
    assert_eq!(alice.hear(1).await, ["heard"]);
    assert_eq!(telegram.drop_all_connections(), 1);
    assert_eq!(telegram.push_to_basic_group(group, bob, "while away"), Some(1));
    assert_eq!(alice.hear(1).await, ["while away"]);
}

#[tokio::test]
async fn it_is_among_the_dialogs_of_its_members_and_tells_who_they_are() {
    let telegram = world().await;
    let alice = client(&telegram, "alice").await;
    let mut dialogs = alice.client.iter_dialogs();
    let dialog = soon(dialogs.next()).await.unwrap().expect("there is one");
    assert_eq!(dialog.peer().name(), Some("family"));
    assert!(soon(dialogs.next()).await.unwrap().is_none());

    let chat_id = telegram.basic_group("family").unwrap().0;
    let request = f::messages::GetFullChat { chat_id };
    let enums::messages::ChatFull::Full(full) = soon(alice.client.invoke(&request)).await.unwrap();
    let enums::ChatFull::Full(chat) = full.full_chat else { panic!("it is no channel") };
    let enums::ChatParticipants::Participants(all) = chat.participants else {
        panic!("she is in it")
    };
    let ids: Vec<_> = all.participants.iter().map(|member| member.user_id()).collect();
    assert_eq!(ids, [id(&telegram, "alice").0, id(&telegram, "bob").0]);
    assert!(matches!(
        &all.participants[..],
        [enums::ChatParticipant::Creator(_), enums::ChatParticipant::Participant(_)]
    ));
}

#[tokio::test]
async fn who_is_not_in_it_learns_nothing_of_it() {
    let telegram = world().await;
    let carol = client(&telegram, "carol").await;
    let group = family(&telegram);
    let sent = soon(carol.client.send_message(group, "x")).await;
    assert_eq!(refusal(sent), "400 PEER_ID_INVALID");
    let read = soon(carol.client.iter_messages(group).next()).await;
    assert_eq!(refusal(read), "400 PEER_ID_INVALID");
    let chat_id = telegram.basic_group("family").unwrap().0;
    let told = soon(carol.client.invoke(&f::messages::GetFullChat { chat_id })).await;
    assert_eq!(refusal(told), "400 CHAT_ID_INVALID");
    assert!(soon(carol.client.iter_dialogs().next()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_group_has_no_member_whom_the_world_has_not_and_no_message_of_nobody() {
    let error = |group| async move {
        let started = Telegram::builder().basic_group(group).start().await;
        started.unwrap_err().to_string()
    };
    let unknown = BasicGroup::new("family").member("bob");
    assert_eq!(
        error(unknown).await,
        "channel family has the member bob, but there is no such user"
    );
    let nobody = BasicGroup::new("family").messages(1);
    assert_eq!(error(nobody).await, "channel family has messages but no members");
}
