//! Values of some elements of a message, as a key to find it again by.

use core::fmt;
use core::hash::{BuildHasher, Hash, Hasher};
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::message::Message;

/// The values of chosen data elements and the class of their message: what answers are matched by
/// and repeats are known by. Compared and hashed as bytes; no card data belongs in it.
#[derive(Clone, Copy)]
pub struct FieldKey {
    /// Of the bytes, with a seed of the process: worked out once for all maps.
    hash: u64,
    len: u8,
    bytes: [u8; Self::MAX],
}

static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// A map by keys. Peers choose them, but not the seed they are hashed with.
pub type KeyMap<V> = HashMap<FieldKey, V, RandomState>;
/// A set of keys, hashed in the same way.
pub type KeySet = HashSet<FieldKey, RandomState>;

/// Values found by keys that are kept elsewhere: with the values, mostly. Small, so that it stays
/// at hand however many there are.
#[derive(Clone)]
pub struct KeyIndex<T> {
    /// Each with the hash of its key.
    table: HashTable<(u64, T)>,
}

impl<T> Default for KeyIndex<T> {
    fn default() -> Self {
        Self {
            table: HashTable::new(),
        }
    }
}

impl<T> KeyIndex<T> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Are there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The value of a key; `is` says whether a value is of that key, and is asked of few.
    pub fn find(&self, key: &FieldKey, mut is: impl FnMut(&T) -> bool) -> Option<&T> {
        if self.table.is_empty() {
            return None;
        }
        let hash = key.hash;
        let found = self
            .table
            .find(hash, |(other, it)| *other == hash && is(it))?;
        Some(&found.1)
    }

    /// Adds one. A key that is there already is not looked for.
    pub fn insert(&mut self, key: &FieldKey, value: T) {
        let hash = key.hash;
        self.table
            .insert_unique(hash, (hash, value), |(hash, _)| *hash);
    }

    /// Takes the value of a key out, as [`KeyIndex::find`] finds it.
    pub fn take(&mut self, key: &FieldKey, mut is: impl FnMut(&T) -> bool) -> Option<T> {
        let hash = key.hash;
        let found = self
            .table
            .find_entry(hash, |(other, it)| *other == hash && is(it));
        let ((_, value), _) = found.ok()?.remove();
        Some(value)
    }

    /// Keeps those alone of which that holds.
    pub fn retain(&mut self, mut holds: impl FnMut(&T) -> bool) {
        self.table.retain(|(_, value)| holds(value));
    }
}

impl<T> fmt::Debug for KeyIndex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyIndex({})", self.len())
    }
}

impl FieldKey {
    /// Room for every value of DE 7, 11, 12, 13, 32, 37, 41 and 42 at its longest, each behind a
    /// byte of length, and the class.
    const MAX: usize = 96;

    /// The key of a message by these elements. An element that is not there counts as empty;
    /// what exceeds the room is cut off.
    #[must_use]
    pub fn new(message: &Message, elements: &[u8]) -> Self {
        let values = elements.iter();
        let values = values.map(|de| message.field(*de).unwrap_or_default());
        Self::of_values(message.mti().class_digit(), values)
    }

    /// The key of values given one by one, for a message that is not at hand.
    #[must_use]
    pub fn of_values<'a>(class_digit: u8, values: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut key = Self::empty();
        key.push(&[class_digit]);
        values.into_iter().for_each(|value| key.push_value(value));
        key.hash = SEED.hash_one(key.as_bytes());
        key
    }

    /// A key from what [`FieldKey::as_bytes`] gave; None where no key has so many bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut key = Self::empty();
        key.push(bytes);
        key.hash = SEED.hash_one(key.as_bytes());
        (usize::from(key.len) == bytes.len()).then_some(key)
    }

    const fn empty() -> Self {
        Self {
            hash: 0,
            len: 0,
            bytes: [0; Self::MAX],
        }
    }

    /// The key as bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// The class digit, and the values in their order; the last may be cut off.
    pub(crate) fn parts(&self) -> (&[u8], impl Iterator<Item = &[u8]>) {
        let (class, mut rest) = self.as_bytes().split_at_checked(1).unwrap_or_default();
        let values = core::iter::from_fn(move || {
            let (len, behind) = rest.split_first()?;
            let len = usize::from(*len).min(behind.len());
            let (value, behind) = behind.split_at_checked(len)?;
            rest = behind;
            Some(value)
        });
        (class, values)
    }

    #[inline]
    fn push_value(&mut self, value: &[u8]) {
        let len = u8::try_from(value.len()).unwrap_or(u8::MAX);
        let rest = self.bytes.get_mut(usize::from(self.len)..);
        if let Some([first, rest @ ..]) = rest
            && let Some(to) = rest.get_mut(..value.len())
        {
            *first = len;
            to.copy_from_slice(value);
            self.len = self.len.saturating_add(len).saturating_add(1);
            return;
        }
        self.push(&[len]);
        self.push(value);
    }

    fn push(&mut self, bytes: &[u8]) {
        let rest = self
            .bytes
            .get_mut(usize::from(self.len)..)
            .unwrap_or_default();
        let taken = bytes.len().min(rest.len());
        if let (Some(to), Some(from)) = (rest.get_mut(..taken), bytes.get(..taken)) {
            to.copy_from_slice(from);
        }
        self.len = self
            .len
            .saturating_add(u8::try_from(taken).unwrap_or(u8::MAX));
    }
}

