//! The presence rules of 1987: `domain.md` §2.2 for money, §2.4 for everything else.
//!
//! Where the golden messages leave out what §2.2 has as mandatory, they are followed: balance
//! inquiries carry no DE 18 and 43, reversals no DE 22 and 25.

use std::borrow::Cow;

use super::condition::Test::{self, Has, In, Lacks, NotIn};
use super::field::{self, FieldRule, Presence, Repeat, When};
use super::{Condition, MtiRule, Rules};
use crate::bitmap::Bitmap;
use crate::mti::{Class, Mti};

/// A condition: groups of tests, of which one must hold.
macro_rules! any {
    ($([$($test:expr),+]),+) => {
        Some(Condition::built_in(&[$(Cow::Borrowed(&[$($test),+])),+]))
    };
}

pub(super) use any;

pub(super) static RULES: Rules = Rules {
    name: Cow::Borrowed("iso87"),
    messages: Cow::Borrowed(&MESSAGES),
};

static MESSAGES: [MtiRule; 28] = [
    MtiRule::built_in(b"010x", REQUEST),
    MtiRule::built_in(b"011x", RESPONSE),
    MtiRule::built_in(b"012x", ADVICE),
    MtiRule::built_in(b"013x", ADVICE_RESPONSE),
    MtiRule::built_in(b"020x", REQUEST),
    MtiRule::built_in(b"021x", RESPONSE),
    MtiRule::built_in(b"022x", ADVICE),
    MtiRule::built_in(b"023x", ADVICE_RESPONSE),
    MtiRule::built_in(b"030x", FILE_UPDATE),
    MtiRule::built_in(b"031x", FILE_RESPONSE),
    MtiRule::built_in(b"032x", BATCH_UPLOAD),
    MtiRule::built_in(b"033x", FILE_RESPONSE),
    MtiRule::built_in(b"040x", REVERSAL),
    MtiRule::built_in(b"041x", REVERSAL_RESPONSE),
    MtiRule::built_in(b"042x", REVERSAL),
    MtiRule::built_in(b"043x", REVERSAL_RESPONSE),
    MtiRule::built_in(b"050x", RECONCILIATION),
    MtiRule::built_in(b"051x", RECONCILIATION_RESPONSE),
    MtiRule::built_in(b"052x", RECONCILIATION),
    MtiRule::built_in(b"053x", RECONCILIATION_ADVICE_RESPONSE),
    MtiRule::built_in(b"060x", ADMINISTRATIVE),
    MtiRule::built_in(b"061x", ADMINISTRATIVE_RESPONSE),
    MtiRule::built_in(b"062x", ADMINISTRATIVE),
    MtiRule::built_in(b"063x", ADMINISTRATIVE_RESPONSE),
    MtiRule::built_in(b"080x", NETWORK),
    MtiRule::built_in(b"081x", NETWORK_RESPONSE),
    MtiRule::built_in(b"082x", NETWORK),
    MtiRule::built_in(b"083x", NETWORK_RESPONSE),
];

/// What the answer to a message repeats of it, by this table; reckoned when compiled, for every
/// request that is answered asks. Classes without rules of their own repeat what says which
/// message is meant.
pub(super) const fn repeated(request: Mti) -> Bitmap {
    const OF_REQUEST: Bitmap = field::repeated(RESPONSE);
    const OF_ADVICE: Bitmap = field::repeated(ADVICE_RESPONSE);
    const OF_REVERSAL: Bitmap = field::repeated(REVERSAL_RESPONSE);
    const OF_FILE: Bitmap = field::repeated(FILE_RESPONSE);
    const OF_RECONCILIATION: Bitmap = field::repeated(RECONCILIATION_RESPONSE);
    const OF_ADMINISTRATIVE: Bitmap = field::repeated(ADMINISTRATIVE_RESPONSE);
    const OF_NETWORK: Bitmap = field::repeated(NETWORK_RESPONSE);
    match request.class() {
        Class::Authorization | Class::Financial if request.is_advice() => OF_ADVICE,
        Class::Authorization | Class::Financial => OF_REQUEST,
        Class::Reversal => OF_REVERSAL,
        Class::FileAction => OF_FILE,
        Class::Reconciliation => OF_RECONCILIATION,
        Class::Administrative | Class::FeeCollection | Class::Reserved => OF_ADMINISTRATIVE,
        Class::NetworkManagement => OF_NETWORK,
    }
}

