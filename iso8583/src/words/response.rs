//! What DE 39 says: response codes of 1987, action codes of 1993 and 2003, reasons of reversals.

use crate::element::{all_digits, number};

/// A response code of 1987, two characters; with those that card brands and national schemes
/// filled into the reserved ranges. None for codes nobody knows.
#[must_use]
pub fn response_code(code: &[u8]) -> Option<&'static str> {
    let code = <&[u8; 2]>::try_from(code).ok()?;
    let place = RESPONSES
        .binary_search_by_key(&code, |(code, _)| *code)
        .ok()?;
    RESPONSES.get(place).map(|(_, words)| *words)
}

/// An action code of 1993, three digits, or of 2003, four; the family of one nobody knows. None for
/// what is neither.
#[must_use]
pub fn action_code(code: &[u8]) -> Option<&'static str> {
    if !all_digits(code) || !matches!(code.len(), 3 | 4) {
        return None;
    }
    let of_1993 = match *code {
        [class, tens, ones] => Some([class, tens, ones]),
        [class, group, tens, ones] => of_2003([class, group, tens, ones]),
        _ => None,
    };
    let known = of_1993.and_then(|code| {
        let place = ACTIONS
            .binary_search_by_key(&&code, |(code, _)| *code)
            .ok()?;
        ACTIONS.get(place).map(|(_, words)| *words)
    });
    known.or_else(|| family(*code.first()?))
}

/// The code of 1993 that means the same, after the list of the jPOS Common Message Format
/// (`org.jpos.rc.CMF`): it goes on where 1993 ends, and has another meaning for 0007 and 9119.
fn of_2003([class, group, tens, ones]: [u8; 4]) -> Option<[u8; 3]> {
    let same = match [class, group] {
        [b'0', b'0'] => 0..=6,
        [b'1', b'0'] => 0..=29,
        [b'2', b'0'] => 0..=10,
        [b'3', b'0'] => 0..=9,
        [b'4' | b'6' | b'7' | b'8', b'0'] => 0..=0,
        [b'5', b'0'] => 0..=4,
        [b'9', b'0'] => 0..=1,
        [b'9', b'1'] => 2..=23,
        _ => return None,
    };
    let number = number(&[tens, ones])?;
    let fits = same.contains(&number) && (class, number) != (b'9', 19);
    match [class, group, tens, ones] {
        [b'9', b'1', b'0', b'0'] => Some(*b"904"),
        [class, _, tens, ones] => fits.then_some([class, tens, ones]),
    }
}

/// What the first digit of an action code says.
const fn family(first: u8) -> Option<&'static str> {
    Some(match first {
        b'0' => "approved",
        b'1' => "declined",
        b'2' => "declined, pick up card",
        b'3' => "file action",
        b'4' => "reversal or chargeback",
        b'5' => "reconciliation",
        b'6' => "administrative",
        b'7' => "fee collection",
        b'8' => "network management",
        b'9' => "error or advice acknowledgement",
        _ => return None,
    })
}

