//! A VAN: it asks, asks again, and undoes what it does not know the outcome of.
//!
//! ```text
//! Asking ──00──▶ Approved ──customer──▶ Reversing ──acknowledged──▶ Reversed
//!   │ ▲                                     ▲
//!   │ └─ no answer: 0201, a few times, then ┤
//!   ├─ other code, after a repeat ──────────┘
//!   └─ other code, asked once ──▶ Declined
//! ```
//!
//! Its reversals are those of `van-sim` ([`NetCancels`]); it never goes down. There are two habits:
//! one that never repeats and reverses at once, as our VAN and terminal do; and one that repeats,
//! but never on the connection on which an answer is overdue, which it closes. For an approval that
//! is late would be taken there for the answer to the repeat, while the repeat's own answer may be
//! 91, and the transaction reversed.

use std::time::Duration;

use iso8583::element::{OriginalData, ResponseCode, local_date, local_time, transmission_time};
use iso8583::session::{Output, Session};
use iso8583::{Message, Mti};
use jiff::tz::Offset;
use support::cards::{EXPIRY, load_card};
use van_sim::config::NetCancelConfig;
use van_sim::host::Outcome;
use van_sim::netcancel::{self, NetCancels};
use van_sim::payments::PaymentId;

use crate::acquirer::{Acquirer, CARDS, Kind, Outcome as Believed, State, settings};
use crate::faults::Planted;
use crate::network::{End, Line, Node, Socket};
use crate::stage::{Event, Stage};

pub(crate) struct Van {
    place: usize,
    skew_millis: i64,
    link: Option<(Socket, Session<Asked>)>,
    transactions: Vec<Transaction>,
    cancels: NetCancels,
    next_stan: u32,
    /// How often a request is sent at most.
    sends_max: u32,
    /// The connection is to be closed: an answer is overdue on it.
    leaves: bool,
    wake: Option<Duration>,
}

#[derive(Debug)]
struct Transaction {
    original: Message,
    amount: i64,
    kind: Kind,
    /// How often it was sent.
    sends: u32,
    state: State,
    told: bool,
}

/// What an answer is to.
#[derive(Clone, Copy, Debug)]
enum Asked {
    Original(usize),
    Reversal(usize),
}

const SEOUL: Offset = jiff::tz::offset(9);

impl Van {
    pub(crate) fn new(place: usize, sends_max: u32) -> Self {
        Self {
            place,
            skew_millis: 0,
            link: None,
            transactions: Vec::new(),
            cancels: NetCancels::new(NetCancelConfig::default()),
            next_stan: 1,
            sends_max,
            leaves: false,
            wake: None,
        }
    }

    fn transaction(&mut self, stage: &mut Stage) -> Transaction {
        let (kind, mti, code) = match stage.rng.u32(0..20) {
            0..=13 => (Kind::Purchase, Mti::FINANCIAL_REQUEST, b"000000"),
            14 => (Kind::Refund, Mti::FINANCIAL_REQUEST, b"200000"),
            15..=17 => (
                Kind::PreAuthorization,
                Mti::AUTHORIZATION_REQUEST,
                b"000000",
            ),
            _ => (Kind::Inquiry, Mti::AUTHORIZATION_REQUEST, b"310000"),
        };
        let amount = stage.rng.i64(1..=40_000);
        let stan = self.stan();
        let utc = stage.clock(self.skew_millis).utc;
        let mut message = Message::new(mti);
        message
            .set(2, load_card(stage.rng.u32(0..CARDS)).as_bytes())
            .set(3, code)
            .set(4, format!("{amount:012}").as_bytes())
            .set(7, &transmission_time(utc))
            .set(11, format!("{stan:06}").as_bytes())
            .set(12, &local_time(utc, SEOUL))
            .set(13, &local_date(utc, SEOUL))
            .set(14, EXPIRY.as_bytes())
            .set(22, b"012")
            .set(25, b"59")
            .set(32, format!("45000{}", self.place).as_bytes())
            .set(37, format!("{:02}{stan:010}", self.place).as_bytes())
            .set(41, b"TERM0001")
            .set(42, b"MERCHANT0000001")
            .set(49, b"410");
        Transaction {
            original: message,
            amount,
            kind,
            sends: 0,
            state: State::Asking,
            told: false,
        }
    }

    fn stan(&mut self) -> u32 {
        self.next_stan += 1;
        self.next_stan - 1
    }

