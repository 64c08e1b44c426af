//! What an acquirer was told is what is counted.

use std::sync::Arc;

use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::*;
use crate::reconcile::{Book, Sum, Totals};
use crate::record::Replay;

const DAY: Date = date(2026, 3, 16);

/// A machine with the business day of its listener.
fn kit() -> Kit {
    kit_with(TotalsSettings::default())
}

fn kit_with(totals: TotalsSettings) -> Kit {
    let settings = OutboundSettings {
        totals: TotalsSettings {
            offset: Offset::constant(9),
            ..totals
        },
        ..OutboundSettings::default()
    };
    Kit::of(settings, &[GroupSettings::default()])
}

impl Kit {
    /// Asks, and the issuer answers with these changes; DE 39 of what the acquirer hears.
    fn told(&mut self, message: Message, changes: &[(u8, &str)]) -> Vec<Answer> {
        let (token, sent) = self.sent(message);
        let mut answer = approval(&sent);
        for (de, value) in changes {
            answer.set(*de, value.as_bytes());
        }
        self.outbound.handle_answer(self.now, token, answer);
        let answers = self
            .outputs()
            .into_iter()
            .filter_map(|output| match output {
                Output::Answer(answer) => Some(answer),
                _ => None,
            });
        answers.collect()
    }

    fn on(&self, date: Date) -> Totals {
        let mut pages = self.outbound.pages();
        let page = pages.find(|(page, _)| page.date() == date);
        page.map_or_else(Totals::default, |(_, totals)| totals)
    }

    fn totals(&self) -> Totals {
        self.on(DAY)
    }
}

fn of(mti: &str, changes: &[(u8, &str)]) -> Message {
    let mut message = purchase();
    message.set_mti(mti.parse().unwrap());
    for (de, value) in changes {
        message.set(*de, value.as_bytes());
    }
    message
}

/// Of the purchase, with a trace number of its own.
fn reversal(changes: &[(u8, &str)]) -> Message {
    let mut message = of("0420", changes);
    message
        .set(11, b"000900")
        .set(90, b"020000012303150230150000045000100000000000");
    message
}

const fn sum(number: u64, amount: u64) -> Sum {
    Sum { number, amount }
}

#[test]
fn each_approval_counts_where_its_type_says() {
    let debit = Totals {
        debits: sum(1, 15_000),
        ..Totals::default()
    };
    let credit = Totals {
        credits: sum(1, 15_000),
        ..Totals::default()
    };
    let authorization = Totals {
        authorizations: 1,
        ..Totals::default()
    };
    let inquiry = Totals {
        inquiries: 1,
        ..Totals::default()
    };
    let transfer = Totals {
        transfers: 1,
        ..Totals::default()
    };
    for (mti, code, expected) in [
        ("0200", "000000", debit),
        ("0200", "010000", debit),
        ("0200", "090000", debit),
        ("0220", "000000", debit),
        ("0221", "000000", debit),
        ("0200", "200000", credit),
        ("0200", "210000", credit),
        ("0200", "280000", credit),
        ("0200", "310000", inquiry),
        ("0100", "310000", inquiry),
        ("0100", "000000", authorization),
        ("0120", "000000", authorization),
        ("0100", "200000", authorization),
        ("0200", "400000", transfer),
        ("0200", "920000", Totals::default()),
    ] {
        let mut kit = kit();
        kit.told(of(mti, &[(3, code)]), &[]);
        assert_eq!(kit.totals(), expected, "{mti} {code}");
    }
}

#[test]
fn only_approvals_count_and_of_one_in_part_only_that_part() {
    for code in ["05", "51", "91", "94"] {
        let mut kit = kit();
        kit.told(purchase(), &[(39, code)]);
        assert_eq!(kit.totals(), Totals::default(), "{code}");
    }
    let mut kit = kit();
    kit.told(purchase(), &[(39, "10"), (4, "000000004000")]);
    assert_eq!(kit.totals().debits, sum(1, 4_000));
    // All of it is undone, whatever its reversal says was asked for.
    kit.told(reversal(&[(39, "17")]), &[]);
    assert_eq!(kit.totals().debit_reversals, sum(1, 4_000));
}

