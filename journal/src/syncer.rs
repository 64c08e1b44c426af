use std::fmt::Display;
use std::sync::Arc;

use crate::shared::Shared;
use crate::{Failure, OpenError, Position, recover};

/// A handle on how far a journal is durable, for any number of threads.
///
/// It outlives its [`Journal`](crate::Journal), but nothing is synced in the background then; the
/// folder stays locked until the last of them is gone.
#[derive(Clone, Debug)]
pub struct Syncer(Arc<Shared>);

impl Syncer {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Everything before this position outlives a crash of the machine.
    #[must_use]
    pub fn synced(&self) -> Position {
        self.0.synced()
    }

    /// Wants `position` synced now instead of at the next interval. Does not wait: the waker tells
    /// when. Without background syncs (`Settings::sync_every`) it does nothing.
    pub fn ask(&self, position: Position) {
        if self.synced() < position {
            self.0.sync_bell.ring();
        }
    }

    /// Makes all that was written durable, on this thread, and says how far that is. At most one
    /// sync runs at a time; this waits for one that runs.
    ///
    /// # Errors
    /// [`Failure`] where it could not, now or earlier.
    pub fn sync(&self) -> Result<Position, Failure> {
        self.0.sync()
    }

    /// Hands over every record behind `from` that is durable now, in order, each with its position,
    /// and says how far that is. Whoever writes goes on meanwhile. Memory of a segment is taken.
    ///
    /// # Errors
    /// [`OpenError`] where a segment cannot be read, is damaged or was removed already, or `apply`
    /// refuses a record.
    pub fn replay<E: Display>(
        &self,
        from: Position,
        apply: impl FnMut(Position, &[u8]) -> Result<(), E>,
    ) -> Result<Position, OpenError> {
        let until = self.synced();
        let identity = self.0.settings.identity;
        recover::replay(&*self.0.disk, identity, from, until, apply)?;
        Ok(until)
    }

    /// Why the journal takes nothing any more, if so. [`synced`](Self::synced) then stays as it is.
    #[must_use]
    pub fn failed(&self) -> Option<&Failure> {
        self.0.failure()
    }
}
