//! One process at a time: a lock of the system on a file in the directory, which says whose it is.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::OpenError;

/// The lock, until it is dropped. The system gives it back too when the process dies.
pub(super) struct DirectoryLock(#[expect(dead_code, reason = "it is held")] File);

/// Makes the directory if it is not there, for this user only, and takes its lock.
pub(super) fn take(directory: &Path) -> Result<DirectoryLock, OpenError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::Io { path, source }
    };
    let mut make = DirBuilder::new();
    make.recursive(true);
    #[cfg(unix)]
    make.mode(0o700);
    make.create(directory).map_err(io(directory))?;
    let path = directory.join("lock");
    let mut file = private(&path).map_err(io(&path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            // It may not have said so yet.
            let _ = file.read_to_string(&mut text);
            let (directory, pid) = (directory.to_owned(), text.trim().parse().ok());
            return Err(OpenError::InUse { directory, pid });
        }
        Err(TryLockError::Error(source)) => return Err(io(&path)(source)),
    }
    let say = |file: &mut File| {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    say(&mut file).map_err(io(&path))?;
    Ok(DirectoryLock(file))
}

/// Opens a file that only this user may read; makes it if it is not there.
pub(crate) fn private(path: &Path) -> std::io::Result<File> {
    let mut open = OpenOptions::new();
    open.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    open.mode(0o600);
    let file = open.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // It may have been there, as a copy that somebody put back.
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}