#[test]
fn a_transaction_counts_once_however_many_copies_of_it_are_answered() {
    let mut kit = kit();
    let (token, sent) = kit.sent(purchase());
    assert!(kit.ask(of("0201", &[])).is_empty());
    kit.outbound.handle_answer(kit.now, token, approval(&sent));
    assert_eq!(kit.answers().len(), 2);
    kit.told(of("0201", &[]), &[]);
    kit.told(purchase(), &[]);
    assert_eq!(kit.totals().debits, sum(1, 15_000));
    kit.told(of("0200", &[(11, "000124")]), &[]);
    assert_eq!(kit.totals().debits, sum(2, 30_000));
    // The first copy that came through was a repeat.
    kit.told(of("0221", &[(11, "000125")]), &[]);
    assert_eq!(kit.totals().debits, sum(3, 45_000));
}

#[test]
fn reversals_count_beside_their_originals_and_once() {
    let mut kit = kit();
    kit.told(purchase(), &[]);
    kit.told(reversal(&[(39, "17"), (38, "A12345")]), &[]);
    let undone = Totals {
        debits: sum(1, 15_000),
        debit_reversals: sum(1, 15_000),
        ..Totals::default()
    };
    assert_eq!((kit.totals(), kit.totals().net()), (undone, Some(0)));
    let mut repeat = reversal(&[(39, "17"), (38, "A12345")]);
    repeat.set_mti("0421".parse().unwrap());
    kit.told(repeat, &[]);
    kit.told(reversal(&[(39, "17"), (11, "000901")]), &[]);
    assert_eq!(kit.totals(), undone);

    let mut kit = self::kit();
    kit.told(of("0200", &[(3, "200000")]), &[]);
    kit.told(reversal(&[(39, "17"), (3, "200000")]), &[(39, "25")]);
    assert_eq!(kit.totals().credit_reversals, sum(0, 0), "refused");
    kit.told(reversal(&[(39, "17"), (3, "200000")]), &[]);
    assert_eq!(kit.totals().credit_reversals, sum(1, 15_000));
}

#[test]
fn a_reversal_in_part_counts_what_it_takes_off() {
    let to = |remaining: &str, stan| {
        let replaced = format!("{remaining}000000000000000000000000000000");
        reversal(&[(39, "32"), (38, "A12345"), (95, &replaced), (11, stan)])
    };
    let mut kit = kit();
    kit.told(purchase(), &[]);
    kit.told(to("000000005000", "000901"), &[]);
    assert_eq!(kit.totals().debit_reversals, sum(1, 10_000));
    // Again the same, and one that would leave more than stands: nothing is undone by them.
    kit.told(to("000000005000", "000901"), &[]);
    kit.told(to("000000009000", "000902"), &[]);
    assert_eq!(kit.totals().debit_reversals, sum(1, 10_000));
    kit.told(to("000000001000", "000903"), &[]);
    kit.told(reversal(&[(39, "17")]), &[]);
    assert_eq!(kit.totals().debit_reversals, sum(3, 15_000));
    assert_eq!(kit.totals().net(), Some(0));
}

#[test]
fn reversals_of_authorizations_have_no_element_and_are_not_debits() {
    let mut kit = kit();
    kit.told(of("0100", &[]), &[]);
    let mut undone = reversal(&[(39, "17"), (38, "A12345")]);
    undone.set(90, b"010000012303150230150000045000100000000000");
    kit.told(undone, &[]);
    let expected = Totals {
        authorizations: 1,
        ..Totals::default()
    };
    assert_eq!(kit.totals(), expected);
}

