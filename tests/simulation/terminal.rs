//! A merchant's terminal: the machine of `pos-sim` on a line of its own.
//!
//! One order at a time, and what may have moved money is finished before the next. It never repeats
//! a sale: without an answer, or after its power failed, it reverses.

use std::time::Duration;

use iso8583::frame::Tpdu;
use iso8583::session::{Output, Session};
use iso8583::{Class, Message};
use pos_sim::terminal::{Settings, Terminal as Machine};
use pos_sim::{Card, Kind as OrderKind, Merchant, Order, State as Kept, Status};
use support::cards::{EXPIRY, load_card};
use support::messages::ZONE_KEY;

use crate::acquirer::{Acquirer, CARDS, Kind, Outcome, State, settings};
use crate::network::{End, Line, Node, Socket};
use crate::stage::{Event, Stage};

pub(crate) struct Terminal {
    place: usize,
    skew_millis: i64,
    machine: Machine,
    link: Option<(Socket, Session<()>)>,
    /// What it waits for the answer to.
    asked: Option<Message>,
    wake: Option<Duration>,
}

impl Terminal {
    pub(crate) fn new(place: usize) -> Self {
        Self {
            place,
            skew_millis: 0,
            machine: machine(place, Kept::default()),
            link: None,
            asked: None,
            wake: None,
        }
    }

    /// Sends one message; what it could not send it is told of.
    fn ask(&mut self, stage: &mut Stage, message: Message) {
        let now = stage.clock(self.skew_millis);
        if let Some((socket, session)) = &mut self.link
            && let Ok(admitted) = session.admit(&message)
        {
            session.sent(now, admitted, ());
            stage.send(*socket, End::Client, &message);
            self.asked = Some(message);
        } else {
            self.machine.handle_not_sent(&message);
            self.go_on_later(stage);
        }
    }

    fn go_on_later(&self, stage: &mut Stage) {
        if self.machine.state().pending.is_some() {
            stage.soon(500..8_000, Event::Again(self.place, 0));
        }
    }

    fn answered(&mut self, stage: &mut Stage, answer: &Message) {
        let Some(asked) = self.asked.take() else {
            return;
        };
        let taken = self.machine.handle_answer(&asked, answer);
        let approved = taken.is_ok_and(|code| code.approves());
        if approved && asked.mti().class() == Class::Financial {
            stage.invariants.approved(&asked);
        }
        self.go_on_later(stage);
    }

    fn settle(&mut self, stage: &mut Stage) {
        while let Some((socket, session)) = &mut self.link
            && let Some(output) = session.poll_output()
        {
            stage.show(&output);
            let socket = *socket;
            match output {
                Output::Send(message) => stage.send(socket, End::Client, &message),
                Output::Answered { answer, .. } => self.answered(stage, &answer),
                Output::TimedOut { .. } => {
                    self.asked = None;
                    self.go_on_later(stage);
                }
                Output::Close(_) => {
                    stage.close(socket, End::Client, true);
                    self.gone(stage);
                }
                Output::Late { .. }
                | Output::Network { .. }
                | Output::Unmatched { .. }
                | Output::Request(_)
                | Output::State(_) => {}
            }
        }
        let next = self.link.as_ref().and_then(|(_, it)| it.poll_timeout());
        if let Some(next) = next {
            let next = Stage::moment(next).max(stage.now + Duration::from_millis(1));
            if self
                .wake
                .is_none_or(|wake| next < wake || wake <= stage.now)
            {
                self.wake = Some(next);
                stage.at(next, Event::Wake(Node::Acquirer(self.place)));
            }
        }
    }

