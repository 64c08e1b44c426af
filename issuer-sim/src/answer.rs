//! What the issuer says to a request, as far as it is remembered and repeated byte for byte.

use std::fmt;

use iso8583::element::ResponseCode;

use crate::money::Minor;

/// The parts of an answer that are the issuer's own: DE 15, 38, 39, 44 and 54. All else of an
/// answer echoes the request, so this is all that must be kept to say the same again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// DE 39.
    pub code: ResponseCode,
    /// DE 38, when approved.
    pub approval: Option<ApprovalCode>,
    /// DE 15 of the first request: the business date the switch gave it.
    pub settlement_date: Option<[u8; 4]>,
    /// DE 44: the data element in error, three digits.
    pub element_in_error: Option<u8>,
    /// DE 54.
    pub balances: Balances,
}

impl Answer {
    /// An answer of a response code and the DE 15 of its request.
    #[must_use]
    pub const fn dated(code: ResponseCode, settlement_date: Option<[u8; 4]>) -> Self {
        Self {
            settlement_date,
            ..Self::bare(code)
        }
    }

    /// An answer of a response code and nothing else.
    #[must_use]
    pub const fn bare(code: ResponseCode) -> Self {
        Self {
            code,
            approval: None,
            settlement_date: None,
            element_in_error: None,
            balances: Balances::None,
        }
    }
}

/// Which balances an answer tells (ISO 8583:1987 DE 54).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balances {
    /// None.
    None,
    /// What is left to spend: after a purchase.
    Available(Minor),
    /// Ledger balance, then available: to an inquiry.
    LedgerAndAvailable(Minor, Minor),
}

/// Approval code: six letters and digits (ISO 8583:1987 DE 38), unique for the next two thousand
/// million approvals of this issuer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ApprovalCode(pub [u8; 6]);

impl ApprovalCode {
    /// The code of the issuer's approval number `count`. Codes are spread, so that one does not
    /// tell the next.
    #[must_use]
    pub fn nth(count: u64) -> Self {
        // The factor shares no divisor with 36, so no two counts below the space meet. The offset
        // keeps the first code from being 000000, which slips and people take for none.
        let mut rest = ((count % SPACE) * SPREAD + OFFSET) % SPACE;
        let mut code = [b'0'; 6];
        for digit in code.iter_mut().rev() {
            let position = usize::try_from(rest % RADIX).unwrap_or_default();
            *digit = ALPHABET.get(position).copied().unwrap_or(b'0');
            rest /= RADIX;
        }
        Self(code)
    }
}

impl fmt::Debug for ApprovalCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

const RADIX: u64 = 36;
const SPACE: u64 = RADIX.pow(6);
const SPREAD: u64 = 1_234_567_891;
const OFFSET: u64 = 1_000_000_007;
const ALPHABET: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn approval_codes_are_six_letters_or_digits_and_do_not_repeat() {
        let mut seen = HashSet::new();
        for count in 0..50_000 {
            let code = ApprovalCode::nth(count);
            assert!(code.0.iter().all(u8::is_ascii_alphanumeric));
            assert!(seen.insert(code.0), "{code:?} again at {count}");
        }
        // No common divisor with the space: nothing meets before the space is used up.
        assert_ne!(SPREAD % 2, 0);
        assert_ne!(SPREAD % 3, 0);
    }
}
