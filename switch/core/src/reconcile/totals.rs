//! Counts and amounts, as DE 74 to 81, 86 to 89 and 97 have them.

/// How many, and how much in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// At most ten digits.
    pub number: u64,
    /// At most sixteen digits.
    pub amount: u64,
}

/// Totals of one acquirer, date and currency, from the side of the card holder: a purchase is a
/// debit (`domain.md` §2.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// DE 74 and 86.
    pub credits: Sum,
    /// DE 75 and 87.
    pub credit_reversals: Sum,
    /// DE 76 and 88.
    pub debits: Sum,
    /// DE 77 and 89.
    pub debit_reversals: Sum,
    /// DE 78.
    pub transfers: u64,
    /// DE 79.
    pub transfer_reversals: u64,
    /// DE 80.
    pub inquiries: u64,
    /// DE 81.
    pub authorizations: u64,
    /// Transactions that could not be counted: with one, these totals are none.
    pub missed: u64,
}

/// What a page has, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// What was counted; nothing where nothing was.
    pub totals: Totals,
    /// Something is missing from these totals, so that nothing can be held against them.
    pub incomplete: bool,
}

/// What a transaction is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counter {
    Nothing,
    Debits,
    Credits,
    Transfers,
    Inquiries,
    Authorizations,
}

/// Most that DE 74 to 81 hold.
const NUMBER_MAX: u64 = 9_999_999_999;
/// Most that DE 86 to 89 and 97 hold.
const AMOUNT_MAX: u64 = 9_999_999_999_999_999;

impl Sum {
    const fn one(amount: u64) -> Self {
        Self { number: 1, amount }
    }

    fn plus(self, other: Self) -> Option<Self> {
        let sum = Self {
            number: self.number.checked_add(other.number)?,
            amount: self.amount.checked_add(other.amount)?,
        };
        (sum.number <= NUMBER_MAX && sum.amount <= AMOUNT_MAX).then_some(sum)
    }

    fn minus(self, other: Self) -> Option<Self> {
        Some(Self {
            number: self.number.checked_sub(other.number)?,
            amount: self.amount.checked_sub(other.amount)?,
        })
    }
}

impl Totals {
    /// Counts one more; None where a bound would be passed.
    pub(super) fn counted(mut self, counter: Counter, amount: u64) -> Option<Self> {
        match counter {
            Counter::Nothing => {}
            Counter::Debits => self.debits = self.debits.plus(Sum::one(amount))?,
            Counter::Credits => self.credits = self.credits.plus(Sum::one(amount))?,
            Counter::Transfers => self.transfers = one_more(self.transfers)?,
            Counter::Inquiries => self.inquiries = one_more(self.inquiries)?,
            Counter::Authorizations => self.authorizations = one_more(self.authorizations)?,
        }
        Some(self)
    }

    /// Counts a reversal of one; None where a bound would be passed.
    pub(super) fn reversed(mut self, counter: Counter, amount: u64) -> Option<Self> {
        let one = Sum::one(amount);
        match counter {
            Counter::Debits => self.debit_reversals = self.debit_reversals.plus(one)?,
            Counter::Credits => self.credit_reversals = self.credit_reversals.plus(one)?,
            Counter::Transfers => self.transfer_reversals = one_more(self.transfer_reversals)?,
            Counter::Nothing | Counter::Inquiries | Counter::Authorizations => {}
        }
        Some(self)
    }

    /// Takes out one that was counted; None where there is none.
    pub(super) fn taken_out(mut self, counter: Counter, amount: u64) -> Option<Self> {
        match counter {
            Counter::Nothing => {}
            Counter::Debits => self.debits = self.debits.minus(Sum::one(amount))?,
            Counter::Credits => self.credits = self.credits.minus(Sum::one(amount))?,
            Counter::Transfers => self.transfers = self.transfers.checked_sub(1)?,
            Counter::Inquiries => self.inquiries = self.inquiries.checked_sub(1)?,
            Counter::Authorizations => self.authorizations = self.authorizations.checked_sub(1)?,
        }
        Some(self)
    }

