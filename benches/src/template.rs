//! A frame encoded once, of which each sending rewrites a few digits.

use std::ops::Range;

use anyhow::Context;
use bytes::BytesMut;
use iso8583::frame::{FrameError, Framer, LengthHeader};
use iso8583::{Dialect, EncodeError, Message};

/// What tells one request of a run from all others: DE 37, and DE 11 made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    rrn: u64,
}

/// Requests a connection can number.
const PER_CONNECTION: u64 = 10_000_000;

impl Key {
    /// The greatest number of a connection.
    pub const CONNECTION_MAX: u64 = 99_999;

    /// The key of a connection's request: connections up to 99,999, requests up to 9,999,999.
    #[must_use]
    pub const fn new(connection: u64, request: u64) -> Self {
        Self {
            rrn: connection * PER_CONNECTION + request % PER_CONNECTION,
        }
    }

    /// The key of a DE 37.
    #[must_use]
    pub const fn of(rrn: u64) -> Self {
        Self { rrn }
    }

    /// The connection's number.
    #[must_use]
    pub const fn connection(self) -> u64 {
        self.rrn / PER_CONNECTION
    }

    /// The request's number on its connection.
    #[must_use]
    pub const fn request(self) -> u64 {
        self.rrn % PER_CONNECTION
    }

    /// DE 37.
    #[must_use]
    pub fn rrn(self) -> [u8; 12] {
        digits(self.rrn)
    }

    /// DE 11. Two connections that count alike have different ones.
    #[must_use]
    pub fn stan(self) -> [u8; 6] {
        digits((self.request() + self.connection() * 7_919) % 999_999 + 1)
    }
}

/// A framed message whose DE 11 and 37, and in answers DE 38, are rewritten in place.
#[derive(Clone, Debug)]
pub struct Template {
    frame: Vec<u8>,
    rrn: Range<usize>,
    stan: Range<usize>,
    approval: Option<Range<usize>>,
}

/// Digits that stand nowhere else in a frame.
const RRN_MARK: &[u8; 12] = b"868686868686";
const STAN_MARK: &[u8; 6] = b"979797";
const APPROVAL_MARK: &[u8; 6] = b"ZQZQZQ";

impl Template {
    /// The frame of a message in a dialect whose digits are ASCII.
    ///
    /// # Errors
    /// Where the message cannot be written, or its DE 11 and 37 cannot be found in the frame.
    pub fn new(message: &Message, dialect: &Dialect) -> anyhow::Result<Self> {
        let mut marked = message.clone();
        marked.set(37, RRN_MARK).set(11, STAN_MARK);
        let approved = marked.has(38);
        if approved {
            marked.set(38, APPROVAL_MARK);
        }
        let frame = frame(&marked, dialect)?;
        Ok(Self {
            rrn: find(&frame, RRN_MARK).context("DE 37 not found in the frame")?,
            stan: find(&frame, STAN_MARK).context("DE 11 not found in the frame")?,
            approval: find(&frame, APPROVAL_MARK).filter(|_| approved),
            frame,
        })
    }

    /// The frame of a key. DE 38, where there is one, repeats DE 11.
    pub fn with(&mut self, key: Key) -> &[u8] {
        let stan = key.stan();
        self.put(self.rrn.clone(), &key.rrn());
        self.put(self.stan.clone(), &stan);
        if let Some(approval) = self.approval.clone() {
            self.put(approval, &stan);
        }
        &self.frame
    }

    /// The key that stands in a frame of this form; None where the frame has another.
    #[must_use]
    pub fn key_in(&self, frame: &[u8]) -> Option<Key> {
        if frame.len() != self.frame.len() {
            return None;
        }
        let rrn = frame.get(self.rrn.clone())?;
        rrn.iter()
            .try_fold(0, |sum, digit| {
                let digit = digit.wrapping_sub(b'0');
                (digit <= 9).then(|| sum * 10 + u64::from(digit))
            })
            .map(|rrn| Key { rrn })
    }

    fn put(&mut self, place: Range<usize>, digits: &[u8]) {
        if let Some(slot) = self.frame.get_mut(place) {
            slot.copy_from_slice(digits);
        }
    }
}

/// How every bench frames: two bytes of length, no TPDU.
#[must_use]
pub fn framer() -> Framer {
    Framer::new(LengthHeader::Binary2, false, 8_192)
}

/// A message as it goes over the wire.
///
/// # Errors
/// Where the dialect cannot write it.
pub fn frame(message: &Message, dialect: &Dialect) -> anyhow::Result<Vec<u8>> {
    #[derive(Debug, thiserror::Error)]
    enum Unwritable {
        #[error(transparent)]
        Encode(#[from] EncodeError),
        #[error(transparent)]
        Frame(#[from] FrameError),
    }
    let mut out = BytesMut::new();
    framer().encode::<Unwritable>(None, &mut out, |out| Ok(dialect.encode(message, out)?))?;
    Ok(out.to_vec())
}

/// The one place where a mark stands.
fn find(frame: &[u8], mark: &[u8]) -> Option<Range<usize>> {
    let mut places = frame
        .windows(mark.len())
        .enumerate()
        .filter(|(_, window)| *window == mark)
        .map(|(at, _)| at..at + mark.len());
    let place = places.next();
    place.filter(|_| places.next().is_none())
}

fn digits<const N: usize>(mut number: u64) -> [u8; N] {
    let mut digits = [b'0'; N];
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rewritten_frame_decodes_to_its_key_and_is_otherwise_the_message() {
        let purchase = crate::purchase().unwrap();
        for dialect in [Dialect::iso87_ascii(), Dialect::iso87_ascii_binmap()] {
            let mut template = Template::new(&purchase, dialect).unwrap();
            let key = Key::new(31, 4_711);
            let frame = template.with(key).to_vec();
            assert_eq!(template.key_in(&frame), Some(key));
            let mut decoded = dialect.decode(&frame[2..]).unwrap();
            assert_eq!(decoded.text(37), Some("000310004711"));
            assert_eq!(decoded.text(11), Some("250201"));
            decoded.copy(37, &purchase).copy(11, &purchase);
            assert!(decoded.fields().eq(purchase.fields()));
        }
    }

    #[test]
    fn connections_that_count_alike_have_different_trace_numbers() {
        assert_ne!(Key::new(1, 5).stan(), Key::new(2, 5).stan());
        assert_eq!(
            (Key::new(7, 9).connection(), Key::new(7, 9).request()),
            (7, 9)
        );
    }
}
