//! A loopback Telegram for clients in other languages: an account, a friend, and places to write to.
//!
//! ```text
//! cargo run --example loopback
//! ```
//!
//! The accounts are alice, bob and carol. Alice is an admin of the group `room` and a member of the group `slow` (one
//! message in 30 s) and of the broadcast channel `news`; bob is alone in the group `closed`, and with carol in the
//! basic group `club`. Nobody sends more than 20 messages a minute, and whoever has missed more than 10 in one place is
//! not told which.
//!
//! The first line of standard output is a JSON object: where the server listens, alice's number, the keys of the
//! accounts in hexadecimal, and the RSA key (PKCS #1 in PEM) for clients that make their own, which is alice's then.
//! Each line of standard input is answered with another: how many messages the server has accepted, how many keys
//! clients have made and how often they have asked for a difference, or what is wrong with the line. A line is a
//! message that bob writes to alice, or begins with a slash:
//!
//! ```text
//! /count                                does nothing: for the answer
//! /lose 2                               the next two updates to alice are lost
//! /double 2                             the next two updates to alice come twice
//! /swap 2                               two updates to alice change places with the ones after them
//! /post room some words                 bob writes to a group
//! /tell club some words                 bob writes to the basic group
//! /toolong room                         more has happened in a group than its members are told
//! /hole alice                           an account's connections stay open and do nothing
//! /heal alice                           and are closed
//! /role room member                     what alice is there: creator, admin, member, banned or none
//! /revoke alice SESSION_REVOKED         ends an account's keys
//! /restart                              closes every connection, and begins again with another salt
//! ```
//!
//! The server ends with its standard input.

use std::time::Duration;

use tgtest::{BasicGroup, Channel, ChannelId, Method, Role, Telegram, UpdateFault, UserId};
use tokio::io::{AsyncBufReadExt, BufReader};

type Error = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let telegram = world().await?;
    println!("{}", introduction(&telegram)?);
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let answer = match obey(&telegram, &line).await {
            Ok(()) => counts(&telegram),
            Err(error) => format!(r#"{{"error":{:?}}}"#, error.to_string()),
        };
        println!("{answer}");
    }
    Ok(())
}

fn counts(telegram: &Telegram) -> String {
    let asks = [Method::GET_DIFFERENCE, Method::GET_CHANNEL_DIFFERENCE];
    let calls = telegram.requests();
    let differences = calls.iter().filter(|call| asks.contains(&call.method)).count();
    let (sent, keys) = (telegram.sent().len(), telegram.keys_made());
    format!(r#"{{"sent":{sent},"keys":{keys},"differences":{differences}}}"#)
}

async fn world() -> Result<Telegram, Error> {
    let slow = Channel::group("slow").slow_mode(Duration::from_secs(30));
    let telegram = Telegram::builder()
        .account("alice")
        .account("bob")
        .account("carol")
        .channel(Channel::group("room").admin("alice").member("bob").messages(120))
        .channel(slow.creator("bob").member("alice"))
        .channel(Channel::broadcast("news").creator("bob").member("alice").messages(3))
        .channel(Channel::group("closed").creator("bob").messages(3))
        .basic_group(BasicGroup::new("club").creator("carol").member("bob").messages(5))
        .limit(Method::SEND_MESSAGE, 20, Duration::from_secs(60))
        .longest_difference(10)
        .new_keys_are("alice")
        .start()
        .await?;
    Ok(telegram)
}

fn introduction(telegram: &Telegram) -> Result<String, Error> {
    let keys: Vec<String> = telegram
        .accounts()
        .map(|account| {
            let key: String = account.key().iter().map(|byte| format!("{byte:02x}")).collect();
            format!(r#""{}":"{key}""#, account.username())
        })
        .collect();
    Ok(format!(
        r#"{{"host":"{}","port":{},"dc":2,"user":{},"keys":{{{}}},"rsa":"{}"}}"#,
        telegram.address().ip(),
        telegram.address().port(),
        user(telegram, "alice")?,
        keys.join(","),
        telegram.rsa_public_key().pem.replace('\n', r"\n"),
    ))
}

async fn obey(telegram: &Telegram, line: &str) -> Result<(), Error> {
    let (alice, bob) = (user(telegram, "alice")?, user(telegram, "bob")?);
    let Some(command) = line.strip_prefix('/') else {
        telegram.push_message(alice, bob, line);
        return Ok(());
    };
    match *command.split(' ').collect::<Vec<_>>() {
        ["count"] => {}
        ["lose", n] => inject(telegram, UpdateFault::lose(), n)?,
        ["double", n] => inject(telegram, UpdateFault::duplicate(), n)?,
        ["swap", n] => inject(telegram, UpdateFault::swap(), n)?,
        ["post", group, ref words @ ..] => {
            telegram.push_post(channel(telegram, group)?, bob, &words.join(" "));
        }
        ["tell", group, ref words @ ..] => {
            let group = telegram.basic_group(group).ok_or("there is no such basic group")?;
            telegram.push_to_basic_group(group, bob, &words.join(" "));
        }
        ["toolong", group] => {
            telegram.push_too_long(channel(telegram, group)?);
        }
        ["hole", name] => telegram.black_hole(user(telegram, name)?),
        ["heal", name] => {
            telegram.heal_black_hole(user(telegram, name)?);
        }
        ["role", group, name] => {
            telegram.set_role(channel(telegram, group)?, alice, role(name)?);
        }
        ["revoke", name, error] => drop(telegram.revoke_as(user(telegram, name)?, error)),
        ["restart"] => telegram.restart().await?,
        _ => return Err("there is no such command".into()),
    }
    Ok(())
}

fn inject(telegram: &Telegram, fault: UpdateFault, times: &str) -> Result<(), Error> {
    let alice = user(telegram, "alice")?;
    telegram.inject_update_fault(fault.to(alice).times(times.parse()?));
    Ok(())
}

fn role(name: &str) -> Result<Option<Role>, Error> {
    Ok(Some(match name {
        "creator" => Role::Creator,
        "admin" => Role::Admin,
        "member" => Role::Member,
        "banned" => Role::Banned,
        "none" => return Ok(None),
        _ => return Err("there is no such role".into()),
    }))
}

fn channel(telegram: &Telegram, name: &str) -> Result<ChannelId, Error> {
    Ok(telegram.channel(name).ok_or("there is no such channel")?)
}

fn user(telegram: &Telegram, name: &str) -> Result<UserId, Error> {
    Ok(telegram.user(name).ok_or("there is no such user")?)
}
