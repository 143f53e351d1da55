//! Who may write, read and see whom in a channel, and how often.

mod common;

use std::time::Duration;

use common::{connect, peer, refusal, soon};
use grammers_session::types::PeerRef;
use tgtest::{Channel, ChannelId, Role, Telegram, UserId};
use tokio::time::advance;

#[tokio::test]
async fn roles_change_at_run_time() {
    let telegram = Telegram::builder()
        .account("alice")
        .account("bob")
        .channel(Channel::group("room").admin("alice").member("bob").messages(3))
        .channel(Channel::broadcast("news").creator("alice").member("bob"))
        .start()
        .await
        .unwrap();
    let bob = telegram.account("bob").unwrap();
    let client = connect(bob).await.client;
    let (room, news) = (peer(&client, "room").await, peer(&client, "news").await);
    let become_in = |channel: &str, role| {
        let channel = telegram.channel(channel).unwrap();
        assert!(telegram.set_role(channel, bob.id(), role));
    };
    let send = async |to: PeerRef| soon(client.send_message(to, "x")).await.map(drop);
    let read = async |of: PeerRef| soon(client.iter_messages(of).next()).await.map(drop);
    let list = async |of: PeerRef| soon(client.iter_participants(of).next()).await.map(drop);

    assert_eq!(refusal(send(news).await), "403 CHAT_WRITE_FORBIDDEN");
    assert_eq!(refusal(list(news).await), "400 CHAT_ADMIN_REQUIRED");
    become_in("news", Some(Role::Admin));
    send(news).await.unwrap();
    list(news).await.unwrap();

    send(room).await.unwrap();
    become_in("room", Some(Role::Banned));
    assert_eq!(refusal(send(room).await), "400 USER_BANNED_IN_CHANNEL");
    read(room).await.unwrap();
    list(room).await.unwrap();

    become_in("room", None);
    assert_eq!(refusal(send(room).await), "400 CHANNEL_PRIVATE");
    assert_eq!(refusal(read(room).await), "400 CHANNEL_PRIVATE");
    assert_eq!(refusal(list(room).await), "400 CHANNEL_PRIVATE");

    become_in("room", Some(Role::Member));
    send(room).await.unwrap();
    assert_eq!(telegram.sent().len(), 3);
}

#[tokio::test]
async fn a_role_needs_a_channel_and_a_user() {
    let room = Channel::group("room").member("alice");
    let telegram = Telegram::builder().account("alice").channel(room).start().await.unwrap();
    let (room, alice) = (telegram.channel("room").unwrap(), telegram.user("alice").unwrap());
    assert!(!telegram.set_role(ChannelId(1), alice, Some(Role::Admin)));
    assert!(!telegram.set_role(room, UserId(1), Some(Role::Admin)));
    assert_eq!(telegram.members(room), [(alice, Role::Member)]);
    assert!(telegram.set_role(room, alice, Some(Role::Admin)));
    assert_eq!(telegram.members(room), [(alice, Role::Admin)]);
    assert!(telegram.set_role(room, alice, None));
    assert!(telegram.members(room).is_empty());
}

#[tokio::test(start_paused = true)]
async fn slow_mode_counts_down_for_members_and_not_for_admins() {
    let slow = Channel::group("slow").slow_mode(Duration::from_secs(30));
    let telegram = Telegram::builder()
        .account("alice")
        .account("bob")
        .channel(slow.creator("alice").member("bob"))
        .start()
        .await
        .unwrap();
    let alice = connect(telegram.account("alice").unwrap()).await.client;
    let bob = connect(telegram.account("bob").unwrap()).await.client;
    let (hers, his) = (peer(&alice, "slow").await, peer(&bob, "slow").await);
    for text in ["1", "2"] {
        soon(alice.send_message(hers, text)).await.unwrap();
    }
    soon(bob.send_message(his, "3")).await.unwrap();
    assert_eq!(refusal(soon(bob.send_message(his, "x")).await), "420 SLOWMODE_WAIT_30");
    advance(Duration::from_millis(12_500)).await;
    assert_eq!(refusal(soon(bob.send_message(his, "x")).await), "420 SLOWMODE_WAIT_18");
    advance(Duration::from_millis(17_500)).await;
    soon(bob.send_message(his, "4")).await.unwrap();
    assert_eq!(refusal(soon(bob.send_message(his, "x")).await), "420 SLOWMODE_WAIT_30");
    let texts: Vec<_> = telegram.sent().into_iter().map(|sent| sent.text).collect();
    assert_eq!(texts, ["1", "2", "3", "4"]);
}