    /// Sends an original, the first time or again.
    fn ask(&mut self, stage: &mut Stage, place: usize) {
        let mut message = self.transactions[place].original.clone();
        if self.transactions[place].sends > 0 {
            message.set_mti(message.mti().repeat());
        }
        if self.send(stage, &message, Asked::Original(place)) {
            self.transactions[place].sends += 1;
        } else {
            stage.soon(500..5_000, Event::Again(self.place, place));
        }
    }

    /// False where nothing was sent.
    fn send(&mut self, stage: &mut Stage, message: &Message, asked: Asked) -> bool {
        let now = stage.clock(self.skew_millis);
        let Some((socket, session)) = &mut self.link else {
            return false;
        };
        match session.admit(message) {
            Ok(admitted) => {
                session.sent(now, admitted, asked);
                stage.send(*socket, End::Client, message);
                true
            }
            Err(_) => false,
        }
    }

    fn answered(&mut self, stage: &mut Stage, asked: Asked, answer: Message) {
        match asked {
            Asked::Original(place) => self.original_answered(stage, place, &answer),
            Asked::Reversal(place) => {
                let now = stage.clock(self.skew_millis).instant;
                let outcome = Outcome::Answered(answer);
                self.cancels.handle_outcome(now, id(place), &outcome);
            }
        }
    }

    fn original_answered(&mut self, stage: &mut Stage, place: usize, answer: &Message) {
        let transaction = &mut self.transactions[place];
        if transaction.state != State::Asking {
            return;
        }
        if answer.field(39) == Some(b"00") {
            transaction.state = State::Approved;
            transaction.told = true;
            if transaction.kind != Kind::Inquiry {
                stage.invariants.approved(&transaction.original);
            }
            self.cancels_kept(stage, place);
        } else if transaction.sends == 1 {
            transaction.state = State::Declined;
            self.cancels.release(id(place));
        } else {
            // It was asked more than once, and an earlier answer is not known.
            self.reverse(stage, place, ResponseCode::RESPONSE_TOO_LATE);
        }
    }

    fn cancels_kept(&mut self, stage: &mut Stage, place: usize) {
        if self.transactions[place].kind != Kind::Inquiry && stage.chance(150) {
            stage.soon(0..60_000, Event::Void(self.place, place));
        }
    }

    fn unanswered(&mut self, stage: &mut Stage, asked: Asked) {
        match asked {
            Asked::Original(place) => {
                let transaction = &mut self.transactions[place];
                if transaction.state != State::Asking {
                } else if transaction.kind == Kind::Inquiry {
                    transaction.state = State::Declined;
                } else if transaction.sends < self.sends_max {
                    stage.soon(0..5_000, Event::Again(self.place, place));
                } else {
                    self.reverse(stage, place, ResponseCode::RESPONSE_TOO_LATE);
                }
            }
            Asked::Reversal(place) => {
                let now = stage.clock(self.skew_millis).instant;
                let outcome = Outcome::Unanswered(String::new());
                self.cancels.handle_outcome(now, id(place), &outcome);
            }
        }
    }

    fn reverse(&mut self, stage: &mut Stage, place: usize, reason: ResponseCode) {
        let now = stage.clock(self.skew_millis);
        let stan = self.stan();
        let transaction = &mut self.transactions[place];
        if transaction.kind == Kind::Inquiry {
            transaction.state = State::Declined;
            return;
        }
        transaction.state = State::Reversing;
        let original = &transaction.original;
        let data = OriginalData::new(
            original.mti(),
            original.field(11).expect("DE 11"),
            original.field(7).expect("DE 7"),
            original.field(32),
            None,
        );
        let mut reversal = original.clone();
        reversal.set_mti(Mti::REVERSAL_ADVICE);
        reversal
            .remove(14)
            .set(7, &transmission_time(now.utc))
            .set(11, format!("{stan:06}").as_bytes())
            .set(39, reason.as_bytes())
            .set(90, data.expect("an original").as_bytes());
        self.cancels.start(now.instant, id(place), reversal);
    }

