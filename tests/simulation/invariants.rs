//! What must hold whatever happens: I1 to I6 of the promises, by what leaves the nodes alone.

use std::collections::{BTreeMap, BTreeSet};

use iso8583::Message;
use iso8583::element::passes_luhn;
use issuer_sim::books::Books;
use issuer_sim::record::{Effect, Event, Original, Record};
use issuer_sim::trace::{Key, Text};

use switch_core::{Position, Sum, Totals};

use crate::acquirer::{Kind, Outcome, State};

/// A transaction, by DE 37, which the acquirers never use twice.
type Rrn = Text<12>;

/// What an issuer's records have made of a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Standing {
    /// How often money moved or was held.
    effects: u32,
    debit: i64,
    credit: i64,
    held: i64,
    suspense: i64,
}

impl Standing {
    const fn is_nothing(self) -> bool {
        self.debit == 0 && self.credit == 0 && self.held == 0 && self.suspense == 0
    }

    const fn add(&mut self, effect: Effect, sign: i64) {
        match effect {
            Effect::Nothing => {}
            Effect::Debit { card, suspense } => {
                self.debit += sign * card.units();
                self.suspense += sign * suspense.units();
            }
            Effect::Credit { card, suspense } => {
                self.credit += sign * card.units();
                self.suspense -= sign * suspense.units();
            }
            Effect::Hold { amount } => self.held += sign * amount.units(),
        }
    }
}

/// One issuer's part, as its records say it.
#[derive(Debug, Default)]
struct Account {
    standing: BTreeMap<Rrn, Standing>,
    by_key: BTreeMap<Key, Rrn>,
    /// Transactions of durable records.
    durable: BTreeSet<Rrn>,
    /// A credit was undone: a balance below zero is allowed.
    credit_undone: bool,
}

#[derive(Debug)]
pub(crate) struct Invariants {
    accounts: Vec<Account>,
    /// Approvals that an acquirer has.
    approved: BTreeSet<Rrn>,
    /// Originals of reversals that the switch has sent.
    reversing: BTreeSet<Rrn>,
    broken: Option<String>,
}

impl Invariants {
    pub(crate) fn new(issuers: usize) -> Self {
        Self {
            accounts: (0..issuers).map(|_| Account::default()).collect(),
            approved: BTreeSet::new(),
            reversing: BTreeSet::new(),
            broken: None,
        }
    }

    /// What was broken first.
    pub(crate) const fn broken(&self) -> Option<&String> {
        self.broken.as_ref()
    }

    pub(crate) fn require(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds && self.broken.is_none() {
            self.broken = Some(otherwise());
        }
    }

    /// No clear card number in what a program prints or logs.
    pub(crate) fn check_masked(&mut self, text: &str) {
        let clear = text.match_indices("999999").any(|(at, _)| {
            let digits = text.get(at..at + 16).unwrap_or_default().as_bytes();
            digits.len() == 16 && passes_luhn(digits)
        });
        self.require(!clear, || "a clear card number is printed".to_owned());
    }

    /// An issuer's books have taken a record.
    pub(crate) fn recorded(&mut self, issuer: usize, record: &Record) {
        self.accounts[issuer].take(record);
        if let Event::Decided(decided) = &record.event {
            let rrn = decided.trace.rrn;
            let all = self.accounts.iter();
            let all = all.filter_map(|account| account.standing.get(&rrn));
            let all: Vec<Standing> = all.copied().collect();
            let standing = all.iter().filter(|standing| !standing.is_nothing());
            let once = standing.count() <= 1 && all.iter().all(|standing| standing.effects <= 1);
            self.require(once, || format!("I3: two effects of {rrn:?}: {all:?}"));
        }
    }

    /// An issuer's records up to here are durable.
    pub(crate) fn durable(&mut self, issuer: usize, records: &[Record]) {
        let decided = records.iter().filter_map(decided);
        self.accounts[issuer].durable = decided.collect();
    }

