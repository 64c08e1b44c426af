//! An append-only log of opaque records in segment files: what was written outlives the process,
//! what was synced outlives the machine, and nothing is ever read that was not written.
//!
//! It is not a store: it knows no keys, hands records over once, in order, when it is opened, and
//! gives space back by whole segments. It encrypts nothing; its files are their owner's only.
//!
//! ```
//! use journal::{Journal, RealDisk, Settings};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("journal-doc-{}", std::process::id()));
//! # let settings = Settings { segment_bytes: 1 << 21, low_water_bytes: 0, ..Settings::default() };
//! let disk = RealDisk::open(&folder)?;
//! let (mut journal, recovered) = Journal::open(
//!     disk,
//!     settings,
//!     |_synced| { /* wake whoever waits for it */ },
//!     |_position, _record| Ok::<_, std::fmt::Error>(()),
//! )?;
//! assert_eq!(recovered.records, 0);
//! journal.append(b"sent 000123")?;
//! let position = journal.write()?; // survives kill -9 from here
//! journal.syncer().ask(position); // and the power once `synced` is there
//! journal.close()?;
//! # std::fs::remove_dir_all(folder)?;
//! # Ok(())
//! # }
//! ```
//!
//! # Layout
//! - `journal`: the one writer · `syncer`: how far it is durable · `shared`: what the threads do
//! - `recover`: what is found when it is opened · `format`: bytes of segments and blocks
//! - `disk`: the port to the file system · `testing`: a disk that fails by seed (feature)
//!
#![doc = include_str!("../FORMAT.md")]

mod disk;
mod error;
mod format;
mod journal;
mod position;
mod recover;
mod settings;
mod shared;
mod syncer;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;

pub use disk::{Disk, DiskFile, RealDisk};
pub use error::{AppendError, Damage, Failure, OpenError, WriteError};
pub use journal::Journal;
pub use position::Position;
pub use recover::{Recovered, segments, verify};
pub use settings::Settings;
pub use syncer::Syncer;
