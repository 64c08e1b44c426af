//! DE 48 of the house: tag n2, length n3, value.

use core::fmt;
use std::borrow::Cow;

use thiserror::Error;

use crate::element::twelve_digits;

/// The house's layout of DE 48: `tag n2 | length n3 | value`, each tag at most once; tags nobody
/// knows are kept. `Debug` shows which tags there are and no value.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateData<'a>(Vec<(u8, Cow<'a, [u8]>)>);

impl<'a> PrivateData<'a> {
    /// Mall id.
    pub const MALL_ID: u8 = 1;
    /// Order id, unique per mall.
    pub const ORDER_ID: u8 = 2;
    /// The mall's own name for its customer.
    pub const CUSTOMER_REFERENCE: u8 = 3;
    /// Original approval date YYYYMMDD and approval number: the Korean cancel key.
    pub const ORIGINAL_APPROVAL: u8 = 14;

    /// Tags an answer repeats.
    const ECHOED: [u8; 4] = [
        Self::MALL_ID,
        Self::ORDER_ID,
        Self::CUSTOMER_REFERENCE,
        Self::ORIGINAL_APPROVAL,
    ];

    /// Reads the element.
    ///
    /// # Errors
    /// [`PrivateDataError::OtherLayout`] where it is not made this way (another VAN's own layout,
    /// say), [`PrivateDataError::RepeatedTag`] where it is but names a tag twice.
    pub fn parse(value: &'a [u8]) -> Result<Self, PrivateDataError> {
        Self::check(value)?;
        let tags = Tags(value).filter_map(|tag| tag.ok());
        Ok(Self(tags.map(|(tag, value)| (tag, value.into())).collect()))
    }

    /// Is it one that [`PrivateData::parse`] reads? Nothing is allocated.
    ///
    /// # Errors
    /// Those of [`PrivateData::parse`].
    pub fn check(value: &[u8]) -> Result<(), PrivateDataError> {
        let mut seen = 0_u128;
        let mut repeated = None;
        for tag in Tags(value) {
            let (tag, _) = tag?;
            let bit = 1_u128 << tag;
            if seen & bit != 0 {
                repeated = repeated.or(Some(tag));
            }
            seen |= bit;
        }
        match repeated {
            Some(tag) => Err(PrivateDataError::RepeatedTag(tag)),
            None => Ok(()),
        }
    }

    /// Of an element as it stands, the tags an answer repeats (01 to 03 and 14): borrowed where
    /// they are its beginning. None where there are none, or the element cannot be read.
    #[must_use]
    pub fn echo_of(value: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let mut seen = 0_u128;
        let (mut at, mut beginning, mut scattered) = (0, 0, false);
        for tag in Tags(value) {
            let (tag, inside) = tag.ok()?;
            let bit = 1_u128 << tag;
            if seen & bit != 0 {
                return None;
            }
            seen |= bit;
            let start = at;
            at += Tags::HEAD + inside.len();
            if Self::ECHOED.contains(&tag) {
                scattered |= start != beginning;
                beginning = at;
            }
        }
        if scattered {
            return Self::parse(value).ok()?.echo().map(Cow::Owned);
        }
        let beginning = value.get(..beginning)?;
        (!beginning.is_empty()).then_some(Cow::Borrowed(beginning))
    }

    /// A tag's value.
    #[must_use]
    pub fn get(&self, tag: u8) -> Option<&[u8]> {
        let mut tags = self.tags();
        tags.find_map(|(other, value)| (other == tag).then_some(value))
    }

    /// Every tag with its value, in the order they came.
    pub fn tags(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.0.iter().map(|(tag, value)| (*tag, &**value))
    }

    /// The same, no longer part of the message it was read from.
    #[must_use]
    pub fn into_owned(self) -> PrivateData<'static> {
        let tags = self.0.into_iter();
        let owned = tags.map(|(tag, value)| (tag, Cow::Owned(value.into_owned())));
        PrivateData(owned.collect())
    }

    /// The element with the tags an answer repeats (01 to 03 and 14); None where there is none.
    #[must_use]
    pub fn echo(&self) -> Option<Vec<u8>> {
        let echoed = self.tags().filter(|(tag, _)| Self::ECHOED.contains(tag));
        let element = Self::encode(echoed);
        (!element.is_empty()).then_some(element)
    }

    /// Writes tags in the order given.
    #[must_use]
    pub fn encode<'b>(tags: impl IntoIterator<Item = (u8, &'b [u8])>) -> Vec<u8> {
        let mut element = Vec::new();
        for (tag, value) in tags {
            let [.., tens, ones] = twelve_digits(u64::from(tag));
            let length = u64::try_from(value.len()).unwrap_or(u64::MAX);
            let [.., a, b, c] = twelve_digits(length);
            element.extend_from_slice(&[tens, ones, a, b, c]);
            element.extend_from_slice(value);
        }
        element
    }
}

