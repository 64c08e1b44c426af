use std::fmt::Display;
use std::io;

use crate::disk::{Disk, write_zeros};
use crate::format::{Block, HEADER, Header, Marks, VERSION, segment_base, segment_name, witnesses};
use crate::position::as_u64;
use crate::shared::SPARE;
use crate::{Damage, OpenError, Position};

/// What a journal held when it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Records handed over.
    pub records: u64,
    /// Blocks they were in.
    pub blocks: u64,
    /// Bytes of a tail that were cut off: written but never synced, and broken by a crash of the
    /// machine; or the first part of the one block in whose write the process was killed or the
    /// disk was full.
    pub cut_bytes: u64,
    /// Where the journal goes on.
    pub end: Position,
}

/// Where a segment begins, and where its blocks end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) base: Position,
    pub(crate) end: Position,
}

impl Segment {
    /// Bytes from its beginning to where its blocks end.
    pub(crate) fn size(&self) -> usize {
        offset(self.base, self.end)
    }
}

/// What is left of a journal, ready to go on.
#[derive(Debug)]
pub(crate) struct Found {
    /// In order; the last one goes on.
    pub(crate) segments: Vec<Segment>,
    pub(crate) marks: Marks,
    /// CRC of the last block, 0 where there is none.
    pub(crate) previous: u32,
    pub(crate) recovered: Recovered,
    /// Does a later block say of every record that it is durable?
    pub(crate) sealed: bool,
}

/// Reads a journal, hands over its records, and leaves on the disk only what it handed over, all
/// of it durable.
pub(crate) fn recover<E: Display>(
    disk: &dyn Disk,
    identity: [u8; 16],
    mut apply: impl FnMut(Position, &[u8]) -> Result<(), E>,
) -> Result<Found, OpenError> {
    let bases = bases(disk)?;
    let mut scan = Scan::new(disk, identity);
    let cut = scan.replay(&bases, &mut apply)?;
    scan.check_first()?;
    if let Some(cut) = cut {
        scan.cut(&bases, &cut)?;
    }
    remove_spare(disk)?;
    scan.make_durable()?;
    Ok(Found {
        sealed: scan.last_record <= scan.marks.synced,
        segments: scan.segments,
        marks: scan.marks,
        previous: scan.previous,
        recovered: scan.recovered,
    })
}

/// Reads a journal that nobody has open and hands over its records, as [`Journal::open`] would,
/// but leaves all as it is: `cut_bytes` are those that would be cut off.
///
/// # Errors
/// [`OpenError`] where the journal would not be opened.
///
/// [`Journal::open`]: crate::Journal::open
pub fn verify<E: Display>(
    disk: &dyn Disk,
    identity: [u8; 16],
    mut apply: impl FnMut(Position, &[u8]) -> Result<(), E>,
) -> Result<Recovered, OpenError> {
    let bases = bases(disk)?;
    let mut scan = Scan::new(disk, identity);
    let cut = scan.replay(&bases, &mut apply)?;
    scan.check_first()?;
    if let Some(cut) = cut {
        scan.recovered.cut_bytes = scan.torn(&bases, &cut)?;
    }
    Ok(scan.recovered)
}

/// Hands over the records behind `from`, of a journal that is being written to, up to `until`,
/// which is durable.
pub(crate) fn replay<E: Display>(
    disk: &dyn Disk,
    identity: [u8; 16],
    from: Position,
    until: Position,
    mut apply: impl FnMut(Position, &[u8]) -> Result<(), E>,
) -> Result<(), OpenError> {
    let mut bases = bases(disk)?;
    bases.retain(|base| *base < until);
    let needed = bases.iter().rposition(|base| *base <= from);
    bases.drain(..needed.unwrap_or_default());
    let mut scan = Scan::new(disk, identity);
    scan.until = Some(until);
    let mut behind = |position, record: &[u8]| {
        if position > from {
            apply(position, record)
        } else {
            Ok(())
        }
    };
    scan.replay(&bases, &mut behind)?;
    let first = bases.first().copied().unwrap_or(until);
    if from < until && first > from {
        return Err(scan.damaged(first, 0, Damage::MissingBefore));
    }
    match scan.segments.last() {
        Some(last) if last.end < until => {
            Err(scan.damaged(last.base, last.size(), Damage::Missing))
        }
        Some(_) | None => Ok(()),
    }
}

/// The segments on a disk, in order: where each begins, which is where the one before it ends, and
/// the name of its file. What was before the first is given up.
///
/// # Errors
/// [`OpenError::Io`] where the folder cannot be read.
pub fn segments(disk: &dyn Disk) -> Result<Vec<(Position, String)>, OpenError> {
    let bases = bases(disk)?.into_iter();
    Ok(bases.map(|base| (base, segment_name(base))).collect())
}

fn bases(disk: &dyn Disk) -> Result<Vec<Position>, OpenError> {
    let names = disk.list().map_err(|source| io_error(disk, "", source))?;
    let mut bases: Vec<Position> = names.iter().filter_map(|name| segment_base(name)).collect();
    bases.sort_unstable();
    Ok(bases)
}

