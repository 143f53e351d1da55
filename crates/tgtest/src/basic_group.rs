//! Basic groups: `chat` to Telegram, without a name to find them by and without a history of their own. What is said
//! in one is put into the mailbox of each member, who numbers it with all else that is there.

use std::collections::BTreeMap;

use crate::builder::StartError;
use crate::world::{BasicGroupId, Role, UserId, World};

/// A basic group to be: who is in it and what was said.
#[derive(Clone, Debug)]
#[must_use = "give it to `Builder::basic_group`"]
pub struct BasicGroup {
    title: String,
    members: Vec<(String, Role)>,
    messages: usize,
}

impl BasicGroup {
    /// A group of this title: whoever is in it writes and sees the others.
    pub fn new(title: &str) -> Self {
        Self { title: title.to_owned(), members: Vec::new(), messages: 0 }
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

    /// So many messages that were written before, by its members in turn.
    pub fn messages(mut self, n: usize) -> Self {
        self.messages = n;
        self
    }

    fn with(mut self, username: &str, role: Role) -> Self {
        self.members.push((username.to_owned(), role));
        self
    }

    /// Makes it of its description.
    pub(crate) fn found(self, id: BasicGroupId, world: &mut World) -> Result<(), StartError> {
        let Self { title, members: described, messages } = self;
        let mut members = BTreeMap::new();
        for (name, role) in described {
            let Some(user) = world.user_named(&name) else {
                return Err(StartError::UnknownMember { channel: title, user: name });
            };
            members.insert(user.id, role);
        }
        let writers: Vec<UserId> = members.keys().copied().collect();
        if writers.is_empty() && messages > 0 {
            return Err(StartError::NobodyWrote(title));
        }
        let texts: Vec<_> = (1..=messages).map(|n| format!("message {n} in {title}")).collect();
        world.basic_groups.insert(id, crate::world::BasicGroup { id, title, members });
        for (text, from) in texts.iter().zip(writers.into_iter().cycle()) {
            world.tell(id, from, text);
        }
        Ok(())
    }
}
