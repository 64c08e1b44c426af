//! One end of one link, sans-IO: sign-on, echo, in-flight matching, deadlines.
//!
//! A session is told what arrives and what time it is; it says what to send, what to hand to the
//! program and when to be woken. It never waits, and never looks at a clock:
//!
//! ```text
//!              sign-on asked for, not yet answered
//!        ┌────────────────┐  0810/00   ┌──────┐  peer's 0800/002  ┌───────────┐
//! new ──▶│   SigningOn    ├───────────▶│  Up  ├──────────────────▶│ SignedOff │
//!   │    └───────┬────────┘            └┬──┬──┘◀──────────────────┴─────┬─────┘
//!   │            │ no answer, refused   │  │       peer's 0800/001      │
//!   └─ no sign-on┼──────────────────────▶  │ sign_off()                 │
//!                ▼                         ▼                            ▼
//!             Closing ◀──────────────── Leaving ◀───────────────────────┘
//! ```

mod inflight;
mod mismatch;
mod network;
mod settings;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jiff::Timestamp;

pub use self::mismatch::{Difference, Lateness, MatchKey, Matched, Mismatch, Nearest};
pub use self::network::{NetworkCodes, NetworkFunction};
pub use self::settings::Settings;

use self::inflight::{Arrival, InFlight};
use self::network::Network;
use crate::element::ResponseCode;
use crate::key::FieldKey;
use crate::message::Message;
use crate::mti::Class;

/// The time, as the shell read it: one clock for waiting, one for what is written in messages.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Never jumps: deadlines.
    pub instant: Instant,
    /// Wall clock: DE 7 and its like.
    pub utc: Timestamp,
}

/// The machine of one link, from connected to closed. `T` is what the program wants back with an
/// answer.
#[derive(Debug)]
pub struct Session<T> {
    settings: Settings,
    state: State,
    network: Network,
    in_flight: InFlight<T>,
    outputs: VecDeque<Output<T>>,
}

/// Where in its life a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Connected; our sign-on is not answered yet.
    SigningOn,
    /// Requests may go either way.
    Up,
    /// The peer signed off: it gets no requests; its own are still served.
    SignedOff,
    /// We signed off and wait for the answer.
    Leaving,
    /// Nothing more is to be done but to close.
    Closing,
}

/// What a session wants done or has to tell, in order.
#[derive(Debug)]
pub enum Output<T> {
    /// Write this: the session's own network message, or the answer to one.
    Send(Message),
    /// The peer asks or tells something: the program's to answer.
    Request(Message),
    /// The peer's network message asks what only the program can do; it is answered already, as
    /// [`NetworkCodes`] says. The message may hold a key.
    Network {
        /// What.
        function: NetworkFunction,
        /// The whole of it.
        request: Message,
    },
    /// The answer to a request of the program.
    Answered {
        /// What the program gave along with the request.
        token: T,
        /// The answer.
        answer: Message,
    },
    /// No answer came in time. One that comes later will be [`Output::Late`].
    TimedOut {
        /// What the program gave along with the request.
        token: T,
    },
    /// An answer to a request that had timed out: to be recorded, never delivered.
    Late {
        /// The answer.
        answer: Message,
        /// How late, and what it was known by.
        lateness: Box<Lateness>,
    },
    /// An answer to nothing that was asked here.
    Unmatched {
        /// The answer.
        answer: Message,
        /// What it was looked for by, and what it comes nearest to.
        mismatch: Box<Mismatch>,
    },
    /// The link's state changed.
    State(State),
    /// Close the connection.
    Close(CloseReason),
}

/// Why a session wants its connection closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// The peer answers neither echo nor sign-on.
    #[error("the peer does not answer network messages")]
    Silent,
    /// The peer refused our sign-on.
    #[error("the peer refused the sign-on with {0}")]
    SignOnRefused(ResponseCode),
    /// We signed off.
    #[error("signed off")]
    SignedOff,
}

/// A request that may be sent, by the key its answer will be matched with.
#[derive(Debug)]
pub struct Admitted(FieldKey);

/// Why a request was not taken. Nothing of it was or will be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The link is not up: signing on, signed off, leaving.
    #[error("the link is not signed on")]
    NotUp,
    /// As many requests as allowed wait for their answers.
    #[error("too many requests in flight on the link")]
    Full,
    /// A request that answers could not be told apart from is in flight.
    #[error("a request with the same matching key is in flight")]
    KeyInUse,
}

impl<T> Session<T> {
    /// The session of a connection just made.
    #[must_use]
    pub fn new(settings: Settings, now: Now) -> Self {
        let mut session = Self {
            state: State::Up,
            network: Network::new(now.instant),
            in_flight: InFlight::new(settings.in_flight_max, settings.late_max),
            outputs: VecDeque::new(),
            settings,
        };
        if session.settings.sign_on {
            session.state = State::SigningOn;
            session.ask_network(now, session.settings.codes.sign_on);
        }
        session
    }

