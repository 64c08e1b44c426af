//! PURE double entry (`domain.md` §8.1): every posting credits one account what it debits another.
//!
//! A credit is positive, a debit negative, so the sum over all accounts is zero at any time.
//! Money held for pre-authorizations is a memo beside the balance: it lowers what is available and
//! moves nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::card::CardIndex;
use crate::chunks::Chunks;
use crate::clock::Timestamp;
use crate::money::{Minor, Overflow};
use crate::trace::{Acquirer, Text};

/// Where money can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// Owed to whoever holds the card.
    Card(CardIndex),
    /// Expected from a way of charging.
    LoadClearing(Channel),
    /// Owed to the merchants of an acquirer.
    MerchantPayable(Acquirer),
    /// Booked by advice where the card had not enough, for people to sort out.
    Suspense,
}

/// How a card is charged (patent a7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Over a counter.
    Cash,
    /// Giro, CMS or account transfer.
    Transfer,
    /// Another card.
    CreditCard,
    /// Play money of the sandbox.
    Sandbox,
}

/// One leg: a credit above zero, a debit below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// The account.
    pub account: Account,
    /// What it gains.
    pub amount: Minor,
}

/// What one movement is, seen from the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// Charged at the office (patent a7).
    Charge,
    /// Spent.
    Purchase,
    /// The final amount of a pre-authorization.
    Completion,
    /// Given back by a merchant.
    Refund,
    /// An earlier movement undone.
    Reversal,
}

/// One movement of a card's balance, as statements show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Grows by one with every movement of any card.
    pub number: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// What it was.
    pub kind: LineKind,
    /// What the card gained, below zero what it spent.
    pub amount: Minor,
    /// The balance after it.
    pub balance: Minor,
    /// DE 42 of the merchant.
    pub merchant: Text<15>,
    /// DE 41.
    pub terminal: Text<8>,
    /// DE 37.
    pub rrn: Text<12>,
}

/// A card's money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Funds {
    /// What the books say.
    pub balance: Minor,
    /// Reserved by pre-authorizations.
    pub held: Minor,
}

impl Funds {
    /// What can be spent now: the balance less what is held.
    ///
    /// # Errors
    /// [`Overflow`], where both are absurd.
    pub fn available(self) -> Result<Minor, Overflow> {
        self.balance.minus(self.held)
    }
}

/// All accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    cards: Chunks<Funds>,
    others: BTreeMap<Account, Minor>,
}

impl Ledger {
    /// An empty account for the next card issued.
    pub fn open_card(&mut self) {
        self.cards.push(Funds::default());
    }

    /// The account of the next card with what was on it.
    pub fn restore_card(&mut self, funds: Funds) {
        self.cards.push(funds);
    }

    /// An account of [`other_accounts`](Self::other_accounts).
    pub fn restore_account(&mut self, account: Account, balance: Minor) {
        self.others.insert(account, balance);
    }

    /// The accounts that are no card's, in order.
    pub fn other_accounts(&self) -> impl Iterator<Item = (Account, Minor)> {
        self.others
            .iter()
            .map(|(account, balance)| (*account, *balance))
    }

    /// A card's money; nothing for a card that is not there.
    #[must_use]
    pub fn funds(&self, card: CardIndex) -> Funds {
        self.cards.get(card.position()).copied().unwrap_or_default()
    }

    /// Can the payable of this acquirer be booked, or would it be one acquirer too many?
    #[must_use]
    pub fn has_room_for(&self, acquirer: Acquirer) -> bool {
        self.others.len() < ACCOUNTS_MAX
            || self
                .others
                .contains_key(&Account::MerchantPayable(acquirer))
    }

    /// Books the legs of one movement: all, or none of them.
    ///
    /// # Errors
    /// [`PostingError`] where the legs do not sum to zero, name a card that is not there, or
    /// leave the range of 64 bits.
    pub fn post(&mut self, legs: &[Posting]) -> Result<(), PostingError> {
        let sum = legs
            .iter()
            .try_fold(Minor::ZERO, |sum, leg| sum.plus(leg.amount))?;
        if sum != Minor::ZERO {
            return Err(PostingError::Unbalanced(sum));
        }
        for leg in legs {
            self.balance(leg.account)?.plus(leg.amount)?;
        }
        for leg in legs {
            let balance = self.balance(leg.account)?.plus(leg.amount)?;
            match leg.account {
                Account::Card(card) => {
                    if let Some(funds) = self.cards.get_mut(card.position()) {
                        funds.balance = balance;
                    }
                }
                Account::LoadClearing(_) | Account::MerchantPayable(_) | Account::Suspense => {
                    self.others.insert(leg.account, balance);
                }
            }
        }
        Ok(())
    }

    /// Changes what is held on a card, by an amount above or below zero.
    ///
    /// # Errors
    /// [`PostingError`] where there is no such card or more would be released than is held.
    pub fn hold(&mut self, card: CardIndex, change: Minor) -> Result<(), PostingError> {
        let funds = self
            .cards
            .get_mut(card.position())
            .ok_or(PostingError::NoSuchCard)?;
        let held = funds.held.plus(change)?;
        if held < Minor::ZERO {
            return Err(PostingError::HeldBelowZero);
        }
        funds.held = held;
        Ok(())
    }

