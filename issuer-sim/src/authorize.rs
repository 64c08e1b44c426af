//! PURE: (request, card, funds, rules, now) → decision.
//!
//! The order of the checks is part of the contract, for it decides which code a caller learns: the
//! card's status before its password (a lost card always answers 41), the password before limits
//! and funds (a wrong password never reveals the balance). `domain.md` §8.2.

use iso8583::element::Currency;

use crate::answer::Balances;
use crate::card::{Card, Expiry, Product, Rules, Status};
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
        Ok(()) => approve(request, funds, room(card, funds, rules)?)?,
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

/// What a refund by advice gives: up to what the card may yet hold to the card, the rest to
/// suspense, for an advice is not declined either.
///
/// # Errors
/// [`Overflow`] where a balance leaves 64 bits.
pub fn credit_advice(
    amount: Minor,
    card: &Card,
    funds: Funds,
    rules: &Rules,
) -> Result<Effect, Overflow> {
    let card = match room(card, funds, rules)? {
        Some(room) => amount.min(room),
        None => amount,
    };
    Ok(Effect::Credit {
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
        (Password::Given(_) | Password::OtherLength, _) => {
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

/// How much more a card may hold; `None` where the law sets no cap.
fn room(card: &Card, funds: Funds, rules: &Rules) -> Result<Option<Minor>, Overflow> {
    match card.product {
        Product::Anonymous => {
            let room = rules.anonymous_balance_max.minus(funds.balance)?;
            Ok(Some(room.at_least_zero()))
        }
        Product::Load => Ok(None),
    }
}

fn approve(
    request: &Request,
    funds: Funds,
    room: Option<Minor>,
) -> Result<Result<Approval, Refusal>, Overflow> {
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
        Operation::Refund if room.is_some_and(|room| amount > room) => Err(Refusal::OverBalanceCap),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::{CardIndex, PanKey};
    use crate::kit::{RIGHT, Sent, WRONG, World, at, inquiry, pre_authorization, purchase, refund};
    use crate::record::{Event, Record};
    use crate::request::CardNumber;

    /// The code that a card with 100,000 won answers.
    fn code(sent: Sent) -> String {
        World::with(100_000).code(&sent.build())
    }

    fn with_status(status: Status) -> World {
        let mut world = World::with(100_000);
        let event = Event::StatusChanged {
            card: CardIndex(0),
            status,
        };
        let at = world.now.at;
        world.books.apply(&Record { at, event }).unwrap();
        world
    }

    #[test]
    fn each_rule_answers_its_code() {
        let other = CardNumber::Found(PanKey([9; 16]));
        let wrong_digit = CardNumber::WrongCheckDigit(PanKey([1; 16]));
        for (rule, sent, expected) in [
            ("purchase", purchase(1, 100_000), "00"),
            ("one won", purchase(1, 1), "00"),
            ("refund", refund(1, 300_000), "00"),
            ("pre-authorization", pre_authorization(1, 100_000), "00"),
            ("inquiry", inquiry(1), "00"),
            ("unknown card", purchase(1, 1).card(other), "14"),
            ("check digit", purchase(1, 1).card(wrong_digit), "14"),
            (
                "its date",
                purchase(1, 1).expiries([Some(b"3012"), Some(b"3012")]),
                "00",
            ),
            (
                "other date",
                purchase(1, 1).expiries([Some(b"3011"), None]),
                "54",
            ),
            (
                "other track",
                purchase(1, 1).expiries([Some(b"3012"), Some(b"3101")]),
                "54",
            ),
            ("no password", purchase(1, 1).present(), "30"),
            ("password", purchase(1, 1).present().password(RIGHT), "00"),
            ("keyed password", purchase(1, 1).password(RIGHT), "00"),
            ("wrong", purchase(1, 1).present().password(WRONG), "55"),
            ("keyed wrong", purchase(1, 1).password(WRONG), "55"),
            (
                "other length",
                purchase(1, 1).password(Password::OtherLength),
                "55",
            ),
            (
                "unreadable",
                purchase(1, 1).password(Password::Unreadable),
                "63",
            ),
            ("refund needs it too", refund(1, 1).present(), "30"),
            ("inquiry needs it too", inquiry(1).present(), "30"),
            ("cash", purchase(1, 1).operation(Operation::Cash), "57"),
            ("dollars", purchase(1, 1).currency(b"840"), "12"),
            ("dollar inquiry", inquiry(1).currency(b"840"), "12"),
            ("nothing", purchase(1, 0), "13"),
            ("no amount", purchase(1, 1).without_amount(), "13"),
            ("at the limit", purchase(1, 300_000), "51"),
            ("over the limit", purchase(1, 300_001), "61"),
            ("refund over the limit", refund(1, 300_001), "61"),
            ("too much", purchase(1, 100_001), "51"),
            ("too much held", pre_authorization(1, 100_001), "51"),
        ] {
            assert_eq!(code(sent), expected, "{rule}");
        }
    }

    #[test]
    fn a_refund_takes_no_anonymous_card_above_its_cap() {
        let mut world = World::with(300_000);
        assert_eq!(world.code(&refund(1, 200_001).build()), "61");
        assert_eq!(world.code(&refund(2, 200_000).build()), "00");
        assert_eq!(world.code(&refund(3, 1).build()), "61");
        assert_eq!(world.balance(), 500_000);
        // What is held is on the card still.
        world.send(&pre_authorization(4, 100_000).build());
        assert_eq!(world.code(&refund(5, 1).build()), "61");
        // An advice is not declined: the rest goes to suspense.
        world.send(&purchase(6, 1_000).build());
        let advice = refund(7, 3_000).operation(Operation::CreditAdvice);
        assert_eq!(world.code(&advice.build()), "00");
        assert_eq!(world.balance(), 500_000);
        let sums = world.books.overview().unwrap().balance;
        assert_eq!(sums.suspense, Minor::new(2_000));
    }

    #[test]
    fn a_load_card_has_no_cap_to_refunds() {
        let mut world = World::with(1);
        let mut card = crate::kit::new_card(2);
        card.product = Product::Load;
        world.books.issue(card, world.now).unwrap().unwrap();
        world.charge(2, 500_000, "load");
        let onto_it = refund(1, 300_000).card(CardNumber::Found(PanKey([2; 16])));
        assert_eq!(world.code(&onto_it.build()), "00");
    }

    #[test]
    fn each_status_answers_its_code_before_the_password_is_looked_at() {
        for (status, expected) in [
            (Status::Active, "55"),
            (Status::Lost, "41"),
            (Status::Stolen, "43"),
            (Status::Blocked, "62"),
            (Status::Closed, "14"),
            (Status::NotActive, "57"),
        ] {
            let mut world = with_status(status);
            let request = purchase(1, 1).present().password(WRONG).build();
            assert_eq!(world.code(&request), expected, "{status:?}");
        }
    }

    #[test]
    fn the_order_of_checks_decides_which_code_is_learned() {
        // Each of these breaks a rule and every later one.
        let broke = || {
            purchase(1, 300_001)
                .present()
                .currency(b"840")
                .expiries([Some(b"3011"), None])
        };
        assert_eq!(
            with_status(Status::Lost).code(&broke().password(WRONG).build()),
            "41"
        );
        assert_eq!(code(broke().password(WRONG)), "54");
        let dated = || broke().expiries([None, None]);
        assert_eq!(code(dated()), "30");
        assert_eq!(code(dated().password(WRONG)), "55");
        assert_eq!(code(dated().password(RIGHT)), "12");
        assert_eq!(code(dated().password(RIGHT).currency(b"410")), "61");
        assert_eq!(code(purchase(1, 200_000).password(RIGHT)), "51");
    }

    #[test]
    fn a_missing_password_names_de_52_and_is_no_try() {
        let mut world = World::with(1_000);
        for stan in 1..=5 {
            let answer = world.send(&purchase(stan, 1).present().build());
            assert_eq!(answer.element_in_error, Some(52));
        }
        assert_eq!(world.code(&purchase(9, 1).password(WRONG).build()), "55");
    }

    #[test]
    fn the_third_wrong_password_answers_75_and_so_does_all_after_it() {
        let mut world = World::with(1_000);
        let sent = |stan| purchase(stan, 1);
        assert_eq!(world.code(&sent(1).password(WRONG).build()), "55");
        assert_eq!(
            world.code(&sent(2).password(Password::Unreadable).build()),
            "63"
        );
        let longer = sent(3).password(Password::OtherLength).build();
        assert_eq!(world.code(&longer), "55");
        assert_eq!(world.code(&sent(4).password(WRONG).build()), "75");
        for (stan, password) in [(5, RIGHT), (6, WRONG), (7, Password::NotGiven)] {
            assert_eq!(world.code(&sent(stan).password(password).build()), "75");
        }
        let id = crate::card::CardId([1; 16]);
        world.books.reset_tries(id, world.now).unwrap().unwrap();
        assert_eq!(world.code(&sent(8).password(RIGHT).build()), "00");
    }

    #[test]
    fn a_right_password_starts_the_count_anew_even_if_the_purchase_is_declined() {
        let mut world = World::with(1_000);
        for (stan, password, amount, expected) in [
            (1, WRONG, 1, "55"),
            (2, WRONG, 1, "55"),
            (3, RIGHT, 2_000, "51"),
            (4, WRONG, 1, "55"),
            (5, WRONG, 1, "55"),
            (6, WRONG, 1, "75"),
        ] {
            let request = purchase(stan, amount).password(password).build();
            assert_eq!(world.code(&request), expected, "{stan}");
        }
    }

    #[test]
    fn a_card_is_good_through_its_last_month_in_korea() {
        let december_ends = "2030-12-31T14:59:59Z".parse::<jiff::Timestamp>().unwrap();
        let seconds = december_ends.as_second() - at(0).at.millis() / 1_000;
        let mut world = World::with(1_000);
        world.wait(seconds);
        assert_eq!(world.code(&purchase(1, 1).build()), "00");
        world.wait(1);
        assert_eq!(world.code(&purchase(2, 1).build()), "54");
    }

    #[test]
    fn approvals_tell_what_is_left_and_inquiries_both_balances() {
        let mut world = World::with(100_000);
        let held = world.send(&pre_authorization(1, 20_000).build());
        assert_eq!(held.balances, Balances::None);
        let bought = world.send(&purchase(2, 15_000).build());
        assert_eq!(bought.balances, Balances::Available(Minor::new(65_000)));
        let asked = world.send(&inquiry(3).build());
        assert_eq!(
            asked.balances,
            Balances::LedgerAndAvailable(Minor::new(85_000), Minor::new(65_000))
        );
        assert_eq!(world.code(&purchase(4, 65_001).build()), "51");
    }
}
