//! A message made of another's bytes: relayed with a few fields changed, or answered.

use crate::bitmap::Bitmap;
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
    /// Where a new value does not fit its element, or the message its buffer.
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
    /// others changed or added: an answer, a reversal, a repeat.
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
        let needed = out.len();
        if needed > len {
            return Err(EncodeError {
                de: present.last().unwrap_or(0),
                kind: EncodeErrorKind::NoRoom { needed },
            });
        }
        Ok(needed)
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
                let place = segments
                    .find_map(|(at, place)| (at == de).then_some(place))
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
