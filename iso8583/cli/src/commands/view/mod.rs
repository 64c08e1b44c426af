//! `iso8583 view`: the messages of a capture, a dump or an argument.

mod found;
mod print;

use std::io::Write;

use crate::capture::{self, Conversation, Direction, Limits, Lost};
use crate::cli::{Exit, Failure, Layout, Options};
use crate::frames;
use crate::input::{Format, Source};
use found::{Found, Place, finding, is_message};

/// Show the messages of a capture, a dump, or bytes given as they are.
///
/// Hex in any notation, base64, raw bytes, pcap and pcapng are recognised. A capture needs --frame;
/// other input is one message, unless --frame tells how to cut it.
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
}

impl Args {
    pub(crate) fn run(
        &self,
        options: &Options,
        out: &mut impl Write,
        notes: &mut impl Write,
    ) -> Result<Exit, Failure> {
        let input = Source::of(&self.source).read(self.input, INPUT_MAX)?;
        if input.format == Format::Pcap {
            return self.view_capture(&input.bytes, options, out, notes);
        }
        let bytes = &input.bytes[..];
        let mut found = Vec::new();
        match options.frame {
            None => found.push(finding(Place::Alone, None, bytes, options)),
            Some(framing) => {
                for piece in frames::cut_bytes(bytes, &frames::framer(framing)) {
                    found.push(Found::of_piece(Place::Alone, &piece, bytes, options));
                }
            }
        }
        let exit = self.print(&mut found, &[], options, out)?;
        if let Some(hint) = found.iter().find_map(|found| found.hint(options)) {
            writeln!(notes, "note: {hint}")?;
        }
        Ok(exit)
    }

    fn view_capture(
        &self,
        file: &[u8],
        options: &Options,
        out: &mut impl Write,
        notes: &mut impl Write,
    ) -> Result<Exit, Failure> {
        let Some(framing) = options.frame else {
            let hint =
                "a capture needs --frame: iso8583 doctor finds it, iso8583 specs frames lists";
            return Err(Failure::Usage(hint.to_owned()));
        };
        let capture = capture::read(file, &Limits::default())
            .map_err(|error| Failure::Usage(format!("{}: {error}", Source::of(&self.source))))?;
        for notice in &capture.notices {
            writeln!(notes, "note: {notice}")?;
        }
        let wanted = |conversation: &&Conversation| {
            let ports = [conversation.client.port(), conversation.server.port()];
            self.port.is_none_or(|port| ports.contains(&port))
        };
        let conversations: Vec<&Conversation> =
            capture.conversations.iter().filter(wanted).collect();
        let framer = frames::framer(framing);
        let mut found = Vec::new();
        for (index, conversation) in conversations.iter().enumerate() {
            for segment in &conversation.segments {
                let direction = segment.direction();
                if let Some(lost) = segment.lost_before() {
                    note_loss(conversation, direction, lost, notes)?;
                }
                let is_message = |body: &[u8]| is_message(body, options);
                for piece in frames::cut_segment(segment, conversation.opened, &framer, is_message)
                {
                    let time = segment.complete_at(piece.range());
                    let place = Place::Said {
                        conversation: index,
                        direction,
                        time,
                    };
                    found.push(Found::of_piece(place, &piece, segment.bytes(), options));
                }
            }
        }
        // The sort is stable: what came at the same moment stays in the order of its stream.
        match options.format {
            Layout::Table | Layout::Json => found.sort_by_key(Found::time),
            Layout::Tree => found.sort_by_key(|found| (found.conversation(), found.time())),
        }
        if found.is_empty() {
            let packets = capture.packets;
            writeln!(notes, "note: no message in {packets} packets")?;
        }
        self.print(&mut found, &conversations, options, out)
    }

    fn print(
        &self,
        found: &mut [Found<'_>],
        conversations: &[&Conversation],
        options: &Options,
        out: &mut impl Write,
    ) -> Result<Exit, Failure> {
        let faulty = found.iter_mut().filter(|found| found.is_faulty());
        faulty.take(SUSPECTS_MAX).for_each(Found::look_for_suspect);
        match options.format {
            Layout::Table => print::table(found, conversations, options, out)?,
            Layout::Tree => print::tree(found, conversations, options, out)?,
            Layout::Json => print::json(found, conversations, options, out)?,
        }
        let faulty = found.iter().any(Found::is_faulty);
        Ok(if faulty { Exit::Faulty } else { Exit::Fine })
    }
}

fn note_loss(
    conversation: &Conversation,
    direction: Direction,
    lost: Lost,
    notes: &mut impl Write,
) -> Result<(), Failure> {
    let (from, to) = conversation.ends(direction);
    match lost {
        Lost::Bytes(bytes) => writeln!(notes, "note: {from} > {to}: {bytes} bytes not captured")?,
        Lost::Unknown => writeln!(notes, "note: {from} > {to}: bytes not captured")?,
    }
    Ok(())
}

/// Input is read whole.
const INPUT_MAX: u64 = 512 << 20;

/// Messages of which the field that makes them faulty is looked for: that takes a while each.
const SUSPECTS_MAX: usize = 16;
