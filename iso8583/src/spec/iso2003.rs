//! The data elements of ISO 8583:2003: one line each, whatever their coding on the wire.
//!
//! The standard is not public. The table is that of the jPOS Common Message Format, checked with
//! a public list of the standard's elements up to DE 49. Where they differ:
//!
//! * DE 22 and 27 are 16 and 27 bytes, as in CMF: the list has b 12 and anb 25;
//! * DE 49 has four digits of length, as in CMF: the list has three;
//! * DE 72 has four digits of length, as CMF's text says: its packager has three;
//! * DE 74 is the 156 digits of its six pairs of amount and number: CMF's text counts 78, which
//!   are their bytes when packed;
//! * DE 97 is currency n 3, exponent n 1, sign and 16 digits, all as text.
//!
//! DE 34, 43, 44, 49 and 104 are made of data sets, as jPOS packs them (`DatasetPackager`): an
//! identifier of one byte, a length of two, and objects or a bitmap with elements, which nobody
//! looks into, for each set gives its tags meanings of its own. So it is with what is reserved and
//! with the parts of amounts (currency n 3, exponent n 1, digits). DE 65 stands for a third bitmap
//! and does not exist.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::Class::{An, Ans, B, N, Z};
use super::Visibility::{Never, Partly, Shown};
use super::table::Extent::{Fixed, Ll, Lll, Llll};
use super::table::{Element, bytes};
use super::{Counting, DialectBuilder, Prefix, PrefixCoding};
use crate::composite::{Composite, TagCoding, TagForm, Tagged, Unknown};

/// The dialect with the sets of its composites: `43.01` is the content of data set 01 of DE 43.
pub(super) fn composed(dialect: DialectBuilder) -> DialectBuilder {
    [34, 43, 44, 49, 104]
        .into_iter()
        .fold(dialect, |dialect, de| dialect.compose(de, data_sets()))
}

fn data_sets() -> Composite {
    Composite::Tagged(Tagged {
        tag: TagForm {
            width: 1,
            coding: TagCoding::Binary,
        },
        length: Prefix {
            digits: 2,
            coding: PrefixCoding::Binary,
            counting: Counting::Bytes,
        },
        prefix: Cow::Borrowed(""),
        known: BTreeMap::new(),
        unknown: Unknown::Keep,
    })
}

/// The packed dialect as the Common Message Format has it: its DE 21 is packed within, one
/// letter, fifteen characters, two and four digits; its MACs are half as long.
pub(super) fn cmf(dialect: DialectBuilder) -> DialectBuilder {
    dialect
        .field(21, bytes("transaction life cycle id data", 19, Shown))
        .field(64, bytes("message authentication code", 4, Never))
        .field(128, bytes("message authentication code", 4, Never))
}

