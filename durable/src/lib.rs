//! Making files and their names outlive a crash: a file's content is one thing, its entry in its
//! directory another, and each is synced by itself.

use std::fs::File;
use std::io;
use std::path::Path;

/// Makes the content of an open file durable, whoever wrote it.
///
/// # Errors
/// Where the system cannot.
pub fn sync_file(file: &File, path: &Path) -> io::Result<()> {
    file.sync_all()?;
    noted(path);
    Ok(())
}

/// Makes the name of `path` durable: the entry in the directory that holds it.
///
/// # Errors
/// Where the directory cannot be opened or synced.
pub fn sync_name(path: &Path) -> io::Result<()> {
    let directory = match path.parent() {
        None => return Ok(()),
        Some(directory) if directory.as_os_str().is_empty() => Path::new("."),
        Some(directory) => directory,
    };
    sync_file(&File::open(directory)?, directory)
}

/// Makes a folder, those above it that are missing, and the names of all it made durable.
///
/// The name of the folder itself is synced even where it is there already: the process that made
/// it may have died before it did.
///
/// # Errors
/// Where a folder cannot be made or synced.
pub fn make_folder(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path
        .ancestors()
        .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
        .collect();
    std::fs::create_dir_all(path)?;
    if missing.is_empty() {
        return match sync_name(path) {
            // What holds it is not ours to read, so we made nothing in it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            synced => synced,
        };
    }
    missing.into_iter().try_for_each(sync_name)
}

#[cfg(not(any(test, feature = "testing")))]
const fn noted(_: &Path) {}

#[cfg(any(test, feature = "testing"))]
use testing::noted;

/// What was synced on this thread, for tests: a disk does not tell.
#[cfg(any(test, feature = "testing"))]
pub mod testing {
    use std::cell::RefCell;
    use std::path::{Path, PathBuf};

    thread_local! {
        static SYNCED: RefCell<Vec<PathBuf>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn noted(path: &Path) {
        SYNCED.with_borrow_mut(|synced| synced.push(path.to_path_buf()));
    }

    /// What was synced since this was asked last.
    #[must_use]
    pub fn synced() -> Vec<PathBuf> {
        SYNCED.take()
    }
}

#[cfg(test)]
mod tests {
    use super::testing::synced;
    use super::*;

    #[test]
    fn every_folder_made_is_synced_and_so_is_one_that_was_there() {
        let directory = tempfile::tempdir().unwrap();
        let (outer, inner) = (directory.path().join("a"), directory.path().join("a/b"));
        make_folder(&inner).unwrap();
        assert_eq!(synced(), [outer.clone(), directory.path().to_path_buf()]);
        make_folder(&inner).unwrap();
        assert_eq!(synced(), [outer]);
    }
}
