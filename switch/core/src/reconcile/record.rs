//! Totals in the journal: steps as they happen, and all of it at a checkpoint.
//!
//! ```text
//! step        10 | 1 counted, 2 reversed, 3 taken out | key | told | remaining u64, of 2 alone
//! page        11 | acquirer [11] | date | currency [3] | 13 u64: DE 74 and 86, 75 and 87, 76 and
//!                  88, 77 and 89, 78 to 81, and how many were missed
//! remembered  12 | key | told
//! date        13 | 1 something of it had no page, 2 dropped and all before it, 3 dropped as one
//!                  too far ahead | date
//! key         acquirer [11] | digest [16] of the duplicate key
//! told        date | currency [3] | counter u8 | minor units u64
//! date        year i16 | month u8 | day u8
//! ```

use jiff::civil::Date;

use super::book::{Book, Key, Step, Told, Whole};
use super::page::{Acquirer, PageId};
use super::totals::{Counter, Sum, Totals};
use crate::record::Bytes;

pub(crate) const STEP: u8 = 10;
pub(crate) const PAGE: u8 = 11;
pub(crate) const REMEMBERED: u8 = 12;
pub(crate) const DATE: u8 = 13;

const COUNTED: u8 = 1;
const REVERSED: u8 = 2;
const TAKEN_OUT: u8 = 3;

const NOT_WHOLE: u8 = 1;
const DROPPED: u8 = 2;
const DROPPED_AHEAD: u8 = 3;

impl Step {
    /// Adds its record.
    pub(crate) fn write(&self, to: &mut Bytes) {
        to.push(STEP);
        match self {
            Self::Counted(key, told) => {
                to.push(COUNTED);
                key.write(to);
                told.write(to);
            }
            Self::Reversed {
                original,
                reversal,
                remaining,
            } => {
                to.push(REVERSED);
                original.write(to);
                reversal.write(to);
                to.extend_from_slice(&remaining.to_le_bytes());
            }
            Self::TakenOut(key, told) => {
                to.push(TAKEN_OUT);
                key.write(to);
                told.write(to);
            }
        }
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let kind = take::<1>(from)?;
        let key = Key::read(from)?;
        let told = Told::read(from)?;
        match kind {
            [COUNTED] => Some(Self::Counted(key, told)),
            [REVERSED] => Some(Self::Reversed {
                original: key,
                reversal: told,
                remaining: number(from)?,
            }),
            [TAKEN_OUT] => Some(Self::TakenOut(key, told)),
            _ => None,
        }
    }
}

impl Book {
    /// Adds records of all of it.
    pub(crate) fn write(&self, to: &mut Bytes) {
        self.write_dates(to);
        for (page, totals) in self.pages() {
            to.push(PAGE);
            to.extend_from_slice(&page.acquirer.0);
            write_date(page.date, to);
            to.extend_from_slice(&page.currency);
            for number in numbers(&totals) {
                to.extend_from_slice(&number.to_le_bytes());
            }
        }
        for key in &self.order {
            if let Some(told) = self.told.get(key) {
                to.push(REMEMBERED);
                key.write(to);
                told.write(to);
            }
        }
    }

    /// Those that are whole are known by their pages.
    fn write_dates(&self, to: &mut Bytes) {
        let not_whole = self.dates.iter().filter(|(_, whole)| **whole == Whole::No);
        let dates = not_whole
            .map(|(date, _)| (NOT_WHOLE, *date))
            .chain(self.dropped.map(|date| (DROPPED, date)))
            .chain(self.dropped_ahead.iter().map(|date| (DROPPED_AHEAD, *date)));
        for (what, date) in dates {
            to.extend_from_slice(&[DATE, what]);
            write_date(date, to);
        }
    }

    fn read_of_date(&mut self, from: &mut &[u8]) -> Option<()> {
        let what = take::<1>(from)?;
        let date = read_date(from)?;
        match what {
            [NOT_WHOLE] => {
                self.dates.insert(date, Whole::No);
            }
            [DROPPED] => self.dropped = self.dropped.max(Some(date)),
            [DROPPED_AHEAD] => {
                self.dropped_ahead.insert(date);
            }
            _ => return None,
        }
        Some(())
    }

    /// Takes what a record of this kind says; what stands behind it. None where it is no record.
    pub(crate) fn read<'a>(&mut self, kind: u8, mut from: &'a [u8]) -> Option<&'a [u8]> {
        let rest = &mut from;
        match kind {
            STEP => {
                let step = Step::read(rest)?;
                self.take(&step);
            }
            PAGE => {
                let page = PageId {
                    acquirer: Acquirer(take(rest)?),
                    date: read_date(rest)?,
                    currency: take(rest)?,
                };
                let totals = read_totals(rest)?;
                self.restore(page, totals);
            }
            REMEMBERED => {
                let (key, told) = (Key::read(rest)?, Told::read(rest)?);
                self.remember(key, told);
            }
            DATE => self.read_of_date(rest)?,
            _ => return None,
        }
        Some(from)
    }
}

impl Key {
    fn write(&self, to: &mut Bytes) {
        to.extend_from_slice(&self.acquirer.0);
        to.extend_from_slice(&self.digest);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Some(Self {
            acquirer: Acquirer(take(from)?),
            digest: take(from)?,
        })
    }
}

impl Told {
    fn write(&self, to: &mut Bytes) {
        write_date(self.date, to);
        to.extend_from_slice(&self.currency);
        to.push(match self.counter {
            Counter::Nothing => 0,
            Counter::Debits => 1,
            Counter::Credits => 2,
            Counter::Transfers => 3,
            Counter::Inquiries => 4,
            Counter::Authorizations => 5,
        });
        to.extend_from_slice(&self.standing.to_le_bytes());
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Some(Self {
            date: read_date(from)?,
            currency: take(from)?,
            counter: match take::<1>(from)? {
                [0] => Counter::Nothing,
                [1] => Counter::Debits,
                [2] => Counter::Credits,
                [3] => Counter::Transfers,
                [4] => Counter::Inquiries,
                [5] => Counter::Authorizations,
                _ => return None,
            },
            standing: number(from)?,
        })
    }
}

const fn numbers(totals: &Totals) -> [u64; 13] {
    [
        totals.credits.number,
        totals.credits.amount,
        totals.credit_reversals.number,
        totals.credit_reversals.amount,
        totals.debits.number,
        totals.debits.amount,
        totals.debit_reversals.number,
        totals.debit_reversals.amount,
        totals.transfers,
        totals.transfer_reversals,
        totals.inquiries,
        totals.authorizations,
        totals.missed,
    ]
}

fn read_totals(from: &mut &[u8]) -> Option<Totals> {
    Some(Totals {
        credits: read_sum(from)?,
        credit_reversals: read_sum(from)?,
        debits: read_sum(from)?,
        debit_reversals: read_sum(from)?,
        transfers: number(from)?,
        transfer_reversals: number(from)?,
        inquiries: number(from)?,
        authorizations: number(from)?,
        missed: number(from)?,
    })
}

fn read_sum(from: &mut &[u8]) -> Option<Sum> {
    Some(Sum {
        number: number(from)?,
        amount: number(from)?,
    })
}

fn write_date(date: Date, to: &mut Bytes) {
    to.extend_from_slice(&date.year().to_le_bytes());
    to.push(date.month().unsigned_abs());
    to.push(date.day().unsigned_abs());
}

fn read_date(from: &mut &[u8]) -> Option<Date> {
    let year = i16::from_le_bytes(take(from)?);
    let [month, day] = take(from)?;
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn number(from: &mut &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(take(from)?))
}

fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(*taken)
}
