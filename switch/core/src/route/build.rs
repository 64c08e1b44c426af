//! Rules become a table: a sweep over all card numbers, in which every two ranges that share a
//! card meet once.

use core::cmp::Reverse;
use std::collections::BTreeSet;

use crate::route::cards::{CARD_DIGITS_MIN, CardRange};
use crate::route::{Candidate, Choices, Compiled, GroupId, PoolId, RouteError, RouteTable, Rule};

/// A range and whose it is.
#[derive(Clone, Copy)]
struct Span {
    range: CardRange,
    rule: usize,
}

impl RouteTable {
    /// A table of these rules over the groups 0 to `groups` - 1. Their order makes no difference.
    ///
    /// # Errors
    /// Where two rules are ambiguous, with both and a request that both take; where a rule names
    /// groups it cannot, or a bound is passed.
    pub fn new(rules: &[Rule], groups: u16) -> Result<Self, RouteError> {
        for rule in rules {
            check_groups(rule, groups)?;
        }
        let mut sweep = Sweep::new(rules)?;
        sweep.run()?;
        let pools = Pools::new(&sweep, groups);
        let compiled = rules.iter().map(|rule| Compiled {
            conditions: rule.conditions.clone(),
            route: rule
                .groups
                .first()
                .map(|first| (pools.of(*first), rule.groups.iter().copied().collect())),
        });
        Ok(Self {
            starts: sweep.starts.into(),
            stretches: sweep.stretches.into(),
            candidates: sweep.candidates.into(),
            rules: compiled.collect(),
            pools: pools.groups.into(),
        })
    }
}

fn check_groups(rule: &Rule, groups: u16) -> Result<(), RouteError> {
    if rule.groups.len() > Choices::MAX {
        return Err(RouteError::TooManyGroups(rule.name.clone()));
    }
    let each: BTreeSet<_> = rule.groups.iter().filter(|id| id.0 < groups).collect();
    if each.len() == rule.groups.len() {
        Ok(())
    } else {
        Err(RouteError::Groups(rule.name.clone()))
    }
}

/// From the lowest card number to the highest, with the ranges that hold the present one.
struct Sweep<'a> {
    rules: &'a [Rule],
    /// Not yet met, the lowest last.
    ahead: Vec<Span>,
    open: Vec<Span>,
    starts: Vec<u64>,
    stretches: Vec<core::ops::Range<usize>>,
    candidates: Vec<Candidate>,
}

impl<'a> Sweep<'a> {
    fn new(rules: &'a [Rule]) -> Result<Self, RouteError> {
        let spans = rules.iter().enumerate().flat_map(|(place, rule)| {
            let of = move |range: &CardRange| Span {
                range: *range,
                rule: place,
            };
            rule.cards.iter().map(of)
        });
        let mut ahead: Vec<Span> = spans.take(RouteTable::RANGES_MAX + 1).collect();
        if ahead.len() > RouteTable::RANGES_MAX {
            return Err(RouteError::TooManyRanges);
        }
        ahead.sort_by_key(|span| Reverse(span.range.low));
        Ok(Self {
            rules,
            ahead,
            open: Vec::new(),
            starts: Vec::new(),
            stretches: Vec::new(),
            candidates: Vec::new(),
        })
    }

    fn run(&mut self) -> Result<(), RouteError> {
        let mut ends: BTreeSet<u64> = BTreeSet::new();
        loop {
            let next = self.ahead.last().map(|span| span.range.low);
            let Some(at) = next.into_iter().chain(ends.first().copied()).min() else {
                return Ok(());
            };
            ends.remove(&at);
            self.open.retain(|span| span.range.high >= at);
            while let Some(span) = self.ahead.pop_if(|span| span.range.low == at) {
                if self.open.len() >= RouteTable::RANGES_PER_CARD_MAX {
                    return Err(RouteError::TooManyPerCard(span.range.to_string()));
                }
                for other in &self.open {
                    self.compare(&span, other)?;
                }
                // The highest number has 19 digits: there is room above it.
                ends.insert(span.range.high.saturating_add(1));
                self.open.push(span);
            }
            self.stretch(at);
        }
    }

