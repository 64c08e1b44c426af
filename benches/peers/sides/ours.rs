//! Ours, through `benches::ours`.

use std::hint::black_box;

use anyhow::ensure;
use benches::ours;
use iso8583::Dialect;

use super::{Operation, Task, kept};
use crate::purchase::{self, Elements, Form};

/// All operations, in all forms.
pub(crate) fn task(operation: Operation, form: Form) -> anyhow::Result<Task> {
    let (dialect, wire) = dialect_and_wire(form);
    let dialect = ours::opaque(dialect)?;
    let wire = kept(wire.into_boxed_slice());
    Ok(match operation {
        Operation::Decode => Task::new(elements(dialect, wire)?, move || {
            black_box(&ours::read(dialect, black_box(wire)));
        }),
        Operation::Scan => scan(dialect, wire)?,
        Operation::Encode | Operation::Build => write(operation, dialect, wire)?,
        Operation::Respond => respond(dialect, wire)?,
        Operation::Relay => relay(dialect, wire)?,
        Operation::Walk => walk()?,
    })
}

fn dialect_and_wire(form: Form) -> (&'static Dialect, Vec<u8>) {
    match form {
        Form::Ascii => (
            Dialect::iso87_ascii_binmap(),
            purchase::ascii(&purchase::BITMAP),
        ),
        Form::Hex => (Dialect::iso87_ascii(), purchase::ascii_hex(b"109")),
        Form::Bcd => (Dialect::iso87_bcd(), purchase::bcd_padded_left()),
    }
}

fn elements(dialect: &Dialect, wire: &[u8]) -> anyhow::Result<Elements> {
    let message = ours::decode(dialect, wire)?;
    let mti = message.mti();
    Ok(purchase::listed(mti.as_bytes(), ours::elements(&message)))
}

fn scan(dialect: &'static Dialect, wire: &'static [u8]) -> anyhow::Result<Task> {
    let mut outcome = Elements::new();
    ours::scan(dialect, wire, purchase::ROUTING, |values| {
        outcome = purchase::listed(b"", purchase::ROUTING.into_iter().zip(values));
    })?;
    Ok(Task::new(outcome, move || {
        let shown = ours::scan(dialect, black_box(wire), purchase::ROUTING, |values| {
            black_box(&values);
        });
        black_box(&shown);
    }))
}

fn write(operation: Operation, dialect: &'static Dialect, wire: &[u8]) -> anyhow::Result<Task> {
    let message = ours::build(&purchase::ELEMENTS);
    let mut out = BUFFER;
    let len = ours::encode(dialect, &message, &mut out)?;
    ensure!(
        out.get(..len) == Some(wire),
        "ours writes other bytes than it is to read"
    );
    let outcome = elements(dialect, wire)?;
    Ok(if operation == Operation::Encode {
        Task::new(outcome, move || {
            black_box(&ours::encode(dialect, black_box(&message), &mut out));
            black_box(&out);
        })
    } else {
        Task::new(outcome, move || {
            let message = ours::build(black_box(&purchase::ELEMENTS));
            black_box(&ours::encode(dialect, &message, &mut out));
            black_box(&out);
        })
    })
}

fn respond(dialect: &'static Dialect, wire: &'static [u8]) -> anyhow::Result<Task> {
    let request = dialect.index(wire)?;
    let mut out = BUFFER;
    let len = ours::respond(&request, &mut out)?;
    let outcome = elements(dialect, out.get(..len).unwrap_or_default())?;
    Ok(Task::new(outcome, move || {
        black_box(&ours::respond(black_box(&request), &mut out));
        black_box(&out);
    }))
}

fn relay(dialect: &'static Dialect, wire: &'static [u8]) -> anyhow::Result<Task> {
    let mut out = BUFFER;
    let len = ours::relay(dialect, wire, &purchase::CHANGES, &mut out)?;
    let outcome = elements(dialect, out.get(..len).unwrap_or_default())?;
    Ok(Task::new(outcome, move || {
        let changes = black_box(&purchase::CHANGES);
        black_box(&ours::relay(dialect, black_box(wire), changes, &mut out));
        black_box(&out);
    }))
}

const BUFFER: ours::Buffer = [0; 512];

fn walk() -> anyhow::Result<Task> {
    let mut outcome = Elements::new();
    ours::walk(&purchase::ICC, |tag, value| {
        let tag = u16::from_str_radix(&tag.to_string(), 16).unwrap_or(0);
        outcome.push((tag, value.to_vec()));
    })?;
    // What the read of the message itself takes counts as well.
    let wire = kept(ours::icc_alone(&purchase::ICC).into_boxed_slice());
    ours::read_icc(wire)?;
    Ok(Task::new(outcome, move || {
        black_box(&ours::read_icc(black_box(wire)));
    }))
}
