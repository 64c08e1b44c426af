//! Bytes to a message.

use iso8583::frame::Header;
use iso8583::{DecodeError, Dialect, Message, Path, Undecodable};

use crate::cli::{Failure, Options};
use crate::frames::{self, Piece};
use crate::input::{Format, Source};
use crate::message::doubt::version_doubt;

/// A message read, or how far that went.
#[derive(Debug)]
pub struct Reading {
    /// The dialect asked for, else that which reads it or gets furthest.
    pub dialect: &'static Dialect,
    /// What was read in it.
    pub outcome: Result<Message, Box<Undecodable>>,
}

/// Reads a message in the dialect asked for, or in the built-in one that reads it: rather one of
/// its own edition of the standard. Where none does, in that which gets furthest.
#[must_use]
pub fn read(bytes: &[u8], options: &Options) -> Reading {
    let first = options.spec.unwrap_or_else(Dialect::iso87_ascii);
    let reading = |dialect: &'static Dialect| Reading {
        dialect,
        outcome: dialect.decode(bytes),
    };
    let mut best = reading(first);
    for dialect in dialects(options) {
        if best.worth() == Worth::Whole {
            break;
        }
        let other = reading(dialect);
        if other.worth() > best.worth() {
            best = other;
        }
    }
    best
}

/// What to try where not even MTI and bitmap could be read in any dialect: bytes that are framed
/// look like that.
#[must_use]
pub fn hint(error: &DecodeError, options: &Options) -> Option<&'static str> {
    let of_head = matches!(error.path, Path::Mti | Path::Bitmap);
    let open = options.spec.is_none() && options.frame.is_none();
    (of_head && open)
        .then_some("no dialect reads the beginning: iso8583 doctor tries every framing and dialect")
}

/// How much is to be said for a reading.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    /// Up to a fault at this byte.
    Faulty(usize),
    /// Of an edition that the message does not say it is of.
    OtherEdition,
    Whole,
}

impl Reading {
    fn worth(&self) -> Worth {
        match &self.outcome {
            Err(fault) => Worth::Faulty(fault.error.offset),
            Ok(message) if version_doubt(message, self.dialect).is_some() => Worth::OtherEdition,
            Ok(_) => Worth::Whole,
        }
    }
}

/// The dialects that a message may be in.
pub fn dialects(options: &Options) -> impl Iterator<Item = &'static Dialect> {
    let asked = options.spec;
    let built_in = Dialect::built_in()
        .iter()
        .copied()
        .filter(move |_| asked.is_none());
    asked.into_iter().chain(built_in)
}

/// The bytes of one message, without what frames them.
pub struct Given {
    /// What stood before the message.
    pub header: Option<Header>,
    /// The message. **In clear.**
    pub bytes: Vec<u8>,
    /// What was given, for people.
    pub place: String,
}

impl core::fmt::Debug for Given {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Given({}, {} bytes)", self.place, self.bytes.len())
    }
}

/// The one message of an argument, out of its frame where a framing is given.
///
/// # Errors
/// Where it cannot be read, or is not exactly one message.
pub fn given(argument: &str, format: Option<Format>, options: &Options) -> Result<Given, Failure> {
    let source = Source::of(argument);
    let place = source.to_string();
    let input = source.read(format, INPUT_MAX)?;
    if input.format == Format::Pcap {
        let problem = format!("{place}: a capture, of which `iso8583 view` shows the messages");
        return Err(Failure::Usage(problem));
    }
    let Some(framing) = options.frame else {
        return Ok(Given {
            header: None,
            bytes: input.bytes,
            place,
        });
    };
    let pieces = frames::cut_bytes(&input.bytes, &frames::framer(framing));
    match pieces.as_slice() {
        [Piece::Frame { header, body }] => Ok(Given {
            header: *header,
            bytes: input.bytes.get(body.clone()).unwrap_or_default().to_vec(),
            place,
        }),
        [.., Piece::Skipped { reason, bytes }] => Err(Failure::Faulty(format!(
            "{place}: byte {}: {reason}",
            bytes.start
        ))),
        pieces => Err(Failure::Usage(format!(
            "{place}: expected one message, found {}",
            pieces.len()
        ))),
    }
}

/// The one message of an argument, which must be whole.
///
/// # Errors
/// Those of [`given`], or what is wrong with the message.
pub fn read_whole(
    argument: &str,
    format: Option<Format>,
    options: &Options,
) -> Result<(&'static Dialect, Message, Option<Header>), Failure> {
    let given = given(argument, format, options)?;
    let Reading { dialect, outcome } = read(&given.bytes, options);
    match outcome {
        Ok(message) => Ok((dialect, message, given.header)),
        Err(fault) => {
            let what = match hint(&fault.error, options) {
                Some(hint) => hint.to_owned(),
                None => format!("{}: {}", dialect.name(), fault.error),
            };
            Err(Failure::Faulty(format!("{}: {what}", given.place)))
        }
    }
}

/// One message, in whatever notation.
const INPUT_MAX: u64 = 1 << 20;
