//! What was found, for people and for programs.

use core::slice;
use std::borrow::Cow;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use iso8583::Message;
use serde_json::{Value, json};

use super::found::{Content, Found, Place};
use crate::capture::{Conversation, Direction, End, How};
use crate::cli::Options;
use crate::hexdump::Hexdump;

/// By time: a line of where and when, and what it says below.
pub(super) fn table(
    found: &[Found<'_>],
    conversations: &[&Conversation],
    options: &Options,
    out: &mut impl Write,
) -> io::Result<()> {
    for (number, found) in (1..).zip(found) {
        if number > 1 {
            writeln!(out)?;
        }
        write!(out, "{HEAD}{number}")?;
        if let Place::Said {
            conversation,
            direction,
            time,
        } = found.place
        {
            if let Some(time) = time {
                write!(out, "  {time}")?;
            }
            if let Some(conversation) = conversations.get(conversation) {
                let (from, to) = conversation.ends(direction);
                write!(out, "  {from} > {to}")?;
            }
        }
        writeln!(out, "  {}{HEAD:#}", length(found))?;
        content(found, "", options, out)?;
    }
    Ok(())
}

/// By conversation, requests and answers in their order.
pub(super) fn tree(
    found: &[Found<'_>],
    conversations: &[&Conversation],
    options: &Options,
    out: &mut impl Write,
) -> io::Result<()> {
    let alone = found.iter().filter(|found| found.conversation().is_none());
    branch(alone, options, out)?;
    for (index, conversation) in conversations.iter().enumerate() {
        let (client, server) = (conversation.client, conversation.server);
        writeln!(
            out,
            "{HEAD}{client} > {server}{HEAD:#}{}",
            ending(conversation)
        )?;
        let said = found.iter().filter(|it| it.conversation() == Some(index));
        branch(said, options, out)?;
    }
    Ok(())
}

fn branch<'a>(
    found: impl Iterator<Item = &'a Found<'a>>,
    options: &Options,
    out: &mut impl Write,
) -> io::Result<()> {
    for found in found {
        let arrow = match found.place {
            Place::Said {
                direction: Direction::ToClient,
                ..
            } => '<',
            Place::Said { .. } | Place::Alone => '>',
        };
        write!(out, "  {arrow} ")?;
        if let Some(time) = found.time() {
            write!(out, "{time}  ")?;
        }
        writeln!(out, "{}", length(found))?;
        content(found, "    ", options, out)?;
    }
    Ok(())
}

/// An object a line.
pub(super) fn json(
    found: &[Found<'_>],
    conversations: &[&Conversation],
    options: &Options,
    out: &mut impl Write,
) -> io::Result<()> {
    for (number, found) in (1_u64..).zip(found) {
        let mut object = serde_json::Map::new();
        let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
        put("number", number.into());
        if let Place::Said {
            conversation,
            direction,
            time,
        } = found.place
        {
            put("time", json!(time.map(|time| time.to_string())));
            put("conversation", json!(conversation + 1));
            if let Some(conversation) = conversations.get(conversation) {
                let (from, to) = conversation.ends(direction);
                put("from", from.to_string().into());
                put("to", to.to_string().into());
            }
        }
        put("length", json!(found.bytes.len()));
        if let Some(tpdu) = found.tpdu {
            put("tpdu", hex(tpdu.as_bytes()).into());
        }
        match &found.content {
            Content::Message(dialect, message) => {
                put("dialect", dialect.name().into());
                put("mti", message.mti().to_string().into());
                put("message", lines(message, options).into());
            }
            Content::Faulty(dialect, undecodable) => {
                put("dialect", dialect.name().into());
                put("error", undecodable.error.to_string().into());
                put("offset", json!(undecodable.error.offset));
                if let Some(message) = &undecodable.partial {
                    put("mti", message.mti().to_string().into());
                    put("message", lines(message, options).into());
                }
            }
            Content::Skipped(reason) => {
                put("skipped", reason.to_string().into());
            }
        }
        writeln!(out, "{}", Value::Object(object))?;
    }
    Ok(())
}

fn lines(message: &Message, options: &Options) -> Vec<String> {
    let text = describe(message, options);
    text.lines().map(|line| line.trim().to_owned()).collect()
}

fn length(found: &Found<'_>) -> String {
    let bytes = found.bytes.len();
    let tpdu = found
        .tpdu
        .map(|tpdu| format!("  TPDU {}", hex(tpdu.as_bytes())));
    let dialect = match found.content {
        Content::Message(dialect, _) | Content::Faulty(dialect, _) => dialect.name(),
        Content::Skipped(_) => "skipped",
    };
    format!("{bytes} bytes  {dialect}{}", tpdu.unwrap_or_default())
}

fn content(
    found: &Found<'_>,
    indent: &str,
    options: &Options,
    out: &mut impl Write,
) -> io::Result<()> {
    match &found.content {
        Content::Message(_, message) => described(message, indent, options, out),
        Content::Faulty(_, undecodable) => {
            if let Some(message) = &undecodable.partial {
                described(message, indent, options, out)?;
            }
            let error = &undecodable.error;
            let text = error.to_string();
            writeln!(out, "{indent}{FAULT}{text}{FAULT:#}")?;
            dump(found.bytes, (error.offset, &text), options, out)
        }
        Content::Skipped(reason) => {
            writeln!(out, "{indent}{FAULT}{reason}{FAULT:#}")?;
            if options.clear {
                let start = found.bytes.get(..SKIPPED_SHOWN).unwrap_or(found.bytes);
                Hexdump::new(start, &[]).write(out)?;
            }
            Ok(())
        }
    }
}

fn described(
    message: &Message,
    indent: &str,
    options: &Options,
    out: &mut impl Write,
) -> io::Result<()> {
    for line in describe(message, options).lines() {
        writeln!(out, "{indent}{line}")?;
    }
    Ok(())
}

/// The message, masked unless the user wants it in clear.
fn describe(message: &Message, options: &Options) -> String {
    if !options.clear {
        return message.describe().to_string();
    }
    let fields = message.fields().map(|(de, value)| {
        let printable = value.iter().all(|byte| matches!(byte, 0x20..0x7F));
        let value = if printable {
            String::from_utf8_lossy(value)
        } else {
            Cow::Owned(hex(value))
        };
        format!("\n  DE {de:<3} {value}")
    });
    let fields: String = fields.collect();
    format!("{}{fields}", message.mti())
}

/// The rows around a fault. Where fields lie is not known for sure where one is faulty: all is
/// masked but MTI and bitmap, and these too where they were not read.
fn dump(
    bytes: &[u8],
    (at, note): (usize, &str),
    options: &Options,
    out: &mut impl Write,
) -> io::Result<()> {
    let hidden = if options.clear {
        0..0
    } else if at < SHOWN {
        0..usize::MAX
    } else {
        SHOWN..usize::MAX
    };
    Hexdump::new(bytes, slice::from_ref(&hidden))
        .mark(at..at + 1, note)
        .around(1)
        .write(out)
}

fn ending(conversation: &Conversation) -> String {
    let Some(End {
        direction,
        how,
        time,
    }) = conversation.end
    else {
        return String::new();
    };
    let who = match direction {
        Direction::ToServer => "client",
        Direction::ToClient => "server",
    };
    match how {
        How::Closed => format!("  closed by the {who} {time}"),
        How::Reset => format!("  reset by the {who} {time}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Two bytes of MTI and eight of bitmap, in the tightest dialect.
const SHOWN: usize = 10;

/// Of bytes that are no frame, one row says enough.
const SKIPPED_SHOWN: usize = 16;

const HEAD: Style = Style::new().bold();
const FAULT: Style = AnsiColor::Red.on_default();
