//! What outlives the process: records before anything leaves, reversals only when durable.

use super::*;
use crate::record::{Recovered, Replay};

const BOOT: [u8; 16] = [7; 16];

fn names() -> Vec<(GroupId, String)> {
    vec![(FIRST, "prepaid".to_owned())]
}

/// A machine that keeps records, and all the records it kept.
struct Kept {
    kit: Kit,
    journal: Vec<Vec<u8>>,
}

impl Kept {
    fn new() -> Self {
        Self::after(Recovered::default())
    }

    fn after(recovered: Recovered) -> Self {
        let mut kit = Kit::up();
        kit.outbound.begin(kit.now, BOOT, names(), recovered);
        let mut kept = Self {
            kit,
            journal: Vec::new(),
        };
        kept.write();
        kept
    }

    /// Writes what is to be written; the mark to report when it is durable.
    fn write(&mut self) -> u64 {
        self.journal.push(self.kit.outbound.records().to_vec());
        let mark = self.kit.outbound.records_written();
        assert!(self.kit.outbound.records().is_empty());
        mark
    }

    /// What is left if the process dies now, at this boot or another.
    fn left(&self, boot: [u8; 16]) -> Recovered {
        let mut replay = Replay::default();
        for batch in &self.journal {
            replay.apply(batch).unwrap();
        }
        let today = |name: &str| (name == "prepaid").then_some(FIRST);
        replay.finish(boot, 0, today).unwrap()
    }
}

#[test]
fn a_purchase_is_recorded_before_it_leaves_and_closed_before_its_answer_does() {
    let mut kept = Kept::new();
    let (token, forwarded) = kept.kit.sent(purchase());
    kept.write();
    assert_eq!(kept.left(BOOT).open(), 1);
    assert_eq!(kept.left([8; 16]).unknown.len(), 1);
    kept.kit
        .outbound
        .handle_answer(kept.kit.now, token, approval(&forwarded));
    assert_eq!(kept.kit.answers().len(), 1);
    kept.write();
    assert!(kept.left(BOOT).is_empty());
}

#[test]
fn an_inquiry_leaves_no_record() {
    let mut kept = Kept::new();
    let mut inquiry = purchase();
    inquiry.set(3, b"310000");
    kept.kit.sent(inquiry);
    assert!(kept.kit.outbound.records().is_empty());
}

#[test]
fn what_no_link_took_is_closed() {
    let mut kept = Kept::new();
    let (token, message) = kept.kit.sent(purchase());
    let refusal = Refusal::IssuerDown;
    kept.kit
        .outbound
        .handle_unsent(kept.kit.now, token, message, refusal);
    kept.write();
    assert!(kept.left(BOOT).is_empty());
}

#[test]
fn ninety_one_and_the_reversal_wait_until_the_reversal_is_durable() {
    let mut kept = Kept::new();
    let (token, _) = kept.kit.sent(purchase());
    kept.write();
    kept.kit.outbound.handle_timed_out(kept.kit.now, token);
    let told = kept.kit.outputs();
    assert!(
        matches!(
            told[..],
            [Output::Forward {
                event: ForwardEvent::ReversalQueued(_),
                ..
            }]
        ),
        "{told:?}"
    );
    // The acquirer repeats meanwhile: it must not be approved again.
    let repeated: Vec<Message> = kept
        .kit
        .ask(purchase())
        .into_iter()
        .filter_map(answer)
        .collect();
    assert_eq!(code(&repeated[0]), "91");
    let mark = kept.write();
    assert_eq!((kept.left(BOOT).open(), kept.left(BOOT).letters()), (0, 1));
    kept.kit.outbound.handle_stored(kept.kit.now, mark - 1);
    assert!(kept.kit.outputs().is_empty());
    assert_eq!(kept.kit.outbound.poll_timeout(), None);
    kept.kit.outbound.handle_stored(kept.kit.now, mark);
    let outputs = kept.kit.outputs();
    let [
        Output::Send { token, message, .. },
        Output::Refused(Refusal::TimedOut),
        Output::Answer(refused),
    ] = &outputs[..]
    else {
        panic!("{outputs:?}");
    };
    assert_eq!(
        (code(&refused.message), message.mti().to_string()),
        ("91", "0420".to_owned())
    );
    let mut acknowledged = Message::new("0430".parse().unwrap());
    acknowledged.set(39, b"00");
    kept.kit
        .outbound
        .handle_answer(kept.kit.now, *token, acknowledged);
    kept.write();
    assert!(kept.left(BOOT).is_empty());
}