    fn order(&self, stage: &mut Stage) -> Order {
        let number = stage.rng.u32(0..CARDS);
        let card = Card::keyed(&load_card(number), EXPIRY).expect("a card");
        let amount = stage.rng.u64(1..=40_000);
        let pin = None;
        let mut sales = self.machine.state().transactions.iter().filter(|it| {
            it.kind == OrderKind::Sale
                && it.status == Status::Approved
                && it.card == card.pan().to_string()
        });
        match (stage.rng.u32(0..10), sales.next()) {
            (0..=2, Some(sale)) => Order::Cancel {
                rrn: sale.rrn.clone(),
                card,
            },
            (3, _) => Order::Refund { amount, card, pin },
            _ => Order::Sale { amount, card, pin },
        }
    }
}

impl Acquirer for Terminal {
    fn begin(&mut self, stage: &mut Stage) {
        let now = stage.clock(self.skew_millis).utc;
        if self.asked.is_some() || self.machine.state().pending.is_some() {
            return stage.soon(1_000..10_000, Event::Begin(self.place));
        }
        let order = self.order(stage);
        let message = self.machine.begin(now, &order).expect("a good order");
        self.ask(stage, message);
        self.settle(stage);
    }

    fn again(&mut self, stage: &mut Stage, _: usize) {
        let now = stage.clock(self.skew_millis).utc;
        if self.asked.is_none()
            && let Some(message) = self.machine.next_reversal(now).expect("trace numbers")
        {
            self.ask(stage, message);
        }
        self.settle(stage);
    }

    fn void(&mut self, _: &mut Stage, _: usize) {}

    fn connected(&mut self, stage: &mut Stage, socket: Socket) {
        let now = stage.clock(self.skew_millis);
        self.link = Some((socket, Session::new(settings(), now)));
        self.settle(stage);
    }

    fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    fn handle_message(&mut self, stage: &mut Stage, message: Message) {
        let now = stage.clock(self.skew_millis);
        if let Some((_, session)) = &mut self.link {
            session.handle_message(now, message);
        }
        self.settle(stage);
    }

    fn handle_timeout(&mut self, stage: &mut Stage) {
        let now = stage.clock(self.skew_millis);
        if let Some((_, session)) = &mut self.link {
            session.handle_timeout(now);
        }
        self.wake = None;
        self.settle(stage);
    }

    fn gone(&mut self, stage: &mut Stage) {
        if self.link.take().is_none() {
            return;
        }
        self.asked = None;
        self.go_on_later(stage);
        stage.soon(50..3_000, Event::Connect(Line::Acquirer(self.place)));
    }

    fn restart(&mut self, stage: &mut Stage) {
        self.machine = machine(self.place, self.machine.state().clone());
        self.gone(stage);
    }

    fn set_clock(&mut self, skew_millis: i64) {
        self.skew_millis = skew_millis;
    }

    fn is_done(&self) -> bool {
        self.asked.is_none() && self.machine.state().pending.is_none()
    }

    fn outcomes(&self) -> Vec<Outcome> {
        let transactions = self.machine.state().transactions.iter();
        let own = transactions.filter(|it| it.kind != OrderKind::Cancel);
        own.map(|transaction| Outcome {
            rrn: transaction.rrn.clone(),
            amount: i64::try_from(transaction.amount).expect("a small amount"),
            kind: match transaction.kind {
                OrderKind::Sale | OrderKind::Cancel => Kind::Purchase,
                OrderKind::Refund => Kind::Refund,
                OrderKind::Balance => Kind::Inquiry,
            },
            state: match transaction.status {
                Status::Unanswered => State::Asking,
                Status::Approved => State::Approved,
                Status::Declined => State::Declined,
                Status::Reversed | Status::Cancelled => State::Reversed,
            },
            told: matches!(transaction.status, Status::Approved | Status::Cancelled),
        })
        .collect()
    }
}

fn machine(place: usize, kept: Kept) -> Machine {
    let settings = Settings {
        merchant: Merchant {
            institution: Some(format!("45000{place}")),
            ..Merchant::default()
        },
        tpdu: Tpdu::new([0x60, 0x00, 0x03, 0x00, 0x00]),
        zone_key: ZONE_KEY.parse().expect("a key"),
    };
    Machine::new(settings, kept).expect("a good merchant")
}
