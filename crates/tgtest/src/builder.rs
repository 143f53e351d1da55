//! How a world is described before its server starts.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::account::Account;
use crate::basic_group::BasicGroup;
use crate::fault::Method;
use crate::limit::{Limit, Limits};
use crate::listener;
use crate::mtproto::crypto;
use crate::server::Telegram;
use crate::state::State;
use crate::world::{BasicGroupId, ChannelId, Message, Peer, Role, User, UserId, World, now};

const FIRST_USER: i64 = 1001;
const FIRST_CHANNEL: i64 = 5001;
const FIRST_BASIC_GROUP: i64 = 7001;

/// Describes a world; see [`Telegram::builder`].
#[derive(Debug, Default)]
pub struct Builder {
    port: u16,
    users: Vec<Described>,
    channels: Vec<Channel>,
    basic_groups: Vec<BasicGroup>,
    longest_difference: Option<usize>,
    too_long_without_pts: bool,
    limits: Vec<Limit>,
    new_keys_are: Option<String>,
}

#[derive(Debug)]
struct Described {
    username: String,
    bot: bool,
    has_account: bool,
}

/// A channel to be: who is in it and what was said.
#[derive(Clone, Debug)]
#[must_use = "give it to `Builder::channel`"]
pub struct Channel {
    username: String,
    title: Option<String>,
    broadcast: bool,
    members: Vec<(String, Role)>,
    strangers: usize,
    messages: usize,
    age: Duration,
    slow_mode: Option<Duration>,
    public: bool,
}

impl Channel {
    /// A group: whoever is in it writes and sees the others.
    pub fn group(username: &str) -> Self {
        Self {
            username: username.to_owned(),
            title: None,
            broadcast: false,
            members: Vec::new(),
            strangers: 0,
            messages: 0,
            age: Duration::ZERO,
            slow_mode: None,
            public: false,
        }
    }

    /// A broadcast channel: only admins write and see who is in it.
    pub fn broadcast(username: &str) -> Self {
        Self { broadcast: true, ..Self::group(username) }
    }

    /// Its title; the user name if nothing is said.
    pub fn title(mut self, title: &str) -> Self {
        self.title = Some(title.to_owned());
        self
    }

    /// The user who made it.
    pub fn creator(self, username: &str) -> Self {
        self.with(username, Role::Creator)
    }

    /// A user who is an admin of it.
    pub fn admin(self, username: &str) -> Self {
        self.with(username, Role::Admin)
    }

    /// A user who is in it.
    pub fn member(self, username: &str) -> Self {
        self.with(username, Role::Member)
    }

    /// So many more members, whom nobody plays.
    pub fn strangers(mut self, n: usize) -> Self {
        self.strangers = n;
        self
    }

    /// So many messages that were written before, by its members in turn.
    pub fn messages(mut self, n: usize) -> Self {
        self.messages = n;
        self
    }

    /// How long before the server starts those were written; in the same second if nothing is said.
    pub fn aged(mut self, age: Duration) -> Self {
        self.age = age;
        self
    }

    /// After a message, a member who is no admin writes the next this much later: one that comes earlier is refused
    /// with 420 `SLOWMODE_WAIT_x`, x being the seconds that are left, rounded up.
    pub fn slow_mode(mut self, pause: Duration) -> Self {
        self.slow_mode = Some(pause);
        self
    }

    /// Whoever knows its name reads it, also who is not in it.
    pub fn public(mut self) -> Self {
        self.public = true;
        self
    }

    fn with(mut self, username: &str, role: Role) -> Self {
        self.members.push((username.to_owned(), role));
        self
    }
}

/// Why no server started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// Two users or channels have the same user name.
    #[error("the user name {0} is given twice")]
    NameTaken(String),
    /// A channel has a member that the world has not.
    #[error("channel {channel} has the member {user}, but there is no such user")]
    UnknownMember {
        /// The channel, or the title of the basic group.
        channel: String,
        /// The name that no user has.
        user: String,
    },
    /// A channel has messages and nobody who could have written them.
    #[error("channel {0} has messages but no members")]
    NobodyWrote(String),
    /// New keys are to belong to an account that the world has not.
    #[error("new keys are to belong to {0}, but there is no such account")]
    UnknownOwner(String),
    /// The port cannot be listened on.
    #[error("cannot listen on 127.0.0.1:{port}")]
    Listen {
        /// The port that was asked for; 0 for any.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
}

