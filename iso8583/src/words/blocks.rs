//! What elements made of parts say: additional amounts, original data, replacement amounts, the
//! service code of the card.

use crate::element::{AdditionalAmounts, Currency, OriginalData, all_digits, number};
use crate::words::{account, amount};

/// DE 54: each block's amount type, account type and amount. None where it is no such element.
#[must_use]
pub fn additional_amounts(value: &[u8]) -> Option<String> {
    let amounts = AdditionalAmounts::try_from(value).ok()?;
    let said: Vec<String> = amounts
        .blocks()
        .iter()
        .zip(value.chunks(20))
        .filter_map(|(block, bytes)| {
            let kind = amount_type(bytes.get(2..4)?);
            let account = account(&block.account_type)?;
            let sum = amount(block.minor.unsigned_abs(), block.currency);
            let sign = if bytes.get(7) == Some(&b'D') {
                "debit"
            } else {
                "credit"
            };
            Some(format!("{kind}, {account}: {sum} {sign}"))
        })
        .collect();
    Some(said.join("; "))
}

/// Positions 3 and 4 of a block of DE 54.
const fn amount_type(digits: &[u8]) -> &'static str {
    match digits {
        b"01" => "ledger balance",
        b"02" => "available balance",
        b"20" => "remaining this cycle",
        b"40" => "cashback",
        b"42" => "surcharge",
        b"57" => "original amount",
        b"80" => "gratuity",
        b"81" => "tax",
        b"90" => "available credit",
        b"91" => "credit limit",
        _ => "other amount",
    }
}

/// DE 90: which message is meant. None where it is no such element.
#[must_use]
pub fn original_data(value: &[u8]) -> Option<String> {
    let original = OriginalData::try_from(value).ok()?;
    let text = |digits| core::str::from_utf8(digits).ok();
    let (stan, sent) = (text(original.stan())?, text(original.transmission())?);
    let mut words = format!("{}, STAN {stan}, sent {sent}", original.mti());
    let institution = |digits: Option<&[u8]>| number(digits?).filter(|id| *id != 0);
    for (name, id) in [
        ("acquirer", original.acquirer()),
        ("forwarder", institution(value.get(31..42))),
    ] {
        if let Some(id) = id {
            words.push_str(&format!(", {name} {id}"));
        }
    }
    Some(words)
}

/// DE 95: what is left of the original after a reversal. None where it is no such element.
#[must_use]
pub fn replacement_amounts(value: &[u8], currency: Option<Currency>) -> Option<String> {
    let left = number(value.get(..12).filter(|_| value.len() == 42)?)?;
    match (left, currency) {
        (0, _) => Some("nothing remains, full reversal".to_owned()),
        (left, Some(currency)) => Some(format!("{} remains", amount(left, currency))),
        (left, None) => Some(format!("{left} minor units remain")),
    }
}

/// DE 40 and EMV 5F30: the three digits of the service code (ISO 7813). None where they are not
/// three digits.
#[must_use]
pub fn service_code(code: &[u8]) -> Option<String> {
    let &[interchange, authorization, services] = code else {
        return None;
    };
    if !all_digits(code) {
        return None;
    }
    let interchange = match interchange {
        b'1' => "international",
        b'2' => "international, chip",
        b'5' => "national",
        b'6' => "national, chip",
        b'7' => "private",
        b'9' => "test",
        _ => "reserved interchange",
    };
    let authorization = match authorization {
        b'0' => "normal authorization",
        b'2' => "authorized by the issuer online",
        b'4' => "authorized by the issuer online unless agreed",
        _ => "reserved authorization",
    };
    let services = match services {
        b'0' => "no restrictions, PIN required",
        b'1' => "no restrictions",
        b'2' => "goods and services only",
        b'3' => "ATM only, PIN required",
        b'4' => "cash only",
        b'5' => "goods and services only, PIN required",
        b'6' => "no restrictions, PIN if there is a PIN pad",
        b'7' => "goods and services only, PIN if there is a PIN pad",
        _ => "reserved services",
    };
    Some(format!("{interchange}, {authorization}, {services}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balances_are_told_with_their_currency_and_sign() {
        let wire = b"0001410C0000001000001002840D000000000500";
        assert_eq!(
            additional_amounts(wire).as_deref(),
            Some(
                "ledger balance, default account: 100,000 KRW credit; \
                 available balance, savings account: 5.00 USD debit"
            )
        );
        assert_eq!(additional_amounts(b"0001410C"), None);
    }

    #[test]
    fn the_original_of_the_golden_reversal_is_told() {
        let golden = b"020000012303150230150000045000100000000000";
        assert_eq!(
            original_data(golden).as_deref(),
            Some("0200, STAN 000123, sent 0315023015, acquirer 450001")
        );
        let forwarded = b"020000012303150230150000045000100000000007";
        assert_eq!(
            original_data(forwarded).as_deref(),
            Some("0200, STAN 000123, sent 0315023015, acquirer 450001, forwarder 7")
        );
        assert_eq!(original_data(b"0200"), None);
    }

    #[test]
    fn what_remains_after_a_reversal_is_told() {
        let partial = b"000000005000000000000000000000000000000000";
        let none = &[b'0'; 42][..];
        for (value, currency, says) in [
            (&partial[..], Some(Currency::USD), Some("50.00 USD remains")),
            (partial, None, Some("5000 minor units remain")),
            (none, None, Some("nothing remains, full reversal")),
            (&partial[..41], None, None),
        ] {
            assert_eq!(replacement_amounts(value, currency).as_deref(), says);
        }
    }

    #[test]
    fn service_codes_in_words() {
        assert_eq!(
            service_code(b"201").as_deref(),
            Some("international, chip, normal authorization, no restrictions")
        );
        assert_eq!(service_code(b"20"), None);
        assert_eq!(service_code(b"20X"), None);
    }
}
