//! What an approval counts as: the rules that the module's documentation states.

use iso8583::element::{MinorUnits, ResponseCode};
use iso8583::session::Now;
use iso8583::{Class, Message};
use jiff::civil::Date;

use super::book::{Book, Key, Step, Told};
use super::day::{days_between, nearest, today};
use super::totals::Counter;
use crate::request::{Request, duplicate_key};

impl Book {
    /// Was its acquirer told that this is approved, and stands it?
    pub(crate) fn stands(&self, request: &Request) -> bool {
        let acquirer = request.message.field(32);
        let key = acquirer.and_then(|acquirer| Key::new(acquirer, &request.key));
        let told = key.and_then(|key| self.told(&key).copied());
        told.is_some_and(|told| told.counter != Counter::Nothing)
    }

    /// What becomes of the totals where the issuer approves a request; None where nothing does.
    pub(crate) fn approved(&self, now: Now, request: &Request, issuers: &Message) -> Option<Step> {
        let message = request.message();
        if message.mti().class() == Class::Reversal {
            return self.reversed(now, request, issuers);
        }
        let key = Key::new(message.field(32)?, &request.key)?;
        let counter = counter(message, message.mti().class_digit());
        if counter == Counter::Nothing || self.told(&key).is_some() {
            return None;
        }
        let standing = amount(issuers, 4)
            .or_else(|| amount(message, 4))
            .unwrap_or(0);
        let told = self.tell(now, message, issuers, counter, standing)?;
        Some(Step::Counted(key, told))
    }

    /// The same of a reversal.
    fn reversed(&self, now: Now, request: &Request, issuers: &Message) -> Option<Step> {
        let message = request.message();
        let acquirer = message.field(32)?;
        let keys = request.originals().into_iter().flatten();
        let mut keys = keys.filter_map(|key| Key::new(acquirer, &key)).peekable();
        let named = *keys.peek()?;
        let known = keys.find_map(|key| Some((key, *self.told(&key)?)));
        let remaining = remaining(message);
        let whole = remaining == 0;
        match known {
            Some((_, told)) if told.counter == Counter::Nothing => None,
            Some((key, told)) if whole && was_not_told(message) => Some(Step::TakenOut(key, told)),
            Some((original, told)) => {
                let undone = told.standing.checked_sub(remaining)?;
                if undone == 0 && !whole {
                    return None;
                }
                let reversal = self.tell(now, message, issuers, told.counter, undone)?;
                Some(Step::Reversed {
                    original,
                    reversal,
                    remaining,
                })
            }
            None if self.has_forgotten() && !(whole && was_not_told(message)) => {
                let class = class_of_original(message);
                let undone = amount(message, 4)?.checked_sub(remaining)?;
                let counter = counter(message, class);
                let reversal = self.tell(now, message, issuers, counter, undone)?;
                Some(Step::Reversed {
                    original: named,
                    reversal,
                    remaining,
                })
            }
            // It was never approved: should its answer still come, it was told too late.
            None => {
                let told = self.tell(now, message, issuers, Counter::Nothing, 0)?;
                Some(Step::TakenOut(named, told))
            }
        }
    }

    /// What becomes of the totals where the switch itself reverses a request.
    pub(crate) fn given_up(&self, original: &Message) -> Option<Step> {
        let key = Key::new(original.field(32)?, &duplicate_key(original))?;
        let told = self.told(&key)?;
        (told.counter != Counter::Nothing).then_some(Step::TakenOut(key, *told))
    }

    fn tell(
        &self,
        now: Now,
        message: &Message,
        issuers: &Message,
        counter: Counter,
        standing: u64,
    ) -> Option<Told> {
        Some(Told {
            date: self.date(now, message, issuers),
            currency: *message.field(49)?.as_array()?,
            counter,
            standing,
        })
    }

    /// The date its acquirer reads in DE 15 of the answer. An issuer's that is older than what is
    /// kept, or later than tomorrow, is none.
    fn date(&self, now: Now, message: &Message, issuers: &Message) -> Date {
        let today = today(now, self.settings.offset);
        let read = |message: &Message| nearest(message.field(15)?, today);
        let oldest = 1 - i64::from(self.settings.days);
        let theirs =
            read(issuers).filter(|date| (oldest..=1).contains(&days_between(today, *date)));
        theirs.or_else(|| read(message)).unwrap_or(today)
    }
}

/// By its class and the first digit of DE 3.
fn counter(message: &Message, class_digit: u8) -> Counter {
    let kind = message.field(3).and_then(<[u8]>::first);
    match (class_digit, kind) {
        (b'1' | b'2', Some(b'3')) => Counter::Inquiries,
        (b'1', _) => Counter::Authorizations,
        (b'2', Some(b'0' | b'1')) => Counter::Debits,
        (b'2', Some(b'2')) => Counter::Credits,
        (b'2', Some(b'4')) => Counter::Transfers,
        _ => Counter::Nothing,
    }
}

/// Minor units of twelve digits.
fn amount(message: &Message, de: u8) -> Option<u64> {
    let digits = message.field(de)?.get(..12)?;
    MinorUnits::try_from(digits).ok().map(MinorUnits::number)
}

/// What a reversal leaves: DE 95, or nothing.
fn remaining(reversal: &Message) -> u64 {
    amount(reversal, 95).unwrap_or(0)
}

/// Does an acquirer reverse what it had no answer to?
fn was_not_told(reversal: &Message) -> bool {
    reversal.field(39) == Some(ResponseCode::RESPONSE_TOO_LATE.as_bytes()) && !reversal.has(38)
}

/// Digit 2 of the MTI in DE 90; that of money where there is none.
fn class_of_original(reversal: &Message) -> u8 {
    let mti = reversal.field(90).and_then(|original| original.get(1));
    mti.copied().unwrap_or(b'2')
}
