//! What one bitmap makes of a message: where its fields lie and what their bytes must be, worked
//! out once and kept.
//!
//! Terminals and networks send the same few sets of fields all day. Between two fields of variable
//! length everything stands at fixed places, so that a message whose bitmap is known is passed
//! from one variable field to the next, and the bytes between them are checked sixteen at a time
//! against rows made ready. A bitmap not met before is walked over field by field, and remembered
//! if its message was good.

use std::sync::OnceLock;

use crate::bitmap::Bitmap;
use crate::codec::plan::{Check, Op, Plan, Reach};

/// How many stretches a layout may have, one more than variable fields. A message of more is
/// walked over field by field each time.
const STRETCHES_MAX: usize = 24;

/// Where each stretch of a message starts.
pub(super) type Bases = [u16; STRETCHES_MAX];

/// How many layouts a dialect keeps; the first come stay. A few KiB each.
const LAYOUTS_MAX: usize = 256;
/// In how many places a layout may be looked for.
const PROBES: u8 = 4;

/// The layouts of a dialect, by bitmap.
#[derive(Clone, Debug)]
pub(crate) struct Layouts(Box<[OnceLock<Box<Layout>>; LAYOUTS_MAX]>);

impl Default for Layouts {
    fn default() -> Self {
        Self(Box::new([const { OnceLock::new() }; LAYOUTS_MAX]))
    }
}

impl Layouts {
    /// The layout of the messages with these fields, where it is known.
    #[inline(always)]
    pub(super) fn of(&self, present: Bitmap) -> Option<&Layout> {
        for place in places(present) {
            let layout = self.0.get(place)?.get()?;
            if layout.present == present {
                return Some(layout);
            }
        }
        None
    }

    /// Keeps the layout of the messages with these fields, if it has a place.
    #[cold]
    pub(super) fn keep(&self, present: Bitmap, layout: impl FnOnce() -> Option<Layout>) {
        for place in places(present) {
            let Some(place) = self.0.get(place) else {
                return;
            };
            match place.get() {
                Some(other) if other.present == present => return,
                Some(_) => {}
                None => {
                    if let Some(layout) = layout() {
                        // Where another thread was faster, this one waits for its next message.
                        let _ = place.set(Box::new(layout));
                    }
                    return;
                }
            }
        }
    }
}

/// Where the layout of a bitmap is looked for.
#[inline]
fn places(present: Bitmap) -> impl Iterator<Item = usize> {
    let [first, second, third] = present.maps();
    let mixed = first ^ second.rotate_left(21) ^ third.rotate_left(42);
    let [place, ..] = mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
    (0..PROBES).map(move |probe| usize::from(place.wrapping_add(probe)))
}

/// The messages with one set of fields.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    present: Bitmap,
    pub(super) stretches: Box<[Stretch]>,
    /// By data element, up to the last there is; an absent one has the place of the one before.
    slots: Box<[Slot]>,
    /// Those that are present, where the values of all are what stands on the wire.
    pub(super) verbatim: Option<Box<[Slot]>>,
    rows: Box<[Row]>,
    /// Fixed fields that must be looked at singly as well.
    pub(super) singles: Box<[Single]>,
}

/// Fields of fixed length, and the one of variable length that ends them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    /// Bytes of the fixed ones.
    pub(super) fixed: u16,
    /// The variable one; 0 where the message ends instead.
    pub(super) de: u8,
    pub(super) op: Op,
}

/// Where a field lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    /// In which stretch.
    pub(super) stretch: u8,
    pub(super) present: bool,
    /// Does it end the stretch?
    pub(super) variable: bool,
    /// Bytes from the start of the stretch.
    pub(super) offset: u16,
    /// Bytes on the wire, where it is fixed.
    pub(super) len: u16,
    /// Bytes of the length before it.
    pub(super) prefix: u8,
    /// Is its value what stands on the wire behind that?
    pub(super) identity: bool,
    pub(super) check: Check,
}