/// 0100, 0200: purchase, cash, refund, load, pre-authorization, inquiry.
const REQUEST: &[FieldRule] = &[
    when(2, NO_TRACK),
    must(3),
    must(4),
    when(6, CROSS_CURRENCY),
    must(7),
    when(10, CROSS_CURRENCY),
    must(11),
    must(12),
    must(13),
    when(14, KEYED),
    may(15),
    when(18, NOT_INQUIRY),
    must(22),
    when(23, CHIP_ONLY),
    must(25),
    when(26, WITH_PIN),
    may(28),
    must(32),
    when(33, FORWARDED),
    when(35, CARD_READ),
    must(37),
    never(38),
    never(39),
    must(41),
    must(42),
    when(43, NOT_INQUIRY),
    never(44),
    when(45, TRACK_1),
    when(48, ECOMMERCE),
    must(49),
    when(51, CROSS_CURRENCY),
    when(52, PIN),
    when(53, SECURED),
    may(54),
    when(55, CHIP),
    never(60),
    when(64, MAC),
    never(90),
    never(95),
    may(100),
    when(128, MAC),
];

/// What answers about money have in common. They differ in what they say of the amount, the
/// approval, balances, the chip and the original.
macro_rules! about_money {
    ($amount:expr, $code:expr, $sums:expr, $chip:expr, $original:expr, $replaced:expr $(,)?) => {
        &[
            kept(2),
            same(3),
            $amount,
            kept(6),
            same(7),
            kept(10),
            same(11),
            same(12),
            same(13),
            never(14),
            unless_given(15),
            never(18),
            never(22),
            never(23),
            never(25),
            never(26),
            may(28),
            same(32),
            kept(33),
            never(35),
            never(36),
            same(37),
            $code,
            must(39),
            same(41),
            same(42),
            never(43),
            may(44),
            never(45),
            kept(48),
            same(49),
            kept(51),
            never(52),
            never(53),
            $sums,
            $chip,
            never(60),
            when(64, MAC),
            $original,
            $replaced,
            kept(100),
            when(128, MAC),
        ]
    };
}

/// 0110, 0210.
const RESPONSE: &[FieldRule] = about_money!(
    FieldRule::built_in(
        4,
        Presence::Conditional(NOT_INQUIRY),
        Repeat::UnlessPartlyApproved,
    ),
    when(38, APPROVED),
    when(54, BALANCES),
    when(55, ISSUER_DATA),
    never(90),
    never(95),
);

/// 0120, 0220: completion, stand-in, what was done offline.
const ADVICE: &[FieldRule] = &[
    when(2, NO_TRACK),
    must(3),
    must(4),
    when(6, CROSS_CURRENCY),
    must(7),
    when(10, CROSS_CURRENCY),
    must(11),
    must(12),
    must(13),
    when(14, IF_KNOWN),
    may(15),
    must(18),
    must(22),
    when(23, CHIP_ONLY),
    must(25),
    never(26),
    may(28),
    must(32),
    when(33, FORWARDED),
    when(35, IF_KNOWN),
    must(37),
    when(38, OF_APPROVAL),
    when(39, STAND_IN),
    must(41),
    must(42),
    must(43),
    never(44),
    when(45, IF_KNOWN),
    when(48, ECOMMERCE),
    must(49),
    when(51, CROSS_CURRENCY),
    never(52),
    never(53),
    may(54),
    when(55, CHIP_ONLY),
    must(60),
    when(64, MAC),
    when(90, COMPLETION),
    may(95),
    may(100),
    when(128, MAC),
];

/// 0130, 0230.
const ADVICE_RESPONSE: &[FieldRule] =
    about_money!(same(4), kept(38), may(54), may(55), kept(90), kept(95));

/// 0400, 0420.
const REVERSAL: &[FieldRule] = &[
    must(2),
    must(3),
    must(4),
    when(6, CROSS_CURRENCY),
    must(7),
    when(10, CROSS_CURRENCY),
    must(11),
    must(12),
    must(13),
    may(14),
    may(15),
    may(18),
    may(22),
    when(23, IF_KNOWN),
    may(25),
    never(26),
    when(28, FEE_REFUNDED),
    must(32),
    when(33, FORWARDED),
    never(35),
    never(36),
    must(37),
    when(38, ANSWERED),
    must(39),
    must(41),
    must(42),
    may(43),
    never(44),
    never(45),
    may(48),
    must(49),
    when(51, CROSS_CURRENCY),
    never(52),
    never(53),
    never(54),
    when(55, IF_KNOWN),
    when(60, IF_KNOWN),
    when(64, MAC),
    must(90),
    when(95, IN_PART),
    may(100),
    when(128, MAC),
];

/// 0410, 0430.
const REVERSAL_RESPONSE: &[FieldRule] =
    about_money!(same(4), kept(38), may(54), never(55), same(90), kept(95));

