//! What was found, for people and for programs.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use iso8583::{Dialect, Undecodable};
use serde_json::{Value, json};

use super::found::{Content, Found, Place};
use crate::capture::{Conversation, Direction, End, How};
use crate::cli::Options;
use crate::hexdump::{Hexdump, ROW};
use crate::message::{self, Secrets, Suspect};
use crate::shown::{Shown, hex};

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
        if let Some(header) = found.header {
            put("header", header.kind().name().into());
            put("header_bytes", hex(header.as_bytes()).into());
        }
        match &found.content {
            Content::Message(dialect, message) => {
                put("dialect", dialect.name().into());
                put("mti", message.mti().to_string().into());
                put("fields", Shown::new(dialect, message, options.clear).json());
            }
            Content::Faulty(dialect, undecodable, suspect) => {
                put("dialect", dialect.name().into());
                put("error", undecodable.error.to_string().into());
                put("offset", json!(undecodable.error.offset));
                if let Some(suspect) = suspect {
                    put(
                        "suspect",
                        json!({"de": suspect.de, "offset": suspect.at, "reason": suspect.reason}),
                    );
                }
                if let Some(message) = &undecodable.partial {
                    put("mti", message.mti().to_string().into());
                    let secrets = Secrets::of(found.bytes, dialect, undecodable, suspect.as_ref());
                    let shown = Shown::new(dialect, message, options.clear);
                    put("fields", shown.hiding(&secrets.fields).json());
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

fn length(found: &Found<'_>) -> String {
    let bytes = found.bytes.len();
    let header = found
        .header
        .map(|header| format!("  {} {}", header.kind(), hex(header.as_bytes())));
    let dialect = match found.content {
        Content::Message(dialect, _) | Content::Faulty(dialect, ..) => dialect.name(),
        Content::Skipped(_) => "skipped",
    };
    format!("{bytes} bytes  {dialect}{}", header.unwrap_or_default())
}

fn content(
    found: &Found<'_>,
    indent: &str,
    options: &Options,
    out: &mut impl Write,
) -> io::Result<()> {
    match &found.content {
        Content::Message(dialect, message) => {
            Shown::new(dialect, message, options.clear).write(indent, out)
        }
        Content::Faulty(dialect, undecodable, suspect) => {
            let fault = (&**undecodable, suspect.as_ref());
            faulty(found.bytes, dialect, fault, (indent, options), out)
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

/// What was read, the fault, and the rows around it, without what may not be seen.
fn faulty(
    bytes: &[u8],
    dialect: &Dialect,
    (fault, suspect): (&Undecodable, Option<&Suspect>),
    (indent, options): (&str, &Options),
    out: &mut impl Write,
) -> io::Result<()> {
    let mut secrets = Secrets::of(bytes, dialect, fault, suspect);
    if options.clear {
        secrets.bytes.clear();
    }
    if let Some(message) = &fault.partial {
        let shown = Shown::new(dialect, message, options.clear);
        shown.hiding(&secrets.fields).write(indent, out)?;
    }
    let text = fault.error.to_string();
    writeln!(out, "{indent}{FAULT}{text}{FAULT:#}")?;
    let at = message::byte_at_fault(bytes, dialect, &fault.error);
    Hexdump::new(bytes, &secrets.bytes)
        .mark(at..at + 1, &text)
        .around(1)
        .write(out)?;
    let Some(Suspect {
        de,
        at: start,
        reason,
    }) = suspect
    else {
        return Ok(());
    };
    let name = dialect.field(*de).map_or("unknown", |field| field.name());
    writeln!(out, "{indent}probably DE {de}, {name}: {reason}")?;
    if start / ROW + 1 < at / ROW {
        // It is not among the rows around the fault.
        let text = format!("DE {de}");
        Hexdump::new(bytes, &secrets.bytes)
            .mark(*start..start + 1, &text)
            .around(0)
            .write(out)?;
    }
    Ok(())
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

/// Of bytes that are no frame, one row says enough.
const SKIPPED_SHOWN: usize = 16;

const HEAD: Style = Style::new().bold();
const FAULT: Style = AnsiColor::Red.on_default();
