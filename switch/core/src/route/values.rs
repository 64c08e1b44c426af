//! Sets of numbers, as the intervals they fill.

/// Numbers, in intervals that are ascending and neither touch nor overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Values(Box<[Interval]>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Interval {
    low: u64,
    high: u64,
}

impl Values {
    /// All numbers from a low to a high one, for each of the pairs.
    pub(super) fn new(pairs: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let mut given: Vec<Interval> = pairs
            .into_iter()
            .filter(|(low, high)| low <= high)
            .map(|(low, high)| Interval { low, high })
            .collect();
        given.sort_unstable();
        let mut merged: Vec<Interval> = Vec::new();
        for next in given {
            match merged.last_mut() {
                Some(last) if next.low <= last.high.saturating_add(1) => {
                    last.high = last.high.max(next.high);
                }
                Some(_) | None => merged.push(next),
            }
        }
        Self(merged.into())
    }

    pub(super) fn contains(&self, value: u64) -> bool {
        self.0
            .iter()
            .any(|interval| (interval.low..=interval.high).contains(&value))
    }

    /// Are all of these among the others?
    pub(super) fn is_within(&self, others: &Self) -> bool {
        self.0.iter().all(|one| {
            others
                .0
                .iter()
                .any(|other| other.low <= one.low && one.high <= other.high)
        })
    }

    /// The least number that is in both.
    pub(super) fn first_common(&self, others: &Self) -> Option<u64> {
        let common = self.0.iter().flat_map(|one| {
            others.0.iter().filter_map(|other| {
                let low = one.low.max(other.low);
                (low <= one.high.min(other.high)).then_some(low)
            })
        });
        common.min()
    }

    pub(super) fn first(&self) -> Option<u64> {
        self.0.first().map(|interval| interval.low)
    }

    /// How many they are, the last two told apart no more.
    pub(super) fn count(&self) -> u64 {
        self.0.iter().fold(0, |sum: u64, interval| {
            sum.saturating_add((interval.high - interval.low).saturating_add(1))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_touches_is_one_and_comparisons_are_those_of_sets() {
        let set = |pairs: &[(u64, u64)]| Values::new(pairs.iter().copied());
        let joined = set(&[(10, 19), (0, 4), (20, 29), (3, 5), (40, 39)]);
        assert_eq!(joined, set(&[(0, 5), (10, 29)]));
        assert_eq!((joined.count(), joined.first()), (26, Some(0)));
        assert!(joined.contains(29) && !joined.contains(6));
        assert!(set(&[(1, 2), (12, 12)]).is_within(&joined));
        assert!(!set(&[(4, 11)]).is_within(&joined));
        assert_eq!(set(&[(30, 40), (25, 26)]).first_common(&joined), Some(25));
        assert_eq!(set(&[(6, 9)]).first_common(&joined), None);
        assert_eq!(set(&[(0, u64::MAX)]).count(), u64::MAX);
    }
}
