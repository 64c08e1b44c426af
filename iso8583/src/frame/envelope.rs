//! What sets the frames of a stream apart.

use core::fmt;

use bytes::BytesMut;

use crate::frame::{FRAME_BYTES_MAX, FrameError, LengthHeader};

/// How the bytes of a frame are set apart from those of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Envelope {
    /// A length, then so many bytes.
    Length(LengthHeader),
    /// No length: all bytes up to an ETX (0x03), 4,095 at most.
    Base24X25,
    /// Two bytes of length, most significant first, then so many bytes, of which the last is an
    /// ETX (0x03).
    Base24Tcp,
    /// STX (0x02), the bytes, ETX (0x03), and the exclusive or of all after the STX.
    StxEtxLrc,
}

impl Envelope {
    /// The name in configurations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Length(length) => length.name(),
            Self::Base24X25 => "base24-x25",
            Self::Base24Tcp => "base24-tcp",
            Self::StxEtxLrc => "stx-etx-lrc",
        }
    }

    /// The most bytes of header and message that it takes, [`FRAME_BYTES_MAX`] at most.
    #[must_use]
    pub const fn max(self) -> usize {
        match self {
            Self::Length(length) => length.max(),
            // BASE24 reads into 4,096 bytes, the ETX among them.
            Self::Base24X25 => 4_095,
            Self::Base24Tcp => FRAME_BYTES_MAX - 1,
            Self::StxEtxLrc => FRAME_BYTES_MAX,
        }
    }

    /// Does an ETX end the frame wherever it stands? Then no byte of header or message may be one.
    #[must_use]
    pub const fn ends_at_etx(self) -> bool {
        match self {
            Self::Base24X25 | Self::StxEtxLrc => true,
            Self::Length(_) | Self::Base24Tcp => false,
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        let others = [Self::Base24X25, Self::Base24Tcp, Self::StxEtxLrc];
        let mut all = LengthHeader::ALL
            .map(Self::Length)
            .into_iter()
            .chain(others);
        all.find(|envelope| envelope.name() == name)
    }

    /// The length that it begins with, where it does.
    pub(super) const fn length(self) -> Option<LengthHeader> {
        match self {
            Self::Length(length) => Some(length),
            Self::Base24Tcp => Some(LengthHeader::Binary2),
            Self::Base24X25 | Self::StxEtxLrc => None,
        }
    }

    pub(super) const fn before(self) -> usize {
        match self {
            Self::Length(length) => length.bytes(),
            Self::Base24Tcp => LengthHeader::Binary2.bytes(),
            Self::Base24X25 => 0,
            Self::StxEtxLrc => 1,
        }
    }

    const fn after(self) -> usize {
        match self {
            Self::Length(_) => 0,
            Self::Base24Tcp | Self::Base24X25 => 1,
            Self::StxEtxLrc => 2,
        }
    }

    /// The extent of the first frame, as soon as it can be told and no longer than `max`.
    pub(super) fn measure(self, stream: &[u8], max: usize) -> Result<Option<Extent>, FrameError> {
        let (before, after) = (self.before(), self.after());
        let content = match self.length() {
            Some(length) => match length.read(stream)? {
                Some(0) => return Ok(Some(Extent::keep_alive(before))),
                announced => announced.map(|announced| announced.saturating_sub(after)),
            },
            None => {
                self.check_start(stream)?;
                etx(stream.get(before..).unwrap_or_default(), max)?
            }
        };
        match content {
            None => Ok(None),
            Some(0) => Err(FrameError::Empty),
            Some(length) if length > max => Err(FrameError::TooLong { length, max }),
            Some(content) => Ok(Some(Extent {
                before,
                content,
                after,
            })),
        }
    }

    fn check_start(self, stream: &[u8]) -> Result<(), FrameError> {
        match (self, stream) {
            (Self::StxEtxLrc, [found, ..]) if *found != STX => Err(FrameError::Unexpected {
                at: 0,
                expected: "STX (0x02)",
                found: *found,
            }),
            _ => Ok(()),
        }
    }

    /// Looks at what follows the content, which ends at `end`.
    pub(super) fn check_end(self, stream: &[u8], end: usize) -> Result<(), FrameError> {
        match (self, stream.get(end..).unwrap_or_default()) {
            (Self::Base24Tcp, [found, ..]) if *found != ETX => Err(FrameError::Unexpected {
                at: end,
                expected: "ETX (0x03)",
                found: *found,
            }),
            (Self::StxEtxLrc, [_, found, ..]) => {
                let expected = lrc(stream.get(1..=end).unwrap_or_default());
                if expected == *found {
                    Ok(())
                } else {
                    Err(FrameError::Lrc {
                        at: end + 1,
                        expected,
                        found: *found,
                    })
                }
            }
            _ => Ok(()),
        }
    }

    /// Writes what stands around the content, for which `before` bytes were left at `start`.
    pub(super) fn seal(self, start: usize, out: &mut BytesMut) -> Result<(), FrameError> {
        let before = self.before();
        let frame = out.get_mut(start..).unwrap_or_default();
        let (field, content) = frame.split_at_mut_checked(before).unwrap_or_default();
        if self.ends_at_etx()
            && let Some(place) = content.iter().position(|byte| *byte == ETX)
        {
            return Err(FrameError::EtxInside {
                at: before + place,
                envelope: self,
            });
        }
        if let Some(length) = self.length() {
            length.write(content.len() + self.after(), field);
        }
        match self {
            Self::Length(_) => {}
            Self::Base24Tcp | Self::Base24X25 => out.extend_from_slice(&[ETX]),
            Self::StxEtxLrc => {
                field.fill(STX);
                let lrc = lrc(content) ^ ETX;
                out.extend_from_slice(&[ETX, lrc]);
            }
        }
        Ok(())
    }
}

impl fmt::Display for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a frame lies in the stream: bytes before its content, of it, and after it. A keep-alive
/// has no content.
pub(super) struct Extent {
    pub(super) before: usize,
    pub(super) content: usize,
    pub(super) after: usize,
}

impl Extent {
    const fn keep_alive(before: usize) -> Self {
        Self {
            before,
            content: 0,
            after: 0,
        }
    }
}

const STX: u8 = 0x02;
const ETX: u8 = 0x03;

/// How many bytes stand before the first ETX; None where there is none yet.
fn etx(stream: &[u8], max: usize) -> Result<Option<usize>, FrameError> {
    let found = stream.iter().take(max + 1).position(|byte| *byte == ETX);
    if found.is_none() && stream.len() > max {
        return Err(FrameError::NoEtx { max });
    }
    Ok(found)
}

fn lrc(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |lrc, byte| lrc ^ byte)
}
