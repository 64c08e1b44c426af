//! The e-commerce layout our own hosts speak in DE 48: tags of two digits, lengths of three
//! digits in bytes, values in text. Tags ascend, each at most once; tags that are not known are
//! kept and passed on.

use std::borrow::Cow;

use super::Class::{An, Ans, N};
use super::Visibility::{Never, Shown};
use super::table::text;
use super::{Class, Counting, DialectBuilder, Length, Prefix, Visibility};
use crate::composite::{Composite, TagCoding, TagForm, Tagged, Unknown};

const LENGTH: Prefix = Prefix::ascii(3, Counting::Bytes);

/// Tag, name, class, longest value, and whether it may be printed: neither free text, which may
/// hold anything, nor what tells a customer, nor keys.
const TAGS: [(&str, &str, Class, u16, Visibility); 16] = [
    ("01", "mall id", Ans, 20, Shown),
    ("02", "order id", Ans, 40, Shown),
    ("03", "customer reference", Ans, 40, Never),
    ("04", "card password result", An, 1, Shown),
    ("05", "CVV2", N, 4, Never),
    ("06", "CVV2 result", An, 1, Shown),
    ("07", "partial approval capable", An, 1, Shown),
    ("08", "instalment months", N, 2, Shown),
    ("09", "goods name", Ans, 40, Never),
    ("10", "customer contact hash", Ans, 64, Never),
    ("11", "VAT amount", N, 12, Shown),
    ("12", "service charge", N, 12, Shown),
    ("13", "tax-free amount", N, 12, Shown),
    ("14", "original approval", Ans, 14, Shown),
    ("15", "receipt text", Ans, 80, Never),
    ("16", "key block", Ans, 80, Never),
];

/// The dialect with tags in its DE 48.
pub(super) fn of(dialect: DialectBuilder) -> DialectBuilder {
    let known = TAGS.iter().map(|(tag, name, class, max, visibility)| {
        let length = Length::up_to(*max, LENGTH);
        ((*tag).to_owned(), text(name, *class, length, *visibility))
    });
    let tags = Composite::Tagged(Tagged {
        tag: TagForm {
            width: 2,
            coding: TagCoding::Text,
        },
        length: LENGTH,
        prefix: Cow::Borrowed(""),
        known: known.collect(),
        unknown: Unknown::Keep,
    });
    dialect.compose(48, tags)
}
