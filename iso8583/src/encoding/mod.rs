//! How characters and bytes stand on the wire.

pub(crate) mod bcd;
pub(crate) mod ebcdic;
pub(crate) mod euc_kr;
pub(crate) mod hex;
mod sink;

pub(crate) use sink::{Nowhere, Room, Sink};