    /// Two ranges that have cards in common.
    fn compare(&self, one: &Span, other: &Span) -> Result<(), RouteError> {
        let (Some(first), Some(second)) = (self.rules.get(one.rule), self.rules.get(other.rule))
        else {
            return Ok(());
        };
        let common = first.conditions.common(&second.conditions);
        let (Some(cards), Some(example), true) = (
            one.range.common(&other.range),
            common,
            one.rule != other.rule,
        ) else {
            return Ok(());
        };
        let decided = if one.range.same_cards(&other.range) {
            let within = first.conditions.are_within(&second.conditions);
            within != second.conditions.are_within(&first.conditions)
        } else {
            one.range.is_within(&other.range) || other.range.is_within(&one.range)
        };
        if decided {
            return Ok(());
        }
        let mut names = [&first.name, &second.name].map(String::clone);
        names.sort_unstable();
        let [one, other] = names;
        Err(RouteError::Ambiguous {
            one,
            other,
            example: format!("cards {cards}{example}"),
        })
    }

    /// From here on, up to the next stretch, these ranges hold each card: the most specific first.
    fn stretch(&mut self, from: u64) {
        self.open.sort_by_key(|span| {
            let breadth = self.rules.get(span.rule).map(|r| r.conditions.breadth());
            (span.range.width(), breadth)
        });
        let begin = self.candidates.len();
        for span in &self.open {
            self.candidates.push(Candidate {
                rule: span.rule,
                digits: span.range.digits,
            });
            // Nothing behind it is ever asked.
            if span.range.digits <= CARD_DIGITS_MIN && asks_nothing(self.rules, span.rule) {
                break;
            }
        }
        self.starts.push(from);
        self.stretches.push(begin..self.candidates.len());
    }
}

fn asks_nothing(rules: &[Rule], rule: usize) -> bool {
    rules
        .get(rule)
        .is_some_and(|rule| rule.conditions.ask_nothing())
}

/// Groups that may be given the same card, joined.
struct Pools {
    /// By group: its pool.
    of: Vec<PoolId>,
    groups: Vec<Vec<GroupId>>,
}

impl Pools {
    fn new(sweep: &Sweep<'_>, groups: u16) -> Self {
        let mut joined = Joined((0..groups).map(usize::from).collect());
        for rule in sweep.rules {
            joined.join(rule.groups.iter());
        }
        for stretch in &sweep.stretches {
            let candidates = sweep.candidates.get(stretch.clone()).unwrap_or_default();
            if candidates.len() > 1 {
                // Where a longer card ends its search, a shorter one may go on.
                let lengths: BTreeSet<u8> = candidates.iter().map(|one| one.digits).collect();
                for length in lengths {
                    joined.join(reached(sweep.rules, candidates, length));
                }
            }
        }
        let mut pools = Self {
            of: Vec::new(),
            groups: Vec::new(),
        };
        let mut pool_of_root = vec![None; usize::from(groups)];
        for group in 0..groups {
            let root = joined.root(usize::from(group));
            let next = PoolId(pools.groups.len());
            if let Some(pool) = pool_of_root.get_mut(root) {
                let pool = *pool.get_or_insert(next);
                if pool == next {
                    pools.groups.push(Vec::new());
                }
                if let Some(members) = pools.groups.get_mut(pool.0) {
                    members.push(GroupId(group));
                }
                pools.of.push(pool);
            }
        }
        pools
    }

    fn of(&self, group: GroupId) -> PoolId {
        let pool = self.of.get(usize::from(group.0));
        pool.copied().unwrap_or(PoolId(usize::MAX))
    }
}

/// The groups that a card of so many digits may reach.
fn reached<'a>(
    rules: &'a [Rule],
    candidates: &'a [Candidate],
    digits: u8,
) -> impl Iterator<Item = &'a GroupId> {
    let mut over = false;
    candidates
        .iter()
        .filter(move |candidate| candidate.digits <= digits)
        .take_while(move |candidate| {
            !core::mem::replace(&mut over, asks_nothing(rules, candidate.rule))
        })
        .filter_map(|candidate| rules.get(candidate.rule))
        .flat_map(|rule| &rule.groups)
}

/// By group: another it is joined with, or itself.
struct Joined(Vec<usize>);

impl Joined {
    fn join<'a>(&mut self, mut groups: impl Iterator<Item = &'a GroupId>) {
        if let Some(first) = groups.next() {
            let first = self.root(usize::from(first.0));
            for group in groups {
                let root = self.root(usize::from(group.0));
                if let Some(to) = self.0.get_mut(root) {
                    *to = first;
                }
            }
        }
    }

    fn root(&mut self, mut group: usize) -> usize {
        while let Some(next) = self.0.get(group).copied().filter(|next| *next != group) {
            // Halves the way for the next time.
            if let (Some(after), Some(to)) = (self.0.get(next).copied(), self.0.get_mut(group)) {
                *to = after;
            }
            group = next;
        }
        group
    }
}
