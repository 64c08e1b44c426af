//! PURE: how much of an original is undone.
//!
//! The amount that stands only falls: a reversal names what is to remain (DE 95, or nothing), and
//! whatever it names, an original is never undone twice nor below zero. `domain.md` §2.5.

use crate::money::{Minor, Overflow};
use crate::record::Effect;

/// What is taken back of `standing`, so that at most `remaining` of it stays: an [`Effect`] of the
/// same kind. What came from suspense is given back first, for the card paid first.
///
/// # Errors
/// [`Overflow`] where the parts leave 64 bits.
pub fn undo(standing: Effect, remaining: Minor) -> Result<Effect, Overflow> {
    match standing {
        Effect::Nothing => Ok(Effect::Nothing),
        Effect::Hold { amount } => Ok(match excess(amount, remaining)? {
            Minor::ZERO => Effect::Nothing,
            amount => Effect::Hold { amount },
        }),
        Effect::Debit { card, suspense } => Ok(match parts(card, suspense, remaining)? {
            Some((card, suspense)) => Effect::Debit { card, suspense },
            None => Effect::Nothing,
        }),
        Effect::Credit { card, suspense } => Ok(match parts(card, suspense, remaining)? {
            Some((card, suspense)) => Effect::Credit { card, suspense },
            None => Effect::Nothing,
        }),
    }
}

/// What stands of `standing` after `undone` was taken back.
///
/// # Errors
/// [`Overflow`] where the parts leave 64 bits.
pub fn left(standing: Effect, undone: Effect) -> Result<Effect, Overflow> {
    Ok(match (standing, undone) {
        (Effect::Hold { amount }, Effect::Hold { amount: less }) => Effect::Hold {
            amount: amount.minus(less)?,
        },
        (
            Effect::Debit { card, suspense },
            Effect::Debit {
                card: card_less,
                suspense: suspense_less,
            },
        ) => Effect::Debit {
            card: card.minus(card_less)?,
            suspense: suspense.minus(suspense_less)?,
        },
        (
            Effect::Credit { card, suspense },
            Effect::Credit {
                card: card_less,
                suspense: suspense_less,
            },
        ) => Effect::Credit {
            card: card.minus(card_less)?,
            suspense: suspense.minus(suspense_less)?,
        },
        (standing, _) => standing,
    })
}

fn parts(
    card: Minor,
    suspense: Minor,
    remaining: Minor,
) -> Result<Option<(Minor, Minor)>, Overflow> {
    let total = excess(card.plus(suspense)?, remaining)?;
    let from_suspense = suspense.min(total);
    let from_card = total.minus(from_suspense)?;
    Ok((total > Minor::ZERO).then_some((from_card, from_suspense)))
}

fn excess(standing: Minor, remaining: Minor) -> Result<Minor, Overflow> {
    Ok(standing.minus(remaining)?.at_least_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn debit(card: i64, suspense: i64) -> Effect {
        Effect::Debit {
            card: Minor::new(card),
            suspense: Minor::new(suspense),
        }
    }

    #[test]
    fn a_reversal_takes_back_what_stands_above_what_is_to_remain() {
        for (standing, remaining, undone) in [
            (debit(15_000, 0), 0, debit(15_000, 0)),
            (debit(15_000, 0), 5_000, debit(10_000, 0)),
            (debit(15_000, 0), 15_000, Effect::Nothing),
            (debit(15_000, 0), 20_000, Effect::Nothing),
            (debit(0, 0), 0, Effect::Nothing),
            (debit(10_000, 8_000), 0, debit(10_000, 8_000)),
            (debit(10_000, 8_000), 12_000, debit(0, 6_000)),
            (debit(10_000, 8_000), 5_000, debit(5_000, 8_000)),
            (Effect::Nothing, 0, Effect::Nothing),
        ] {
            assert_eq!(undo(standing, Minor::new(remaining)), Ok(undone));
        }
    }

    #[test]
    fn holds_and_credits_fall_the_same_way() {
        let hold = |amount| Effect::Hold {
            amount: Minor::new(amount),
        };
        assert_eq!(undo(hold(20), Minor::new(5)), Ok(hold(15)));
        assert_eq!(left(hold(20), hold(15)), Ok(hold(5)));
        let credit = |card, suspense| Effect::Credit {
            card: Minor::new(card),
            suspense: Minor::new(suspense),
        };
        assert_eq!(undo(credit(20, 3), Minor::ZERO), Ok(credit(20, 3)));
        assert_eq!(left(credit(20, 3), credit(20, 3)), Ok(credit(0, 0)));
    }

    #[test]
    fn what_was_undone_is_not_undone_again() {
        let standing = debit(15_000, 0);
        let first = undo(standing, Minor::new(5_000)).unwrap();
        let standing = left(standing, first).unwrap();
        assert_eq!(undo(standing, Minor::new(5_000)), Ok(Effect::Nothing));
        let second = undo(standing, Minor::ZERO).unwrap();
        assert_eq!(second, debit(5_000, 0));
        assert_eq!(left(standing, second), Ok(debit(0, 0)));
    }
}
