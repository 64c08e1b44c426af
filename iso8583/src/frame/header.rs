//! What stands between the envelope and the message.

use core::fmt;

use crate::frame::{Base1, Base24, FrameError, Tpdu, UnionPay};

/// The kinds of header there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeaderKind {
    /// [`Tpdu`]: 5 bytes.
    Tpdu,
    /// [`UnionPay`]: 11 bytes.
    UnionPay,
    /// [`Base1`]: 22 to 52 bytes.
    Base1,
    /// [`Base24`]: 12 characters.
    Base24,
}

impl HeaderKind {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Tpdu, Self::UnionPay, Self::Base1, Self::Base24];

    /// The name in configurations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tpdu => "tpdu",
            Self::UnionPay => "unionpay",
            Self::Base1 => "base1",
            Self::Base24 => "base24",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Is it made of printable characters only?
    pub(super) const fn is_text(self) -> bool {
        match self {
            Self::Base24 => true,
            Self::Tpdu | Self::UnionPay | Self::Base1 => false,
        }
    }

    /// What is sent where a message has none of its own.
    #[must_use]
    pub const fn unaddressed(self) -> Header {
        match self {
            Self::Tpdu => Header::Tpdu(Tpdu::UNADDRESSED),
            Self::UnionPay => Header::UnionPay(UnionPay::UNADDRESSED),
            Self::Base1 => Header::Base1(Base1::new([0; 3], [0; 3])),
            Self::Base24 => Header::Base24(Base24::REQUEST),
        }
    }

    /// What must be there before anything else can be asked.
    const fn part(self) -> (&'static str, usize) {
        match self {
            Self::Tpdu => ("TPDU", Tpdu::LEN),
            Self::UnionPay => ("UnionPay header", UnionPay::LEN),
            Self::Base1 => ("BASE I header", Base1::LEN),
            Self::Base24 => ("BASE24 header", Base24::LEN),
        }
    }

    /// Can a frame of so many bytes have one?
    pub(super) const fn check_room(self, length: usize) -> Result<(), FrameError> {
        let (part, bytes) = self.part();
        if length < bytes {
            return Err(FrameError::NoRoom {
                length,
                part,
                bytes,
            });
        }
        Ok(())
    }

    /// Reads it off the front of the frame's content, which begins `at` so many bytes.
    pub(super) fn decode(self, content: &[u8], at: usize) -> Result<Header, FrameError> {
        let (part, bytes) = self.part();
        let header = match self {
            Self::Tpdu => content
                .first_chunk()
                .copied()
                .map(Tpdu::new)
                .map(Header::Tpdu),
            Self::UnionPay => {
                let bytes = content.first_chunk().copied();
                let header = bytes.map(|bytes| UnionPay::decode(bytes, at));
                header.transpose()?.map(Header::UnionPay)
            }
            Self::Base1 => return Base1::decode(content, at).map(Header::Base1),
            Self::Base24 => {
                let bytes = content.first_chunk().copied();
                let header = bytes.map(|bytes| Base24::decode(bytes, at));
                header.transpose()?.map(Header::Base24)
            }
        };
        header.ok_or(FrameError::NoRoom {
            length: content.len(),
            part,
            bytes,
        })
    }
}

impl fmt::Display for HeaderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The header of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Header {
    /// Of a terminal link.
    Tpdu(Tpdu),
    /// Of a UnionPay terminal.
    UnionPay(UnionPay),
    /// Of a Visa link.
    Base1(Base1),
    /// Of a BASE24 link.
    Base24(Base24),
}

impl Header {
    /// Which it is.
    #[must_use]
    pub const fn kind(&self) -> HeaderKind {
        match self {
            Self::Tpdu(_) => HeaderKind::Tpdu,
            Self::UnionPay(_) => HeaderKind::UnionPay,
            Self::Base1(_) => HeaderKind::Base1,
            Self::Base24(_) => HeaderKind::Base24,
        }
    }

    /// The wire bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Tpdu(header) => header.as_bytes(),
            Self::UnionPay(header) => header.as_bytes(),
            Self::Base1(header) => header.as_bytes(),
            Self::Base24(header) => header.as_bytes(),
        }
    }

    /// The TPDU, where it has one.
    #[must_use]
    pub const fn tpdu(&self) -> Option<Tpdu> {
        match self {
            Self::Tpdu(tpdu) => Some(*tpdu),
            Self::UnionPay(header) => Some(header.tpdu()),
            Self::Base1(_) | Self::Base24(_) => None,
        }
    }

    /// With this TPDU, where it has one.
    #[must_use]
    pub(super) const fn with_tpdu(self, tpdu: Tpdu) -> Self {
        match self {
            Self::Tpdu(_) => Self::Tpdu(tpdu),
            Self::UnionPay(header) => Self::UnionPay(header.with_tpdu(tpdu)),
            Self::Base1(_) | Self::Base24(_) => self,
        }
    }

    /// The header of the answer, by the rule of its kind.
    #[must_use]
    pub fn answer(self) -> Self {
        match self {
            Self::Tpdu(header) => Self::Tpdu(header.swapped()),
            Self::UnionPay(header) => Self::UnionPay(header.answer()),
            Self::Base1(header) => Self::Base1(header.answer()),
            Self::Base24(header) => Self::Base24(header.answer()),
        }
    }
}

impl From<Tpdu> for Header {
    fn from(header: Tpdu) -> Self {
        Self::Tpdu(header)
    }
}

impl From<UnionPay> for Header {
    fn from(header: UnionPay) -> Self {
        Self::UnionPay(header)
    }
}

impl From<Base1> for Header {
    fn from(header: Base1) -> Self {
        Self::Base1(header)
    }
}

impl From<Base24> for Header {
    fn from(header: Base24) -> Self {
        Self::Base24(header)
    }
}
