//! How the characters of a value become bytes: one file an encoding, each both ways.

pub(crate) mod bcd;
pub(crate) mod hex;