/// What sixteen bytes must be.
#[derive(Clone, Copy, Debug)]
struct Row {
    stretch: u8,
    /// From the start of the stretch.
    offset: u16,
    /// The least each may be, and how much more.
    low: [u8; 16],
    span: [u8; 16],
    /// All ones where that counts; such a byte is not DEL either.
    text: [u8; 16],
    /// The nibbles' first bits, where both must be digits.
    packed: [u8; 16],
}

/// A field of which a row does not say all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Single {
    pub(super) de: u8,
    pub(super) op: Op,
    pub(super) stretch: u8,
    pub(super) offset: u16,
    pub(super) len: u16,
}

impl Layout {
    /// The layout of messages with these fields; None where one is unknown, or more are variable
    /// than there is room for.
    pub(super) fn new(plan: &Plan, present: Bitmap) -> Option<Self> {
        let mut draft = Draft::default();
        let mut slots = vec![Slot::NONE];
        for de in present.iter() {
            let before = *slots.last()?;
            let absent = Slot {
                present: false,
                ..before
            };
            slots.resize(usize::from(de), absent);
            slots.push(draft.add(de, plan.op(de))?);
        }
        draft.end(0, Op::UNKNOWN)?;
        let here = slots.iter().filter(|slot| slot.present);
        let verbatim = here.clone().all(|slot| slot.identity);
        Some(Self {
            present,
            stretches: draft.stretches.into(),
            verbatim: verbatim.then(|| here.copied().collect()),
            slots: slots.into(),
            rows: draft.rows.into(),
            singles: draft.singles.into(),
        })
    }

    /// Where a field lies; None where there is none.
    #[inline]
    pub(super) fn slot(&self, de: u8) -> Option<Slot> {
        let slot = self.slots.get(usize::from(de))?;
        slot.present.then_some(*slot)
    }

    /// Where the last field up to a number lies.
    #[inline]
    pub(super) fn last_slot(&self, until: u8) -> Slot {
        let slot = self
            .slots
            .get(usize::from(until))
            .or_else(|| self.slots.last());
        slot.copied().unwrap_or(Slot::NONE)
    }

    /// Are the fixed fields of each stretch what they must be, as far as rows say it?
    #[inline]
    pub(super) fn rows_hold(&self, bytes: &[u8], bases: &Bases) -> bool {
        let mut failed = [0; 16];
        for row in &self.rows {
            let base = bases.get(usize::from(row.stretch)).copied();
            let at = usize::from(base.unwrap_or(u16::MAX)) + usize::from(row.offset);
            let rest = bytes.get(at..).unwrap_or_default();
            failed = match rest.first_chunk::<16>() {
                Some(chunk) => row.judge(*chunk, failed),
                None => row.judge(padded(rest), failed),
            };
        }
        failed == [0; 16]
    }
}

/// Bytes at the end of a message, and zeros that no row looks at.
#[cold]
fn padded(rest: &[u8]) -> [u8; 16] {
    let mut chunk = [0; 16];
    for (to, from) in chunk.iter_mut().zip(rest) {
        *to = *from;
    }
    chunk
}

impl Slot {
    const NONE: Self = Self {
        stretch: 0,
        present: false,
        variable: false,
        offset: 0,
        len: 0,
        prefix: 0,
        identity: false,
        check: Check::Plain,
    };
}

impl Row {
    const ANYTHING: Self = Self {
        stretch: 0,
        offset: 0,
        low: [0; 16],
        span: [0; 16],
        text: [0; 16],
        packed: [0; 16],
    };

    /// Written so that the compiler does all sixteen at once.
    #[inline(always)]
    fn judge(&self, chunk: [u8; 16], mut failed: [u8; 16]) -> [u8; 16] {
        let rules = self
            .low
            .iter()
            .zip(&self.span)
            .zip(&self.text)
            .zip(&self.packed);
        for ((byte, (((low, span), text), packed)), failed) in
            chunk.iter().zip(rules).zip(&mut failed)
        {
            let beyond = byte.wrapping_sub(*low).saturating_sub(*span);
            let delete = if *byte == 0x7F { 0xFF } else { 0 };
            // A nibble above 9 has its first bit set, and its second or third.
            let letter = byte & (byte << 1 | byte << 2);
            *failed |= (beyond | delete) & text | letter & packed;
        }
        failed
    }

