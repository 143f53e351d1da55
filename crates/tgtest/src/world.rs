//! What there is on this Telegram: users, channels, who is in them, and what was said.
//!
//! Plain data and the rules that do not depend on a connection. Each user has a mailbox, of private messages and those
//! of basic groups, and each channel a history; both number their changes (`pts`), so that a client that was away can
//! ask for the difference.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use crate::mtproto::session::unix_time;

/// The number of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(pub i64);

/// The number of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelId(pub i64);

/// The number of a basic group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BasicGroupId(pub i64);

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for BasicGroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a user may do in a channel or basic group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// Made the channel.
    Creator,
    /// May see and do what members may not.
    Admin,
    /// Reads, and writes if it is a group.
    Member,
    /// Reads, and was forbidden to write.
    Banned,
}

impl Role {
    pub(crate) fn is_admin(self) -> bool {
        matches!(self, Self::Creator | Self::Admin)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: UserId,
    pub(crate) access_hash: i64,
    pub(crate) name: String,
    pub(crate) username: Option<String>,
    pub(crate) bot: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(crate) id: ChannelId,
    pub(crate) access_hash: i64,
    pub(crate) title: String,
    pub(crate) username: String,
    /// Only admins write and see who is in it.
    pub(crate) broadcast: bool,
    pub(crate) members: BTreeMap<UserId, Role>,
    /// When those came who were not there from the start.
    pub(crate) joined: HashMap<UserId, i32>,
    pub(crate) pts: i32,
    pub(crate) messages: Vec<Message>,
    /// Whoever knows its name reads it.
    pub(crate) public: bool,
    /// How long members wait from one message to the next.
    pub(crate) slow_mode: Option<Duration>,
    /// When each user wrote last, in slow mode.
    pub(crate) last_posts: HashMap<UserId, Instant>,
}

#[derive(Clone, Debug)]
pub(crate) struct BasicGroup {
    pub(crate) id: BasicGroupId,
    pub(crate) title: String,
    pub(crate) members: BTreeMap<UserId, Role>,
}

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    User(UserId),
    BasicGroup(BasicGroupId),
    Channel(ChannelId),
}

#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: i32,
    pub(crate) peer: Peer,
    pub(crate) from: UserId,
    pub(crate) text: String,
    pub(crate) date: i32,
    pub(crate) pts: i32,
}

#[derive(Debug)]
pub(crate) struct Mailbox {
    pub(crate) pts: i32,
    pub(crate) messages: Vec<Message>,
}

#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) users: HashMap<UserId, User>,
    pub(crate) mailboxes: HashMap<UserId, Mailbox>,
    pub(crate) channels: BTreeMap<ChannelId, Channel>,
    pub(crate) basic_groups: BTreeMap<BasicGroupId, BasicGroup>,
    /// What each account chose for each message it sent: Telegram accepts a choice once.
    random_ids: HashSet<(UserId, i64)>,
}

impl World {
    pub(crate) fn add_user(&mut self, user: User) {
        self.mailboxes.insert(user.id, Mailbox { pts: 1, messages: Vec::new() });
        self.users.insert(user.id, user);
    }

