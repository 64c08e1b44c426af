//! Reconciliation messages and what is compared, and totals in the journal.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test names what it expects"
)]

use std::collections::BTreeSet;
use std::time::Instant;

use iso8583::session::Now;
use iso8583::{Dialect, FieldKey, Message, Mti};
use jiff::civil::{Date, date};
use jiff::tz::Offset;

use super::book::{Key, Told};
use super::page::Acquirer;
use super::totals::Counter;
use super::*;
use crate::inbound::{Admission, Inbound};
use crate::record::Bytes;
use crate::refusal::Refusal;
use crate::request::ConnectionId;

fn now() -> Now {
    Now {
        #[expect(clippy::disallowed_methods, reason = "it only has to be some time")]
        instant: Instant::now(),
        utc: "2026-01-01T15:30:15Z".parse().unwrap(),
    }
}

fn inbound(acquirers: &[&str]) -> Inbound {
    Inbound {
        default_acquirer: b"900001".to_vec(),
        acquirers: acquirers
            .iter()
            .map(|id| id.as_bytes().to_vec())
            .collect::<BTreeSet<_>>(),
        forwarder: b"999001".to_vec(),
        business_offset: Offset::constant(9),
    }
}

/// Of yesterday's business date: two purchases, one of them undone, and a refund.
fn advice(mti: &str) -> Message {
    let mut message = Message::new(mti.parse().unwrap());
    for (de, value) in [
        (7, "0101153015"),
        (11, "000777"),
        (15, "1231"),
        (32, "450001"),
        (50, "410"),
        (74, "0000000001"),
        (75, "0000000000"),
        (76, "0000000002"),
        (77, "0000000001"),
        (80, "0000000003"),
        (81, "0000000000"),
        (86, "0000000000020000"),
        (87, "0000000000000000"),
        (88, "0000000000030000"),
        (89, "0000000000015000"),
        (97, "D0000000000005000"),
    ] {
        message.set(de, value.as_bytes());
    }
    message
}

fn ours() -> Totals {
    Totals {
        credits: Sum {
            number: 1,
            amount: 20_000,
        },
        debits: Sum {
            number: 2,
            amount: 30_000,
        },
        debit_reversals: Sum {
            number: 1,
            amount: 15_000,
        },
        inquiries: 7,
        ..Totals::default()
    }
}

const fn whole(totals: Totals) -> Position {
    Position {
        totals,
        incomplete: false,
    }
}

fn admitted(inbound: &Inbound, message: Message) -> Box<Reconciliation> {
    match inbound.admit(now(), ConnectionId(7), message) {
        Admission::Reconciliation(reconciliation) => reconciliation,
        other => panic!("{other:?}"),
    }
}

fn fields(message: &Message) -> Vec<u8> {
    message.present().iter().collect()
}

#[test]
fn totals_that_agree_are_answered_00_and_in_balance() {
    for (mti, response) in [
        ("0500", "0510"),
        ("0501", "0510"),
        ("0520", "0530"),
        ("0521", "0530"),
    ] {
        let reconciliation = admitted(&inbound(&["450001", "900001"]), advice(mti));
        let page = PageId::for_test("450001", date(2025, 12, 31), "410");
        assert_eq!(reconciliation.page(), page);
        let (balanced, answer) = reconciliation.answer(&whole(ours()));
        assert_eq!(
            (balanced, answer.connection),
            (Balanced::Yes, ConnectionId(7))
        );
        let answer = answer.message;
        assert_eq!(answer.mti().to_string(), response);
        assert_eq!(fields(&answer), [7, 11, 15, 32, 39, 50, 66]);
        assert_eq!((answer.text(39), answer.text(66)), (Some("00"), Some("1")));
        assert_eq!(
            (answer.text(11), answer.text(15)),
            (Some("000777"), Some("1231"))
        );
    }
}