    fn set(&mut self, place: usize, rule: Rule) {
        let places = self.low.iter_mut().zip(&mut self.span);
        let places = places.zip(&mut self.text).zip(&mut self.packed);
        if let Some((((low, span), text), packed)) = places.into_iter().nth(place) {
            (*low, *span, *text, *packed) = (rule.low, rule.span, rule.text, rule.packed);
        }
    }
}

/// What one byte must be.
#[derive(Clone, Copy)]
struct Rule {
    low: u8,
    span: u8,
    text: u8,
    packed: u8,
}

impl Rule {
    const fn range(low: u8, high: u8) -> Self {
        Self {
            low,
            span: high - low,
            text: 0xFF,
            packed: 0,
        }
    }

    /// None where a range does not say it, and the field must be looked at singly.
    const fn of(check: Check) -> Option<Self> {
        Some(match check {
            Check::Nothing => Self {
                text: 0,
                ..Self::range(0, 0)
            },
            Check::Digits => Self::range(b'0', b'9'),
            Check::Printable => Self::range(b' ', 0xFF),
            Check::Packed => Self {
                packed: 0x88,
                ..Self::range(0, 0x99)
            },
            Check::Alphanumeric | Check::Hex | Check::Track | Check::PackedTrack | Check::Plain => {
                return None;
            }
        })
    }
}

/// A layout in the making.
#[derive(Default)]
struct Draft {
    stretches: Vec<Stretch>,
    rows: Vec<Row>,
    singles: Vec<Single>,
    /// Of the stretch that is begun.
    fixed: u16,
    rules: Vec<Rule>,
}

impl Draft {
    fn add(&mut self, de: u8, op: Op) -> Option<Slot> {
        let slot = Slot {
            stretch: u8::try_from(self.stretches.len()).ok()?,
            present: true,
            variable: op.reach != Reach::Fixed,
            offset: self.fixed,
            len: op.len,
            prefix: op.prefix,
            identity: op.identity,
            check: op.check,
        };
        match op.reach {
            Reach::Unknown => return None,
            Reach::Fixed => {
                self.fix(de, op, slot.stretch);
                self.fixed = self.fixed.checked_add(op.len)?;
            }
            Reach::Ascii2
            | Reach::Ascii3
            | Reach::AsciiHex3
            | Reach::Bcd2
            | Reach::Bcd4
            | Reach::BcdPacked2
            | Reach::Plain => self.end(de, op)?,
        }
        Some(slot)
    }

    fn fix(&mut self, de: u8, op: Op, stretch: u8) {
        let rule = Rule::of(op.check);
        let each = rule.or(Rule::of(Check::Nothing)).into_iter();
        let start = self.rules.len();
        self.rules.extend(each.cycle().take(usize::from(op.len)));
        // The zero that fills the first nibble.
        if op.odd
            && rule.is_some()
            && let Some(first) = self.rules.get_mut(start)
        {
            *first = Rule {
                packed: 0x88,
                ..Rule::range(0, 9)
            };
        }
        if rule.is_none() || op.composite {
            self.singles.push(Single {
                de,
                op,
                stretch,
                offset: self.fixed,
                len: op.len,
            });
        }
    }

    fn end(&mut self, de: u8, op: Op) -> Option<()> {
        let stretch = u8::try_from(self.stretches.len()).ok()?;
        let offsets = (0..=self.fixed).step_by(16);
        let rows = self.rules.chunks(16).zip(offsets).map(|(rules, offset)| {
            let mut row = Row {
                stretch,
                offset,
                ..Row::ANYTHING
            };
            for (place, rule) in rules.iter().enumerate() {
                row.set(place, *rule);
            }
            row
        });
        self.rows.extend(rows);
        self.rules.clear();
        self.stretches.push(Stretch {
            fixed: core::mem::take(&mut self.fixed),
            de,
            op,
        });
        // The last base is where the message ends.
        (self.stretches.len() < STRETCHES_MAX).then_some(())
    }
}