    /// The sums by kind of account: what a trial balance shows.
    ///
    /// # Errors
    /// [`Overflow`] where a sum leaves the range of 64 bits.
    pub fn trial_balance(&self) -> Result<TrialBalance, Overflow> {
        let mut sums = TrialBalance::default();
        for funds in self.cards.iter() {
            sums.cards = sums.cards.plus(funds.balance)?;
            sums.held = sums.held.plus(funds.held)?;
            sums.cards_below_zero += u64::from(funds.balance < Minor::ZERO);
        }
        for (account, balance) in &self.others {
            let sum = match account {
                Account::Card(_) => &mut sums.cards,
                Account::LoadClearing(_) => &mut sums.load_clearing,
                Account::MerchantPayable(_) => &mut sums.merchant_payable,
                Account::Suspense => &mut sums.suspense,
            };
            *sum = sum.plus(*balance)?;
        }
        sums.sum = sums
            .cards
            .plus(sums.load_clearing)?
            .plus(sums.merchant_payable)?
            .plus(sums.suspense)?;
        Ok(sums)
    }

    fn balance(&self, account: Account) -> Result<Minor, PostingError> {
        match account {
            Account::Card(card) => self
                .cards
                .get(card.position())
                .map(|funds| funds.balance)
                .ok_or(PostingError::NoSuchCard),
            Account::LoadClearing(_) | Account::MerchantPayable(_) | Account::Suspense => {
                Ok(self.others.get(&account).copied().unwrap_or_default())
            }
        }
    }
}

/// Sums by kind of account, credits positive. Charged is `-load_clearing`, spent is
/// `merchant_payable + suspense`, and `cards` is charged less spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrialBalance {
    /// All cards.
    pub cards: Minor,
    /// Reserved on all cards; a memo, not part of the sum.
    pub held: Minor,
    /// All ways of charging.
    pub load_clearing: Minor,
    /// All acquirers.
    pub merchant_payable: Minor,
    /// Booked by advice beyond what a card had.
    pub suspense: Minor,
    /// Everything: zero, or the books are wrong.
    pub sum: Minor,
    /// Cards whose balance is below zero, by the undoing of a credit already spent.
    pub cards_below_zero: u64,
}

/// Legs that cannot be booked. On the way of a decision this cannot happen; a journal that says
/// so is damaged.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PostingError {
    /// The legs do not sum to zero.
    #[error("legs of a posting sum to {0}, not to zero")]
    Unbalanced(Minor),
    /// A leg names a card that was never issued.
    #[error("posting names a card that was never issued")]
    NoSuchCard,
    /// More released than held.
    #[error("more is released than is held")]
    HeldBelowZero,
    /// A balance left the range of 64 bits.
    #[error(transparent)]
    Overflow(#[from] Overflow),
}

/// Accounts beside the cards: four ways of charging, suspense, and acquirers.
const ACCOUNTS_MAX: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: CardIndex = CardIndex(0);

    fn ledger() -> Ledger {
        let mut ledger = Ledger::default();
        ledger.open_card();
        ledger
    }

    fn leg(account: Account, units: i64) -> Posting {
        Posting {
            account,
            amount: Minor::new(units),
        }
    }

    #[test]
    fn a_charge_and_a_purchase_balance() {
        let mut ledger = ledger();
        let payable = Account::MerchantPayable(Acquirer(7));
        ledger
            .post(&[
                leg(Account::LoadClearing(Channel::Cash), -50_000),
                leg(Account::Card(CARD), 50_000),
            ])
            .unwrap();
        ledger
            .post(&[leg(Account::Card(CARD), -15_000), leg(payable, 15_000)])
            .unwrap();
        assert_eq!(
            ledger.trial_balance().unwrap(),
            TrialBalance {
                cards: Minor::new(35_000),
                load_clearing: Minor::new(-50_000),
                merchant_payable: Minor::new(15_000),
                ..TrialBalance::default()
            }
        );
    }

    #[test]
    fn legs_that_do_not_sum_to_zero_are_refused_whole() {
        let mut ledger = ledger();
        let refused = ledger.post(&[leg(Account::Card(CARD), 2), leg(Account::Suspense, -1)]);
        assert_eq!(refused, Err(PostingError::Unbalanced(Minor::new(1))));
        assert_eq!(ledger, self::ledger());
    }

    #[test]
    fn a_card_never_issued_is_refused_whole() {
        let mut ledger = ledger();
        let missing = Account::Card(CardIndex(1));
        let refused = ledger.post(&[leg(Account::Suspense, -1), leg(missing, 1)]);
        assert_eq!(refused, Err(PostingError::NoSuchCard));
        assert_eq!(ledger, self::ledger());
    }

    #[test]
    fn holds_lower_what_is_available_and_never_fall_below_zero() {
        let mut ledger = ledger();
        ledger.hold(CARD, Minor::new(20)).unwrap();
        assert_eq!(ledger.funds(CARD).available(), Ok(Minor::new(-20)));
        assert_eq!(
            ledger.hold(CARD, Minor::new(-21)),
            Err(PostingError::HeldBelowZero)
        );
        assert_eq!(ledger.trial_balance().unwrap().held, Minor::new(20));
    }
}