impl Builder {
    /// Listens on this port of 127.0.0.1; on any free one if nothing is said.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// A user with a signed-in account, for a client to be.
    #[must_use]
    pub fn account(self, username: &str) -> Self {
        self.user(username, false, true)
    }

    /// A bot with a signed-in account, for a client to be.
    #[must_use]
    pub fn bot(self, username: &str) -> Self {
        self.user(username, true, true)
    }

    /// So many accounts, named `prefix` and a number from 0 on.
    #[must_use]
    pub fn accounts(self, prefix: &str, n: usize) -> Self {
        (0..n).fold(self, |builder, i| builder.account(&format!("{prefix}{i}")))
    }

    /// A user whom no client plays.
    #[must_use]
    pub fn stranger(self, username: &str) -> Self {
        self.user(username, false, false)
    }

    /// A channel.
    #[must_use]
    pub fn channel(mut self, channel: Channel) -> Self {
        self.channels.push(channel);
        self
    }

    /// A basic group.
    #[must_use]
    pub fn basic_group(mut self, group: BasicGroup) -> Self {
        self.basic_groups.push(group);
        self
    }

    /// A client that missed more than so many messages of a mailbox or a channel is not told which: the difference
    /// is too long (`updates.differenceTooLong`, `updates.channelDifferenceTooLong`), and it must go on from the
    /// state that it is given instead.
    #[must_use]
    pub fn longest_difference(mut self, messages: usize) -> Self {
        self.longest_difference = Some(messages);
        self
    }

    /// Of a channel whose difference is [too long](Self::longest_difference) the client is not told where to go on
    /// from: the dialog in the answer has no `pts`, which the schema allows. Some clients panic over that.
    #[must_use]
    pub fn too_long_without_pts(mut self) -> Self {
        self.too_long_without_pts = true;
        self
    }

    /// An account that makes more than so many calls of a method in a time of this length is refused with 420
    /// `FLOOD_WAIT_x`, x being the seconds until the call would be accepted, rounded up; a call before that is refused
    /// again, with what is left. Calls that were refused, and those that a fault kept from being executed, do not
    /// count. A method may have several limits.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tgtest::{Method, Telegram};
    ///
    /// let telegram = Telegram::builder()
    ///     .account("alice")
    ///     .limit(Method::SEND_MESSAGE, 20, Duration::from_secs(60));
    /// ```
    #[must_use]
    pub fn limit(mut self, method: Method, calls: usize, per: Duration) -> Self {
        self.limits.push(Limit { method, calls, per });
        self
    }

    /// A key that a client makes by itself belongs to this account from the start, as if the client had signed in. If
    /// nothing is said it is nobody's, and calls with it are refused with 401 `AUTH_KEY_UNREGISTERED`.
    ///
    /// For clients that can be told the server's [RSA key](Telegram::rsa_public_key).
    #[must_use]
    pub fn new_keys_are(mut self, username: &str) -> Self {
        self.new_keys_are = Some(username.to_owned());
        self
    }

    /// Starts the server.
    ///
    /// # Errors
    /// If the description contradicts itself, or the port cannot be listened on.
    ///
    /// # Cancel safety
    /// It waits for nothing: its first poll starts the server or fails. Dropped before that, it has done nothing.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O and time enabled.
    pub async fn start(mut self) -> Result<Telegram, StartError> {
        let Self { port, longest_difference, too_long_without_pts, .. } = self;
        let limits = Limits::new(std::mem::take(&mut self.limits));
        let new_keys_are = self.new_keys_are.take();
        let (world, with_accounts) = self.world()?;
        let listen = |source| StartError::Listen { port, source };
        let listener = listener::listen(port).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let mut accounts = BTreeMap::new();
        let mut state = State::new(address, world);
        state.longest_difference = longest_difference;
        state.too_long_without_pts = too_long_without_pts;
        state.limits = limits;
        for id in with_accounts {
            let user = state.world.users[&id].clone();
            let key = crypto::new_auth_key();
            state.add_key(crypto::key_id(&key), key, Some(id));
            let username = user.username.unwrap_or_default();
            let account = Account {
                id,
                access_hash: user.access_hash,
                name: username.clone(),
                bot: user.bot,
                key: Arc::new(key),
                port: address.port(),
            };
            accounts.insert(username, account);
        }
        if let Some(username) = new_keys_are {
            let Some(owner) = accounts.get(&username) else {
                return Err(StartError::UnknownOwner(username));
            };
            state.new_keys_are = Some(owner.id);
        }
        Ok(Telegram::run(listener, state, accounts))
    }

