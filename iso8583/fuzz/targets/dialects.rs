#![no_main]
//! `cargo fuzz run dialects`: see [`iso8583_fuzz::codec::dialects`].

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| iso8583_fuzz::codec::dialects(bytes));
