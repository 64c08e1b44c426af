//! From a byte stream to the frames in it, in step or not.
//!
//! A link closes where a length cannot be. A capture cannot: what it misses leaves the reader in
//! the middle of a frame. So a reader that is out of step looks on at the next packet, and believes
//! a frame only where a message is in it.

use core::ops::Range;

use bytes::BytesMut;
use iso8583::frame::{Envelope, Frame, FrameError, Framer, Framing, Header};
use thiserror::Error;

use crate::capture::Segment;

/// A framer that takes frames of up to 8,192 bytes, as links do; a longer length is taken for
/// none.
#[must_use]
pub fn framer(framing: Framing) -> Framer {
    Framer::of(framing, FRAME_MAX)
}

/// A stretch of a stream. Keep-alives (lengths of nought) belong to none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A whole frame.
    Frame {
        /// What stands before the message, where the link has it.
        header: Option<Header>,
        /// Where the message is.
        body: Range<usize>,
    },
    /// Bytes that belong to no frame that could be found.
    Skipped {
        /// Where they are.
        bytes: Range<usize>,
        /// Why.
        reason: Reason,
    },
}

impl Piece {
    /// Where the message is, or what was passed over.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        let (Self::Frame { body: range, .. } | Self::Skipped { bytes: range, .. }) = self;
        range.clone()
    }
}

/// Why bytes were passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    /// The length cannot be.
    #[error("{0}")]
    Frame(FrameError),
    /// Behind a loss or in the middle of a conversation: a length may be one by chance.
    #[error("out of step: the rest of a frame, or of none")]
    OutOfStep,
    /// The stream ends before the frame does.
    #[error("the frame is not all there")]
    Incomplete,
}

/// Cuts a piece of a conversation, of which the start is known to begin a frame or not.
/// `is_message` is asked only where a frame is not to be believed without one in it.
pub fn cut_segment(
    segment: &Segment,
    from_start: bool,
    framer: &Framer,
    is_message: impl Fn(&[u8]) -> bool,
) -> Vec<Piece> {
    let stream = Stream {
        bytes: segment.bytes(),
        framer,
    };
    let in_step = from_start && segment.lost_before().is_none();
    stream.cut(in_step, |at| segment.packet_start(at), is_message)
}

/// Cuts bytes that begin with a frame, and tell nothing of packets.
#[must_use]
pub fn cut_bytes(bytes: &[u8], framer: &Framer) -> Vec<Piece> {
    Stream { bytes, framer }.cut(true, |_| None, |_| true)
}

struct Stream<'a> {
    bytes: &'a [u8],
    framer: &'a Framer,
}

impl Stream<'_> {
    fn cut(
        &self,
        mut in_step: bool,
        packet_start: impl Fn(usize) -> Option<usize>,
        is_message: impl Fn(&[u8]) -> bool,
    ) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut at = 0;
        while at < self.bytes.len() {
            let (end, found) = self.next(at);
            let (start, reason) = match found {
                Ok(Some(piece)) => {
                    let message = self.bytes.get(piece.range()).unwrap_or_default();
                    if in_step || is_message(message) {
                        in_step = true;
                        at = end;
                        pieces.push(piece);
                        continue;
                    }
                    (at, Reason::OutOfStep)
                }
                // Keep-alives up to the end of what was looked at, or of the stream.
                Ok(None) if end > at => {
                    at = end;
                    continue;
                }
                Ok(None) if in_step => (end, Reason::Incomplete),
                Ok(None) => (end, Reason::OutOfStep),
                Err(error) => (end, Reason::Frame(error)),
            };
            let next = match reason {
                Reason::Incomplete => None,
                Reason::Frame(_) | Reason::OutOfStep => packet_start(start + 1),
            };
            in_step = false;
            at = next.unwrap_or(self.bytes.len());
            pieces.push(Piece::Skipped {
                bytes: start..at,
                reason,
            });
        }
        pieces
    }

    /// The next frame from an offset on and its end, or where what is none begins.
    fn next(&self, at: usize) -> (usize, Result<Option<Piece>, FrameError>) {
        let end = self.bytes.len().min(at + self.framer.max() + HEADER_MAX);
        let mut window = BytesMut::from(self.bytes.get(at..end).unwrap_or_default());
        let found = self.framer.decode(&mut window);
        let here = end - window.len();
        let behind = match self.framer.framing().envelope() {
            Envelope::Length(_) => 0,
            Envelope::Base24X25 | Envelope::Base24Tcp => 1,
            Envelope::StxEtxLrc => 2,
        };
        let piece = |frame: Frame| Piece::Frame {
            header: frame.header().copied(),
            body: here - behind - frame.body.len()..here - behind,
        };
        (here, found.map(|frame| frame.map(piece)))
    }
}

