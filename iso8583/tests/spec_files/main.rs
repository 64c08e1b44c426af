//! Dialects as files: what is read, what is refused, and what comes back as it was written.

#![cfg(feature = "spec-files")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test kit: a broken spec file stops the test"
)]

mod own_form;
mod packagers_of_jpos;
mod presence_rules;
mod specs_of_moov;

use iso8583::spec::{Class, Encoding, Field, Length};
use iso8583::{Dialect, spec_file};

fn assert_same(left: &Dialect, right: &Dialect) {
    assert_eq!(left.name(), right.name());
    assert_eq!(left.title(), right.title());
    assert_eq!(left.framing(), right.framing());
    assert_eq!(left.lead(), right.lead());
    assert_eq!(left.mti(), right.mti());
    assert_eq!(left.bitmap(), right.bitmap());
    assert_eq!(left.rules(), right.rules());
    let (left, right): (Vec<_>, Vec<_>) = (left.fields().collect(), right.fields().collect());
    assert_eq!(left, right);
}

fn text(name: &'static str, length: u16) -> Field {
    Field::new(name, Class::Ans, Encoding::Ascii, Length::Fixed(length)).unwrap()
}

fn faults(text: &str) -> Vec<String> {
    let error = spec_file::read("x", text).expect_err("the file is wrong");
    error.faults().iter().map(ToString::to_string).collect()
}
