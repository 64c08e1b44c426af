use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::OpenError;
use crate::position::as_u64;

/// The folder a journal lives in: the port behind which a simulated disk can stand.
///
/// A file's content is made durable by [`DiskFile::sync`], its name by [`Disk::sync_names`]; a
/// crash of the machine may take either without the other, and any part of what was not synced.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Names of the files in the folder, in any order.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes a new file that only its owner may read.
    ///
    /// # Errors
    /// Where it exists or cannot be made.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a file that exists.
    ///
    /// # Errors
    /// Where it cannot be opened.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file another name, of which there is none yet.
    ///
    /// # Errors
    /// Where it cannot.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Where it cannot, for example as there is none.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes all names durable: what was created, renamed and removed.
    ///
    /// # Errors
    /// Where the system cannot; which of the changes are durable is then not known.
    fn sync_names(&self) -> io::Result<()>;

    /// Bytes that can still be written.
    ///
    /// # Errors
    /// Where the system does not tell.
    fn free_bytes(&self) -> io::Result<u64>;

    /// The path of a name, for messages; of the folder itself where the name is empty.
    fn path(&self, name: &str) -> PathBuf;
}

/// An open file of a [`Disk`].
pub trait DiskFile: fmt::Debug + Send + Sync {
    /// Puts all of the file into `into`, in place of what is there.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn read(&self, into: &mut Vec<u8>) -> io::Result<()>;

    /// Hands bytes to the kernel, all of them in one call wherever it takes them; the file grows
    /// where it has to. They outlive the process, not yet the machine.
    ///
    /// # Errors
    /// Where not all could be written; [`io::ErrorKind::StorageFull`] where the disk is full.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes the content durable (fdatasync).
    ///
    /// # Errors
    /// Where the system cannot. It is never called again for what was written before: Linux marks
    /// such pages clean, so a second call would succeed without writing them.
    fn sync(&self) -> io::Result<()>;

    /// Cuts the file to `length` bytes, durably.
    ///
    /// # Errors
    /// As of [`sync`](Self::sync).
    fn truncate(&self, length: u64) -> io::Result<()>;
}

impl<D: Disk + ?Sized> Disk for Arc<D> {
    fn list(&self) -> io::Result<Vec<String>> {
        (**self).list()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        (**self).create(name)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        (**self).open(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        (**self).rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        (**self).remove(name)
    }

    fn sync_names(&self) -> io::Result<()> {
        (**self).sync_names()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        (**self).free_bytes()
    }

    fn path(&self, name: &str) -> PathBuf {
        (**self).path(name)
    }
}

/// A folder of the file system, locked against other processes while this lives.
#[derive(Debug)]
pub struct RealDisk {
    path: PathBuf,
    folder: File,
    _lock: File,
}

impl RealDisk {
    /// Opens the folder, or makes it and those above it, durably.
    ///
    /// # Errors
    /// [`OpenError::InUse`] where another process has it, [`OpenError::Io`] where it cannot be
    /// made, opened or synced.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let io_error = |source| OpenError::Io {
            path: path.to_path_buf(),
            source,
        };
        durable::make_folder(path).map_err(io_error)?;
        let mut owner_only = OpenOptions::new();
        owner_only.write(true).create(true).truncate(false);
        let lock = owner_only
            .mode(OWNER_ONLY)
            .open(path.join(LOCK))
            .map_err(io_error)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse {
                    path: path.to_path_buf(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(io_error(source)),
        }
        Ok(Self {
            path: path.to_path_buf(),
            folder: File::open(path).map_err(io_error)?,
            _lock: lock,
        })
    }
}

impl Disk for RealDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let entries = std::fs::read_dir(&self.path)?;
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        names.collect()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        let file = options.mode(OWNER_ONLY).open(self.path(name))?;
        Ok(Arc::new(RealFile(file)))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).open(self.path(name))?;
        Ok(Arc::new(RealFile(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path(name))
    }

    fn sync_names(&self) -> io::Result<()> {
        self.folder.sync_all()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let space = rustix::fs::fstatvfs(&self.folder)?;
        Ok(space.f_bavail.saturating_mul(space.f_frsize))
    }

    fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() {
            self.path.clone()
        } else {
            self.path.join(name)
        }
    }
}

#[derive(Debug)]
struct RealFile(File);

impl DiskFile for RealFile {
    fn read(&self, into: &mut Vec<u8>) -> io::Result<()> {
        let length = usize::try_from(self.0.metadata()?.len()).map_err(io::Error::other)?;
        into.clear();
        into.resize(length, 0);
        self.0.read_exact_at(into, 0)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)?;
        self.0.sync_all()
    }
}

/// Makes a new file of so many zeros: overwriting them syncs in half the time of growing a file,
/// which space that was only reserved does not.
pub(crate) fn zero_filled(
    disk: &dyn Disk,
    name: &str,
    bytes: usize,
) -> io::Result<Arc<dyn DiskFile>> {
    let file = disk.create(name)?;
    // Synced in parts: one sync of all of it would hold up those of the journal meanwhile.
    for from in (0..bytes).step_by(FILL_STEP) {
        write_zeros(&*file, from, FILL_STEP.min(bytes - from))?;
        file.sync()?;
    }
    Ok(file)
}

pub(crate) fn write_zeros(file: &dyn DiskFile, from: usize, bytes: usize) -> io::Result<()> {
    let zeros = [0; 64 * 1_024];
    let end = from + bytes;
    (from..end).step_by(zeros.len()).try_for_each(|at| {
        let part = zeros.get(..end - at).unwrap_or(&zeros);
        file.write_at(as_u64(at), part)
    })
}

const FILL_STEP: usize = 1_024 * 1_024;
const LOCK: &str = "lock";
const OWNER_ONLY: u32 = 0o600;