    /// An issuer started with these records.
    pub(crate) fn recovered(&mut self, issuer: usize, records: &[Record], books: &Books) {
        self.accounts[issuer] = Account::default();
        for record in records {
            self.accounts[issuer].take(record);
        }
        self.durable(issuer, records);
        let lost: Vec<Rrn> = self.approved.iter().copied().collect();
        let lost = lost.into_iter().find(|rrn| !self.is_durable(*rrn));
        self.require(lost.is_none(), || {
            format!("I4: acknowledged and lost: {lost:?}")
        });
        self.check_books(issuer, books);
    }

    /// An acquirer was told 00.
    pub(crate) fn approved(&mut self, original: &Message) {
        let rrn = rrn(original);
        self.approved.insert(rrn);
        let durable = self.is_durable(rrn);
        self.require(durable, || format!("I4: approved and not durable: {rrn:?}"));
    }

    fn is_durable(&self, rrn: Rrn) -> bool {
        let mut accounts = self.accounts.iter();
        accounts.any(|account| account.durable.contains(&rrn))
    }

    /// An issuer's money agrees with its records (I1), and no card is overdrawn (I2).
    pub(crate) fn check_books(&mut self, issuer: usize, books: &Books) {
        let account = &self.accounts[issuer];
        let mut sums = Standing::default();
        for standing in account.standing.values() {
            sums.debit += standing.debit;
            sums.credit += standing.credit;
            sums.held += standing.held;
            sums.suspense += standing.suspense;
        }
        let credit_undone = account.credit_undone;
        let Ok(overview) = books.overview() else {
            return self.require(false, || "I1: a sum overflows".to_owned());
        };
        let balance = overview.balance;
        let spent = sums.debit - sums.credit;
        let conserved = balance.sum.units() == 0
            && balance.cards.units() == -balance.load_clearing.units() - spent
            && balance.held.units() == sums.held
            && balance.merchant_payable.units() == spent + sums.suspense;
        self.require(conserved, || format!("I1: {balance:?} is not {sums:?}"));
        let within =
            balance.suspense.units() == 0 && (balance.cards_below_zero == 0 || credit_undone);
        self.require(within, || format!("I2: beyond the funds: {balance:?}"));
    }

    /// The switch gives up a request, and answers so: its reversal must be surely on its disk.
    pub(crate) fn gives_up(&mut self, answer: &Message, durable_reversals: &[String]) {
        let inquiry = answer.field(3).is_some_and(|code| code.starts_with(b"3"));
        // Reversals and advices of an acquirer are its own to repeat.
        let moves = matches!(answer.mti().class_digit(), b'1' | b'2') && !inquiry;
        let rrn = answer.text(37).unwrap_or("-");
        let named = |reversal: &String| reversal.contains(&format!("RRN {rrn} "));
        let stored = durable_reversals.iter().any(named);
        self.require(!moves || stored, || {
            format!("I5: {rrn} given up, and its reversal not stored")
        });
    }

    pub(crate) fn reversal_leaves(&mut self, reversal: &Message) {
        self.reversing.insert(rrn(reversal));
    }

    /// The switch answers an acquirer: never 00 to what it reverses itself.
    pub(crate) fn answer_leaves(&mut self, answer: &Message) {
        let approves =
            answer.field(39) == Some(b"00") && matches!(answer.mti().class_digit(), b'1' | b'2');
        let rrn = rrn(answer);
        let reversing = self.reversing.contains(&rrn);
        self.require(!(approves && reversing), || {
            format!("I5: {rrn:?} approved while it is reversed")
        });
    }

