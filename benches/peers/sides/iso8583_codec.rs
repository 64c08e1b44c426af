//! `iso8583-codec`: owns, ASCII and BCD, the bitmap always raw; it reads strictly and no other way.
//!
//! In BCD its MTI and track 2 remain text, and an odd digit is padded on the right.

use std::hint::black_box;

use anyhow::{Context, ensure};
use iso8583_codec::{
    Encoding, Error, FieldKind, FieldSpec, FieldValue, Length, Message, Mti, Prefix, Spec,
};

use super::{Operation, Task, kept};
use crate::purchase::{self, Elements, Form};

/// All but hex and DE 55's tags.
pub(crate) fn task(operation: Operation, form: Form) -> anyhow::Result<Option<Task>> {
    let wire = match form {
        Form::Ascii => purchase::ascii(&purchase::BITMAP),
        Form::Bcd => purchase::bcd_padded_right(),
        Form::Hex => return Ok(None),
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

/// Its own 1987 table with DE 55 binary, as its documentation says for EMV; for BCD with all
/// numbers and lengths packed.
fn spec(form: Form) -> Result<Spec, Error> {
    let own = Spec::iso8583_1987();
    let fields = own.fields().iter().map(|field| {
        let field = if field.number == 55 {
            FieldSpec::binary(55, field.name, Length::lllvar(255))
        } else {
            *field
        };
        if form == Form::Bcd {
            packed(field)
        } else {
            field
        }
    });
    Spec::new("1987", fields.collect())
}

fn packed(field: FieldSpec) -> FieldSpec {
    let length = match field.length {
        Length::Fixed(length) => Length::fixed(length),
        Length::Variable { max, prefix } => Length::variable(max, Prefix::Bcd(prefix.digits())),
    };
    let encoding = match field.kind {
        FieldKind::Numeric => Encoding::Bcd,
        FieldKind::Text | FieldKind::Binary => field.encoding,
    };
    FieldSpec {
        length,
        encoding,
        ..field
    }
}

fn elements(spec: &Spec, wire: &[u8]) -> Result<Elements, Error> {
    let message = Message::parse(spec, wire)?;
    let fields = message.fields().map(|(de, value)| (de, value.as_bytes()));
    Ok(purchase::listed(message.mti().as_bytes(), fields))
}

fn scan(spec: &'static Spec, wire: &'static [u8]) -> anyhow::Result<Task> {
    let message = Message::parse(spec, wire)?;
    let values = purchase::ROUTING.map(|de| bytes(&message, de));
    let outcome = purchase::listed(b"", purchase::ROUTING.into_iter().zip(values));
    Ok(Task::new(outcome, move || {
        if let Ok(message) = Message::parse(black_box(spec), black_box(wire)) {
            black_box(&purchase::ROUTING.map(|de| bytes(&message, de)));
        }
    }))
}

fn bytes(message: &Message, de: u8) -> &[u8] {
    message.field(de).map_or(&[], FieldValue::as_bytes)
}

fn encode(spec: &'static Spec, wire: &'static [u8]) -> anyhow::Result<Task> {
    let message = Message::parse(spec, wire)?;
    let out = message.encode(spec)?;
    ensure!(
        out == wire,
        "iso8583-codec writes other bytes than it is to read"
    );
    Ok(Task::new(elements(spec, &out)?, move || {
        black_box(&black_box(&message).encode(spec));
    }))
}

/// A value as a program has it before it makes a field of it.
#[derive(Clone, Copy)]
enum Given {
    Digits(&'static str),
    Text(&'static str),
    Bytes(&'static [u8]),
}

impl Given {
    fn of(de: u8, value: &'static [u8]) -> anyhow::Result<(u8, Self)> {
        let text = || std::str::from_utf8(value).with_context(|| format!("DE {de} is no text"));
        let given = match de {
            35..=43 => Self::Text(text()?),
            52 | 55 => Self::Bytes(value),
            _ => Self::Digits(text()?),
        };
        Ok((de, given))
    }

    fn field(self) -> Result<FieldValue, Error> {
        match self {
            Self::Digits(value) => FieldValue::digits(value),
            Self::Text(value) => FieldValue::text(value),
            Self::Bytes(value) => Ok(FieldValue::binary(value)),
        }
    }
}

fn all_given(values: &[(u8, &'static [u8])]) -> anyhow::Result<Vec<(u8, Given)>> {
    let values = values.iter();
    values.map(|(de, value)| Given::of(*de, value)).collect()
}

fn build(spec: &'static Spec, wire: &[u8]) -> anyhow::Result<Task> {
    let values = all_given(&purchase::ELEMENTS)?;
    let make = move || {
        let mut message = Message::new(Mti::parse(&purchase::REQUEST)?);
        for (de, value) in black_box(&values) {
            message.set_field(*de, value.field()?)?;
        }
        message.encode(spec)
    };
    let out = make()?;
    ensure!(
        out == wire,
        "iso8583-codec builds other bytes than it is to read"
    );
    Ok(Task::new(elements(spec, &out)?, move || {
        black_box(&make());
    }))
}

fn respond(spec: &'static Spec, wire: &'static [u8]) -> anyhow::Result<Task> {
    let request = Message::parse(spec, wire)?;
    let out = answer(spec, &request)?;
    Ok(Task::new(elements(spec, &out)?, move || {
        black_box(&answer(spec, black_box(&request)));
    }))
}

fn answer(spec: &Spec, request: &Message) -> Result<Vec<u8>, Error> {
    let mut answer = Message::new(Mti::parse(&purchase::ANSWER)?);
    for de in purchase::REPEATED {
        if let Some(value) = request.field(de) {
            answer.set_field(de, value.clone())?;
        }
    }
    answer.set_field(39, FieldValue::text("00")?)?;
    answer.encode(spec)
}

fn relay(spec: &'static Spec, wire: &'static [u8]) -> anyhow::Result<Task> {
    let changes = all_given(&purchase::CHANGES)?;
    let out = pass_on(spec, wire, &changes)?;
    Ok(Task::new(elements(spec, &out)?, move || {
        black_box(&pass_on(spec, black_box(wire), black_box(&changes)));
    }))
}

fn pass_on(spec: &Spec, wire: &[u8], changes: &[(u8, Given)]) -> Result<Vec<u8>, Error> {
    let mut message = Message::parse(spec, wire)?;
    for (de, value) in changes {
        message.set_field(*de, value.field()?)?;
    }
    message.encode(spec)
}
