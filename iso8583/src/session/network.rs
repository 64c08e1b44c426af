//! Network management: sign-on, sign-off, echo test (ISO 8583:1987 class 8, DE 70).

use std::time::Instant;

use crate::element::{ResponseCode, transmission_time};
use crate::key::FieldKey;
use crate::message::Message;
use crate::mti::Mti;
use crate::session::{CloseReason, Mismatch, Now, Output, Session, State, waited};

/// DE 70 of each network function; networks differ (domain §2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkCodes {
    /// 001 in the 1987 standard's customary use.
    pub sign_on: [u8; 3],
    /// 002.
    pub sign_off: [u8; 3],
    /// 301; 270 at Mastercard.
    pub echo: [u8; 3],
}

impl Default for NetworkCodes {
    fn default() -> Self {
        Self {
            sign_on: *b"001",
            sign_off: *b"002",
            echo: *b"301",
        }
    }
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
    pub(super) fn handle_network_request(&mut self, request: &Message) {
        let codes = self.settings.codes;
        let (answer, next) = match request.field(70) {
            None => (request.format_error(Some(70)), None),
            Some(code) if code == codes.echo => (request.response(ResponseCode::APPROVED), None),
            Some(code) if code == codes.sign_on => {
                (request.response(ResponseCode::APPROVED), Some(State::Up))
            }
            Some(code) if code == codes.sign_off => (
                request.response(ResponseCode::APPROVED),
                Some(State::SignedOff),
            ),
            Some(_) => (request.response(ResponseCode::INVALID_TRANSACTION), None),
        };
        if let Some(answer) = answer {
            self.outputs.push_back(Output::Send(answer));
        }
        if let Some(next) = next
            && matches!(self.state, State::Up | State::SignedOff)
        {
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
