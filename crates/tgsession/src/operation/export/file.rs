//! An export into a file, which is whole or not there.
//!
//! Rows go to a part beside the file. Every [`INTERVAL`], and whenever the export stops for a while, the part is
//! synced and then its length is written to the store, with the place that the source has reached: a *checkpoint*.
//! Whoever goes on after a crash cuts the part to the length of the checkpoint and reads from its place; so no row
//! is lost, and none is there twice. At the end the part is synced, the checkpoint says that it is complete, and
//! only then the part gets its name; last the audit is written and the checkpoint forgotten, in one step.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use grammers_session::types::PeerRef;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use tracing::warn;

use super::super::{Context, Failure, Stop, Terms, Work};
use super::part::{self, Part};
use super::{Cursor, Format, Slice, Source, audit_line, used};
use crate::store::{Entry, Fact};
use crate::telegram::CallError;

/// How far apart checkpoints are.
const INTERVAL: Duration = Duration::from_secs(1);
/// How much is kept in memory before it is written.
const BUFFER: usize = 256 * 1024;

/// An export into a file: see [`ExportMessages::to_file`](super::ExportMessages::to_file).
///
/// The file appears when it is whole. Until then there is a `.part` beside it; an export that was stopped in the
/// middle, by a limit, an error or a kill, goes on where it was when the same one is submitted again for the same
/// file. That takes a session of a [`Store`](crate::Store); without one it begins anew. A file that is there is
/// never overwritten.
#[derive(Debug)]
pub struct ToFile<S: Source> {
    source: S,
    format: Format,
    path: PathBuf,
    described: String,
    writing: Option<Writing>,
}

/// An export that was written to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// The file.
    pub path: PathBuf,
    /// How many rows it has.
    pub rows: u64,
    /// How many of them an earlier submission had written.
    pub resumed_from: u64,
}

#[derive(Debug)]
struct Writing {
    part: Part,
    buffer: Vec<u8>,
    rows: u64,
    resumed_from: u64,
    saved: Instant,
}

/// How far an export has come.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    pub(crate) path: PathBuf,
    pub(crate) by: i64,
    pub(crate) described: String,
    pub(crate) format: Format,
    pub(crate) cursor: Cursor,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// All rows are there; what is left is the name.
    pub(crate) complete: bool,
}

/// What there is to do.
enum Begun {
    Writing(Writing),
    /// The part had got its name before the process was killed.
    Named {
        rows: u64,
    },
}

impl<S: Source> ToFile<S> {
    pub(super) fn new(source: S, path: PathBuf, format: Format) -> Self {
        let described = source.described();
        Self { source, format, path, described, writing: None }
    }

    async fn run(&mut self, context: Context<'_>) -> Result<Exported, Stop> {
        let slice = Slice::begin();
        let chat = self.source.open(context).await?;
        if self.writing.is_none() {
            self.path = std::path::absolute(&self.path)
                .map_err(|source| Failure::File { path: self.path.clone(), source })?;
            match self.begin(context).await? {
                Begun::Writing(writing) => self.writing = Some(writing),
                Begun::Named { rows } => return self.conclude(context, chat, rows, rows).await,
            }
        }
        loop {
            let page = self.source.page(context, chat).await?;
            if let Some(writing) = &mut self.writing {
                writing.buffer.extend(self.format.rows(&page.rows));
                // What a checkpoint says may be any number.
                writing.rows = writing.rows.saturating_add(page.rows.len() as u64);
            }
            if page.is_last {
                break;
            }
            slice.end()?;
            self.save_if_due(context).await?;
        }
        self.finish(context, chat).await
    }

    /// Goes on where an earlier submission was, or begins.
    async fn begin(&mut self, context: Context<'_>) -> Result<Begun, Stop> {
        let earlier = self.earlier(context).await?;
        if let Some(done) = earlier.as_ref().filter(|earlier| earlier.complete)
            && part::is_finished(self.path.clone(), done.bytes).await?
        {
            return Ok(Begun::Named { rows: done.rows });
        }
        part::require_free(self.path.clone()).await?;
        let bytes = earlier.as_ref().map_or(0, |earlier| earlier.bytes);
        let part = Part::open(self.path.clone(), bytes).await?;
        let saved = Instant::now();
        Ok(Begun::Writing(match earlier {
            Some(earlier) if part.bytes() > 0 => {
                self.source.go_on(earlier.cursor, earlier.rows);
                let (rows, resumed_from) = (earlier.rows, earlier.rows);
                Writing { part, buffer: Vec::new(), rows, resumed_from, saved }
            }
            _ => {
                self.source.go_on(Cursor::default(), 0);
                let buffer = self.format.header::<S::Row>();
                Writing { part, buffer, rows: 0, resumed_from: 0, saved }
            }
        }))
    }

