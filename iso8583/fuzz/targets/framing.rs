#![no_main]
//! `cargo fuzz run framing`: see [`iso8583_fuzz::codec::framing`].

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| iso8583_fuzz::codec::framing(bytes));
