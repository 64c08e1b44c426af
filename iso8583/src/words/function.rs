//! What DE 24 and DE 25 say from 1993 on: what a message is to do, and why it is sent.

use crate::element::all_digits;

/// DE 24 of 1993 and later, three digits. None for codes nobody knows.
#[must_use]
pub fn function_code(code: &[u8]) -> Option<&'static str> {
    Some(match code {
        b"100" => "original authorization, amount accurate",
        b"101" => "original authorization, amount estimated",
        b"102" => "replacement authorization, amount accurate",
        b"103" => "replacement authorization, amount estimated",
        b"104" => "resubmission, amount accurate",
        b"105" => "resubmission, amount estimated",
        b"106" => "supplementary authorization, amount accurate",
        b"107" => "supplementary authorization, amount estimated",
        b"108" => "inquiry",
        b"113" => "account verification",
        b"181" => "partial authorization supported by terminal",
        b"200" => "original financial request or advice",
        b"201" => "previously approved authorization, amount same",
        b"202" => "previously approved authorization, amount differs",
        b"203" => "resubmission of a denied financial request",
        b"204" => "resubmission of a reversed financial request",
        b"205" => "first representment",
        b"206" => "second representment",
        b"207" => "third or later representment",
        b"301" => "add record",
        b"302" => "change record",
        b"303" => "delete record",
        b"304" => "replace record",
        b"305" => "file inquiry",
        b"306" => "replace file",
        b"307" => "add file",
        b"308" => "delete file",
        b"309" => "card administration",
        b"400" => "full reversal, transaction did not complete as approved",
        b"401" => "partial reversal, transaction did not complete for full amount",
        b"450" => "first full chargeback",
        b"451" => "second full chargeback",
        b"452" => "third or later full chargeback",
        b"453" => "first partial chargeback",
        b"454" => "second partial chargeback",
        b"455" => "third or later partial chargeback",
        b"500" => "final reconciliation",
        b"501" => "checkpoint reconciliation",
        b"502" => "final reconciliation in a specified currency",
        b"503" => "checkpoint reconciliation in a specified currency",
        b"700" => "fee collection",
        b"701" => "fee collection cancellation",
        b"801" => "sign-on",
        b"802" => "sign-off",
        b"803" => "target system not available",
        b"804" => "originator's system in backup",
        b"805" => "special instruction",
        b"806" => "initiate alternate routing",
        b"811" => "key change",
        b"821" => "cut-over",
        b"822" => "checkpoint",
        b"831" => "echo test",
        _ => return None,
    })
}

/// DE 25 of 1993 and later, four digits: why the message is sent; the family of a reason nobody
/// knows. None for what is no code of four digits, or of a family that has no meaning.
#[must_use]
pub fn message_reason(code: &[u8]) -> Option<&'static str> {
    let code = <&[u8; 4]>::try_from(code).ok()?;
    if !all_digits(code) {
        return None;
    }
    match REASONS.binary_search_by_key(&code, |(code, _)| *code) {
        Ok(place) => REASONS.get(place).map(|(_, words)| *words),
        Err(_) => family(code),
    }
}

/// What the range of a reason says.
const fn family(code: &[u8; 4]) -> Option<&'static str> {
    Some(match code {
        [b'1', b'0'..=b'4', ..] => "reason for an advice",
        [b'1', ..] => "reason for a request",
        [b'2', ..] => "reason for a representment",
        [b'3', ..] => "reason for a file action",
        [b'4', b'0'..=b'4', ..] => "reason for a reversal",
        [b'4', ..] => "reason for a chargeback",
        [b'5', ..] => "reason for a reconciliation",
        [b'6', ..] => "reason for an administrative message",
        [b'7', ..] => "reason for a fee collection",
        [b'8', ..] => "reason for a network management message",
        _ => return None,
    })
}

