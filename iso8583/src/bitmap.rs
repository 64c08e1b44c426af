//! Which data elements a message carries: primary and secondary bitmap.

use core::fmt;

/// Presence of DE 2 to DE 192, in maps of 64. Bit 1 of each wire map is the most significant bit of
/// its first byte (ISO 8583:1987). DE 1 says that a second map follows and is no field; so does
/// DE 65 with a third one, in dialects that have it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Bitmap([u64; 3]);

impl Bitmap {
    /// No field at all.
    pub const EMPTY: Self = Self([0; 3]);

    /// The highest data element there can be.
    pub const LAST: u8 = 192;

    /// Reads the first map (DE 2 to 64); bit 1 says whether a second one follows.
    #[must_use]
    pub const fn from_primary(bits: u64) -> (Self, bool) {
        (Self([bits & !FIRST, 0, 0]), bits & FIRST != 0)
    }

    /// Adds the second map (DE 65 to 128).
    #[must_use]
    pub const fn with_secondary(self, bits: u64) -> Self {
        let Self([first, second, third]) = self;
        Self([first, second | bits, third])
    }

    /// Adds the third map (DE 129 to 192).
    #[must_use]
    pub const fn with_tertiary(self, bits: u64) -> Self {
        let Self([first, second, third]) = self;
        Self([first, second, third | bits])
    }

    /// The bitmap of data elements, for tables: numbers that are none are left out.
    #[must_use]
    pub const fn of(elements: &[u8]) -> Self {
        let mut bitmap = Self::EMPTY;
        let mut rest = elements;
        while let [de, after @ ..] = rest {
            bitmap.insert(*de);
            rest = after;
        }
        bitmap
    }

    /// Is the data element there? DE 0, 1 and those above 192 never are.
    #[must_use]
    pub const fn contains(self, de: u8) -> bool {
        let Self([first, second, third]) = self;
        let [a, b, c] = Self::bit(de);
        first & a | second & b | third & c != 0
    }

    /// Marks a data element as present.
    pub const fn insert(&mut self, de: u8) {
        *self = self.union(Self(Self::bit(de)));
    }

    /// Marks a data element as absent.
    pub const fn remove(&mut self, de: u8) {
        *self = self.difference(Self(Self::bit(de)));
    }

    /// What either has.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        let (Self([a, b, c]), Self([d, e, f])) = (self, other);
        Self([a | d, b | e, c | f])
    }

    /// What both have.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        let (Self([a, b, c]), Self([d, e, f])) = (self, other);
        Self([a & d, b & e, c & f])
    }

    /// What this one has and the other has not.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        let (Self([a, b, c]), Self([d, e, f])) = (self, other);
        Self([a & !d, b & !e, c & !f])
    }

    /// Only the data elements up to this one.
    #[must_use]
    pub const fn up_to(self, de: u8) -> Self {
        let Self([first, second, third]) = self;
        match de {
            0 => Self::EMPTY,
            1..=63 => Self([first & !(u64::MAX >> de), 0, 0]),
            64 => Self([first, 0, 0]),
            65..=127 => Self([first, second & !(u64::MAX >> (de - 64)), 0]),
            128 => Self([first, second, 0]),
            129..=191 => Self([first, second, third & !(u64::MAX >> (de - 128))]),
            192.. => self,
        }
    }

    /// How many data elements stand before this one.
    #[must_use]
    pub fn rank(self, de: u8) -> usize {
        let Self([first, second, third]) = self;
        // The bits of smaller numbers are the higher ones.
        let smaller = |bits: u64, place: u8| {
            let above = u64::MAX.checked_shr(u32::from(place)).unwrap_or(0);
            bits & !above
        };
        let count = match de {
            0 => 0,
            1..=64 => smaller(first, de - 1).count_ones(),
            65..=128 => first.count_ones() + smaller(second, de - 65).count_ones(),
            129.. => {
                let below = first.count_ones() + second.count_ones();
                below + smaller(third, de - 129).count_ones()
            }
        };
        usize::try_from(count).unwrap_or(0)
    }

    /// How many data elements there are.
    #[must_use]
    pub fn len(self) -> usize {
        let count: u32 = self.0.iter().map(|bits| bits.count_ones()).sum();
        usize::try_from(count).unwrap_or(0)
    }

    /// The highest data element.
    #[must_use]
    pub fn last(self) -> Option<u8> {
        let Self([first, second, third]) = self;
        [(192_u8, third), (128, second), (64, first)]
            .into_iter()
            .find(|(_, bits)| *bits != 0)
            .and_then(|(highest, bits)| {
                highest.checked_sub(u8::try_from(bits.trailing_zeros()).ok()?)
            })
    }

    /// Is there none?
    #[must_use]
    pub const fn is_empty(self) -> bool {
        matches!(self, Self([0, 0, 0]))
    }

    /// The data elements in ascending order.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        let mut maps = self.0;
        let mut lowest = 1_u8;
        core::iter::from_fn(move || {
            // At most two maps are passed before one has a bit, or there is none.
            while let [0, second, third] = maps {
                if second | third == 0 {
                    return None;
                }
                maps = [second, third, 0];
                lowest += 64;
            }
            let [first, ..] = &mut maps;
            let place = first.leading_zeros();
            *first &= !(FIRST >> place);
            Some(lowest + u8::try_from(place).ok()?)
        })
    }

    /// The three maps, without the bits that say that another follows.
    #[must_use]
    pub const fn maps(self) -> [u64; 3] {
        self.0
    }

    /// The wire maps: the first with its bit 1 set where the second is needed.
    #[must_use]
    pub const fn to_wire(self) -> (u64, Option<u64>) {
        let Self([first, second, _]) = self;
        if second == 0 {
            (first, None)
        } else {
            (first | FIRST, Some(second))
        }
    }

    const fn bit(de: u8) -> [u64; 3] {
        match de {
            2..=64 => [FIRST >> (de - 1), 0, 0],
            65..=128 => [0, FIRST >> (de - 65), 0],
            129..=192 => [0, 0, FIRST >> (de - 129)],
            _ => [0; 3],
        }
    }
}

/// Bit 1 of a map.
const FIRST: u64 = 1 << 63;

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
        let map = map.with_secondary(u64::MAX).with_tertiary(u64::MAX);
        assert!(!map.contains(0) && !map.contains(1) && !map.contains(193));
        assert_eq!((map.len(), map.last()), (191, Some(192)));
        assert_eq!(Bitmap::of(&[0, 1, 193]), Bitmap::EMPTY);
    }

    #[test]
    fn ranks_and_order_hold_over_all_three_maps() {
        let elements = [2, 3, 64, 65, 66, 128, 129, 191, 192];
        let map = Bitmap::of(&elements);
        assert_eq!(map.iter().collect::<Vec<u8>>(), elements);
        for (rank, de) in elements.into_iter().enumerate() {
            assert_eq!((map.rank(de), map.contains(de)), (rank, true), "DE {de}");
        }
        assert_eq!((map.rank(0), map.rank(4), map.rank(255)), (0, 2, 9));
        let low = Bitmap::of(&[2, 3, 64]);
        for (de, count) in [
            (0, 0),
            (2, 1),
            (63, 2),
            (64, 3),
            (65, 4),
            (127, 5),
            (128, 6),
        ] {
            assert_eq!(map.up_to(de).len(), count, "up to DE {de}");
        }
        assert_eq!((map.up_to(191).len(), map.up_to(192)), (8, map));
        assert_eq!(map.intersection(low), low);
        assert_eq!(map.difference(low).union(low), map);
    }
}
