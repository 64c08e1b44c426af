//! Trace numbers of the switch's own: what travels, what comes back, and what finds it again.

use super::failover::{link, numbered, referring, repeated};
use super::*;
use crate::record::{Recovered, Replay};

const BOOT: [u8; 16] = [7; 16];
/// The acquirer's DE 11 and DE 7 of a purchase.
const THEIRS: &str = "0001230315023015";

fn group(numbers: NumberSettings) -> GroupSettings {
    GroupSettings {
        numbers: Some(numbers),
        ..GroupSettings::default()
    }
}

/// One group, whose requests are numbered.
fn kit() -> Kit {
    kit_with(NumberSettings::default())
}

fn kit_with(numbers: NumberSettings) -> Kit {
    Kit::of(OutboundSettings::default(), &[group(numbers)])
}

/// DE 11, the private element, and the DE 11 that DE 90 names.
fn numbers(message: &Message) -> (&str, Option<&str>, Option<&str>) {
    let named = message.text(90).map(|named| &named[4..10]);
    assert!(!message.has(192), "{message:?}");
    (message.text(11).unwrap(), message.text(59), named)
}

impl Kit {
    /// Asks, and the issuer approves; what was sent.
    fn answered(&mut self, message: &Message) -> Message {
        let (token, sent) = self.sent(message.clone());
        let mut issuers = approval(&sent);
        issuers.copy(59, &sent).copy(90, &sent);
        self.outbound.handle_answer(self.now, token, issuers);
        let answers = self.answers();
        let [answer] = &answers[..] else {
            panic!("{answers:?}")
        };
        for de in [7, 11, 59, 90] {
            assert_eq!(answer.field(de), message.field(de), "DE {de}");
        }
        sent
    }

    /// The one message that is sent.
    fn only_sent(&mut self) -> (Token, Message) {
        let sent = self.outputs().into_iter().find_map(|output| match output {
            Output::Send { token, message, .. } => Some((token, message)),
            _ => None,
        });
        sent.unwrap()
    }
}

#[test]
fn a_request_gets_the_next_number_its_repeat_the_same_and_the_answer_the_acquirers() {
    let mut kit = kit();
    let sent = kit.answered(&purchase());
    assert_eq!(numbers(&sent), ("000001", Some(THEIRS), None));
    for de in [2, 4, 7, 12, 13, 32, 37, 41, 42, 52] {
        assert_eq!(sent.field(de), purchase().field(de), "DE {de}");
    }
    assert_eq!(numbers(&kit.answered(&numbered(9))).0, "000002");
    assert_eq!(numbers(&kit.answered(&repeated(&purchase()))).0, "000001");
    assert_eq!(numbers(&kit.answered(&purchase())).0, "000001");
    // Another acquirer's is another's, though it has the same number.
    let mut other = purchase();
    other.set(32, b"450002");
    assert_eq!(numbers(&kit.answered(&other)).0, "000003");
    assert_eq!(kit.outbound.numbers(FIRST), 3);
}

#[test]
fn what_names_an_original_names_what_that_was_sent_under() {
    let mut kit = kit();
    kit.answered(&numbered(5));
    kit.answered(&purchase());
    for mti in [Mti::REVERSAL_ADVICE, Mti::FINANCIAL_ADVICE] {
        let sent = kit.answered(&referring(mti, &purchase()));
        let (own, theirs, named) = numbers(&sent);
        assert_eq!(named, Some("000002"));
        assert_eq!(theirs, Some("7777770315030000"));
        assert!(["000003", "000004"].contains(&own), "{own}");
        assert_eq!(sent.text(90).map(|named| &named[..4]), Some("0200"));
        let again = kit.answered(&repeated(&referring(mti, &purchase())));
        assert_eq!(numbers(&again).0, own);
    }
    // Without DE 90 it is its original by its own number.
    let mut bare = purchase();
    bare.set_mti(Mti::REVERSAL_ADVICE);
    assert_eq!(numbers(&kit.answered(&bare)).0, "000002");
}

