//! What of a byte stream cannot be a frame, and what cannot be framed.

use thiserror::Error;

use crate::frame::{Envelope, HeaderKind};

/// Bytes that the framing does not allow, or a message that it cannot carry. A stream that gave
/// one of these is out of step and cannot be trusted from there on: it must be closed. Places are
/// counted from the frame's first byte, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A byte that cannot stand there.
    #[error("frame byte {at}: expected {expected}, found 0x{found:02X}")]
    Unexpected {
        /// Place of the byte.
        at: usize,
        /// What may stand there.
        expected: &'static str,
        /// What stands there.
        found: u8,
    },
    /// More than the link takes, or than its framing can announce.
    #[error("frame length {length} is above the maximum of {max}")]
    TooLong {
        /// Length announced, or of the message to be sent.
        length: usize,
        /// Length allowed.
        max: usize,
    },
    /// Something that must be in the frame does not fit into the length announced.
    #[error("frame length {length} has no room for the {part} of {bytes} bytes")]
    NoRoom {
        /// Length announced.
        length: usize,
        /// What must be in it.
        part: &'static str,
        /// Bytes that this takes.
        bytes: usize,
    },
    /// Nothing between the length or start and the end. On links with a length, only the length
    /// zero itself is a keep-alive.
    #[error("frame without content")]
    Empty,
    /// The end did not come in time.
    #[error("no ETX (0x03) after the {max} bytes that a frame may have")]
    NoEtx {
        /// Length allowed.
        max: usize,
    },
    /// The longitudinal check does not agree with the frame.
    #[error("frame byte {at}: expected LRC 0x{expected:02X}, found 0x{found:02X}")]
    Lrc {
        /// Place of the LRC.
        at: usize,
        /// What the frame's bytes add up to.
        expected: u8,
        /// What stands there.
        found: u8,
    },
    /// The length inside the header contradicts the one before the frame.
    #[error("frame byte {at}: expected a total length of {expected}, found {found}")]
    Total {
        /// Place of the length inside the header.
        at: usize,
        /// Bytes of header and message.
        expected: usize,
        /// Bytes that the header counts.
        found: usize,
    },
    /// To be sent, but it holds the byte that ends a frame on this link.
    #[error("frame byte {at} is an ETX (0x03) within the message: {envelope} would end there")]
    EtxInside {
        /// Place of the byte.
        at: usize,
        /// The link's envelope.
        envelope: Envelope,
    },
    /// To be sent, but with a header that this link does not have.
    #[error("header {found} on a link of {}", .expected.map_or("none", HeaderKind::name))]
    WrongHeader {
        /// The link's header.
        expected: Option<HeaderKind>,
        /// The header given.
        found: HeaderKind,
    },
}
