//! `iso8583 send`: a message to a host, and its answer.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use iso8583::frame::{Framing, LengthHeader};
use iso8583::{Dialect, Message, Path};
use serde_json::json;

use crate::cli::{Exit, Failure, Layout, Options};
use crate::input::{Format, Source};
use crate::message::{self, field_path, field_value};
use crate::peer::{Peer, micros, millis, parse_address, parse_time};
use crate::shown::Shown;

/// Send a message to a host and show its answer; exit 1 where that is not what is expected.
///
/// The message is fields (mti=0800 11=000001), JSON, or bytes, which are sent as they are, faulty
/// or not. The framing is --frame, else binary2; fields are written in --spec, else iso87-ascii.
/// What comes meanwhile and is no answer to it is passed over, with a note. Exit 3 where the
/// network fails or no answer comes in time.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Whom to call
    #[arg(value_name = "HOST:PORT", value_parser = parse_address)]
    address: String,
    /// Fields, a JSON object, a file, - for standard input, or bytes as hex or base64
    #[arg(required = true, value_name = "FIELD=VALUE|JSON|FILE|-|BYTES")]
    message: Vec<String>,
    /// What the answer must hold, such as 39=00 or 55.8A=3030; may be given more than once
    #[arg(long, value_name = "FIELD=VALUE")]
    expect: Vec<String>,
    /// How long to wait, for the connection and for the answer
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_time)]
    timeout: Duration,
    /// What bytes are, where that is not recognised
    #[arg(long, value_enum, value_name = "FORMAT")]
    input: Option<Format>,
}

/// What goes out. None for the message where the bytes are none.
struct Request {
    bytes: Vec<u8>,
    dialect: &'static Dialect,
    message: Option<Message>,
}

impl Args {
    pub(crate) fn run(
        &self,
        options: &Options,
        out: &mut impl Write,
        notes: &mut impl Write,
    ) -> Result<Exit, Failure> {
        let request = self.request(options)?;
        let expected = self
            .expect
            .iter()
            .map(|pair| Expected::parse(pair, request.dialect))
            .collect::<Result<Vec<_>, _>>()?;
        let framing = options
            .frame
            .unwrap_or(Framing::by_length(LengthHeader::Binary2, None));
        let mut peer = Peer::connect(&self.address, framing, self.timeout)?;
        let begun = Instant::now();
        peer.send(&request.bytes, None)?;
        let bytes = self.answer(&request, &mut peer, begun, notes)?;
        let took = begun.elapsed();
        let answer = match request.dialect.decode(&bytes) {
            Ok(answer) => answer,
            Err(fault) => {
                return Err(Failure::Faulty(format!("the answer: {}", fault.error)));
            }
        };
        let shown = Shown::new(request.dialect, &answer, options.clear);
        if options.format == Layout::Json {
            let mti = answer.mti().to_string();
            let object = json!({"mti": mti, "took_us": micros(took), "fields": shown.json()});
            writeln!(out, "{object}")?;
        } else {
            shown.write("", out)?;
            writeln!(out, "after {}", millis(took))?;
        }
        let mut exit = Exit::Fine;
        for expected in &expected {
            if let Some(difference) = expected.differs(&answer, &shown, request.dialect, options) {
                writeln!(notes, "{FAULT}{difference}{FAULT:#}")?;
                exit = Exit::Faulty;
            }
        }
        Ok(exit)
    }

    fn request(&self, options: &Options) -> Result<Request, Failure> {
        if message::is_fields(&self.message) {
            let (dialect, message) = message::from_arguments(&self.message, options.spec)?;
            let bytes = message::encoded(&message, dialect, None, None)?.to_vec();
            return Ok(Request {
                bytes,
                dialect,
                message: Some(message),
            });
        }
        let [source] = self.message.as_slice() else {
            let hint = "expected fields such as mti=0800 11=000001, or one message as bytes";
            return Err(Failure::Usage(hint.to_owned()));
        };
        let input = Source::of(source).read(self.input, MESSAGE_MAX)?;
        let reading = message::read(&input.bytes, options);
        Ok(Request {
            bytes: input.bytes,
            dialect: reading.dialect,
            message: reading.outcome.ok(),
        })
    }

    /// The first message that may be the answer.
    fn answer(
        &self,
        request: &Request,
        peer: &mut Peer,
        begun: Instant,
        notes: &mut impl Write,
    ) -> Result<bytes::BytesMut, Failure> {
        let deadline = begun + self.timeout;
        loop {
            let Some(frame) = peer.receive(Some(deadline))? else {
                let late = format!("no answer within {:?}", self.timeout);
                return Err(peer.failure(io::Error::new(io::ErrorKind::TimedOut, late)));
            };
            match (&request.message, request.dialect.decode(&frame.body)) {
                (Some(sent), Ok(other)) if !is_answer(sent, &other) => {
                    writeln!(notes, "note: {} came, no answer to this", other.mti())?;
                }
                _ => return Ok(frame.body),
            }
        }
    }
}

/// Of the type that answers the request, about the same trace number (DE 11). Of what is never
/// answered, anything is.
fn is_answer(request: &Message, other: &Message) -> bool {
    let of_type = |mti| request.mti().response().is_none_or(|answer| answer == mti);
    of_type(other.mti()) && (!request.has(11) || request.field(11) == other.field(11))
}

/// What a field of the answer must be.
struct Expected {
    path: Path,
    value: Vec<u8>,
}

impl Expected {
    fn parse(pair: &str, dialect: &Dialect) -> Result<Self, Failure> {
        let hint = || {
            let hint = "--expect: expected mti=0810 or a field such as 39=00 or 55.8A=3030";
            Failure::Usage(hint.to_owned())
        };
        let (name, text) = pair.split_once('=').ok_or_else(hint)?;
        if name.eq_ignore_ascii_case("mti") {
            return Ok(Self {
                path: Path::Mti,
                value: text.as_bytes().to_vec(),
            });
        }
        let path = field_path(name).map_err(|_| hint())?;
        let value = field_value(&path, text, dialect)?;
        Ok(Self { path, value })
    }

    fn differs(
        &self,
        answer: &Message,
        shown: &Shown<'_>,
        dialect: &Dialect,
        options: &Options,
    ) -> Option<String> {
        let path = &self.path;
        let found = match answer.value_at(dialect, path) {
            Ok(Some(value)) if *value == self.value => return None,
            Ok(_) => shown.at(path).unwrap_or_else(|| "none".to_owned()),
            Err(error) => return Some(error.to_string()),
        };
        let wanted = self.wanted(answer, dialect, options);
        Some(format!("{path}: expected {wanted}, found {found}"))
    }

    /// The value, as far as it may be seen.
    fn wanted(&self, answer: &Message, dialect: &Dialect, options: &Options) -> String {
        let mut wanted = answer.clone();
        match &self.path {
            Path::Mti => return String::from_utf8_lossy(&self.value).into_owned(),
            Path::Field(de) => {
                wanted.set(*de, &self.value);
            }
            path @ (Path::Subfield(..) | Path::Bitmap | Path::End) => {
                if wanted.set_at(dialect, path, &self.value).is_err() {
                    return "what the dialect does not allow there".to_owned();
                }
            }
        }
        let shown = Shown::new(dialect, &wanted, options.clear);
        shown.at(&self.path).unwrap_or_default()
    }
}

/// One message, in whatever notation.
const MESSAGE_MAX: u64 = 1 << 20;

const FAULT: Style = AnsiColor::Red.on_default();