#[test]
fn what_the_acquirer_heard_91_to_is_not_counted_nor_is_its_reversal() {
    let mut kit = kit();
    let (token, _) = kit.sent(purchase());
    kit.outbound.handle_timed_out(kit.now, token);
    for output in kit.outputs() {
        if let Output::Send { token, message, .. } = output {
            let acknowledged = message.response(ResponseCode::APPROVED).unwrap();
            kit.outbound.handle_answer(kit.now, token, acknowledged);
        }
    }
    kit.outputs();
    kit.told(reversal(&[(39, "68")]), &[]);
    assert_eq!(kit.totals(), Totals::default());
    // Whatever the reason it gives: there is nothing to be reversed.
    kit.told(reversal(&[(39, "17"), (11, "000901")]), &[]);
    assert_eq!(kit.totals(), Totals::default());
}

#[test]
fn an_acquirer_that_reverses_since_it_got_no_answer_never_counted_the_original() {
    let mut kit = kit();
    kit.told(purchase(), &[]);
    kit.told(reversal(&[(39, "68")]), &[]);
    assert_eq!(kit.totals(), Totals::default());
    kit.told(of("0201", &[]), &[]);
    assert_eq!(kit.totals(), Totals::default(), "and it never counts again");

    // One that names the approval had it.
    let mut kit = self::kit();
    kit.told(purchase(), &[]);
    kit.told(reversal(&[(39, "68"), (38, "A12345")]), &[]);
    assert_eq!(kit.totals().debits, sum(1, 15_000));
    assert_eq!(kit.totals().debit_reversals, sum(1, 15_000));
}

#[test]
fn an_approval_that_came_after_its_reversal_is_not_counted() {
    let mut kit = kit();
    let (token, sent) = kit.sent(purchase());
    // On another link, and answered before.
    kit.told(reversal(&[(39, "68")]), &[]);
    kit.outbound.handle_answer(kit.now, token, approval(&sent));
    assert_eq!(kit.totals(), Totals::default());
}

#[test]
fn what_the_switch_reverses_is_taken_out() {
    let mut kit = kit();
    let answer = kit.told(purchase(), &[]).pop().unwrap();
    assert_eq!(kit.totals().debits, sum(1, 15_000));
    kit.outbound
        .handle_undeliverable(kit.now, &answer.undo.unwrap());
    assert_eq!(kit.totals(), Totals::default());

    // It asked again, for it had no answer, and got none again.
    let mut kit = self::kit();
    kit.told(purchase(), &[]);
    let (token, _) = kit.sent(of("0201", &[]));
    kit.outbound.handle_timed_out(kit.now, token);
    assert_eq!(kit.totals(), Totals::default());
}

#[test]
fn an_advice_that_is_kept_for_its_issuer_counts_once_as_its_acquirer_hears_00() {
    let mut life = Life::new();
    let kit = &mut life.kit;
    kit.outbound.handle_link(kit.now, FIRST_LINK, false);
    for mti in ["0220", "0221"] {
        let message = of(mti, &[]);
        life.ask(message);
        life.go_on();
    }
    assert_eq!(life.answered, ["00", "00"]);
    assert_eq!(life.kit.totals().debits, sum(1, 15_000));
    let kit = &mut life.kit;
    kit.outbound.handle_link(kit.now, FIRST_LINK, true);
    life.go_on();
    let (token, sent) = life.under_way.pop().unwrap();
    assert_eq!(sent.mti().to_string(), "0220");
    let refused = sent.response(ResponseCode::INVALID_TRANSACTION).unwrap();
    let kit = &mut life.kit;
    kit.outbound.handle_answer(kit.now, token, refused);
    life.go_on();
    assert_eq!(life.kit.totals().debits, sum(1, 15_000));
}

#[test]
fn a_date_is_the_one_the_acquirer_reads() {
    let mut kit = kit();
    kit.told(purchase(), &[(15, "0315")]);
    kit.told(of("0200", &[(11, "000124")]), &[(15, "0317")]);
    assert_eq!(kit.on(date(2026, 3, 15)).debits, sum(1, 15_000));
    assert_eq!(kit.on(date(2026, 3, 17)).debits, sum(1, 15_000));
    // No issuer decides which days are kept.
    for (stan, day) in [("000125", "1231"), ("000126", "0318"), ("000127", "0230")] {
        kit.told(of("0200", &[(11, stan)]), &[(15, day)]);
    }
    assert_eq!(kit.totals().debits, sum(3, 45_000));
    // Its reversal is of the day it is made on.
    kit.told(reversal(&[(39, "17")]), &[]);
    assert_eq!(kit.totals().debit_reversals, sum(1, 15_000));
    assert_eq!(kit.on(date(2026, 3, 15)).debit_reversals, sum(0, 0));
}

