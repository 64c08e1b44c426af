//! Acquirers' advices and reversals: given to the issuer, or kept for it and told later.

use super::*;
use crate::outbound::DeadLetter;
use crate::record::{Recovered, Replay};

const BOOT: [u8; 16] = [7; 16];
const HOUR: Duration = Duration::from_hours(1);

/// A machine with records, of which all is durable at once where `durable`.
struct Kept {
    kit: Kit,
    journal: Vec<Vec<u8>>,
    durable: bool,
    /// What was put out when it began.
    began: Vec<Output>,
}

impl Kept {
    fn new() -> Self {
        Self::with(GroupSettings::default(), Recovered::default())
    }

    fn with(settings: GroupSettings, recovered: Recovered) -> Self {
        let mut kit = Kit::with(settings);
        let names = vec![(FIRST, "prepaid".to_owned())];
        kit.outbound.begin(kit.now, BOOT, names, recovered);
        let mut kept = Self {
            kit,
            journal: Vec::new(),
            durable: true,
            began: Vec::new(),
        };
        kept.began = kept.outputs();
        kept
    }

    /// What is put out once all that was recorded is written, and durable where it is.
    fn outputs(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        loop {
            self.journal.push(self.kit.outbound.records().to_vec());
            let mark = self.kit.outbound.records_written();
            if self.durable {
                self.kit.outbound.handle_stored(self.kit.now, mark);
            }
            let more = self.kit.outputs();
            if more.is_empty() && self.kit.outbound.records().is_empty() {
                return outputs;
            }
            outputs.extend(more);
        }
    }

    fn ask(&mut self, message: Message) -> Vec<Output> {
        let mut outputs = self.kit.ask(message);
        outputs.extend(self.outputs());
        outputs
    }

    fn link(&mut self, up: bool) -> Vec<Output> {
        self.kit.outbound.handle_link(self.kit.now, FIRST_LINK, up);
        self.outputs()
    }

    fn answered(&mut self, token: Token, answer: Message) -> Vec<Output> {
        self.kit.outbound.handle_answer(self.kit.now, token, answer);
        self.outputs()
    }

    fn timed_out(&mut self, token: Token) -> Vec<Output> {
        self.kit.outbound.handle_timed_out(self.kit.now, token);
        self.outputs()
    }

    /// What the next run finds.
    fn left(&self) -> Recovered {
        let mut replay = Replay::default();
        for batch in &self.journal {
            replay.apply(batch).unwrap();
        }
        let now = self.kit.now.utc.as_second();
        replay.finish(BOOT, now, |_| Some(FIRST)).unwrap()
    }
}

fn sent(outputs: Vec<Output>) -> Vec<(Token, Message)> {
    let sent = outputs.into_iter().filter_map(|output| match output {
        Output::Send { token, message, .. } => Some((token, message)),
        _ => None,
    });
    sent.collect()
}

fn codes(outputs: Vec<Output>) -> Vec<String> {
    let answers = outputs.into_iter().filter_map(answer);
    answers.map(|answer| code(&answer).to_owned()).collect()
}

fn events(outputs: &[Output]) -> Vec<ForwardEvent> {
    let events = outputs.iter().filter_map(|output| match output {
        Output::Forward { event, .. } => Some(*event),
        _ => None,
    });
    events.collect()
}

/// Of a card of its own, told under a trace number of its own.
fn told(mti: &str, stan: u32) -> Message {
    let mut message = purchase();
    message.set_mti(mti.parse().unwrap());
    message
        .set(2, format!("999999010000{stan:04}").as_bytes())
        .remove(35)
        .set(11, format!("{stan:06}").as_bytes())
        .set(37, format!("607411{stan:06}").as_bytes());
    message
}

fn reversal_of(original: &Message) -> Message {
    let mut reversal = original.clone();
    reversal.set_mti("0400".parse().unwrap());
    reversal.remove(52).set(39, b"17");
    reversal
}

fn acknowledged(code: &str) -> Message {
    let mut answer = Message::new("0430".parse().unwrap());
    answer.set(39, code.as_bytes());
    answer
}

