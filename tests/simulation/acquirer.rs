//! What the world asks of whoever asks the switch: VANs and a terminal.

use std::time::Duration;

use iso8583::session::Settings;

use crate::network::Socket;
use crate::stage::Stage;

/// Cards that the acquirers share.
pub(crate) const CARDS: u32 = 4;

pub(crate) trait Acquirer {
    /// Begins a transaction.
    fn begin(&mut self, stage: &mut Stage);

    /// Goes on with what was not answered.
    fn again(&mut self, stage: &mut Stage, transaction: usize);

    /// Undoes an approved transaction for its customer.
    fn void(&mut self, stage: &mut Stage, transaction: usize);

    fn connected(&mut self, stage: &mut Stage, socket: Socket);

    fn is_connected(&self) -> bool;

    fn handle_message(&mut self, stage: &mut Stage, message: iso8583::Message);

    fn handle_timeout(&mut self, stage: &mut Stage);

    /// The connection is gone: what was sent on it has no answer.
    fn gone(&mut self, stage: &mut Stage);

    /// Its power fails; what it keeps is kept.
    fn restart(&mut self, stage: &mut Stage);

    /// Its wall clock is so many milliseconds off.
    fn set_clock(&mut self, skew_millis: i64);

    /// Has every transaction ended, and nothing been left over?
    fn is_done(&self) -> bool;

    /// What it believes of each transaction.
    fn outcomes(&self) -> Vec<Outcome>;
}

/// What an acquirer believes of a transaction.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// DE 37.
    pub(crate) rrn: String,
    pub(crate) amount: i64,
    pub(crate) kind: Kind,
    pub(crate) state: State,
    /// It was approved to the acquirer, whatever came after.
    pub(crate) told: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Purchase,
    Refund,
    PreAuthorization,
    Inquiry,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Asking,
    Approved,
    Declined,
    Reversing,
    Reversed,
}

impl State {
    pub(crate) const fn has_ended(self) -> bool {
        matches!(self, Self::Approved | Self::Declined | Self::Reversed)
    }
}

/// Waits for an answer longer than the switch waits for an issuer.
pub(crate) fn settings() -> Settings {
    Settings {
        sign_on: true,
        echo_after: Some(Duration::from_secs(30)),
        answer_timeout: Duration::from_secs(15),
        ..Settings::default()
    }
}
