//! The presence rules of 2003, as the jPOS Common Message Format has them (its transaction tables
//! and condition codes, jPOS-CMF `txn_auth`, `txn_financial`, `txn_reversal`, `txn_settlement`).
//!
//! The format has more than the standard asks for (DE 24 and 26 in every request), and less: what
//! its tables leave blank is not judged here, but for what is of the card and must not go back. It
//! has no table for network management: those say only that DE 11 and 12 are echoed and that DE 24
//! tells what is to be done.

use std::borrow::Cow;

use super::condition::Test::{In, NotIn};
use super::field::{FieldRule, When};
use super::iso87::{any, kept, may, must, never, same, untold, when};
use super::{Condition, MtiRule, Rules};

pub(super) static RULES: Rules = Rules {
    name: Cow::Borrowed("iso2003"),
    messages: Cow::Borrowed(&MESSAGES),
};

static MESSAGES: [MtiRule; 10] = [
    MtiRule::built_in(b"210x", REQUEST),
    MtiRule::built_in(b"211x", RESPONSE),
    MtiRule::built_in(b"220x", REQUEST),
    MtiRule::built_in(b"221x", RESPONSE),
    MtiRule::built_in(b"242x", REVERSAL),
    MtiRule::built_in(b"243x", REVERSAL_RESPONSE),
    MtiRule::built_in(b"254x", SETTLEMENT),
    MtiRule::built_in(b"255x", SETTLEMENT_RESPONSE),
    MtiRule::built_in(b"280x", NETWORK),
    MtiRule::built_in(b"281x", NETWORK_RESPONSE),
];

/// 2100, 2200.
const REQUEST: &[FieldRule] = &[
    when(2, ISO_7812),
    must(3),
    when(4, NOT_INQUIRY),
    when(7, REAL_TIME),
    must(11),
    must(12),
    when(13, NOT_READ),
    when(14, NOT_READ),
    when(21, ASSIGNED),
    must(22),
    when(23, NOT_READ),
    must(24),
    must(26),
    may(30),
    may(32),
    when(35, TRACK_READ),
    never(38),
    never(39),
    when(41, AVAILABLE),
    when(42, AVAILABLE),
    may(43),
    when(45, TRACK_READ),
    may(46),
    when(49, VERIFICATION),
    may(59),
    may(63),
    may(111),
];

/// 2110, 2210.
const RESPONSE: &[FieldRule] = &[
    kept(2),
    same(3),
    when(4, NOT_INQUIRY),
    kept(7),
    same(11),
    same(12),
    never(13),
    never(14),
    when(18, IN_ERROR),
    kept(21),
    never(23),
    may(30),
    may(32),
    never(35),
    never(36),
    when(38, APPROVED),
    must(39),
    kept(41),
    kept(42),
    may(43),
    never(45),
    may(46),
    never(52),
    kept(59),
    kept(63),
    kept(111),
];

/// 2420.
const REVERSAL: &[FieldRule] = &[
    when(2, ISO_7812),
    must(3),
    must(4),
    when(7, REAL_TIME),
    must(11),
    must(12),
    when(21, ASSIGNED),
    must(24),
    must(25),
    may(30),
    may(32),
    never(35),
    never(36),
    never(45),
    never(52),
    must(56),
    may(59),
    may(63),
    may(111),
];

/// 2430.
const REVERSAL_RESPONSE: &[FieldRule] = &[
    kept(2),
    kept(3),
    must(4),
    kept(7),
    same(11),
    same(12),
    never(14),
    when(18, IN_ERROR),
    kept(21),
    may(30),
    may(32),
    never(35),
    never(36),
    must(39),
    never(45),
    never(52),
    kept(59),
    kept(63),
    kept(111),
];

/// 2540, a notification.
const SETTLEMENT: &[FieldRule] = &[
    must(7),
    must(11),
    must(12),
    must(24),
    when(41, AVAILABLE),
    must(68),
    must(74),
    must(97),
    may(111),
];

/// 2550, its acknowledgement.
const SETTLEMENT_RESPONSE: &[FieldRule] = &[
    same(7),
    same(11),
    same(12),
    kept(41),
    same(68),
    same(74),
    same(97),
    kept(111),
];

/// 2804 and the like.
const NETWORK: &[FieldRule] = &[must(11), must(12), must(24), never(39)];

/// 2814 and the like.
const NETWORK_RESPONSE: &[FieldRule] = &[same(11), same(12), must(39)];

const ISO_7812: When = untold("where the card has a number of ISO 7812");
const NOT_INQUIRY: When = When::built_in(
    "where nothing is inquired",
    any!([NotIn(3, 1, Cow::Borrowed("3"))]),
    None,
);
const REAL_TIME: When = untold("in real time");
const NOT_READ: When = untold("where it is known and was not read from the card");
const ASSIGNED: When = untold("once it is assigned");
const TRACK_READ: When = untold("where the track was read");
const AVAILABLE: When = untold("where it is available");
const VERIFICATION: When = When::built_in(
    "where the cardholder is verified",
    any!([In(24, 1, Cow::Borrowed("109|110|112|113"))]),
    None,
);
const IN_ERROR: When = untold("where an element is in error");
const APPROVED: When = When::built_in(
    "where the request is approved",
    any!([In(39, 1, Cow::Borrowed("00"))]),
    None,
);