#[test]
fn an_original_that_comes_after_its_reversal_has_the_number_that_was_reversed() {
    let mut kit = kit();
    let sent = kit.answered(&referring(Mti::REVERSAL_ADVICE, &purchase()));
    assert_eq!(numbers(&sent).2, Some("000002"));
    assert_eq!(numbers(&kit.answered(&purchase())).0, "000002");
    for class in [Mti::FINANCIAL_REQUEST, Mti::AUTHORIZATION_REQUEST] {
        let mut kit = self::kit();
        let mut bare = purchase();
        bare.set_mti(Mti::REVERSAL_ADVICE);
        assert_eq!(numbers(&kit.answered(&bare)).0, "000001");
        let mut original = purchase();
        original.set_mti(class);
        assert_eq!(numbers(&kit.answered(&original)).0, "000001");
    }
}

#[test]
fn the_switchs_reversal_is_of_what_was_sent_and_so_are_its_repeats() {
    let mut kit = kit();
    kit.answered(&numbered(5));
    let (token, _) = kit.sent(purchase());
    kit.outbound.handle_timed_out(kit.now, token);
    let (token, reversal) = kit.only_sent();
    assert_eq!(numbers(&reversal).0, "000002");
    assert_eq!(
        reversal.text(90),
        Some("020000000203150230150000045000100000999001")
    );
    // Its repeat is another transaction to nobody, within the machine.
    let outputs = kit.ask(repeated(&purchase()));
    assert!(matches!(
        outputs[0],
        Output::Refused(Refusal::BeingReversed)
    ));
    kit.outbound.handle_timed_out(kit.now, token);
    kit.outputs();
    kit.now.instant += 6 * SECOND;
    kit.outbound.handle_timeout(kit.now);
    let (_, again) = kit.only_sent();
    assert_eq!(again.mti(), reversal.mti().repeat());
    assert_eq!(numbers(&again), numbers(&reversal));
}

#[test]
fn what_goes_on_to_another_group_is_numbered_as_that_wants_it() {
    let other = NumberSettings {
        element: 60,
        ..NumberSettings::default()
    };
    let groups = [
        group(NumberSettings::default()),
        GroupSettings::default(),
        group(other),
    ];
    let mut kit = Kit::of(OutboundSettings::default(), &groups);
    let (at, token, message) = kit.given(purchase());
    assert_eq!((at.group, numbers(&message).0), (FIRST, "000001"));
    kit.outbound
        .handle_unsent(kit.now, token, message, Refusal::Overloaded);
    let (token, plain) = kit.only_sent();
    assert_eq!(numbers(&plain), ("000123", None, None));
    assert_eq!(plain.field(52), purchase().field(52));
    kit.outbound
        .handle_unsent(kit.now, token, plain, Refusal::Overloaded);
    let (token, message) = kit.only_sent();
    assert_eq!(numbers(&message), ("000001", None, None));
    assert_eq!(message.text(60), Some(THEIRS));
    kit.outbound.handle_timed_out(kit.now, token);
    assert_eq!(numbers(&kit.only_sent().1).0, "000001");
    kit.set(link(0, 0), false);
    let (at, _, plain) = kit.given(numbered(7));
    assert_eq!((at.group, numbers(&plain).0), (GroupId(1), "000007"));
}

/// What is left of these batches for the next run.
fn recovered(journal: &[Vec<u8>]) -> Recovered {
    let mut replay = Replay::default();
    for batch in journal {
        replay.apply(batch).unwrap();
    }
    let today = |name: &str| (name == "prepaid").then_some(FIRST);
    replay.finish(BOOT, 0, today).unwrap()
}

