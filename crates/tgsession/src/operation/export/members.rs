//! Who is in a chat.

use std::collections::{HashMap, HashSet};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use grammers_client::tl;
use grammers_session::types::{PeerKind, PeerRef};
use serde::Serialize;
use tl::enums;
use tracing::warn;

use super::super::keep::{File, Recipe};
use super::super::{Context, Kind, Stop, Terms, Work};
use super::format::Cell;
use super::{Cursor, Format, Page, Row, Source, ToFile, basic_group, channel, read, unexpected};
use crate::limits::PacedCall;
use crate::telegram::{CallError, Target};

/// Telegram's limit of one page.
const PAGE: i32 = 200;

/// Reads who is in a group or channel, where the account is its creator or an admin: asked of Telegram in
/// each attempt that reads a page. Phone numbers are never read.
#[derive(Debug)]
pub struct ExportMembers {
    channel: Target,
    /// How many entries of the list were read.
    offset: i32,
    /// The list moves while it is read: nobody is told twice.
    seen: HashSet<i64>,
    /// Telegram said that it may, and no page was read since.
    may: bool,
    rows: Vec<Member>,
}

/// Somebody who is in a group or channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Member {
    /// The number of the user.
    pub user: i64,
    /// The user name, if there is one.
    pub username: Option<String>,
    /// The first name, if there is one.
    pub name: Option<String>,
}

impl Row for Member {
    const HEADER: &'static [&'static str] = &["user", "username", "name"];

    fn cells(&self) -> Vec<Cell<'_>> {
        let [username, name] = [&self.username, &self.name].map(|text| Cell::text(text.as_ref()));
        vec![Cell::Number(self.user), username, name]
    }
}

impl ExportMembers {
    /// The members of this group or channel.
    pub fn of(channel: impl Into<Target>) -> Self {
        let channel = channel.into();
        Self { channel, offset: 0, seen: HashSet::new(), may: false, rows: Vec::new() }
    }

    /// Writes them to a file instead of keeping them.
    pub fn to_file(self, path: impl Into<std::path::PathBuf>, format: Format) -> ToFile<Self> {
        ToFile::new(self, path.into(), format)
    }

    async fn read_page(
        &mut self,
        context: Context<'_>,
        chat: PeerRef,
    ) -> Result<Page<Member>, Stop> {
        context.take(PacedCall::Members)?;
        self.may = false;
        if chat.id.kind() == PeerKind::Chat {
            return Ok(self.all_of(basic_group::read(context, chat).await?));
        }
        let request = tl::functions::channels::GetParticipants {
            channel: chat.into(),
            filter: enums::ChannelParticipantsFilter::ChannelParticipantsRecent,
            offset: self.offset,
            limit: PAGE,
            hash: 0,
        };
        let answer = context.client.invoke(&request).await.map_err(CallError::from)?;
        let enums::channels::ChannelParticipants::Participants(page) = answer else {
            return Err(unexpected("channels.getParticipants").into());
        };
        Ok(self.move_behind(page))
    }

    /// What is new in a page.
    pub(crate) fn move_behind(
        &mut self,
        page: tl::types::channels::ChannelParticipants,
    ) -> Page<Member> {
        let read = i32::try_from(page.participants.len()).unwrap_or(i32::MAX);
        self.offset = self.offset.saturating_add(read);
        let rows = self.new_of(page.participants.iter().filter_map(participant), page.users);
        if read == 0 && self.offset < page.count {
            // Of large groups it shows a part only.
            warn!(read = self.offset, of = page.count, "Telegram shows no more of the members");
        }
        Page { rows, is_last: read == 0 || self.offset >= page.count }
    }

    /// A basic group, which has one page.
    pub(crate) fn all_of(&mut self, group: tl::types::messages::ChatFull) -> Page<Member> {
        let participants = basic_group::participants(&group);
        let ids: Vec<_> = participants.iter().map(enums::ChatParticipant::user_id).collect();
        let rows = self.new_of(ids.into_iter(), group.users);
        Page { rows, is_last: true }
    }

    /// Those who were not told yet. Of users there are more: whoever invited or promoted somebody.
    fn new_of(&mut self, ids: impl Iterator<Item = i64>, users: Vec<enums::User>) -> Vec<Member> {
        let mut users: HashMap<i64, Member> =
            users.into_iter().filter_map(member).map(|m| (m.user, m)).collect();
        let new = ids.filter(|id| self.seen.insert(*id));
        new.filter_map(|id| users.remove(&id)).collect()
    }
}

async fn require_admin(context: Context<'_>, chat: PeerRef, channel: &Target) -> Result<(), Stop> {
    context.take(PacedCall::Members)?;
    let is_admin = match chat.id.kind() {
        PeerKind::Chat => {
            basic_group::is_admin(&basic_group::read(context, chat).await?, context.user)
        }
        _ => is_admin(context, chat).await?,
    };
    match is_admin {
        true => Ok(()),
        false => Err(CallError::Invalid(format!(
            "members are exported only where the account is creator or admin: in {channel} it is neither"
        ))
        .into()),
    }
}

async fn is_admin(context: Context<'_>, chat: PeerRef) -> Result<bool, Stop> {
    let request = tl::functions::channels::GetParticipant {
        channel: chat.into(),
        participant: enums::InputPeer::PeerSelf,
    };
    let enums::channels::ChannelParticipant::Participant(me) =
        context.client.invoke(&request).await.map_err(CallError::from)?;
    Ok(may_export(&me.participant))
}

pub(crate) fn may_export(me: &enums::ChannelParticipant) -> bool {
    matches!(me, enums::ChannelParticipant::Creator(_) | enums::ChannelParticipant::Admin(_))
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

impl Source for ExportMembers {
    type Row = Member;

    fn kind(&self) -> Kind {
        Kind::ExportMembers
    }

    fn what(&self) -> &'static str {
        "members"
    }

    fn described(&self) -> String {
        format!("members of {}", self.channel)
    }

    fn open<'a>(&'a mut self, context: Context<'a>) -> BoxFuture<'a, Result<PeerRef, Stop>> {
        async move {
            let named = self.channel.clone();
            let chat = channel(context, &mut self.channel).await?;
            // Once for the page that it waits for: with a pace of one call it would ask for ever.
            if !self.may {
                require_admin(context, chat, &named).await?;
                self.may = true;
            }
            Ok(chat)
        }
        .boxed()
    }

    fn page<'a>(
        &'a mut self,
        context: Context<'a>,
        chat: PeerRef,
    ) -> BoxFuture<'a, Result<Page<Member>, Stop>> {
        self.read_page(context, chat).boxed()
    }

    fn cursor(&self) -> Cursor {
        Cursor(self.offset)
    }

    fn go_on(&mut self, Cursor(offset): Cursor, _: u64) {
        self.offset = offset;
        self.seen.clear();
    }

    fn recipe(&self, file: File) -> Recipe {
        Recipe::Members { chat: (&self.channel).into(), file }
    }

    /// The list moves meanwhile, and is short: whoever goes on later begins anew.
    fn is_resumable(&self) -> bool {
        false
    }
}

impl Work for ExportMembers {
    type Output = Vec<Member>;

    fn terms(&self) -> Terms {
        Kind::ExportMembers.terms()
    }

    fn attempt<'a>(&'a mut self, context: Context<'a>) -> BoxFuture<'a, Result<Vec<Member>, Stop>> {
        async move {
            let mut rows = std::mem::take(&mut self.rows);
            let read = read(self, context, &mut rows).await;
            self.rows = rows;
            read
        }
        .boxed()
    }
}
