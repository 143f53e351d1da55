//! Reading chats, page by page. What has been read stays read: an attempt after a failure goes on with the
//! page that failed.

use std::collections::HashMap;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use grammers_client::{Client, tl};
use grammers_session::types::{PeerKind, PeerRef};
use tl::enums;

use super::{Context, Failure, Kind, Terms, Work};
use crate::telegram::{CallError, Target, resolve};

/// Telegram's limits of one page.
const MEMBERS_PAGE: i32 = 200;
const POSTS_PAGE: i32 = 100;

/// Reads who is in a group or channel, where the account is its creator or an admin: asked of Telegram when
/// the export starts. Phone numbers are never read.
#[derive(Debug)]
pub struct ExportMembers {
    channel: Target,
    allowed: bool,
    offset: i32,
    rows: Vec<Member>,
}

/// Somebody who is in a group or channel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// The number of the user.
    pub user: i64,
    /// The user name, if there is one.
    pub username: Option<String>,
    /// The first name, if there is one.
    pub name: Option<String>,
}

/// Reads what was said in a group or channel that the account is in, oldest first.
#[derive(Debug)]
pub struct ExportMessages {
    channel: Target,
    limit: usize,
    rows: Vec<Post>,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Post {
    /// Its number in the chat.
    pub id: i32,
    /// The number of the user who wrote it, if one did.
    pub from: Option<i64>,
    /// When, in seconds since 1970.
    pub date: i32,
    /// Its text.
    pub text: String,
}

impl ExportMembers {
    /// The members of this group or channel.
    pub fn of(channel: impl Into<Target>) -> Self {
        Self { channel: channel.into(), allowed: false, offset: 0, rows: Vec::new() }
    }

    async fn run(&mut self, client: &Client) -> Result<Vec<Member>, CallError> {
        let peer = channel(client, &mut self.channel).await?;
        if !self.allowed {
            self.require_admin(client, peer).await?;
            self.allowed = true;
        }
        loop {
            let request = tl::functions::channels::GetParticipants {
                channel: peer.into(),
                filter: enums::ChannelParticipantsFilter::ChannelParticipantsRecent,
                offset: self.offset,
                limit: MEMBERS_PAGE,
                hash: 0,
            };
            let enums::channels::ChannelParticipants::Participants(page) =
                client.invoke(&request).await?
            else {
                return Err(unexpected("channels.getParticipants"));
            };
            let read = i32::try_from(page.participants.len()).unwrap_or(i32::MAX);
            self.offset += read;
            // Of users there are more: whoever invited or promoted somebody.
            let mut users: HashMap<i64, Member> =
                page.users.into_iter().filter_map(member).map(|m| (m.user, m)).collect();
            let ids = page.participants.iter().filter_map(participant);
            self.rows.extend(ids.filter_map(|id| users.remove(&id)));
            if read == 0 || self.offset >= page.count {
                return Ok(std::mem::take(&mut self.rows));
            }
        }
    }

    async fn require_admin(&self, client: &Client, peer: PeerRef) -> Result<(), CallError> {
        let request = tl::functions::channels::GetParticipant {
            channel: peer.into(),
            participant: enums::InputPeer::PeerSelf,
        };
        let enums::channels::ChannelParticipant::Participant(me) = client.invoke(&request).await?;
        match me.participant {
            enums::ChannelParticipant::Creator(_) | enums::ChannelParticipant::Admin(_) => Ok(()),
            _ => Err(CallError::Invalid(format!(
                "members are exported only where the account is creator or admin: in {} it is neither",
                self.channel
            ))),
        }
    }
}

impl ExportMessages {
    /// The messages of this group or channel.
    pub fn of(channel: impl Into<Target>) -> Self {
        Self { channel: channel.into(), limit: usize::MAX, rows: Vec::new() }
    }

