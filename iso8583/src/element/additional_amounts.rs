//! DE 54: balances and other amounts beside DE 4.

use core::fmt;

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::take;
use nom::character::complete::char;
use nom::combinator::{all_consuming, map_opt, verify};
use nom::multi::many_m_n;

use crate::element::{Amount, Currency, all_digits, number, twelve_digits};
use crate::error::InvalidElement;

/// One to six blocks of twenty characters (ISO 8583:1987 DE 54).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdditionalAmounts(Vec<AdditionalAmount>);

impl AdditionalAmounts {
    /// An element of these blocks.
    ///
    /// # Errors
    /// Where there are none or more than six, or one has more than twelve digits.
    pub fn new(blocks: Vec<AdditionalAmount>) -> Result<Self, InvalidElement> {
        let fits = |block: &AdditionalAmount| {
            block.minor.unsigned_abs() <= Amount::MAX_MINOR && all_digits(&block.account_type)
        };
        if (1..=6).contains(&blocks.len()) && blocks.iter().all(fits) {
            Ok(Self(blocks))
        } else {
            Err(invalid())
        }
    }

    /// The blocks in the order they came.
    #[must_use]
    pub fn blocks(&self) -> &[AdditionalAmount] {
        &self.0
    }

    /// The first block of a type.
    #[must_use]
    pub fn find(&self, amount_type: AmountType) -> Option<&AdditionalAmount> {
        self.0.iter().find(|block| block.amount_type == amount_type)
    }

    /// The element's value for these blocks; what is beyond the sixth is left out.
    #[must_use]
    pub fn encode(blocks: &[AdditionalAmount]) -> Vec<u8> {
        blocks
            .iter()
            .take(6)
            .flat_map(|block| block.to_bytes())
            .collect()
    }
}

impl TryFrom<&[u8]> for AdditionalAmounts {
    type Error = InvalidElement;

    fn try_from(value: &[u8]) -> Result<Self, InvalidElement> {
        all_consuming(many_m_n(1, 6, block()))
            .parse(value)
            .map(|(_, blocks)| Self(blocks))
            .map_err(|_| invalid())
    }
}

const fn invalid() -> InvalidElement {
    InvalidElement::new("additional amounts (DE 54)", "1 to 6 blocks of 20")
}

/// One block: account type, amount type, currency, sign, amount.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AdditionalAmount {
    /// Two digits: 00 the default account.
    pub account_type: [u8; 2],
    /// What the amount is.
    pub amount_type: AmountType,
    /// What it is counted in.
    pub currency: Currency,
    /// Minor units, below zero for sign `D`; at most twelve digits are written.
    pub minor: i64,
}

impl AdditionalAmount {
    fn to_bytes(self) -> [u8; 20] {
        let mut block = [0; 20];
        let sign = [if self.minor < 0 { b'D' } else { b'C' }];
        let amount = twelve_digits(self.minor.unsigned_abs());
        let parts = [
            &self.account_type[..],
            &self.amount_type.0[..],
            &self.currency.as_bytes()[..],
            &sign[..],
            &amount[..],
        ];
        for (to, from) in block.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        block
    }
}

impl fmt::Debug for AdditionalAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [tens, ones] = self.amount_type.0.map(char::from);
        write!(
            f,
            "AdditionalAmount({tens}{ones} {} {})",
            self.minor, self.currency
        )
    }
}

/// Positions 3 and 4 of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmountType([u8; 2]);

impl AmountType {
    /// 01: what the books say.
    pub const LEDGER: Self = Self(*b"01");
    /// 02: what can be spent now.
    pub const AVAILABLE: Self = Self(*b"02");
    /// 57: what was asked for, where less was approved.
    pub const ORIGINAL: Self = Self(*b"57");
}

fn block<'a>()
-> impl Parser<&'a [u8], Output = AdditionalAmount, Error = nom::error::Error<&'a [u8]>> {
    let two = || {
        map_opt(verify(take(2_usize), all_digits), |two: &[u8]| {
            two.try_into().ok()
        })
    };
    let currency = map_opt(take(3_usize), |code: &[u8]| Currency::try_from(code).ok());
    let minor = map_opt(take(12_usize), |digits| i64::try_from(number(digits)?).ok());
    (two(), two(), currency, alt((char('C'), char('D'))), minor).map(
        |(account_type, amount_type, currency, sign, minor)| AdditionalAmount {
            account_type,
            amount_type: AmountType(amount_type),
            currency,
            minor: if sign == 'D' { -minor } else { minor },
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balance_answer_is_read_and_written() {
        let wire = b"0001410C0000001000000002410C000000085000";
        let amounts = AdditionalAmounts::try_from(&wire[..]).unwrap();
        assert_eq!(amounts.find(AmountType::LEDGER).unwrap().minor, 100_000);
        assert_eq!(amounts.find(AmountType::AVAILABLE).unwrap().minor, 85_000);
        assert_eq!(AdditionalAmounts::encode(amounts.blocks()), wire);
    }

    #[test]
    fn below_zero_is_sign_d() {
        let wire = b"0002410D000000000500";
        let amounts = AdditionalAmounts::try_from(&wire[..]).unwrap();
        assert_eq!(amounts.blocks()[0].minor, -500);
        assert_eq!(AdditionalAmounts::encode(amounts.blocks()), wire);
    }

    #[test]
    fn only_what_can_be_written_is_an_element() {
        let block = AdditionalAmount {
            account_type: *b"00",
            amount_type: AmountType::AVAILABLE,
            currency: Currency::KRW,
            minor: -999_999_999_999,
        };
        assert!(AdditionalAmounts::new(vec![block; 6]).is_ok());
        assert!(AdditionalAmounts::new(vec![block; 7]).is_err());
        assert!(AdditionalAmounts::new(Vec::new()).is_err());
        let more = AdditionalAmount {
            minor: 1_000_000_000_000,
            ..block
        };
        assert!(AdditionalAmounts::new(vec![more]).is_err());
    }

    #[test]
    fn err_broken_blocks() {
        for wire in [
            &b""[..],
            b"0002410C00000008500",
            b"0002410X000000085000",
            b"0002410C00000008500A",
        ] {
            assert!(AdditionalAmounts::try_from(wire).is_err());
        }
    }
}