/// 0300: a change of the hot-card list.
const FILE_UPDATE: &[FieldRule] = &[
    must(2),
    when(64, MAC),
    must(73),
    must(91),
    must(92),
    must(101),
    when(128, MAC),
];

/// 0320: one transaction of a batch, after totals that differed.
const BATCH_UPLOAD: &[FieldRule] = &[
    must(2),
    must(3),
    must(4),
    must(11),
    must(12),
    must(13),
    must(22),
    must(25),
    must(32),
    must(37),
    must(38),
    must(41),
    must(42),
    must(49),
    must(60),
    when(64, MAC),
    when(128, MAC),
];

/// 0310, 0330.
const FILE_RESPONSE: &[FieldRule] = &[
    kept(2),
    kept(3),
    kept(4),
    kept(7),
    kept(11),
    kept(12),
    kept(13),
    kept(32),
    kept(33),
    kept(37),
    must(39),
    kept(41),
    kept(42),
    kept(49),
    when(64, MAC),
    kept(100),
    when(128, MAC),
];

/// What answers about totals have in common: all but whether they say who is right.
macro_rules! about_totals {
    ($settlement:expr) => {
        &[
            same(7),
            same(11),
            kept(15),
            kept(32),
            kept(33),
            must(39),
            kept(50),
            when(64, MAC),
            $settlement,
            kept(99),
            kept(100),
            when(128, MAC),
        ]
    };
}

/// 0500, 0520, and 0502 and 0522 of the issuer.
const RECONCILIATION: &[FieldRule] = &[
    must(7),
    must(11),
    must(15),
    when(32, NO_SETTLEMENT_INSTITUTION),
    must(50),
    when(64, MAC),
    must(74),
    must(75),
    must(76),
    must(77),
    may(78),
    may(79),
    must(80),
    must(81),
    may(82),
    may(83),
    may(84),
    may(85),
    must(86),
    must(87),
    must(88),
    must(89),
    must(97),
    when(99, NO_ACQUIRER),
    when(128, MAC),
];

/// 0510: whether the totals agree may be said by DE 39 alone.
const RECONCILIATION_RESPONSE: &[FieldRule] = about_totals!(may(66));

/// 0530.
const RECONCILIATION_ADVICE_RESPONSE: &[FieldRule] = about_totals!(must(66));

/// 0600, 0620: text, reject notices.
const ADMINISTRATIVE: &[FieldRule] = &[
    must(7),
    must(11),
    when(32, NO_FORWARDER),
    when(33, NO_ACQUIRER),
    when(44, IN_ERROR),
    when(48, TEXT),
    when(60, TEXT),
    when(64, MAC),
    when(128, MAC),
];

/// 0610, 0630.
const ADMINISTRATIVE_RESPONSE: &[FieldRule] = &[
    same(7),
    same(11),
    kept(32),
    kept(33),
    must(39),
    when(64, MAC),
    kept(100),
    when(128, MAC),
];

/// 0800, 0820.
const NETWORK: &[FieldRule] = &[
    must(7),
    must(11),
    when(32, SENDER),
    when(33, SENDER),
    when(48, KEY),
    when(53, SECURED_LINK),
    when(64, MAC),
    must(70),
    when(96, SECURED_LINK),
    when(123, SECURED_LINK),
    when(128, MAC),
];

/// 0810, 0830.
const NETWORK_RESPONSE: &[FieldRule] = &[
    same(7),
    same(11),
    kept(32),
    kept(33),
    must(39),
    when(64, MAC),
    same(70),
    when(128, MAC),
];

/// `M`.
pub(super) const fn must(de: u8) -> FieldRule {
    FieldRule::built_in(de, Presence::Mandatory, Repeat::Nothing)
}

/// `O`.
pub(super) const fn may(de: u8) -> FieldRule {
    FieldRule::built_in(de, Presence::Optional, Repeat::Nothing)
}

/// `-`.
pub(super) const fn never(de: u8) -> FieldRule {
    FieldRule::built_in(de, Presence::Forbidden, Repeat::Nothing)
}

/// `C`.
pub(super) const fn when(de: u8, when: When) -> FieldRule {
    FieldRule::built_in(de, Presence::Conditional(when), Repeat::Nothing)
}

/// `ME`.
pub(super) const fn same(de: u8) -> FieldRule {
    FieldRule::built_in(de, Presence::Mandatory, Repeat::of(de))
}

/// `CE`.
pub(super) const fn kept(de: u8) -> FieldRule {
    FieldRule::built_in(de, Presence::Optional, Repeat::of(de))
}

/// `OE`.
const fn unless_given(de: u8) -> FieldRule {
    FieldRule::built_in(de, Presence::Optional, Repeat::UnlessGiven)
}

