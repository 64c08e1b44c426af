//! Which data elements a message carries: primary and secondary bitmap.

use core::fmt;

/// Presence of DE 2 to DE 128. Bit 1 of each wire map is the most significant bit of its first
/// byte (ISO 8583:1987); DE 1 is the second map itself and never counted as a field.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Bitmap(u128);

impl Bitmap {
    /// No field at all.
    pub const EMPTY: Self = Self(0);

    /// Reads the first map (DE 2 to 64); bit 1 says whether a second one follows.
    #[must_use]
    pub const fn from_primary(bits: u64) -> (Self, bool) {
        let second = bits >> 63 == 1;
        (Self((widen(bits) << 64) & !Self::bit(1)), second)
    }

    /// Adds the second map (DE 65 to 128).
    #[must_use]
    pub const fn with_secondary(self, bits: u64) -> Self {
        Self(self.0 | widen(bits))
    }

    /// Is the data element there? DE 0, 1 and those above 128 never are.
    #[must_use]
    pub const fn contains(self, de: u8) -> bool {
        self.0 & Self::bit(de) != 0
    }

    /// Marks a data element as present.
    pub const fn insert(&mut self, de: u8) {
        self.0 |= Self::bit(de);
    }

    /// Marks a data element as absent.
    pub const fn remove(&mut self, de: u8) {
        self.0 &= !Self::bit(de);
    }

    /// How many data elements stand before this one.
    #[must_use]
    pub fn rank(self, de: u8) -> usize {
        let upto = Self::bit(de);
        // All bits above `de`'s own, that is all smaller data element numbers.
        let smaller = if upto == 0 { 0 } else { !(upto | (upto - 1)) };
        usize::try_from((self.0 & smaller).count_ones()).unwrap_or(0)
    }

    /// How many data elements there are.
    #[must_use]
    pub fn len(self) -> usize {
        usize::try_from(self.0.count_ones()).unwrap_or(0)
    }

    /// The highest data element.
    #[must_use]
    pub fn last(self) -> Option<u8> {
        let below = u8::try_from(self.0.trailing_zeros()).ok()?;
        128_u8.checked_sub(below).filter(|de| *de > 0)
    }

    /// Is there none?
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The data elements in ascending order.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let de = u8::try_from(rest.leading_zeros())
                .ok()
                .filter(|zeros| *zeros < 128)?
                + 1;
            rest &= !Self::bit(de);
            Some(de)
        })
    }

    /// The wire maps: the first with its bit 1 set where the second is needed.
    #[must_use]
    pub const fn to_wire(self) -> (u64, Option<u64>) {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = self.0.to_be_bytes();
        let primary = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        let secondary = u64::from_be_bytes([i, j, k, l, m, n, o, p]);
        if secondary == 0 {
            (primary, None)
        } else {
            (primary | 1 << 63, Some(secondary))
        }
    }

    const fn bit(de: u8) -> u128 {
        match de {
            1..=128 => 1 << (128 - de),
            _ => 0,
        }
    }
}

#[expect(clippy::as_conversions, reason = "widening; From is not const")]
const fn widen(bits: u64) -> u128 {
    bits as u128
}

impl fmt::Debug for Bitmap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_golden_reversal_needs_a_second_map() {
        // F238 0001 0AC0 8000 | 0000 0040 0000 0000: DE 2 … 49 and 90.
        let (map, second) = Bitmap::from_primary(0xF238_0001_0AC0_8000);
        assert!(second);
        let map = map.with_secondary(0x0000_0040_0000_0000);
        let fields: Vec<u8> = map.iter().collect();
        assert_eq!(fields, [2, 3, 4, 7, 11, 12, 13, 32, 37, 39, 41, 42, 49, 90]);
        assert_eq!(
            map.to_wire(),
            (0xF238_0001_0AC0_8000, Some(0x0000_0040_0000_0000))
        );
        assert_eq!((map.last(), Bitmap::EMPTY.last()), (Some(90), None));
        assert_eq!(
            (map.rank(2), map.rank(7), map.rank(90), map.len()),
            (0, 3, 13, 14)
        );
    }

    #[test]
    fn inserting_and_removing_the_last_high_field_drops_the_second_map() {
        let mut map = Bitmap::EMPTY;
        map.insert(128);
        assert_eq!(map.to_wire(), (1 << 63, Some(1)));
        map.remove(128);
        assert_eq!(map.to_wire(), (0, None));
    }

    #[test]
    fn numbers_that_are_no_data_element_are_never_present() {
        let (map, _) = Bitmap::from_primary(u64::MAX);
        let map = map.with_secondary(u64::MAX);
        assert!(!map.contains(0) && !map.contains(1) && !map.contains(129));
        assert_eq!(map.len(), 127);
    }
}
