//! What must hold of any bytes at all. Each function takes them, and panics where it does not hold.
//!
//! libFuzzer calls the functions with bytes it makes up (`targets/`); tests of `iso8583` and
//! `iso8583-cli` include the same files and call them with the bytes in `corpus/`. Bytes that once
//! broke something belong there.

pub mod capture;
pub mod codec;
pub mod spec_file;
