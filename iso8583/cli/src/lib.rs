//! The `iso8583` command: what is in a capture, a dump or a message.

pub mod capture;
pub mod hexdump;
pub mod input;