#[test]
fn acquirers_and_currencies_have_pages_of_their_own() {
    let mut kit = kit();
    for (acquirer, currency) in [("450001", "410"), ("450001", "840"), ("4500010", "410")] {
        kit.told(of("0200", &[(32, acquirer), (49, currency)]), &[]);
    }
    let mut pages: Vec<_> = kit.outbound.pages().collect();
    pages.sort_unstable_by_key(|(page, _)| *page);
    let names: Vec<_> = pages.iter().map(|(page, _)| format!("{page:?}")).collect();
    // Those of one key are one transaction, whatever its currency.
    let expected = [
        "PageId(450001 2026-03-16 410)",
        "PageId(4500010 2026-03-16 410)",
    ];
    assert_eq!(names, expected);
    assert!(
        pages
            .iter()
            .all(|(_, totals)| totals.debits == sum(1, 15_000))
    );
    kit.told(of("0200", &[(11, "000124"), (49, "840")]), &[]);
    assert_eq!(kit.outbound.pages().count(), 3);
}

#[test]
fn only_the_newest_days_are_kept() {
    let mut kit = kit_with(TotalsSettings {
        days: 2,
        ..TotalsSettings::default()
    });
    for day in 0..4_u32 {
        kit.told(of("0200", &[(11, &format!("00020{day}"))]), &[]);
        kit.now.utc += SECOND * 86_400;
    }
    let mut days: Vec<Date> = kit.outbound.pages().map(|(page, _)| page.date()).collect();
    days.sort_unstable();
    assert_eq!(days, [date(2026, 3, 18), date(2026, 3, 19)]);
}

#[test]
fn one_approval_under_a_clock_a_month_ahead_ends_no_totals() {
    let mut kit = kit();
    kit.told(of("0200", &[(11, "000201")]), &[]);
    let right = kit.now.utc;
    kit.now.utc += SECOND * 86_400 * 30;
    kit.told(of("0200", &[(11, "000202")]), &[]);
    kit.now.utc = right;
    kit.told(of("0200", &[(11, "000203")]), &[]);
    let position = |date| {
        let page = crate::PageId::for_test("450001", date, "410");
        kit.outbound.position(&page)
    };
    let today = position(DAY);
    assert_eq!(
        (today.totals.debits, today.incomplete),
        (sum(2, 30_000), false)
    );
    let ahead = position(date(2026, 4, 15));
    assert_eq!(
        (ahead.totals.debits, ahead.incomplete),
        (sum(1, 15_000), false)
    );
    assert_eq!(kit.outbound.uncounted(), 0);
}

#[test]
fn a_machine_with_records_shows_no_byte_of_a_card_number() {
    let mut life = Life::new();
    life.kit.sent(purchase());
    let pan = purchase().field(2).unwrap().to_vec();
    let recorded = life.kit.outbound.records();
    assert!(recorded.windows(pan.len()).any(|bytes| bytes == pan));
    let shown = format!("{:?}", life.kit.outbound);
    let listed = format!("{pan:?}");
    let text = String::from_utf8(pan).unwrap();
    assert!(!shown.contains(listed.trim_matches(['[', ']'])), "{shown}");
    assert!(!shown.contains(&text), "{shown}");
}

