//! What the codes of network management, settlement and files say: DE 66, 70 and 91.

/// DE 70, three digits. The codes of the standard, and those that networks added; links may be
/// configured with others. None for codes nobody knows.
#[must_use]
pub fn network_code(code: &[u8]) -> Option<&'static str> {
    Some(match code {
        b"001" => "sign-on",
        b"002" => "sign-off",
        b"003" => "target system unavailable",
        b"004" => "backup mode",
        b"005" => "special instruction",
        b"006" => "alternate routing",
        b"060" => "store-and-forward session request",
        b"061" => "group sign-on",
        b"062" => "group sign-off",
        b"065" => "start stand-in",
        b"066" => "stop stand-in",
        b"101" | b"161" => "key change",
        b"162" => "new key request",
        b"163" => "key repeat",
        b"164" => "key verification",
        b"201" => "cut-over begins",
        b"202" => "cut-over complete",
        b"270" | b"301" => "echo test",
        b"363" => "end of store-and-forward file",
        _ => return None,
    })
}

/// DE 66, one digit. None for codes nobody knows.
#[must_use]
pub fn settlement_code(code: &[u8]) -> Option<&'static str> {
    Some(match code {
        b"1" => "in balance",
        b"2" => "out of balance",
        b"9" => "received, no balancing done",
        _ => return None,
    })
}

/// DE 91, one character. None for codes nobody knows.
#[must_use]
pub fn file_update(code: &[u8]) -> Option<&'static str> {
    Some(match code {
        b"1" => "add record",
        b"2" => "change record",
        b"3" => "delete record",
        b"4" => "replace record",
        b"5" => "inquiry",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_the_network_in_words() {
        for (code, says) in [
            (&b"001"[..], Some("sign-on")),
            (b"161", Some("key change")),
            (b"270", Some("echo test")),
            (b"301", Some("echo test")),
            (b"999", None),
            (b"1", None),
        ] {
            assert_eq!(network_code(code), says, "{code:?}");
        }
        assert_eq!(settlement_code(b"2"), Some("out of balance"));
        assert_eq!(settlement_code(b"7"), None);
        assert_eq!(file_update(b"3"), Some("delete record"));
        assert_eq!(file_update(b"12"), None);
    }
}
