//! One framing and one dialect, tried on the input.

use core::cmp::Reverse;

use iso8583::frame::{Envelope, Framing};
use iso8583::{Dialect, Message};

use crate::capture::Segment;
use crate::cli::Options;
use crate::frames::{self, Piece, Reason};
use crate::message::{self, dialects};

/// Bytes in one direction.
pub(super) enum Stream<'a> {
    /// Of a file or an argument.
    Bytes(&'a [u8]),
    /// Of a capture; was the beginning of its conversation seen?
    Segment { segment: &'a Segment, opened: bool },
}

impl Stream<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Segment { segment, .. } => segment.bytes(),
        }
    }

    /// None for the framing: all bytes are one message.
    fn cut(&self, framing: Option<Framing>, dialect: &Dialect) -> Vec<Piece> {
        let Some(framing) = framing else {
            return vec![Piece::Frame {
                header: None,
                body: 0..self.bytes().len(),
            }];
        };
        let framer = frames::framer(framing);
        match self {
            Self::Bytes(bytes) => frames::cut_bytes(bytes, &framer),
            Self::Segment { segment, opened } => {
                let is_message = |body: &[u8]| dialect.decode(body).is_ok();
                frames::cut_segment(segment, *opened, &framer, is_message)
            }
        }
    }
}

/// How far a framing and a dialect got.
pub(super) struct Trial {
    pub(super) framing: Option<Framing>,
    pub(super) dialect: &'static Dialect,
    /// Frames that could be cut.
    pub(super) frames: usize,
    /// Messages that could be read.
    pub(super) messages: usize,
    /// Bytes of all streams.
    pub(super) bytes: usize,
    /// Bytes of those that could not be read.
    pub(super) unread: usize,
    /// Bytes of keep-alives. The zeros before a longer length look like one.
    idle: usize,
    /// Messages of another edition of the standard than the dialect.
    pub(super) of_other_edition: usize,
    /// Those, and values that can hardly be meant.
    pub(super) doubts: usize,
    /// The first of them.
    pub(super) doubt: Option<String>,
    /// Why the first message could not be read.
    pub(super) fault: Option<Fault>,
}

/// Why a message could not be read.
pub(super) struct Fault {
    /// From the first byte of its stream.
    pub(super) at: usize,
    pub(super) what: String,
    /// Was it the frame? Then no dialect helps.
    pub(super) of_frame: bool,
}

impl Trial {
    /// All trials, the best first.
    pub(super) fn all(streams: &[Stream<'_>], options: &Options) -> Vec<Self> {
        let captured = matches!(streams.first(), Some(Stream::Segment { .. }));
        let alone = (!captured && options.frame.is_none()).then_some(None);
        let asked = options.frame;
        let framings = Framing::catalogue()
            .iter()
            .map(|(framing, _)| *framing)
            .filter(move |_| asked.is_none())
            .chain(asked)
            .map(Some);
        let mut trials = Vec::new();
        for framing in alone.into_iter().chain(framings) {
            for dialect in dialects(options) {
                trials.push(Self::of(streams, framing, dialect));
            }
        }
        trials.sort_by_key(Self::rank);
        trials
    }

    fn of(streams: &[Stream<'_>], framing: Option<Framing>, dialect: &'static Dialect) -> Self {
        let mut trial = Self {
            framing,
            dialect,
            frames: 0,
            messages: 0,
            bytes: 0,
            unread: 0,
            idle: 0,
            of_other_edition: 0,
            doubts: 0,
            doubt: None,
            fault: None,
        };
        for stream in streams {
            trial.bytes += stream.bytes().len();
            let mut end = 0;
            for piece in stream.cut(framing, dialect) {
                let range = piece.range();
                if let Piece::Frame { header, .. } = &piece {
                    let header = header.as_ref().map_or(0, |header| header.as_bytes().len());
                    let before = framing.map_or(0, envelope_bytes) + header;
                    trial.idle += (range.start - end).saturating_sub(before);
                }
                end = range.end;
                trial.take(stream, &piece);
            }
        }
        trial
    }

    fn take(&mut self, stream: &Stream<'_>, piece: &Piece) {
        let range = piece.range();
        let fault = match piece {
            // A capture ends where it ends.
            Piece::Skipped {
                reason: Reason::Incomplete,
                ..
            } if matches!(stream, Stream::Segment { .. }) && self.messages > 0 => return,
            Piece::Skipped { reason, .. } => Fault {
                at: range.start,
                what: reason.to_string(),
                of_frame: true,
            },
            Piece::Frame { .. } => {
                self.frames += 1;
                let bytes = stream.bytes().get(range.clone()).unwrap_or_default();
                match self.dialect.decode(bytes) {
                    Ok(read) => {
                        self.messages += 1;
                        self.weigh(&read);
                        return;
                    }
                    Err(fault) => Fault {
                        at: range.start + fault.error.offset,
                        what: format!("{}: {}", fault.error.path, fault.error.kind),
                        of_frame: false,
                    },
                }
            }
        };
        self.unread += range.len();
        self.fault.get_or_insert(fault);
    }

    fn weigh(&mut self, message: &Message) {
        let version = message::version_doubt(message, self.dialect);
        self.of_other_edition += usize::from(version.is_some());
        for doubt in version.into_iter().chain(message::doubts(message)) {
            self.doubts += 1;
            self.doubt.get_or_insert_with(|| doubt.to_string());
        }
    }

    /// Does it read all, and some?
    pub(super) const fn fits(&self) -> bool {
        self.messages > 0 && self.unread == 0
    }

    /// Small is good: first what reads something, then by what it does not read, by the edition,
    /// by what is hard to believe, and by how far it got.
    fn rank(&self) -> (bool, usize, usize, usize, usize, Reverse<usize>) {
        let at = self.fault.as_ref().map_or(usize::MAX, |fault| fault.at);
        let unread = self.unread;
        (
            self.messages == 0,
            unread,
            self.of_other_edition,
            self.doubts,
            self.idle,
            Reverse(at),
        )
    }
}

/// What an envelope puts around a message, as far as it stands between two of them.
const fn envelope_bytes(framing: Framing) -> usize {
    match framing.envelope() {
        Envelope::Length(length) => length.bytes(),
        Envelope::Base24X25 => 1,
        Envelope::Base24Tcp | Envelope::StxEtxLrc => 3,
    }
}
