//! What an acquirer asks for, parsed once: after this nobody looks into a message again.

use iso8583::element::{Currency, ProcessingCode};

use crate::answer::ApprovalCode;
use crate::card::{Expiry, PanKey, Pvv};
use crate::money::Minor;
use crate::trace::{Acquirer, Class, Forwarder, Hasher, Key, Trace};

/// One request or advice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// How the acquirer names it.
    pub trace: Trace,
    /// DE 33: who sent it on to us.
    pub forwarder: Forwarder,
    /// Last digit of its MTI. No part of what it is remembered by.
    pub attempt: Attempt,
    /// What it is remembered by.
    pub keys: Keys,
    /// The card it names.
    pub card: CardNumber,
    /// DE 3.
    pub processing_code: ProcessingCode,
    /// DE 4.
    pub amount: Option<Minor>,
    /// DE 49.
    pub currency: Option<Currency>,
    /// DE 14 and the date on track 2, where they are given.
    pub expiries: [Option<Expiry>; 2],
    /// Was the card itself there?
    pub presence: Presence,
    /// DE 52, after the security module has looked at it.
    pub password: Password,
    /// DE 15.
    pub settlement_date: Option<[u8; 4]>,
    /// What is to be done.
    pub operation: Operation,
}

/// Whether an acquirer says that it sends something again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// For the first time; or again, by one that does not say so.
    First,
    /// Again.
    Repeat,
}

/// The values a request is remembered by, computed away from the ledger thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys {
    /// [`Trace::key`].
    pub key: Key,
    /// [`Trace::second_key`].
    pub second: Option<Key>,
    /// Its content, by which a repeat is told from another request under the same key.
    pub fingerprint: Fingerprint,
}

impl Keys {
    /// The keys of a request with this content.
    #[must_use]
    pub fn new(
        trace: &Trace,
        card: CardNumber,
        processing_code: ProcessingCode,
        amount: Option<Minor>,
        currency: Option<Currency>,
        operation: &Operation,
    ) -> Self {
        let content = Fingerprint::new(card, processing_code, amount, currency);
        Self {
            key: trace.key(),
            second: trace.second_key(),
            fingerprint: content.of_operation(operation),
        }
    }
}

/// `(card, DE 3, DE 4, DE 49)`, and of a reversal DE 90 and 95, hashed (`domain.md` §2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub Key);

impl Fingerprint {
    /// The fingerprint of a request's content.
    #[must_use]
    pub fn new(
        card: CardNumber,
        processing_code: ProcessingCode,
        amount: Option<Minor>,
        currency: Option<Currency>,
    ) -> Self {
        let hasher = Hasher::new("fingerprint");
        let hasher = match card {
            CardNumber::Found(key) | CardNumber::WrongCheckDigit(key) => hasher.text(&key.0),
            CardNumber::Absent => hasher.text(&[]),
        };
        let amount = amount.map(|amount| amount.units().to_le_bytes());
        let currency = currency.as_ref().map_or(&[][..], |code| code.as_bytes());
        Self(
            hasher
                .text(processing_code.as_bytes())
                .text(amount.as_ref().map_or(&[], |bytes| bytes.as_slice()))
                .text(currency)
                .finish(),
        )
    }
}

impl Request {
    /// The switch that says of itself, by DE 33 and DE 90, that it forwarded the original and now
    /// wants it undone. `None` of a reversal that is its acquirer's own, whoever forwarded it: an
    /// acquirer does not know by which switches its requests go, so DE 90 names none of them.
    #[must_use]
    pub fn reversing_switch(&self) -> Option<Forwarder> {
        let Operation::Reversal {
            original: Some(Reference { forwarder, .. }),
            ..
        } = self.operation
        else {
            return None;
        };
        forwarder.filter(|named| *named == self.forwarder)
    }
}

