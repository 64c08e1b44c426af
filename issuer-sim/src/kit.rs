//! Words for tests: requests as an acquirer would send them, books with a card.

use std::sync::Arc;
use std::time::Duration;

use iso8583::element::{Currency, ProcessingCode};

use crate::answer::Answer;
use crate::books::{Books, Policy};
use crate::card::{CardId, CardIndex, Expiry, PanKey, Product, Pvv, Rules, SealedPan, Status};
use crate::clock::{Now, Timestamp};
use crate::dedupe::Limits;
use crate::ledger::{Channel, Funds};
use crate::money::Minor;
use crate::record::{Charge, NewCard, Record};
use crate::request::{
    Attempt, CardNumber, Insistence, Keys, Operation, Password, Presence, Reference, Request,
};
use crate::store::StoreError;
use crate::trace::{Acquirer, Class, Forwarder, Key, Text, Trace};

pub(crate) const RIGHT: Password = Password::Given(Pvv(*b"1234"));
/// The switch that forwards what a test does not send through another.
pub(crate) const SWITCH: u64 = 999_001;
pub(crate) const WRONG: Password = Password::Given(Pvv(*b"9999"));

pub(crate) fn policy() -> Policy {
    Policy {
        rules: Rules {
            purchase_max: Minor::new(300_000),
            anonymous_balance_max: Minor::new(500_000),
            tries_max: 3,
        },
        limits: Limits {
            window: Duration::from_secs(48 * 3_600),
            keys_max: 1_000,
        },
        hold: Duration::from_secs(7 * 24 * 3_600),
        lines_per_card: 5,
        cards_max: 100,
    }
}

/// 2026-03-15T02:30:00Z, and so many seconds later.
pub(crate) fn at(seconds: i64) -> Now {
    Now::new(Timestamp::from_millis(1_773_541_800_000 + seconds * 1_000))
}

pub(crate) fn new_card(number: u8) -> NewCard {
    NewCard {
        id: CardId([number; 16]),
        pan_key: PanKey([number; 16]),
        sealed_pan: SealedPan(Box::new([number; 44])),
        expiry: Expiry::new(30, 12).unwrap(),
        product: Product::Anonymous,
        pvv: Pvv(*b"1234"),
    }
}

/// Books, and every record that made them.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) books: Books,
    pub(crate) records: Vec<Record>,
    pub(crate) now: Now,
}

impl World {
    /// One card, number 1, with this much on it.
    pub(crate) fn with(balance: i64) -> Self {
        Self::governed(policy(), balance)
    }

    pub(crate) fn governed(policy: Policy, balance: i64) -> Self {
        let mut world = Self {
            books: Books::new(policy),
            records: Vec::new(),
            now: at(0),
        };
        world.issue(1);
        world.charge(1, balance, "first");
        world
    }

    pub(crate) fn issue(&mut self, number: u8) {
        let record = self.books.issue(new_card(number), self.now).unwrap();
        self.records.push(record.unwrap());
    }

    pub(crate) fn charge(&mut self, number: u8, amount: i64, key: &str) {
        let charge = |card| Charge {
            card,
            amount: Minor::new(amount),
            channel: Channel::Cash,
            key: Key::of_charge(key),
        };
        let charged = self.books.charge(CardId([number; 16]), charge, self.now);
        self.records.extend(charged.unwrap().unwrap().0);
    }

    pub(crate) fn send(&mut self, request: &Request) -> Answer {
        let (record, answer) = self.books.handle(request, self.now).unwrap();
        self.records.extend(record);
        self.check();
        answer
    }

    /// The response code as text.
    pub(crate) fn code(&mut self, request: &Request) -> String {
        self.send(request).code.to_string()
    }

    pub(crate) fn wait(&mut self, seconds: i64) {
        self.now = Now::new(Timestamp::from_millis(
            self.now.at.millis() + seconds * 1_000,
        ));
        let expired = self.books.expire(self.now).unwrap();
        self.records.extend(expired);
        self.check();
    }

    pub(crate) fn funds(&self) -> Funds {
        self.books.ledger().funds(CardIndex(0))
    }

    pub(crate) fn balance(&self) -> i64 {
        self.funds().balance.units()
    }