#[test]
fn where_no_page_can_be_opened_nothing_is_held_against_it() {
    let mut kit = kit_with(TotalsSettings {
        pages_max: 1,
        ..TotalsSettings::default()
    });
    kit.told(purchase(), &[]);
    kit.told(of("0200", &[(11, "000124"), (49, "840")]), &[]);
    let (page, totals) = kit.outbound.pages().next().unwrap();
    assert_eq!(totals.debits, sum(1, 15_000));
    assert!(!kit.outbound.position(&page).incomplete);
    let other = crate::PageId::for_test("450001", DAY, "840");
    assert!(kit.outbound.position(&other).incomplete);
    assert_eq!(kit.outbound.uncounted(), 1);
}

#[test]
fn a_reversal_is_taken_at_its_word_where_its_original_may_be_forgotten() {
    let mut kit = kit_with(TotalsSettings {
        remembered_max: 2,
        ..TotalsSettings::default()
    });
    kit.told(purchase(), &[]);
    for stan in ["000124", "000125"] {
        kit.told(of("0200", &[(11, stan)]), &[]);
    }
    assert_eq!(kit.totals().debits, sum(3, 45_000));
    // One that had no answer says nothing of what was counted.
    kit.told(reversal(&[(39, "68"), (11, "000901")]), &[]);
    assert_eq!(kit.totals().debit_reversals, sum(0, 0));
    let mut other = reversal(&[(39, "17"), (11, "000902")]);
    other.set(90, b"020000077703150230150000045000100000000000");
    for _ in 0..2 {
        kit.told(other.clone(), &[]);
    }
    assert_eq!(kit.totals().debit_reversals, sum(1, 15_000));
}

#[test]
fn approvals_are_counted_and_may_not_leave_unrecorded_but_those_of_inquiries() {
    for (mti, code, answered, expected) in [
        ("0200", "000000", "00", true),
        ("0220", "000000", "00", true),
        ("0420", "000000", "00", true),
        ("0100", "000000", "10", true),
        ("0100", "310000", "00", false),
        ("0200", "000000", "51", false),
        ("0420", "000000", "25", false),
    ] {
        let answers = kit().told(of(mti, &[(3, code)]), &[(39, answered)]);
        assert_eq!(answers[0].is_counted(), expected, "{mti} {code} {answered}");
    }
}

/// What an acquirer, the issuer or the network does next.
#[derive(Clone, Debug)]
enum Deed {
    Ask {
        stan: u8,
        mti: usize,
        code: usize,
    },
    Reverse {
        stan: u8,
        of: u8,
        reason: usize,
        approved: bool,
        left: u16,
    },
    Answer {
        which: u8,
        code: usize,
    },
    Silence {
        which: u8,
    },
    Lose {
        which: u8,
    },
    Checkpoint,
    NextDay,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        5 => (0..6_u8, 0..4_usize, 0..5_usize)
            .prop_map(|(stan, mti, code)| Deed::Ask { stan, mti, code }),
        3 => (0..20_u8, 0..6_u8, 0..3_usize, any::<bool>(), 0..3_u16).prop_map(
            |(stan, of, reason, approved, left)| Deed::Reverse { stan, of, reason, approved, left }
        ),
        8 => (any::<u8>(), 0..4_usize).prop_map(|(which, code)| Deed::Answer { which, code }),
        1 => any::<u8>().prop_map(|which| Deed::Silence { which }),
        1 => any::<u8>().prop_map(|which| Deed::Lose { which }),
        1 => Just(Deed::Checkpoint),
        1 => Just(Deed::NextDay),
    ]
}

/// A machine that records, what is under way, and what was written.
struct Life {
    kit: Kit,
    under_way: Vec<(Token, Message)>,
    delivered: Vec<Arc<Undo>>,
    /// DE 39 of what acquirers heard.
    answered: Vec<String>,
    journal: Vec<Vec<u8>>,
}

impl Life {
    fn new() -> Self {
        let mut kit = kit_with(settings());
        let names = vec![(FIRST, "prepaid".to_owned())];
        let nothing = crate::record::Recovered::default();
        kit.outbound.begin(kit.now, [7; 16], names, nothing);
        let mut life = Self {
            kit,
            under_way: Vec::new(),
            delivered: Vec::new(),
            answered: Vec::new(),
            journal: Vec::new(),
        };
        life.go_on();
        life
    }

