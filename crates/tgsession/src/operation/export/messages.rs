//! What was said in a chat.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use grammers_client::tl;
use grammers_session::types::{PeerKind, PeerRef};
use serde::Serialize;
use tl::enums;

use super::super::keep::{File, Recipe};
use super::super::{Context, Kind, Stop, Terms, Work};
use super::format::Cell;
use super::{Cursor, Format, Page, Row, Source, ToFile, read, unexpected, used};
use crate::limits::{PacedCall, Quota, Reserved};
use crate::telegram::{CallError, Target};

/// Telegram's limit of one page.
const PAGE: u32 = 100;

/// Reads what was said in a chat that the account is in, oldest first: a channel, a group, or with one user.
///
/// What a day allows ([`Quota::PostsRead`]) is for all exports of the account. One that is kept in memory fails where
/// that is used up, and with it what it has read: give it a [`limit`](Self::limit), or write it to a
/// [file](Self::to_file), which is gone on with the next day.
#[derive(Debug)]
pub struct ExportMessages {
    chat: Target,
    /// The number of the account's user.
    me: i64,
    limit: u64,
    /// How many were read.
    read: u64,
    /// The number of the last one.
    last: i32,
    rows: Vec<Post>,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Post {
    /// Its number in the chat.
    pub id: i32,
    /// The number of the user who wrote it, if one did and Telegram says which.
    pub from: Option<i64>,
    /// When, in seconds since 1970.
    pub date: i32,
    /// Its text.
    pub text: String,
}

impl Row for Post {
    const HEADER: &'static [&'static str] = &["id", "from", "date", "text"];

    fn cells(&self) -> Vec<Cell<'_>> {
        let from = self.from.map_or(Cell::Empty, Cell::Number);
        vec![
            Cell::Number(self.id.into()),
            from,
            Cell::Number(self.date.into()),
            Cell::Text(&self.text),
        ]
    }
}

impl ExportMessages {
    /// The messages of this chat.
    pub fn of(chat: impl Into<Target>) -> Self {
        let chat = chat.into();
        Self { chat, me: 0, limit: u64::MAX, read: 0, last: 0, rows: Vec::new() }
    }

    /// So many messages at most, the oldest ones.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit as u64;
        self
    }

    /// The same as one before: of this chat, so many.
    pub(crate) fn again(chat: Target, limit: u64) -> Self {
        Self { limit, ..Self::of(chat) }
    }

    /// Writes them to a file instead of keeping them.
    pub fn to_file(self, path: impl Into<std::path::PathBuf>, format: Format) -> ToFile<Self> {
        ToFile::new(self, path.into(), format)
    }

    /// The right to read so many of the day's at most, known to the store before it is used. It takes one too to see
    /// that there are no more.
    async fn reserve(&self, context: Context<'_>, n: u32) -> Result<Reserved, Stop> {
        let quotas = &context.allowance.quotas;
        let reserved = quotas.reserve_posts(n)?;
        if !quotas.is_unlimited(Quota::PostsRead) {
            context.book.write(vec![used(context)]).await?;
        }
        Ok(reserved)
    }

    /// How many messages it may still read. What a checkpoint says was read may be any number.
    pub(crate) fn left(&self) -> u64 {
        self.limit.saturating_sub(self.read)
    }

    async fn read_page(&mut self, context: Context<'_>, chat: PeerRef) -> Result<Page<Post>, Stop> {
        let wanted = u64::from(PAGE).min(self.left()) as u32;
        if wanted == 0 {
            return Ok(Page { rows: Vec::new(), is_last: true });
        }
        context.take(PacedCall::History)?;
        let mut reserved = self.reserve(context, wanted).await?;
        let history = match history_after(context, chat, self.last, reserved.left()).await {
            Ok(history) => history,
            Err(stop) => {
                // It may have been read where the answer was lost.
                if !stop.is_answer() {
                    reserved.spend(wanted);
                }
                return Err(stop);
            }
        };
        let page = self.move_behind(history, reserved.left());
        reserved.spend(page.rows.len() as u32);
        Ok(page)
    }

    /// What was read as a page of up to `n`, which is no more than is left. Whatever a server brings, an export moves
    /// forward, and ends.
    pub(crate) fn move_behind(&mut self, history: History, n: u32) -> Page<Post> {
        let History(mut messages) = history;
        messages.retain(|message| message.id() > self.last);
        messages.sort_unstable_by_key(enums::Message::id);
        messages.dedup_by_key(|message| message.id());
        messages.truncate(n as usize);
        let Some(last) = messages.last().map(enums::Message::id) else {
            return Page { rows: Vec::new(), is_last: true };
        };
        self.last = last;
        let rows: Vec<Post> = messages.into_iter().filter_map(|m| post(m, self.me)).collect();
        self.read = self.read.saturating_add(rows.len() as u64);
        Page { rows, is_last: self.left() == 0 }
    }
}

/// A page of a chat's history.
pub(crate) struct History(Vec<enums::Message>);