    /// All has ended: what the acquirer believes is what the issuers' books say, or is listed.
    pub(crate) fn check_end(&mut self, outcome: &Outcome, unknown: &[String]) {
        let rrn: Rrn = Text::new(outcome.rrn.as_bytes()).expect("12 digits");
        let mut standing = Standing::default();
        for account in &self.accounts {
            let part = account.standing.get(&rrn).copied().unwrap_or_default();
            standing.debit += part.debit;
            standing.credit += part.credit;
            standing.held += part.held;
            standing.suspense += part.suspense;
        }
        let expected = match (outcome.state, outcome.kind) {
            (State::Approved, Kind::Purchase) => Standing {
                debit: outcome.amount,
                ..Standing::default()
            },
            (State::Approved, Kind::Refund) => Standing {
                credit: outcome.amount,
                ..Standing::default()
            },
            (State::Approved, Kind::PreAuthorization) => Standing {
                held: outcome.amount,
                ..Standing::default()
            },
            (State::Approved, Kind::Inquiry)
            | (State::Declined | State::Reversed | State::Asking | State::Reversing, _) => {
                Standing::default()
            }
        };
        let listed = outcome.state != State::Approved
            && unknown
                .iter()
                .any(|listed| listed.as_bytes() == rrn.as_bytes());
        let agrees = standing == expected || listed;
        let state = outcome.state;
        let which = if outcome.state == State::Approved {
            "I1"
        } else {
            "I5"
        };
        self.require(agrees, || {
            format!("{which}: {rrn:?} is {state:?} to its acquirer, and {standing:?} stands")
        });
    }
}

impl Invariants {
    /// All has ended: an acquirer that counted what it was told has what the switch has.
    pub(crate) fn check_totals(&mut self, place: usize, outcomes: &[Outcome], counted: &Totals) {
        let mut own = Totals {
            // One whose answer is lost is counted by nobody else.
            inquiries: counted.inquiries,
            ..Totals::default()
        };
        let add = |sum: &mut Sum, amount: i64| {
            sum.number += 1;
            sum.amount += amount.unsigned_abs();
        };
        for outcome in outcomes.iter().filter(|outcome| outcome.told) {
            let undone = outcome.state == State::Reversed;
            let (sum, reversals) = match outcome.kind {
                Kind::Purchase => (&mut own.debits, &mut own.debit_reversals),
                Kind::Refund => (&mut own.credits, &mut own.credit_reversals),
                Kind::PreAuthorization => {
                    own.authorizations += 1;
                    continue;
                }
                Kind::Inquiry => continue,
            };
            add(sum, outcome.amount);
            if undone {
                add(reversals, outcome.amount);
            }
        }
        self.require(own == *counted, || {
            format!("I7: acquirer {place} counted {own:?}, and the switch {counted:?}")
        });
    }
}

/// Of all days.
pub(crate) fn sum(totals: impl Iterator<Item = Totals>) -> Totals {
    let whole = |totals| Position {
        totals,
        incomplete: false,
    };
    let sum = totals.map(whole).fold(Position::default(), Position::plus);
    sum.totals
}

impl Account {
    fn take(&mut self, record: &Record) {
        match &record.event {
            Event::Decided(decided) => {
                let rrn = decided.trace.rrn;
                self.by_key.insert(decided.keys.key, rrn);
                let standing = self.standing.entry(rrn).or_default();
                if decided.effect != Effect::Nothing {
                    standing.effects += 1;
                    standing.add(decided.effect, 1);
                }
            }
            Event::Reversed(reversed) => {
                if let Original::Undone { key, taken_back } = &reversed.original
                    && let Some(rrn) = self.by_key.get(key)
                {
                    let standing = self.standing.entry(*rrn).or_default();
                    standing.add(*taken_back, -1);
                    self.credit_undone |= matches!(taken_back, Effect::Credit { .. });
                }
            }
            Event::CardIssued(_)
            | Event::CardCharged(_)
            | Event::StatusChanged { .. }
            | Event::TriesReset { .. }
            | Event::Forwarded { .. }
            | Event::HoldExpired { .. } => {}
        }
    }
}

fn decided(record: &Record) -> Option<Rrn> {
    match &record.event {
        Event::Decided(decided) => Some(decided.trace.rrn),
        Event::Reversed(_)
        | Event::CardIssued(_)
        | Event::CardCharged(_)
        | Event::StatusChanged { .. }
        | Event::TriesReset { .. }
        | Event::Forwarded { .. }
        | Event::HoldExpired { .. } => None,
    }
}

fn rrn(message: &Message) -> Rrn {
    Text::new(message.field(37).unwrap_or_default()).expect("at most 12 bytes")
}
