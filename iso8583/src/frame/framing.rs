//! The catalogue: every way to frame, as data with a name.

use core::fmt;
use core::str::FromStr;

use thiserror::Error;

use crate::frame::{Envelope, HeaderKind, LengthHeader};

/// The longest frame that any link takes, whatever its length could announce.
pub const FRAME_BYTES_MAX: usize = 65_535;

/// How a link frames its messages: an envelope, and the header that stands in it before each
/// message. Its name is `binary2` or, with a header, `binary2+tpdu`.
///
/// ```
/// use iso8583::frame::{Envelope, Framing, HeaderKind, LengthHeader};
///
/// let framing: Framing = "bcd2+tpdu".parse()?;
/// assert_eq!(framing.envelope(), Envelope::Length(LengthHeader::Bcd2));
/// assert_eq!(framing.header(), Some(HeaderKind::Tpdu));
/// assert_eq!(framing.to_string(), "bcd2+tpdu");
/// # Ok::<(), iso8583::frame::FramingError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Framing {
    envelope: Envelope,
    header: Option<HeaderKind>,
}

impl Framing {
    /// A framing.
    ///
    /// # Errors
    /// Where the header may hold the byte that ends the envelope.
    pub const fn new(envelope: Envelope, header: Option<HeaderKind>) -> Result<Self, FramingError> {
        match header {
            Some(header) if envelope.ends_at_etx() && !header.is_text() => {
                Err(FramingError::Mixed { envelope, header })
            }
            Some(_) | None => Ok(Self { envelope, header }),
        }
    }

    /// A framing by length: every header goes with every length.
    #[must_use]
    pub const fn by_length(length: LengthHeader, header: Option<HeaderKind>) -> Self {
        Self {
            envelope: Envelope::Length(length),
            header,
        }
    }

    /// What sets the frames apart.
    #[must_use]
    pub const fn envelope(self) -> Envelope {
        self.envelope
    }

    /// What stands before each message.
    #[must_use]
    pub const fn header(self) -> Option<HeaderKind> {
        self.header
    }

    /// The framings that are in use somewhere, each with a sentence on its bytes and users. Other
    /// pairs of an envelope and a header have a name as well.
    #[must_use]
    pub const fn catalogue() -> &'static [(Self, &'static str)] {
        &CATALOGUE
    }
}

impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.envelope.name())?;
        match self.header {
            Some(header) => write!(f, "+{header}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Framing {
    type Err = FramingError;

    /// Reads a name of the catalogue, or another pair of an envelope and a header.
    fn from_str(name: &str) -> Result<Self, FramingError> {
        let unknown = |part: &str| FramingError::Unknown {
            name: part.to_owned(),
        };
        let (envelope, header) = match name.split_once('+') {
            Some((envelope, header)) => (envelope, Some(header)),
            None => (name, None),
        };
        let envelope = Envelope::named(envelope).ok_or_else(|| unknown(envelope))?;
        let kind = |header: &str| HeaderKind::named(header).ok_or_else(|| unknown(header));
        Self::new(envelope, header.map(kind).transpose()?)
    }
}

/// A name that is no framing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FramingError {
    /// Neither an envelope nor a header.
    #[error("{name:?} is no framing: expected a name such as binary2, ascii4 or binary2+tpdu")]
    Unknown {
        /// The part of the name that is not known.
        name: String,
    },
    /// They do not go together.
    #[error("{envelope} ends at an ETX (0x03), which a header {header} may hold")]
    Mixed {
        /// The envelope.
        envelope: Envelope,
        /// The header.
        header: HeaderKind,
    },
}

const fn length(length: LengthHeader) -> Framing {
    Framing::by_length(length, None)
}

const fn with(length: LengthHeader, header: HeaderKind) -> Framing {
    Framing::by_length(length, Some(header))
}

const fn text(envelope: Envelope, header: Option<HeaderKind>) -> Framing {
    Framing { envelope, header }
}

const CATALOGUE: [(Framing, &str); 24] = [
    (
        length(LengthHeader::Binary2),
        "two bytes of length, high first: jPOS CMF, Postilion, Visa-style gateways, most of Asia",
    ),
    (
        length(LengthHeader::Binary2Inclusive),
        "two bytes of length, high first, counting themselves: some terminal concentrators",
    ),
    (
        length(LengthHeader::Binary2Le),
        "two bytes of length, low first: hosts that write their own byte order",
    ),
    (
        length(LengthHeader::Binary3),
        "three bytes of length, high first: rare hosts",
    ),
    (
        length(LengthHeader::Binary4),
        "four bytes of length, high first: hosts and middleware that write an int",
    ),
    (
        length(LengthHeader::Ascii2),
        "two digits of length: messages of up to 99 bytes",
    ),
    (
        length(LengthHeader::Ascii3),
        "three digits of length: messages of up to 999 bytes",
    ),
    (
        length(LengthHeader::Ascii4),
        "four digits of length: jPOS ASCIIChannel, PayEx IFSF, most of Korea",
    ),
    (
        length(LengthHeader::Ascii5),
        "five digits of length: jPOS ASCIIChannel so configured",
    ),
    (
        length(LengthHeader::Ascii6),
        "six digits of length: jPOS ASCIIChannel so configured",
    ),
    (
        length(LengthHeader::Bcd2),
        "two bytes of packed decimal length: network access controllers, jPOS NCC and BCD",
    ),
    (
        length(LengthHeader::Hex4),
        "four hex digits of length: legacy hosts",
    ),
    (
        length(LengthHeader::Cs),
        "two bytes of length, high first, and two of zero: jPOS CSChannel; zero is echoed",
    ),
    (
        length(LengthHeader::Gicc),
        "two bytes of zero and two of length, high first: German GICC; zero is echoed",
    ),
    (
        length(LengthHeader::Vap),
        "cs by its Visa name, without the BASE I header",
    ),
    (
        text(Envelope::Base24X25, None),
        "no length, ETX after each message, 4,095 bytes at most: BASE24 over X.25 or async",
    ),
    (
        text(Envelope::Base24Tcp, None),
        "two bytes of length, high first, counting the ETX at the end: BASE24 over TCP",
    ),
    (
        text(Envelope::StxEtxLrc, None),
        "STX, message, ETX, exclusive or: serial terminals, VISA II dial",
    ),
    (
        with(LengthHeader::Binary2, HeaderKind::Tpdu),
        "binary2 with a TPDU of five bytes: terminals and network access controllers",
    ),
    (
        with(LengthHeader::Bcd2, HeaderKind::Tpdu),
        "bcd2 with a TPDU of five bytes: network access controllers, jPOS NCC and BCD",
    ),
    (
        with(LengthHeader::Binary2, HeaderKind::UnionPay),
        "binary2 with a TPDU and six packed bytes of application header: UnionPay terminals",
    ),
    (
        with(LengthHeader::Vap, HeaderKind::Base1),
        "two bytes of length, two of zero, a BASE I header of 22 bytes, 26 where rejected: Visa",
    ),
    (
        text(Envelope::Base24X25, Some(HeaderKind::Base24)),
        "base24-x25 with ISO and nine digits before each message: BASE24 hosts",
    ),
    (
        text(Envelope::Base24Tcp, Some(HeaderKind::Base24)),
        "base24-tcp with ISO and nine digits before each message: BASE24 hosts",
    ),
];
