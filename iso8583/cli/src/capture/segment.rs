//! What comes out: bytes of one direction, without a hole, and when they came.

use core::fmt;
use core::ops::Range;

use jiff::Timestamp;

/// Who sent the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The client did.
    ToServer,
    /// The server did.
    ToClient,
}

/// What of a stream the capture does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// So many bytes.
    Bytes(u64),
    /// The sequence numbers went elsewhere: nobody can tell how many.
    Unknown,
}

/// Bytes of one direction that follow one another without a hole. `Debug` shows none of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Segment {
    direction: Direction,
    lost_before: Option<Lost>,
    bytes: Vec<u8>,
    arrivals: Vec<Arrival>,
}

/// The bytes that one packet brought: those from the end of the arrival before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Where the bytes end, as an offset in the segment.
    pub end: usize,
    /// When the packet was captured.
    pub time: Timestamp,
}

impl Segment {
    pub(super) const fn new(direction: Direction, lost_before: Option<Lost>) -> Self {
        Self {
            direction,
            lost_before,
            bytes: Vec::new(),
            arrivals: Vec::new(),
        }
    }

    pub(super) fn extend(&mut self, bytes: &[u8], time: Timestamp) {
        self.bytes.extend_from_slice(bytes);
        let end = self.bytes.len();
        self.arrivals.push(Arrival { end, time });
    }

    /// Who sent it.
    #[must_use]
    pub const fn direction(&self) -> Direction {
        self.direction
    }

    /// What is missing between the segment before of this direction and this one.
    #[must_use]
    pub const fn lost_before(&self) -> Option<Lost> {
        self.lost_before
    }

    /// The bytes, **in clear**; at least one.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Which packet brought which bytes, in the order of the bytes.
    #[must_use]
    pub fn arrivals(&self) -> &[Arrival] {
        &self.arrivals
    }

    /// When the last of these bytes was there, which packets that changed places make another
    /// moment than when the last byte came. None of no bytes.
    #[must_use]
    pub fn complete_at(&self, bytes: Range<usize>) -> Option<Timestamp> {
        let first = self
            .arrivals
            .partition_point(|arrival| arrival.end <= bytes.start);
        let arrivals = self.arrivals.get(first..)?;
        let count = arrivals.partition_point(|arrival| arrival.end < bytes.end) + 1;
        let times = arrivals.iter().take(count).map(|arrival| arrival.time);
        if bytes.is_empty() { None } else { times.max() }
    }

    /// The first offset at or behind the given one at which a packet begins. Senders write a frame
    /// in one piece, so that is where to look for one when the last was lost.
    #[must_use]
    pub fn packet_start(&self, offset: usize) -> Option<usize> {
        if offset == 0 {
            return Some(0);
        }
        let after = self
            .arrivals
            .partition_point(|arrival| arrival.end < offset);
        let start = self.arrivals.get(after)?.end;
        (start < self.bytes.len()).then_some(start)
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segment")
            .field("direction", &self.direction)
            .field("lost_before", &self.lost_before)
            .field("bytes", &self.bytes.len())
            .field("arrivals", &self.arrivals)
            .finish()
    }
}