    fn does(&mut self, deed: &Deed) {
        match deed {
            Deed::Ask { stan, mti, code } => {
                let mti = ["0200", "0201", "0100", "0220"][*mti];
                let code = ["000000", "200000", "310000", "400000", "010000"][*code];
                self.ask(of(mti, &[(11, &format!("{stan:06}")), (3, code)]));
            }
            Deed::Reverse {
                stan,
                of,
                reason,
                approved,
                left,
            } => {
                let reason = ["17", "68", "32"][*reason];
                let stan = format!("{:06}", 900 + u32::from(*stan));
                let mut message = reversal(&[(39, reason), (11, &stan)]);
                let original = format!("0200{of:06}03150230150000045000100000000000");
                message.set(90, original.as_bytes());
                if *approved {
                    message.set(38, b"A12345");
                }
                if *left > 0 {
                    let replaced = format!("{:012}{:030}", left * 4_000, 0);
                    message.set(95, replaced.as_bytes());
                }
                self.ask(message);
            }
            Deed::Answer { which, code } => {
                if let Some((token, sent)) = self.pick(*which) {
                    let mut answer = approval(&sent);
                    let code = ["00", "00", "10", "51"][*code];
                    answer.set(39, code.as_bytes());
                    self.kit.outbound.handle_answer(self.kit.now, token, answer);
                }
            }
            Deed::Silence { which } => {
                if let Some((token, _)) = self.pick(*which) {
                    self.kit.outbound.handle_timed_out(self.kit.now, token);
                }
            }
            Deed::Lose { which } => {
                if !self.delivered.is_empty() {
                    let place = usize::from(*which) % self.delivered.len();
                    let undo = self.delivered.swap_remove(place);
                    self.kit.outbound.handle_undeliverable(self.kit.now, &undo);
                }
            }
            Deed::Checkpoint => self.kit.outbound.checkpoint(),
            Deed::NextDay => self.kit.now.utc += SECOND * 86_400,
        }
        self.go_on();
    }

    fn ask(&mut self, message: Message) {
        let mut request = self.kit.admit(message);
        request.choices = self.kit.choices;
        self.kit.outbound.handle_request(self.kit.now, request);
    }

    fn pick(&mut self, which: u8) -> Option<(Token, Message)> {
        let place = usize::from(which).checked_rem(self.under_way.len())?;
        Some(self.under_way.swap_remove(place))
    }

    fn go_on(&mut self) {
        while self.kit.outbound.has_output() {
            self.journal.push(self.kit.outbound.records().to_vec());
            let mark = self.kit.outbound.records_written();
            self.kit.outbound.handle_stored(self.kit.now, mark);
            for output in self.kit.outputs() {
                match output {
                    Output::Send { token, message, .. } => self.under_way.push((token, message)),
                    Output::Answer(answer) => {
                        self.answered.push(code(&answer.message).to_owned());
                        self.delivered.extend(answer.undo);
                    }
                    _ => {}
                }
            }
        }
    }
}

fn settings() -> TotalsSettings {
    TotalsSettings {
        offset: Offset::constant(9),
        days: 3,
        remembered_max: 5,
        ..TotalsSettings::default()
    }
}

proptest! {
    #[test]
    fn what_the_records_say_is_what_was_counted(deeds in prop::collection::vec(deed(), 1..80)) {
        let mut life = Life::new();
        for deed in &deeds {
            life.does(deed);
        }
        let mut replay = Replay::new(settings());
        for batch in &life.journal {
            replay.apply(batch).unwrap();
        }
        let recovered = replay.finish([7; 16], 0, |_| Some(FIRST)).unwrap();
        let mut book = Book::new(settings());
        book.adopt(recovered.book.unwrap());
        prop_assert!(book.is_like(&life.kit.outbound.book));
        for (_, totals) in life.kit.outbound.pages() {
            prop_assert_eq!(totals.missed, 0);
            prop_assert!(totals.debit_reversals.number <= 80);
        }
    }
}
