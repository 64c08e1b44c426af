//! Segments and blocks as bytes: `FORMAT.md`, which the crate doc shows.

use std::fmt;

use crate::Position;

/// Bytes of a segment's header.
pub(crate) const HEADER: usize = 64;
/// Bytes of a block before its records.
pub(crate) const BLOCK_HEAD: usize = 40;
/// Bytes of a record before its content.
pub(crate) const RECORD_HEAD: usize = 4;
pub(crate) const VERSION: u16 = 1;

const MAGIC: &[u8; 8] = b"PANSORIS";
const MARKER: &[u8; 4] = b"BLCK";
const CRC: usize = 4;
const SUFFIX: &str = ".journal";

/// The file of the segment that begins at `base`.
pub(crate) fn segment_name(base: Position) -> String {
    format!("{:020}{SUFFIX}", base.bytes())
}

/// Where the segment of that name begins, if it is one.
pub(crate) fn segment_base(name: &str) -> Option<Position> {
    let base = Position::new(name.strip_suffix(SUFFIX)?.parse().ok()?);
    (segment_name(base) == name).then_some(base)
}

/// What headers and blocks say about the rest of the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) synced: Position,
    pub(crate) kept_from: Position,
}

impl Marks {
    /// The later of both, each.
    pub(crate) fn raise(&mut self, other: Self) {
        self.synced = self.synced.max(other.synced);
        self.kept_from = self.kept_from.max(other.kept_from);
    }
}

/// What stands at the start of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) version: u16,
    pub(crate) identity: [u8; 16],
    pub(crate) position: Position,
    pub(crate) marks: Marks,
    pub(crate) previous: u32,
}

impl Header {
    /// Writes it to the front of `out`, which has room; its CRC.
    fn encode(&self, out: &mut [u8]) -> u32 {
        let fields: [&[u8]; 8] = [
            MAGIC,
            &self.version.to_le_bytes(),
            &[0; 6],
            &self.identity,
            &self.position.bytes().to_le_bytes(),
            &self.marks.synced.bytes().to_le_bytes(),
            &self.marks.kept_from.bytes().to_le_bytes(),
            &self.previous.to_le_bytes(),
        ];
        fill(out, 0, &fields);
        let crc = crc32c::crc32c(out.get(..HEADER - CRC).unwrap_or_default());
        fill(out, HEADER - CRC, &[&crc.to_le_bytes()]);
        crc
    }

    /// The header at the front of a segment and its CRC, if it is whole.
    pub(crate) fn decode(segment: &[u8]) -> Option<(Self, u32)> {
        let header = segment.first_chunk::<HEADER>()?;
        let (fields, crc) = header.split_last_chunk::<CRC>()?;
        let crc = u32::from_le_bytes(*crc);
        let mut fields_left = Fields(fields);
        let magic: [u8; 8] = fields_left.take()?;
        let version = u16::from_le_bytes(fields_left.take()?);
        let _reserved: [u8; 6] = fields_left.take()?;
        let header = Self {
            version,
            identity: fields_left.take()?,
            position: fields_left.position()?,
            marks: fields_left.marks()?,
            previous: u32::from_le_bytes(fields_left.take()?),
        };
        (magic == *MAGIC && crc == crc32c::crc32c(fields)).then_some((header, crc))
    }
}

/// A whole block.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a> {
    pub(crate) marks: Marks,
    pub(crate) previous: u32,
    pub(crate) crc: u32,
    payload: &'a [u8],
}

impl<'a> Block<'a> {
    /// The block at the front of `bytes`, which stand at `position`, if it is whole.
    pub(crate) fn decode(bytes: &'a [u8], position: Position) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<BLOCK_HEAD>()?;
        let (fields, crc) = head.split_last_chunk::<CRC>()?;
        let mut fields_left = Fields(fields);
        let marker: [u8; 4] = fields_left.take()?;
        let length = u32::from_le_bytes(fields_left.take()?);
        // Most that only looks like a block ends here, before its bytes are summed.
        if marker != *MARKER || fields_left.position()? != position {
            return None;
        }
        let block = Self {
            marks: fields_left.marks()?,
            previous: u32::from_le_bytes(fields_left.take()?),
            crc: u32::from_le_bytes(*crc),
            payload: rest.get(..usize::try_from(length).ok()?)?,
        };
        let sum = crc32c::crc32c_append(crc32c::crc32c(fields), block.payload);
        let mut records = block.records();
        records.by_ref().for_each(drop);
        (block.crc == sum && records.0.is_empty()).then_some(block)
    }

    /// Bytes of it in the segment.
    pub(crate) const fn size(&self) -> usize {
        BLOCK_HEAD + self.payload.len()
    }

