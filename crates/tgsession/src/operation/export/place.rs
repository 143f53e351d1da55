//! How a part gets its name, and nobody's file is overwritten.
//!
//! A link does both in one step: it fails where there is something under the name. Some file systems have no links, but
//! a rename only, which replaces what it finds; to ask the system for one that does not is beyond the standard library.
//! There the name is *reserved* first, by an empty file that comes to be only if there is nothing, and the part is
//! renamed over that. Of two who want the name one has it, and whoever comes later finds it taken.
//!
//! A process that is killed between the two leaves the part, whole, and an empty file. Whoever goes on with the part
//! takes that file for the reservation ([`forget_reservation`]) and reserves anew, if all of this holds: the checkpoint
//! says that the part is complete, the file is empty, and the part cannot be linked, which is tried under a name of its
//! own. On file systems with links an empty file is therefore always somebody else's, and stays. On others it may be,
//! if somebody made it between the kill and then: it is replaced, and had nothing in it.
//!
//! What cannot be kept from happening: somebody who removes the reservation, or writes into it, in the moment before
//! the rename loses what he put there. He would have to do that to a file that is not his.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Puts a part in its place, where there is nothing yet. The part may keep its other name too.
pub(super) fn give_name(part: &Path, target: &Path) -> io::Result<()> {
    give_name_by(link, part, target)
}

/// Removes what a process reserved that was killed before its part, which is complete, had its name.
pub(super) fn forget_reservation(part: &Path, target: &Path) -> io::Result<()> {
    forget_reservation_by(link, part, target)
}

/// Fails if there is something under this name.
pub(super) fn must_be_free(target: &Path) -> io::Result<()> {
    match fs::symlink_metadata(target) {
        Ok(_) => Err(taken()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn taken() -> io::Error {
    let why = "there is such a file: remove it, or choose another name";
    io::Error::new(ErrorKind::AlreadyExists, why)
}

/// As [`fs::hard_link`], which tests replace.
type Link = fn(&Path, &Path) -> io::Result<()>;

fn link(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to)
}

fn give_name_by(link: Link, part: &Path, target: &Path) -> io::Result<()> {
    let given = match link(part, target) {
        Err(error) if has_no_links(&error) => rename_over_nothing(part, target),
        given => given,
    };
    given.map_err(|error| if error.kind() == ErrorKind::AlreadyExists { taken() } else { error })
}

fn rename_over_nothing(part: &Path, target: &Path) -> io::Result<()> {
    File::create_new(target)?;
    fs::rename(part, target).inspect_err(|_| {
        // Where that fails too it is what a kill leaves.
        let _ = fs::remove_file(target);
    })
}

fn forget_reservation_by(link: Link, part: &Path, target: &Path) -> io::Result<()> {
    let is_empty =
        fs::symlink_metadata(target).is_ok_and(|found| found.is_file() && found.len() == 0);
    match is_empty && !can_be_linked(link, part) {
        true => fs::remove_file(target),
        false => Ok(()),
    }
}

/// Whether the file system of the part has links.
fn can_be_linked(link: Link, part: &Path) -> bool {
    let mut name = OsString::from(part);
    name.push(".link");
    match link(part, name.as_ref()) {
        Ok(()) => {
            // A second name of the part is in nobody's way.
            let _ = fs::remove_file(&name);
            true
        }
        Err(error) => !has_no_links(&error),
    }
}

/// Not every file system has links.
fn has_no_links(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tempfile::TempDir;

    use super::*;

    /// As it is on file systems without links, where a name that is taken is found out first.
    fn no_link(_: &Path, to: &Path) -> io::Result<()> {
        must_be_free(to)?;
        Err(ErrorKind::PermissionDenied.into())
    }

    const EITHER: [Link; 2] = [link, no_link];

    /// A part and where it is to be.
    fn part() -> (TempDir, PathBuf, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let (part, target) = (directory.path().join("a.part"), directory.path().join("a"));
        fs::write(&part, "whole").unwrap();
        (directory, part, target)
    }

    fn read(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn a_part_gets_its_name_with_links_and_without() {
        for link in EITHER {
            let (_directory, part, target) = part();
            give_name_by(link, &part, &target).unwrap();
            assert_eq!(read(&target), "whole");
        }
    }

    #[test]
    fn what_is_there_is_not_overwritten_whatever_is_in_it() {
        for (link, content) in EITHER.into_iter().zip(["mine", ""]) {
            let (_directory, part, target) = part();
            fs::write(&target, content).unwrap();
            let error = give_name_by(link, &part, &target).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
            assert!(error.to_string().starts_with("there is such a file"), "{error}");
            assert_eq!((read(&target), read(&part)), (content.to_owned(), "whole".to_owned()));
        }
    }

    #[test]
    fn of_two_who_want_a_name_one_has_it() {
        for link in EITHER {
            let (directory, first, target) = part();
            let second = directory.path().join("b.part");
            fs::write(&second, "other").unwrap();
            let (first, second) = std::thread::scope(|scope| {
                let (target, second) = (target.as_path(), second.as_path());
                let other = scope.spawn(move || give_name_by(link, second, target).is_ok());
                (give_name_by(link, &first, target).is_ok(), other.join().unwrap())
            });
            assert!(first != second, "one has it");
            assert_eq!(read(&target), if first { "whole" } else { "other" });
        }
    }

    #[test]
    fn what_a_kill_left_reserved_is_given_where_there_are_no_links_and_else_is_somebody_elses() {
        for (link, is_reservation) in EITHER.into_iter().zip([false, true]) {
            let (directory, part, target) = part();
            fs::write(&target, "").unwrap();
            forget_reservation_by(link, &part, &target).unwrap();
            assert_eq!(give_name_by(link, &part, &target).is_ok(), is_reservation);
            assert_eq!(read(&target), if is_reservation { "whole" } else { "" });
            let files = fs::read_dir(directory.path()).unwrap().count();
            assert_eq!(files, if is_reservation { 1 } else { 2 }, "and nothing beside them");
        }
    }

    #[test]
    fn no_reservation_has_anything_in_it() {
        let (_directory, part, target) = part();
        fs::write(&target, "mine").unwrap();
        forget_reservation_by(no_link, &part, &target).unwrap();
        assert_eq!(read(&target), "mine");
    }
}