#[test]
fn an_advice_is_kept_and_answered_00_while_the_issuer_is_away_and_told_when_it_is_back() {
    for mti in ["0120", "0220", "0400", "0420"] {
        let mut kept = Kept::new();
        kept.link(false);
        let outputs = kept.ask(told(mti, 1));
        assert_eq!(events(&outputs), [ForwardEvent::AdviceKept], "{mti}");
        assert_eq!(codes(outputs), ["00"], "{mti}");
        assert_eq!(kept.kit.outbound.letters(FIRST), 1);
        // Nothing that may not be stored is.
        let left = kept.left();
        let stored = &left.letters[0].1.message;
        assert!(![35, 45, 52, 55].iter().any(|de| stored.has(*de)));
        assert_eq!(stored.text(48), Some("01008MALL0001"), "no CVV2");

        let told_now = sent(kept.link(true));
        let (token, message) = &told_now[0];
        assert_eq!(message.mti().to_string(), mti);
        for de in [2, 3, 4, 7, 11, 12, 13, 32, 37, 41, 42, 49] {
            assert_eq!(message.field(de), told(mti, 1).field(de), "DE {de}");
        }
        let outputs = kept.answered(*token, acknowledged("00"));
        assert_eq!(events(&outputs), [ForwardEvent::Acknowledged]);
        assert_eq!(kept.kit.outbound.letters(FIRST), 0);
        assert!(kept.left().is_empty());
    }
}

#[test]
fn the_acquirer_hears_00_only_once_what_is_kept_is_durable_and_so_does_its_repeat() {
    let mut kept = Kept::new();
    kept.link(false);
    kept.durable = false;
    assert!(codes(kept.ask(told("0420", 1))).is_empty());
    assert!(codes(kept.ask(told("0421", 1))).is_empty());
    kept.durable = true;
    assert_eq!(codes(kept.outputs()), ["00", "00"]);
    assert_eq!(codes(kept.ask(told("0421", 1))), ["00"]);
    assert_eq!(kept.kit.outbound.letters(FIRST), 1, "once");
    let mut other = told("0421", 1);
    other.set(4, b"000000000001");
    assert_eq!(codes(kept.ask(other)), ["94"], "another under its key");
}

#[test]
fn where_the_records_failed_nobody_hears_that_anything_is_kept() {
    let mut kept = Kept::new();
    kept.link(false);
    kept.durable = false;
    kept.ask(told("0420", 1));
    kept.kit.outbound.handle_journal_failed(kept.kit.now);
    kept.durable = true;
    assert_eq!(codes(kept.kit.ask(told("0420", 2))), ["91"]);
    for _ in 0..100 {
        assert!(codes(kept.kit.ask(told("0421", 1))).is_empty());
    }
    assert_eq!(kept.kit.outbound.waiting(), 0, "nothing is held for ever");
}

#[test]
fn what_the_issuer_says_is_the_answer_but_that_it_cannot_now() {
    for (said, heard, letters) in [
        ("00", "00", 0),
        ("25", "25", 0),
        ("12", "12", 0),
        ("91", "00", 1),
        ("96", "00", 1),
    ] {
        let mut kept = Kept::new();
        let (token, message) = sent(kept.ask(told("0420", 1))).remove(0);
        let mut answer = message.response(ResponseCode::APPROVED).unwrap();
        answer.set(39, said.as_bytes());
        let outputs = kept.answered(token, answer);
        assert_eq!(codes(outputs), [heard], "{said}");
        assert_eq!(kept.kit.outbound.letters(FIRST), letters, "{said}");
    }
}