#[test]
fn numbers_outlive_the_process_and_go_on_and_what_was_open_is_reversed_by_its_own() {
    for checkpoint in [false, true] {
        let names = || vec![(FIRST, "prepaid".to_owned())];
        let mut kit = kit();
        kit.outbound
            .begin(kit.now, BOOT, names(), Recovered::default());
        kit.answered(&numbered(5));
        let (token, _) = kit.sent(purchase());
        let mut journal = vec![kit.outbound.records().to_vec()];
        kit.outbound.records_written();
        if checkpoint {
            kit.outbound.checkpoint();
            journal = vec![kit.outbound.records().to_vec()];
        }
        kit.outbound.handle_timed_out(kit.now, token);

        let mut next = self::kit();
        next.outbound
            .begin(next.now, BOOT, names(), recovered(&journal));
        let mark = next.outbound.records_written();
        next.outbound.handle_stored(next.now, mark);
        let (token, reversal) = next.only_sent();
        assert_eq!(numbers(&reversal).0, "000002");
        assert_eq!(numbers(&reversal).2, Some("000002"));
        let answer = reversal.response(ResponseCode::APPROVED).unwrap();
        next.outbound.handle_answer(next.now, token, answer);
        next.outputs();
        assert_eq!(numbers(&next.answered(&repeated(&numbered(5)))).0, "000001");
        let late = next.answered(&referring(Mti::REVERSAL_ADVICE, &numbered(5)));
        assert_eq!(
            (numbers(&late).0, numbers(&late).2),
            ("000003", Some("000001"))
        );
    }
}

#[test]
fn a_reversal_of_an_earlier_run_is_sent_again_under_the_number_of_its_original() {
    let names = || vec![(FIRST, "prepaid".to_owned())];
    let mut kit = kit();
    kit.outbound
        .begin(kit.now, BOOT, names(), Recovered::default());
    let (token, _) = kit.sent(purchase());
    kit.outbound.handle_timed_out(kit.now, token);
    let journal = [kit.outbound.records().to_vec()];
    let mut next = self::kit();
    next.outbound
        .begin(next.now, BOOT, names(), recovered(&journal));
    let mark = next.outbound.records_written();
    next.outbound.handle_stored(next.now, mark);
    let (token, reversal) = next.only_sent();
    assert_eq!(reversal.mti(), Mti::REVERSAL_ADVICE.repeat());
    assert_eq!(
        (numbers(&reversal).0, numbers(&reversal).2),
        ("000001", Some("000001"))
    );
    let outputs = next.ask(purchase());
    assert!(matches!(
        outputs[0],
        Output::Refused(Refusal::BeingReversed)
    ));
    let answer = reversal.response(ResponseCode::APPROVED).unwrap();
    next.outbound.handle_answer(next.now, token, answer);
    assert_eq!(next.outbound.letters(FIRST), 0);
}

#[test]
fn at_the_bound_requests_are_refused_and_reversals_are_not_until_numbers_are_forgotten() {
    let day = Duration::from_hours(24);
    let mut kit = kit_with(NumberSettings {
        kept_max: 8,
        kept_for: day,
        ..NumberSettings::default()
    });
    for stan in 1..=5 {
        kit.answered(&numbered(stan));
    }
    let full = (Refusal::NumbersFull, "91".to_owned());
    assert_eq!(kit.refused(numbered(6)), full);
    kit.answered(&repeated(&numbered(5)));
    let reversal = kit.answered(&referring(Mti::REVERSAL_ADVICE, &numbered(4)));
    assert_eq!(
        (numbers(&reversal).0, numbers(&reversal).2),
        ("000006", Some("000004"))
    );
    let mut unknown = referring(Mti::REVERSAL_ADVICE, &numbered(77));
    unknown.set(11, b"777778");
    kit.answered(&unknown.clone());
    unknown.set(11, b"777779");
    assert_eq!(kit.refused(unknown), full, "the last bound");
    assert_eq!(kit.outbound.numbers(FIRST), 8);

    kit.now.instant += day;
    assert_eq!(numbers(&kit.answered(&numbered(6))).0, "000009");
    assert_eq!(kit.outbound.numbers(FIRST), 2, "and the last of before");
    let forgotten = kit.answered(&referring(Mti::REVERSAL_ADVICE, &numbered(4)));
    assert_eq!(numbers(&forgotten).2, Some("000011"), "nobody else's");
}

#[test]
fn after_the_last_number_comes_the_first() {
    let mut kit = kit();
    let mut last = crate::record::Numbered {
        group: FIRST,
        since: kit.now.utc.as_second(),
        number: 999_998,
        key: crate::request::duplicate_key(&numbered(1)),
    };
    kit.outbound.numbers.recover(&last);
    assert_eq!(numbers(&kit.answered(&numbered(1))).0, "999998");
    assert_eq!(numbers(&kit.answered(&numbered(2))).0, "999999");
    assert_eq!(numbers(&kit.answered(&numbered(3))).0, "000001");
    last.group = GroupId(9);
    kit.outbound.numbers.recover(&last);
    assert_eq!(kit.outbound.numbers(FIRST), 3);
}

