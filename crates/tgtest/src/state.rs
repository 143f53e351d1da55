//! Everything the server knows, behind one lock that no await is made under.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};

use crate::fault::Faults;
use crate::journal::Journal;
use crate::limit::Limits;
use crate::mtproto::crypto::{self, AuthKey};
use crate::mtproto::plain::NO_KEY;
use crate::mtproto::session::RpcError;
use crate::update_fault::UpdateFaults;
use crate::world::{UserId, World};

const FIRST_SALT: i64 = 0x5a17_5a17_0000_0001;

pub(crate) type Shared = Arc<Mutex<State>>;

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) address: SocketAddr,
    pub(crate) world: World,
    pub(crate) faults: Faults,
    pub(crate) update_faults: UpdateFaults,
    pub(crate) limits: Limits,
    /// The most messages that a client may have missed and still be told of; as many as there are if `None`.
    pub(crate) longest_difference: Option<usize>,
    /// What is said of a channel with more of them lacks where to go on from.
    pub(crate) too_long_without_pts: bool,
    pub(crate) journal: Journal,
    keys: HashMap<i64, Key>,
    /// Whose the keys are that clients make; nobody's if `None`.
    pub(crate) new_keys_are: Option<UserId>,
    keys_made: u64,
    /// The salt of every session; a client starts with another and is told this one.
    pub(crate) salt: i64,
    connections: Vec<Connection>,
    connections_made: u64,
    /// Accounts whose connections are swallowed.
    black_holes: HashSet<UserId>,
    /// Told of every call that was executed, and of connections that come and go.
    pub(crate) changed: watch::Sender<()>,
}

struct Key {
    bytes: Arc<AuthKey>,
    user: Option<UserId>,
    /// What each call is refused with from now on: Telegram never lets a lost key back in.
    lost: Option<RpcError>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("user", &self.user).finish_non_exhaustive()
    }
}

/// How the rest of the server reaches the task of a connection.
#[derive(Debug)]
pub(crate) enum Command {
    /// Sends an update.
    Push(Arc<Vec<u8>>),
    /// Answers if the client is still there.
    AreYouThere(oneshot::Sender<()>),
    /// Closes the connection.
    Close,
}

#[derive(Debug)]
struct Connection {
    number: u64,
    key_id: i64,
    commands: mpsc::UnboundedSender<Command>,
}

impl State {
    pub(crate) fn new(address: SocketAddr, world: World) -> Self {
        Self {
            address,
            world,
            faults: Faults::default(),
            update_faults: UpdateFaults::default(),
            limits: Limits::default(),
            longest_difference: None,
            too_long_without_pts: false,
            journal: Journal::default(),
            keys: HashMap::new(),
            new_keys_are: None,
            keys_made: 0,
            salt: FIRST_SALT,
            connections: Vec::new(),
            connections_made: 0,
            black_holes: HashSet::new(),
            changed: watch::Sender::new(()),
        }
    }

    pub(crate) fn add_key(&mut self, key_id: i64, key: AuthKey, user: Option<UserId>) {
        self.keys.insert(key_id, Key { bytes: Arc::new(key), user, lost: None });
    }

    /// Takes a key that a client made. False if its id is another's, or means that there is no key.
    pub(crate) fn take_new_key(&mut self, key: &AuthKey) -> bool {
        let id = crypto::key_id(key);
        if id == NO_KEY || self.keys.contains_key(&id) {
            return false;
        }
        self.add_key(id, *key, self.new_keys_are);
        self.keys_made += 1;
        true
    }

    pub(crate) fn keys_made(&self) -> u64 {
        self.keys_made
    }

    pub(crate) fn key(&self, key_id: i64) -> Option<Arc<AuthKey>> {
        self.keys.get(&key_id).map(|key| Arc::clone(&key.bytes))
    }

    pub(crate) fn user_of(&self, key_id: i64) -> Option<UserId> {
        self.keys.get(&key_id).and_then(|key| key.user)
    }

    /// What calls with this key are refused with, if it is lost.
    pub(crate) fn lost(&self, key_id: i64) -> Option<RpcError> {
        self.keys.get(&key_id).and_then(|key| key.lost.clone())
    }

    /// Two connections used this key at once.
    pub(crate) fn mark_duplicated(&mut self, key_id: i64) {
        if let Some(key) = self.keys.get_mut(&key_id) {
            let name = "AUTH_KEY_DUPLICATED".to_owned();
            key.lost.get_or_insert(RpcError { code: 406, name });
        }
    }

    /// Ends a user's keys, and closes their connections; returns how many.
    pub(crate) fn revoke(&mut self, user: UserId, name: &str) -> usize {
        for key in self.keys.values_mut().filter(|key| key.user == Some(user)) {
            key.lost = Some(RpcError { code: 401, name: name.to_owned() });
        }
        self.close(Some(user))
    }

    /// Adds a connection that uses a key, and returns the older ones that do so too.
    pub(crate) fn connect(
        &mut self,
        key_id: i64,
        commands: mpsc::UnboundedSender<Command>,
    ) -> (u64, Vec<mpsc::UnboundedSender<Command>>) {
        let older = self.commands(|c| c.key_id == key_id).collect();
        let number = self.connections_made;
        self.connections_made += 1;
        self.connections.push(Connection { number, key_id, commands });
        self.changed.send_replace(());
        (number, older)
    }

    pub(crate) fn disconnect(&mut self, number: u64) {
        self.connections.retain(|c| c.number != number);
        self.changed.send_replace(());
    }

    /// What a server loses that stops, once its connections are closed.
    pub(crate) fn forget_sessions(&mut self) {
        self.salt += 1;
        self.connections.clear();
        self.update_faults.lose_held();
        self.changed.send_replace(());
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.len()
    }

    pub(crate) fn connections_made(&self) -> u64 {
        self.connections_made
    }

    /// Whether what comes with this key, and what would go to it, is thrown away.
    pub(crate) fn swallows(&self, key_id: i64) -> bool {
        !self.black_holes.is_empty()
            && self.user_of(key_id).is_some_and(|user| self.black_holes.contains(&user))
    }

    pub(crate) fn open_black_hole(&mut self, user: UserId) {
        self.black_holes.insert(user);
    }

    /// Closes the connections that a black hole swallowed, and it; returns how many they were.
    pub(crate) fn close_black_hole(&mut self, user: UserId) -> usize {
        if self.black_holes.remove(&user) { self.close(Some(user)) } else { 0 }
    }

    pub(crate) fn close_black_holes(&mut self) {
        for user in std::mem::take(&mut self.black_holes) {
            self.close(Some(user));
        }
    }

    /// Sends an update to every connection of a user; the client takes it if its session is open.
    pub(crate) fn send(&self, user: UserId, update: &Arc<Vec<u8>>) {
        if self.black_holes.contains(&user) {
            return;
        }
        for commands in self.commands(|c| self.user_of(c.key_id) == Some(user)) {
            let _ = commands.send(Command::Push(Arc::clone(update)));
        }
    }

    /// Closes the connections of one user, or of all; returns how many.
    pub(crate) fn close(&self, user: Option<UserId>) -> usize {
        self.commands(|c| user.is_none() || self.user_of(c.key_id) == user)
            .filter(|commands| commands.send(Command::Close).is_ok())
            .count()
    }

    fn commands(
        &self,
        wanted: impl Fn(&Connection) -> bool,
    ) -> impl Iterator<Item = mpsc::UnboundedSender<Command>> {
        self.connections.iter().filter(move |c| wanted(c)).map(|c| c.commands.clone())
    }
}