#[test]
fn totals_that_differ_are_answered_95_with_both() {
    let inbound = inbound(&[]);
    let other = Totals {
        debits: Sum {
            number: 2,
            amount: 29_999,
        },
        ..ours()
    };
    let (balanced, answer) = admitted(&inbound, advice("0520")).answer(&whole(other));
    assert_eq!(balanced, Balanced::No);
    let answer = answer.message;
    assert_eq!((answer.text(39), answer.text(66)), (Some("95"), Some("2")));
    for (de, value) in [
        (74, "0000000001"),
        (75, "0000000000"),
        (76, "0000000002"),
        (77, "0000000001"),
        (78, "0000000000"),
        (79, "0000000000"),
        (80, "0000000007"),
        (81, "0000000000"),
        (86, "0000000000020000"),
        (87, "0000000000000000"),
        (88, "0000000000029999"),
        (89, "0000000000015000"),
        (97, "D0000000000005001"),
    ] {
        assert_eq!(answer.text(de), Some(value), "DE {de}");
    }
    let theirs = concat!(
        "17161",
        "0000000001000000000000000000020000000001",
        "0000000000000000000000000000030000000000",
        "0000000000020000000000000000000000000000000300000000000000015000",
        "D0000000000005000",
    );
    assert_eq!(answer.text(48), Some(theirs));
}

#[test]
fn any_total_that_differs_is_out_of_balance_and_inquiries_are_not_compared() {
    let inbound = inbound(&[]);
    let agrees = |message: Message| {
        let (balanced, _) = admitted(&inbound, message).answer(&whole(ours()));
        balanced == Balanced::Yes
    };
    assert!(agrees(advice("0520")));
    for de in [74, 75, 76, 77, 78, 79, 81, 86, 87, 88, 89] {
        let mut message = advice("0520");
        let digits = if de < 86 { 10 } else { 16 };
        message.set(de, format!("{:0digits$}", 9).as_bytes());
        assert!(!agrees(message), "DE {de}");
    }
    for net in ["C0000000000005000", "D0000000000005001"] {
        let mut message = advice("0520");
        message.set(97, net.as_bytes());
        assert!(!agrees(message), "{net}");
    }
    let mut message = advice("0520");
    message.set(80, b"0000000000");
    assert!(agrees(message));
    // Where nothing is due, it is due to either.
    let mut nothing = advice("0520");
    for de in (74..=77).chain([80, 81]) {
        nothing.set(de, b"0000000000");
    }
    for de in 86..=89 {
        nothing.set(de, b"0000000000000000");
    }
    for sign in ["C", "D"] {
        nothing.set(97, format!("{sign}0000000000000000").as_bytes());
        let (balanced, _) = admitted(&inbound, nothing.clone()).answer(&Position::default());
        assert_eq!(balanced, Balanced::Yes);
    }
}

#[test]
fn totals_that_are_not_whole_are_not_balanced() {
    let position = Position {
        totals: ours(),
        incomplete: true,
    };
    let (balanced, answer) = admitted(&inbound(&[]), advice("0500")).answer(&position);
    assert_eq!(balanced, Balanced::NotDone);
    assert_eq!(
        (answer.message.text(39), answer.message.text(66)),
        (Some("95"), Some("9"))
    );
    assert!(answer.message.has(74) && answer.message.has(48));
}

#[test]
fn what_is_missing_or_wrong_in_a_reconciliation_is_named() {
    let refused = |inbound: &Inbound, message| match inbound.admit(now(), ConnectionId(7), message)
    {
        Admission::Refused(refusal, answer) => (refusal, answer.message),
        other => panic!("{other:?}"),
    };
    for de in [7, 11, 15, 50, 74, 75, 76, 77, 80, 81, 86, 87, 88, 89, 97] {
        let mut message = advice("0520");
        message.remove(de);
        let (refusal, answer) = refused(&inbound(&[]), message);
        assert_eq!(refusal, Refusal::Format(de));
        assert_eq!(answer.text(44), Some(format!("{de:03}").as_str()));
        assert_eq!((answer.text(39), answer.has(33)), (Some("30"), false));
    }
    for (de, value) in [
        (15, "0230"),
        (50, "41"),
        (88, "000000000003000X"),
        (97, "E0000000000005000"),
    ] {
        let mut message = advice("0520");
        message.set(de, value.as_bytes());
        assert_eq!(refused(&inbound(&[]), message).0, Refusal::Format(de));
    }
    let (refusal, answer) = refused(&inbound(&["450002", "900001"]), advice("0520"));
    assert_eq!(
        (refusal, answer.text(39)),
        (Refusal::AcquirerNotAllowed, Some("31"))
    );
    for mti in ["0502", "0523", "1520", "0504"] {
        assert_eq!(
            refused(&inbound(&[]), advice(mti)).0,
            Refusal::UnsupportedMessage
        );
    }
}

#[test]
fn one_without_de_32_is_of_the_listeners_acquirer() {
    let mut message = advice("0520");
    message.remove(32);
    let reconciliation = admitted(&inbound(&[]), message);
    assert_eq!(reconciliation.page().acquirer(), "900001");
    let (_, answer) = reconciliation.answer(&whole(ours()));
    assert!(!answer.message.has(32));
}

