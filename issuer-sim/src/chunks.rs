//! PURE: a list that grows at its end and shrinks at its beginning without ever moving what is in
//! it, so that no request waits for a million others to be copied.

use std::collections::VecDeque;

/// A list in chunks of [`CHUNK`] items; the first may have lost some at its beginning.
#[derive(Clone, Debug)]
pub(crate) struct Chunks<T> {
    chunks: VecDeque<VecDeque<T>>,
    /// How many the first chunk has lost.
    lost: usize,
    len: usize,
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self {
            chunks: VecDeque::new(),
            lost: 0,
            len: 0,
        }
    }
}

impl<T: PartialEq> PartialEq for Chunks<T> {
    /// However they are cut.
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<T: Eq> Eq for Chunks<T> {}

impl<T> Chunks<T> {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn push(&mut self, item: T) {
        if (self.lost + self.len).is_multiple_of(CHUNK) {
            self.chunks.push_back(VecDeque::with_capacity(CHUNK));
        }
        if let Some(last) = self.chunks.back_mut() {
            last.push_back(item);
            self.len += 1;
        }
    }

    pub(crate) fn front(&self) -> Option<&T> {
        self.chunks.front()?.front()
    }

    pub(crate) fn pop_front(&mut self) -> Option<T> {
        let first = self.chunks.front_mut()?;
        let item = first.pop_front()?;
        self.len -= 1;
        self.lost += 1;
        if self.lost == CHUNK || self.len == 0 {
            self.chunks.pop_front();
            self.lost = 0;
        }
        Some(item)
    }

    pub(crate) fn get(&self, position: usize) -> Option<&T> {
        let (chunk, place) = self.place(position);
        self.chunks.get(chunk)?.get(place)
    }

    pub(crate) fn get_mut(&mut self, position: usize) -> Option<&mut T> {
        let (chunk, place) = self.place(position);
        self.chunks.get_mut(chunk)?.get_mut(place)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }

    /// In which chunk, and where in it.
    const fn place(&self, position: usize) -> (usize, usize) {
        let place = self.lost.saturating_add(position);
        match place / CHUNK {
            0 => (0, position),
            chunk => (chunk, place % CHUNK),
        }
    }
}

/// A chunk of the largest items has some eighty kilobytes: quickly made, and few of them.
const CHUNK: usize = 512;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn chunks_hold_what_a_plain_list_holds(
            steps in prop::collection::vec((any::<bool>(), 1_usize..900), 1..20)
        ) {
            let (mut chunks, mut plain) = (Chunks::default(), VecDeque::new());
            let mut next = 0;
            for (push, times) in steps {
                for _ in 0..times {
                    if push {
                        chunks.push(next);
                        plain.push_back(next);
                        next += 1;
                    } else {
                        prop_assert_eq!(chunks.pop_front(), plain.pop_front());
                    }
                }
                prop_assert_eq!(chunks.len(), plain.len());
                prop_assert_eq!(chunks.is_empty(), plain.is_empty());
                prop_assert_eq!(chunks.front(), plain.front());
                prop_assert!(chunks.iter().eq(plain.iter()));
                for position in 0..=plain.len() {
                    prop_assert_eq!(chunks.get(position), plain.get(position));
                    prop_assert_eq!(chunks.get_mut(position), plain.get_mut(position));
                }
                let mut again = Chunks::default();
                plain.iter().for_each(|item| again.push(*item));
                prop_assert_eq!(&chunks, &again);
            }
        }
    }
}
