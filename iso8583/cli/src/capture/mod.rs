//! Captures of a network: pcap and pcapng files in, conversations out.
//!
//! What it is **not**: a network analyser. It reads TCP over IP of one file in memory, undoes what
//! the network did to the byte streams (order, repeats, overlaps, losses), and says what it could
//! not read. What the bytes mean is the reader's.
//!
//! - `file.rs`: packets of a file
//! - `tcp.rs`: TCP of a packet
//! - `stream.rs`: bytes of a direction, in order
//! - `conversation.rs`: which packets belong together
//! - `segment.rs`, `notice.rs`: what comes out

mod conversation;
mod file;
mod notice;
mod segment;
mod stream;
mod tcp;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use thiserror::Error;

use conversation::Conversations;
pub use conversation::{Conversation, End, How};
use file::Packets;
use notice::Notices;
pub use notice::{Notice, NoticeKind};
pub use segment::{Arrival, Direction, Lost, Segment};

/// How much of a capture is read. The file is in memory already; these bound what is made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Conversations; packets of more are passed over, with a notice.
    pub conversations_max: usize,
    /// Bytes of all conversations together; at the limit reading ends, with a notice.
    pub bytes_max: usize,
    /// Bytes of one direction that wait for a missing packet; more, and it is given up as lost.
    pub waiting_bytes_max: usize,
    /// Pieces of one direction that wait for missing packets; more, and one is given up as lost.
    pub waiting_pieces_max: usize,
}

impl Default for Limits {
    /// 10,000 conversations, 256 MiB in all, 4 MiB or 1,024 pieces waiting in a direction.
    fn default() -> Self {
        Self {
            conversations_max: 10_000,
            bytes_max: 256 << 20,
            waiting_bytes_max: 4 << 20,
            waiting_pieces_max: 1024,
        }
    }
}

/// What was said on the network while it was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// Ordered by their first packet.
    pub conversations: Vec<Conversation>,
    /// Packets in the file, TCP or not.
    pub packets: u64,
    /// What could not be read, each kind once.
    pub notices: Vec<Notice>,
}

/// Bytes that are no capture at all. Whatever is wrong behind the header is a [`Notice`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// Neither format's magic number.
    #[error("no pcap or pcapng file: the first four bytes are none of theirs")]
    NotACapture,
    /// The header of a pcap file is not all there.
    #[error("pcap header: expected 24 bytes, found {found}")]
    HeaderCut {
        /// Bytes of the file.
        found: usize,
    },
    /// The section header of a pcapng file does not tell its byte order.
    #[error("pcapng section header at byte 8: expected the byte order 1A2B3C4D")]
    NoByteOrder,
}

/// Do the bytes begin as a capture file does?
///
/// # Errors
/// What is wrong with its header: [`CaptureError::NotACapture`] where it is none at all.
pub fn check(bytes: &[u8]) -> Result<(), CaptureError> {
    Packets::new(bytes).map(|_| ())
}

/// Reads a whole capture file.
///
/// # Errors
/// Where the bytes are no capture file. Damage behind its header is told in
/// [`Capture::notices`], beside all that could be read.
///
/// ```
/// use iso8583_cli::capture::{Limits, read};
///
/// let error = read(b"0800", &Limits::default()).unwrap_err();
/// assert!(error.to_string().starts_with("no pcap or pcapng file"));
/// ```
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Capture, CaptureError> {
    let mut conversations = Conversations::new(limits);
    let mut notices = Notices::default();
    let mut packets = 0;
    let mut now = Timestamp::UNIX_EPOCH;
    for packet in Packets::new(bytes)? {
        packets += 1;
        let packet = match packet {
            Ok(packet) => packet,
            Err(fault) => {
                notices.add(fault, packets);
                continue;
            }
        };
        match packet.time {
            Some(time) => now = time,
            None => notices.add(NoticeKind::NoTime, packets),
        }
        if packet.cut {
            notices.add(NoticeKind::Cut, packets);
        }
        let taken = tcp::dissect(packet.link, packet.bytes)
            .and_then(|packet| conversations.take(&packet, now));
        if let Err(kind) = taken {
            notices.add(kind, packets);
            if kind == NoticeKind::BytesFull {
                break;
            }
        }
    }
    Ok(Capture {
        conversations: conversations.finish(),
        packets,
        notices: notices.into_vec(),
    })
}
