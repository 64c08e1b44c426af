//! Network management (ISO 8583:1987 class 8, DE 70): sign-on, sign-off, echo test; and key change
//! and cut-over, which the program is told of.

use std::time::Instant;

use crate::element::{ResponseCode, transmission_time};
use crate::key::FieldKey;
use crate::message::Message;
use crate::mti::Mti;
use crate::session::{CloseReason, Mismatch, Now, Output, Session, State, waited};

/// What the messages of one link's network management mean: DE 70 of each function, and DE 39 of
/// what a session tells its program of and cannot do itself. Networks differ (domain §2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkCodes {
    /// 001 in the 1987 standard's customary use.
    pub sign_on: [u8; 3],
    /// 002.
    pub sign_off: [u8; 3],
    /// 301; 270 at Mastercard.
    pub echo: [u8; 3],
    /// 161: the peer gives a new key; 101 with some.
    pub key_change: [u8; 3],
    /// 162: the peer wants one.
    pub key_request: [u8; 3],
    /// 201: the peer's business day ends.
    pub cut_over: [u8; 3],
    /// To a key change or the wish for one: 12 unless the program has keys to change, for a peer
    /// that hears 00 uses the new key from then on.
    pub key_answer: ResponseCode,
    /// To a cut-over: 00.
    pub cut_over_answer: ResponseCode,
}

impl NetworkCodes {
    /// What a DE 70 asks; None for a code of no function.
    fn function(&self, code: &[u8]) -> Option<Function> {
        let told = |function, answer| Function::Told(function, answer);
        [
            (self.sign_on, Function::SignOn),
            (self.sign_off, Function::SignOff),
            (self.echo, Function::Echo),
            (
                self.key_change,
                told(NetworkFunction::KeyChange, self.key_answer),
            ),
            (
                self.key_request,
                told(NetworkFunction::KeyRequest, self.key_answer),
            ),
            (
                self.cut_over,
                told(NetworkFunction::CutOver, self.cut_over_answer),
            ),
        ]
        .into_iter()
        .find_map(|(of, function)| (of == code).then_some(function))
    }
}

impl Default for NetworkCodes {
    fn default() -> Self {
        Self {
            sign_on: *b"001",
            sign_off: *b"002",
            echo: *b"301",
            key_change: *b"161",
            key_request: *b"162",
            cut_over: *b"201",
            key_answer: ResponseCode::INVALID_TRANSACTION,
            cut_over_answer: ResponseCode::APPROVED,
        }
    }
}

/// What a peer's network message asks of the program, beside the answer it got from the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkFunction {
    /// It gives a new key.
    KeyChange,
    /// It wants a new key.
    KeyRequest,
    /// Its business day ends.
    CutOver,
}

#[derive(Clone, Copy)]
enum Function {
    SignOn,
    SignOff,
    Echo,
    /// What the session does not do itself, and how it is answered.
    Told(NetworkFunction, ResponseCode),
}

/// What a session knows of its own network messages.
#[derive(Debug)]
pub(super) struct Network {
    last_heard: Instant,
    last_stan: u32,
    asked: Option<Asked>,
    unanswered: u8,
}

/// A network message of ours that waits for its answer.
#[derive(Clone, Copy, Debug)]
struct Asked {
    code: [u8; 3],
    stan: [u8; 6],
    deadline: Instant,
}

impl Network {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            last_heard: now,
            last_stan: 0,
            asked: None,
            unanswered: 0,
        }
    }

    pub(super) const fn heard(&mut self, now: Instant) {
        self.last_heard = now;
        self.unanswered = 0;
    }

    /// 000001 to 999999, then again.
    fn next_stan(&mut self) -> [u8; 6] {
        self.last_stan = self.last_stan % 999_999 + 1;
        let [.., a, b, c, d, e, f] = crate::element::twelve_digits(u64::from(self.last_stan));
        [a, b, c, d, e, f]
    }
}

impl<T> Session<T> {
    pub(super) fn ask_network(&mut self, now: Now, code: [u8; 3]) {
        let stan = self.network.next_stan();
        let mut message = Message::new(Mti::NETWORK_REQUEST);
        message
            .set(7, &transmission_time(now.utc))
            .set(11, &stan)
            .set(70, &code);
        if let Some(institution) = &self.settings.institution {
            message.set(32, institution.as_bytes());
        }
        let deadline = now.instant + self.settings.network_timeout;
        self.network.asked = Some(Asked {
            code,
            stan,
            deadline,
        });
        self.outputs.push_back(Output::Send(message));
    }