#[test]
fn an_advice_the_issuer_did_not_answer_is_kept_and_told_again_as_a_repeat() {
    let mut kept = Kept::new();
    let (token, _) = sent(kept.ask(told("0220", 1))).remove(0);
    // One more copy waits beside it.
    assert!(kept.ask(told("0221", 1)).is_empty());
    let outputs = kept.timed_out(token);
    let again: Vec<String> = outputs
        .iter()
        .filter_map(|output| match output {
            Output::Send { message, .. } => Some(message.mti().to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(again, ["0221"]);
    assert_eq!(codes(outputs), ["00", "00"]);
}

#[test]
fn what_is_told_of_one_card_is_told_in_its_order_and_others_do_not_wait() {
    let mut kept = Kept::new();
    kept.link(false);
    let mut second = told("0420", 1);
    second.set(11, b"000901");
    let mut third = told("0220", 1);
    third.set(11, b"000902");
    for message in [told("0220", 1), second, third, told("0220", 2)] {
        assert_eq!(codes(kept.ask(message)), ["00"]);
    }
    let stan = |sent: &[(Token, Message)]| -> Vec<String> {
        let stans = sent.iter().map(|(_, it)| it.text(11).unwrap().to_owned());
        stans.collect()
    };
    let first = sent(kept.link(true));
    assert_eq!(stan(&first), ["000001", "000002"]);
    // One that comes now does not overtake them.
    let mut fourth = told("0420", 1);
    fourth.set(11, b"000903");
    assert_eq!(codes(kept.ask(fourth)), ["00"]);
    let mut next = first[0].0;
    for expected in ["000901", "000902", "000903"] {
        let told_now = sent(kept.answered(next, acknowledged("00")));
        assert_eq!(stan(&told_now), [expected]);
        next = told_now[0].0;
    }
    assert!(sent(kept.answered(next, acknowledged("00"))).is_empty());
}

#[test]
fn a_backlog_takes_a_fifth_of_the_window_and_what_is_new_the_rest() {
    let mut kept = Kept::with(
        GroupSettings {
            forward: ForwardSettings {
                window: 10,
                ..ForwardSettings::default()
            },
            ..GroupSettings::default()
        },
        Recovered::default(),
    );
    kept.link(false);
    for stan in 1..=20 {
        kept.ask(told("0220", stan));
    }
    let backlog = sent(kept.link(true));
    assert_eq!(backlog.len(), 2);
    let mut tokens = Vec::new();
    for stan in 101..=110 {
        let (token, _) = sent(kept.ask(told("0200", stan))).remove(0);
        tokens.push(token);
    }
    let mut at_once = 0;
    for token in tokens {
        at_once += sent(kept.timed_out(token)).len();
    }
    assert_eq!(at_once, 8, "reversals that are new");
    assert_eq!(
        sent(kept.answered(backlog[0].0, acknowledged("00"))).len(),
        1
    );
}

#[test]
fn what_is_kept_outlives_the_process_and_is_told_by_the_next() {
    let mut kept = Kept::new();
    kept.link(false);
    kept.ask(told("0420", 1));
    kept.ask(told("0220", 2));
    let mut next = Kept::with(GroupSettings::default(), kept.left());
    assert_eq!(next.kit.outbound.letters(FIRST), 2);
    assert_eq!(codes(next.ask(told("0421", 1))), ["00"], "it is still kept");
    let told_now = sent(core::mem::take(&mut next.began));
    let mut mtis: Vec<String> = told_now
        .iter()
        .map(|(_, message)| message.mti().to_string())
        .collect();
    mtis.sort();
    assert_eq!(mtis, ["0221", "0421"]);
    for (token, _) in told_now {
        next.answered(token, acknowledged("00"));
    }
    assert!(next.left().is_empty());
}

#[test]
fn what_is_refused_too_often_or_too_old_is_a_dead_letter_and_frees_its_card() {
    let mut kept = Kept::with(
        GroupSettings {
            forward: ForwardSettings {
                refused_max: 2,
                ..ForwardSettings::default()
            },
            ..GroupSettings::default()
        },
        Recovered::default(),
    );
    kept.link(false);
    kept.ask(told("0220", 1));
    let mut behind = told("0420", 1);
    behind.set(11, b"000901");
    kept.ask(behind);
    let (token, _) = sent(kept.link(true)).remove(0);
    let outputs = kept.answered(token, acknowledged("05"));
    let refused = Some(ResponseCode::DO_NOT_HONOUR);
    assert_eq!(events(&outputs), [ForwardEvent::Unanswered(refused)]);
    let (token, _) = sent(kept.kit.after(7 * SECOND)).remove(0);
    let outputs = kept.answered(token, acknowledged("05"));
    assert_eq!(events(&outputs), [ForwardEvent::Dead(refused)]);
    let next = sent(outputs);
    assert_eq!(next[0].1.text(11), Some("000901"));
    let dead: Vec<DeadLetter> = kept.kit.outbound.dead_letters().collect();
    assert_eq!(dead.len(), 1);
    assert!(dead[0].reference.contains("STAN 000001"));
    assert!(!dead[0].reference.contains("9999990"));
    assert_eq!(kept.kit.outbound.letters(FIRST), 1);
}

/// With one dead letter and one behind it; and the id of the first.
fn with_a_dead_letter() -> (Kept, u64) {
    let mut kept = Kept::with(
        GroupSettings {
            forward: ForwardSettings {
                refused_max: 1,
                ..ForwardSettings::default()
            },
            ..GroupSettings::default()
        },
        Recovered::default(),
    );
    kept.link(false);
    kept.ask(told("0220", 1));
    kept.ask(told("0220", 2));
    let (token, _) = sent(kept.link(true)).remove(0);
    kept.answered(token, acknowledged("05"));
    let dead = kept.kit.outbound.dead_letters().next().unwrap();
    (kept, dead.id)
}

#[test]
fn a_dead_letter_outlives_the_process_and_an_operator_has_it_told_again() {
    let (kept, dead) = with_a_dead_letter();
    let mut next = Kept::with(GroupSettings::default(), kept.left());
    let now = next.kit.now;
    assert_eq!(next.kit.outbound.dead(FIRST), 1);
    assert_eq!(sent(core::mem::take(&mut next.began)).len(), 1);
    assert!(!next.kit.outbound.retry_dead(now, 99));
    assert!(next.kit.outbound.retry_dead(now, dead));
    assert!(!next.kit.outbound.retry_dead(now, dead), "not twice");
    let (_, again) = sent(next.outputs()).remove(0);
    assert_eq!(again.text(11), Some("000001"));
    assert_eq!(
        (
            next.kit.outbound.letters(FIRST),
            next.kit.outbound.dead(FIRST)
        ),
        (2, 0)
    );
    let left = next.left();
    assert!(left.letters.iter().all(|(_, letter)| !letter.dead));
}

#[test]
fn a_dead_letter_that_an_operator_drops_is_gone() {
    let (mut kept, dead) = with_a_dead_letter();
    let now = kept.kit.now;
    assert!(kept.kit.outbound.drop_dead(now, dead));
    assert!(!kept.kit.outbound.drop_dead(now, dead));
    kept.outputs();
    assert_eq!(
        (kept.left().letters(), kept.kit.outbound.dead(FIRST)),
        (1, 0)
    );
}

#[test]
fn what_nobody_answers_is_repeated_until_it_is_too_old_and_kept_where_no_more_may_be_dead() {
    let kept = |dead_letters_max| {
        let mut kept = Kept::with(
            GroupSettings {
                forward: ForwardSettings {
                    dead_letters_max,
                    ..ForwardSettings::default()
                },
                ..GroupSettings::default()
            },
            Recovered::default(),
        );
        let (token, _) = sent(kept.ask(told("0420", 1))).remove(0);
        let (mut token, _) = sent(kept.timed_out(token)).remove(0);
        for _ in 0..80 {
            kept.kit.now.utc += jiff::SignedDuration::from_hours(1);
            kept.kit.outbound.handle_timed_out(kept.kit.now, token);
            kept.outputs();
            if kept.kit.outbound.dead(FIRST) == 1 {
                break;
            }
            kept.kit.now.instant += HOUR;
            kept.kit.outbound.handle_timeout(kept.kit.now);
            token = sent(kept.outputs()).remove(0).0;
        }
        (
            kept.kit.outbound.letters(FIRST),
            kept.kit.outbound.dead(FIRST),
        )
    };
    assert_eq!(kept(1), (0, 1));
    assert_eq!(kept(0), (1, 0));
}

#[test]
fn what_no_link_can_say_is_refused_at_once_and_a_dead_letter_later() {
    let mut kept = Kept::new();
    let (token, message) = sent(kept.ask(told("0420", 1))).remove(0);
    let now = kept.kit.now;
    kept.kit
        .outbound
        .handle_unsent(now, token, message, Refusal::Format(60));
    assert_eq!(codes(kept.outputs()), ["30"]);
    kept.link(false);
    assert_eq!(codes(kept.ask(told("0420", 2))), ["00"]);
    let (token, message) = sent(kept.link(true)).remove(0);
    kept.kit
        .outbound
        .handle_unsent(now, token, message, Refusal::Format(60));
    assert_eq!(events(&kept.outputs()), [ForwardEvent::Dead(None)]);
}

#[test]
fn a_reversal_that_meets_its_original_in_flight_closes_it() {
    let mut kept = Kept::new();
    let (original, forwarded) = sent(kept.ask(purchase())).remove(0);
    let (reversal, _) = sent(kept.ask(reversal_of(&purchase()))).remove(0);
    let outputs = kept.answered(original, approval(&forwarded));
    assert_eq!(
        events(&outputs),
        [ForwardEvent::ReversalQueued(
            ResponseCode::SUSPECTED_MALFUNCTION
        )]
    );
    assert_eq!(codes(outputs), ["91"], "its approval is not delivered");
    assert_eq!(codes(kept.answered(reversal, acknowledged("00"))), ["00"]);
    // A decline is.
    let mut kept = Kept::new();
    let (original, forwarded) = sent(kept.ask(purchase())).remove(0);
    kept.ask(reversal_of(&purchase()));
    let decline = forwarded
        .response(ResponseCode::INSUFFICIENT_FUNDS)
        .unwrap();
    assert_eq!(codes(kept.answered(original, decline)), ["51"]);
    assert_eq!(kept.kit.outbound.letters(FIRST), 0);
}

#[test]
fn a_kept_reversal_bars_its_original_until_and_after_it_is_told() {
    let mut kept = Kept::new();
    kept.link(false);
    assert_eq!(codes(kept.ask(reversal_of(&purchase()))), ["00"]);
    let (token, _) = sent(kept.link(true)).remove(0);
    assert_eq!(codes(kept.ask(purchase())), ["91"]);
    kept.answered(token, acknowledged("25"));
    assert_eq!(codes(kept.ask(purchase())), ["94"]);
}

#[test]
fn an_advice_takes_as_many_places_as_its_bytes_and_is_refused_where_there_are_none() {
    let mut kept = Kept::with(
        GroupSettings {
            transactions_max: 6,
            ..GroupSettings::default()
        },
        Recovered::default(),
    );
    kept.link(false);
    let mut long = told("0220", 1);
    long.set(60, &[b'1'; 600]);
    assert_eq!(codes(kept.ask(long)), ["00"]);
    assert_eq!(codes(kept.ask(told("0220", 2))), ["00"]);
    assert_eq!(codes(kept.ask(told("0220", 3))), ["91"], "its half is full");
    let mut other = told("0220", 3);
    other.set(32, b"450002");
    assert_eq!(codes(kept.ask(other)), ["00"], "there is room for others");
    assert_eq!(kept.kit.outbound.letters(FIRST), 3);
}

#[test]
fn without_records_nothing_is_kept() {
    let mut kit = Kit::up();
    kit.outbound.handle_link(kit.now, FIRST_LINK, false);
    assert_eq!(codes(kit.ask(told("0420", 1))), ["91"]);
}

#[test]
fn a_repeat_is_not_approved_once_the_reversal_of_its_first_is_settled() {
    let mut kept = Kept::new();
    let (token, forwarded) = sent(kept.ask(purchase())).remove(0);
    let outputs = kept.answered(token, approval(&forwarded));
    let undo = outputs.into_iter().find_map(|output| match output {
        Output::Answer(answer) => answer.undo,
        _ => None,
    });
    // The repeat is at the issuer before the lost connection is noticed.
    let (repeat, again) = sent(kept.ask(purchase())).remove(0);
    kept.kit
        .outbound
        .handle_undeliverable(kept.kit.now, &undo.unwrap());
    let (reversal, _) = sent(kept.outputs()).remove(0);
    kept.answered(reversal, acknowledged("00"));
    assert_eq!(codes(kept.answered(repeat, approval(&again))), ["94"]);
}

#[test]
fn an_original_behind_its_reversal_in_flight_is_not_given_to_the_issuer() {
    let mut kept = Kept::new();
    let (reversal, _) = sent(kept.ask(reversal_of(&purchase()))).remove(0);
    let outputs = kept.ask(purchase());
    assert_eq!(codes(outputs), ["91"]);
    kept.answered(reversal, acknowledged("00"));
    assert!(kept.kit.outbound.reversed.is_empty());
    assert_eq!(sent(kept.ask(purchase())).len(), 1, "the issuer decides");
}

#[test]
fn an_approval_that_was_handed_over_is_not_reversed_for_a_copy_that_was_not() {
    let mut kept = Kept::new();
    let (token, forwarded) = sent(kept.ask(purchase())).remove(0);
    drop(kept.answered(token, approval(&forwarded)));
    let (repeat, again) = sent(kept.ask(purchase())).remove(0);
    let outputs = kept.answered(repeat, approval(&again));
    let undone = outputs.iter().any(|output| match output {
        Output::Answer(answer) => answer.undo.is_some(),
        _ => false,
    });
    assert!(!undone);
    assert_eq!(codes(outputs), ["00"]);
}

#[test]
fn an_advice_that_nothing_was_found_for_is_not_posted_and_a_reversal_is_settled_by_that() {
    for (mti, dead) in [("0220", 1), ("0420", 0)] {
        let mut kept = Kept::with(
            GroupSettings {
                forward: ForwardSettings {
                    refused_max: 1,
                    ..ForwardSettings::default()
                },
                ..GroupSettings::default()
            },
            Recovered::default(),
        );
        kept.link(false);
        kept.ask(told(mti, 1));
        let (token, _) = sent(kept.link(true)).remove(0);
        kept.answered(token, acknowledged("25"));
        assert_eq!(kept.kit.outbound.dead(FIRST), dead, "{mti}");
        assert_eq!(kept.kit.outbound.letters(FIRST), 0, "{mti}");
    }
}

#[test]
fn what_another_acquirer_told_of_a_card_holds_nobody_up() {
    let mut kept = Kept::new();
    kept.link(false);
    let mut theirs = told("0220", 1);
    theirs.set(32, b"450002");
    kept.ask(theirs);
    kept.ask(told("0420", 1));
    assert_eq!(sent(kept.link(true)).len(), 2);
}

#[test]
fn a_dropped_dead_letter_leaves_the_window_to_the_others() {
    let mut kept = Kept::with(
        GroupSettings {
            forward: ForwardSettings {
                refused_max: 1,
                window: 1,
                ..ForwardSettings::default()
            },
            ..GroupSettings::default()
        },
        Recovered::default(),
    );
    kept.link(false);
    let mut behind = told("0220", 1);
    behind.set(11, b"000901");
    kept.ask(told("0220", 1));
    kept.ask(behind);
    let (token, _) = sent(kept.link(true)).remove(0);
    let outputs = kept.answered(token, acknowledged("05"));
    let dead = kept.kit.outbound.dead_letters().next().unwrap().id;
    let (token, _) = sent(outputs).remove(0);
    // It waits for its time when the dead one is dropped.
    kept.timed_out(token);
    let now = kept.kit.now;
    assert!(kept.kit.outbound.drop_dead(now, dead));
    let (token, _) = sent(kept.kit.after(7 * SECOND)).remove(0);
    kept.answered(token, acknowledged("00"));
    assert!(kept.kit.after(600 * SECOND).is_empty());
    kept.link(false);
    kept.ask(told("0220", 3));
    assert_eq!(sent(kept.link(true)).len(), 1);
}