    pub(crate) const fn is_seal(&self) -> bool {
        self.payload.is_empty()
    }

    pub(crate) const fn records(&self) -> Records<'a> {
        Records(self.payload)
    }
}

/// The records of a block, in order.
#[derive(Clone)]
pub(crate) struct Records<'a>(&'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk::<RECORD_HEAD>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (record, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(record)
    }
}

/// What the whole headers and blocks in `segment` at or behind byte `from` say, wherever they are.
pub(crate) fn witnesses(segment: &[u8], base: Position, from: usize) -> Marks {
    let mut marks = Marks::default();
    if from == 0
        && let Some((header, _)) = Header::decode(segment)
        && header.position == base
    {
        marks.raise(header.marks);
    }
    let rest = segment.get(from..).unwrap_or_default();
    let places = rest.windows(MARKER.len()).enumerate();
    let marked = places.filter(|(_, window)| window == MARKER);
    let blocks = marked.filter_map(|(at, _)| Block::decode(rest.get(at..)?, base.plus(from + at)));
    blocks.for_each(|block| marks.raise(block.marks));
    marks
}

/// The block that is being gathered, with room for a segment's header before it, so that both go
/// out in one write.
pub(crate) struct OpenBlock {
    bytes: Vec<u8>,
    payload_max: usize,
}

impl fmt::Debug for OpenBlock {
    /// Never what is in it: records may hold card data.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("OpenBlock")
            .field("size", &self.size())
            .field("payload_max", &self.payload_max)
            .finish_non_exhaustive()
    }
}

impl OpenBlock {
    pub(crate) fn new(payload_max: usize) -> Self {
        let mut bytes = Vec::with_capacity(FRONT + payload_max);
        bytes.resize(FRONT, 0);
        Self { bytes, payload_max }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes.len() == FRONT
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.truncate(FRONT);
    }

    /// Bytes it takes in a segment, its head counted.
    pub(crate) const fn size(&self) -> usize {
        self.bytes.len() - HEADER
    }

    /// Takes a record; false where it does not fit.
    pub(crate) fn push(&mut self, record: &[u8]) -> bool {
        let Ok(length) = u32::try_from(record.len()) else {
            return false;
        };
        let payload = self.bytes.len() - FRONT + RECORD_HEAD + record.len();
        if payload > self.payload_max {
            return false;
        }
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(record);
        true
    }

    /// Completes it to be written at `position`: its bytes and its CRC.
    pub(crate) fn complete(
        &mut self,
        position: Position,
        marks: Marks,
        previous: u32,
    ) -> (&[u8], u32) {
        let crc = self.encode_head(position, marks, previous);
        (self.bytes.get(HEADER..).unwrap_or_default(), crc)
    }

    /// Completes it to be the first of a segment: the bytes of both and the CRC of the block.
    pub(crate) fn complete_with(&mut self, header: &Header) -> (&[u8], u32) {
        let previous = header.encode(&mut self.bytes);
        let crc = self.encode_head(header.position.plus(HEADER), header.marks, previous);
        (&self.bytes, crc)
    }

    fn encode_head(&mut self, position: Position, marks: Marks, previous: u32) -> u32 {
        // `push` holds it below 4 GiB: `Settings` allows no more.
        let length = u32::try_from(self.bytes.len() - FRONT).unwrap_or(u32::MAX);
        let fields: [&[u8]; 6] = [
            MARKER,
            &length.to_le_bytes(),
            &position.bytes().to_le_bytes(),
            &marks.synced.bytes().to_le_bytes(),
            &marks.kept_from.bytes().to_le_bytes(),
            &previous.to_le_bytes(),
        ];
        fill(&mut self.bytes, HEADER, &fields);
        let fields = self.bytes.get(HEADER..FRONT - CRC).unwrap_or_default();
        let payload = self.bytes.get(FRONT..).unwrap_or_default();
        let crc = crc32c::crc32c_append(crc32c::crc32c(fields), payload);
        fill(&mut self.bytes, FRONT - CRC, &[&crc.to_le_bytes()]);
        crc
    }
}

const FRONT: usize = HEADER + BLOCK_HEAD;

fn fill(out: &mut [u8], at: usize, fields: &[&[u8]]) {
    let bytes = fields.iter().flat_map(|field| field.iter());
    for (to, from) in out.iter_mut().skip(at).zip(bytes) {
        *to = *from;
    }
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    fn position(&mut self) -> Option<Position> {
        Some(Position::new(u64::from_le_bytes(self.take()?)))
    }

    fn marks(&mut self) -> Option<Marks> {
        Some(Marks {
            synced: self.position()?,
            kept_from: self.position()?,
        })
    }
}
