//! What the demo prints: who asked whom for what, what came back, and whether that is right.

use std::io::Write;
use std::time::Duration;

use iso8583::element::{Amount, Currency, ResponseCode};

/// Prints, and counts what did not come out as it must.
#[derive(Debug)]
pub(crate) struct Transcript {
    color: bool,
    steps: u32,
    failures: u32,
}

/// A request and its answer, as the one who asked saw them.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    /// Who stands between, the one who asks first.
    pub(crate) parties: &'a [&'a str],
    /// MTI of the request and of its answer.
    pub(crate) mti: (&'a str, &'a str),
    /// What for.
    pub(crate) what: &'a str,
    /// Won; None for inquiries.
    pub(crate) amount: Option<u64>,
    /// The card number, masked.
    pub(crate) card: &'a str,
    /// DE 39; None where no answer came.
    pub(crate) code: Option<ResponseCode>,
    /// What else the answer says.
    pub(crate) note: String,
    /// From request to answer.
    pub(crate) latency: Duration,
    /// The code it must be.
    pub(crate) expected: ResponseCode,
}

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const CYAN: &str = "36";

impl Transcript {
    pub(crate) const fn new(color: bool) -> Self {
        Self {
            color,
            steps: 0,
            failures: 0,
        }
    }

    /// Things that did not come out as they must.
    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }

    pub(crate) fn line(&self, text: &str) {
        // A reader that is gone (a closed pipe) is no reason to stop serving.
        let _ = writeln!(std::io::stdout(), "{text}");
    }

    pub(crate) fn title(&self, text: &str) {
        self.line(&self.paint(BOLD, text));
    }

    /// A new chapter of the script.
    pub(crate) fn step(&mut self, text: &str) {
        self.steps += 1;
        self.line(&format!(
            "\n{}",
            self.paint(BOLD, &format!("{:>2}  {text}", self.steps))
        ));
    }

    /// Something done over HTTP, as plain words.
    pub(crate) fn office(&self, text: &str) {
        self.line(&format!("    {} {text}", self.paint(DIM, "office ")));
    }

    pub(crate) fn exchange(&mut self, exchange: &Exchange<'_>) {
        let (right, left) = (exchange.parties.join(" → "), exchange.parties.join(" ← "));
        let amount = exchange.amount.map(won).unwrap_or_default();
        let (request, answer) = exchange.mti;
        self.line(&format!(
            "    {} {:<32} {amount:>13}  {}",
            self.paint(CYAN, request),
            right,
            self.paint(DIM, &format!("{}  {}", exchange.card, exchange.what)),
        ));
        let as_it_must = exchange.code == Some(exchange.expected);
        let (code, color) = match exchange.code {
            Some(code) if code.approves() => (format!("{code} {}", code.words()), GREEN),
            Some(code) => (format!("{code} {}", code.words()), YELLOW),
            None => ("no answer".to_owned(), RED),
        };
        self.line(&format!(
            "    {} {:<32} {:>10} ms  {} {}",
            self.paint(CYAN, answer),
            left,
            millis(exchange.latency),
            self.paint(color, &code),
            self.paint(DIM, &exchange.note),
        ));
        if !as_it_must {
            let expected = exchange.expected;
            self.check(
                false,
                &format!("the answer must be {expected} {}", expected.words()),
            );
        }
    }

    /// Something that must hold, said either way.
    pub(crate) fn check(&mut self, holds: bool, text: &str) {
        if holds {
            self.line(&format!("    {} {text}", self.paint(GREEN, "✓")));
        } else {
            self.failures += 1;
            self.line(&format!("    {} {text}", self.paint(RED, "✗ not so:")));
        }
    }

    fn paint(&self, color: &str, text: &str) -> String {
        if self.color {
            format!("\x1b[{color}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// 15000 → `15,000 KRW`.
pub(crate) fn won(amount: u64) -> String {
    Amount::new(amount, Currency::KRW)
        .map_or_else(|_| format!("{amount} KRW"), |amount| amount.to_string())
}

fn millis(latency: Duration) -> String {
    let micros = latency.as_micros();
    format!("{}.{:02}", micros / 1_000, micros % 1_000 / 10)
}
