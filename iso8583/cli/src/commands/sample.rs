//! `iso8583 sample`: messages to try things with.

use std::io::Write;

use bytes::BytesMut;
use iso8583::element::ResponseCode;
use iso8583::frame::Framing;
use iso8583::{Dialect, Message, Mti, words};
use serde_json::{Map, Value};

use crate::cli::{Exit, Failure, Layout, Options};
use crate::message::{self, Notation, Unwritable, test_pan};
use crate::shown::Shown;

/// Print valid messages of test cards, to try things with.
///
/// Without --mti, one of each type. They are of ISO 8583:1987, in iso87-ascii unless --spec says
/// otherwise; with --format json they are fields that iso8583 build takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only of this type
    #[arg(long)]
    mti: Option<Mti>,
    /// How the messages are written
    #[arg(long = "as", value_enum, value_name = "NOTATION", default_value_t = Notation::Hex)]
    notation: Notation,
}

impl Args {
    pub(crate) fn run(
        &self,
        options: &Options,
        out: &mut impl Write,
        _: &mut impl Write,
    ) -> Result<Exit, Failure> {
        let dialect = options.spec.unwrap_or_else(Dialect::iso87_ascii);
        let mut samples = samples();
        if let Some(mti) = self.mti {
            let known: Vec<String> = samples.iter().map(|it| it.mti().to_string()).collect();
            samples.retain(|sample| sample.mti() == mti);
            if samples.is_empty() {
                let known = known.join(", ");
                return Err(Failure::Usage(format!(
                    "no sample of {mti}: there is {known}"
                )));
            }
        }
        let alone = samples.len() == 1;
        for sample in &samples {
            let wire = encoded(sample, dialect, options.frame)?;
            if options.format == Layout::Json {
                writeln!(out, "{}", fields(dialect, sample))?;
                continue;
            }
            if !alone && self.notation == Notation::Hex {
                let (mti, says) = (sample.mti(), words::message_type(sample.mti()));
                writeln!(out, "# {mti} {says}")?;
            }
            message::write(&wire, self.notation, out)?;
        }
        Ok(Exit::Fine)
    }
}

/// In a dialect whose elements are those of 1987. Later editions have other ones: DE 12 with a
/// date, DE 39 of three digits.
fn encoded(
    sample: &Message,
    dialect: &Dialect,
    framing: Option<Framing>,
) -> Result<BytesMut, Failure> {
    message::encoded(sample, dialect, framing, None).map_err(|error| match error {
        Unwritable::Message(error) => Failure::Usage(format!(
            "no sample in {}: samples are of ISO 8583:1987, and there is {error}",
            dialect.name()
        )),
        frame @ Unwritable::Frame(_) => frame.into(),
    })
}

fn fields(dialect: &Dialect, sample: &Message) -> Value {
    // A test card is no secret.
    let shown = Shown::new(dialect, sample, true);
    let mut object = Map::new();
    object.insert("mti".to_owned(), sample.mti().to_string().into());
    for de in sample.present().iter() {
        object.insert(de.to_string(), shown.value(de).into());
    }
    Value::Object(object)
}

/// Requests, and what answers them.
fn samples() -> Vec<Message> {
    let mut samples = Vec::new();
    for request in [
        purchase(Mti::AUTHORIZATION_REQUEST),
        purchase(Mti::FINANCIAL_REQUEST),
        advice(),
        reversal(Mti::REVERSAL_REQUEST),
        reversal(Mti::REVERSAL_ADVICE),
        echo(),
    ] {
        let answer = answer(&request);
        samples.push(request);
        samples.extend(answer);
    }
    samples
}

fn answer(request: &Message) -> Option<Message> {
    let mut answer = request.response(ResponseCode::APPROVED)?;
    if matches!(&request.mti().to_string()[..], "0100" | "0200") {
        answer.set(38, b"123456");
    }
    Some(answer)
}

/// Keyed, without a PIN.
fn purchase(mti: Mti) -> Message {
    let mut message = Message::new(mti);
    message
        .set(2, test_pan(16, 1).as_bytes())
        .set(3, b"000000")
        .set(4, b"000000015000")
        .set(7, b"0315023015")
        .set(11, b"000123")
        .set(12, b"113015")
        .set(13, b"0315")
        .set(14, b"3012")
        .set(18, b"5945")
        .set(22, b"012")
        .set(25, b"00")
        .set(32, b"450001")
        .set(37, b"607411000123")
        .set(41, b"TERM0001")
        .set(42, b"MERCHANT0000001")
        .set(43, b"TOYLAND ONLINE         SEOUL         KOR")
        .set(49, b"410");
    message
}

/// Done offline, approved by voice.
fn advice() -> Message {
    let mut message = purchase(Mti::FINANCIAL_ADVICE);
    message
        .set(11, b"000124")
        .set(38, b"123456")
        .set(60, b"OFFLINE");
    message
}

/// Of the purchase, whose answer came too late.
fn reversal(mti: Mti) -> Message {
    let mut message = purchase(mti);
    message
        .set(11, b"000125")
        .set(39, b"68")
        .set(90, b"020000012303150230150000045000100000000000");
    message
}

fn echo() -> Message {
    let mut message = Message::new(Mti::NETWORK_REQUEST);
    message
        .set(7, b"0315023000")
        .set(11, b"000001")
        .set(70, b"301");
    message
}

#[cfg(test)]
mod tests {
    use iso8583::rules::Rules;

    use super::*;
    use crate::message::doubts;

    fn of_1987() -> impl Iterator<Item = &'static Dialect> {
        let all = Dialect::built_in().iter().copied();
        all.filter(|dialect| dialect.title().contains("ISO 8583:1987"))
    }

    #[test]
    fn samples_are_without_fault_in_every_dialect_of_1987() {
        assert!(of_1987().any(|dialect| dialect.name() == "iso87-ascii"));
        for sample in samples() {
            assert_eq!(Rules::iso87().check(&sample), [], "{}", sample.mti());
            assert_eq!(doubts(&sample), [], "{}", sample.mti());
            for dialect in of_1987() {
                let wire = encoded(&sample, dialect, None).unwrap();
                assert_eq!(dialect.decode(&wire).unwrap(), sample, "{}", dialect.name());
            }
        }
    }

    #[test]
    fn a_dialect_of_another_edition_has_no_samples_and_says_why() {
        let sale = purchase(Mti::FINANCIAL_REQUEST);
        let said = |dialect| encoded(&sale, dialect, None).unwrap_err().to_string();
        for dialect in [Dialect::iso93_bcd(), Dialect::iso2003_ascii()] {
            let said = said(dialect);
            let start = format!(
                "no sample in {}: samples are of ISO 8583:1987",
                dialect.name()
            );
            assert!(said.starts_with(&start), "{said}");
            assert!(said.contains("DE "), "{said}");
        }
    }
}
