//! DE 39: what became of a request.

use core::fmt;

use crate::error::InvalidElement;

/// Two characters (ISO 8583:1987 DE 39). Values nobody named here survive a round trip, for peers
/// invent codes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResponseCode([u8; 2]);

macro_rules! response_codes {
    ($($name:ident = $code:literal, $words:literal;)*) => {
        impl ResponseCode {
            $(
                #[doc = concat!("`", $code, "`: ", $words, ".")]
                pub const $name: Self = Self::literal($code);
            )*

            /// What the code says, for people.
            #[must_use]
            pub fn words(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)*
                    _ => "code of the peer's own",
                }
            }
        }
    };
}

response_codes! {
    APPROVED = "00", "approved";
    INVALID_MERCHANT = "03", "invalid merchant";
    DO_NOT_HONOUR = "05", "do not honour";
    REQUEST_IN_PROGRESS = "09", "request in progress";
    APPROVED_PARTIAL = "10", "approved for a partial amount";
    INVALID_TRANSACTION = "12", "invalid transaction";
    INVALID_AMOUNT = "13", "invalid amount";
    INVALID_CARD_NUMBER = "14", "invalid card number";
    NO_SUCH_ISSUER = "15", "no such issuer";
    CUSTOMER_CANCELLATION = "17", "customer cancellation";
    REENTER_TRANSACTION = "19", "re-enter transaction";
    INVALID_RESPONSE = "20", "invalid response";
    NO_ACTION_TAKEN = "21", "no action taken";
    SUSPECTED_MALFUNCTION = "22", "suspected malfunction";
    RECORD_NOT_FOUND = "25", "unable to locate record";
    FORMAT_ERROR = "30", "format error";
    BANK_NOT_SUPPORTED = "31", "bank not supported by switch";
    LOST_CARD = "41", "lost card";
    STOLEN_CARD = "43", "stolen card";
    INSUFFICIENT_FUNDS = "51", "not sufficient funds";
    EXPIRED_CARD = "54", "expired card";
    INCORRECT_PIN = "55", "incorrect card password";
    NOT_PERMITTED_TO_CARDHOLDER = "57", "transaction not permitted to cardholder";
    NOT_PERMITTED_TO_TERMINAL = "58", "transaction not permitted to terminal";
    EXCEEDS_AMOUNT_LIMIT = "61", "exceeds amount limit";
    RESTRICTED_CARD = "62", "restricted card";
    SECURITY_VIOLATION = "63", "security violation";
    ORIGINAL_AMOUNT_INCORRECT = "64", "original amount incorrect";
    EXCEEDS_FREQUENCY_LIMIT = "65", "exceeds frequency limit";
    RESPONSE_TOO_LATE = "68", "response received too late";
    PIN_TRIES_EXCEEDED = "75", "card password tries exceeded";
    CUT_OFF_IN_PROGRESS = "90", "cut-off in progress";
    ISSUER_INOPERATIVE = "91", "issuer or switch inoperative";
    NO_ROUTE = "92", "institution cannot be found for routing";
    DUPLICATE = "94", "duplicate transmission";
    RECONCILE_ERROR = "95", "reconcile error";
    SYSTEM_MALFUNCTION = "96", "system malfunction";
}

impl ResponseCode {
    /// Does the code approve money: 00, 08, 10, 11 or 16? Everything else declines.
    #[must_use]
    pub const fn approves(self) -> bool {
        matches!(&self.0, b"00" | b"08" | b"10" | b"11" | b"16")
    }

    /// The two characters of DE 39.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 2] {
        &self.0
    }

    const fn literal(code: &'static str) -> Self {
        match code.as_bytes() {
            [tens, ones] => Self([*tens, *ones]),
            // Only reachable from the table above, at compile time.
            _ => Self(*b"96"),
        }
    }
}

impl TryFrom<&[u8]> for ResponseCode {
    type Error = InvalidElement;

    fn try_from(code: &[u8]) -> Result<Self, InvalidElement> {
        match <[u8; 2]>::try_from(code) {
            Ok(code) if code.iter().all(u8::is_ascii_alphanumeric) => Ok(Self(code)),
            Ok(_) | Err(_) => Err(InvalidElement::new("response code", "2 letters or digits")),
        }
    }
}

impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(f, "{}", char::from(*byte)))
    }
}

impl fmt::Debug for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResponseCode({self} {})", self.words())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_five_codes_approve() {
        let codes = (0..100_u8).map(|code| ResponseCode([b'0' + code / 10, b'0' + code % 10]));
        let approving: Vec<String> = codes
            .filter(|code| code.approves())
            .map(|code| code.to_string())
            .collect();
        assert_eq!(approving, ["00", "08", "10", "11", "16"]);
    }

    #[test]
    fn a_code_nobody_knows_survives_a_round_trip() {
        let code = ResponseCode::try_from(&b"Z3"[..]).unwrap();
        assert_eq!(
            (code.to_string().as_str(), code.words()),
            ("Z3", "code of the peer's own")
        );
    }
}
