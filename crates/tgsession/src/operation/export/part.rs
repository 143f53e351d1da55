//! The file of an export before it is whole: what is written is put in its place only at the end.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::super::Failure;
use crate::store::private_file;

/// A file beside the one that it is to be. Whoever has it has its lock, so that nobody else writes it.
#[derive(Debug)]
pub(super) struct Part {
    file: File,
    path: PathBuf,
    target: PathBuf,
    bytes: u64,
}

fn part_of(target: &Path) -> PathBuf {
    let mut name = OsString::from(target);
    name.push(".part");
    name.into()
}

impl Part {
    /// Opens the part of a file with its first `bytes`, or anew where there are fewer.
    pub(super) async fn open(target: PathBuf, bytes: u64) -> Result<Self, Failure> {
        let path = part_of(&target);
        blocking(path.clone(), move || {
            let mut file = private_file(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(io::Error::new(ErrorKind::WouldBlock, "another export writes it"));
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
            let bytes = if file.metadata()?.len() < bytes { 0 } else { bytes };
            file.set_len(bytes)?;
            file.seek(SeekFrom::Start(bytes))?;
            Ok(Self { file, path, target, bytes })
        })
        .await
    }

    /// How long it is.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) async fn append(mut self, bytes: Vec<u8>) -> Result<Self, Failure> {
        blocking(self.path.clone(), move || {
            self.file.write_all(&bytes)?;
            self.bytes += bytes.len() as u64;
            Ok(self)
        })
        .await
    }

    /// What was written outlives the machine's power.
    pub(super) async fn sync(self) -> Result<Self, Failure> {
        blocking(self.path.clone(), move || {
            self.file.sync_all()?;
            Ok(self)
        })
        .await
    }

    /// Puts it in its place, where there is nothing yet, or itself from an attempt that was killed.
    pub(super) async fn finish(self) -> Result<(), Failure> {
        blocking(self.target.clone(), move || {
            match fs::hard_link(&self.path, &self.target) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(error),
                // Not every file system has links: here only an export of the same moment is overwritten.
                Err(_) => fs::rename(&self.path, &self.target)?,
            }
            sync_directory(&self.target)?;
            remove_if_there(&self.path)
        })
        .await
    }
}

/// Whether the file is there and of this length; what is left of its part is removed then.
pub(super) async fn is_finished(target: PathBuf, bytes: u64) -> Result<bool, Failure> {
    blocking(target.clone(), move || {
        let is_it = fs::metadata(&target).is_ok_and(|file| file.len() == bytes);
        if is_it {
            remove_if_there(&part_of(&target))?;
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
    blocking(target.clone(), move || match fs::symlink_metadata(&target) {
        Ok(_) => Err(io::Error::new(
            ErrorKind::AlreadyExists,
            "there is such a file: remove it, or choose another name",
        )),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    })
    .await
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