#[test]
fn a_process_that_died_leaves_its_requests_and_reversals_to_the_next() {
    let mut kept = Kept::new();
    kept.kit.sent(purchase());
    let mut second = purchase();
    second
        .set(11, b"000124")
        .set(2, b"9999990100000013")
        .remove(35);
    let (token, _) = kept.kit.sent(second.clone());
    kept.kit.outbound.handle_timed_out(kept.kit.now, token);
    kept.write();
    let mut next = Kept::after(kept.left(BOOT));
    // Once more, so that what is left is left from its own records.
    next = Kept::after(next.left(BOOT));
    let mark = next.write();
    next.kit.outbound.handle_stored(next.kit.now, mark);
    let mut sent: Vec<Message> = next
        .kit
        .outputs()
        .into_iter()
        .filter_map(|output| match output {
            Output::Send { message, .. } => Some(message),
            _ => None,
        })
        .collect();
    sent.sort_by_key(|message| message.field(11).map(<[u8]>::to_vec));
    let says: Vec<_> = sent
        .iter()
        .map(|message| {
            (
                message.mti().to_string(),
                message.text(11),
                message.text(90),
            )
        })
        .collect();
    let original = |stan| format!("0200{stan}03150230150000045000100000999001");
    assert_eq!(
        says,
        [
            (
                "0421".to_owned(),
                Some("000123"),
                Some(&*original("000123"))
            ),
            (
                "0421".to_owned(),
                Some("000124"),
                Some(&*original("000124"))
            ),
        ]
    );
    // What is being undone is not approved again.
    let repeated: Vec<Message> = next
        .kit
        .ask(second)
        .into_iter()
        .filter_map(answer)
        .collect();
    assert_eq!(code(&repeated[0]), "91");
}

#[test]
fn a_checkpoint_holds_all_that_is_open() {
    let mut kept = Kept::new();
    kept.kit.sent(purchase());
    let mut second = purchase();
    second
        .set(11, b"000124")
        .set(2, b"9999990100000013")
        .remove(35);
    let (token, _) = kept.kit.sent(second);
    kept.kit.outbound.handle_timed_out(kept.kit.now, token);
    kept.write();
    kept.journal.clear();
    kept.kit.outbound.checkpoint();
    kept.write();
    let left = kept.left(BOOT);
    assert_eq!((left.open(), left.letters()), (1, 1));
}

#[test]
fn a_disk_that_is_nearly_full_takes_no_money_until_it_has_room() {
    let mut kept = Kept::new();
    kept.kit.outbound.handle_disk(true);
    let refused: Vec<Message> = kept
        .kit
        .ask(purchase())
        .into_iter()
        .filter_map(answer)
        .collect();
    assert_eq!(code(&refused[0]), "96");
    kept.kit.outbound.handle_disk(false);
    kept.kit.sent(purchase());
}

#[test]
fn money_does_not_move_where_records_cannot_be_kept() {
    let mut kept = Kept::new();
    let (token, _) = kept.kit.sent(purchase());
    kept.kit.outbound.handle_timed_out(kept.kit.now, token);
    kept.kit.outbound.handle_journal_failed(kept.kit.now);
    assert!(kept.kit.answers().is_empty());
    let mut second = purchase();
    second.set(11, b"000124");
    let refused: Vec<Message> = kept
        .kit
        .ask(second.clone())
        .into_iter()
        .filter_map(answer)
        .collect();
    assert_eq!(code(&refused[0]), "96");
    second.set(3, b"310000");
    let asked = kept.kit.ask(second);
    assert!(matches!(asked[..], [Output::Send { .. }]), "{asked:?}");
}

