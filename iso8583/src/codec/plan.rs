//! The table of a dialect made ready for walking: ten bytes a data element.

use crate::bitmap::Bitmap;
use crate::codec::layout::{Layout, Layouts};
use crate::spec::{Align, Class, Counting, Dialect, Encoding, Field, Length, Prefix, PrefixCoding};

/// What the walk has to know of each data element, by its number.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    ops: Box<[Op; 256]>,
    /// Do most values stand on the wire as they are?
    plain: bool,
    layouts: Layouts,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            ops: Box::new([Op::UNKNOWN; 256]),
            plain: false,
            layouts: Layouts::default(),
        }
    }
}

impl Plan {
    /// The plan of a dialect's fields.
    pub(crate) fn of(dialect: &Dialect) -> Self {
        let mut plan = Self::default();
        for (de, field) in dialect.fields() {
            if let Some(op) = plan.ops.get_mut(usize::from(de)) {
                *op = Op::of(field);
            }
        }
        let plain = plan.ops.iter().filter(|op| op.identity).count();
        plan.plain = plain * 2 > dialect.fields().count();
        plan
    }

    /// The sets of fields that were met before.
    pub(crate) const fn layouts(&self) -> &Layouts {
        &self.layouts
    }

    /// Remembers what these fields make of a message, if there is room.
    pub(crate) fn learn(&self, present: Bitmap) {
        self.layouts.keep(present, || Layout::new(self, present));
    }

    /// What to do with each data element.
    pub(crate) const fn ops(&self) -> &[Op; 256] {
        &self.ops
    }

    /// Do most values stand on the wire as they are?
    pub(crate) const fn is_plain(&self) -> bool {
        self.plain
    }

    /// What to do with a data element.
    pub(crate) fn op(&self, de: u8) -> Op {
        self.ops
            .get(usize::from(de))
            .copied()
            .unwrap_or(Op::UNKNOWN)
    }
}

/// How the walk passes a data element.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what is asked of every field of every message: a byte each"
)]
pub(crate) struct Op {
    /// Where it ends.
    pub(crate) reach: Reach,
    /// What its bytes must be.
    pub(crate) check: Check,
    /// Bytes of the length prefix.
    pub(crate) prefix: u8,
    /// Must more be looked at than each of its bytes?
    pub(crate) alone: bool,
    /// Does a zero fill the first nibble?
    pub(crate) odd: bool,
    /// Has it subfields?
    pub(crate) composite: bool,
    /// Is the value what stands on the wire behind the prefix?
    pub(crate) identity: bool,
    /// Bytes on the wire where it is fixed, units at most where it is not.
    pub(crate) len: u16,
}

/// How the end of a field is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The dialect has no such field.
    Unknown,
    /// So many bytes.
    Fixed,
    /// Two ASCII digits say how many bytes.
    Ascii2,
    /// Three ASCII digits say how many bytes.
    Ascii3,
    /// Three ASCII digits say how many bytes, which stand as hex.
    AsciiHex3,
    /// Two packed digits say how many bytes.
    Bcd2,
    /// Four packed digits say how many bytes.
    Bcd4,
    /// Two packed digits say how many packed digits, aligned right behind a zero.
    BcdPacked2,
    /// In another way: see [`Field::locate`].
    Plain,
}

/// What each byte of a field must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// Anything.
    Nothing,
    /// ASCII digits.
    Digits,
    /// ASCII letters, digits, blanks.
    Alphanumeric,
    /// No control characters.
    Printable,
    /// ASCII hex digits.
    Hex,
    /// ASCII digits and separators.
    Track,
    /// Packed digits.
    Packed,
    /// Packed digits and separators.
    PackedTrack,
    /// Something else: see [`Field::check`].
    Plain,
}

impl Op {
    pub(crate) const UNKNOWN: Self = Self {
        reach: Reach::Unknown,
        check: Check::Plain,
        prefix: 0,
        alone: true,
        odd: false,
        composite: false,
        identity: false,
        len: 0,
    };

