//! Where bytes go: a growing buffer, a slice of fixed room, or nowhere when they are only checked.

use bytes::BytesMut;
use zeroize::Zeroizing;

/// Takes bytes one after another.
pub(crate) trait Sink {
    /// Takes a byte.
    fn put(&mut self, byte: u8);

    /// Takes bytes.
    fn put_all(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, byte: u8) {
        self.push(byte);
    }

    fn put_all(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl Sink for Zeroizing<Vec<u8>> {
    fn put(&mut self, byte: u8) {
        self.push(byte);
    }

    fn put_all(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl Sink for BytesMut {
    fn put(&mut self, byte: u8) {
        self.extend_from_slice(&[byte]);
    }

    fn put_all(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Counts bytes and drops them.
#[derive(Debug, Default)]
pub(crate) struct Nowhere {
    /// How many bytes came.
    pub(crate) len: usize,
}

impl Sink for Nowhere {
    fn put(&mut self, _: u8) {
        self.len += 1;
    }

    fn put_all(&mut self, bytes: &[u8]) {
        self.len += bytes.len();
    }
}

/// A slice written from its start. What does not fit is counted, not written.
#[derive(Debug)]
pub(crate) struct Room<'a> {
    buffer: &'a mut [u8],
    len: usize,
}

impl<'a> Room<'a> {
    pub(crate) const fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, len: 0 }
    }

    /// Bytes that came, also those that did not fit.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// What was written; None where it did not fit.
    pub(crate) fn written(self) -> Option<&'a [u8]> {
        let Self { buffer, len } = self;
        let buffer: &'a [u8] = buffer;
        buffer.get(..len)
    }
}

impl Sink for Room<'_> {
    fn put(&mut self, byte: u8) {
        if let Some(place) = self.buffer.get_mut(self.len) {
            *place = byte;
        }
        self.len += 1;
    }

    fn put_all(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        if let Some(place) = self.buffer.get_mut(self.len..end) {
            place.copy_from_slice(bytes);
        }
        self.len = end;
    }
}