/// Two groups, of which the first is down, with records; what went to the second, once that is
/// durable.
#[test]
fn what_fails_over_leaves_once_that_is_durable_and_its_reversal_finds_it_after_a_restart() {
    let groups = [GroupSettings::default(), GroupSettings::default()];
    let second = GroupId(1);
    let start = |recovered| {
        let mut kit = Kit::of(OutboundSettings::default(), &groups);
        let names = vec![(FIRST, "prepaid".to_owned()), (second, "backup".to_owned())];
        kit.outbound.begin(kit.now, BOOT, names, recovered);
        let mut replay = Replay::default();
        replay.apply(kit.outbound.records()).unwrap();
        kit.outbound.records_written();
        kit.outputs();
        (kit, replay)
    };
    let (mut kit, mut replay) = start(Recovered::default());
    kit.outbound.handle_link(kit.now, FIRST_LINK, false);
    assert!(kit.ask(purchase()).is_empty());
    replay.apply(kit.outbound.records()).unwrap();
    let mark = kit.outbound.records_written();
    kit.outbound.handle_stored(kit.now, mark);
    let outputs = kit.outputs();
    let [
        Output::Send {
            link,
            token,
            message,
        },
    ] = &outputs[..]
    else {
        panic!("{outputs:?}")
    };
    assert_eq!(link.group, second);
    kit.outbound
        .handle_answer(kit.now, *token, approval(message));
    assert_eq!(kit.answers().len(), 1);
    replay.apply(kit.outbound.records()).unwrap();

    let group = |name: &str| match name {
        "prepaid" => Some(FIRST),
        "backup" => Some(second),
        _ => None,
    };
    let utc = kit.now.utc.as_second();
    let recovered = replay.finish([8; 16], utc, group).unwrap();
    let (mut kit, _) = start(recovered);
    let mut reversal = purchase();
    reversal.set_mti(Mti::REVERSAL_REQUEST);
    let outputs = kit.ask(reversal);
    let [Output::Send { link, .. }] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert_eq!(link.group, second);
}

#[test]
fn what_was_to_fail_over_hears_96_where_that_cannot_be_kept() {
    let groups = [GroupSettings::default(), GroupSettings::default()];
    let mut kit = Kit::of(OutboundSettings::default(), &groups);
    let names = vec![
        (FIRST, "prepaid".to_owned()),
        (GroupId(1), "backup".to_owned()),
    ];
    kit.outbound
        .begin(kit.now, BOOT, names, Recovered::default());
    kit.outbound.handle_link(kit.now, FIRST_LINK, false);
    assert!(kit.ask(purchase()).is_empty());
    kit.outbound.handle_journal_failed(kit.now);
    assert_eq!(code(&kit.answers()[0]), "96");
    assert_eq!(kit.outbound.in_flight(GroupId(1)), 0);
    // Nor does it wait for ever where it comes later.
    let mut advice = purchase();
    advice.set_mti(Mti::FINANCIAL_ADVICE);
    advice.set(11, b"000124");
    let refused: Vec<Message> = kit.ask(advice).into_iter().filter_map(answer).collect();
    assert_eq!(code(&refused[0]), "96");
    assert_eq!(kit.outbound.in_flight(GroupId(1)), 0);
    assert_eq!(kit.outbound.waiting(), 0);
}

#[test]
fn what_waited_too_long_to_fail_over_is_refused_unsent_and_an_advice_is_sent() {
    let groups = [GroupSettings::default(), GroupSettings::default()];
    let mut kit = Kit::of(OutboundSettings::default(), &groups);
    let names = vec![
        (FIRST, "prepaid".to_owned()),
        (GroupId(1), "backup".to_owned()),
    ];
    kit.outbound
        .begin(kit.now, BOOT, names, Recovered::default());
    kit.outbound.handle_link(kit.now, FIRST_LINK, false);
    assert!(kit.ask(purchase()).is_empty());
    let mut advice = purchase();
    advice.set_mti(Mti::FINANCIAL_ADVICE);
    advice.set(11, b"000124");
    assert!(kit.ask(advice).is_empty());
    let mark = kit.outbound.records_written();
    let age_max = OutboundSettings::default().queue_age_max;
    kit.now.instant += age_max + Duration::from_millis(1);
    kit.outbound.handle_stored(kit.now, mark);
    let outputs = kit.outputs();
    let [
        Output::Refused(Refusal::QueuedTooLong),
        Output::Answer(refused),
        Output::Send { message, .. },
    ] = &outputs[..]
    else {
        panic!("{outputs:?}")
    };
    assert_eq!(code(&refused.message), "91");
    assert_eq!(message.mti(), Mti::FINANCIAL_ADVICE);
    assert_eq!(kit.outbound.in_flight(GroupId(1)), 1);
}
