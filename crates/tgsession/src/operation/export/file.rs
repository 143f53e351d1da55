//! An export into a file, which is whole or not there.
//!
//! Rows go to a part beside the file. Every [`INTERVAL`], and whenever the export stops for a while, the part is synced
//! and then its length is written to the store, with the place that the source has reached: a *checkpoint*. The first
//! is written before the first row. Whoever goes on after a crash cuts the part to the length of the checkpoint and
//! reads from its place; so no row is lost, and none is there twice. At the end the part is synced, the checkpoint says
//! that it is complete, and only then the part gets its name; last the audit is written and the checkpoint forgotten,
//! in one step. Whoever finds a complete one does what is left of that, and asks nobody. A part that no checkpoint of
//! this very export speaks of is left alone.
//!
//! That an export which is [kept](super::super::keep) is done is written in that last step too: without the checkpoint
//! whoever did it again would find a file that is there, and nothing that says whose it is.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use grammers_session::types::PeerRef;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tracing::warn;

use super::super::keep::{File, Recipe, Written, done};
use super::super::{Context, Failure, Stop, Terms, Work};
use super::checkpoint::{Checkpoint, Export};
use super::part::{self, Part};
use super::{Cursor, Format, Slice, Source, audit_line, number_of, page, reserve, used};
use crate::store::{AuditLine, Fact};
use crate::telegram::CallError;

/// How far apart checkpoints are.
const INTERVAL: Duration = Duration::from_secs(1);
/// How much is kept in memory before it is written.
const BUFFER: usize = 256 * 1024;

/// An export into a file: see [`ExportMessages::to_file`](super::ExportMessages::to_file).
///
/// The file appears when it is whole. Until then there is a `.part` beside it. An export of messages that was stopped
/// in the middle, by a limit, an error or a kill, goes on where it was when the same one is submitted again for the
/// same file; one of members begins anew. That takes a session of a [`Store`](crate::Store); without one the part has
/// to be removed first. A file that is there is never overwritten.
#[derive(Debug)]
pub struct ToFile<S: Source> {
    source: S,
    format: Format,
    path: PathBuf,
    described: String,
    /// The key that it is kept under.
    key: Option<String>,
    writing: Option<Writing>,
    /// What the audit has to say if it stops: what this submission has put into the part.
    left: Option<AuditLine>,
}

/// An export that was written to a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Exported {
    /// The file.
    #[serde(with = "as_the_system_has_it")]
    pub path: PathBuf,
    /// How many rows it has.
    pub rows: u64,
    /// How many of them an earlier submission had written.
    pub resumed_from: u64,
}

/// A path need not be text.
mod as_the_system_has_it {
    use std::ffi::OsString;
    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
        path.as_os_str().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
        OsString::deserialize(from).map(PathBuf::from)
    }
}

/// A part that is being written.
#[derive(Debug)]
struct Writing {
    of: Export,
    part: Part,
    /// Rows that are not in the part yet.
    buffer: Vec<u8>,
    rows: u64,
    resumed_from: u64,
    saved: Instant,
    /// It was not written, and nobody knows how much of it: the next attempt begins with the last checkpoint.
    broken: bool,
}

impl Writing {
    fn new(of: Export, part: Part, buffer: Vec<u8>, rows: u64) -> Self {
        Self { of, part, buffer, rows, resumed_from: rows, saved: Instant::now(), broken: false }
    }

    /// Writes and syncs what there is, and then says so to the store.
    async fn save(
        &mut self,
        context: Context<'_>,
        cursor: Cursor,
        complete: bool,
    ) -> Result<(), Failure> {
        self.broken = true;
        self.part.append(std::mem::take(&mut self.buffer)).await?;
        let checkpoint = Checkpoint {
            of: self.of.clone(),
            part: self.part.id(),
            cursor,
            rows: self.rows,
            bytes: self.part.bytes(),
            complete,
        };
        context.book.write(vec![checkpoint.fact(), used(context)]).await?;
        (self.saved, self.broken) = (Instant::now(), false);
        Ok(())
    }

    fn is_due(&self) -> bool {
        self.saved.elapsed() >= INTERVAL || self.buffer.len() >= BUFFER
    }
}

impl<S: Source> ToFile<S> {
    pub(super) fn new(source: S, path: PathBuf, format: Format) -> Self {
        let described = source.described();
        Self { source, format, path, described, key: None, writing: None, left: None }
    }