    /// Where the link is.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// May the program send requests?
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// Requests that wait for their answers.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// May this request be sent now? What it gives back is for [`Session::sent`].
    ///
    /// # Errors
    /// Why it must not be sent.
    pub fn admit(&self, message: &Message) -> Result<Admitted, Refused> {
        if self.state != State::Up {
            return Err(Refused::NotUp);
        }
        let key = self.settings.match_key(message);
        self.in_flight.admit(&key)?;
        Ok(Admitted(key))
    }

    /// The request is on its way: its answer will come with the token, or time out with it.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "an admission is good for one sending"
    )]
    pub fn sent(&mut self, now: Now, request: Admitted, token: T) {
        let deadline = now.instant + self.settings.answer_timeout;
        self.in_flight.insert(request.0, deadline, token);
    }

    /// A message came off the wire.
    pub fn handle_message(&mut self, now: Now, message: Message) {
        let output = self.receive(now, message);
        self.outputs.extend(output);
    }

    /// As [`Session::handle_message`], but gives back at once what it leads to, where that is one
    /// thing and nothing else waits to be polled.
    pub fn receive(&mut self, now: Now, message: Message) -> Option<Output<T>> {
        self.network.heard(now.instant);
        let output = match (message.mti().class(), message.mti().is_response()) {
            (Class::NetworkManagement, true) => {
                self.handle_network_answer(now, &message);
                return None;
            }
            (Class::NetworkManagement, false) => {
                self.handle_network_request(message);
                return None;
            }
            (_, false) => Output::Request(message),
            (_, true) => self.matched(now, message),
        };
        if self.outputs.is_empty() {
            return Some(output);
        }
        self.outputs.push_back(output);
        None
    }

    fn matched(&mut self, now: Now, answer: Message) -> Output<T> {
        let elements = &self.settings.match_elements;
        let key = self.settings.match_key(&answer);
        match self.in_flight.arrive(&key) {
            Arrival::InTime(token) => Output::Answered { token, answer },
            Arrival::Late(deadline) => Output::Late {
                lateness: Box::new(Lateness {
                    by: now.instant.saturating_duration_since(deadline),
                    key: MatchKey::of(&key, answer.mti(), elements),
                }),
                answer,
            },
            Arrival::Unknown => {
                let nearest = self.in_flight.nearest(&key, elements);
                let timeout = self.settings.answer_timeout;
                let nearest = nearest.map(|(key, due)| (key, waited(now, due, timeout)));
                let pending = self.in_flight.len();
                Output::Unmatched {
                    mismatch: Mismatch::new(answer.mti(), &key, elements, pending, nearest),
                    answer,
                }
            }
        }
    }

    /// The time asked for with [`Session::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(token) = self.in_flight.expire(now.instant) {
            self.outputs.push_back(Output::TimedOut { token });
        }
        self.handle_network_timeout(now);
    }

    /// What to do next; None when there is nothing.
    pub fn poll_output(&mut self) -> Option<Output<T>> {
        self.outputs.pop_front()
    }

    /// When to call [`Session::handle_timeout`]; None when nothing is waited for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let network = self.network_deadline();
        self.in_flight.deadline().into_iter().chain(network).min()
    }

    /// Tells the peer that we leave. The session closes once that is answered, or not answered.
    pub fn sign_off(&mut self, now: Now) {
        if matches!(self.state, State::Up | State::SignedOff) {
            self.enter(State::Leaving);
            self.ask_network(now, self.settings.codes.sign_off);
        }
    }

    /// The connection is gone: what was sent on it and not answered, with what timed out or was
    /// answered and was not polled any more.
    pub fn into_unanswered(self) -> impl Iterator<Item = T> {
        let unpolled = self.outputs.into_iter().filter_map(|output| match output {
            Output::TimedOut { token } | Output::Answered { token, .. } => Some(token),
            Output::Send(_)
            | Output::Close(_)
            | Output::Request(_)
            | Output::Network { .. }
            | Output::Late { .. }
            | Output::Unmatched { .. }
            | Output::State(_) => None,
        });
        unpolled.chain(self.in_flight.into_tokens())
    }

    fn enter(&mut self, state: State) {
        if self.state != state {
            self.state = state;
            self.outputs.push_back(Output::State(state));
        }
    }

    fn close(&mut self, reason: CloseReason) {
        self.enter(State::Closing);
        self.outputs.push_back(Output::Close(reason));
    }
}

/// How long what is due then, after a time allowed, has waited.
fn waited(now: Now, due: Instant, allowed: Duration) -> Duration {
    allowed.saturating_sub(due.saturating_duration_since(now.instant))
}

#[cfg(test)]
mod tests;
