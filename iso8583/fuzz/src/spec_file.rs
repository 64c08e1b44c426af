//! Files of dialects.

use iso8583::spec_file::{FAULTS_MAX, read, toml};

/// Any bytes as a file of a dialect, in each form: it is one, or no more faults are told than the
/// bound. One that is written as TOML is read as it was.
pub fn spec_file(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else {
        return;
    };
    match read("fuzzed", text) {
        Ok(imported) => {
            let written = toml::write(&imported.dialect);
            let again = read("fuzzed.toml", &written).map(|again| toml::write(&again.dialect));
            assert_eq!(again.as_ref(), Ok(&written));
        }
        Err(error) => assert!(error.faults().len() <= FAULTS_MAX),
    }
}
