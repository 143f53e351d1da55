//! Updates that are lost, doubled or out of order: a client that catches up hears each message once; and what a client
//! misses that believes what it is told.

mod common;

use std::panic::AssertUnwindSafe;

use common::{Connected, connect, soon};
use futures_util::FutureExt;
use tgtest::{Builder, Channel, Method, Telegram, UpdateFault, UserId};

/// Where messages are numbered for themselves.
#[derive(Clone, Copy, Debug)]
enum Place {
    Private,
    Room,
}

impl Place {
    const ALL: [Self; 2] = [Self::Private, Self::Room];

    /// How a client asks for what it missed there.
    fn difference(self) -> Method {
        match self {
            Self::Private => Method::GET_DIFFERENCE,
            Self::Room => Method::GET_CHANNEL_DIFFERENCE,
        }
    }
}

/// Alice's client, which heard a first message in this place: it knows from then on what it has.
async fn alice(builder: Builder, place: Place) -> (Telegram, Connected) {
    let room = Channel::group("room").member("alice").member("bob");
    let world = builder.account("alice").account("bob").channel(room);
    let telegram = world.start().await.unwrap();
    let mut client = connect(telegram.account("alice").unwrap()).await;
    soon(client.client.get_me()).await.unwrap();
    say(&telegram, place, "first");
    assert_eq!(client.hear(1).await, ["first"]);
    (telegram, client)
}

fn id(telegram: &Telegram, name: &str) -> UserId {
    telegram.account(name).unwrap().id()
}

/// Bob says something.
fn say(telegram: &Telegram, place: Place, text: &str) {
    let (to, from) = (id(telegram, "alice"), id(telegram, "bob"));
    match place {
        Place::Private => assert!(telegram.push_message(to, from, text)),
        Place::Room => {
            let room = telegram.channel("room").unwrap();
            assert_eq!(telegram.push_post(room, from, text), Some(1));
        }
    }
}

/// Four messages of which some meet a fault, and one after them, are heard once each and in order.
async fn each_is_heard_once(fault: UpdateFault) {
    for place in Place::ALL {
        let (telegram, mut client) = alice(Telegram::builder(), place).await;
        telegram.inject_update_fault(fault.to(id(&telegram, "alice")));
        for text in ["1", "2", "3", "4"] {
            say(&telegram, place, text);
        }
        assert_eq!(client.hear(4).await, ["1", "2", "3", "4"], "{place:?}");
        say(&telegram, place, "last");
        assert_eq!(client.hear(1).await, ["last"], "{place:?}");
        client.disconnect().await;
    }
}

#[tokio::test]
async fn lost_updates_are_noticed_at_the_next_one_and_asked_for() {
    each_is_heard_once(UpdateFault::lose().times(2)).await;
    each_is_heard_once(UpdateFault::lose().after(1).times(2)).await;
}

#[tokio::test]
async fn updates_that_come_twice_are_heard_once() {
    each_is_heard_once(UpdateFault::duplicate().times(3)).await;
}

#[tokio::test]
async fn updates_out_of_order_are_put_in_order() {
    each_is_heard_once(UpdateFault::swap().times(2)).await;
}

#[tokio::test]
async fn healing_sends_what_was_held_back() {
    let (telegram, mut client) = alice(Telegram::builder(), Place::Private).await;
    telegram.inject_update_fault(UpdateFault::swap());
    say(&telegram, Place::Private, "held");
    telegram.heal();
    assert_eq!(client.hear(1).await, ["held"]);
    client.disconnect().await;
}

#[tokio::test]
async fn a_fault_of_updates_concerns_the_account_it_names() {
    let (telegram, mut client) = alice(Telegram::builder(), Place::Private).await;
    telegram.inject_update_fault(UpdateFault::lose().to(id(&telegram, "bob")).always());
    say(&telegram, Place::Private, "hers");
    assert_eq!(client.hear(1).await, ["hers"]);
    let asked = |r: &tgtest::Request| r.method == Place::Private.difference();
    assert!(!telegram.requests().iter().any(asked), "nothing was missing");
    client.disconnect().await;
}

#[tokio::test]
async fn a_client_that_missed_too_much_goes_on_from_where_it_is_told() {
    for place in Place::ALL {
        let (telegram, mut client) = alice(Telegram::builder().longest_difference(3), place).await;
        let lose = |n| UpdateFault::lose().to(id(&telegram, "alice")).times(n);
        telegram.inject_update_fault(lose(2));
        for text in ["1", "2", "3"] {
            say(&telegram, place, text);
        }
        assert_eq!(client.hear(3).await, ["1", "2", "3"], "{place:?}");

        telegram.inject_update_fault(lose(3));
        for text in ["4", "5", "6", "7"] {
            say(&telegram, place, text);
        }
        let asked_again = async {
            soon(telegram.called(place.difference(), 2)).await;
            say(&telegram, place, "after");
        };
        let (heard, ()) = tokio::join!(client.hear(1), asked_again);
        assert_eq!(heard, ["after"], "{place:?}");
        client.disconnect().await;
    }
}

#[tokio::test]
async fn a_client_that_is_told_how_far_a_channel_has_come_misses_what_was_before() {
    let (telegram, mut client) = alice(Telegram::builder(), Place::Room).await;
    telegram.inject_update_fault(UpdateFault::lose().to(id(&telegram, "alice")).times(2));
    for text in ["1", "2"] {
        say(&telegram, Place::Room, text);
    }
    assert_eq!(telegram.push_too_long(telegram.channel("room").unwrap()), Some(2));
    assert_eq!(telegram.push_too_long(tgtest::ChannelId(1)), None);
    let asked = async {
        soon(telegram.called(Method::GET_CHANNEL_DIFFERENCE, 1)).await;
        say(&telegram, Place::Room, "after");
    };
    let (heard, ()) = tokio::join!(client.hear(1), asked);
    assert_eq!(heard, ["after"]);
    client.disconnect().await;
}

#[tokio::test]
async fn a_client_that_is_not_told_where_to_go_on_from_panics_if_it_is_grammers() {
    let world = Telegram::builder().longest_difference(1).too_long_without_pts();
    let (telegram, mut client) = alice(world, Place::Room).await;
    telegram.inject_update_fault(UpdateFault::lose().to(id(&telegram, "alice")).times(2));
    for text in ["1", "2", "3"] {
        say(&telegram, Place::Room, text);
    }
    let heard = AssertUnwindSafe(client.hear(1)).catch_unwind().await;
    assert!(heard.is_err(), "{heard:?}");
    client.disconnect().await;
}
