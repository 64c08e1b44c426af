//! What differs between links.

use std::time::Duration;

use crate::key::FieldKey;
use crate::message::Message;
use crate::session::NetworkCodes;

/// The behaviour of one end of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Do we sign on when connected, and wait for the answer before requests?
    pub sign_on: bool,
    /// After how much silence of the peer we send an echo test; None: never unasked.
    pub echo_after: Option<Duration>,
    /// How many echo tests or sign-ons in a row may stay without an answer.
    pub network_tries: u8,
    /// How long an answer to a sign-on or echo test may take.
    pub network_timeout: Duration,
    /// How long the answer to a request may take.
    pub answer_timeout: Duration,
    /// How many requests may wait for answers at once.
    pub in_flight_max: usize,
    /// How many timed-out requests are remembered, so that their answers are known as late.
    pub late_max: usize,
    /// The elements an answer is matched by, beside its class.
    pub match_elements: Vec<u8>,
    /// Institution id we give in DE 32 of our own network messages.
    pub institution: Option<String>,
    /// What network messages are known by, and how they are answered.
    pub codes: NetworkCodes,
}

impl Settings {
    pub(crate) fn match_key(&self, message: &Message) -> FieldKey {
        FieldKey::new(message, &self.match_elements)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sign_on: false,
            echo_after: None,
            network_tries: 3,
            network_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(10),
            in_flight_max: 16_384,
            late_max: 4_096,
            match_elements: vec![7, 11, 12, 13, 32, 37, 41, 42],
            institution: None,
            codes: NetworkCodes::default(),
        }
    }
}