/// A condition that the message cannot tell.
pub(super) const fn untold(words: &'static str) -> When {
    When::built_in(words, None, None)
}

/// DE 22 says that the chip was read; 91 is the stripe image of a contactless one.
const CHIP_READ: Test = In(22, 1, Cow::Borrowed("05|07|91|95"));
/// DE 22 says that stripe or chip was read.
const READ: Test = In(22, 1, Cow::Borrowed("02|05|07|80|90|91|95"));
/// DE 22 says that the number was typed, or given online.
const TYPED: Test = In(22, 1, Cow::Borrowed("01|06|79|81"));
const NOT_TYPED: Test = NotIn(22, 1, Cow::Borrowed("01|06|79|81"));
/// DE 3 is not 3xxxxx.
const NO_INQUIRY: Test = NotIn(3, 1, Cow::Borrowed("3"));
/// DE 39 approves money.
const APPROVES: Test = In(39, 1, Cow::Borrowed("00|08|10|11|16"));
/// DE 70 changes a key.
const KEY_CHANGE: Test = In(70, 1, Cow::Borrowed("101|161"));

const NO_TRACK: When = When::built_in(
    "where no track carries it",
    any!([Lacks(35), Lacks(45)]),
    None,
);
const CROSS_CURRENCY: When = untold("where the card is billed in another currency");
const KEYED: When = When::built_in(
    "where the card was keyed or given online",
    any!([TYPED, Lacks(35), Lacks(45)]),
    None,
);
const NOT_INQUIRY: When = When::built_in("where nothing is inquired", any!([NO_INQUIRY]), None);
const CHIP_ONLY: When = When::built_in("where the chip was read", None, any!([CHIP_READ]));
const CHIP: When = When::built_in(
    "where the chip was read",
    any!([In(22, 1, Cow::Borrowed("05|07"))]),
    any!([CHIP_READ]),
);
const WITH_PIN: When = When::built_in("with DE 52", None, any!([Has(52)]));
const FORWARDED: When = untold("where the forwarder is not the originator");
const CARD_READ: When = When::built_in(
    "where stripe or chip was read",
    any!([READ, Lacks(45)]),
    any!([NOT_TYPED]),
);
const TRACK_1: When = When::built_in("where stripe or chip was read", None, any!([NOT_TYPED]));
const ECOMMERCE: When = When::built_in(
    "in e-commerce",
    any!([In(25, 1, Cow::Borrowed("59")), NO_INQUIRY]),
    None,
);
const PIN: When = When::built_in(
    "where the terminal can take a PIN",
    None,
    any!([NotIn(22, 3, Cow::Borrowed("2"))]),
);
const SECURED: When = When::built_in(
    "with a PIN or a MAC",
    None,
    any!([Has(52)], [Has(64)], [Has(128)]),
);
const MAC: When = untold("where the link has a MAC key");
const APPROVED: When = When::built_in("where the request is approved", any!([APPROVES]), None);
const BALANCES: When = When::built_in(
    "in a balance and in a partial approval",
    any!(
        [In(39, 1, Cow::Borrowed("10"))],
        [In(3, 1, Cow::Borrowed("3")), APPROVES]
    ),
    None,
);
const ISSUER_DATA: When = untold("where the issuer has data for the chip");
const OF_APPROVAL: When = When::built_in(
    "where the original was approved",
    any!([Lacks(39)], [APPROVES]),
    None,
);
const STAND_IN: When = untold("where the request was answered in stand-in");
const COMPLETION: When = untold("where a pre-authorization is completed");
const IF_KNOWN: When = untold("where it is known");
const FEE_REFUNDED: When = untold("where the fee is refunded");
const ANSWERED: When = untold("where the original was answered");
const IN_PART: When = When::built_in(
    "where the reversal is partial",
    any!([In(39, 1, Cow::Borrowed("32"))]),
    None,
);
const NO_SETTLEMENT_INSTITUTION: When =
    When::built_in("where DE 99 is not there", any!([Lacks(99)]), None);
const NO_ACQUIRER: When = When::built_in("where DE 32 is not there", any!([Lacks(32)]), None);
const NO_FORWARDER: When = When::built_in("where DE 33 is not there", any!([Lacks(33)]), None);
const IN_ERROR: When = untold("where an element is in error");
const TEXT: When = untold("where there is text");
const SENDER: When = untold("where the sender has a number");
const KEY: When = When::built_in(
    "where a key is changed",
    any!([KEY_CHANGE, Lacks(96), Lacks(123)]),
    None,
);
const SECURED_LINK: When = untold("where the link is secured");