    /// DE 97: what is due to the acquirer, and due from it where that is negative. None where
    /// sixteen digits do not hold it.
    #[must_use]
    pub fn net(&self) -> Option<i64> {
        let amount = |sum: Sum| i64::try_from(sum.amount).ok();
        let debits = amount(self.debits)?.checked_sub(amount(self.debit_reversals)?)?;
        let credits = amount(self.credits)?.checked_sub(amount(self.credit_reversals)?)?;
        let net = debits.checked_sub(credits)?;
        (net.unsigned_abs() <= AMOUNT_MAX).then_some(net)
    }

    fn plus(&self, other: &Self) -> Option<Self> {
        let add = |one: u64, other: u64| {
            let sum = one.checked_add(other)?;
            (sum <= NUMBER_MAX).then_some(sum)
        };
        Some(Self {
            credits: self.credits.plus(other.credits)?,
            credit_reversals: self.credit_reversals.plus(other.credit_reversals)?,
            debits: self.debits.plus(other.debits)?,
            debit_reversals: self.debit_reversals.plus(other.debit_reversals)?,
            transfers: add(self.transfers, other.transfers)?,
            transfer_reversals: add(self.transfer_reversals, other.transfer_reversals)?,
            inquiries: add(self.inquiries, other.inquiries)?,
            authorizations: add(self.authorizations, other.authorizations)?,
            missed: add(self.missed, other.missed)?,
        })
    }
}

fn one_more(number: u64) -> Option<u64> {
    number.checked_add(1).filter(|number| *number <= NUMBER_MAX)
}

impl Position {
    /// What two of the switch's machines have counted together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let totals = self.totals.plus(&other.totals);
        Self {
            incomplete: self.incomplete || other.incomplete || totals.is_none(),
            totals: totals.unwrap_or(self.totals),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_at_the_bound_of_its_element_is_refused_and_never_saturates() {
        let full = Totals {
            debits: Sum {
                number: 1,
                amount: AMOUNT_MAX - 5,
            },
            credits: Sum {
                number: NUMBER_MAX,
                amount: 0,
            },
            inquiries: NUMBER_MAX,
            ..Totals::default()
        };
        assert_eq!(full.counted(Counter::Debits, 6), None);
        let filled = full.counted(Counter::Debits, 5).unwrap();
        assert_eq!(filled.debits.amount, AMOUNT_MAX);
        assert_eq!(full.counted(Counter::Credits, 0), None);
        assert_eq!(full.counted(Counter::Inquiries, 0), None);
        assert_eq!(full.reversed(Counter::Debits, u64::MAX), None);
        assert_eq!(full.taken_out(Counter::Transfers, 0), None);
    }

    #[test]
    fn the_net_position_is_due_to_the_acquirer_as_debits_exceed_credits() {
        let sum = |amount| Sum { number: 1, amount };
        let mut totals = Totals {
            debits: sum(70_000),
            debit_reversals: sum(15_000),
            credits: sum(20_000),
            credit_reversals: sum(5_000),
            ..Totals::default()
        };
        assert_eq!(totals.net(), Some(40_000));
        totals.credits = sum(AMOUNT_MAX);
        assert_eq!(totals.net(), Some(60_000 - 9_999_999_999_999_999));
        totals.debit_reversals = sum(AMOUNT_MAX);
        assert_eq!(totals.net(), None, "seventeen digits");
    }

    #[test]
    fn positions_that_do_not_fit_together_are_incomplete() {
        let position = |amount| Position {
            totals: Totals {
                debits: Sum { number: 1, amount },
                ..Totals::default()
            },
            incomplete: false,
        };
        let sum = position(5).plus(position(7));
        assert_eq!((sum.totals.debits.amount, sum.incomplete), (12, false));
        assert!(position(AMOUNT_MAX).plus(position(1)).incomplete);
    }
}
