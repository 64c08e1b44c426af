//! One socket, one session: the tokio shell around [`iso8583::session`].
//!
//! What this crate is **not**: it looks into no message (the session does) and decides nothing.
//! It reads all that a socket holds, hands out whole batches of events, and writes what it was
//! given with one system call.
//!
//! # Layout
//! - [`LinkConfig`]: what a program's configuration says of a link; parses into [`LinkSettings`]
//! - [`Link`]: a connection and its session; a program's task owns it and calls [`Link::next`]
//! - [`accept`]: listening, with a bound on connections
//! - [`Connector`]: connecting again and again, with jittered back-off
//! - [`Client`]: a task that keeps a link up, for programs that ask one question at a time

pub mod accept;
mod client;
mod config;
mod connect;
mod link;

pub use client::{Client, RequestError};
pub use config::{LengthHeaderName, LinkConfig, LinkConfigError, LinkSettings, NetworkCodesConfig};
pub use connect::Connector;
pub use link::{Closed, Event, Link, RequestRefused};

use iso8583::session::Now;

/// The time by both clocks. The monotonic one is tokio's, so that a test may pause it.
#[must_use]
pub fn now() -> Now {
    Now {
        instant: tokio::time::Instant::now().into_std(),
        utc: jiff::Timestamp::now(),
    }
}