    async fn run(&mut self, context: Context<'_>) -> Result<Exported, Stop> {
        let slice = Slice::begin();
        if self.writing.is_none()
            && let Some(exported) = self.complete(context).await?
        {
            return Ok(exported);
        }
        let chat = self.source.open(context).await?;
        let mut writing = match self.writing.take() {
            Some(writing) => writing,
            None => self.begin(context, chat).await?,
        };
        match self.read(context, chat, &slice, &mut writing).await {
            Ok(()) => self.finish(context, writing).await,
            Err(stop) => Err(self.stop(context, writing, stop).await),
        }
    }

    /// What is left of an export that an earlier submission had read to its end: its name, and to say so. It was
    /// allowed then, and nothing more is read: so nobody is asked, and no quota either. Where the name of the chat has
    /// moved meanwhile, it is still the chat that was read, and the audit says which.
    async fn complete(&mut self, context: Context<'_>) -> Result<Option<Exported>, Stop> {
        self.path = std::path::absolute(&self.path)
            .map_err(|source| Failure::File { path: self.path.clone(), source })?;
        let earlier: Option<Checkpoint> = context.book.read(Export::entry(&self.path)).await?;
        let is_it = |earlier: &Checkpoint| {
            earlier.complete && earlier.of == self.export(context, earlier.of.chat)
        };
        let Some(Checkpoint { of, part: id, rows, bytes, .. }) = earlier.filter(is_it) else {
            return Ok(None);
        };
        if !part::is_finished(self.path.clone(), id, bytes).await? {
            let Some(part) = Part::go_on(self.path.clone(), id, bytes).await? else {
                return Ok(None);
            };
            context.end();
            part.finish_anew().await?;
        }
        context.end();
        self.conclude(context, of.chat, rows, rows).await.map(Some)
    }

    /// This export, of this chat.
    fn export(&self, context: Context<'_>, chat: i64) -> Export {
        Export {
            path: self.path.as_os_str().as_encoded_bytes().to_owned(),
            by: context.user,
            chat,
            described: self.described.clone(),
            format: self.format,
        }
    }

    /// Reads page after page to the end.
    async fn read(
        &mut self,
        context: Context<'_>,
        chat: PeerRef,
        slice: &Slice,
        writing: &mut Writing,
    ) -> Result<(), Stop> {
        reserve(context, chat).await?;
        let before = writing.rows;
        loop {
            let page = page(&mut self.source, context, chat).await;
            // What comes after a page has come on.
            let came_on = writing.rows > before;
            let page = page.map_err(|stop| if came_on { stop.having_come_on() } else { stop })?;
            writing.buffer.extend(self.format.rows(&page.rows));
            // What a checkpoint says may be any number.
            writing.rows = writing.rows.saturating_add(page.rows.len() as u64);
            if page.is_last {
                return Ok(());
            }
            slice.end().map_err(Stop::having_come_on)?;
            if writing.is_due() {
                self.save(context, writing, false).await?;
            }
        }
    }

    /// Writes what there is, and remembers that for the audit.
    async fn save(
        &mut self,
        context: Context<'_>,
        writing: &mut Writing,
        complete: bool,
    ) -> Result<(), Failure> {
        writing.save(context, self.source.cursor(), complete).await?;
        if writing.rows > writing.resumed_from {
            let file = Some(self.path.display().to_string());
            let line = audit_line(&self.source, context, writing.of.chat, writing.rows, file);
            self.left = Some(line.stopped());
        }
        Ok(())
    }

    /// Keeps what was read: the process may end before the export goes on.
    async fn stop(&mut self, context: Context<'_>, mut writing: Writing, stop: Stop) -> Stop {
        if writing.broken {
            return stop;
        }
        match self.save(context, &mut writing, false).await {
            Ok(()) => self.writing = Some(writing),
            // Else it would read the same page again and again.
            Err(error) if matches!(stop, Stop::Pause { .. }) => return error.into(),
            Err(error) => warn!(%error, "how far an export has come was not written"),
        }
        stop
    }

