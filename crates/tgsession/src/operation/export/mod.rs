//! Exports: reading chats page by page, into memory or a file.
//!
//! A [`Source`] knows how to read the next page and where it stands. What has been read stays read: an attempt
//! after a failure or a pause goes on with the page that was not read. Each page takes a token of the account's
//! pace, and every [`SLICE`] an export lets others have its permit.

mod basic_group;
mod checkpoint;
mod file;
mod format;
mod members;
mod messages;
mod part;
mod place;

use std::time::Duration;

use futures_util::future::BoxFuture;
use grammers_session::types::{PeerKind, PeerRef};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::keep::{File, Recipe};
use super::{Context, Kind, Stop};
use crate::store::{AuditLine, Fact};
use crate::telegram::{CallError, Target};

#[cfg(test)]
pub(super) use checkpoint::{Checkpoint, Export};
pub use file::{Exported, ToFile};
pub use format::Format;
use format::Row;
#[cfg(test)]
pub(super) use members::may_export;
pub use members::{ExportMembers, Member};
#[cfg(test)]
pub(super) use messages::History;
pub use messages::{ExportMessages, Post};
#[cfg(test)]
pub(super) use part::FileId;

/// How long an export keeps its permit.
const SLICE: Duration = Duration::from_secs(2);

/// Where an export stands: what this counts is for its source to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor(pub(super) i32);

/// Something that is read page by page.
pub trait Source: Send + Sync + 'static {
    /// What is read.
    type Row: Row;

    #[doc(hidden)]
    fn kind(&self) -> Kind;

    /// What the audit calls it.
    #[doc(hidden)]
    fn what(&self) -> &'static str;

    /// All that makes another export of it, in words.
    #[doc(hidden)]
    fn described(&self) -> String;

    /// Finds the chat and asks whether it may be read, in each attempt again.
    #[doc(hidden)]
    fn open<'a>(&'a mut self, context: Context<'a>) -> BoxFuture<'a, Result<PeerRef, Stop>>;

    /// The next page, and moves behind it; an empty one at the end.
    #[doc(hidden)]
    fn page<'a>(
        &'a mut self,
        context: Context<'a>,
        chat: PeerRef,
    ) -> BoxFuture<'a, Result<Page<Self::Row>, Stop>>;

    #[doc(hidden)]
    fn cursor(&self) -> Cursor;

    /// Goes on from where an earlier export stood, after so many rows.
    #[doc(hidden)]
    fn go_on(&mut self, cursor: Cursor, rows: u64);

    /// What makes an export of it into a file again.
    #[doc(hidden)]
    fn recipe(&self, file: File) -> Recipe;

    /// Whether an export that was stopped can go on from its cursor in another process.
    #[doc(hidden)]
    fn is_resumable(&self) -> bool;
}

/// What a source read at once.
#[derive(Debug)]
pub struct Page<R> {
    pub(super) rows: Vec<R>,
    /// There is nothing behind it.
    pub(super) is_last: bool,
}

/// The time that an export has before it lets others have its turn.
struct Slice(Instant);

impl Slice {
    fn begin() -> Self {
        Self(Instant::now())
    }

    /// To be asked between two pages.
    fn end(&self) -> Result<(), Stop> {
        match self.0.elapsed() < SLICE {
            true => Ok(()),
            false => Err(Stop::pause(Duration::ZERO)),
        }
    }
}

/// Reads to the end, into memory.
async fn read<S: Source>(
    source: &mut S,
    context: Context<'_>,
    rows: &mut Vec<S::Row>,
) -> Result<Vec<S::Row>, Stop> {
    let slice = Slice::begin();
    let chat = source.open(context).await?;
    reserve(context, chat).await?;
    let before = rows.len();
    loop {
        let page = page(source, context, chat).await;
        // What comes after a page has come on.
        let page =
            page.map_err(|stop| if rows.len() > before { stop.having_come_on() } else { stop })?;
        rows.extend(page.rows);
        if page.is_last {
            break;
        }
        slice.end().map_err(Stop::having_come_on)?;
    }
    let line = audit_line(source, context, number_of(context, chat), rows.len() as u64, None);
    context.book.audit(line, vec![used(context)], None).await?;
    Ok(std::mem::take(rows))
}

fn audit_line<S: Source>(
    source: &S,
    context: Context<'_>,
    chat: i64,
    rows: u64,
    file: Option<String>,
) -> AuditLine {
    AuditLine::now(context.user, source.what(), chat, rows, file)
}

/// What the account has used of its day, to be written.
fn used(context: Context<'_>) -> Fact {
    Fact::used(&context.allowance.quotas.used())
}

/// The number of a chat; that of the account itself if it is the one that it has with itself.
fn number_of(context: Context<'_>, chat: PeerRef) -> i64 {
    chat.id.bare_id().unwrap_or(context.user)
}

/// The group or channel behind a target.
async fn channel(context: Context<'_>, target: &mut Target) -> Result<PeerRef, Stop> {
    let name = target.to_string();
    let peer = context.resolve(target).await?;
    if peer.id.kind() == PeerKind::User {
        return Err(CallError::Invalid(format!("{name} is not a group or channel")).into());
    }
    Ok(peer)
}

/// The chat counts as one of the day's, which is known before anything is read from it.
async fn reserve(context: Context<'_>, chat: PeerRef) -> Result<(), Stop> {
    let (quotas, chat) = (&context.allowance.quotas, number_of(context, chat));
    if quotas.reserve_chat(chat)?
        && let Err(error) = context.book.write(vec![used(context)]).await
    {
        quotas.release_chat(chat);
        return Err(error.into());
    }
    Ok(())
}

/// The next page. A chat of which Telegram gives none does not count as one of the day's.
async fn page<S: Source>(
    source: &mut S,
    context: Context<'_>,
    chat: PeerRef,
) -> Result<Page<S::Row>, Stop> {
    let page = source.page(context, chat).await;
    let (quotas, chat) = (&context.allowance.quotas, number_of(context, chat));
    match &page {
        Ok(_) => quotas.read_chat(chat),
        Err(stop) if stop.is_answer() => quotas.release_chat(chat),
        Err(_) => {}
    }
    page
}

fn unexpected(method: &str) -> CallError {
    CallError::Unavailable {
        reason: format!("{method} answered that nothing changed, but nothing was cached"),
        maybe_executed: false,
    }
}
