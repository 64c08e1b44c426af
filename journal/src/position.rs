use std::fmt;

/// A place in a journal, in bytes since it was begun, over all its segments. It grows with every
/// block, across restarts too; only those of a tail that a crash of the machine took come again.
///
/// The position of a record is the end of the block that holds it: what [`Journal::write`]
/// returned. The record is durable once [`Syncer::synced`] is at or above it.
///
/// [`Journal::write`]: crate::Journal::write
/// [`Syncer::synced`]: crate::Syncer::synced
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u64);

impl Position {
    /// The position so many bytes behind the beginning.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Bytes since the journal was begun.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// So many bytes further on.
    pub(crate) fn plus(self, bytes: usize) -> Self {
        Self(self.0.saturating_add(as_u64(bytes)))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// A length as files count. No machine this runs on has lengths above 64 bits.
pub(crate) fn as_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
