//! A 0500 or 0520 of an acquirer, and what is answered.

use std::time::Instant;

use iso8583::Message;
use iso8583::element::ResponseCode;
use iso8583::session::Now;

use super::day::{nearest, today};
use super::page::PageId;
use super::totals::{Position, Sum, Totals};
use crate::inbound::{Admission, Inbound};
use crate::refusal::Refusal;
use crate::request::{Answer, ConnectionId};

/// An acquirer's totals, to be held against the switch's.
#[derive(Debug)]
pub struct Reconciliation {
    message: Message,
    connection: ConnectionId,
    admitted: Instant,
    page: PageId,
    theirs: Totals,
    /// DE 97, in favour of the acquirer.
    net: i64,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balanced {
    /// DE 66 is 1, DE 39 is 00.
    Yes,
    /// DE 66 is 2, DE 39 is 95.
    No,
    /// The switch's own totals are not whole: DE 66 is 9, DE 39 is 95.
    NotDone,
}

/// What must be there (`domain.md` §2.4) besides the totals. DE 32 may be the listener's.
const MANDATORY: [u8; 4] = [7, 11, 15, 50];
/// DE 48 of an answer that is not in balance: tag 17 of our own layout, the acquirer's totals as
/// it sent them, DE 74 to 81, 86 to 89 and 97 one behind the other. [P]
const TAG_OF_THEIRS: &str = "17";

impl Inbound {
    /// Admits a message of class 5.
    pub(crate) fn reconcile(
        &self,
        now: Now,
        connection: ConnectionId,
        message: Message,
    ) -> Admission {
        let admitted = now.instant;
        match self.read(now, &message) {
            Ok((page, theirs, net)) => Admission::Reconciliation(Box::new(Reconciliation {
                message,
                connection,
                admitted,
                page,
                theirs,
                net,
            })),
            Err(refusal) => {
                Admission::Refused(refusal, refuse(&message, connection, admitted, refusal))
            }
        }
    }

    fn read(&self, now: Now, message: &Message) -> Result<(PageId, Totals, i64), Refusal> {
        // Origins 0 and 1: those of issuers (2, 3) are not answered here.
        if !matches!(message.mti().as_bytes(), [b'0', _, _, b'0' | b'1']) {
            return Err(Refusal::UnsupportedMessage);
        }
        let acquirer = message.field(32).unwrap_or(&self.default_acquirer);
        if !self.acquirers.is_empty() && !self.acquirers.contains(acquirer) {
            return Err(Refusal::AcquirerNotAllowed);
        }
        if let Some(missing) = MANDATORY.into_iter().find(|de| !message.has(*de)) {
            return Err(Refusal::Format(missing));
        }
        let currency = message.field(50).unwrap_or_default();
        let date = message
            .field(15)
            .and_then(|digits| nearest(digits, today(now, self.business_offset)))
            .ok_or(Refusal::Format(15))?;
        let page = PageId::new(acquirer, date, currency).ok_or(Refusal::Format(50))?;
        let (theirs, net) = theirs(message)?;
        Ok((page, theirs, net))
    }
}

impl Reconciliation {
    /// Whose totals are meant, of which day and in which currency.
    #[must_use]
    pub const fn page(&self) -> PageId {
        self.page
    }

    /// What the acquirer has counted.
    #[must_use]
    pub const fn theirs(&self) -> Totals {
        self.theirs
    }

    /// Where the answer goes.
    #[must_use]
    pub const fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// An answer without a comparison.
    #[must_use]
    pub fn refuse(&self, refusal: Refusal) -> Answer {
        refuse(&self.message, self.connection, self.admitted, refusal)
    }

    /// Compares what the acquirer has with what all of the switch's machines have: 00, or 95 with
    /// both totals, ours in DE 74 to 81, 86 to 89 and 97, and theirs in DE 48.
    #[must_use]
    pub fn answer(&self, ours: &Position) -> (Balanced, Answer) {
        let (balanced, code, settlement) = if ours.incomplete {
            (Balanced::NotDone, ResponseCode::RECONCILE_ERROR, b"9")
        } else if self.agrees(&ours.totals) {
            (Balanced::Yes, ResponseCode::APPROVED, b"1")
        } else {
            (Balanced::No, ResponseCode::RECONCILE_ERROR, b"2")
        };
        // Reconciliations are answerable; the fallback is never met.
        let answer = self.message.response(code);
        let mut message = answer.unwrap_or_else(|| Message::new(self.message.mti()));
        message.set(66, settlement);
        if balanced != Balanced::Yes {
            let theirs = self.as_sent();
            let theirs = format!("{TAG_OF_THEIRS}{:03}{theirs}", theirs.len());
            message.set(48, theirs.as_bytes());
            tell(&mut message, &ours.totals);
        }
        let answer = Answer {
            connection: self.connection,
            admitted: self.admitted,
            message,
            undo: None,
        };
        (balanced, answer)
    }