    pub(crate) fn available(&self) -> i64 {
        self.funds().available().unwrap().units()
    }

    /// What must hold after every step.
    pub(crate) fn check(&self) {
        let sums = self.books.overview().unwrap().balance;
        assert_eq!(sums.sum, Minor::ZERO);
        let charged = -sums.load_clearing.units();
        let spent = sums.merchant_payable.units() + sums.suspense.units();
        assert_eq!(sums.cards.units(), charged - spent);
    }

    /// The same books built anew from the records alone.
    pub(crate) fn replayed(&self, policy: Policy) -> Books {
        let mut books = Books::new(policy);
        for record in &self.records {
            books.apply(record).unwrap();
        }
        books
    }
}

/// A history that leaves a record of every kind.
pub(crate) fn eventful() -> World {
    let mut world = World::with(100_000);
    world.issue(2);
    let bought = purchase(1, 15_000).password(RIGHT).build();
    let held = pre_authorization(2, 20_000).build();
    let lapsed = pre_authorization(3, 1_000).build();
    for request in [
        bought.clone(),
        held.clone(),
        lapsed,
        purchase(4, 1).password(WRONG).build(),
        purchase(5, 1).present().build(),
        inquiry(6).build(),
        refund(7, 500).build(),
        completion(8, 500_000, Some(&held)).build(),
        reversal(9, &bought).remaining(5_000).build(),
        reversal(10, &purchase(11, 1).build()).build(),
        purchase(12, 1)
            .trace(|trace| trace.local_time = None)
            .build(),
        purchase(13, 1)
            .card(CardNumber::Found(PanKey([9; 16])))
            .build(),
    ] {
        world.send(&request);
    }
    let kept = purchase(14, 1);
    for switch in [1, 2] {
        world.send(&kept.clone().through(switch).build());
    }
    let card = CardId([2; 16]);
    let blocked = world.books.change_status(card, Status::Blocked, world.now);
    world.records.extend(blocked.unwrap().unwrap());
    let reset = world.books.reset_tries(CardId([1; 16]), world.now);
    world.records.extend(reset.unwrap());
    world.wait(8 * 24 * 3_600);
    world
}

/// What a store says whose disk fails.
pub(crate) fn disk_failure(why: &'static str) -> StoreError {
    let source = Arc::new(std::io::Error::other(why));
    let path = "disk".into();
    ::journal::Failure { path, source }.into()
}

/// A request under construction.
#[derive(Clone, Debug)]
pub(crate) struct Sent(Request);

/// A keyed purchase of card 1 with no password, as trace number `stan`.
pub(crate) fn purchase(stan: u32, amount: i64) -> Sent {
    sent(stan, Class::Financial, Operation::Purchase, b"000000").amount(amount)
}

pub(crate) fn refund(stan: u32, amount: i64) -> Sent {
    sent(stan, Class::Financial, Operation::Refund, b"200000").amount(amount)
}

pub(crate) fn pre_authorization(stan: u32, amount: i64) -> Sent {
    sent(
        stan,
        Class::Authorization,
        Operation::PreAuthorization,
        b"000000",
    )
    .amount(amount)
}

pub(crate) fn inquiry(stan: u32) -> Sent {
    sent(stan, Class::Authorization, Operation::Inquiry, b"310000")
}

/// A completion of `original`, if it names one.
pub(crate) fn completion(stan: u32, amount: i64, original: Option<&Request>) -> Sent {
    let original = original.map(refer_to);
    let approval = None;
    let operation = Operation::DebitAdvice { original, approval };
    sent(stan, Class::Financial, operation, b"000000").amount(amount)
}

/// An advice that undoes `original`, as the switch sends it: DE 90, and all else the original's.
pub(crate) fn reversal(stan: u32, original: &Request) -> Sent {
    let operation = Operation::Reversal {
        original: Some(refer_to(original)),
        remaining: Minor::ZERO,
        insistence: Insistence::Advice,
    };
    let mut reversal = original.clone();
    reversal.operation = operation;
    reversal.trace.class = Class::Reversal;
    reversal.trace.stan = stan;
    reversal.trace.transmitted = Some(315_090_000 + stan);
    reversal.password = Password::NotGiven;
    Sent(reversal)
}