impl Fingerprint {
    /// With what a reversal undoes, DE 90 and 95: one of a part and one of the rest may come under
    /// the same key, and are not the same.
    fn of_operation(self, operation: &Operation) -> Self {
        let Operation::Reversal {
            original,
            remaining,
            insistence: _,
        } = operation
        else {
            return self;
        };
        let hasher = Hasher::new("reversal content").text(&self.0.0);
        let hasher = match original {
            Some(reference) => hasher
                .text(&[reference.class.digit()])
                .number(reference.stan.into())
                .maybe(reference.transmitted)
                .number(reference.acquirer.unwrap_or_default().0),
            None => hasher.text(&[]),
        };
        Self(hasher.text(&remaining.units().to_le_bytes()).finish())
    }
}

/// The card a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardNumber {
    /// By a number that can be one.
    Found(PanKey),
    /// By a number whose last digit is not its check digit: no card has it.
    WrongCheckDigit(PanKey),
    /// Not at all: a reversal that leaves the card to its original.
    Absent,
}

/// Was the card at the terminal, as far as the message says (DE 22, 35, 45, 55)?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Its stripe or chip was read: the card password is required.
    Present,
    /// Its number was typed or came from a shop on the net: the password may be given.
    NotPresent,
}

/// The card password of a request, as the security module found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Password {
    /// No DE 52.
    NotGiven,
    /// DE 52 holds no password under the zone key and this card: not a try (63).
    Unreadable,
    /// DE 52 holds a password that has not the digits of ours: a try, and a wrong one.
    OtherLength,
    /// The verification value of the password given.
    Given(Pvv),
}

/// What a request is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// 0200 00: post at once.
    Purchase,
    /// 0200 01 or 09: not offered on these cards.
    Cash,
    /// 0200 20: credit.
    Refund,
    /// 0100 00: hold.
    PreAuthorization,
    /// 0100 or 0200 3x: tell the balances.
    Inquiry,
    /// 0220 00: the final amount of a pre-authorization, or a purchase made off line.
    DebitAdvice {
        /// DE 90.
        original: Option<Reference>,
        /// DE 38: the pre-authorization's approval code.
        approval: Option<ApprovalCode>,
    },
    /// 0220 20: a refund made off line.
    CreditAdvice,
    /// 0400, 0420: undo.
    Reversal {
        /// DE 90.
        original: Option<Reference>,
        /// First part of DE 95: what is to stand; zero undoes all.
        remaining: Minor,
        /// May it be refused?
        insistence: Insistence,
    },
}

/// Whether a reversal asks or tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insistence {
    /// 0400: asks, and may be declined.
    Request,
    /// 0420: tells, and may not.
    Advice,
}

/// DE 90: which transaction is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Class digit of its MTI: authorization or financial.
    pub class: Class,
    /// Its DE 11.
    pub stan: u32,
    /// Its DE 7.
    pub transmitted: Option<u32>,
    /// Its DE 32, where DE 90 gives one.
    pub acquirer: Option<Acquirer>,
    /// Its DE 33, where DE 90 gives one.
    pub forwarder: Option<Forwarder>,
}

impl Reference {
    /// The original's own trace, as far as a message that refers to it can rebuild it: DE 32, 41,
    /// 42, 12, 13 and 37 are those of the original (`domain.md` §2.2).
    #[must_use]
    pub fn original(&self, referring: &Trace) -> Trace {
        Trace {
            acquirer: self.acquirer.unwrap_or(referring.acquirer),
            class: self.class,
            stan: self.stan,
            transmitted: self.transmitted,
            ..*referring
        }
    }
}

/// The traces that a reversal's original may have: the one DE 90 names; without DE 90 those under
/// its own DE 11, first of class 2, then of class 1.
#[must_use]
pub fn possible_originals(referring: &Trace, original: Option<&Reference>) -> Vec<Trace> {
    match original {
        Some(reference) => vec![reference.original(referring)],
        None => [Class::Financial, Class::Authorization]
            .map(|class| Trace {
                class,
                ..*referring
            })
            .to_vec(),
    }
}
