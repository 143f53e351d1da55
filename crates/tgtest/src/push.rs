//! How news reaches the clients of an account: as it happens, or as a fault of updates has it.

use std::sync::Arc;

use crate::state::State;
use crate::tl;
use crate::update_fault::UpdateFault;
use crate::world::{Channel, ChannelId, Message, User, UserId};

impl State {
    /// Pushes a message to the clients of the user into whose mailbox it was put.
    pub(crate) fn push_private(&mut self, to: UserId, message: &Message) {
        let chats = tl::basic_groups(&self.world, [message].into_iter(), to);
        if let Some(sender) = self.world.users.get(&message.from) {
            let update = tl::new_private_message(message, sender, chats, to);
            self.push(to, update);
        }
    }

    /// Pushes what was told to the members of a basic group to their clients, all but its author's; returns how many
    /// members they are.
    pub(crate) fn push_told(&mut self, told: &[(UserId, Message)]) -> usize {
        let others: Vec<_> = told.iter().filter(|(to, message)| *to != message.from).collect();
        for (to, message) in &others {
            self.push_private(*to, message);
        }
        others.len()
    }

    /// Pushes a post to the clients of the members, all but its author's; returns how many members they are.
    pub(crate) fn push_post(&mut self, channel: ChannelId, post: &Message) -> usize {
        self.push_post_as(channel, post, |post, author, channel, to| {
            tl::new_channel_message(post, author, channel, to, None)
        })
    }

    /// The same, and says with it that more has happened in the channel than is told.
    pub(crate) fn push_post_too_long(&mut self, channel: ChannelId, post: &Message) -> usize {
        self.push_post_as(channel, post, tl::post_too_long)
    }

    fn push_post_as(
        &mut self,
        channel: ChannelId,
        post: &Message,
        update: impl Fn(&Message, &User, &Channel, UserId) -> Vec<u8>,
    ) -> usize {
        let world = &self.world;
        let (Some(channel), Some(author)) =
            (world.channels.get(&channel), world.users.get(&post.from))
        else {
            return 0;
        };
        let others = channel.members.keys().copied().filter(|id| *id != post.from);
        let updates: Vec<_> = others.map(|to| (to, update(post, author, channel, to))).collect();
        let members = updates.len();
        for (to, update) in updates {
            self.push(to, update);
        }
        members
    }

    /// Tells the clients of the members that more has happened in a channel than is told, and how far it has come;
    /// returns how many members they are.
    pub(crate) fn push_too_long(&mut self, channel: ChannelId) -> Option<usize> {
        let channel = self.world.channels.get(&channel)?;
        let update = tl::channel_too_long(channel);
        let members: Vec<UserId> = channel.members.keys().copied().collect();
        for member in &members {
            self.push(*member, update.clone());
        }
        Some(members.len())
    }

    pub(crate) fn add_update_fault(&mut self, fault: UpdateFault) {
        self.update_faults.add(fault);
    }

    /// Forgets the faults of updates, and sends what they hold back.
    pub(crate) fn heal_updates(&mut self) {
        for (to, update) in self.update_faults.clear() {
            self.send(to, &update);
        }
    }

    fn push(&mut self, to: UserId, update: Vec<u8>) {
        for update in self.update_faults.strike(to, Arc::new(update)) {
            self.send(to, &update);
        }
    }
}