    /// Does what session and reversals want done, until they want nothing more.
    fn settle(&mut self, stage: &mut Stage) {
        loop {
            let output = self.link.as_mut().and_then(|(_, link)| link.poll_output());
            if let Some(output) = output {
                self.session_output(stage, output);
            } else if let Some(output) = self.cancels.poll_output() {
                self.cancel_output(stage, output);
            } else if let Some((socket, _)) = self.link.as_ref().filter(|_| self.leaves) {
                let socket = *socket;
                self.close(stage, socket);
            } else {
                break;
            }
        }
        let session = self.link.as_ref().and_then(|(_, link)| link.poll_timeout());
        let next = [session, self.cancels.poll_timeout()];
        if let Some(next) = next.into_iter().flatten().min() {
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

    fn session_output(&mut self, stage: &mut Stage, output: Output<Asked>) {
        stage.show(&output);
        let Some((socket, _)) = &self.link else {
            return;
        };
        match output {
            Output::Send(message) => stage.send(*socket, End::Client, &message),
            Output::Answered { token, answer } => self.answered(stage, token, answer),
            Output::TimedOut { token } => {
                self.leaves |= matches!(token, Asked::Original(_))
                    && self.sends_max > 1
                    && stage.planted != Planted::RepeatedBesideLate;
                self.unanswered(stage, token);
            }
            Output::Close(_) => {
                let socket = *socket;
                self.close(stage, socket);
            }
            Output::Late { .. }
            | Output::Network { .. }
            | Output::Unmatched { .. }
            | Output::Request(_)
            | Output::State(_) => {}
        }
    }

    fn close(&mut self, stage: &mut Stage, socket: Socket) {
        stage.close(socket, End::Client, true);
        self.gone(stage);
    }

    fn cancel_output(&mut self, stage: &mut Stage, output: netcancel::Output) {
        match output {
            netcancel::Output::Send(payment, message) => {
                let place = place(payment, self.transactions.len());
                if !self.send(stage, &message, Asked::Reversal(place)) {
                    let now = stage.clock(self.skew_millis).instant;
                    let outcome = Outcome::NotSent(String::new());
                    self.cancels.handle_outcome(now, payment, &outcome);
                }
            }
            netcancel::Output::Settled(payment) => {
                let place = place(payment, self.transactions.len());
                self.transactions[place].state = State::Reversed;
            }
            netcancel::Output::GaveUp(_) => {}
        }
    }
}

impl Acquirer for Van {
    fn connected(&mut self, stage: &mut Stage, socket: Socket) {
        let now = stage.clock(self.skew_millis);
        self.link = Some((socket, Session::new(settings(), now)));
        self.settle(stage);
    }

    fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    fn begin(&mut self, stage: &mut Stage) {
        let transaction = self.transaction(stage);
        let place = self.transactions.len();
        self.transactions.push(transaction);
        self.cancels.reserve(id(place)).expect("room for all");
        self.ask(stage, place);
        self.settle(stage);
    }

    fn again(&mut self, stage: &mut Stage, place: usize) {
        if self.transactions[place].state == State::Asking {
            self.ask(stage, place);
        }
        self.settle(stage);
    }

    fn void(&mut self, stage: &mut Stage, place: usize) {
        if self.transactions[place].state == State::Approved {
            self.reverse(stage, place, ResponseCode::CUSTOMER_CANCELLATION);
        }
        self.settle(stage);
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
        self.cancels.handle_timeout(now.instant);
        self.wake = None;
        self.settle(stage);
    }

    fn gone(&mut self, stage: &mut Stage) {
        let Some((_, session)) = self.link.take() else {
            return;
        };
        self.leaves = false;
        let mut unanswered: Vec<Asked> = session.into_unanswered().collect();
        unanswered.sort_by_key(|asked| match asked {
            Asked::Original(place) => (0, *place),
            Asked::Reversal(place) => (1, *place),
        });
        for asked in unanswered {
            self.unanswered(stage, asked);
        }
        stage.soon(50..3_000, Event::Connect(Line::Acquirer(self.place)));
        self.settle(stage);
    }

    fn restart(&mut self, stage: &mut Stage) {
        // What it knows it keeps; its connection it does not.
        self.gone(stage);
    }

    fn set_clock(&mut self, skew_millis: i64) {
        self.skew_millis = skew_millis;
    }

    fn is_done(&self) -> bool {
        let mut states = self.transactions.iter().map(|it| it.state);
        states.all(State::has_ended) && self.cancels.pending() == 0
    }

    fn outcomes(&self) -> Vec<Believed> {
        let each = self.transactions.iter();
        each.map(|transaction| Believed {
            rrn: transaction.original.text(37).expect("DE 37").to_owned(),
            amount: transaction.amount,
            kind: transaction.kind,
            state: transaction.state,
            told: transaction.told,
        })
        .collect()
    }
}

fn id(place: usize) -> PaymentId {
    PaymentId::new(u128::try_from(place).expect("a small number"))
}

fn place(payment: PaymentId, of: usize) -> usize {
    let found = (0..of).find(|place| id(*place) == payment);
    found.expect("one of ours")
}