#[test]
fn both_totals_go_through_every_dialect_of_1987() {
    for dialect in [
        Dialect::iso87_ascii(),
        Dialect::iso87_ascii_binmap(),
        Dialect::iso87_bcd(),
        Dialect::iso87_ebcdic(),
    ] {
        let mut buffer = [0; 1_024];
        let len = dialect.encode_into(&advice("0520"), &mut buffer).unwrap();
        let received = dialect.decode(&buffer[..len]).unwrap();
        assert_eq!(received, advice("0520"));
        let (_, answer) = admitted(&inbound(&[]), received).answer(&Position::default());
        let len = dialect.encode_into(&answer.message, &mut buffer).unwrap();
        assert_eq!(dialect.decode(&buffer[..len]).unwrap(), answer.message);
        assert_eq!(dialect.validate(&answer.message), []);
    }
}

fn key(number: u8) -> Key {
    let message = {
        let mut message = Message::new(Mti::FINANCIAL_REQUEST);
        message.set(11, format!("{number:06}").as_bytes());
        message
    };
    Key::new(b"45000100001", &FieldKey::new(&message, &[11])).unwrap()
}

fn told(standing: u64) -> Told {
    Told {
        date: date(2026, 3, 16),
        currency: *b"410",
        counter: Counter::Debits,
        standing,
    }
}

#[test]
fn a_count_that_leaves_its_element_is_not_made_and_the_page_says_so() {
    let mut book = Book::new(TotalsSettings::default());
    let most = 9_999_999_999_999_999;
    book.take(&Step::Counted(key(1), told(most)));
    book.take(&Step::Counted(key(2), told(1)));
    let page = PageId::for_test("45000100001", date(2026, 3, 16), "410");
    let position = book.position(&page);
    assert_eq!(
        position.totals.debits,
        Sum {
            number: 1,
            amount: most
        }
    );
    assert_eq!((position.incomplete, book.uncounted()), (true, 1));
    // And still after a restart.
    let mut bytes = Bytes::default();
    book.write(&mut bytes);
    assert!(read(&bytes).position(&page).incomplete);
}

/// All the records.
fn read(mut bytes: &[u8]) -> Book {
    let mut book = Book::new(TotalsSettings::default());
    while let Some((kind, rest)) = bytes.split_first() {
        bytes = book.read(*kind, rest).unwrap();
    }
    book
}

#[test]
fn a_book_is_read_as_it_was_written_and_no_larger_than_it_is_reckoned() {
    let mut book = Book::new(TotalsSettings::default());
    let mut steps = Bytes::default();
    for number in 0..9 {
        let step = Step::Counted(key(number), told(u64::MAX >> 20));
        step.write(&mut steps);
        book.take(&step);
    }
    let reversed = Step::Reversed {
        original: key(1),
        reversal: told(5),
        remaining: 7,
    };
    for step in [reversed, Step::TakenOut(key(2), told(u64::MAX >> 20))] {
        step.write(&mut steps);
        book.take(&step);
    }
    assert!(read(&steps).is_like(&book));
    let mut bytes = Bytes::default();
    book.write(&mut bytes);
    assert!(read(&bytes).is_like(&book));
    let bound = TotalsSettings::PAGE_BYTES + 9 * TotalsSettings::REMEMBERED_BYTES;
    assert!(bytes.len() <= bound, "{} of {bound}", bytes.len());
}

#[test]
fn err_a_record_of_totals_that_is_cut_off_or_says_what_there_is_not() {
    let mut book = Book::new(TotalsSettings::default());
    let mut bytes = Bytes::default();
    let step = Step::Counted(key(1), told(5));
    step.write(&mut bytes);
    for end in 1..bytes.len() {
        assert_eq!(book.read(bytes[0], &bytes[1..end]), None, "{end}");
    }
    let step_kind = 1;
    let month = 2 + Acquirer::LEN + 16 + 2;
    let counter = month + 5;
    for (place, value) in [(step_kind, 4), (month, 13), (counter, 6)] {
        let mut wrong = bytes.to_vec();
        wrong[place] = value;
        assert_eq!(book.read(wrong[0], &wrong[1..]), None, "byte {place}");
    }
    assert!(book.read(bytes[0], &bytes[1..]).is_some());
}

fn told_on(date: Date) -> Told {
    Told { date, ..told(5) }
}

fn on(date: Date) -> PageId {
    PageId::for_test("45000100001", date, "410")
}

