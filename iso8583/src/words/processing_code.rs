//! What DE 3 says: transaction type, account from, account to.

use crate::element::all_digits;

/// The six digits of DE 3 in words: `purchase, from default account, to default account`. None
/// where they are not six digits.
#[must_use]
pub fn processing_code(code: &[u8]) -> Option<String> {
    let &[tens, ones, ref accounts @ ..] = code else {
        return None;
    };
    let &[a, b, c, d] = accounts else {
        return None;
    };
    let kind = transaction_type(&[tens, ones])?;
    let (from, to) = (account(&[a, b])?, account(&[c, d])?);
    Some(format!("{kind}, from {from}, to {to}"))
}

/// The first two digits of DE 3; the group of a type nobody knows. None where they are not two
/// digits.
#[must_use]
pub fn transaction_type(digits: &[u8]) -> Option<&'static str> {
    if digits.len() != 2 || !all_digits(digits) {
        return None;
    }
    Some(match digits {
        b"00" => "purchase",
        b"01" => "cash withdrawal",
        b"02" => "debit adjustment or void",
        b"03" => "cheque guarantee",
        b"04" => "cheque verification",
        b"09" => "purchase with cashback",
        b"10" => "account funding",
        b"11" => "quasi-cash",
        b"17" => "cash disbursement",
        b"20" => "refund",
        b"21" => "deposit or load",
        b"22" => "credit adjustment",
        b"26" => "original credit",
        b"28" => "prepaid load",
        b"30" => "available funds inquiry",
        b"31" => "balance inquiry",
        b"40" => "transfer between accounts",
        b"70" => "PIN change",
        b"72" => "card activation",
        b"73" => "PIN block",
        b"74" => "PIN unblock",
        [b'0' | b'1', _] => "other debit",
        [b'2', _] => "other credit",
        [b'3', _] => "other inquiry",
        [b'4', _] => "other transfer",
        [b'5', _] => "payment",
        [b'9', _] => "private transaction type",
        _ => "reserved transaction type",
    })
}

/// Two digits of an account type, in DE 3 and DE 54; None where they are not two digits.
#[must_use]
pub fn account(digits: &[u8]) -> Option<&'static str> {
    if digits.len() != 2 || !all_digits(digits) {
        return None;
    }
    Some(match digits {
        b"00" => "default account",
        b"10" => "savings account",
        b"20" => "cheque account",
        b"30" => "credit account",
        b"40" => "universal account",
        b"50" => "investment account",
        b"60" => "electronic purse",
        [b'9', _] => "private account type",
        _ => "other account",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processing_codes_in_words() {
        for (code, says) in [
            (
                &b"000000"[..],
                Some("purchase, from default account, to default account"),
            ),
            (
                b"013000",
                Some("cash withdrawal, from credit account, to default account"),
            ),
            (
                b"210060",
                Some("deposit or load, from default account, to electronic purse"),
            ),
            (
                b"401020",
                Some("transfer between accounts, from savings account, to cheque account"),
            ),
            (
                b"290000",
                Some("other credit, from default account, to default account"),
            ),
            (
                b"920000",
                Some("private transaction type, from default account, to default account"),
            ),
            (b"00000", None),
            (b"0000000", None),
            (b"7S0000", None),
        ] {
            assert_eq!(processing_code(code).as_deref(), says, "{code:?}");
        }
    }
}
