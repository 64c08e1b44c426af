//! The issuer over its real sockets: host link and office, started on ports the system chooses.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "test kit"
)]

mod host;
mod kill;
mod office;
mod restart;
mod world;
