//! The kit the system tests speak in: processes to start and kill, a world of them, acquirers
//! that connect to it, and messages to send.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "test kit: what is broken stops the test"
)]

pub mod acquirer;
pub mod cards;
pub mod http;
pub mod issuer;
pub mod messages;
pub mod process;
pub mod proxy;
pub mod switch;
pub mod world;

use std::time::{Duration, Instant};

/// Waits until something holds; panics with its name where it does not within 30 s.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "never so: {what}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}
