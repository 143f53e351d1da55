//! The running server, as tests see it.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::net::TcpListener;

use crate::account::Account;
use crate::builder::Builder;
use crate::fault::{Fault, Method};
use crate::journal::{Request, Sent, Watch};
use crate::listener::Port;
use crate::mtproto::handshake::rsa::RsaPublicKey;
use crate::state::{Shared, State};
use crate::update_fault::UpdateFault;
use crate::world::{BasicGroupId, ChannelId, Peer, Role, UserId};

/// A running loopback Telegram. It stops, with all its connections, when this is dropped.
#[derive(Debug)]
pub struct Telegram {
    state: Shared,
    accounts: BTreeMap<String, Account>,
    address: SocketAddr,
    port: tokio::sync::Mutex<Port>,
}

impl Telegram {
    /// Describes a world and starts its server.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn run(
        listener: TcpListener,
        state: State,
        accounts: BTreeMap<String, Account>,
    ) -> Self {
        let address = state.address;
        let state = Arc::new(Mutex::new(state));
        let port = tokio::sync::Mutex::new(Port::open(listener, Arc::clone(&state)));
        Self { state, accounts, address, port }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The account with this user name.
    pub fn account(&self, username: &str) -> Option<&Account> {
        self.accounts.get(username)
    }

    /// Every account, by user name.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// The RSA key that a client must know to make its own key with the server, instead of being given an
    /// [account's](Account::key). Whose such keys are is said by [`Builder::new_keys_are`].
    pub fn rsa_public_key(&self) -> RsaPublicKey {
        RsaPublicKey::of_the_server()
    }

    /// The number of the user with this user name, whether a client plays it or not.
    pub fn user(&self, username: &str) -> Option<UserId> {
        self.state.lock().world.user_named(username).map(|u| u.id)
    }

    /// The number of the channel with this user name.
    pub fn channel(&self, username: &str) -> Option<ChannelId> {
        self.state.lock().world.channel_named(username).map(|c| c.id)
    }

    /// The number of the first basic group of this title: titles are no names.
    pub fn basic_group(&self, title: &str) -> Option<BasicGroupId> {
        self.state.lock().world.basic_group_titled(title).map(|group| group.id)
    }

    /// Who is in a channel, and as what; empty if there is no such channel.
    pub fn members(&self, channel: ChannelId) -> Vec<(UserId, Role)> {
        let state = self.state.lock();
        let channel = state.world.channels.get(&channel);
        channel
            .map(|c| c.members.iter().map(|(id, role)| (*id, *role)).collect())
            .unwrap_or_default()
    }

    /// Makes a user something in a channel from now on, or takes them out of it if `role` is `None`. False if there is
    /// no such channel or user.
    ///
    /// Clients are not told: they learn it from the next call that depends on it.
    ///
    /// ```
    /// # use tgtest::{ChannelId, Role, Telegram, UserId};
    /// # fn example(telegram: &Telegram, room: ChannelId, alice: UserId, bob: UserId) {
    /// telegram.set_role(room, alice, Some(Role::Admin));
    /// telegram.set_role(room, bob, None); // `CHANNEL_PRIVATE` is all that he gets from it now
    /// # }
    /// ```
    pub fn set_role(&self, channel: ChannelId, user: UserId, role: Option<Role>) -> bool {
        let mut state = self.state.lock();
        let is_known = state.world.users.contains_key(&user);
        let Some(channel) = state.world.channels.get_mut(&channel).filter(|_| is_known) else {
            return false;
        };
        match role {
            Some(role) => channel.members.insert(user, role),
            None => channel.members.remove(&user),
        };
        true
    }

    /// How many messages stand in a channel; 0 if there is no such channel.
    pub fn message_count(&self, channel: ChannelId) -> usize {
        self.state.lock().world.channels.get(&channel).map_or(0, |c| c.messages.len())
    }

    /// Delivers a private message and pushes it to the recipient's clients. False if either is unknown.
    pub fn push_message(&self, to: UserId, from: UserId, text: &str) -> bool {
        let mut state = self.state.lock();
        if !state.world.users.contains_key(&from) {
            return false;
        }
        let Some(message) = state.world.deliver(to, Peer::User(from), from, text) else {
            return false;
        };
        state.push_private(to, &message);
        true
    }

    /// Posts a message to a channel and pushes it to its members' clients; returns to how many members it
    /// went, the author aside. `None` if there is no such channel or author.
    pub fn push_post(&self, channel: ChannelId, from: UserId, text: &str) -> Option<usize> {
        let mut state = self.state.lock();
        if !state.world.users.contains_key(&from) {
            return None;
        }
        let post = state.world.post(channel, from, text)?;
        Some(state.push_post(channel, &post))
    }

    /// The same, and with the post, in one container, comes that more has happened in the channel than is told: a
    /// client that asks for the difference gets the post again in it.
    pub fn push_post_too_long(
        &self,
        channel: ChannelId,
        from: UserId,
        text: &str,
    ) -> Option<usize> {
        let mut state = self.state.lock();
        if !state.world.users.contains_key(&from) {
            return None;
        }
        let post = state.world.post(channel, from, text)?;
        Some(state.push_post_too_long(channel, &post))
    }

    /// Says something in a basic group and pushes it to its members' clients; returns to how many members it went, the
    /// author aside. `None` if there is no such group or author.
    ///
    /// ```
    /// # use tgtest::{BasicGroupId, Telegram, UserId};
    /// # fn example(telegram: &Telegram, family: BasicGroupId, bob: UserId) {
    /// assert_eq!(telegram.push_to_basic_group(family, bob, "hello"), Some(1));
    /// # }
    /// ```
    pub fn push_to_basic_group(
        &self,
        group: BasicGroupId,
        from: UserId,
        text: &str,
    ) -> Option<usize> {
        let mut state = self.state.lock();
        if !state.world.users.contains_key(&from) {
            return None;
        }
        let told = state.world.tell(group, from, text)?;
        Some(state.push_told(&told))
    }

    /// Lets a user into a channel, of which its clients are not told; what was said before is older than that. False if
    /// there is no such channel or user.
    pub fn join(&self, channel: ChannelId, user: UserId) -> bool {
        let mut state = self.state.lock();
        let is_known = state.world.users.contains_key(&user);
        let channel = state.world.channels.get_mut(&channel).filter(|_| is_known);
        channel.map(|channel| channel.join(user)).is_some()
    }

    /// Tells the clients of a channel's members that more has happened in it than they are told, and how far it has
    /// come (`updateChannelTooLong`), as Telegram does where much happens at once; returns how many members they are.
    /// `None` if there is no such channel.
    ///
    /// ```
    /// # use tgtest::{ChannelId, Telegram, UpdateFault, UserId};
    /// # fn example(telegram: &Telegram, room: ChannelId, bob: UserId) {
    /// telegram.inject_update_fault(UpdateFault::lose().times(2));
    /// for text in ["not pushed", "nor this"] {
    ///     telegram.push_post(room, bob, text);
    /// }
    /// telegram.push_too_long(room); // A client that believes the number misses both.
    /// # }
    /// ```
    pub fn push_too_long(&self, channel: ChannelId) -> Option<usize> {
        self.state.lock().push_too_long(channel)
    }

    /// Makes something go wrong.
    pub fn inject(&self, fault: Fault) {
        self.state.lock().faults.add(fault);
    }

    /// Makes something go wrong with updates.
    ///
    /// ```
    /// # use tgtest::{Telegram, UpdateFault, UserId};
    /// # fn example(telegram: &Telegram, alice: UserId, bob: UserId) {
    /// telegram.inject_update_fault(UpdateFault::lose().to(alice));
    /// telegram.push_message(alice, bob, "its number is missing from what her client hears");
    /// telegram.push_message(alice, bob, "and from this one's it sees that");
    /// # }
    /// ```
    pub fn inject_update_fault(&self, fault: UpdateFault) {
        self.state.lock().add_update_fault(fault);
    }

    /// From now on the connections of an account stay open and do nothing: what its clients send is thrown away, they
    /// are answered nothing and pushed nothing, and those that connect are accepted and treated the same as soon as
    /// they have shown their key. Nobody but the client closes such a connection, however long it is silent.
    ///
    /// [`heal_black_hole`](Self::heal_black_hole) and [`heal`](Self::heal) end it.
    ///
    /// ```
    /// # use tgtest::{Telegram, UserId};
    /// # fn example(telegram: &Telegram, alice: UserId) {
    /// telegram.black_hole(alice);
    /// // Her clients notice only that nothing comes.
    /// telegram.heal_black_hole(alice);
    /// # }
    /// ```
    pub fn black_hole(&self, account: UserId) {
        self.state.lock().open_black_hole(account);
    }

    /// Ends the black hole of an account. The connections that it swallowed are closed, as by a router that forgot
    /// them: what was sent on them is lost. Returns how many they were; 0 if there is no black hole.
    pub fn heal_black_hole(&self, account: UserId) -> usize {
        self.state.lock().close_black_hole(account)
    }

    /// Forgets every fault that has not struck, also those of updates, sends the updates that they hold back, and ends
    /// every black hole.
    pub fn heal(&self) {
        let mut state = self.state.lock();
        state.faults.clear();
        state.close_black_holes();
        state.heal_updates();
    }

    /// Closes the connections of an account; returns how many it had.
    pub fn drop_connections(&self, account: UserId) -> usize {
        self.state.lock().close(Some(account))
    }

    /// Closes every connection; returns how many there were.
    pub fn drop_all_connections(&self) -> usize {
        self.state.lock().close(None)
    }

    /// Ends the session of an account, as its owner does from another device: each call with its key is refused with
    /// 401 `SESSION_REVOKED` from now on, and its connections are closed; returns how many it had.
    pub fn revoke(&self, account: UserId) -> usize {
        self.revoke_as(account, "SESSION_REVOKED")
    }

    /// The same with another name, such as `AUTH_KEY_UNREGISTERED` or `USER_DEACTIVATED_BAN`.
    pub fn revoke_as(&self, account: UserId, error: &str) -> usize {
        self.state.lock().revoke(account, error)
    }

    /// Stops the server: closes the listener and every connection. Whoever connects is refused until
    /// [`start_again`](Self::start_again); the port stays its own. Does nothing if it is stopped.
    ///
    /// What a real server has in memory is forgotten: sessions, salts, answers that were to come later, updates that
    /// are held back. The world, its keys, the journal, limits, black holes and faults that have not struck stay, and
    /// what happens in the world meanwhile is told by the difference.
    ///
    /// # Cancel safety
    /// Dropping the future does not take it back; calling it again waits for the end.
    pub async fn stop(&self) {
        self.port.lock().await.close().await;
    }

    /// Listens again, on the same port, after [`stop`](Self::stop). Does nothing if it was not called.
    ///
    /// # Errors
    /// If the port cannot be listened on.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the server as it was.
    pub async fn start_again(&self) -> io::Result<()> {
        let mut port = self.port.lock().await;
        port.reopen(self.address.port(), Arc::clone(&self.state)).await
    }

    /// Stops the server and starts it again. The salt is another one then: a client that goes on with the old is told
    /// so (`bad_server_salt`).
    ///
    /// # Errors
    /// If the port cannot be listened on again.
    ///
    /// # Cancel safety
    /// Dropping the future may leave the server stopped.
    pub async fn restart(&self) -> io::Result<()> {
        let mut port = self.port.lock().await;
        port.close().await;
        port.reopen(self.address.port(), Arc::clone(&self.state)).await
    }

    /// The clients that are connected now.
    pub fn connections(&self) -> usize {
        self.state.lock().connections()
    }

    /// The connections that clients made so far.
    pub fn connections_made(&self) -> u64 {
        self.state.lock().connections_made()
    }

    /// The keys that clients made by themselves so far.
    pub fn keys_made(&self) -> u64 {
        self.state.lock().keys_made()
    }

    /// Every call so far, in the order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.state.lock().journal.requests.clone()
    }

    /// Waits until this method was called so often, over all accounts; calls that a fault kept from being
    /// executed do not count.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn called(&self, method: Method, times: usize) {
        self.wait_until(|state| {
            state.journal.requests.iter().filter(|r| r.method == method).count() >= times
        })
        .await;
    }

    /// Waits until so many clients are connected.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn connected(&self, clients: usize) {
        self.wait_until(|state| state.connections() == clients).await;
    }

    async fn wait_until(&self, holds: impl Fn(&State) -> bool) {
        let mut changed = self.state.lock().changed.subscribe();
        while !holds(&self.state.lock()) {
            // The sender lives as long as the state that is borrowed here.
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    /// Every message that was accepted from an account so far.
    pub fn sent(&self) -> Vec<Sent> {
        self.state.lock().journal.sent.clone()
    }

    /// How many calls of each account were refused because it broke a [`limit`](Builder::limit): empty if none did.
    pub fn broken_limits(&self) -> BTreeMap<UserId, usize> {
        self.state.lock().limits.broken().clone()
    }

    /// Counts from now on how many accounts are in these methods at once.
    pub fn watch(&self, methods: &[Method]) -> Watch {
        self.state.lock().journal.watch(methods)
    }
}

impl Drop for Telegram {
    fn drop(&mut self) {
        self.port.get_mut().abort();
    }
}
