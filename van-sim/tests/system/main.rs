//! The VAN between real sockets: malls ask over HTTP, a scripted switch answers ISO 8583.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test kit"
)]

mod limits;
mod payments;
mod world;
