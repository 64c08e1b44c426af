//! Bytes to message and back, by the table of a dialect.
//!
//! - [`View`]: a message where it lies, walked over by `scan`, `index` or `read`
//! - [`Dialect::decode`], [`Dialect::encode`]: to and from a [`Message`] of canonical values
//! - [`View::rewrite`]: a message made of another's bytes

mod check;
mod encode;
mod field;
mod layout;
mod plan;
mod rewrite;
mod view;
mod walk;

use core::fmt;

use thiserror::Error;

use crate::error::{DecodeError, Path};
use crate::message::Message;
use crate::spec::{BitmapForm, Dialect, Encoding, Field, Length, Maps, PrefixCoding};

pub(crate) use plan::Plan;
pub use rewrite::Change;
pub use view::{Value, View};

/// Bytes that are no message of the dialect, with what could be read before the fault: enough,
/// perhaps, to answer 30 (format error) with.
#[derive(Error)]
#[error("{error}")]
pub struct Undecodable {
    /// What is wrong, and where.
    pub error: DecodeError,
    /// The MTI and the fields before the fault; None where not even the MTI could be read. Not to
    /// be printed: the fields may be others than they are taken for.
    pub partial: Option<Message>,
}

/// Without the values that were read: where the fault is that a length before them is wrong, they
/// are other fields than they are taken for, and may be secret.
impl fmt::Debug for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read = self.partial.as_ref().map(|it| (it.mti(), it.present()));
        f.debug_struct("Undecodable")
            .field("error", &self.error)
            .field("read", &read)
            .finish()
    }
}

impl Dialect {
    /// Reads one whole message into values of its own.
    ///
    /// What is written otherwise than the dialect would write it (hex in lower case, a second map
    /// without fields) is kept beside its value, so that [`Dialect::encode`] gives the same bytes.
    ///
    /// # Errors
    /// Where the bytes are not exactly one message of this dialect: the error names the element
    /// and the byte, and comes with what was read before.
    pub fn decode(&self, bytes: &[u8]) -> Result<Message, Box<Undecodable>> {
        if let Some(view) = self.swift::<true>(bytes, crate::Bitmap::LAST) {
            return view.taken();
        }
        match self.plain::<true>(bytes, crate::Bitmap::LAST) {
            Ok(view) => view.taken(),
            Err(stopped) => Err(Box::new(Undecodable {
                partial: stopped.view.map(|view| view.readable()),
                error: stopped.error,
            })),
        }
    }
}