impl PartialEq for FieldKey {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.as_bytes() == other.as_bytes()
    }
}

impl Eq for FieldKey {}

impl Hash for FieldKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl fmt::Debug for FieldKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldKey({})", self.as_bytes().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mti::Mti;

    #[test]
    fn absent_and_moved_values_make_other_keys() {
        let mut one = Message::new(Mti::FINANCIAL_REQUEST);
        one.set(11, b"000001").set(37, b"12");
        let mut other = one.clone();
        assert_eq!(
            FieldKey::new(&one, &[11, 37]),
            FieldKey::new(&other, &[11, 37])
        );
        other.set(37, b"1").set(41, b"2");
        assert_ne!(
            FieldKey::new(&one, &[11, 37, 41]),
            FieldKey::new(&other, &[11, 37, 41])
        );
        other
            .set(37, b"12")
            .remove(41)
            .set_mti(Mti::REVERSAL_REQUEST);
        assert_ne!(
            FieldKey::new(&one, &[11, 37]),
            FieldKey::new(&other, &[11, 37])
        );
    }

    #[test]
    fn a_key_comes_back_from_its_bytes_and_what_is_too_long_is_none() {
        let key = FieldKey::of_values(b'2', [&b"000001"[..], b"", b"12"]);
        assert_eq!(FieldKey::from_bytes(key.as_bytes()), Some(key));
        assert!(FieldKey::from_bytes(&[b'x'; FieldKey::MAX]).is_some());
        assert_eq!(FieldKey::from_bytes(&[b'x'; FieldKey::MAX + 1]), None);
    }

    #[test]
    fn an_index_finds_the_value_that_says_it_is_of_the_key() {
        let key = |number: u32| FieldKey::of_values(b'2', [&number.to_be_bytes()[..]]);
        let keys: Vec<FieldKey> = (0..1_000).map(key).collect();
        let mut index = KeyIndex::default();
        for (number, key) in keys.iter().enumerate() {
            index.insert(key, number);
        }
        let is = |key: &FieldKey, number: &usize| keys[*number] == *key;
        for (number, key) in keys.iter().enumerate() {
            assert_eq!(index.find(key, |it| is(key, it)), Some(&number));
        }
        assert_eq!(index.find(&keys[7], |_| false), None);
        assert_eq!(index.find(&key(1_000), |it| is(&key(1_000), it)), None);
        assert_eq!(index.take(&keys[7], |it| is(&keys[7], it)), Some(7));
        assert_eq!(index.take(&keys[7], |it| is(&keys[7], it)), None);
        index.retain(|number| *number < 5);
        assert_eq!((index.len(), index.is_empty()), (5, false));
        assert_eq!(index.find(&keys[4], |it| is(&keys[4], it)), Some(&4));
    }

    #[test]
    fn a_key_is_taken_apart_as_far_as_it_reaches() {
        let mut message = Message::new(Mti::FINANCIAL_REQUEST);
        message.set(11, b"000001").set(48, &[b'x'; 120]);
        let key = FieldKey::new(&message, &[11, 37, 48, 41]);
        let (class, values) = key.parts();
        let cut_off = vec![b'x'; FieldKey::MAX - 1 - 7 - 1 - 1];
        assert_eq!(class, b"2");
        assert_eq!(
            values.collect::<Vec<_>>(),
            [&b"000001"[..], b"", cut_off.as_slice()]
        );
    }

    #[test]
    fn a_repeat_has_the_key_of_its_first_and_longest_values_fit() {
        let mut message = Message::new(Mti::REVERSAL_ADVICE);
        for (de, len) in [
            (7, 10),
            (11, 6),
            (12, 6),
            (13, 4),
            (32, 11),
            (37, 12),
            (41, 8),
            (42, 15),
        ] {
            message.set(de, &vec![b'9'; len]);
        }
        let elements = [7, 11, 12, 13, 32, 37, 41, 42];
        let first = FieldKey::new(&message, &elements);
        assert!(first.as_bytes().len() < FieldKey::MAX);
        message.set_mti(message.mti().repeat());
        assert_eq!(FieldKey::new(&message, &elements), first);
    }
}