/// ISO 8583:1987 DE 39, ascending. 46, 70 and 76 to 89 are of the card brands, 97 to 99 of the
/// German scheme (GICC).
static RESPONSES: [(&[u8; 2], &str); 85] = [
    (b"00", "approved"),
    (b"01", "refer to card issuer"),
    (b"02", "refer to card issuer, special condition"),
    (b"03", "invalid merchant"),
    (b"04", "pick up card"),
    (b"05", "do not honour"),
    (b"06", "error"),
    (b"07", "pick up card, special condition"),
    (b"08", "honour with identification"),
    (b"09", "request in progress"),
    (b"10", "approved for a partial amount"),
    (b"11", "approved, VIP"),
    (b"12", "invalid transaction"),
    (b"13", "invalid amount"),
    (b"14", "invalid card number"),
    (b"15", "no such issuer"),
    (b"16", "approved, update track 3"),
    (b"17", "customer cancellation"),
    (b"18", "customer dispute"),
    (b"19", "re-enter transaction"),
    (b"20", "invalid response"),
    (b"21", "no action taken"),
    (b"22", "suspected malfunction"),
    (b"23", "unacceptable transaction fee"),
    (b"24", "file update not supported by receiver"),
    (b"25", "unable to locate record"),
    (b"26", "duplicate file update record, old record replaced"),
    (b"27", "file update edit error"),
    (b"28", "file locked out"),
    (b"29", "file update not successful, contact acquirer"),
    (b"30", "format error"),
    (b"31", "bank not supported by switch"),
    (b"32", "completed partially"),
    (b"33", "expired card, pick up"),
    (b"34", "suspected fraud, pick up"),
    (b"35", "contact acquirer, pick up"),
    (b"36", "restricted card, pick up"),
    (b"37", "call acquirer security, pick up"),
    (b"38", "card password tries exceeded, pick up"),
    (b"39", "no credit account"),
    (b"40", "requested function not supported"),
    (b"41", "lost card"),
    (b"42", "no universal account"),
    (b"43", "stolen card"),
    (b"44", "no investment account"),
    (b"46", "closed account"),
    (b"51", "not sufficient funds"),
    (b"52", "no cheque account"),
    (b"53", "no savings account"),
    (b"54", "expired card"),
    (b"55", "incorrect card password"),
    (b"56", "no card record"),
    (b"57", "transaction not permitted to cardholder"),
    (b"58", "transaction not permitted to terminal"),
    (b"59", "suspected fraud"),
    (b"60", "card acceptor contact acquirer"),
    (b"61", "exceeds amount limit"),
    (b"62", "restricted card"),
    (b"63", "security violation"),
    (b"64", "original amount incorrect"),
    (b"65", "exceeds frequency limit"),
    (b"66", "card acceptor call acquirer's security department"),
    (b"67", "hard capture"),
    (b"68", "response received too late"),
    (b"70", "PIN data required"),
    (b"75", "card password tries exceeded"),
    (b"76", "unsolicited reversal"),
    (b"78", "blocked, first use"),
    (b"80", "system not available or bad date"),
    (b"81", "PIN cryptographic error"),
    (b"82", "negative card verification result"),
    (b"85", "no reason to decline"),
    (b"86", "cannot verify PIN"),
    (b"88", "cryptographic failure"),
    (b"89", "unacceptable PIN or bad terminal id"),
    (b"90", "cut-off in progress"),
    (b"91", "issuer or switch inoperative"),
    (b"92", "institution cannot be found for routing"),
    (b"93", "violation of law"),
    (b"94", "duplicate transmission"),
    (b"95", "reconcile error"),
    (b"96", "system malfunction"),
    (b"97", "MAC error"),
    (b"98", "date or time not plausible"),
    (b"99", "PIN encryption error"),
];

