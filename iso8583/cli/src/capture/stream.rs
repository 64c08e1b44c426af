//! One direction of a conversation: from TCP packets back to the bytes that were sent.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::capture::segment::{Direction, Lost, Segment};

/// Puts the packets of one direction in order.
///
/// ```text
///        delivered            hole         waiting
/// |######################|............|########|....|###|
///                        ^ position, and `next` as its sequence number
/// ```
///
/// Bytes that came twice count as they came first. A hole is given up as lost where the receiver
/// acknowledged what lies in it (so the capture missed it, not the network), where what waits
/// behind it grows past the limits, and at the end.
pub(super) struct Stream<'a> {
    direction: Direction,
    /// The sequence number of the byte at `position`; None before the first is known.
    next: Option<u32>,
    /// Bytes of the stream up to here are delivered or lost. Counts on where sequence numbers wrap.
    position: i64,
    /// The receiver has all before this position.
    acknowledged: i64,
    /// What came before its turn, by position; pieces do not overlap.
    waiting: BTreeMap<i64, Piece<'a>>,
    waiting_bytes: usize,
    segments: Vec<Segment>,
}

#[derive(Clone, Copy)]
struct Piece<'a> {
    time: Timestamp,
    bytes: &'a [u8],
}

/// How much may wait for what is missing, in one direction.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    pub(super) bytes: usize,
    pub(super) pieces: usize,
}

impl<'a> Stream<'a> {
    pub(super) const fn new(direction: Direction) -> Self {
        Self {
            direction,
            next: None,
            position: 0,
            acknowledged: 0,
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            segments: Vec::new(),
        }
    }

    /// A SYN names the first sequence number. False where another one is known already: the SYN
    /// opens another conversation.
    pub(super) fn open(&mut self, first: u32) -> bool {
        // Nothing was delivered, or all of it was: both ends of the same stream.
        let known = self.next.map(|next| next.wrapping_sub(low(self.position)));
        self.next = self.next.or(Some(first));
        known.is_none_or(|known| known == first)
    }

    /// Has a sequence number been seen?
    pub(super) const fn is_open(&self) -> bool {
        self.next.is_some()
    }

    pub(super) fn push(
        &mut self,
        sequence: u32,
        bytes: &'a [u8],
        time: Timestamp,
        patience: Patience,
    ) {
        if bytes.is_empty() {
            return;
        }
        let next = *self.next.get_or_insert(sequence);
        let mut ahead = distance(next, sequence);
        if ahead.abs() > JUMP_MAX {
            self.give_up_all();
            self.jump(sequence);
            ahead = 0;
        }
        self.hold(self.position + ahead, Piece { time, bytes });
        self.deliver();
        self.give_up_acknowledged();
        while self.waiting_bytes > patience.bytes || self.waiting.len() > patience.pieces {
            self.give_up_hole();
        }
    }

    /// The receiver has all before this sequence number.
    pub(super) fn acknowledge(&mut self, sequence: u32) {
        let Some(next) = self.next else { return };
        let ahead = distance(next, sequence);
        if ahead <= JUMP_MAX {
            self.acknowledged = self.acknowledged.max(self.position + ahead);
            self.give_up_acknowledged();
        }
    }

    /// All that came, in order; what still waits comes behind a loss.
    pub(super) fn finish(mut self) -> Vec<Segment> {
        self.give_up_all();
        self.segments
    }

    /// Keeps of a piece what is neither delivered nor waiting yet.
    fn hold(&mut self, mut at: i64, mut piece: Piece<'a>) {
        skip(&mut at, &mut piece, self.position);
        while !piece.bytes.is_empty() {
            if let Some((before, held)) = self.waiting.range(..=at).next_back() {
                let end = before + length(held.bytes);
                skip(&mut at, &mut piece, end);
            }
            let room = match self.waiting.range(at..).next() {
                Some((next, _)) => usize::try_from(next - at).unwrap_or(0),
                None => usize::MAX,
            };
            let (bytes, _) = piece.bytes.split_at(room.min(piece.bytes.len()));
            if !bytes.is_empty() {
                let time = piece.time;
                self.waiting.insert(at, Piece { time, bytes });
                self.waiting_bytes += bytes.len();
                let end = at + length(bytes);
                skip(&mut at, &mut piece, end);
            }
        }
    }

    fn deliver(&mut self) {
        while let Some(entry) = self.waiting.first_entry()
            && *entry.key() == self.position
        {
            let piece = entry.remove();
            self.waiting_bytes -= piece.bytes.len();
            self.advance(length(piece.bytes));
            if self.segments.is_empty() {
                self.segments.push(Segment::new(self.direction, None));
            }
            if let Some(segment) = self.segments.last_mut() {
                segment.extend(piece.bytes, piece.time);
            }
        }
    }

    fn give_up_acknowledged(&mut self) {
        while let Some((start, _)) = self.waiting.first_key_value()
            && self.acknowledged >= *start
        {
            self.give_up_hole();
        }
    }

    fn give_up_all(&mut self) {
        while !self.waiting.is_empty() {
            self.give_up_hole();
        }
    }

    /// Goes on behind the first hole, in a new segment.
    fn give_up_hole(&mut self) {
        let Some((start, _)) = self.waiting.first_key_value() else {
            return;
        };
        let missing = start - self.position;
        let lost = Lost::Bytes(missing.unsigned_abs());
        self.advance(missing);
        self.segments.push(Segment::new(self.direction, Some(lost)));
        self.deliver();
    }

    /// Goes on at a sequence number that has nothing to do with those before.
    fn jump(&mut self, sequence: u32) {
        let lost = Some(Lost::Unknown);
        self.segments.push(Segment::new(self.direction, lost));
        self.next = Some(sequence);
        self.acknowledged = self.position;
    }

    fn advance(&mut self, bytes: i64) {
        self.position += bytes;
        self.next = self.next.map(|next| next.wrapping_add(low(bytes)));
    }
}

/// Cuts off the front of a piece what lies before a position.
fn skip(at: &mut i64, piece: &mut Piece<'_>, position: i64) {
    let done = usize::try_from(position - *at).unwrap_or(0);
    let done = done.min(piece.bytes.len());
    piece.bytes = piece.bytes.get(done..).unwrap_or_default();
    *at += i64::try_from(done).unwrap_or(i64::MAX);
}

/// How far a sequence number lies ahead of another: the shorter way round (RFC 9293, 3.4).
fn distance(from: u32, to: u32) -> i64 {
    i64::from(to.wrapping_sub(from).cast_signed())
}

fn length(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).unwrap_or(i64::MAX)
}

/// A position as sequence numbers count.
fn low(position: i64) -> u32 {
    let [a, b, c, d, ..] = position.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// No sender has more than this under way; farther off is another stream under the same ports, or
/// a damaged packet.
const JUMP_MAX: i64 = 1 << 26;
