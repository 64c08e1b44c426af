//! `i8583`: borrows, ASCII only, the bitmap always hex; it checks lengths and no character.

use std::borrow::Cow;
use std::hint::black_box;
use std::mem::take;

use anyhow::{Error, ensure};
use i8583::data::Spec;
use i8583::{Packer, Unpacker};

use super::{Operation, Task, kept};
use crate::purchase::{self, Elements, Form};

type Table = [Option<Spec>; 129];

/// Its own tables: 1987 has DE 52 in 8 bytes, that of NIBSS in 16 hex digits.
static OF_1987: &Table = &i8583::v1987::SPEC;
static OF_NIBSS: &Table = &i8583::nibss::SPEC;

/// All but BCD and DE 55's tags. It has one way to read: `Decode` is no stricter than `Scan`.
pub(crate) fn task(operation: Operation, form: Form) -> anyhow::Result<Option<Task>> {
    let (spec, wire) = match form {
        Form::Ascii => (OF_1987, purchase::ascii(purchase::BITMAP_HEX)),
        Form::Hex => (OF_NIBSS, purchase::ascii_hex(b"218")),
        Form::Bcd => return Ok(None),
    };
    let wire = kept(wire.into_boxed_slice());
    Ok(Some(match operation {
        Operation::Decode => Task::new(elements(spec, wire)?, move || {
            let mut unpacker = Unpacker::new(black_box(wire));
            black_box(&unpacker.unpack(spec));
        }),
        Operation::Scan => scan(spec, wire)?,
        Operation::Encode => encode(spec, wire)?,
        Operation::Build => build(spec, wire)?,
        Operation::Respond => respond(spec, wire)?,
        Operation::Relay => relay(spec, wire)?,
        Operation::Walk => return Ok(None),
    }))
}

/// The elements of an unpacked message, without MTI and bitmap.
fn present<'a>(unpacked: &[Option<&'a [u8]>]) -> impl Iterator<Item = (usize, &'a [u8])> {
    let all = unpacked.iter().enumerate().skip(2);
    all.filter_map(|(de, value)| Some((de, (*value)?)))
}

fn at<'a>(unpacked: &[Option<&'a [u8]>], de: u8) -> Option<&'a [u8]> {
    unpacked.get(usize::from(de)).copied().flatten()
}

fn elements(spec: &Table, wire: &[u8]) -> anyhow::Result<Elements> {
    let mut unpacker = Unpacker::new(wire);
    let unpacked = unpacker.unpack(spec).map_err(Error::msg)?;
    let fields = present(unpacked).filter_map(|(de, value)| Some((u8::try_from(de).ok()?, value)));
    let mti = at(unpacked, 0).unwrap_or_default();
    Ok(purchase::listed_hex(mti, fields))
}

fn scan(spec: &'static Table, wire: &'static [u8]) -> anyhow::Result<Task> {
    let mut unpacker = Unpacker::new(wire);
    let unpacked = unpacker.unpack(spec).map_err(Error::msg)?;
    let values = purchase::ROUTING.map(|de| at(unpacked, de).unwrap_or_default());
    let outcome = purchase::listed(b"", purchase::ROUTING.into_iter().zip(values));
    Ok(Task::new(outcome, move || {
        let mut unpacker = Unpacker::new(black_box(wire));
        if let Ok(unpacked) = unpacker.unpack(spec) {
            black_box(&purchase::ROUTING.map(|de| at(unpacked, de).unwrap_or_default()));
        }
    }))
}

fn encode(spec: &'static Table, wire: &'static [u8]) -> anyhow::Result<Task> {
    let mut packer = Packer::new(spec);
    fill(&mut packer, &values(spec, wire)?).map_err(Error::msg)?;
    let mut out = packer.pack(Vec::with_capacity(1_024)).map_err(Error::msg)?;
    ensure!(out == wire, "i8583 writes other bytes than it is to read");
    Ok(Task::new(elements(spec, &out)?, move || {
        black_box(&pack(black_box(&packer), &mut out));
        black_box(&out);
    }))
}

fn build(spec: &'static Table, wire: &'static [u8]) -> anyhow::Result<Task> {
    let values = values(spec, wire)?;
    let mut out = Vec::with_capacity(1_024);
    let make = move |out: &mut Vec<u8>| {
        let mut packer = Packer::new(spec);
        fill(&mut packer, black_box(&values))?;
        pack(&packer, out)
    };
    make(&mut out).map_err(Error::msg)?;
    Ok(Task::new(elements(spec, &out)?, move || {
        black_box(&make(&mut out));
    }))
}

/// MTI and elements as the packer numbers them.
fn values(spec: &Table, wire: &'static [u8]) -> anyhow::Result<Vec<(usize, &'static [u8])>> {
    let mut unpacker = Unpacker::new(wire);
    let unpacked = unpacker.unpack(spec).map_err(Error::msg)?;
    let mti = (0, at(unpacked, 0).unwrap_or_default());
    Ok([mti].into_iter().chain(present(unpacked)).collect())
}

fn fill<'a>(packer: &mut Packer<'a>, values: &[(usize, &'a [u8])]) -> Result<(), String> {
    for (de, value) in values {
        packer.set_field(*de, Cow::Borrowed(value))?;
    }
    Ok(())
}

/// Into the same buffer again.
fn pack(packer: &Packer<'_>, out: &mut Vec<u8>) -> Result<(), String> {
    let mut buffer = take(out);
    buffer.clear();
    *out = packer.pack(buffer)?;
    Ok(())
}

fn respond(spec: &'static Table, wire: &'static [u8]) -> anyhow::Result<Task> {
    let unpacker = kept_mut(Unpacker::new(wire));
    let request = unpacker.unpack(spec).map_err(Error::msg)?;
    let mut out = Vec::with_capacity(1_024);
    answer(spec, request, &mut out).map_err(Error::msg)?;
    Ok(Task::new(elements(spec, &out)?, move || {
        black_box(&answer(spec, black_box(request), &mut out));
    }))
}

fn kept_mut<T>(value: T) -> &'static mut T {
    Box::leak(Box::new(value))
}

fn answer(spec: &Table, request: &[Option<&[u8]>], out: &mut Vec<u8>) -> Result<(), String> {
    let mut packer = Packer::new(spec);
    packer.set_field(0, Cow::Borrowed(&purchase::ANSWER))?;
    for de in purchase::REPEATED {
        if let Some(value) = at(request, de) {
            packer.set_field(usize::from(de), Cow::Borrowed(value))?;
        }
    }
    packer.set_field(39, Cow::Borrowed(purchase::APPROVED))?;
    pack(&packer, out)
}

fn relay(spec: &'static Table, wire: &'static [u8]) -> anyhow::Result<Task> {
    let mut out = Vec::with_capacity(1_024);
    pass_on(spec, wire, &mut out).map_err(Error::msg)?;
    Ok(Task::new(elements(spec, &out)?, move || {
        black_box(&pass_on(spec, black_box(wire), &mut out));
    }))
}

fn pass_on(spec: &Table, wire: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    let mut unpacker = Unpacker::new(wire);
    let unpacked = unpacker.unpack(spec)?;
    let mut packer = Packer::new(spec);
    packer.set_field(0, Cow::Borrowed(at(unpacked, 0).unwrap_or_default()))?;
    for (de, value) in present(unpacked) {
        packer.set_field(de, Cow::Borrowed(value))?;
    }
    for (de, value) in black_box(&purchase::CHANGES) {
        packer.set_field(usize::from(*de), Cow::Borrowed(value))?;
    }
    pack(&packer, out)
}