/// ISO 8583:1993 DE 39, ascending.
static ACTIONS: [(&[u8; 3], &str); 99] = [
    (b"000", "approved"),
    (b"001", "honour with identification"),
    (b"002", "approved for a partial amount"),
    (b"003", "approved, VIP"),
    (b"004", "approved, update track 3"),
    (b"005", "approved, account type specified by card issuer"),
    (
        b"006",
        "approved for a partial amount, account type specified by card issuer",
    ),
    (b"007", "approved, update chip"),
    (b"100", "do not honour"),
    (b"101", "expired card"),
    (b"102", "suspected fraud"),
    (b"103", "card acceptor contact acquirer"),
    (b"104", "restricted card"),
    (b"105", "card acceptor call acquirer's security department"),
    (b"106", "allowable PIN tries exceeded"),
    (b"107", "refer to card issuer"),
    (b"108", "refer to card issuer, special conditions"),
    (b"109", "invalid merchant"),
    (b"110", "invalid amount"),
    (b"111", "invalid card number"),
    (b"112", "PIN data required"),
    (b"113", "unacceptable fee"),
    (b"114", "no account of type requested"),
    (b"115", "requested function not supported"),
    (b"116", "not sufficient funds"),
    (b"117", "incorrect PIN"),
    (b"118", "no card record"),
    (b"119", "transaction not permitted to cardholder"),
    (b"120", "transaction not permitted to terminal"),
    (b"121", "exceeds withdrawal amount limit"),
    (b"122", "security violation"),
    (b"123", "exceeds withdrawal frequency limit"),
    (b"124", "violation of law"),
    (b"125", "card not effective"),
    (b"126", "invalid PIN block"),
    (b"127", "PIN length error"),
    (b"128", "PIN key synchronisation error"),
    (b"129", "suspected counterfeit card"),
    (b"200", "do not honour, pick up card"),
    (b"201", "expired card, pick up card"),
    (b"202", "suspected fraud, pick up card"),
    (b"203", "card acceptor contact acquirer, pick up card"),
    (b"204", "restricted card, pick up card"),
    (
        b"205",
        "card acceptor call acquirer's security department, pick up card",
    ),
    (b"206", "allowable PIN tries exceeded, pick up card"),
    (b"207", "special conditions, pick up card"),
    (b"208", "lost card"),
    (b"209", "stolen card"),
    (b"210", "suspected counterfeit card, pick up card"),
    (b"300", "file action successful"),
    (b"301", "file action not supported by receiver"),
    (b"302", "unable to locate record on file"),
    (b"303", "duplicate record, old record replaced"),
    (b"304", "field edit error"),
    (b"305", "file locked out"),
    (b"306", "file action not successful"),
    (b"307", "file data format error"),
    (b"308", "duplicate, new record rejected"),
    (b"309", "unknown file"),
    (b"400", "reversal accepted"),
    (b"500", "reconciled, in balance"),
    (b"501", "reconciled, out of balance"),
    (b"502", "amount not reconciled, totals provided"),
    (b"503", "totals for reconciliation not available"),
    (b"504", "not reconciled, totals provided"),
    (b"600", "administrative message accepted"),
    (b"601", "impossible to trace back original transaction"),
    (b"602", "invalid transaction reference number"),
    (b"603", "reference number and PAN incompatible"),
    (b"604", "POS photograph not available"),
    (b"605", "requested item supplied"),
    (
        b"606",
        "request cannot be fulfilled, required documentation not available",
    ),
    (b"700", "fee collection accepted"),
    (b"800", "network management accepted"),
    (
        b"900",
        "advice acknowledged, no financial liability accepted",
    ),
    (b"901", "advice acknowledged, financial liability accepted"),
    (b"902", "invalid transaction"),
    (b"903", "re-enter transaction"),
    (b"904", "format error"),
    (b"905", "acquirer not supported by switch"),
    (b"906", "cut-over in process"),
    (b"907", "card issuer or switch inoperative"),
    (
        b"908",
        "transaction destination cannot be found for routing",
    ),
    (b"909", "system malfunction"),
    (b"910", "card issuer signed off"),
    (b"911", "card issuer timed out"),
    (b"912", "card issuer unavailable"),
    (b"913", "duplicate transmission"),
    (b"914", "not able to trace back to original transaction"),
    (b"915", "reconciliation cut-over or checkpoint error"),
    (b"916", "MAC incorrect"),
    (b"917", "MAC key synchronisation error"),
    (b"918", "no communication keys available for use"),
    (b"919", "encryption key synchronisation error"),
    (b"920", "security software or hardware error, try again"),
    (b"921", "security software or hardware error, no action"),
    (b"922", "message number out of sequence"),
    (b"923", "request in progress"),
    (b"950", "violation of business arrangement"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::ResponseCode;

    #[test]
    fn codes_are_sorted_and_there_once() {
        for pair in RESPONSES.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{:?}", pair[1]);
        }
        for pair in ACTIONS.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{:?}", pair[1]);
        }
    }

    #[test]
    fn the_codes_programs_answer_with_are_told_the_same_way_here() {
        for (code, words) in &RESPONSES {
            let programs = ResponseCode::try_from(&code[..]).unwrap().words();
            if programs != "code of the peer's own" {
                assert_eq!(&programs, words, "{code:?}");
            }
        }
    }

    #[test]
    fn every_code_of_1987_that_is_not_reserved_has_words() {
        let told = |code: u8| response_code(format!("{code:02}").as_bytes()).is_some();
        let silent: Vec<u8> = (0..100).filter(|code| !told(*code)).collect();
        let reserved = [45, 47, 48, 49, 50, 69, 71, 72, 73, 74, 77, 79, 83, 84, 87];
        assert_eq!(silent, reserved);
        assert_eq!(response_code(b"0"), None);
        assert_eq!(response_code(b"N7"), None);
    }

    #[test]
    fn action_codes_and_their_families() {
        for (code, says) in [
            (&b"000"[..], Some("approved")),
            (b"116", Some("not sufficient funds")),
            (b"911", Some("card issuer timed out")),
            (b"199", Some("declined")),
            (b"1234", Some("declined")),
            (b"0000", Some("approved")),
            (b"0007", Some("approved")),
            (b"1016", Some("not sufficient funds")),
            (b"2008", Some("lost card")),
            (b"4000", Some("reversal accepted")),
            (b"6005", Some("administrative")),
            (b"9100", Some("format error")),
            (b"9107", Some("card issuer or switch inoperative")),
            (b"9119", Some("error or advice acknowledgement")),
            (b"00", None),
            (b"9X1", None),
        ] {
            assert_eq!(action_code(code), says, "{code:?}");
        }
    }
}