    pub(crate) fn user_named(&self, username: &str) -> Option<&User> {
        self.users
            .values()
            .find(|u| u.username.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(username)))
    }

    pub(crate) fn channel_named(&self, username: &str) -> Option<&Channel> {
        self.channels.values().find(|c| c.username.eq_ignore_ascii_case(username))
    }

    pub(crate) fn basic_group_titled(&self, title: &str) -> Option<&BasicGroup> {
        self.basic_groups.values().find(|group| group.title == title)
    }

    /// Whether the account used this choice before.
    pub(crate) fn knows_random_id(&self, from: UserId, random_id: i64) -> bool {
        self.random_ids.contains(&(from, random_id))
    }

    /// False if the account used this choice before.
    pub(crate) fn accept_random_id(&mut self, from: UserId, random_id: i64) -> bool {
        self.random_ids.insert((from, random_id))
    }

    /// Puts a message into a mailbox: one of the two of a private chat, or one of a basic group's.
    pub(crate) fn deliver(
        &mut self,
        owner: UserId,
        peer: Peer,
        from: UserId,
        text: &str,
    ) -> Option<Message> {
        let mailbox = self.mailboxes.get_mut(&owner)?;
        mailbox.pts += 1;
        let message = Message {
            id: mailbox.messages.len() as i32 + 1,
            peer,
            from,
            text: text.to_owned(),
            date: now(),
            pts: mailbox.pts,
        };
        mailbox.messages.push(message.clone());
        Some(message)
    }

    /// Puts a message of a basic group into the mailbox of each member; `None` if there is no such group.
    pub(crate) fn tell(
        &mut self,
        group: BasicGroupId,
        from: UserId,
        text: &str,
    ) -> Option<Vec<(UserId, Message)>> {
        let members: Vec<_> = self.basic_groups.get(&group)?.members.keys().copied().collect();
        let deliver = |to| Some((to, self.deliver(to, Peer::BasicGroup(group), from, text)?));
        Some(members.into_iter().filter_map(deliver).collect())
    }

    /// Puts a message into a channel.
    pub(crate) fn post(&mut self, channel: ChannelId, from: UserId, text: &str) -> Option<Message> {
        self.channels.get_mut(&channel).map(|channel| channel.post(from, text))
    }

    /// The users that messages mention.
    pub(crate) fn users_of<'a>(&self, messages: impl Iterator<Item = &'a Message>) -> Vec<&User> {
        let mut ids: Vec<UserId> = messages
            .flat_map(|m| match m.peer {
                Peer::User(with) => [m.from, with],
                Peer::BasicGroup(_) | Peer::Channel(_) => [m.from, m.from],
            })
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids.iter().filter_map(|id| self.users.get(id)).collect()
    }

    /// The basic groups that messages stand in.
    pub(crate) fn basic_groups_of<'a>(
        &self,
        messages: impl Iterator<Item = &'a Message>,
    ) -> Vec<&BasicGroup> {
        let ids: BTreeSet<_> = messages
            .filter_map(|m| match m.peer {
                Peer::BasicGroup(id) => Some(id),
                Peer::User(_) | Peer::Channel(_) => None,
            })
            .collect();
        ids.iter().filter_map(|id| self.basic_groups.get(id)).collect()
    }
}

impl Channel {
    pub(crate) fn post(&mut self, from: UserId, text: &str) -> Message {
        self.pts += 1;
        let message = Message {
            id: self.messages.len() as i32 + 1,
            peer: Peer::Channel(self.id),
            from,
            text: text.to_owned(),
            // Not before whoever was there by then.
            date: self.joined.values().copied().fold(now(), i32::max),
            pts: self.pts,
        };
        self.messages.push(message.clone());
        if self.slow_mode.is_some() {
            self.last_posts.insert(from, Instant::now());
        }
        message
    }

    /// Lets a user in, a second after all that was said so far: dates have no more than seconds.
    pub(crate) fn join(&mut self, user: UserId) {
        let last = self.messages.last().map_or(0, |message| message.date);
        self.members.insert(user, Role::Member);
        self.joined.insert(user, now().max(last) + 1);
    }

    pub(crate) fn role(&self, user: UserId) -> Option<Role> {
        self.members.get(&user).copied()
    }

    pub(crate) fn may_list_members(&self, user: UserId) -> bool {
        self.role(user).is_some_and(|role| !self.broadcast || role.is_admin())
    }

    /// How much longer the slow mode keeps a user from writing; `None` if it does not.
    pub(crate) fn slows_down(&self, user: UserId) -> Option<Duration> {
        if self.role(user).is_some_and(Role::is_admin) {
            return None;
        }
        let left = self.slow_mode?.saturating_sub(self.last_posts.get(&user)?.elapsed());
        (!left.is_zero()).then_some(left)
    }
}

pub(crate) fn now() -> i32 {
    unix_time().as_secs() as i32
}