const FRAME_MAX: usize = 8192;

/// The longest length in front of a frame, and what ends one.
const HEADER_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use iso8583::frame::Tpdu;
    use proptest::prelude::*;

    use super::*;

    fn framer(name: &str) -> Framer {
        super::framer(name.parse().expect("a framing"))
    }

    fn frame(body: Range<usize>) -> Piece {
        Piece::Frame { header: None, body }
    }

    #[test]
    fn what_ends_a_frame_is_no_part_of_its_message() {
        let pieces = cut_bytes(b"\x02abc\x03\x63\x02a\x03\x62", &framer("stx-etx-lrc"));
        assert_eq!(pieces, [frame(1..4), frame(7..8)]);
        let pieces = cut_bytes(b"abc\x03d\x03", &framer("base24-x25"));
        assert_eq!(pieces, [frame(0..3), frame(4..5)]);
        let pieces = cut_bytes(b"\x00\x04abc\x03", &framer("base24-tcp"));
        assert_eq!(pieces, [frame(2..5)]);
    }

    #[test]
    fn frames_and_keep_alives_are_told_apart() {
        let bytes = b"\x00\x03abc\x00\x00\x00\x02de\x00\x00";
        let pieces = cut_bytes(bytes, &framer("binary2"));
        assert_eq!(pieces, [frame(2..5), frame(9..11)]);
    }

    #[test]
    fn a_tpdu_is_told_beside_the_message() {
        let pieces = cut_bytes(b"0008\x60\x00\x03\x00\x00abc", &framer("ascii4+tpdu"));
        let header = Some(Header::Tpdu(Tpdu::new([0x60, 0, 3, 0, 0])));
        assert_eq!(
            pieces,
            [Piece::Frame {
                header,
                body: 9..12
            }]
        );
    }

    #[test]
    fn what_is_left_at_the_end_is_said_to_be_incomplete() {
        let pieces = cut_bytes(b"\x00\x01a\x00\x09abc", &framer("binary2"));
        let rest = Piece::Skipped {
            bytes: 3..8,
            reason: Reason::Incomplete,
        };
        assert_eq!(pieces, [frame(2..3), rest]);
    }

    #[test]
    fn a_length_that_cannot_be_ends_what_has_no_packets() {
        let pieces = cut_bytes(b"0001a00x1b", &framer("ascii4"));
        let rest = Piece::Skipped {
            bytes: 5..10,
            reason: Reason::Frame(FrameError::Unexpected {
                at: 2,
                expected: "a decimal digit of the length",
                found: b'x',
            }),
        };
        assert_eq!(pieces, [frame(4..5), rest]);
    }

    #[test]
    fn out_of_step_the_next_packet_with_a_message_in_its_frame_counts() {
        // The end of a frame whose first bytes look like a length; a packet of two frames.
        let bytes = b"\x00\x02xxx\x00\x01m\x00\x01n";
        let stream = Stream {
            bytes,
            framer: &framer("binary2"),
        };
        let packet_start = |at| [0, 5].into_iter().find(|start| *start >= at);
        let pieces = stream.cut(false, packet_start, |body| body == b"m");
        let skipped = Piece::Skipped {
            bytes: 0..5,
            reason: Reason::OutOfStep,
        };
        // In step again, what is in the frame does not matter.
        assert_eq!(pieces, [skipped, frame(7..8), frame(10..11)]);
    }

    proptest! {
        #[test]
        fn pieces_follow_one_another_to_the_end(
            bytes in prop::collection::vec(
                prop::sample::select(vec![0_u8, 1, 2, 0x30, 0xFF]),
                0..80,
            ),
            every in 1..9_usize,
            in_step in any::<bool>(),
            (framing, _) in prop::sample::select(Framing::catalogue().to_vec()),
        ) {
            let stream = Stream { bytes: &bytes, framer: &super::framer(framing) };
            let packet_start = |at: usize| {
                let start = at.next_multiple_of(every);
                (start < bytes.len()).then_some(start)
            };
            let mut end = 0;
            for piece in stream.cut(in_step, packet_start, |body| body.len() % 2 == 0) {
                let range = piece.range();
                prop_assert!(range.start >= end && range.end > range.start);
                end = range.end;
            }
            prop_assert!(end <= bytes.len());
        }
    }
}