struct Scan<'a> {
    disk: &'a dyn Disk,
    identity: [u8; 16],
    /// Where to end: all before it is durable, and what is behind it may be in the writing.
    until: Option<Position>,
    /// The segment being read.
    bytes: Vec<u8>,
    segments: Vec<Segment>,
    marks: Marks,
    previous: u32,
    recovered: Recovered,
    /// Where the last block with records ends.
    last_record: Position,
}

/// Something that does not go on: in which segment, at which byte of it, and why.
#[derive(Debug)]
struct Stop {
    base: Position,
    offset: usize,
    reason: Damage,
}

impl Stop {
    fn position(&self) -> Position {
        self.base.plus(self.offset)
    }
}

impl<'a> Scan<'a> {
    fn new(disk: &'a dyn Disk, identity: [u8; 16]) -> Self {
        Self {
            disk,
            identity,
            until: None,
            bytes: Vec::new(),
            segments: Vec::new(),
            marks: Marks::default(),
            previous: 0,
            recovered: Recovered::default(),
            last_record: Position::default(),
        }
    }

    /// Goes through all segments; where a tail begins that is to be cut.
    fn replay<E: Display>(
        &mut self,
        bases: &[Position],
        apply: &mut impl FnMut(Position, &[u8]) -> Result<(), E>,
    ) -> Result<Option<Stop>, OpenError> {
        let mut later = bases.iter().skip(1);
        for base in bases {
            let stop = match self.gap(*base) {
                Some(stop) => Some(stop),
                None => self.segment(*base, apply)?,
            };
            let next = later.next().copied();
            if let Some(stop) = stop
                && !self.goes_on(&stop, next)?
            {
                return self.judge(stop, bases).map(Some);
            }
        }
        Ok(None)
    }

    /// Does the next segment go on right there? Then no block is missing, and what stops is what
    /// a full disk left of one that was given up.
    fn goes_on(&mut self, stop: &Stop, next: Option<Position>) -> Result<bool, OpenError> {
        let Some(next) = next.filter(|next| *next == stop.position()) else {
            return Ok(false);
        };
        self.read(next)?;
        let header = Header::decode(&self.bytes).map(|(header, _)| header);
        Ok(header.is_some_and(|it| it.position == next && it.previous == self.previous))
    }

    /// What was before the first segment was given up, by a block that was durable before it went.
    fn check_first(&self) -> Result<(), OpenError> {
        let first = self.segments.first().map(|segment| segment.base);
        match first.filter(|base| *base > self.marks.kept_from) {
            Some(base) => Err(self.damaged(base, 0, Damage::MissingBefore)),
            None => Ok(()),
        }
    }

    /// A segment has to begin where the one before it ends.
    fn gap(&self, base: Position) -> Option<Stop> {
        let before = self.segments.last()?;
        if before.end == base {
            None
        } else if before.end < base {
            Some(Stop {
                base: before.base,
                offset: before.size(),
                reason: Damage::Missing,
            })
        } else {
            Some(Stop {
                base,
                offset: 0,
                reason: Damage::OutOfChain,
            })
        }
    }

    /// Goes through one segment, to its end or to what does not go on.
    fn segment<E: Display>(
        &mut self,
        base: Position,
        apply: &mut impl FnMut(Position, &[u8]) -> Result<(), E>,
    ) -> Result<Option<Stop>, OpenError> {
        self.read(base)?;
        let stop = |offset, reason| {
            Ok(Some(Stop {
                base,
                offset,
                reason,
            }))
        };
        let Some((header, crc)) = Header::decode(&self.bytes) else {
            return stop(0, Damage::BrokenHead);
        };
        let path = || self.disk.path(&segment_name(base));
        if header.version != VERSION {
            let found = header.version;
            return Err(OpenError::OtherVersion {
                path: path(),
                found,
            });
        }
        if header.identity != self.identity {
            return Err(OpenError::OtherIdentity { path: path() });
        }
        if header.position != base {
            // No crash does this, so it is no tail: somebody gave the file another name.
            return Err(self.damaged(base, 0, Damage::OutOfChain));
        }
        if !self.segments.is_empty() && header.previous != self.previous {
            return stop(0, Damage::OutOfChain);
        }
        self.marks.raise(header.marks);
        self.previous = crc;
        let mut at = HEADER;
        let reason = loop {
            let end = base.plus(at);
            if self.until.is_some_and(|until| end >= until) {
                break None;
            }
            let rest = self.bytes.get(at..).unwrap_or_default();
            let Some(block) = Block::decode(rest, end) else {
                let zeros = rest.iter().all(|byte| *byte == 0);
                break (!zeros).then_some(Damage::Broken);
            };
            if block.previous != self.previous {
                break Some(Damage::OutOfChain);
            }
            at += block.size();
            let position = base.plus(at);
            for record in block.records() {
                apply(position, record).map_err(|error| {
                    let reason = Damage::Refused(error.to_string());
                    self.damaged(base, at - block.size(), reason)
                })?;
                self.recovered.records += 1;
            }
            if !block.is_seal() {
                self.recovered.blocks += 1;
                self.last_record = position;
            }
            self.marks.raise(block.marks);
            self.previous = block.crc;
        };
        let end = base.plus(at);
        self.segments.push(Segment { base, end });
        self.recovered.end = end;
        Ok(reason.map(|reason| Stop {
            base,
            offset: at,
            reason,
        }))
    }