    /// How far an earlier submission has come. What another export began is not mixed with this one.
    async fn earlier(&self, context: Context<'_>) -> Result<Option<Checkpoint>, Stop> {
        let earlier: Option<Checkpoint> = context.book.read(self.entry()).await?;
        let Some(earlier) = earlier.filter(|earlier| earlier.path == self.path) else {
            return Ok(None);
        };
        let Checkpoint { by, described, format, .. } = &earlier;
        if (*by, described, *format) == (context.user, &self.described, self.format) {
            return Ok(Some(earlier));
        }
        if !part::exists(&self.path).await? {
            return Ok(None);
        }
        Err(CallError::Invalid(format!(
            "{} has the beginning of another export ({described} as {format:?}, by user {by}): go on with that \
             one, or remove its .part",
            self.path.display(),
        ))
        .into())
    }

    async fn save_if_due(&mut self, context: Context<'_>) -> Result<(), Stop> {
        let Some(writing) = &self.writing else { return Ok(()) };
        if writing.saved.elapsed() >= INTERVAL || writing.buffer.len() >= BUFFER {
            self.save(context, false).await?;
        }
        Ok(())
    }

    /// Writes and syncs what there is, and then says so to the store.
    async fn save(&mut self, context: Context<'_>, complete: bool) -> Result<(), Failure> {
        // Where this fails or is given up, the next begins with the checkpoint before it.
        let Some(Writing { part, buffer, rows, resumed_from, .. }) = self.writing.take() else {
            return Ok(());
        };
        let part = part.append(buffer).await?.sync().await?;
        let checkpoint = Checkpoint {
            path: self.path.clone(),
            by: context.user,
            described: self.described.clone(),
            format: self.format,
            cursor: self.source.cursor(),
            rows,
            bytes: part.bytes(),
            complete,
        };
        let checkpoint = Fact::new(self.entry(), &checkpoint);
        context.book.write(&[checkpoint, used(context)]).await?;
        let (buffer, saved) = (Vec::new(), Instant::now());
        self.writing = Some(Writing { part, buffer, rows, resumed_from, saved });
        Ok(())
    }

    async fn finish(&mut self, context: Context<'_>, chat: PeerRef) -> Result<Exported, Stop> {
        self.source.settle();
        self.save(context, true).await?;
        let Some(Writing { part, rows, resumed_from, .. }) = self.writing.take() else {
            return Err(Failure::Interrupted("its file is gone").into());
        };
        part.finish().await?;
        self.conclude(context, chat, rows, resumed_from).await
    }

    /// The file is there: what is left is to say so.
    async fn conclude(
        &mut self,
        context: Context<'_>,
        chat: PeerRef,
        rows: u64,
        resumed_from: u64,
    ) -> Result<Exported, Stop> {
        let file = self.path.display().to_string();
        let line = audit_line(&self.source, context, chat, rows, Some(file));
        context.book.audit(&line, vec![Fact::none(self.entry()), used(context)]).await?;
        Ok(Exported { path: self.path.clone(), rows, resumed_from })
    }

    fn entry(&self) -> Entry {
        Entry::Checkpoint(number_of(&self.path))
    }
}

/// A number that stands for a path, in every process.
fn number_of(path: &Path) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] = Sha256::digest(path.as_os_str().as_encoded_bytes()).0;
    i64::from_le_bytes([a, b, c, d, e, f, g, h])
}

impl<S: Source> Work for ToFile<S> {
    type Output = Exported;

    fn terms(&self) -> Terms {
        self.source.kind().terms()
    }

    fn attempt<'a>(&'a mut self, context: Context<'a>) -> BoxFuture<'a, Result<Exported, Stop>> {
        async move {
            let stop = match self.run(context).await {
                Ok(exported) => return Ok(exported),
                Err(stop) => stop,
            };
            // So that nothing is read again if the process ends before it goes on.
            if let Err(error) = self.save(context, false).await {
                warn!(%error, "how far an export has come was not written");
            }
            Err(stop)
        }
        .boxed()
    }
}