/// Ascending.
static REASONS: [(&[u8; 4], &str); 64] = [
    (b"1000", "stand-in processing at the card issuer's option"),
    (b"1001", "card issuer signed off"),
    (b"1002", "card issuer timed out on original request"),
    (b"1003", "card issuer unavailable"),
    (b"1004", "terminal processed"),
    (b"1005", "chip processed"),
    (b"1006", "under floor limit"),
    (b"1007", "stand-in processing at the acquirer's option"),
    (b"1008", "stand-in processing at the receiver's option"),
    (b"1009", "receiver signed off"),
    (b"1010", "receiver timed out on original request"),
    (b"1011", "receiver unavailable"),
    (b"3000", "lost card"),
    (b"3001", "stolen card"),
    (b"3002", "undelivered card"),
    (b"3003", "counterfeit card"),
    (b"3004", "other reason for a file action"),
    (b"4000", "customer cancellation"),
    (b"4001", "unspecified, no action taken"),
    (b"4002", "suspected malfunction"),
    (b"4003", "format error, no action taken"),
    (b"4004", "completed partially"),
    (b"4005", "original amount incorrect"),
    (b"4006", "response received too late"),
    (
        b"4007",
        "card acceptor device unable to complete transaction",
    ),
    (b"4008", "deposit out of balance"),
    (b"4009", "no cheque in envelope"),
    (b"4010", "payment out of balance"),
    (b"4011", "deposit out of balance, applied contents"),
    (b"4012", "payment out of balance, applied contents"),
    (b"4013", "unable to deliver message to point of service"),
    (b"4014", "suspected malfunction, card retained"),
    (b"4015", "suspected malfunction, card returned"),
    (b"4016", "suspected malfunction, track 3 not updated"),
    (b"4017", "suspected malfunction, no cash dispensed"),
    (b"4018", "timed out at taking money, no cash dispensed"),
    (
        b"4019",
        "timed out at taking card, card retained and no cash dispensed",
    ),
    (b"4020", "invalid response, no action taken"),
    (b"4021", "timeout waiting for response"),
    (b"4351", "authorization expired"),
    (b"4501", "requested transaction information not received"),
    (b"4502", "requested information illegible or missing"),
    (b"4507", "warning bulletin file"),
    (b"4508", "required authorization not obtained"),
    (b"4512", "account number not on file"),
    (b"4524", "earlier warning bulletin protection"),
    (b"4531", "transaction amount differs"),
    (b"4534", "duplicate processing"),
    (b"4535", "card not valid or expired"),
    (b"4537", "no cardholder authorization"),
    (b"4540", "fraudulent processing of transaction"),
    (b"4541", "cancelled recurring transaction"),
    (b"4542", "late presentment"),
    (b"4546", "correct transaction currency code not provided"),
    (b"4547", "exceeds floor limit, not authorised"),
    (b"4549", "questionable card acceptor activity"),
    (b"4550", "credit posted as a purchase"),
    (b"4553", "not as described"),
    (b"4554", "cardholder dispute, not elsewhere classified"),
    (b"4555", "non-receipt of merchandise"),
    (b"4556", "defective merchandise"),
    (b"4559", "services not rendered"),
    (b"4560", "credit not processed"),
    (b"4562", "counterfeit transaction, magnetic stripe fraud"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_sorted_and_there_once() {
        for pair in REASONS.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{:?}", pair[1]);
        }
    }

    #[test]
    fn functions_and_reasons_in_words() {
        assert_eq!(function_code(b"831"), Some("echo test"));
        assert_eq!(function_code(b"999"), None);
        for (code, says) in [
            (&b"4021"[..], Some("timeout waiting for response")),
            (b"4351", Some("authorization expired")),
            (b"4499", Some("reason for a reversal")),
            (b"4999", Some("reason for a chargeback")),
            (b"0000", None),
            (b"402", None),
            (b"402X", None),
        ] {
            assert_eq!(message_reason(code), says, "{code:?}");
        }
    }
}
