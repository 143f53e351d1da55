//! What was said in a chat.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use grammers_client::tl;
use grammers_session::types::PeerRef;
use serde::Serialize;
use tl::enums;

use super::super::{Context, Kind, Stop, Terms, Work};
use super::format::Cell;
use super::{Cursor, Format, Page, Row, Source, ToFile, channel, read, unexpected, used};
use crate::limits::{Allowance, PacedCall, Quota};
use crate::telegram::{CallError, Target};

/// Telegram's limit of one page.
const PAGE: u32 = 100;
/// How many messages are reserved at once of the day's: each reservation is written before it is used.
const BLOCK: u32 = 10 * PAGE;

/// Reads what was said in a group or channel that the account is in, oldest first.
#[derive(Debug)]
pub struct ExportMessages {
    channel: Target,
    limit: u64,
    /// How many were read.
    read: u64,
    /// The number of the last one.
    last: i32,
    reserved: Option<Reserved>,
    rows: Vec<Post>,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

/// Messages that may be read today. What is left is given back, whatever happens.
#[derive(Debug)]
struct Reserved {
    allowance: Arc<Allowance>,
    left: u32,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.allowance.quotas.settle(Quota::PostsRead, self.left);
    }
}

impl ExportMessages {
    /// The messages of this group or channel.
    pub fn of(channel: impl Into<Target>) -> Self {
        let channel = channel.into();
        Self { channel, limit: u64::MAX, read: 0, last: 0, reserved: None, rows: Vec::new() }
    }

    /// So many messages at most, the oldest ones.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit as u64;
        self
    }

    /// Writes them to a file instead of keeping them.
    pub fn to_file(self, path: impl Into<std::path::PathBuf>, format: Format) -> ToFile<Self> {
        ToFile::new(self, path.into(), format)
    }

    /// What may be read of the day, in blocks: each is known to the store before it is used.
    async fn reserve(&mut self, context: Context<'_>) -> Result<u32, Stop> {
        if let Some(reserved) = self.reserved.as_ref().filter(|reserved| reserved.left > 0) {
            return Ok(reserved.left);
        }
        let wanted = u64::from(BLOCK).min(self.left()) as u32;
        let left = context.allowance.quotas.reserve_posts(wanted)?;
        self.reserved = Some(Reserved { allowance: Arc::clone(context.allowance), left });
        context.book.write(&[used(context)]).await?;
        Ok(left)
    }

    /// How many messages it may still read. What a checkpoint says was read may be any number.
    pub(crate) fn left(&self) -> u64 {
        self.limit.saturating_sub(self.read)
    }

    async fn read_page(&mut self, context: Context<'_>, chat: PeerRef) -> Result<Page<Post>, Stop> {
        if self.left() == 0 {
            return Ok(Page { rows: Vec::new(), is_last: true });
        }
        let allowed = self.reserve(context).await?;
        context.take(PacedCall::History)?;
        let n = u64::from(PAGE.min(allowed)).min(self.left()) as u32;
        let rows = history_after(context, chat, self.last, n).await?;
        Ok(self.move_behind(rows, n))
    }

    /// What was read as a page of up to `n`, which is no more than is left.
    pub(crate) fn move_behind(&mut self, rows: Vec<Post>, n: u32) -> Page<Post> {
        // A server that brings more than was asked for would make more of the day than there is.
        let read = (rows.len() as u32).min(n);
        if let Some(reserved) = &mut self.reserved {
            reserved.left -= read;
        }
        self.read += u64::from(read);
        let Some(last) = rows.last() else {
            return Page { rows, is_last: true };
        };
        self.last = last.id;
        Page { rows, is_last: self.left() == 0 }
    }
}

/// The page of up to `n` messages after number `last`, oldest first; empty at the end.
async fn history_after(
    context: Context<'_>,
    chat: PeerRef,
    last: i32,
    n: u32,
) -> Result<Vec<Post>, Stop> {
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
    posts(answer, last, n).ok_or_else(|| unexpected("messages.getHistory").into())
}

/// Up to `n` messages of an answer after number `last`, oldest first; `None` if it has no list of them.
pub(crate) fn posts(answer: enums::messages::Messages, last: i32, n: u32) -> Option<Vec<Post>> {
    let messages = match answer {
        enums::messages::Messages::Messages(all) => all.messages,
        enums::messages::Messages::Slice(slice) => slice.messages,
        enums::messages::Messages::ChannelMessages(slice) => slice.messages,
        enums::messages::Messages::NotModified(_) => return None,
    };
    // Whatever a server brings, an export moves forward, and ends.
    let mut posts: Vec<Post> =
        messages.into_iter().filter_map(post).filter(|post| post.id > last).collect();
    posts.sort_unstable_by_key(|post| post.id);
    posts.dedup_by_key(|post| post.id);
    posts.truncate(n as usize);
    Some(posts)
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
            u64::MAX => format!("messages of {}", self.channel),
            limit => format!("{limit} messages of {}", self.channel),
        }
    }

    fn open<'a>(&'a mut self, context: Context<'a>) -> BoxFuture<'a, Result<PeerRef, Stop>> {
        channel(context, &mut self.channel).boxed()
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

    fn settle(&mut self) {
        self.reserved = None;
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