    /// Was what stood there durable? Then it is damaged; else it is a tail to be cut.
    fn judge(&mut self, stop: Stop, bases: &[Position]) -> Result<Stop, OpenError> {
        let first = bases.first().copied().unwrap_or_default();
        // A journal begins at 0, and its first segments go only when later ones are durable.
        let mut durable = self.segments.is_empty() && first > Position::default();
        let mut witnessed = self.marks;
        for base in bases.iter().filter(|base| **base >= stop.base) {
            self.read(*base)?;
            let from = if *base == stop.base { stop.offset } else { 0 };
            witnessed.raise(witnesses(&self.bytes, *base, from));
        }
        let synced = self.until.unwrap_or_default().max(witnessed.synced);
        durable |= synced > stop.position();
        if durable {
            Err(self.damaged(stop.base, stop.offset, stop.reason))
        } else {
            Ok(stop)
        }
    }

    /// Bytes of a tail.
    fn torn(&mut self, bases: &[Position], stop: &Stop) -> Result<u64, OpenError> {
        let last = self.segments.last().map(|segment| segment.base);
        let mut torn = 0;
        for base in bases.iter().filter(|base| **base >= stop.base) {
            let from = if Some(*base) == last { stop.offset } else { 0 };
            self.read(*base)?;
            torn += as_u64(used(&self.bytes, from));
        }
        Ok(torn)
    }

    /// Takes a tail off the disk. A crash in the midst of it leaves a tail again, until
    /// [`make_durable`](Self::make_durable) has synced what was removed.
    fn cut(&mut self, bases: &[Position], stop: &Stop) -> Result<(), OpenError> {
        let kept = |base: &Position| self.segments.iter().any(|segment| segment.base == *base);
        let gone: Vec<Position> = bases.iter().copied().filter(|base| !kept(base)).collect();
        self.recovered.cut_bytes = self.torn(bases, stop)?;
        for base in gone {
            let name = segment_name(base);
            let removed = self.disk.remove(&name);
            removed.map_err(|source| io_error(self.disk, &name, source))?;
        }
        if self
            .segments
            .last()
            .is_none_or(|segment| segment.base != stop.base)
        {
            return Ok(());
        }
        self.read(stop.base)?;
        let torn = used(&self.bytes, stop.offset);
        let name = segment_name(stop.base);
        let file = self.disk.open(&name);
        let cut = file.and_then(|file| {
            write_zeros(&*file, stop.offset, torn)?;
            file.sync()
        });
        cut.map_err(|source| io_error(self.disk, &name, source))
    }

    /// Makes what was read durable, whoever wrote it and did not live to sync it.
    ///
    /// It is written again first: after a failed sync the kernel still shows what it could not
    /// write, but believes it written, and would not write it at the next sync.
    fn make_durable(&mut self) -> Result<(), OpenError> {
        let synced = self.marks.synced;
        let doubtful = self.segments.iter().filter(|segment| segment.end > synced);
        for segment in doubtful {
            let name = segment_name(segment.base);
            let from = offset(segment.base, segment.base.max(synced));
            let file = self.disk.open(&name);
            let again = file.and_then(|file| {
                file.read(&mut self.bytes)?;
                let bytes = self.bytes.get(from..segment.size()).unwrap_or_default();
                file.write_at(as_u64(from), bytes)?;
                file.sync()
            });
            again.map_err(|source| io_error(self.disk, &name, source))?;
        }
        let names = self.disk.sync_names();
        names.map_err(|source| io_error(self.disk, "", source))
    }

    fn read(&mut self, base: Position) -> Result<(), OpenError> {
        let name = segment_name(base);
        let file = self.disk.open(&name);
        let read = file.and_then(|file| file.read(&mut self.bytes));
        read.map_err(|source| io_error(self.disk, &name, source))
    }

    fn damaged(&self, base: Position, offset: usize, reason: Damage) -> OpenError {
        OpenError::Damaged {
            path: self.disk.path(&segment_name(base)),
            offset: as_u64(offset),
            reason,
        }
    }
}

/// Whatever the process before was at with it.
fn remove_spare(disk: &dyn Disk) -> Result<(), OpenError> {
    match disk.remove(SPARE) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(disk, SPARE, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Bytes from `from` to the last that is not zero.
fn used(segment: &[u8], from: usize) -> usize {
    let rest = segment.get(from..).unwrap_or_default();
    rest.iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1)
}

/// Where in a segment a position is. A segment is read into memory, so it fits.
fn offset(base: Position, position: Position) -> usize {
    let bytes = position.bytes().saturating_sub(base.bytes());
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

pub(crate) fn io_error(disk: &dyn Disk, name: &str, source: io::Error) -> OpenError {
    OpenError::Io {
        path: disk.path(name),
        source,
    }
}