    fn of(field: &Field) -> Self {
        let (reach, prefix, len) = match field.length() {
            Length::Fixed(units) => {
                let wire = field.wire_len(usize::from(units));
                u16::try_from(wire).map_or((Reach::Plain, 0, 0), |wire| (Reach::Fixed, 0, wire))
            }
            Length::Variable { prefix, max } => {
                let width = u8::try_from(prefix.width()).unwrap_or(u8::MAX);
                (reach(field, prefix), width, max)
            }
        };
        // Which nibble is filler is told by a length in a way the walk knows, or by none.
        let mut check = check(field);
        if reach == Reach::Plain && matches!(check, Check::Packed | Check::PackedTrack) {
            check = Check::Plain;
        }
        let packed = check == Check::Packed || check == Check::PackedTrack;
        let odd = matches!(field.length(), Length::Fixed(units) if packed && units % 2 == 1);
        let composite = field.content().is_some();
        Self {
            reach,
            check,
            prefix,
            alone: odd || composite || check == Check::Plain || reach == Reach::BcdPacked2,
            odd,
            composite,
            identity: matches!(field.encoding(), Encoding::Ascii | Encoding::Binary)
                && check != Check::Plain
                && reach != Reach::Plain,
            len,
        }
    }
}

fn reach(field: &Field, prefix: Prefix) -> Reach {
    // Does the prefix count the bytes that follow?
    let by_bytes = matches!(
        (field.encoding(), prefix.counting),
        (
            Encoding::Ascii | Encoding::Ebcdic(_),
            Counting::Characters | Counting::Bytes
        ) | (Encoding::Binary | Encoding::EucKr, Counting::Bytes)
    );
    let as_hex = field.encoding() == Encoding::Hex && prefix.counting == Counting::Bytes;
    let zero_filled = matches!(
        field.encoding(),
        Encoding::Bcd { align, fill } if is_right_zero(align, fill)
    );
    let packed = zero_filled && prefix.counting != Counting::Bytes;
    match (prefix.coding, prefix.digits) {
        (PrefixCoding::Ascii, 2) if by_bytes => Reach::Ascii2,
        (PrefixCoding::Ascii, 3) if by_bytes => Reach::Ascii3,
        (PrefixCoding::Ascii, 3) if as_hex => Reach::AsciiHex3,
        (PrefixCoding::Bcd, 2) if by_bytes => Reach::Bcd2,
        (PrefixCoding::Bcd, 3 | 4) if by_bytes => Reach::Bcd4,
        (PrefixCoding::Bcd, 2) if packed => Reach::BcdPacked2,
        _ => Reach::Plain,
    }
}

const fn is_right_zero(align: Align, fill: u8) -> bool {
    matches!(align, Align::Right) && fill == 0
}

fn check(field: &Field) -> Check {
    match (field.encoding(), field.class(), field.is_lenient()) {
        (Encoding::Binary, _, _) | (Encoding::Ascii, _, true) => Check::Nothing,
        (Encoding::Hex, _, _) => Check::Hex,
        (Encoding::Ascii, Class::N, _) => Check::Digits,
        (Encoding::Ascii, Class::An, _) => Check::Alphanumeric,
        (Encoding::Ascii, Class::Ans, _) => Check::Printable,
        (Encoding::Ascii, Class::Z, _) => Check::Track,
        (Encoding::Bcd { align, fill }, Class::N, false) if is_right_zero(align, fill) => {
            Check::Packed
        }
        (Encoding::Bcd { align, fill }, Class::Z, false) if is_right_zero(align, fill) => {
            Check::PackedTrack
        }
        _ => Check::Plain,
    }
}

#[cfg(test)]
mod tests {
    use crate::spec::Dialect;

    /// DE 36 of an odd length stands behind a filler nibble, which must be zero.
    #[test]
    fn a_filler_is_looked_at_whatever_the_length_is_written_as() {
        let dialect = Dialect::iso87_bcd();
        let mut wire = b"\x02\x00\0\0\0\0\x10\0\0\0\x00\x03\x09\x91".to_vec();
        assert!(dialect.read(&wire).is_ok() && dialect.decode(&wire).is_ok());
        wire[12] = 0x89;
        assert!(dialect.read(&wire).is_err() && dialect.decode(&wire).is_err());
    }
}