#[test]
fn a_message_that_has_the_private_element_is_refused_and_goes_nowhere_else() {
    let groups = [group(NumberSettings::default()), GroupSettings::default()];
    let mut kit = Kit::of(OutboundSettings::default(), &groups);
    let mut taken = purchase();
    taken.set(59, b"ours");
    let refused = (Refusal::Format(59), "30".to_owned());
    assert_eq!(kit.refused(taken), refused);
}

#[test]
fn an_advice_that_is_kept_is_told_under_its_number_and_names_that_of_its_original() {
    let names = || vec![(FIRST, "prepaid".to_owned())];
    let mut kit = kit_with(NumberSettings {
        kept_max: 8,
        ..NumberSettings::default()
    });
    kit.outbound
        .begin(kit.now, BOOT, names(), Recovered::default());
    kit.answered(&purchase());
    kit.set(link(0, 0), false);
    let completion = referring(Mti::FINANCIAL_ADVICE, &purchase());
    kit.ask(completion.clone());
    let mark = kit.outbound.records_written();
    kit.outbound.handle_stored(kit.now, mark);
    assert_eq!(code(&kit.answers()[0]), "00");
    kit.set(link(0, 0), true);
    let (token, told) = kit.only_sent();
    assert_eq!(
        numbers(&told),
        ("000002", Some("7777770315030000"), Some("000001"))
    );
    kit.outbound.handle_timed_out(kit.now, token);
    assert_eq!(kit.outbound.letters(FIRST), 1);

    kit.outputs();

    // At the bound nothing is kept that could not be numbered.
    kit.set(link(0, 0), false);
    let advice = |stan: u32| {
        let mut advice = referring(Mti::FINANCIAL_ADVICE, &purchase());
        advice.set(11, format!("{stan:06}").as_bytes());
        advice
    };
    for stan in 10..15 {
        let kept = kit.ask(advice(stan));
        assert!(matches!(kept[..], [Output::Forward { .. }]), "{kept:?}");
    }
    assert_eq!(kit.outbound.numbers(FIRST), 7);
    let full = (Refusal::NumbersFull, "91".to_owned());
    assert_eq!(kit.refused(advice(15)), full);
    let again = kit.ask(repeated(&completion));
    assert!(matches!(again[..], [Output::Answer(_)]), "it is kept");
}

/// A refund that names its purchase, which was sent under 000001.
fn refund() -> Message {
    let mut refund = referring(Mti::FINANCIAL_REQUEST, &purchase());
    refund.set(3, b"200000");
    refund
}

#[test]
fn the_switchs_reversal_of_what_names_an_original_names_what_it_reverses() {
    let names = || vec![(FIRST, "prepaid".to_owned())];
    let of_refund = |reversal: &Message| {
        assert_eq!(numbers(reversal).0, "000002");
        assert_eq!(
            reversal.text(90),
            Some("020000000203150300000000045000100000999001")
        );
    };
    let mut kit = kit();
    kit.outbound
        .begin(kit.now, BOOT, names(), Recovered::default());
    kit.answered(&purchase());
    let (token, sent) = kit.sent(refund());
    assert_eq!(
        (numbers(&sent).0, numbers(&sent).2),
        ("000002", Some("000001"))
    );
    let open = kit.outbound.records().to_vec();
    kit.outbound.handle_timed_out(kit.now, token);
    let mark = kit.outbound.records_written();
    kit.outbound.handle_stored(kit.now, mark);
    of_refund(&kit.only_sent().1);

    // Of an earlier run, of which it was open or already being reversed.
    kit.outbound.checkpoint();
    let being_reversed = kit.outbound.records().to_vec();
    for journal in [open, being_reversed] {
        let mut next = self::kit();
        next.outbound
            .begin(next.now, BOOT, names(), recovered(&[journal]));
        let mark = next.outbound.records_written();
        next.outbound.handle_stored(next.now, mark);
        of_refund(&next.only_sent().1);
    }
}