/// Ascending by number.
pub(super) static ELEMENTS: [Element; 126] = [
    Element::new(2, "primary account number", N, Ll(19), Partly),
    Element::new(3, "processing code", An, Fixed(6), Shown),
    Element::new(4, "amount, transaction", N, Fixed(16), Shown),
    Element::new(5, "amount, reconciliation", N, Fixed(16), Shown),
    Element::new(6, "amount, cardholder billing", N, Fixed(16), Shown),
    Element::new(7, "date and time, transmission", N, Fixed(10), Shown),
    Element::new(8, "amount, cardholder billing fee", N, Fixed(12), Shown),
    Element::new(9, "conversion rate, reconciliation", N, Fixed(8), Shown),
    Element::new(
        10,
        "conversion rate, cardholder billing",
        N,
        Fixed(8),
        Shown,
    ),
    Element::new(11, "systems trace audit number", N, Fixed(12), Shown),
    Element::new(12, "date and time, local transaction", N, Fixed(14), Shown),
    Element::new(13, "date, effective", N, Fixed(6), Never),
    Element::new(14, "date, expiration", N, Fixed(4), Never),
    Element::new(15, "date, settlement", N, Fixed(8), Shown),
    Element::new(16, "date, conversion", N, Fixed(4), Shown),
    Element::new(17, "date, capture", N, Fixed(4), Shown),
    Element::new(18, "message error indicator", Ans, Lll(140), Shown),
    Element::new(
        19,
        "country code, acquiring institution",
        N,
        Fixed(3),
        Shown,
    ),
    Element::new(20, "country code, PAN", N, Fixed(3), Shown),
    Element::new(21, "transaction life cycle id data", Ans, Fixed(22), Shown),
    Element::new(22, "POS data code", B, Fixed(16), Shown),
    Element::new(23, "card sequence number", N, Fixed(3), Shown),
    Element::new(24, "function code", N, Fixed(3), Shown),
    Element::new(25, "message reason code", N, Fixed(4), Shown),
    Element::new(26, "merchant category code", N, Fixed(4), Shown),
    Element::new(27, "POS capability", B, Fixed(27), Shown),
    Element::new(28, "date, reconciliation", N, Fixed(8), Shown),
    Element::new(29, "reconciliation indicator", N, Fixed(3), Shown),
    Element::new(30, "amounts, original", N, Fixed(32), Shown),
    Element::new(31, "acquirer reference number", N, Fixed(23), Shown),
    Element::new(32, "acquiring institution id code", N, Ll(11), Shown),
    Element::new(33, "forwarding institution id code", N, Ll(11), Shown),
    Element::new(34, "electronic commerce data", B, Llll(9999), Never),
    Element::new(35, "track 2 data", Z, Ll(37), Never),
    Element::new(36, "track 3 data", Z, Lll(104), Never),
    Element::new(37, "retrieval reference number", An, Fixed(12), Shown),
    Element::new(38, "approval code", An, Fixed(6), Shown),
    Element::new(39, "action code", N, Fixed(4), Shown),
    Element::new(40, "service code", N, Fixed(3), Shown),
    Element::new(41, "card acceptor terminal id", Ans, Fixed(16), Shown),
    Element::new(42, "card acceptor id code", Ans, Ll(35), Shown),
    Element::new(43, "card acceptor name/location", B, Llll(9999), Shown),
    Element::new(44, "additional response data", B, Llll(9999), Never),
    Element::new(45, "track 1 data", Ans, Ll(76), Never),
    Element::new(46, "amounts, fees", Ans, Lll(216), Shown),
    Element::new(47, "additional data, national", Ans, Lll(999), Never),
    Element::new(48, "additional data, private", Ans, Lll(999), Never),
    Element::new(49, "verification data", B, Llll(9999), Never),
    Element::new(50, "reserved ISO", B, Llll(9999), Never),
    Element::new(51, "reserved ISO", B, Llll(9999), Never),
    Element::new(52, "PIN data", B, Fixed(8), Never),
    Element::new(53, "security related control information", B, Ll(48), Never),
    Element::new(54, "amounts, additional", Ans, Lll(126), Shown),
    Element::new(55, "ICC data", B, Llll(9999), Never),
    Element::new(56, "original data elements", N, Ll(41), Shown),
    Element::new(57, "authorization life cycle code", N, Fixed(3), Shown),
    Element::new(
        58,
        "authorizing agent institution id code",
        N,
        Ll(11),
        Shown,
    ),
    Element::new(59, "transport data", Ans, Lll(999), Never),
    Element::new(60, "reserved national", Ans, Lll(999), Never),
    Element::new(61, "reserved national", Ans, Lll(999), Never),
    Element::new(62, "reserved private", Ans, Lll(999), Never),
    Element::new(63, "reserved private", Ans, Lll(999), Never),
    Element::new(64, "message authentication code", B, Fixed(8), Never),
    Element::new(66, "amounts, original fees", Ans, Lll(216), Shown),
    Element::new(67, "extended payment data", N, Fixed(2), Shown),
    Element::new(
        68,
        "batch/file transfer message control",
        Ans,
        Fixed(9),
        Shown,
    ),
    Element::new(
        69,
        "batch/file transfer control data",
        Ans,
        Fixed(40),
        Never,
    ),
    Element::new(70, "file transfer description data", N, Fixed(18), Shown),
    Element::new(71, "reserved ISO", B, Llll(9999), Never),
    Element::new(72, "data record", B, Llll(9999), Never),
    Element::new(73, "date, action", N, Fixed(8), Shown),
    Element::new(74, "reconciliation data, primary", N, Fixed(156), Shown),
    Element::new(75, "reconciliation data, secondary", N, Fixed(90), Shown),
    Element::new(76, "reserved ISO", B, Llll(9999), Never),
    Element::new(77, "reserved ISO", B, Llll(9999), Never),
    Element::new(78, "reserved ISO", B, Llll(9999), Never),
    Element::new(79, "reserved ISO", B, Llll(9999), Never),
    Element::new(80, "reserved ISO", B, Llll(9999), Never),
    Element::new(81, "reserved ISO", B, Llll(9999), Never),
    Element::new(82, "reserved ISO", B, Llll(9999), Never),
    Element::new(83, "reserved ISO", B, Llll(9999), Never),
    Element::new(84, "reserved ISO", B, Llll(9999), Never),
    Element::new(85, "reserved ISO", B, Llll(9999), Never),
    Element::new(86, "reserved ISO", B, Llll(9999), Never),
    Element::new(87, "reserved ISO", B, Llll(9999), Never),
    Element::new(88, "reserved ISO", B, Llll(9999), Never),
    Element::new(89, "reserved ISO", B, Llll(9999), Never),
    Element::new(90, "reserved ISO", B, Llll(9999), Never),
    Element::new(91, "reserved ISO", B, Llll(9999), Never),
    Element::new(92, "reserved ISO", B, Llll(9999), Never),
    Element::new(93, "destination institution id code", N, Ll(11), Shown),
    Element::new(94, "originator institution id code", N, Ll(11), Shown),
    Element::new(95, "card issuer reference data", Ans, Ll(99), Never),
    Element::new(96, "key management data", B, Lll(999), Never),
    Element::new(97, "amount, net reconciliation", An, Fixed(21), Shown),
    Element::new(98, "payee", Ans, Fixed(25), Never),
    Element::new(99, "settlement institution id code", An, Ll(11), Shown),
    Element::new(100, "receiving institution id code", N, Ll(11), Shown),
    Element::new(101, "file name", Ans, Ll(99), Shown),
    Element::new(102, "account identification 1", Ans, Ll(28), Never),
    Element::new(103, "account identification 2", Ans, Ll(28), Never),
    Element::new(104, "transaction specific data", B, Llll(9999), Never),
    Element::new(105, "reserved ISO", B, Llll(9999), Never),
    Element::new(106, "reserved ISO", B, Llll(9999), Never),
    Element::new(107, "reserved ISO", B, Llll(9999), Never),
    Element::new(108, "reserved ISO", B, Llll(9999), Never),
    Element::new(
        109,
        "reconciliation fee amounts, credit",
        Ans,
        Lll(144),
        Shown,
    ),
    Element::new(
        110,
        "reconciliation fee amounts, debit",
        Ans,
        Lll(144),
        Shown,
    ),
    Element::new(111, "reserved private", B, Llll(9999), Never),
    Element::new(112, "reserved private", B, Llll(9999), Never),
    Element::new(113, "reserved private", B, Llll(9999), Never),
    Element::new(114, "reserved private", B, Llll(9999), Never),
    Element::new(115, "reserved private", B, Llll(9999), Never),
    Element::new(116, "reserved national", B, Llll(9999), Never),
    Element::new(117, "reserved national", B, Llll(9999), Never),
    Element::new(118, "reserved national", B, Llll(9999), Never),
    Element::new(119, "reserved national", B, Llll(9999), Never),
    Element::new(120, "reserved national", B, Llll(9999), Never),
    Element::new(121, "reserved national", B, Llll(9999), Never),
    Element::new(122, "reserved national", B, Llll(9999), Never),
    Element::new(123, "reserved private", Ans, Lll(999), Never),
    Element::new(124, "reserved private", B, Llll(9999), Never),
    Element::new(125, "reserved private", B, Llll(9999), Never),
    Element::new(126, "reserved private", B, Llll(9999), Never),
    Element::new(127, "reserved private", B, Llll(9999), Never),
    Element::new(128, "message authentication code", B, Fixed(8), Never),
];
