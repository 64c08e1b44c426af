#![no_main]
//! `cargo fuzz run spec_file`: see [`iso8583_fuzz::spec_file::spec_file`].

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| iso8583_fuzz::spec_file::spec_file(bytes));