    /// So many messages at most, the oldest ones.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    async fn run(&mut self, client: &Client) -> Result<Vec<Post>, CallError> {
        let peer = channel(client, &mut self.channel).await?;
        while self.rows.len() < self.limit {
            let last = self.rows.last().map_or(0, |post| post.id);
            let page = history_after(client, peer, last).await?;
            if page.is_empty() {
                break;
            }
            self.rows.extend(page);
        }
        self.rows.truncate(self.limit);
        Ok(std::mem::take(&mut self.rows))
    }
}

/// The page of messages after number `last`, oldest first; empty at the end.
async fn history_after(client: &Client, peer: PeerRef, last: i32) -> Result<Vec<Post>, CallError> {
    let request = tl::functions::messages::GetHistory {
        peer: peer.into(),
        // The window ends just below this number, and is moved up by a page.
        offset_id: last + 1,
        offset_date: 0,
        add_offset: -POSTS_PAGE,
        limit: POSTS_PAGE,
        max_id: 0,
        min_id: last,
        hash: 0,
    };
    let messages = match client.invoke(&request).await? {
        enums::messages::Messages::Messages(all) => all.messages,
        enums::messages::Messages::Slice(slice) => slice.messages,
        enums::messages::Messages::ChannelMessages(slice) => slice.messages,
        enums::messages::Messages::NotModified(_) => return Err(unexpected("messages.getHistory")),
    };
    let mut posts: Vec<Post> = messages.into_iter().filter_map(post).collect();
    posts.sort_unstable_by_key(|post| post.id);
    Ok(posts)
}

async fn channel(client: &Client, target: &mut Target) -> Result<PeerRef, CallError> {
    let peer = resolve(client, target).await?;
    if peer.id.kind() != PeerKind::Channel {
        return Err(CallError::Invalid(format!("{target} is not a group or channel")));
    }
    *target = Target::Peer(peer);
    Ok(peer)
}

fn member(user: enums::User) -> Option<Member> {
    match user {
        enums::User::User(u) => {
            Some(Member { user: u.id, username: u.username, name: u.first_name })
        }
        enums::User::Empty(_) => None,
    }
}

/// The user that an entry of the list is about; channels and users who left are not members.
fn participant(entry: &enums::ChannelParticipant) -> Option<i64> {
    match entry {
        enums::ChannelParticipant::Participant(p) => Some(p.user_id),
        enums::ChannelParticipant::ParticipantSelf(p) => Some(p.user_id),
        enums::ChannelParticipant::Creator(p) => Some(p.user_id),
        enums::ChannelParticipant::Admin(p) => Some(p.user_id),
        enums::ChannelParticipant::Banned(_) | enums::ChannelParticipant::Left(_) => None,
    }
}

/// Service messages (somebody joined) count as read, and are left out only where they have no number.
fn post(message: enums::Message) -> Option<Post> {
    let from = |peer| match peer {
        Some(enums::Peer::User(user)) => Some(user.user_id),
        _ => None,
    };
    match message {
        enums::Message::Message(m) => {
            Some(Post { id: m.id, from: from(m.from_id), date: m.date, text: m.message })
        }
        enums::Message::Service(m) => {
            Some(Post { id: m.id, from: from(m.from_id), date: m.date, text: String::new() })
        }
        enums::Message::Empty(_) => None,
    }
}

fn unexpected(method: &str) -> CallError {
    CallError::Unavailable {
        reason: format!("{method} answered that nothing changed, but nothing was cached"),
        maybe_executed: false,
    }
}

impl Work for ExportMembers {
    type Output = Vec<Member>;

    fn terms(&self) -> Terms {
        Kind::ExportMembers.terms()
    }

    fn attempt<'a>(
        &'a mut self,
        context: Context<'a>,
    ) -> BoxFuture<'a, Result<Vec<Member>, Failure>> {
        async move { Ok(self.run(context.client).await?) }.boxed()
    }
}

impl Work for ExportMessages {
    type Output = Vec<Post>;

    fn terms(&self) -> Terms {
        Kind::ExportMessages.terms()
    }

    fn attempt<'a>(
        &'a mut self,
        context: Context<'a>,
    ) -> BoxFuture<'a, Result<Vec<Post>, Failure>> {
        async move { Ok(self.run(context.client).await?) }.boxed()
    }
}
