#![no_main]
//! `cargo fuzz run tlv`: see [`iso8583_fuzz::codec::tlv`].

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| iso8583_fuzz::codec::tlv(bytes));
