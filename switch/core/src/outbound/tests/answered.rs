//! Repeats of what was answered: the first answer, as long as it is kept and stands.

use super::*;

fn kit(time: Duration, bytes_max: usize) -> Kit {
    let settings = OutboundSettings {
        answered: AnsweredSettings { time, bytes_max },
        ..OutboundSettings::default()
    };
    Kit::of(settings, &[GroupSettings::default()])
}

fn with_minute() -> Kit {
    kit(60 * SECOND, 1 << 20)
}

/// Asks and has it answered with this code; what the acquirer gets.
fn answered(kit: &mut Kit, message: Message, code: &str) -> Answer {
    let (token, sent) = kit.sent(message);
    let mut answer = approval(&sent);
    answer.set(39, code.as_bytes());
    kit.outbound.handle_answer(kit.now, token, answer);
    only_answer(kit.outputs())
}

fn only_answer(outputs: Vec<Output>) -> Answer {
    let answers = outputs.into_iter().filter_map(|output| match output {
        Output::Answer(answer) => Some(answer),
        _ => None,
    });
    let mut answers: Vec<Answer> = answers.collect();
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

fn repeat() -> Message {
    let mut repeat = purchase();
    repeat.set_mti("0201".parse().unwrap());
    repeat
}

fn is_sent(outputs: &[Output]) -> bool {
    outputs.iter().any(|it| matches!(it, Output::Send { .. }))
}

#[test]
fn a_repeat_gets_the_first_answer_whatever_its_repeat_digit_and_the_issuer_is_not_asked() {
    for code in ["00", "51"] {
        let mut kit = with_minute();
        let first = answered(&mut kit, purchase(), code);
        for again in [purchase(), repeat()] {
            let outputs = kit.ask(again);
            assert!(!is_sent(&outputs));
            assert_eq!(only_answer(outputs).message, first.message);
        }
        assert_eq!(kit.outbound.answered_again(), 2);
    }
}

#[test]
fn another_transaction_under_its_key_gets_94() {
    let mut kit = with_minute();
    answered(&mut kit, purchase(), "00");
    let mut other = repeat();
    other.set(4, b"000000000001");
    assert_eq!(code(&only_answer(kit.ask(other)).message), "94");
}

#[test]
fn an_answer_is_forgotten_after_its_time_and_the_oldest_where_there_is_no_room() {
    let mut kit = with_minute();
    answered(&mut kit, purchase(), "00");
    kit.now.instant += 60 * SECOND;
    assert!(is_sent(&kit.ask(repeat())));

    let mut kit = self::kit(60 * SECOND, 2_000);
    for stan in ["000123", "000124"] {
        let mut message = purchase();
        message.set(11, stan.as_bytes());
        answered(&mut kit, message, "00");
    }
    assert_eq!(kit.outbound.answers_kept(), 1);
    assert!(is_sent(&kit.ask(repeat())), "the older");
}

#[test]
fn what_the_switch_refused_and_what_the_issuer_could_not_just_then_is_asked_afresh() {
    let mut kit = with_minute();
    kit.outbound.handle_link(kit.now, FIRST_LINK, false);
    assert_eq!(code(&only_answer(kit.ask(purchase())).message), "91");
    kit.outbound.handle_link(kit.now, FIRST_LINK, true);
    answered(&mut kit, repeat(), "96");
    assert_eq!(code(&answered(&mut kit, repeat(), "00").message), "00");
}

#[test]
fn an_approval_is_never_given_again_once_its_request_was_reversed_by_anyone() {
    // By its acquirer, whatever the issuer says of it, and whether it names DE 90 or not.
    let mut kit = with_minute();
    answered(&mut kit, purchase(), "00");
    let mut reversal = purchase();
    reversal.set_mti(Mti::REVERSAL_REQUEST);
    let (token, sent) = kit.sent(reversal);
    assert_eq!(code(&only_answer(kit.ask(repeat())).message), "91");
    let done = sent.response(ResponseCode::APPROVED).unwrap();
    kit.outbound.handle_answer(kit.now, token, done);
    kit.outputs();
    assert!(is_sent(&kit.ask(repeat())), "the issuer decides");

    // By the switch, since nobody got the answer.
    let mut kit = with_minute();
    let undo = answered(&mut kit, purchase(), "00").undo.unwrap();
    kit.outbound.handle_undeliverable(kit.now, &undo);
    kit.outputs();
    assert_eq!(code(&only_answer(kit.ask(repeat())).message), "91");
}

#[test]
fn a_copy_that_is_delivered_keeps_what_the_first_would_give_back() {
    let mut kit = with_minute();
    let first = answered(&mut kit, purchase(), "00").undo.unwrap();
    let again = only_answer(kit.ask(repeat())).undo.unwrap();
    kit.outbound.handle_undeliverable(kit.now, &first);
    assert_eq!(kit.outbound.letters(FIRST), 0, "the copy may be delivered");
    kit.outbound.handle_undeliverable(kit.now, &again);
    assert_eq!(kit.outbound.letters(FIRST), 1);
}

#[test]
fn where_the_records_failed_nothing_is_answered_again() {
    let mut kit = with_minute();
    answered(&mut kit, purchase(), "00");
    kit.outbound.handle_journal_failed(kit.now);
    assert_eq!(code(&only_answer(kit.ask(repeat())).message), "96");
}