impl History {
    /// `None` if the answer has no list.
    pub(crate) fn of(answer: enums::messages::Messages) -> Option<Self> {
        Some(Self(match answer {
            enums::messages::Messages::Messages(all) => all.messages,
            enums::messages::Messages::Slice(slice) => slice.messages,
            enums::messages::Messages::ChannelMessages(slice) => slice.messages,
            enums::messages::Messages::NotModified(_) => return None,
        }))
    }
}

/// The page of up to `n` messages after number `last`; empty at the end.
async fn history_after(
    context: Context<'_>,
    chat: PeerRef,
    last: i32,
    n: u32,
) -> Result<History, Stop> {
    let request = tl::functions::messages::GetHistory {
        peer: chat.into(),
        // The window ends just below this number, and is moved up by a page.
        offset_id: last.saturating_add(1),
        offset_date: 0,
        add_offset: -(n as i32),
        limit: n as i32,
        max_id: 0,
        min_id: last,
        hash: 0,
    };
    let answer = context.client.invoke(&request).await.map_err(CallError::from)?;
    if is_outside(&answer, chat) {
        let refused = "messages are exported only from chats that the account is in: join it first";
        return Err(CallError::Invalid(refused.to_owned()).into());
    }
    History::of(answer).ok_or_else(|| unexpected("messages.getHistory").into())
}

/// Whether the account is not in the chat. Telegram lets everybody read a public one.
fn is_outside(answer: &enums::messages::Messages, of: PeerRef) -> bool {
    let chats = match answer {
        enums::messages::Messages::Messages(all) => &all.chats,
        enums::messages::Messages::Slice(slice) => &slice.chats,
        enums::messages::Messages::ChannelMessages(slice) => &slice.chats,
        enums::messages::Messages::NotModified(_) => return false,
    };
    let (kind, id) = (of.id.kind(), of.id.bare_id());
    chats.iter().any(|chat| match chat {
        enums::Chat::Channel(chat) => kind == PeerKind::Channel && Some(chat.id) == id && chat.left,
        enums::Chat::Chat(chat) => kind == PeerKind::Chat && Some(chat.id) == id && chat.left,
        _ => false,
    })
}

/// A service message (somebody joined) is a row without a text; one that is deleted is none.
fn post(message: enums::Message, me: i64) -> Option<Post> {
    match message {
        enums::Message::Message(m) => {
            let from = author(m.from_id, &m.peer_id, m.out, me);
            Some(Post { id: m.id, from, date: m.date, text: m.message })
        }
        enums::Message::Service(m) => {
            let from = author(m.from_id, &m.peer_id, m.out, me);
            Some(Post { id: m.id, from, date: m.date, text: String::new() })
        }
        enums::Message::Empty(_) => None,
    }
}

/// Who wrote a message. In a chat of two Telegram need not say it: whoever it went out from.
fn author(from: Option<enums::Peer>, chat: &enums::Peer, out: bool, me: i64) -> Option<i64> {
    match (from, chat) {
        (Some(enums::Peer::User(user)), _) => Some(user.user_id),
        (None, enums::Peer::User(_)) if out => Some(me),
        (None, enums::Peer::User(with)) => Some(with.user_id),
        _ => None,
    }
}

impl Source for ExportMessages {
    type Row = Post;

    fn kind(&self) -> Kind {
        Kind::ExportMessages
    }

    fn what(&self) -> &'static str {
        "messages"
    }

    fn described(&self) -> String {
        match self.limit {
            u64::MAX => format!("messages of {}", self.chat),
            limit => format!("{limit} messages of {}", self.chat),
        }
    }

    fn open<'a>(&'a mut self, context: Context<'a>) -> BoxFuture<'a, Result<PeerRef, Stop>> {
        self.me = context.user;
        async move { context.resolve(&mut self.chat).await }.boxed()
    }

    fn page<'a>(
        &'a mut self,
        context: Context<'a>,
        chat: PeerRef,
    ) -> BoxFuture<'a, Result<Page<Post>, Stop>> {
        self.read_page(context, chat).boxed()
    }

    fn cursor(&self) -> Cursor {
        Cursor(self.last)
    }

    fn go_on(&mut self, Cursor(last): Cursor, rows: u64) {
        (self.last, self.read) = (last, rows);
    }

    fn recipe(&self, file: File) -> Recipe {
        Recipe::Messages { chat: (&self.chat).into(), limit: self.limit, file }
    }

    fn is_resumable(&self) -> bool {
        true
    }
}

impl Work for ExportMessages {
    type Output = Vec<Post>;

    fn terms(&self) -> Terms {
        Kind::ExportMessages.terms()
    }

    fn attempt<'a>(&'a mut self, context: Context<'a>) -> BoxFuture<'a, Result<Vec<Post>, Stop>> {
        async move {
            let mut rows = std::mem::take(&mut self.rows);
            let read = read(self, context, &mut rows).await;
            self.rows = rows;
            read
        }
        .boxed()
    }
}
