//! `iso_8583_rs`: borrows, ASCII only, the bitmap always hex; DE 52 and 55 are opaque to it.

use std::collections::HashMap;
use std::hint::black_box;

use anyhow::ensure;
use iso_8583_rs::specfile::{FieldDescription, Spec};
use iso_8583_rs::{Builder, CompiledSpec, Error, Message};

use super::{Operation, Task, kept};
use crate::purchase::{self, Elements, Form};

/// What its own `spec1987.yml` says of the elements, but for DE 52 and 55: content, kind of
/// length, least and greatest length.
const FIELDS: [(i64, &str, &str, usize, usize); 19] = [
    (2, "n", "llvar", 12, 19),
    (3, "n", "fixed", 0, 6),
    (4, "n", "fixed", 0, 12),
    (7, "n", "fixed", 0, 10),
    (11, "n", "fixed", 0, 6),
    (12, "n", "fixed", 0, 6),
    (13, "n", "fixed", 0, 4),
    (14, "n", "fixed", 0, 4),
    (18, "n", "fixed", 0, 4),
    (22, "n", "fixed", 0, 3),
    (25, "n", "fixed", 0, 2),
    (32, "n", "llvar", 0, 11),
    (35, "z", "llvar", 0, 37),
    (37, "an", "fixed", 0, 12),
    (39, "an", "fixed", 0, 2),
    (41, "ans", "fixed", 0, 8),
    (42, "ans", "fixed", 0, 15),
    (43, "ans", "fixed", 0, 40),
    (49, "an", "fixed", 0, 3),
];

/// All but BCD and DE 55's tags.
pub(crate) fn task(operation: Operation, form: Form) -> anyhow::Result<Option<Task>> {
    let wire = match form {
        Form::Ascii => purchase::ascii(purchase::BITMAP_HEX),
        Form::Hex => purchase::ascii_hex(b"218"),
        Form::Bcd => return Ok(None),
    };
    let wire = kept(wire.into_boxed_slice());
    let spec = kept(Box::new(spec(form)?));
    Ok(Some(match operation {
        Operation::Decode => Task::new(elements(spec, wire)?, move || {
            black_box(&Message::parse(black_box(spec), black_box(wire)));
        }),
        Operation::Scan => scan(spec, wire)?,
        Operation::Encode => encode(spec, wire)?,
        Operation::Build => build(spec, wire)?,
        Operation::Respond => respond(spec, wire)?,
        Operation::Relay => relay(spec, wire)?,
        Operation::Walk => return Ok(None),
    }))
}

fn spec(form: Form) -> Result<CompiledSpec, Error> {
    let binary = match form {
        Form::Hex => [(52, "an", "fixed", 0, 16), (55, "an", "lllvar", 0, 510)],
        Form::Ascii | Form::Bcd => [(52, "b", "fixed", 0, 8), (55, "b", "lllvar", 0, 255)],
    };
    let fields = FIELDS.into_iter().chain(binary);
    let described = fields.map(|(de, content, len, min_len, max_len)| {
        let description = FieldDescription {
            content_type: content.to_owned(),
            max_len,
            min_len,
            len_type: len.to_owned(),
            label: String::new(),
        };
        (de, description)
    });
    CompiledSpec::compile(&Spec {
        fields: described.collect::<HashMap<_, _>>(),
    })
}

fn elements(spec: &CompiledSpec, wire: &[u8]) -> anyhow::Result<Elements> {
    let message = Message::parse(spec, wire)?;
    let fields = message
        .fields()
        .filter_map(|(de, value)| Some((u8::try_from(de).ok()?, value)));
    Ok(purchase::listed_hex(&message.mti, fields))
}

fn scan(spec: &'static CompiledSpec, wire: &'static [u8]) -> anyhow::Result<Task> {
    let message = Message::parse_lazy(spec, wire)?;
    let values = purchase::ROUTING.map(|de| message.get(usize::from(de)).unwrap_or_default());
    let outcome = purchase::listed(b"", purchase::ROUTING.into_iter().zip(values));
    Ok(Task::new(outcome, move || {
        // By reference: taking it out would move more than half a kilobyte.
        if let Ok(message) = &Message::parse_lazy(black_box(spec), black_box(wire)) {
            let field = |de| message.get(usize::from(de)).unwrap_or_default();
            black_box(&purchase::ROUTING.map(field));
        }
    }))
}

/// A builder of the purchase.
fn built(spec: &'static CompiledSpec, wire: &'static [u8]) -> Result<Builder<'static>, Error> {
    let mut builder = Builder::new(spec, &purchase::REQUEST)?;
    for (de, value) in Message::parse(spec, wire)?.fields() {
        builder.set(de, value)?;
    }
    Ok(builder)
}

fn encode(spec: &'static CompiledSpec, wire: &'static [u8]) -> anyhow::Result<Task> {
    let builder = built(spec, wire)?;
    let mut out = Vec::with_capacity(1_024);
    builder.pack_into(&mut out);
    ensure!(
        out == wire,
        "iso_8583_rs writes other bytes than it is to read"
    );
    Ok(Task::new(elements(spec, &out)?, move || {
        black_box(&builder).pack_into(&mut out);
        black_box(&out);
    }))
}

fn build(spec: &'static CompiledSpec, wire: &'static [u8]) -> anyhow::Result<Task> {
    let values: Vec<(usize, &[u8])> = Message::parse(spec, wire)?.fields().collect();
    let mut out = Vec::with_capacity(1_024);
    built(spec, wire)?.pack_into(&mut out);
    Ok(Task::new(elements(spec, &out)?, move || {
        let built = Builder::new(black_box(spec), &purchase::REQUEST).and_then(|mut builder| {
            for (de, value) in black_box(&values) {
                builder.set(*de, value)?;
            }
            builder.pack_into(&mut out);
            Ok(())
        });
        black_box(&built);
    }))
}

fn respond(spec: &'static CompiledSpec, wire: &'static [u8]) -> anyhow::Result<Task> {
    let request = Message::parse(spec, wire)?;
    let mut out = Vec::with_capacity(1_024);
    answer(spec, &request, &mut out)?;
    Ok(Task::new(elements(spec, &out)?, move || {
        black_box(&answer(spec, black_box(&request), &mut out));
    }))
}

fn answer(spec: &CompiledSpec, request: &Message<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
    let mut builder = Builder::new(spec, &purchase::ANSWER)?;
    for de in purchase::REPEATED.map(usize::from) {
        if let Some(value) = request.get(de) {
            builder.set(de, value)?;
        }
    }
    builder.set(39, purchase::APPROVED)?;
    builder.pack_into(out);
    Ok(())
}

fn relay(spec: &'static CompiledSpec, wire: &'static [u8]) -> anyhow::Result<Task> {
    let mut out = Vec::with_capacity(1_024);
    pass_on(spec, wire, &mut out)?;
    Ok(Task::new(elements(spec, &out)?, move || {
        black_box(&pass_on(spec, black_box(wire), &mut out));
    }))
}

/// Read lazily: its builder checks every value that it is given.
fn pass_on(spec: &CompiledSpec, wire: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    let message = Message::parse_lazy(spec, wire)?;
    let mut builder = Builder::new(spec, &message.mti)?;
    for (de, value) in message.fields() {
        builder.set(de, value)?;
    }
    for (de, value) in black_box(&purchase::CHANGES) {
        builder.set(usize::from(*de), value)?;
    }
    builder.pack_into(out);
    Ok(())
}
