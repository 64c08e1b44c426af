//! What is compared with what, and what we aim at.

use std::fmt;

use anyhow::{Context, ensure};

use crate::purchase::{self, Elements, Form};
use crate::sides::{Operation, Task, i8583, iso_8583_rs, iso8583_codec, ours};

/// What ours is to reach.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// Of the other's time, in hundredths.
    Hundredths(u64),
    /// Nanoseconds.
    Nanos(u64),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hundredths(hundredths) => {
                write!(f, "<= {}.{:02}", hundredths / 100, hundredths % 100)
            }
            Self::Nanos(nanos) => write!(f, "<= {nanos} ns"),
        }
    }
}

/// An operation of ours, and others doing the same.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) operation: Operation,
    pub(crate) form: Form,
    pub(crate) ours: Task,
    pub(crate) others: Vec<Other>,
    /// Where nobody else does it.
    pub(crate) alone: Option<Target>,
}

/// Somebody doing the same.
#[derive(Debug)]
pub(crate) struct Other {
    pub(crate) name: &'static str,
    pub(crate) task: Task,
    pub(crate) target: Option<Target>,
}

impl Comparison {
    /// Ours first, then the others.
    pub(crate) fn tasks(&mut self) -> impl Iterator<Item = &mut Task> {
        let others = self.others.iter_mut().map(|other| &mut other.task);
        [&mut self.ours].into_iter().chain(others)
    }
}

/// All comparisons, every outcome checked: no codec is timed that does something else.
pub(crate) fn all() -> anyhow::Result<Vec<Comparison>> {
    use Operation::{Build, Decode, Encode, Relay, Respond, Scan};
    let mut all = Vec::new();
    for operation in [Decode, Scan, Encode, Build, Respond, Relay] {
        all.push(comparison(operation, Form::Ascii)?);
    }
    // Where the binary elements being hex makes a difference of its own.
    for operation in [Decode, Scan, Encode, Relay] {
        all.push(comparison(operation, Form::Hex)?);
    }
    all.push(in_bcd()?);
    all.push(Comparison {
        alone: Some(Target::Nanos(100)),
        ..comparison(Operation::Walk, Form::Ascii)?
    });
    Ok(all)
}

fn comparison(operation: Operation, form: Form) -> anyhow::Result<Comparison> {
    let target = match operation {
        Operation::Decode => Some(Target::Hundredths(70)),
        Operation::Scan => Some(Target::Hundredths(50)),
        Operation::Encode => Some(Target::Hundredths(90)),
        Operation::Build | Operation::Respond | Operation::Relay | Operation::Walk => None,
    };
    let ours = ours::task(operation, form)?;
    check("ours", operation, form, &ours)?;
    let mut others = Vec::new();
    for (name, task, target) in [
        ("iso_8583_rs", iso_8583_rs::task(operation, form)?, target),
        ("iso8583-codec", iso8583_codec::task(operation, form)?, None),
        ("i8583", i8583::task(operation, form)?, None),
    ] {
        if let Some(task) = task {
            check(name, operation, form, &task)?;
            others.push(Other { name, task, target });
        }
    }
    Ok(Comparison {
        operation,
        form,
        ours,
        others,
        alone: None,
    })
}

/// One of them reads BCD; beside it stands our own ASCII.
fn in_bcd() -> anyhow::Result<Comparison> {
    let mut comparison = comparison(Operation::Decode, Form::Bcd)?;
    comparison.others.push(Other {
        name: "ours, ASCII",
        task: ours::task(Operation::Decode, Form::Ascii)?,
        target: Some(Target::Hundredths(130)),
    });
    Ok(comparison)
}

fn check(name: &str, operation: Operation, form: Form, task: &Task) -> anyhow::Result<()> {
    let expected = expected(operation);
    let at = || format!("{name}: {}, {}", operation.name(), form.name());
    ensure!(task.outcome.len() == expected.len(), at());
    let pairs = task.outcome.iter().zip(&expected);
    let differing = pairs.filter(|(found, expected)| found != expected);
    let places: Vec<String> = differing.map(|((de, _), _)| de.to_string()).collect();
    ensure!(
        places.is_empty(),
        "{}: another DE {}",
        at(),
        places.join(", ")
    );
    Ok(())
}

fn expected(operation: Operation) -> Elements {
    let request = &purchase::REQUEST;
    match operation {
        Operation::Decode | Operation::Encode | Operation::Build => {
            purchase::listed(request, purchase::ELEMENTS)
        }
        Operation::Scan => {
            purchase::listed(b"", purchase::ROUTING.map(|de| (de, purchase::value(de))))
        }
        Operation::Relay => {
            let all = purchase::ELEMENTS.map(|(de, _)| (de, purchase::relayed(de)));
            purchase::listed(request, all)
        }
        Operation::Respond => {
            let repeated = purchase::REPEATED.map(|de| (de, purchase::value(de)));
            let mut answer = purchase::listed(&purchase::ANSWER, repeated);
            answer.push((39, purchase::APPROVED.to_vec()));
            answer.sort();
            answer
        }
        Operation::Walk => tags(),
    }
}

/// The tags of DE 55, by hand.
fn tags() -> Elements {
    use hex_literal::hex;
    [
        (0x9F26, &hex!("C53F1A22B0794D16")[..]),
        (0x9F27, &hex!("80")),
        (0x9F10, &hex!("06010A03A0B800")),
        (0x9F37, &hex!("8E3D51F7")),
        (0x9F36, &hex!("01A4")),
        (0x95, &hex!("0280008000")),
        (0x9A, &hex!("261125")),
        (0x9C, &hex!("00")),
        (0x9F02, &hex!("000000015000")),
        (0x5F2A, &hex!("0410")),
        (0x82, &hex!("3900")),
        (0x9F1A, &hex!("0410")),
        (0x9F03, &hex!("000000000000")),
        (0x9F33, &hex!("E0F8C8")),
        (0x9F34, &hex!("020300")),
        (0x9F35, &hex!("22")),
        (0x84, &hex!("A0000000031010")),
    ]
    .into_iter()
    .map(|(tag, value)| (tag, value.to_vec()))
    .collect()
}

/// The task of a place, counted over all comparisons.
pub(crate) fn nth(place: usize) -> anyhow::Result<Task> {
    all()?
        .into_iter()
        .flat_map(|comparison| {
            let others = comparison.others.into_iter().map(|other| other.task);
            [comparison.ours].into_iter().chain(others)
        })
        .nth(place)
        .with_context(|| format!("there is no task {place}"))
}
