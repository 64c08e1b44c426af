#![no_main]
//! `cargo fuzz run track2`: see [`iso8583_fuzz::codec::track2`].

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| iso8583_fuzz::codec::track2(bytes));