    /// Inquiries are not compared: one whose answer is lost leaves no trace with its acquirer.
    fn agrees(&self, ours: &Totals) -> bool {
        let ours_but_inquiries = Totals {
            inquiries: self.theirs.inquiries,
            ..*ours
        };
        self.theirs == ours_but_inquiries && ours.net() == Some(self.net)
    }

    /// Absent elements as zeros.
    fn as_sent(&self) -> String {
        let mut theirs = Message::new(self.message.mti());
        tell(&mut theirs, &self.theirs);
        theirs.set(97, &net(self.net));
        let values = theirs
            .fields()
            .filter_map(|(_, value)| core::str::from_utf8(value).ok());
        values.collect()
    }
}

fn refuse(
    message: &Message,
    connection: ConnectionId,
    admitted: Instant,
    refusal: Refusal,
) -> Answer {
    let answer = if let Refusal::Format(de) = refusal {
        message.format_error(Some(de))
    } else {
        message.response(refusal.response_code())
    };
    Answer {
        connection,
        admitted,
        message: answer.unwrap_or_else(|| Message::new(message.mti())),
        undo: None,
    }
}

/// The totals in a message, and DE 97; the first element that is missing or wrong. DE 78 and 79
/// may be left out by who makes no transfers.
fn theirs(message: &Message) -> Result<(Totals, i64), Refusal> {
    let number = |de| match message.field(de) {
        Some(digits) => digits_of(digits).ok_or(Refusal::Format(de)),
        None if matches!(de, 78 | 79) => Ok(0),
        None => Err(Refusal::Format(de)),
    };
    let sum = |count, amount| {
        Ok(Sum {
            number: number(count)?,
            amount: number(amount)?,
        })
    };
    let totals = Totals {
        credits: sum(74, 86)?,
        credit_reversals: sum(75, 87)?,
        debits: sum(76, 88)?,
        debit_reversals: sum(77, 89)?,
        transfers: number(78)?,
        transfer_reversals: number(79)?,
        inquiries: number(80)?,
        authorizations: number(81)?,
        missed: 0,
    };
    let net = match message.field(97).and_then(<[u8]>::split_first) {
        Some((b'C', digits)) => digits_of(digits),
        Some((b'D', digits)) => digits_of(digits).and_then(i64::checked_neg),
        Some(_) | None => None,
    };
    Ok((totals, net.ok_or(Refusal::Format(97))?))
}

fn digits_of<N: core::str::FromStr>(digits: &[u8]) -> Option<N> {
    let all_digits = digits.iter().all(u8::is_ascii_digit);
    let text = core::str::from_utf8(digits).ok().filter(|_| all_digits)?;
    text.parse().ok()
}

/// Sets DE 74 to 81, 86 to 89 and 97; the last not where it cannot be said.
fn tell(message: &mut Message, totals: &Totals) {
    for (de, number) in [
        (74, totals.credits.number),
        (75, totals.credit_reversals.number),
        (76, totals.debits.number),
        (77, totals.debit_reversals.number),
        (78, totals.transfers),
        (79, totals.transfer_reversals),
        (80, totals.inquiries),
        (81, totals.authorizations),
    ] {
        message.set(de, format!("{number:010}").as_bytes());
    }
    for (de, amount) in [
        (86, totals.credits.amount),
        (87, totals.credit_reversals.amount),
        (88, totals.debits.amount),
        (89, totals.debit_reversals.amount),
    ] {
        message.set(de, format!("{amount:016}").as_bytes());
    }
    if let Some(due) = totals.net() {
        message.set(97, &net(due));
    }
}

/// DE 97: C is due to the acquirer, D from it.
fn net(due: i64) -> Vec<u8> {
    let sign = if due < 0 { 'D' } else { 'C' };
    format!("{sign}{:016}", due.unsigned_abs()).into_bytes()
}
