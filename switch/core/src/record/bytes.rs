//! Bytes that hold card numbers while they wait to be encrypted and written.

use core::fmt;
use core::ops::Deref;

use zeroize::Zeroize;

/// A buffer that leaves nothing behind where it grows, is cleared or dropped, and shows nothing.
#[derive(Default)]
pub(crate) struct Bytes(Vec<u8>);

impl Bytes {
    pub(crate) fn push(&mut self, byte: u8) {
        self.extend_from_slice(&[byte]);
    }

    pub(crate) fn extend_from_slice(&mut self, bytes: &[u8]) {
        let needed = self.0.len().saturating_add(bytes.len());
        if needed > self.0.capacity() {
            self.grow(needed);
        }
        self.0.extend_from_slice(bytes);
    }

    /// A vector that grows by itself gives its old buffer back as it is.
    fn grow(&mut self, needed: usize) {
        let capacity = needed.max(self.0.capacity().saturating_mul(2));
        let mut larger = Vec::with_capacity(capacity);
        larger.extend_from_slice(&self.0);
        self.0.zeroize();
        self.0 = larger;
    }

    /// Changes a byte; nothing where there is none.
    pub(crate) fn set(&mut self, place: usize, byte: u8) {
        if let Some(at) = self.0.get_mut(place) {
            *at = byte;
        }
    }

    pub(crate) fn clear(&mut self) {
        // What was used of it: the rest is zeros since it was cleared last.
        self.0.as_mut_slice().zeroize();
        self.0.clear();
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        self.clear();
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_stands_in_order_however_often_it_grows() {
        let mut bytes = Bytes::default();
        let mut expected = Vec::new();
        for number in 0..=u8::MAX {
            bytes.push(number);
            bytes.extend_from_slice(&[number; 7]);
            expected.push(number);
            expected.extend_from_slice(&[number; 7]);
            assert!(bytes.0.capacity() <= 2 * expected.len().max(8));
        }
        assert_eq!(*bytes, *expected);
        bytes.set(3, 9);
        bytes.set(expected.len(), 9);
        assert_eq!((bytes[3], bytes.len()), (9, expected.len()));
    }
}