pub(crate) fn refer_to(original: &Request) -> Reference {
    Reference {
        class: original.trace.class,
        stan: original.trace.stan,
        transmitted: original.trace.transmitted,
        acquirer: Some(original.trace.acquirer),
        forwarder: Some(original.forwarder).filter(|by| *by != Forwarder::default()),
    }
}

fn sent(stan: u32, class: Class, operation: Operation, code: &[u8; 6]) -> Sent {
    let trace = Trace {
        acquirer: Acquirer(450_001),
        terminal: Text::new(b"TERM0001").unwrap(),
        merchant: Text::new(b"MALL0001").unwrap(),
        class,
        stan,
        local_time: Some(113_000),
        local_date: Some(315),
        transmitted: Some(315_023_000 + stan),
        rrn: Text::new(format!("6074{stan:08}").as_bytes()).unwrap(),
    };
    let processing_code = ProcessingCode::try_from(code.as_slice()).unwrap();
    let card = CardNumber::Found(PanKey([1; 16]));
    Sent(Request {
        trace,
        forwarder: Forwarder(SWITCH),
        attempt: Attempt::First,
        keys: Keys::new(&trace, card, processing_code, None, None, &operation),
        card,
        processing_code,
        amount: None,
        currency: Some(Currency::KRW),
        expiries: [None, None],
        presence: Presence::NotPresent,
        password: Password::NotGiven,
        settlement_date: Some(*b"0315"),
        operation,
    })
}

impl Sent {
    pub(crate) fn amount(mut self, amount: i64) -> Self {
        self.0.amount = Some(Minor::new(amount));
        self
    }

    pub(crate) fn without_amount(mut self) -> Self {
        self.0.amount = None;
        self
    }

    pub(crate) fn card(mut self, card: CardNumber) -> Self {
        self.0.card = card;
        self
    }

    pub(crate) fn currency(mut self, code: &[u8; 3]) -> Self {
        self.0.currency = Some(Currency::try_from(code.as_slice()).unwrap());
        self
    }

    pub(crate) fn expiries(mut self, expiries: [Option<&[u8; 4]>; 2]) -> Self {
        self.0.expiries = expiries.map(|date| date.map(|date| Expiry::parse(date).unwrap()));
        self
    }

    pub(crate) fn present(mut self) -> Self {
        self.0.presence = Presence::Present;
        self
    }

    pub(crate) fn password(mut self, password: Password) -> Self {
        self.0.password = password;
        self
    }

    pub(crate) fn operation(mut self, operation: Operation) -> Self {
        self.0.operation = operation;
        self
    }

    /// Sent on by this switch.
    pub(crate) fn through(mut self, switch: u64) -> Self {
        self.0.forwarder = Forwarder(switch);
        self
    }

    /// With the repeat digit in its MTI.
    pub(crate) fn again(mut self) -> Self {
        self.0.attempt = Attempt::Repeat;
        self
    }

    pub(crate) fn trace(mut self, change: impl FnOnce(&mut Trace)) -> Self {
        change(&mut self.0.trace);
        self
    }

    /// For reversals: what is to stand (DE 95).
    pub(crate) fn remaining(mut self, amount: i64) -> Self {
        if let Operation::Reversal { remaining, .. } = &mut self.0.operation {
            *remaining = Minor::new(amount);
        }
        self
    }

    /// For reversals: 0400 rather than 0420.
    pub(crate) fn asking(mut self) -> Self {
        if let Operation::Reversal { insistence, .. } = &mut self.0.operation {
            *insistence = Insistence::Request;
        }
        self
    }

    /// For reversals: without DE 90.
    pub(crate) fn without_reference(mut self) -> Self {
        if let Operation::Reversal { original, .. } = &mut self.0.operation {
            *original = None;
        }
        self
    }

    pub(crate) fn build(mut self) -> Request {
        let request = &mut self.0;
        request.keys = Keys::new(
            &request.trace,
            request.card,
            request.processing_code,
            request.amount,
            request.currency,
            &request.operation,
        );
        self.0
    }
}
