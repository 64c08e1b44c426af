//! PURE: (request, card, funds, rules, now) → decision.
//!
//! The order of the checks is part of the contract, for it decides which code a caller learns: the
//! card's status before its password (a lost card always answers 41), the password before limits
//! and funds (a wrong password never reveals the balance). `domain.md` §8.2.

use iso8583::element::Currency;

use crate::answer::Balances;
use crate::card::{Card, Expiry, Rules, Status};
use crate::clock::Now;
use crate::ledger::Funds;
use crate::money::{Minor, Overflow};
use crate::record::Effect;
use crate::refusal::Refusal;
use crate::request::{Operation, Password, Presence, Request};

/// What is decided on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Approved, with what it does; or refused.
    pub outcome: Result<Approval, Refusal>,
    /// The count of wrong passwords, where the request changes it: made durable before the answer
    /// leaves, whatever the outcome.
    pub tries: Option<u8>,
}

/// What an approval does and tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The money that moves or is held.
    pub effect: Effect,
    /// DE 54.
    pub balances: Balances,
}

/// Decides a request that may be refused: 0100 and 0200.
///
/// # Errors
/// [`Overflow`] where a balance leaves 64 bits: the books are wrong, nothing can be decided.
pub fn authorize(
    request: &Request,
    card: Option<&Card>,
    funds: Funds,
    rules: &Rules,
    now: Now,
) -> Result<Decision, Overflow> {
    let Some(card) = card else {
        return Ok(Decision::refused(Refusal::UnknownCard));
    };
    if let Err(refusal) = usable(card, request.expiries, now) {
        return Ok(Decision::refused(refusal));
    }
    let tries = match password(request, card, rules) {
        Ok(tries) => tries,
        Err(refused) => return Ok(refused),
    };
    let outcome = match permitted(request, rules) {
        Ok(()) => approve(request, funds)?,
        Err(refusal) => Err(refusal),
    };
    Ok(Decision { outcome, tries })
}

/// What an advice of spending takes: up to what is available from the card, the rest from
/// suspense, for an advice tells of goods already gone and is not declined.
///
/// # Errors
/// [`Overflow`] where a balance leaves 64 bits.
pub fn debit_advice(amount: Minor, available: Minor) -> Result<Effect, Overflow> {
    let card = amount.min(available.at_least_zero());
    Ok(Effect::Debit {
        card,
        suspense: amount.minus(card)?,
    })
}

impl Decision {
    const fn refused(refusal: Refusal) -> Self {
        Self {
            outcome: Err(refusal),
            tries: None,
        }
    }
}

fn usable(card: &Card, given: [Option<Expiry>; 2], now: Now) -> Result<(), Refusal> {
    match card.status {
        Status::Active => {}
        Status::Lost => return Err(Refusal::Lost),
        Status::Stolen => return Err(Refusal::Stolen),
        Status::Blocked => return Err(Refusal::Blocked),
        Status::Closed => return Err(Refusal::Closed),
        Status::NotActive => return Err(Refusal::NotActive),
    }
    let other_date = given.iter().flatten().any(|date| *date != card.expiry);
    if other_date || now.month > card.expiry {
        return Err(Refusal::Expired);
    }
    Ok(())
}

/// The new count of wrong passwords where it changes, or the refusal with it.
fn password(request: &Request, card: &Card, rules: &Rules) -> Result<Option<u8>, Decision> {
    if card.tries >= rules.tries_max {
        return Err(Decision::refused(Refusal::TriesExceeded));
    }
    match (request.password, request.presence) {
        (Password::NotGiven, Presence::NotPresent) => Ok(None),
        (Password::NotGiven, Presence::Present) => Err(Decision::refused(Refusal::PasswordMissing)),
        (Password::Unreadable, _) => Err(Decision::refused(Refusal::PasswordUnreadable)),
        (Password::Given(pvv), _) if pvv == card.pvv => Ok((card.tries > 0).then_some(0)),
        (Password::Given(_), _) => {
            let tries = card.tries.saturating_add(1);
            let refusal = if tries >= rules.tries_max {
                Refusal::TriesExceeded
            } else {
                Refusal::PasswordWrong
            };
            Err(Decision {
                outcome: Err(refusal),
                tries: Some(tries),
            })
        }
    }
}

fn permitted(request: &Request, rules: &Rules) -> Result<(), Refusal> {
    if request.operation == Operation::Cash {
        return Err(Refusal::NotPermitted);
    }
    if request.currency.is_some_and(|code| code != Currency::KRW) {
        return Err(Refusal::OtherCurrency);
    }
    if request.operation == Operation::Inquiry {
        return Ok(());
    }
    match request.amount {
        None | Some(Minor::ZERO) => Err(Refusal::NoAmount),
        Some(amount) if amount > rules.purchase_max => Err(Refusal::OverPurchaseLimit),
        Some(_) => Ok(()),
    }
}

fn approve(request: &Request, funds: Funds) -> Result<Result<Approval, Refusal>, Overflow> {
    let amount = request.amount.unwrap_or_default();
    let available = funds.available()?;
    let enough = || {
        if amount > available {
            Err(Refusal::InsufficientFunds)
        } else {
            Ok(())
        }
    };
    Ok(match request.operation {
        Operation::Purchase => {
            let left = available.minus(amount)?;
            enough().map(|()| Approval {
                effect: Effect::Debit {
                    card: amount,
                    suspense: Minor::ZERO,
                },
                balances: Balances::Available(left),
            })
        }
        Operation::PreAuthorization => enough().map(|()| Approval {
            effect: Effect::Hold { amount },
            balances: Balances::None,
        }),
        Operation::Refund => Ok(Approval {
            effect: Effect::Credit {
                card: amount,
                suspense: Minor::ZERO,
            },
            balances: Balances::None,
        }),
        Operation::Inquiry => Ok(Approval {
            effect: Effect::Nothing,
            balances: Balances::LedgerAndAvailable(funds.balance, available),
        }),
        Operation::Cash => Err(Refusal::NotPermitted),
        Operation::DebitAdvice { .. } | Operation::CreditAdvice | Operation::Reversal { .. } => {
            Err(Refusal::NotServed)
        }
    })
}
