//! Card number to issuer group: the longest prefix wins.

use std::collections::HashMap;

use iso8583::element::Pan;
use thiserror::Error;

use crate::refusal::Refusal;

/// An issuer group: its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(pub usize);

/// Prefixes of card numbers and the groups that serve them. A table that is ambiguous cannot be
/// made.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    /// None: a known issuer that no group serves.
    by_prefix: HashMap<Box<[u8]>, Option<GroupId>>,
    /// Lengths of the prefixes there are, longest first.
    lengths: Vec<usize>,
}

/// Why a table cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RouteError {
    /// Not 1 to 19 digits.
    #[error("prefix {0:?} is not 1 to 19 digits")]
    Prefix(String),
    /// The prefix stands there twice.
    #[error("prefix {0} is routed twice")]
    Twice(String),
}

impl RouteTable {
    /// A table of these prefixes.
    ///
    /// # Errors
    /// Where a prefix is not one, or stands there twice.
    pub fn new<'a>(
        routes: impl IntoIterator<Item = (&'a str, Option<GroupId>)>,
    ) -> Result<Self, RouteError> {
        let mut table = Self::default();
        for (prefix, group) in routes {
            let digits = prefix.bytes().all(|digit| digit.is_ascii_digit());
            if !digits || !(1..=19).contains(&prefix.len()) {
                return Err(RouteError::Prefix(prefix.to_owned()));
            }
            if table
                .by_prefix
                .insert(prefix.as_bytes().into(), group)
                .is_some()
            {
                return Err(RouteError::Twice(prefix.to_owned()));
            }
            table.lengths.push(prefix.len());
        }
        table.lengths.sort_unstable_by(|one, other| other.cmp(one));
        table.lengths.dedup();
        Ok(table)
    }

    /// The group that serves a card.
    ///
    /// # Errors
    /// [`Refusal::NoSuchIssuer`] where no prefix fits, [`Refusal::NoRoute`] where the longest
    /// that fits has no group.
    pub fn route(&self, pan: &Pan) -> Result<GroupId, Refusal> {
        let digits = pan.reveal().as_bytes();
        let group = self
            .lengths
            .iter()
            .find_map(|length| self.by_prefix.get(digits.get(..*length)?))
            .ok_or(Refusal::NoSuchIssuer)?;
        (*group).ok_or(Refusal::NoRoute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> RouteTable {
        RouteTable::new([
            ("999999", Some(GroupId(0))),
            ("99999902", Some(GroupId(1))),
            ("9999990200000009", None),
        ])
        .unwrap()
    }

    #[test]
    fn the_longest_prefix_wins() {
        for (pan, group) in [
            ("9999990100000005", Ok(GroupId(0))),
            ("9999990200000017", Ok(GroupId(1))),
            ("9999990200000009", Err(Refusal::NoRoute)),
            ("4111111111111111", Err(Refusal::NoSuchIssuer)),
            ("99999812", Err(Refusal::NoSuchIssuer)),
        ] {
            assert_eq!(table().route(&pan.parse().unwrap()), group, "{pan}");
        }
    }

    #[test]
    fn err_tables_that_cannot_be() {
        let made = |routes: &[&'static str]| {
            RouteTable::new(routes.iter().map(|prefix| (*prefix, None))).map(|_| ())
        };
        assert_eq!(made(&["99", "99"]), Err(RouteError::Twice("99".to_owned())));
        for prefix in ["", "99x", "12345678901234567890"] {
            assert_eq!(made(&[prefix]), Err(RouteError::Prefix(prefix.to_owned())));
        }
    }
}
