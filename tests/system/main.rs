//! The system as its users see it: real processes, real sockets.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test kit: what is broken stops the test"
)]

mod admission;
mod crash;
mod failover;
mod forward;
mod gray;
mod hostile;
mod interop;
mod journal;
mod lifecycle;
mod masking;
mod network_cancel;
mod numbers;
mod physical_card;
mod reconciliation;
mod two_switches;
mod unaffiliated;

use support::world::{Programs, World};

fn programs() -> Programs {
    Programs {
        issuer: env!("CARGO_BIN_EXE_issuer-process"),
        switch: env!("CARGO_BIN_EXE_switch-process"),
    }
}

fn world() -> World {
    World::start(programs())
}
