//! Where segments go that recovery does not need any more.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use durable::{make_folder, sync_name};

/// A folder on the disk of the ledger: a segment is put there as a second name of its file, before
/// the journal removes the first.
#[derive(Debug)]
pub struct Archive {
    ledger: PathBuf,
    folder: PathBuf,
    keep: Duration,
}

impl Archive {
    /// The archive of a ledger folder, made if it is not there. What was written longer ago than
    /// `keep` is removed.
    ///
    /// # Errors
    /// Where the folder cannot be made.
    pub fn open(ledger: PathBuf, folder: PathBuf, keep: Duration) -> io::Result<Self> {
        make_folder(&folder)?;
        Ok(Self {
            ledger,
            folder,
            keep,
        })
    }

    /// Puts segments there, durably; those that are there already stay.
    ///
    /// # Errors
    /// Where one cannot be put there.
    pub fn put(&self, segments: &[String]) -> io::Result<()> {
        for segment in segments {
            let linked = std::fs::hard_link(self.ledger.join(segment), self.folder.join(segment));
            match linked {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        match segments.first() {
            Some(segment) => sync_name(&self.folder.join(segment)),
            None => Ok(()),
        }
    }

    /// Removes what is older than is to be kept, and says how many segments that were.
    ///
    /// # Errors
    /// Where the folder cannot be read or a file not be removed.
    pub fn tidy(&self, now: SystemTime) -> io::Result<usize> {
        let mut removed = 0;
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let written = entry.metadata()?.modified()?;
            let age = now.duration_since(written).unwrap_or_default();
            let path = entry.path();
            if age > self.keep && is_segment(&path) {
                std::fs::remove_file(path)?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

fn is_segment(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "journal")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn segments_stay_in_the_archive_for_their_time_whatever_becomes_of_the_ledger() {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, old) = (folder.path().join("ledger"), folder.path().join("archive"));
        fs::create_dir(&ledger).unwrap();
        let names: Vec<String> = (0..2).map(|it| format!("{it:020}.journal")).collect();
        for name in &names {
            fs::write(ledger.join(name), name).unwrap();
        }
        let keep = Duration::from_secs(60);
        let archive = Archive::open(ledger.clone(), old.clone(), keep).unwrap();
        archive.put(&names[..1]).unwrap();
        archive.put(&names).unwrap();
        fs::remove_dir_all(ledger).unwrap();
        fs::write(old.join("notes"), "an operator's").unwrap();
        let now = SystemTime::now();
        assert_eq!(archive.tidy(now + keep / 2).unwrap(), 0);
        assert_eq!(fs::read_to_string(old.join(&names[1])).unwrap(), names[1]);
        assert_eq!(archive.tidy(now + keep * 2).unwrap(), 2);
        assert!(old.join("notes").exists());
    }
}
