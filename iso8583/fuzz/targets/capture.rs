#![no_main]
//! `cargo fuzz run capture`: see [`iso8583_fuzz::capture::capture`].

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| iso8583_fuzz::capture::capture(bytes));
