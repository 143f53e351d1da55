//! The file of an export before it is whole: what is written is put in its place only at the end.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, TryLockError};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::Failure;
use super::place;
use crate::store::private_file;

/// How often, and how far apart, somebody else's lock is asked for: the work of an operation that was cancelled ends
/// a moment after it.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// A file beside the one that it is to be. Whoever has it has its lock, so that nobody else writes it.
#[derive(Debug)]
pub(super) struct Part {
    file: Arc<File>,
    id: FileId,
    path: PathBuf,
    target: PathBuf,
    bytes: u64,
}

/// Which file of its directory it is, whatever its name. The number of the device is no part of it: that is another
/// after a restart on many file systems.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileId(u64);

impl FileId {
    #[cfg(unix)]
    fn of(file: &Metadata) -> Self {
        Self(std::os::unix::fs::MetadataExt::ino(file))
    }

    /// Elsewhere a file is known by its name alone.
    #[cfg(not(unix))]
    fn of(_: &Metadata) -> Self {
        Self(0)
    }
}

fn part_of(target: &Path) -> PathBuf {
    let mut name = OsString::from(target);
    name.push(".part");
    name.into()
}

fn taken() -> io::Error {
    let why = "it is the beginning of another export: go on with that one, or remove it";
    io::Error::new(ErrorKind::AlreadyExists, why)
}

impl Part {
    /// Opens the part of a file that nobody has begun.
    pub(super) async fn begin(target: PathBuf) -> Result<Self, Failure> {
        let path = part_of(&target);
        blocking(path.clone(), move || {
            let file = lock(&path, &target)?;
            match file.metadata()?.len() {
                0 => Self::new(file, path, target, 0),
                _ => Err(taken()),
            }
        })
        .await
    }

    /// Opens the part that was begun as this file, cut to its first `bytes`; `None` if it is gone.
    pub(super) async fn go_on(
        target: PathBuf,
        id: FileId,
        bytes: u64,
    ) -> Result<Option<Self>, Failure> {
        let path = part_of(&target);
        blocking(path.clone(), move || {
            if !fs::exists(&path)? {
                return Ok(None);
            }
            let file = lock(&path, &target)?;
            let found = file.metadata()?;
            if FileId::of(&found) != id || found.len() < bytes {
                return Err(taken());
            }
            file.set_len(bytes)?;
            Self::new(file, path, target, bytes).map(Some)
        })
        .await
    }

    fn new(file: File, path: PathBuf, target: PathBuf, bytes: u64) -> io::Result<Self> {
        let id = FileId::of(&file.metadata()?);
        Ok(Self { file: Arc::new(file), id, path, target, bytes })
    }

    pub(super) fn id(&self) -> FileId {
        self.id
    }

    /// How long it is.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends, and makes sure that all of it outlives the machine's power.
    pub(super) async fn append(&mut self, bytes: Vec<u8>) -> Result<(), Failure> {
        let (file, at) = (Arc::clone(&self.file), self.bytes);
        let appended = blocking(self.path.clone(), move || {
            let mut file = &*file;
            file.seek(SeekFrom::Start(at))?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            Ok(bytes.len() as u64)
        });
        self.bytes += appended.await?;
        Ok(())
    }

    /// Puts it in its place, where there is nothing yet.
    pub(super) async fn finish(self) -> Result<(), Failure> {
        let Self { file, path, target, .. } = self;
        blocking(target.clone(), move || {
            place::give_name(&path, &target)?;
            sync_directory(&target)?;
            remove_if_there(&path)?;
            // Its lock last.
            drop(file);
            Ok(())
        })
        .await
    }

    /// The same, of one that an earlier process had completed, and may have been about to put there.
    pub(super) async fn finish_anew(self) -> Result<(), Failure> {
        let (path, target) = (self.path.clone(), self.target.clone());
        blocking(target.clone(), move || place::forget_reservation(&path, &target)).await?;
        self.finish().await
    }
}

/// Opens a part and takes its lock. One that is the finished file under its other name loses that name only.
fn lock(path: &Path, target: &Path) -> io::Result<File> {
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) {
        return Err(taken());
    }
    if is_same(path, target) {
        fs::remove_file(path)?;
    }
    let file = private_file(path)?;
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) if is_still(path, &file)? && !is_same(path, target) => return Ok(file),
            Ok(()) => break,
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::new(ErrorKind::WouldBlock, "another export writes it"))
}

/// Whether the file still has this name: whoever had the lock may have finished it.
fn is_still(path: &Path, file: &File) -> io::Result<bool> {
    let locked = FileId::of(&file.metadata()?);
    Ok(fs::metadata(path).is_ok_and(|found| FileId::of(&found) == locked))
}

/// Whether both names are of one file. Where files have no numbers, no file has two names here.
fn is_same(one: &Path, other: &Path) -> bool {
    let id = |path: &Path| fs::metadata(path).ok().map(|found| FileId::of(&found));
    cfg!(unix) && id(one).is_some() && id(one) == id(other)
}

/// Whether the file is there, and is what was to be put there; what is left of its part is removed then.
pub(super) async fn is_finished(target: PathBuf, id: FileId, bytes: u64) -> Result<bool, Failure> {
    blocking(target.clone(), move || {
        let part = part_of(&target);
        let is_it = fs::metadata(&target)
            .is_ok_and(|found| FileId::of(&found) == id && found.len() == bytes)
            && (cfg!(unix) || !fs::exists(&part)?);
        if is_it && is_same(&part, &target) {
            remove_if_there(&part)?;
        }
        Ok(is_it)
    })
    .await
}

/// Whether there is a part of this file.
pub(super) async fn exists(target: &Path) -> Result<bool, Failure> {
    let path = part_of(target);
    blocking(path.clone(), move || fs::exists(path)).await
}

/// Fails if there is something under this name.
pub(super) async fn require_free(target: PathBuf) -> Result<(), Failure> {
    blocking(target.clone(), move || place::must_be_free(&target)).await
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// A name outlives the machine's power only once its directory was synced.
fn sync_directory(of: &Path) -> io::Result<()> {
    match of.parent() {
        Some(parent) if cfg!(unix) => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

async fn blocking<T: Send + 'static>(
    path: PathBuf,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(Failure::File { path, source }),
        Err(_) => Err(Failure::Interrupted("the runtime stops")),
    }
}
