//! `iso8583 doctor`: in which framing and dialect are these bytes?

mod print;
mod trial;

use std::io::Write;

use crate::capture::{self, Limits};
use crate::cli::{Exit, Failure, Layout, Options};
use crate::input::{Format, Source};
use trial::{Stream, Trial};

/// Find out which framing and dialect bytes or a capture are in.
///
/// Every framing of the catalogue and every dialect are tried (with --frame or --spec, that one
/// only), and ranked by how much of the input they read, whether its messages say that they are of
/// the dialect's edition of the standard, and how many values can be meant. Those that fail say
/// why, and at which byte. Exit 1 where none reads all.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file, - for standard input, or the bytes themselves as hex or base64
    #[arg(value_name = "FILE|-|BYTES")]
    source: String,
    /// What the input is, where it is not recognised
    #[arg(long, value_enum, value_name = "FORMAT")]
    input: Option<Format>,
    /// Of a capture, only conversations with this port at either end
    #[arg(long)]
    port: Option<u16>,
    /// As --format json
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(crate) fn run(
        &self,
        options: &Options,
        out: &mut impl Write,
        notes: &mut impl Write,
    ) -> Result<Exit, Failure> {
        let input = Source::of(&self.source).read(self.input, INPUT_MAX)?;
        let captured;
        let streams = if input.format == Format::Pcap {
            captured = capture::read(&input.bytes, &Limits::default())
                .map_err(|error| Failure::Usage(format!("{}: {error}", self.source)))?;
            for notice in &captured.notices {
                writeln!(notes, "note: {notice}")?;
            }
            self.streams(&captured)
        } else {
            vec![Stream::Bytes(&input.bytes)]
        };
        if streams.is_empty() {
            return Err(Failure::Usage("no bytes of any conversation".to_owned()));
        }
        let trials = Trial::all(&streams, options);
        if self.json || options.format == Layout::Json {
            print::json(&trials, out)?;
        } else {
            print::table(&trials, out)?;
        }
        let fits = trials.first().is_some_and(Trial::fits);
        Ok(if fits { Exit::Fine } else { Exit::Faulty })
    }

    /// What was said, as much as is enough to judge by.
    fn streams<'a>(&self, captured: &'a capture::Capture) -> Vec<Stream<'a>> {
        let mut streams = Vec::new();
        let mut bytes = 0;
        for conversation in &captured.conversations {
            let ports = [conversation.client.port(), conversation.server.port()];
            if self.port.is_some_and(|port| !ports.contains(&port)) {
                continue;
            }
            for segment in &conversation.segments {
                bytes += segment.bytes().len();
                if bytes > JUDGED_MAX && !streams.is_empty() {
                    return streams;
                }
                streams.push(Stream::Segment {
                    segment,
                    opened: conversation.opened,
                });
            }
        }
        streams
    }
}

/// Input is read whole.
const INPUT_MAX: u64 = 512 << 20;

/// Bytes of a capture that are tried.
const JUDGED_MAX: usize = 256 << 10;