    /// Network messages are answered here, ahead of whatever the program is busy with.
    pub(super) fn handle_network_request(&mut self, request: Message) {
        let function = request
            .field(70)
            .map(|code| self.settings.codes.function(code));
        let answer = match function {
            None => request.format_error(Some(70)),
            Some(None) => request.response(ResponseCode::INVALID_TRANSACTION),
            Some(Some(Function::Told(_, answer))) => request.response(answer),
            Some(Some(Function::SignOn | Function::SignOff | Function::Echo)) => {
                request.response(ResponseCode::APPROVED)
            }
        };
        self.outputs.extend(answer.map(Output::Send));
        match function.flatten() {
            Some(Function::SignOn) => self.peer_signed(State::Up),
            Some(Function::SignOff) => self.peer_signed(State::SignedOff),
            Some(Function::Told(function, _)) => {
                self.outputs
                    .push_back(Output::Network { function, request });
            }
            Some(Function::Echo) | None => {}
        }
    }

    fn peer_signed(&mut self, next: State) {
        if matches!(self.state, State::Up | State::SignedOff) {
            self.enter(next);
        }
    }

    pub(super) fn handle_network_answer(&mut self, now: Now, answer: &Message) {
        let asked = self.network.asked;
        let Some(asked) = asked.filter(|asked| answer.field(11) == Some(&asked.stan)) else {
            let mismatch = self.network_mismatch(now, answer);
            self.outputs.push_back(Output::Unmatched {
                answer: answer.clone(),
                mismatch,
            });
            return;
        };
        self.network.asked = None;
        let code = answer
            .field(39)
            .and_then(|code| ResponseCode::try_from(code).ok());
        match (self.state, code) {
            (State::SigningOn, Some(ResponseCode::APPROVED)) => self.enter(State::Up),
            (State::SigningOn, code) if asked.code == self.settings.codes.sign_on => {
                let code = code.unwrap_or(ResponseCode::INVALID_RESPONSE);
                self.close(CloseReason::SignOnRefused(code));
            }
            (State::Leaving, _) => self.close(CloseReason::SignedOff),
            (State::SigningOn | State::Up | State::SignedOff | State::Closing, _) => {}
        }
    }

    /// Network messages are matched by DE 11 alone.
    fn network_mismatch(&self, now: Now, answer: &Message) -> Box<Mismatch> {
        let asked = self.network.asked.map(|asked| {
            let class = answer.mti().class_digit();
            let key = FieldKey::of_values(class, [&asked.stan[..]]);
            let allowed = self.settings.network_timeout;
            (key, waited(now, asked.deadline, allowed))
        });
        let pending = usize::from(asked.is_some());
        let key = FieldKey::new(answer, &[11]);
        Mismatch::new(answer.mti(), &key, &[11], pending, asked)
    }

    pub(super) fn handle_network_timeout(&mut self, now: Now) {
        if self
            .network_deadline()
            .is_none_or(|deadline| deadline > now.instant)
        {
            return;
        }
        let codes = self.settings.codes;
        match (self.network.asked.take(), self.state) {
            (Some(_), State::Leaving) => self.close(CloseReason::SignedOff),
            (Some(asked), _) => {
                self.network.unanswered = self.network.unanswered.saturating_add(1);
                if self.network.unanswered >= self.settings.network_tries {
                    self.close(CloseReason::Silent);
                } else {
                    self.ask_network(now, asked.code);
                }
            }
            (None, _) => self.ask_network(now, codes.echo),
        }
    }

    /// When the answer we wait for is overdue, or else when silence has lasted long enough for an
    /// echo test.
    pub(super) fn network_deadline(&self) -> Option<Instant> {
        if self.state == State::Closing {
            return None;
        }
        match self.network.asked {
            Some(asked) => Some(asked.deadline),
            None => self
                .settings
                .echo_after
                .map(|silence| self.network.last_heard + silence),
        }
    }
}
