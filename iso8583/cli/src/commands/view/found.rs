//! What was found in the input, and where.

use iso8583::frame::Header;
use iso8583::{Dialect, Message, Undecodable};
use jiff::Timestamp;

use crate::capture::Direction;
use crate::cli::Options;
use crate::frames::{Piece, Reason};
use crate::message::{self, Reading, Suspect};

/// A stretch of the input, read as far as that goes.
pub(super) struct Found<'a> {
    pub(super) place: Place,
    pub(super) header: Option<Header>,
    /// The message, without what frames it; what was passed over. **In clear.**
    pub(super) bytes: &'a [u8],
    pub(super) content: Content,
}

/// Where it was found.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// In bytes that tell nothing of who sent them.
    Alone,
    /// In a capture.
    Said {
        /// By index.
        conversation: usize,
        direction: Direction,
        time: Option<Timestamp>,
    },
}

pub(super) enum Content {
    Message(&'static Dialect, Message),
    /// With the field that probably makes it so, once that was looked for.
    Faulty(&'static Dialect, Box<Undecodable>, Option<Suspect>),
    Skipped(Reason),
}

impl<'a> Found<'a> {
    pub(super) fn of_piece(
        place: Place,
        piece: &Piece,
        stream: &'a [u8],
        options: &Options,
    ) -> Self {
        let bytes = stream.get(piece.range()).unwrap_or_default();
        match piece {
            Piece::Frame { header, .. } => finding(place, *header, bytes, options),
            Piece::Skipped { reason, .. } => Self {
                place,
                header: None,
                bytes,
                content: Content::Skipped(*reason),
            },
        }
    }

    pub(super) const fn time(&self) -> Option<Timestamp> {
        match self.place {
            Place::Alone => None,
            Place::Said { time, .. } => time,
        }
    }

    pub(super) const fn conversation(&self) -> Option<usize> {
        match self.place {
            Place::Alone => None,
            Place::Said { conversation, .. } => Some(conversation),
        }
    }

    /// Looks for the field that makes it faulty.
    pub(super) fn look_for_suspect(&mut self) {
        if let Content::Faulty(dialect, fault, suspect) = &mut self.content {
            *suspect = message::suspect(self.bytes, dialect, fault);
        }
    }

    /// What to try where nothing of it could be read.
    pub(super) fn hint(&self, options: &Options) -> Option<&'static str> {
        match &self.content {
            Content::Faulty(_, fault, _) => message::hint(&fault.error, options),
            Content::Message(..) | Content::Skipped(_) => None,
        }
    }

    /// Is it wrong? What a capture does not hold to the end is no fault of who sent it.
    pub(super) const fn is_faulty(&self) -> bool {
        match (&self.content, self.place) {
            (Content::Message(..) | Content::Skipped(Reason::OutOfStep), _)
            | (Content::Skipped(Reason::Incomplete), Place::Said { .. }) => false,
            (Content::Faulty(..) | Content::Skipped(Reason::Frame(_)), _)
            | (Content::Skipped(Reason::Incomplete), Place::Alone) => true,
        }
    }
}

/// A message alone, read in the dialect asked for, or in that which gets furthest.
pub(super) fn finding<'a>(
    place: Place,
    header: Option<Header>,
    bytes: &'a [u8],
    options: &Options,
) -> Found<'a> {
    let Reading { dialect, outcome } = message::read(bytes, options);
    Found {
        place,
        header,
        bytes,
        content: match outcome {
            Ok(message) => Content::Message(dialect, message),
            Err(undecodable) => Content::Faulty(dialect, undecodable, None),
        },
    }
}

/// Is there a message in the dialect asked for, or in any?
pub(super) fn is_message(bytes: &[u8], options: &Options) -> bool {
    message::dialects(options).any(|dialect| dialect.decode(bytes).is_ok())
}