    /// Goes on where an earlier submission was, or begins.
    async fn begin(&mut self, context: Context<'_>, chat: PeerRef) -> Result<Writing, Stop> {
        let of = self.export(context, number_of(context, chat));
        if let Some(earlier) = self.earlier(context, &of).await?
            && let Some(writing) = self.go_on(earlier).await?
        {
            return Ok(writing);
        }
        part::require_free(self.path.clone()).await?;
        let part = Part::begin(self.path.clone()).await?;
        self.source.go_on(Cursor::default(), 0);
        let mut writing = Writing::new(of, part, Vec::new(), 0);
        // Before the first row: a part that no checkpoint speaks of is nobody's.
        writing.save(context, Cursor::default(), false).await?;
        writing.buffer = self.format.header::<S::Row>();
        Ok(writing)
    }

    /// How far an earlier submission has come. What another export began is not mixed with this one.
    async fn earlier(&self, context: Context<'_>, of: &Export) -> Result<Option<Checkpoint>, Stop> {
        let earlier: Option<Checkpoint> = context.book.read(Export::entry(&self.path)).await?;
        let Some(earlier) = earlier.filter(|earlier| earlier.of.path == of.path) else {
            return Ok(None);
        };
        if earlier.of == *of {
            return Ok(Some(earlier));
        }
        if !part::exists(&self.path).await? {
            return Ok(None);
        }
        let Export { by, chat, described, format, .. } = earlier.of;
        Err(CallError::Invalid(format!(
            "{} has the beginning of another export ({described}, chat {chat}, as {format:?}, by user {by}): go on \
             with that one, or remove its .part",
            self.path.display(),
        ))
        .into())
    }

    /// `None` if what was begun is gone.
    async fn go_on(&mut self, earlier: Checkpoint) -> Result<Option<Writing>, Failure> {
        let Checkpoint { of, part: id, cursor, rows, bytes, .. } = earlier;
        let (cursor, rows, bytes) = match self.source.is_resumable() {
            true => (cursor, rows, bytes),
            false => (Cursor::default(), 0, 0),
        };
        let Some(part) = Part::go_on(self.path.clone(), id, bytes).await? else {
            return Ok(None);
        };
        part::require_free(self.path.clone()).await?;
        self.source.go_on(cursor, rows);
        let buffer = if bytes == 0 { self.format.header::<S::Row>() } else { Vec::new() };
        Ok(Some(Writing::new(of, part, buffer, rows)))
    }

    async fn finish(
        &mut self,
        context: Context<'_>,
        mut writing: Writing,
    ) -> Result<Exported, Stop> {
        self.save(context, &mut writing, true).await?;
        let Writing { of, part, rows, resumed_from, .. } = writing;
        // Whoever cancels it from here on would find a file that is there, and an outcome that says it is not.
        context.end();
        part.finish().await?;
        self.conclude(context, of.chat, rows, resumed_from).await
    }

    /// The file is there: what is left is to say so.
    async fn conclude(
        &mut self,
        context: Context<'_>,
        chat: i64,
        rows: u64,
        resumed_from: u64,
    ) -> Result<Exported, Stop> {
        let file = self.path.display().to_string();
        let line = audit_line(&self.source, context, chat, rows, Some(file));
        let facts = vec![Fact::none(Export::entry(&self.path)), used(context)];
        let exported = Exported { path: self.path.clone(), rows, resumed_from };
        let ended = self.key.as_deref().map(|key| (key, done::<Self>(&exported)));
        context.book.audit(line, facts, ended).await?;
        self.left = None;
        Ok(exported)
    }
}

impl<S: Source> Written for ToFile<S> {
    const ENDS_ITSELF: bool = true;

    fn what(&self) -> String {
        format!("{} to {}", self.described, self.path.display())
    }

    /// The next process may be elsewhere, so the path is made whole. One that cannot be fails when it is used.
    fn keep(&mut self, key: &str) -> Recipe {
        if let Ok(path) = std::path::absolute(&self.path) {
            self.path = path;
        }
        self.key = Some(key.to_owned());
        self.source.recipe(File { path: self.path.clone().into(), format: self.format })
    }

    fn say(exported: &Exported) -> String {
        format!("{} rows", exported.rows)
    }
}

impl<S: Source> Work for ToFile<S> {
    type Output = Exported;

    fn terms(&self) -> Terms {
        self.source.kind().terms()
    }

    /// One that is kept and goes on has its line at its end.
    fn left(&self, goes_on: bool) -> Option<AuditLine> {
        self.left.clone().filter(|_| !goes_on || self.key.is_none())
    }

    fn attempt<'a>(&'a mut self, context: Context<'a>) -> BoxFuture<'a, Result<Exported, Stop>> {
        self.run(context).boxed()
    }
}