#[test]
fn a_clock_that_jumps_and_is_put_right_costs_no_totals() {
    let mut book = Book::new(TotalsSettings::default());
    let day = |day| date(2026, 3, 1) + jiff::Span::new().days(day);
    // A week, a month ahead, back again, and a week more; each time after a restart.
    let days = (0..7).chain([37, 6]).chain(7..14);
    for (number, counted) in (0_u8..).zip(days) {
        book.take(&Step::Counted(key(number), told_on(day(counted))));
        let mut bytes = Bytes::default();
        book.write(&mut bytes);
        let again = read(&bytes);
        assert!(again.is_like(&book));
        book = again;
    }
    for kept in (7..14).chain([37]) {
        let position = book.position(&on(day(kept)));
        let expected = (1, false);
        assert_eq!(
            (position.totals.debits.number, position.incomplete),
            expected,
            "{kept}"
        );
    }
    assert_eq!(book.uncounted(), 0);
    // When its time comes it counts on.
    book.take(&Step::Counted(key(30), told_on(day(37))));
    assert_eq!(book.position(&on(day(37))).totals.debits.number, 2);
}

#[test]
fn days_without_a_transaction_drop_no_more_than_those_that_follow_need() {
    let mut book = Book::new(TotalsSettings::default());
    let day = |day| date(2026, 3, 1) + jiff::Span::new().days(day);
    for (number, counted) in (0_u8..).zip((0..7).chain(100..103)) {
        book.take(&Step::Counted(key(number), told_on(day(counted))));
    }
    for kept in (3..7).chain(100..103) {
        assert_eq!(
            book.position(&on(day(kept))).totals.debits.number,
            1,
            "{kept}"
        );
    }
    assert_eq!((book.pages().count(), book.uncounted()), (7, 0));
}

#[test]
fn a_date_that_is_not_kept_is_incomplete_and_not_opened_again() {
    let day = |day| date(2026, 3, 1) + jiff::Span::new().days(day);
    let mut book = Book::new(TotalsSettings::default());
    for number in 1..9 {
        book.take(&Step::Counted(key(number), told_on(day(number.into()))));
    }
    for dropped in [0, 1] {
        assert!(book.position(&on(day(dropped))).incomplete);
    }
    // A day to come has nothing on it.
    assert_eq!(book.position(&on(day(9))), Position::default());
    book.take(&Step::Counted(key(9), told_on(day(1))));
    assert_eq!((book.pages().count(), book.uncounted()), (7, 1));
    assert!(book.position(&on(day(1))).incomplete);
    assert!(!book.position(&on(day(2))).incomplete);
}

#[test]
fn a_clock_that_jumps_about_keeps_no_more_dates_than_its_bound() {
    let day = |day| date(2026, 3, 1) + jiff::Span::new().days(day);
    let mut book = Book::new(TotalsSettings::default());
    for number in (1..60).rev() {
        let counted = day(i64::from(number) * 10);
        book.take(&Step::Counted(key(number), told_on(counted)));
        assert!(book.pages().count() <= 14);
    }
    // It went back and back: the nearest wait, and those that were given up are known for it.
    assert_eq!(book.position(&on(day(10))).totals.debits.number, 1);
    assert!(!book.position(&on(day(10))).incomplete);
    assert!(book.position(&on(day(100))).incomplete);
    let mut bytes = Bytes::default();
    book.write(&mut bytes);
    assert!(read(&bytes).is_like(&book));
}

#[test]
fn what_had_no_page_is_missing_though_there_is_room_later() {
    let settings = TotalsSettings {
        pages_max: 2,
        days: 2,
        ..TotalsSettings::default()
    };
    let mut book = Book::new(settings);
    let other = Told {
        currency: *b"840",
        ..told_on(date(2026, 3, 2))
    };
    book.take(&Step::Counted(key(1), told_on(date(2026, 3, 1))));
    book.take(&Step::Counted(key(2), told_on(date(2026, 3, 2))));
    book.take(&Step::Counted(key(3), other));
    book.take(&Step::Counted(key(4), told_on(date(2026, 3, 3))));
    let mut bytes = Bytes::default();
    book.write(&mut bytes);
    let mut book = read(&bytes);
    book.take(&Step::Counted(key(5), other));
    let page = PageId::for_test("45000100001", date(2026, 3, 2), "840");
    assert!(book.position(&page).incomplete);
    assert!(!book.position(&on(date(2026, 3, 2))).incomplete);
}
