//! What an MTI says, digit by digit.

use crate::mti::{Class, Mti};

/// Version, class, function and origin: `1987, reversal, advice, acquirer repeat`.
///
/// ```
/// use iso8583::{Mti, words};
///
/// let mti = Mti::FINANCIAL_REQUEST;
/// assert_eq!(words::message_type(mti), "1987, financial, request, acquirer");
/// ```
#[must_use]
pub fn message_type(mti: Mti) -> String {
    let &[version, _, function, origin] = mti.as_bytes();
    let version = match version {
        b'0' => "1987",
        b'1' => "1993",
        b'2' => "2003",
        b'8' => "national version",
        b'9' => "private version",
        _ => "reserved version",
    };
    let class = match mti.class() {
        Class::Authorization => "authorization",
        Class::Financial => "financial",
        Class::FileAction => "file action",
        Class::Reversal => "reversal",
        Class::Reconciliation => "reconciliation",
        Class::Administrative => "administrative",
        Class::FeeCollection => "fee collection",
        Class::NetworkManagement => "network management",
        Class::Reserved => "reserved class",
    };
    let function = match function {
        b'0' => "request",
        b'1' => "request response",
        b'2' => "advice",
        b'3' => "advice response",
        b'4' => "notification",
        b'5' => "notification acknowledgement",
        b'6' => "instruction",
        b'7' => "instruction acknowledgement",
        b'8' => "positive acknowledgement",
        _ => "negative acknowledgement",
    };
    let origin = match origin {
        b'0' => "acquirer",
        b'1' => "acquirer repeat",
        b'2' => "issuer",
        b'3' => "issuer repeat",
        b'4' => "other",
        b'5' => "other repeat",
        _ => "reserved origin",
    };
    format!("{version}, {class}, {function}, {origin}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_types_in_words() {
        for (mti, says) in [
            ("0100", "1987, authorization, request, acquirer"),
            ("0210", "1987, financial, request response, acquirer"),
            ("0421", "1987, reversal, advice, acquirer repeat"),
            ("0532", "1987, reconciliation, advice response, issuer"),
            ("1804", "1993, network management, request, other"),
            ("2360", "2003, file action, instruction, acquirer"),
            (
                "0290",
                "1987, financial, negative acknowledgement, acquirer",
            ),
            (
                "3006",
                "reserved version, reserved class, request, reserved origin",
            ),
        ] {
            assert_eq!(message_type(mti.parse().unwrap()), says, "{mti}");
        }
    }
}