#[test]
fn what_names_itself_as_its_original_keeps_its_number() {
    let mut kit = kit();
    let mut advice = referring(Mti::FINANCIAL_ADVICE, &purchase());
    for de in [7, 11] {
        advice.copy(de, &purchase());
    }
    for message in [advice.clone(), repeated(&advice)] {
        let sent = kit.answered(&message);
        assert_eq!(numbers(&sent), ("000001", Some(THEIRS), Some("000001")));
    }
    assert_eq!(kit.outbound.numbers(FIRST), 1);
}

fn hours(hours: i64) -> jiff::SignedDuration {
    jiff::SignedDuration::from_hours(hours)
}

#[test]
fn an_error_of_the_clock_forgets_no_number_and_keeps_none_longer() {
    let mut kit = kit();
    kit.answered(&purchase());
    kit.now.utc += hours(49);
    assert_eq!(numbers(&kit.answered(&numbered(9))).0, "000002");
    assert_eq!(numbers(&kit.answered(&repeated(&purchase()))).0, "000001");
    kit.now.utc -= hours(49);
    kit.now.instant += Duration::from_hours(48) - SECOND;
    assert_eq!(numbers(&kit.answered(&repeated(&purchase()))).0, "000001");
    kit.now.instant += SECOND;
    assert_eq!(numbers(&kit.answered(&purchase())).0, "000003");
}

#[test]
fn numbers_of_an_earlier_run_are_kept_as_long_as_is_left_and_no_longer_than_new_ones() {
    let names = || vec![(FIRST, "prepaid".to_owned())];
    let mut kit = kit();
    kit.outbound
        .begin(kit.now, BOOT, names(), Recovered::default());
    kit.answered(&numbered(5));
    // The clock is two days ahead, for a while.
    kit.now.utc += hours(48);
    kit.answered(&numbered(6));
    let journal = kit.outbound.records().to_vec();

    let mut next = self::kit();
    next.now.utc += hours(47);
    next.outbound
        .begin(next.now, BOOT, names(), recovered(&[journal]));
    next.outbound.records_written();
    assert_eq!(numbers(&next.answered(&numbered(7))).0, "000003");
    // What this run's clock says from now on changes nothing.
    next.now.utc += hours(49);
    next.now.instant += Duration::from_hours(1) - SECOND;
    assert_eq!(numbers(&next.answered(&numbered(5))).0, "000001");
    next.now.instant += SECOND;
    assert_eq!(numbers(&next.answered(&numbered(5))).0, "000004");
    next.now.instant += Duration::from_hours(46);
    assert_eq!(numbers(&next.answered(&numbered(6))).0, "000002");
    next.now.instant += Duration::from_hours(1);
    assert_eq!(numbers(&next.answered(&numbered(6))).0, "000005");
}

#[test]
fn a_number_given_anew_is_the_one_of_the_next_run() {
    let names = || vec![(FIRST, "prepaid".to_owned())];
    // The clock went on as well, or was set back meanwhile.
    for passed in [hours(48), hours(0)] {
        let mut kit = kit();
        kit.outbound
            .begin(kit.now, BOOT, names(), Recovered::default());
        kit.answered(&numbered(5));
        kit.answered(&numbered(6));
        kit.now.instant += Duration::from_hours(48);
        kit.now.utc += passed;
        assert_eq!(numbers(&kit.answered(&numbered(5))).0, "000003");
        let journal = kit.outbound.records().to_vec();

        let mut next = self::kit();
        next.now.utc += passed;
        next.outbound
            .begin(next.now, BOOT, names(), recovered(&[journal]));
        next.outbound.records_written();
        for _ in 0..2 {
            assert_eq!(numbers(&next.answered(&numbered(5))).0, "000003");
        }
        next.now.instant += Duration::from_hours(48);
        assert_eq!(numbers(&next.answered(&numbered(7))).0, "000004");
        assert_eq!(next.outbound.numbers(FIRST), 2, "and the last of before");
    }
}