impl View<'_> {
    /// The message as canonical values of its own.
    ///
    /// # Errors
    /// Where a value that was walked over is not what the dialect says.
    pub fn to_message(&self) -> Result<Message, DecodeError> {
        if !self.checked {
            self.check()?;
        }
        let mut message = self.blank();
        let plain = self.dialect.plan().is_plain();
        if plain
            && self.until >= crate::Bitmap::LAST
            && let Some(slots) = self.layout.and_then(|layout| layout.verbatim.as_deref())
        {
            let places = slots.iter().filter_map(|slot| {
                let place = self.place_of(*slot)?;
                Some(place.start + usize::from(slot.prefix)..place.end)
            });
            message.receive_all(self.present, places);
            self.keep_unusual(&mut message);
            return Ok(message);
        }
        for de in self.present.up_to(self.until).iter() {
            // Where a layout is known, most values are taken as they are without a look at them.
            if let Some(slot) = self.layout.and_then(|layout| layout.slot(de))
                && slot.identity
                && let Some(place) = self.place_of(slot)
            {
                let start = place.start + usize::from(slot.prefix);
                if plain {
                    message.push_received(de, start, place.end);
                } else {
                    message.set(de, self.bytes.get(start..place.end).unwrap_or_default());
                }
            } else if let Some(value) = self.value(de) {
                self.take(de, &value, &mut message)
                    .map_err(|kind| DecodeError {
                        path: Path::Field(de),
                        offset: value.offset(),
                        kind,
                    })?;
            }
        }
        self.keep_unusual(&mut message);
        Ok(message)
    }

    fn taken(&self) -> Result<Message, Box<Undecodable>> {
        self.to_message().map_err(|error| {
            Box::new(Undecodable {
                error,
                partial: None,
            })
        })
    }

    /// As many of the values as can be read, for what was refused.
    fn readable(&self) -> Message {
        let mut message = self.blank();
        for (de, value) in self.values() {
            // What cannot be read ends what can: the fault is in it or before it.
            if self.take(de, &value, &mut message).is_err() {
                break;
            }
        }
        message
    }

    /// A message without fields. Where most values stand on the wire as they are, they stay in the
    /// bytes they came as.
    fn blank(&self) -> Message {
        if self.dialect.plan().is_plain() {
            Message::received(self.mti, self.bytes)
        } else {
            Message::with_room(self.mti, self.bytes.len() * 2)
        }
    }

    fn take(
        &self,
        de: u8,
        value: &Value<'_>,
        message: &mut Message,
    ) -> Result<(), crate::DecodeErrorKind> {
        let (content, units) = value.content();
        let field = value.field();
        let identity = matches!(field.encoding(), Encoding::Ascii | Encoding::Binary);
        if identity && self.dialect.plan().is_plain() {
            message.place_received(de, value.offset(), content.len());
        } else {
            message.append(de, |values| field.decode(content, units, values))?;
            if self.dialect.plan().is_plain() {
                // Removed later, it must not stay behind in the form it came in.
                message.wipe_received(value.offset(), content.len());
            }
        }
        let unusual = match field.encoding() {
            Encoding::Hex => content.iter().any(u8::is_ascii_lowercase),
            Encoding::EbcdicHex => content.iter().any(|byte| (0x81..=0x86).contains(byte)),
            Encoding::Bcd { .. } | Encoding::Ebcdic(_) | Encoding::EucKr => field.is_lenient(),
            Encoding::Ascii | Encoding::Binary => false,
        } || self.has_unusual_length(de, field);
        if unusual && let Some(wire) = self.segment(de).and_then(|at| self.bytes.get(at)) {
            message.keep_wire(de, wire);
        }
        Ok(())
    }

    /// Is the length before the field one in hex, in lower case?
    fn has_unusual_length(&self, de: u8, field: &Field) -> bool {
        let Length::Variable { prefix, .. } = field.length() else {
            return false;
        };
        let wire = || self.bytes.get(self.segment(de)?)?.get(..prefix.width());
        prefix.coding == PrefixCoding::Hex
            && wire().is_some_and(|head| head.iter().any(u8::is_ascii_lowercase))
    }

    /// What stands before the fields, where the dialect would write it otherwise.
    fn keep_unusual(&self, message: &mut Message) {
        if !self.lead().is_empty() && self.lead() != self.dialect.lead() {
            message.keep_wire(LEAD, self.lead());
        }
        let maps = self.maps();
        let bitmap = self.dialect.bitmap();
        // A chain of maps in bytes has one form, but for maps without fields.
        let usual = (bitmap.form, maps.len())
            == (BitmapForm::Binary, self.dialect.maps_len(self.present))
            && matches!(bitmap.maps, Maps::UpTo(_));
        if !usual && !self.dialect.writes_maps(self.present, maps) {
            message.keep_wire(MAPS, maps);
        }
    }

    /// The maps of fields as they stand on the wire.
    fn maps(&self) -> &[u8] {
        let start = self.dialect.lead().len() + self.dialect.mti_len();
        self.bytes
            .get(start..usize::from(self.first))
            .unwrap_or_default()
    }
}

/// Under which numbers a message keeps the wire form of what is no field.
pub(crate) const LEAD: u8 = 0;
pub(crate) const MAPS: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    /// The digits a PIN block came as are no part of the message, and nobody would wipe them.
    #[test]
    fn what_came_in_hex_leaves_no_hex_behind() {
        let wire = b"02000000000000001000A5B6C7D8E9F00112";
        let mut message = Dialect::iso87_ascii().decode(wire).unwrap();
        let (values, _) = message.laid_out();
        assert!(!values.windows(8).any(|part| part == b"A5B6C7D8"));
        assert_eq!(message.field(52).map(<[u8]>::len), Some(8));
        message.remove(52);
        assert!(message.laid_out().0.iter().skip(20).all(|byte| *byte == 0));
    }

    /// DE 32 says 2 where it has 7: what follows is read as DE 37, which may be printed.
    #[test]
    fn what_is_read_of_a_message_out_of_step_is_not_printed() {
        let wire = b"0200\0\0\0\x01\x28\0\0\x00024500019999990100000005=";
        let fault = Dialect::iso87_ascii_binmap().decode(wire).unwrap_err();
        let partial = fault.partial.as_ref().unwrap();
        assert_eq!(partial.text(32), Some("45"), "{fault}");
        assert!(!format!("{fault:?} {fault}").contains("99999"));
        let expected = "read: Some((Mti(0200), {32, 35, 37}))";
        assert!(format!("{fault:?}").contains(expected), "{fault:?}");
    }
}
