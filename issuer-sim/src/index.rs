//! PURE: finds numbered things by their keys without a copy of the keys, and grows in small steps.

use hashbrown::HashTable;

/// Numbers, found by keys of sixteen bytes that whoever numbered the things still knows.
///
/// Keys are the first bytes of a hash, or random, so they need no hashing of their own. A number
/// takes five bytes, and up to twice that just after its part has grown. There are many parts, and
/// one grows at a time: doubling a table of a million would hold up everybody for 50 ms.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    parts: Vec<HashTable<u32>>,
    len: usize,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            parts: vec![HashTable::new(); PARTS],
            len: 0,
        }
    }
}

impl Index {
    #[cfg(test)]
    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number under a key, by asking whether a number has it.
    pub(crate) fn find(&self, key: &[u8; 16], has_it: impl Fn(u32) -> bool) -> Option<u32> {
        let (part, hash) = place(key);
        let part = self.parts.get(part)?;
        part.find(hash, |number| has_it(*number)).copied()
    }

    /// Puts a number under a key under which there is none. `key_of` is asked for the keys of other
    /// numbers.
    pub(crate) fn insert(
        &mut self,
        key: &[u8; 16],
        number: u32,
        key_of: impl Fn(u32) -> Option<[u8; 16]>,
    ) {
        let (part, hash) = place(key);
        let Some(part) = self.parts.get_mut(part) else {
            return;
        };
        let hash_of = |number: &u32| key_of(*number).map_or(0, |key| place(&key).1);
        part.insert_unique(hash, number, hash_of);
        self.len += 1;
    }

    /// Takes a number from under its key, if it is there.
    pub(crate) fn remove(&mut self, key: &[u8; 16], number: u32) {
        let (part, hash) = place(key);
        if let Some(part) = self.parts.get_mut(part)
            && let Ok(entry) = part.find_entry(hash, |other| *other == number)
        {
            entry.remove();
            self.len -= 1;
        }
    }

    /// Makes room for so many more at once, which spares the parts from growing step by step.
    pub(crate) fn reserve(
        &mut self,
        numbers: usize,
        key_of: impl Fn(u32) -> Option<[u8; 16]> + Copy,
    ) {
        for part in &mut self.parts {
            let hash_of = |number: &u32| key_of(*number).map_or(0, |key| place(&key).1);
            part.reserve(numbers / PARTS, hash_of);
        }
    }
}

/// Which part, and the hash within it.
fn place(key: &[u8; 16]) -> (usize, u64) {
    let (hash, rest) = key.split_first_chunk().unwrap_or((&[0; 8], &[]));
    let part = rest
        .first_chunk()
        .map_or(0, |part| u16::from_le_bytes(*part));
    (usize::from(part) % PARTS, u64::from_le_bytes(*hash))
}

const PARTS: usize = 1_024;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Few keys, of few hashes in few parts.
    fn key(number: u8) -> [u8; 16] {
        let mut key = [0; 16];
        key[0] = number % 3;
        key[8] = number % 2;
        key[15] = number;
        key
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn an_index_finds_what_a_map_finds(
            steps in prop::collection::vec((any::<bool>(), any::<u8>()), 1..200)
        ) {
            let (mut index, mut map) = (Index::default(), HashMap::new());
            let mut keys = Vec::new();
            for (insert, of) in steps {
                let key = key(of);
                let key_of = |number: u32| keys.get(usize::try_from(number).ok()?).copied();
                let found = index.find(&key, |number| key_of(number) == Some(key));
                prop_assert_eq!(found, map.get(&key).copied());
                match found {
                    Some(number) if !insert => {
                        index.remove(&key, number);
                        index.remove(&key, number);
                        map.remove(&key);
                    }
                    None if insert => {
                        let number = u32::try_from(keys.len()).unwrap();
                        index.insert(&key, number, key_of);
                        map.insert(key, number);
                        keys.push(key);
                    }
                    Some(_) | None => {}
                }
                prop_assert_eq!(index.is_empty(), map.is_empty());
            }
        }
    }
}