/// The tags of an element one after the other; an error, and then none, where it is of another
/// layout.
struct Tags<'a>(&'a [u8]);

impl Tags<'_> {
    /// Bytes before a value.
    const HEAD: usize = 5;
}

impl<'a> Iterator for Tags<'a> {
    type Item = Result<(u8, &'a [u8]), PrivateDataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let rest = core::mem::take(&mut self.0);
        let tag = rest.split_first_chunk::<{ Tags::HEAD }>().and_then(
            |([tens, ones, length @ ..], rest)| {
                let digit = |byte: u8| byte.is_ascii_digit().then_some(byte & 0x0F);
                let tag = digit(*tens)? * 10 + digit(*ones)?;
                let length = length.iter().try_fold(0_usize, |sum, byte| {
                    Some(sum * 10 + usize::from(digit(*byte)?))
                })?;
                let (value, rest) = rest.split_at_checked(length)?;
                self.0 = rest;
                Some((tag, value))
            },
        );
        Some(tag.ok_or(PrivateDataError::OtherLayout))
    }
}

impl fmt::Debug for PrivateData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tags = self.tags().map(|(tag, _)| tag);
        f.write_str("PrivateData")?;
        f.debug_list().entries(tags).finish()
    }
}

/// Why a DE 48 is not one of the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PrivateDataError {
    /// Not tag, length, value throughout.
    #[error("not of the house's layout")]
    OtherLayout,
    /// A tag stands there twice.
    #[error("tag {0:02} is repeated")]
    RepeatedTag(u8),
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &[u8] = b"01008MALL000102019ORD-20260315-00007703010CUST000042040011";

    #[test]
    fn the_golden_purchase_is_read_and_only_its_references_are_echoed() {
        let data = PrivateData::parse(GOLDEN).unwrap();
        assert_eq!(
            data.get(PrivateData::ORDER_ID),
            Some(&b"ORD-20260315-000077"[..])
        );
        let echo = data.echo().unwrap();
        assert_eq!(
            echo,
            b"01008MALL000102019ORD-20260315-00007703010CUST000042"
        );
    }

    #[test]
    fn what_is_echoed_of_an_element_as_it_stands_is_what_is_echoed_of_its_tags() {
        for (value, borrowed) in [
            (GOLDEN, true),
            (b"01001A14003123", true),
            (b"01001A04001B14003123", false),
            (b"04001B01001A", false),
            (b"04001B", false),
            (b"01001A01001B", false),
            (b"01001A14", false),
            (b"", false),
        ] {
            let echo = PrivateData::echo_of(value);
            let parsed = PrivateData::parse(value).ok();
            assert_eq!(
                echo.as_deref(),
                parsed.and_then(|parsed| parsed.echo()).as_deref()
            );
            assert_eq!(
                matches!(echo, Some(Cow::Borrowed(_))),
                borrowed,
                "{value:?}"
            );
        }
    }

    #[test]
    fn err_a_tag_twice_is_told_from_another_layout() {
        assert_eq!(
            PrivateData::parse(b"01001A01001B"),
            Err(PrivateDataError::RepeatedTag(1))
        );
        for other in [&b"HELLO"[..], b"01009SHORT", b"0100"] {
            assert_eq!(
                PrivateData::parse(other),
                Err(PrivateDataError::OtherLayout)
            );
        }
    }

    #[test]
    fn on_its_own_it_is_the_same_and_shows_no_value() {
        let owned = {
            let wire = GOLDEN.to_vec();
            PrivateData::parse(&wire).unwrap().into_owned()
        };
        assert_eq!(PrivateData::encode(owned.tags()), GOLDEN);
        assert_eq!(format!("{owned:?}"), "PrivateData[1, 2, 3, 4]");
    }

    #[test]
    fn nothing_to_echo_is_no_element() {
        assert_eq!(PrivateData::parse(b"05003123").unwrap().echo(), None);
    }
}
