//! A message made of another's bytes: relayed with a few fields changed, or answered.

use crate::bitmap::Bitmap;
use crate::codec::encode::fits;
use crate::codec::view::View;
use crate::encoding::{Room, Sink};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::mti::Mti;

/// A data element and its new canonical value; None takes the element out.
pub type Change<'c> = (u8, Option<&'c [u8]>);

impl View<'_> {
    /// Writes the message to the start of a buffer with some fields changed, and says how many
    /// bytes it takes. Every other byte is copied as it came; nothing is allocated.
    ///
    /// # Errors
    /// Where a new value does not fit its element, or the message its buffer, or it would be longer
    /// than 65535 bytes.
    ///
    /// ```
    /// use iso8583::Dialect;
    ///
    /// let wire = b"0800\x00\x20\0\0\0\0\0\0000123";
    /// let view = Dialect::iso87_ascii_binmap().index(wire)?;
    /// let mut out = [0; 64];
    /// let len = view.relay(&[(11, Some(b"000124"))], &mut out)?;
    /// assert_eq!(&out[..len], b"0800\x00\x20\0\0\0\0\0\0000124");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn relay(&self, changes: &[Change<'_>], buffer: &mut [u8]) -> Result<usize, EncodeError> {
        self.rewrite(self.mti(), self.present(), changes, buffer)
    }

    /// Writes a message of another type that keeps some of the fields, byte for byte, and has
    /// others changed or added: an answer, a reversal, a repeat. Changes of DE 0, 1 and numbers
    /// above 192 are ignored, as in [`Message::set`](crate::Message::set).
    ///
    /// # Errors
    /// As [`View::relay`].
    pub fn rewrite(
        &self,
        mti: Mti,
        keep: Bitmap,
        changes: &[Change<'_>],
        buffer: &mut [u8],
    ) -> Result<usize, EncodeError> {
        let kept = self.present().intersection(keep);
        let mut present = kept;
        for (de, value) in changes {
            match value {
                Some(_) => present.insert(*de),
                None => present.remove(*de),
            }
        }
        let len = buffer.len();
        let mut out = Room::new(buffer);
        out.put_all(self.lead());
        self.dialect().put_mti(mti, &mut out);
        if present == self.present() {
            let start = self.lead().len() + self.dialect().mti_len();
            let maps = self.bytes.get(start..usize::from(self.first));
            out.put_all(maps.unwrap_or_default());
        } else {
            self.dialect().put_maps(present, &mut out);
        }
        self.put_fields(present, kept, changes, &mut out)?;
        fits(present, out.len(), len)
    }

    /// Neighbours that are kept are copied in one piece.
    fn put_fields(
        &self,
        present: Bitmap,
        kept: Bitmap,
        changes: &[Change<'_>],
        out: &mut Room<'_>,
    ) -> Result<(), EncodeError> {
        let mut pending = 0..0;
        // Where the layout is not known, the places are found one after the other.
        let mut segments = self.segments();
        for de in present.iter() {
            let fault = |kind| EncodeError { de, kind };
            // Of two changes of one field the last one holds.
            let change = changes.iter().rev().find(|(changed, _)| *changed == de);
            if let Some((_, Some(value))) = change {
                out.put_all(self.bytes.get(pending.clone()).unwrap_or_default());
                pending = 0..0;
                self.dialect().put_field(de, value, out).map_err(fault)?;
            } else if kept.contains(de) {
                let place = self
                    .layout
                    .map_or_else(
                        || segments.find_map(|(at, place)| (at == de).then_some(place)),
                        |layout| self.segment_by(layout, de),
                    )
                    .ok_or_else(|| fault(EncodeErrorKind::NotWalked))?;
                if pending.end == place.start && !pending.is_empty() {
                    pending.end = place.end;
                } else {
                    out.put_all(self.bytes.get(pending).unwrap_or_default());
                    pending = place;
                }
            }
        }
        out.put_all(self.bytes.get(pending).unwrap_or_default());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dialect;
    use crate::spec::{Class, Counting, Encoding, Field, Length, Prefix};

    /// Nobody could read it: see [`Dialect::read`].
    #[test]
    fn a_message_does_not_grow_beyond_the_longest_there_can_be() {
        let length = Length::up_to(65_000, Prefix::ascii(5, Counting::Bytes));
        let text = Field::new("text", Class::Ans, Encoding::Ascii, length).unwrap();
        let dialect = Dialect::builder("long").field(2, text.clone());
        let dialect = dialect.field(3, text).build().unwrap();
        let wire = b"0200\x40\0\0\0\0\0\0\x0000001A";
        let view = dialect.index(wire).unwrap();
        let (mut buffer, value) = (vec![0; 70_000], [b'B'; 65_000]);
        let mut relay = |second: &[u8]| {
            let changes = [(2, Some(&value[..])), (3, Some(second))];
            view.relay(&changes, &mut buffer)
        };
        assert_eq!(relay(&[b'C'; 513]), Ok(65_535));
        let kind = EncodeErrorKind::TooLong { needed: 65_536 };
        assert_eq!(relay(&[b'C'; 514]), Err(EncodeError { de: 3, kind }));
    }
}
