//! What a route asks of a request besides its card.

use core::fmt;

use iso8583::Message;

use crate::route::cards::number;
use crate::route::values::Values;
use crate::route::{Condition, RouteError};

/// What a route asks of a request besides its card; all of it must hold. A new one asks nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// By [`Condition`]; None asks nothing.
    asked: [Option<Values>; Condition::ALL.len()],
}

/// The highest amount of DE 4: twelve digits.
const AMOUNT_MAX: u64 = 999_999_999_999;

impl Conditions {
    /// DE 3 is one of these, each all six digits or the first two, which name the transaction;
    /// any, where there are none.
    ///
    /// # Errors
    /// Where one is neither.
    pub fn processing_codes(self, codes: &[String]) -> Result<Self, RouteError> {
        let read = |code: &String| {
            let value = number(code.as_bytes())?;
            match code.len() {
                2 => Some((value * 10_000, value * 10_000 + 9_999)),
                6 => Some((value, value)),
                _ => None,
            }
        };
        self.one_of(Condition::ProcessingCode, codes, read)
    }

    /// DE 49 is one of these, three digits each; any, where there are none.
    ///
    /// # Errors
    /// Where one has not three digits.
    pub fn currencies(self, currencies: &[String]) -> Result<Self, RouteError> {
        let read = |currency: &String| {
            let value = number(currency.as_bytes()).filter(|_| currency.len() == 3)?;
            Some((value, value))
        };
        self.one_of(Condition::Currency, currencies, read)
    }

    /// DE 32, or what stands for it where the acquirer sends none, is one of these: up to eleven
    /// digits each, leading zeros told apart; any, where there are none.
    ///
    /// # Errors
    /// Where one is not such.
    pub fn acquirers(self, acquirers: &[String]) -> Result<Self, RouteError> {
        let read = |acquirer: &String| {
            let value = acquirer_value(acquirer.as_bytes())?;
            Some((value, value))
        };
        self.one_of(Condition::Acquirer, acquirers, read)
    }

    /// DE 4 is from `min` to `max` minor units of whatever the currency is; a request without
    /// DE 4, an inquiry, has the amount 0.
    ///
    /// # Errors
    /// Where `min` is above `max`, or one above twelve digits.
    pub fn amount(mut self, min: Option<u64>, max: Option<u64>) -> Result<Self, RouteError> {
        let (low, high) = (min.unwrap_or(0), max.unwrap_or(AMOUNT_MAX));
        if low > high || high > AMOUNT_MAX {
            return Err(RouteError::Amount {
                min: low,
                max: high,
            });
        }
        let asks = (low, high) != (0, AMOUNT_MAX);
        *self.asked_of(Condition::Amount) = asks.then(|| Values::new([(low, high)]));
        Ok(self)
    }

    fn one_of(
        mut self,
        condition: Condition,
        texts: &[String],
        read: impl Fn(&String) -> Option<(u64, u64)>,
    ) -> Result<Self, RouteError> {
        let mut values = Vec::new();
        for text in texts {
            let value = read(text).ok_or_else(|| RouteError::Value {
                condition,
                text: text.clone(),
            })?;
            values.push(value);
        }
        *self.asked_of(condition) = (!values.is_empty()).then(|| Values::new(values));
        Ok(self)
    }

    fn asked_of(&mut self, condition: Condition) -> &mut Option<Values> {
        let [code, currency, acquirer, amount] = &mut self.asked;
        match condition {
            Condition::ProcessingCode => code,
            Condition::Currency => currency,
            Condition::Acquirer => acquirer,
            Condition::Amount => amount,
        }
    }

    pub(super) fn ask_nothing(&self) -> bool {
        self.asked.iter().all(Option::is_none)
    }

    /// Do all hold of a request?
    pub(super) fn hold(&self, request: &Message) -> bool {
        self.each().all(|(condition, asked)| {
            asked.is_none_or(|values| {
                condition
                    .value(request)
                    .is_some_and(|value| values.contains(value))
            })
        })
    }

    /// Do they hold of nothing of which the others do not?
    pub(super) fn are_within(&self, others: &Self) -> bool {
        self.asked.iter().zip(&others.asked).all(|pair| match pair {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(one), Some(other)) => one.is_within(other),
        })
    }

    /// A request of which both hold, where there is one: the value of each condition that either
    /// asks for.
    pub(super) fn common(&self, others: &Self) -> Option<Example> {
        let mut example = Vec::new();
        for ((condition, one), other) in self.each().zip(&others.asked) {
            let value = match (one, other) {
                (None, None) => continue,
                (Some(values), None) | (None, Some(values)) => values.first(),
                (Some(one), Some(other)) => one.first_common(other),
            };
            example.push((condition, value?));
        }
        Some(Example(example))
    }

    /// Less where fewer requests are taken: whatever is within another comes before it.
    pub(super) fn breadth(&self) -> [u64; Condition::ALL.len()] {
        self.asked
            .each_ref()
            .map(|asked| asked.as_ref().map_or(u64::MAX, Values::count))
    }

    fn each(&self) -> impl Iterator<Item = (Condition, Option<&Values>)> {
        Condition::ALL
            .into_iter()
            .zip(self.asked.iter().map(Option::as_ref))
    }
}

impl Condition {
    const ALL: [Self; 4] = [
        Self::ProcessingCode,
        Self::Currency,
        Self::Acquirer,
        Self::Amount,
    ];

    fn value(self, request: &Message) -> Option<u64> {
        match self {
            Self::ProcessingCode => number(request.field(3)?),
            Self::Currency => number(request.field(49)?),
            Self::Acquirer => acquirer_value(request.field(32)?),
            Self::Amount => request.field(4).map_or(Some(0), number),
        }
    }
}

/// A one before the digits keeps leading zeros.
fn acquirer_value(digits: &[u8]) -> Option<u64> {
    let ahead = u32::try_from(digits.len()).ok().filter(|len| *len <= 11)?;
    number(digits)?.checked_add(10_u64.checked_pow(ahead)?)
}

/// Values of a request's conditions, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Example(Vec<(Condition, u64)>);

impl fmt::Display for Example {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (condition, value) in &self.0 {
            match condition {
                Condition::ProcessingCode => write!(f, ", {condition} {value:06}")?,
                Condition::Currency => write!(f, ", {condition} {value:03}")?,
                Condition::Acquirer => {
                    let digits = value.to_string();
                    write!(f, ", {condition} {}", digits.get(1..).unwrap_or_default())?;
                }
                Condition::Amount => write!(f, ", {condition} {value}")?,
            }
        }
        Ok(())
    }
}
