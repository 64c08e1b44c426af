//! Which issuer groups may be given a request.
//!
//! A rule takes the cards in its ranges, of them the requests its [`Conditions`] hold of, and
//! names groups, the first choice first. Where several rules take a request, the most specific
//! one has it:
//!
//! 1. the one whose card range lies within the other's; of prefixes, the longer;
//! 2. of equal card ranges, the one whose conditions lie within the other's: whatever they hold
//!    of, the other's do as well.
//!
//! Two rules that both take some request, and neither of which is the more specific, are
//! ambiguous: no table is made of them. Each range of a rule counts by itself. So a request has one
//! rule or none, whatever the order in which they stand.
//!
//! Where the most specific card range has conditions that do not hold, the next wider one is
//! asked. A card in no range is of no known issuer (15); a card in some, of which no rule takes
//! the request, or one that names no group, has no route (92; domain §2.5).

mod build;
mod cards;
mod conditions;
mod error;
mod values;

use core::ops::Range;

use iso8583::Message;

pub use self::cards::CardRange;
pub use self::conditions::Conditions;
pub use self::error::{Condition, RouteError};

use self::cards::CardNumber;
use crate::refusal::Refusal;
use crate::request::Request;

/// An issuer group: its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(pub u16);

/// Issuer groups one of which may be given what was meant for another: those of one rule, and of
/// all rules that may take the same card. They share an [`Outbound`](crate::Outbound) machine, so
/// that what one of them was given is never given to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PoolId(pub usize);

/// One rule of the table.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name, for errors.
    pub name: String,
    /// The cards it takes.
    pub cards: Vec<CardRange>,
    /// What of them it takes.
    pub conditions: Conditions,
    /// Who is given it, the first choice first; none: the issuer is known, and not reached (92).
    pub groups: Vec<GroupId>,
}

/// Groups in the order in which they are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    groups: [Option<GroupId>; Self::MAX],
}

impl Choices {
    /// The most groups a rule may name.
    pub const MAX: usize = 8;

    pub(crate) fn iter(self) -> impl Iterator<Item = GroupId> {
        self.groups.into_iter().flatten()
    }

    pub(crate) fn first(self) -> Option<GroupId> {
        self.iter().next()
    }
}

impl FromIterator<GroupId> for Choices {
    /// Of more than [`Choices::MAX`] the rest is left out.
    fn from_iter<I: IntoIterator<Item = GroupId>>(groups: I) -> Self {
        let mut choices = Self::default();
        for (place, group) in choices.groups.iter_mut().zip(groups) {
            *place = Some(group);
        }
        choices
    }
}

/// The rules made ready: a card number is found by binary search, and what may take it stands
/// there, the most specific first. Looking up allocates nothing.
#[derive(Clone, Debug)]
pub struct RouteTable {
    /// Where each stretch of card numbers begins, at 19 digits, ascending.
    starts: Box<[u64]>,
    /// Of each stretch, its part of `candidates`.
    stretches: Box<[Range<usize>]>,
    candidates: Box<[Candidate]>,
    /// By [`Candidate::rule`].
    rules: Box<[Compiled]>,
    /// By [`PoolId`].
    pools: Box<[Vec<GroupId>]>,
}

/// A rule that may take a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Candidate {
    rule: usize,
    /// A shorter card number is not in its range.
    digits: u8,
}

#[derive(Clone, Debug)]
struct Compiled {
    conditions: Conditions,
    /// None: no group is named.
    route: Option<(PoolId, Choices)>,
}

impl RouteTable {
    /// The most ranges that may hold one card: as many conditions at most are looked at.
    pub const RANGES_PER_CARD_MAX: usize = 64;
    /// The most card ranges of a table.
    pub const RANGES_MAX: usize = 100_000;

    /// The groups of each pool, by [`PoolId`]; every group is in one.
    #[must_use]
    pub fn pools(&self) -> &[Vec<GroupId>] {
        &self.pools
    }

    /// Writes into the request who may be given it; the pool they are in.
    ///
    /// # Errors
    /// [`Refusal::NoSuchIssuer`] where no range has the card, [`Refusal::NoRoute`] where no rule
    /// takes the request, or one that names no group.
    pub fn route(&self, request: &mut Request) -> Result<PoolId, Refusal> {
        let (pool, choices) = self.find(request.message())?;
        request.choices = choices;
        Ok(pool)
    }

    fn find(&self, request: &Message) -> Result<(PoolId, Choices), Refusal> {
        // Admission made sure of a card number in DE 2.
        let card = request
            .field(2)
            .and_then(CardNumber::read)
            .ok_or(Refusal::Format(2))?;
        let begun = self.starts.partition_point(|start| *start <= card.padded);
        let candidates = begun
            .checked_sub(1)
            .and_then(|stretch| self.stretches.get(stretch))
            .and_then(|stretch| self.candidates.get(stretch.clone()))
            .unwrap_or_default();
        let mut refusal = Refusal::NoSuchIssuer;
        for candidate in candidates {
            let rule = self.rules.get(candidate.rule);
            if let Some(rule) = rule.filter(|_| candidate.digits <= card.digits) {
                refusal = Refusal::NoRoute;
                if rule.conditions.hold(request) {
                    return rule.route.ok_or(refusal);
                }
            }
        }
        Err(refusal)
    }
}

#[cfg(test)]
mod tests;