    fn user(mut self, username: &str, bot: bool, has_account: bool) -> Self {
        self.users.push(Described { username: username.to_owned(), bot, has_account });
        self
    }

    /// The world, and the users in it that clients can be.
    fn world(self) -> Result<(World, Vec<UserId>), StartError> {
        let mut world = World::default();
        let mut names = BTreeMap::new();
        let mut with_accounts = Vec::new();
        for (id, Described { username, bot, has_account }) in
            (FIRST_USER..).map(UserId).zip(self.users)
        {
            if names.insert(username.to_lowercase(), id).is_some() {
                return Err(StartError::NameTaken(username));
            }
            if has_account {
                with_accounts.push(id);
            }
            world.add_user(user(id, &username, bot));
        }
        // All that was said before was said at once.
        let date = now();
        for (id, channel) in (FIRST_CHANNEL..).map(ChannelId).zip(self.channels) {
            if names.insert(channel.username.to_lowercase(), UserId(0)).is_some() {
                return Err(StartError::NameTaken(channel.username));
            }
            let channel = found(&mut world, &names, id, channel, date)?;
            world.channels.insert(id, channel);
        }
        for (id, group) in (FIRST_BASIC_GROUP..).map(BasicGroupId).zip(self.basic_groups) {
            group.found(id, &mut world)?;
        }
        Ok((world, with_accounts))
    }
}

fn user(id: UserId, username: &str, bot: bool) -> User {
    User {
        id,
        access_hash: id.0 * 7919,
        name: username.to_owned(),
        username: Some(username.to_owned()),
        bot,
    }
}

/// Makes a channel of its description, and the strangers in it.
fn found(
    world: &mut World,
    names: &BTreeMap<String, UserId>,
    id: ChannelId,
    described: Channel,
    date: i32,
) -> Result<crate::world::Channel, StartError> {
    let mut members = BTreeMap::new();
    for (name, role) in &described.members {
        match names.get(&name.to_lowercase()).filter(|id| id.0 != 0) {
            Some(&user) => members.insert(user, *role),
            None => {
                let (channel, user) = (described.username, name.clone());
                return Err(StartError::UnknownMember { channel, user });
            }
        };
    }
    let first = world.users.keys().max().map_or(FIRST_USER, |id| id.0 + 1).max(FIRST_STRANGER);
    for (n, stranger) in (first..).map(UserId).take(described.strangers).enumerate() {
        let username = format!("{}_member{n}", described.username);
        world.add_user(user(stranger, &username, false));
        members.insert(stranger, Role::Member);
    }
    let writers: Vec<_> = members.keys().copied().collect();
    if writers.is_empty() && described.messages > 0 {
        return Err(StartError::NobodyWrote(described.username));
    }
    let date = date.saturating_sub(described.age.as_secs().try_into().unwrap_or(i32::MAX));
    let messages = (1..=described.messages as i32)
        .zip(writers.iter().cycle())
        .map(|(n, from)| Message {
            id: n,
            peer: Peer::Channel(id),
            from: *from,
            text: format!("message {n} in {}", described.username),
            date,
            pts: n,
        })
        .collect();
    Ok(crate::world::Channel {
        id,
        access_hash: id.0 * 7907,
        title: described.title.unwrap_or_else(|| described.username.clone()),
        username: described.username,
        broadcast: described.broadcast,
        members,
        joined: HashMap::new(),
        pts: described.messages as i32 + 1,
        messages,
        slow_mode: described.slow_mode,
        public: described.public,
        last_posts: HashMap::new(),
    })
}

const FIRST_STRANGER: i64 = 1_000_001;
