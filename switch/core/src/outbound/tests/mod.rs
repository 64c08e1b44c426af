#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test names what it expects"
)]

mod advice;
mod answered;
mod failover;
mod health;
mod numbers;
mod reckon;
mod store;
mod undelivered;

use std::collections::BTreeSet;

use jiff::tz::Offset;

use iso8583::Mti;

use super::*;
use crate::inbound::{Admission, Inbound};
use crate::request::ConnectionId;
use crate::route::Choices;

const SECOND: Duration = Duration::from_secs(1);

/// The one group, or the first choice.
const FIRST: GroupId = GroupId(0);
const FIRST_LINK: LinkId = LinkId {
    group: FIRST,
    place: 0,
};

/// A listener, groups and their time.
pub(super) struct Kit {
    pub(super) inbound: Inbound,
    pub(super) outbound: Outbound,
    pub(super) now: Now,
    choices: Choices,
}

impl Kit {
    fn up() -> Self {
        Self::with(GroupSettings::default())
    }

    fn with(settings: GroupSettings) -> Self {
        Self::of(OutboundSettings::default(), &[settings])
    }

    /// Groups, whose first links are up, and which are chosen in this order.
    pub(super) fn of(settings: OutboundSettings, groups: &[GroupSettings]) -> Self {
        let inbound = Inbound {
            default_acquirer: b"900001".to_vec(),
            acquirers: BTreeSet::new(),
            forwarder: b"999001".to_vec(),
            business_offset: Offset::constant(9),
        };
        let now = Now {
            #[expect(
                clippy::disallowed_methods,
                reason = "a starting point; time is then virtual"
            )]
            instant: Instant::now(),
            utc: "2026-03-15T15:30:15Z".parse().unwrap(),
        };
        let groups: Vec<_> = (0..).map(GroupId).zip(groups.iter().cloned()).collect();
        let mut outbound = Outbound::new(settings, &groups);
        for (group, _) in &groups {
            let link = LinkId {
                group: *group,
                place: 0,
            };
            outbound.handle_link(now, link, true);
        }
        Self {
            inbound,
            outbound,
            now,
            choices: groups.iter().map(|(group, _)| *group).collect(),
        }
    }

    fn admit(&self, message: Message) -> Box<Request> {
        match self.inbound.admit(self.now, ConnectionId(7), message) {
            Admission::Admitted(request) => request,
            other => panic!("{other:?}"),
        }
    }

    fn refusal(&self, message: Message) -> (Refusal, Message) {
        match self.inbound.admit(self.now, ConnectionId(7), message) {
            Admission::Refused(refusal, answer) => (refusal, answer.message),
            other => panic!("{other:?}"),
        }
    }

    /// Asks; the outputs.
    pub(super) fn ask(&mut self, message: Message) -> Vec<Output> {
        let mut request = self.admit(message);
        request.choices = self.choices;
        self.outbound.handle_request(self.now, request);
        self.outputs()
    }

    /// Asks; what is sent to the issuer.
    pub(super) fn sent(&mut self, message: Message) -> (Token, Message) {
        match self.ask(message).pop() {
            Some(Output::Send { token, message, .. }) => (token, message),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn outputs(&mut self) -> Vec<Output> {
        core::iter::from_fn(|| self.outbound.poll_output()).collect()
    }

    pub(super) fn answers(&mut self) -> Vec<Message> {
        self.outputs().into_iter().filter_map(answer).collect()
    }

    pub(super) fn after(&mut self, time: Duration) -> Vec<Output> {
        self.now.instant += time;
        self.outbound.handle_timeout(self.now);
        self.outputs()
    }
}

pub(super) fn answer(output: Output) -> Option<Message> {
    match output {
        Output::Answer(answer) => Some(answer.message),
        _ => None,
    }
}

pub(super) fn code(message: &Message) -> &str {
    message.text(39).unwrap()
}

pub(crate) fn purchase() -> Message {
    let mut message = Message::new(Mti::FINANCIAL_REQUEST);
    for (de, value) in [
        (2, "9999990100000005"),
        (3, "000000"),
        (4, "000000015000"),
        (7, "0315023015"),
        (11, "000123"),
        (12, "113015"),
        (13, "0315"),
        (14, "3012"),
        (22, "021"),
        (25, "00"),
        (32, "450001"),
        (35, "9999990100000005=30121010000000000000"),
        (37, "607411000123"),
        (41, "TERM0001"),
        (42, "MERCHANT0000001"),
        (48, "01008MALL000105003123"),
        (49, "410"),
    ] {
        message.set(de, value.as_bytes());
    }
    message.set(52, &[0xDE; 8]);
    message
}

pub(super) fn approval(request: &Message) -> Message {
    let mut answer = request.response(ResponseCode::APPROVED).unwrap();
    answer.set(38, b"A12345").set(54, b"0002410C000000085000");
    answer
}

#[test]
fn keys_travel_unchanged_and_the_answer_is_the_acquirers_in_what_is_the_acquirers() {
    let mut kit = Kit::up();
    let mut received = purchase();
    received
        .set(33, b"777001")
        .set_header(Some(iso8583::frame::Tpdu::new([0x60, 0, 3, 0, 0])));
    let (token, sent) = kit.sent(received.clone());
    for de in [7, 11, 12, 13, 32, 37, 41, 42, 35, 52] {
        assert_eq!(sent.field(de), received.field(de), "DE {de}");
    }
    assert_eq!(
        (sent.text(33), sent.text(15)),
        (Some("999001"), Some("0316"))
    );

    let mut issuers = approval(&sent);
    issuers
        .set(11, b"999999")
        .set(37, b"XXXXXXXXXXXX")
        .set(4, b"000000010000")
        .set(14, b"3012");
    kit.outbound.handle_answer(kit.now, token, issuers);
    let answers = kit.answers();
    let fields: Vec<u8> = answers[0].present().iter().collect();
    assert_eq!(
        fields,
        [
            2, 3, 4, 7, 11, 12, 13, 15, 32, 33, 37, 38, 39, 41, 42, 48, 49, 54
        ]
    );
    for de in [7, 11, 32, 33, 37] {
        assert_eq!(answers[0].field(de), received.field(de), "DE {de}");
    }
    assert_eq!(answers[0].text(4), Some("000000010000"), "the issuer's");
    assert_eq!(
        answers[0].header(),
        received.header().map(|tpdu| tpdu.swapped())
    );
    assert_eq!(
        (kit.outbound.in_flight(FIRST), kit.outbound.letters(FIRST)),
        (0, 0)
    );
}

#[test]
fn what_the_acquirer_did_not_send_is_not_in_its_answer() {
    let mut kit = Kit::up();
    let mut received = purchase();
    received.remove(2).remove(32);
    let (token, sent) = kit.sent(received);
    assert_eq!(
        (sent.text(32), sent.text(2)),
        (Some("900001"), Some("9999990100000005"))
    );
    kit.outbound.handle_answer(kit.now, token, approval(&sent));
    let answers = kit.answers();
    assert!(
        ![2, 32, 33].iter().any(|de| answers[0].has(*de)),
        "{:?}",
        answers[0]
    );
}

#[test]
fn a_request_without_an_answer_is_answered_91_and_reversed_until_acknowledged() {
    let mut kit = Kit::up();
    let (token, sent) = kit.sent(purchase());
    kit.outbound.handle_timed_out(kit.now, token);
    let mut outputs = kit.outputs();
    let Some(Output::Answer(answer)) = outputs.pop() else {
        panic!("{outputs:?}")
    };
    assert_eq!(code(&answer.message), "91");
    let Some(Output::Refused(Refusal::TimedOut)) = outputs.pop() else {
        panic!("{outputs:?}")
    };
    let Some(Output::Send {
        token,
        message: reversal,
        ..
    }) = outputs.pop()
    else {
        panic!()
    };
    assert_eq!(
        (reversal.mti(), code(&reversal)),
        (Mti::REVERSAL_ADVICE, "68")
    );
    assert_eq!(
        reversal.text(90),
        Some("020000012303150230150000045000100000999001")
    );
    for de in [2, 3, 4, 11, 12, 13, 32, 37, 41, 42, 49] {
        assert_eq!(reversal.field(de), sent.field(de), "DE {de}");
    }
    for de in [14, 35, 48, 52] {
        assert!(!reversal.has(de), "DE {de}");
    }

    kit.outbound.handle_timed_out(kit.now, token);
    assert_eq!(
        format!("{:?}", kit.outputs()),
        "[Forward { group: GroupId(0), event: Unanswered(None), original: \
         \"STAN 000123 RRN 607411000123 acquirer 450001 terminal TERM0001\" }]"
    );
    // After five seconds, a fifth more or less.
    assert!(kit.after(SECOND * 39 / 10).is_empty());
    let repeat = kit.after(SECOND * 21 / 10).pop();
    let Some(Output::Send {
        token,
        message: repeat,
        ..
    }) = repeat
    else {
        panic!("{repeat:?}")
    };
    assert_eq!(
        (repeat.mti().to_string().as_str(), repeat.text(7)),
        ("0421", reversal.text(7))
    );
    kit.outbound.handle_answer(
        kit.now,
        token,
        repeat.response(ResponseCode::APPROVED).unwrap(),
    );
    assert!(matches!(
        kit.outputs()[..],
        [Output::Forward {
            group: FIRST,
            event: ForwardEvent::Acknowledged,
            ..
        }]
    ));
    assert_eq!(
        (kit.outbound.letters(FIRST), kit.outbound.poll_timeout()),
        (0, None)
    );
}

#[test]
fn a_transaction_being_reversed_is_not_given_to_the_issuer_again() {
    let mut kit = Kit::up();
    let (token, _) = kit.sent(purchase());
    kit.outbound.handle_lost(kit.now, token);
    kit.outputs();
    let mut repeat = purchase();
    repeat.set_mti(repeat.mti().repeat());
    let outputs = kit.ask(repeat);
    assert!(matches!(
        outputs[..],
        [Output::Refused(Refusal::BeingReversed), Output::Answer(_)]
    ));
}

#[test]
fn a_late_answer_cannot_be_taken_for_that_of_a_repeat_once_the_original_is_undone() {
    let mut kit = Kit::up();
    let (token, _) = kit.sent(purchase());
    kit.outbound.handle_timed_out(kit.now, token);
    let mut reversal = None;
    for output in kit.outputs() {
        if let Output::Send { token, message, .. } = output {
            reversal = Some((token, message));
        }
    }
    let (token, message) = reversal.unwrap();
    kit.outbound.handle_answer(
        kit.now,
        token,
        message.response(ResponseCode::APPROVED).unwrap(),
    );
    kit.outputs();
    let mut repeat = purchase();
    repeat.set_mti(repeat.mti().repeat());
    let outputs = kit.ask(repeat);
    assert!(
        matches!(outputs[0], Output::Refused(Refusal::Reversed)),
        "{outputs:?}"
    );
    let answers: Vec<_> = outputs.into_iter().filter_map(answer).collect();
    assert_eq!(code(&answers[0]), "94");
}

#[test]
fn an_approval_is_undone_only_when_no_copy_of_its_answer_was_delivered() {
    let mut kit = Kit::up();
    let (token, sent) = kit.sent(purchase());
    let mut repeat = purchase();
    repeat.set_mti(repeat.mti().repeat());
    kit.ask(repeat);
    kit.outbound.handle_answer(kit.now, token, approval(&sent));
    let undos: Vec<_> = kit
        .outputs()
        .into_iter()
        .filter_map(|output| match output {
            Output::Answer(answer) => answer.undo,
            _ => None,
        })
        .collect();
    kit.outbound.handle_undeliverable(kit.now, &undos[0]);
    assert_eq!(kit.outbound.letters(FIRST), 0);
    kit.outbound.handle_undeliverable(kit.now, &undos[1]);
    assert_eq!(kit.outbound.letters(FIRST), 1);
}

#[test]
fn of_the_issuers_private_data_and_mac_the_acquirer_gets_no_more_than_it_may() {
    let mut kit = Kit::up();
    let (token, sent) = kit.sent(purchase());
    let mut issuers = approval(&sent);
    issuers.set(48, b"01008MALL000105003123").set(64, &[1; 8]);
    kit.outbound.handle_answer(kit.now, token, issuers);
    let answers = kit.answers();
    assert_eq!(
        (answers[0].text(48), answers[0].has(64)),
        (Some("01008MALL0001"), false)
    );
}

#[test]
fn a_reversal_waits_for_the_link_and_goes_out_when_it_is_back() {
    let mut kit = Kit::up();
    let (token, _) = kit.sent(purchase());
    kit.outbound.handle_link(kit.now, FIRST_LINK, false);
    kit.outbound.handle_lost(kit.now, token);
    assert!(
        !kit.outputs()
            .iter()
            .any(|output| matches!(output, Output::Send { .. }))
    );
    assert!(kit.after(60 * SECOND).is_empty());
    assert_eq!(kit.outbound.poll_timeout(), None);
    kit.outbound.handle_link(kit.now, FIRST_LINK, true);
    assert!(matches!(
        kit.outputs()[..],
        [Output::Send {
            token: Token::Letter(_),
            ..
        }]
    ));
}

#[test]
fn inquiries_and_advices_are_not_reversed() {
    let mut inquiry = purchase();
    inquiry.set_mti(Mti::AUTHORIZATION_REQUEST);
    inquiry.set(3, b"310000").remove(4);
    let mut advice = purchase();
    advice.set_mti(Mti::FINANCIAL_ADVICE);
    let mut reversal = purchase();
    reversal.set_mti(Mti::REVERSAL_REQUEST);
    for message in [inquiry, advice, reversal] {
        let mut kit = Kit::up();
        let (token, _) = kit.sent(message);
        kit.outbound.handle_timed_out(kit.now, token);
        assert_eq!(kit.answers().len(), 1);
        assert_eq!(kit.outbound.letters(FIRST), 0);
    }
}

#[test]
fn a_repeat_in_flight_shares_the_answer_and_another_transaction_gets_94() {
    let mut kit = Kit::up();
    let (token, sent) = kit.sent(purchase());
    let mut repeat = purchase();
    repeat.set_mti(repeat.mti().repeat());
    assert!(kit.ask(repeat).is_empty(), "it waits");
    let mut other = purchase();
    other.set(4, b"000000015001");
    let outputs = kit.ask(other);
    assert!(matches!(outputs[0], Output::Refused(Refusal::Duplicate)));
    assert_eq!(
        outputs
            .into_iter()
            .filter_map(answer)
            .map(|m| code(&m).to_owned())
            .collect::<Vec<_>>(),
        ["94"]
    );
    kit.outbound.handle_answer(kit.now, token, approval(&sent));
    let answers = kit.answers();
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn an_undelivered_approval_is_reversed_and_a_decline_is_not() {
    let mut kit = Kit::up();
    let (token, sent) = kit.sent(purchase());
    kit.outbound.handle_answer(kit.now, token, approval(&sent));
    let Some(Output::Answer(answer)) = kit.outputs().pop() else {
        panic!()
    };
    kit.outbound
        .handle_undeliverable(kit.now, &answer.undo.unwrap());
    let Some(Output::Send { message, .. }) = kit.outputs().pop() else {
        panic!()
    };
    assert_eq!((code(&message), message.text(38)), ("22", Some("A12345")));

    let (token, sent) = Kit::up().sent(purchase());
    let mut kit = Kit::up();
    kit.sent(purchase());
    let decline = sent.response(ResponseCode::INSUFFICIENT_FUNDS).unwrap();
    kit.outbound.handle_answer(kit.now, token, decline);
    let Some(Output::Answer(answer)) = kit.outputs().pop() else {
        panic!()
    };
    assert!(answer.undo.is_none());
}

#[test]
fn an_answer_without_a_response_code_is_unusable_and_reversed() {
    let mut kit = Kit::up();
    let (token, sent) = kit.sent(purchase());
    let mut unusable = approval(&sent);
    unusable.remove(39);
    kit.outbound.handle_answer(kit.now, token, unusable);
    assert_eq!(kit.outbound.letters(FIRST), 1);
    assert_eq!(code(&kit.answers()[0]), "20");
}

#[test]
fn an_answer_of_another_card_is_unusable_and_the_request_reversed() {
    let mut kit = Kit::up();
    let (token, sent) = kit.sent(purchase());
    let mut other = approval(&sent);
    other.set(2, b"9999990100000013");
    kit.outbound.handle_answer(kit.now, token, other);
    let outputs = kit.outputs();
    let [
        Output::Forward { .. },
        Output::Send { message, .. },
        Output::Refused(Refusal::InvalidResponse),
        Output::Answer(answer),
    ] = &outputs[..]
    else {
        panic!("{outputs:?}")
    };
    assert_eq!(message.field(2), purchase().field(2), "its own");
    assert_eq!(code(&answer.message), "20");
}

#[test]
fn nothing_is_sent_while_the_link_is_down_or_no_place_is_left() {
    let mut kit = Kit::with(GroupSettings {
        transactions_max: 1,
        ..GroupSettings::default()
    });
    kit.sent(purchase());
    let mut second = purchase();
    second.set(11, b"000124");
    let outputs = kit.ask(second);
    assert!(matches!(outputs[0], Output::Refused(Refusal::Overloaded)));

    let mut kit = Kit::up();
    kit.outbound.handle_link(kit.now, FIRST_LINK, false);
    let outputs = kit.ask(purchase());
    assert!(matches!(outputs[0], Output::Refused(Refusal::IssuerDown)));
    assert_eq!(
        outputs
            .into_iter()
            .filter_map(answer)
            .map(|m| code(&m).to_owned())
            .collect::<Vec<_>>(),
        ["91"]
    );
    assert_eq!(kit.outbound.in_flight(FIRST), 0);
}

#[test]
fn a_request_for_which_the_link_has_no_room_is_refused_and_nothing_is_recorded() {
    let mut kit = Kit::with(GroupSettings {
        link_in_flight_max: 1,
        ..GroupSettings::default()
    });
    kit.sent(purchase());
    kit.outbound.records_written();
    let mut second = purchase();
    second.set(11, b"000124");
    let outputs = kit.ask(second);
    assert!(matches!(outputs[0], Output::Refused(Refusal::Overloaded)));
    assert!(kit.outbound.records().is_empty());
}

#[test]
fn an_issuer_that_does_not_answer_in_time_is_asked_little_until_it_does() {
    let mut kit = Kit::up();
    let mut number = 0_u32;
    let mut next = || {
        number += 1;
        let mut message = purchase();
        message.set(11, format!("{number:06}").as_bytes());
        message
    };
    let (silent, _) = kit.sent(next());
    for _ in 0..5 {
        kit.sent(next());
    }
    kit.now.instant += 10 * SECOND;
    kit.outbound.handle_timed_out(kit.now, silent);
    kit.outputs();
    // Six may wait, and five do.
    let (soon, request) = kit.sent(next());
    let outputs = kit.ask(next());
    assert!(matches!(outputs[0], Output::Refused(Refusal::Overloaded)));
    // An answer that comes soon says that the others do.
    let approved = request.response(ResponseCode::APPROVED).unwrap();
    kit.outbound.handle_answer(kit.now, soon, approved);
    kit.outputs();
    for _ in 0..10 {
        kit.sent(next());
    }
}

#[test]
fn only_a_window_of_reversals_is_under_way_at_a_time() {
    let mut kit = Kit::with(GroupSettings {
        forward: ForwardSettings {
            window: 2,
            ..ForwardSettings::default()
        },
        ..GroupSettings::default()
    });
    let tokens: Vec<Token> = (0..5_u32)
        .map(|stan| {
            let mut message = purchase();
            message
                .set(11, format!("{stan:06}").as_bytes())
                .set(2, format!("999999010000{stan:04}").as_bytes())
                .remove(35);
            kit.sent(message).0
        })
        .collect();
    for token in tokens {
        kit.outbound.handle_timed_out(kit.now, token);
    }
    let mut most = 0;
    let mut under_way: VecDeque<Token> = VecDeque::new();
    let mut settled = 0;
    loop {
        under_way.extend(kit.outputs().into_iter().filter_map(|output| match output {
            Output::Send { token, .. } => Some(token),
            _ => None,
        }));
        most = most.max(under_way.len());
        let Some(token) = under_way.pop_front() else {
            break;
        };
        let mut acknowledged = Message::new("0430".parse().unwrap());
        acknowledged.set(39, b"00");
        kit.outbound.handle_answer(kit.now, token, acknowledged);
        settled += 1;
    }
    assert_eq!((most, settled, kit.outbound.letters(FIRST)), (2, 5, 0));
}

#[test]
fn nothing_sensitive_is_kept_while_the_answer_is_waited_for() {
    let mut kit = Kit::up();
    kit.sent(purchase());
    let kept = &kit
        .outbound
        .in_flight
        .values()
        .next()
        .unwrap()
        .request
        .message;
    assert!(![35, 45, 52, 53, 55].iter().any(|de| kept.has(*de)));
    assert_eq!(kept.text(48), Some("01008MALL0001"), "no CVV2");
}

#[test]
fn what_is_missing_or_wrong_is_named_in_de_44() {
    let kit = Kit::up();
    for de in [3, 4, 7, 11, 41, 49] {
        let mut message = purchase();
        message.remove(de);
        let (refusal, answer) = kit.refusal(message);
        assert_eq!(refusal, Refusal::Format(de));
        assert_eq!(
            (code(&answer), answer.text(44)),
            ("30", Some(format!("{de:03}").as_str()))
        );
    }
    let changes: [(u8, &[u8], Refusal); 3] = [
        (2, b"9999990100000013", Refusal::Format(35)),
        (35, b"9999990100000005", Refusal::Format(35)),
        (48, b"01001A01001B", Refusal::Format(48)),
    ];
    for (de, value, expected) in changes {
        let mut message = purchase();
        message.set(de, value);
        assert_eq!(kit.refusal(message).0, expected);
    }
    let mut without_card = purchase();
    without_card.remove(2).remove(35);
    assert_eq!(kit.refusal(without_card).0, Refusal::Format(2));
}

#[test]
fn other_messages_are_refused_with_12_and_answers_are_dropped() {
    let kit = Kit::up();
    for mti in ["0502", "0522", "0600", "1200", "1500", "0320"] {
        let mut message = purchase();
        message.set_mti(mti.parse().unwrap());
        let (refusal, answer) = kit.refusal(message);
        assert_eq!(
            (refusal, code(&answer)),
            (Refusal::UnsupportedMessage, "12"),
            "{mti}"
        );
    }
    let mut answer = purchase();
    answer.set_mti("0210".parse().unwrap());
    let admission = kit.inbound.admit(kit.now, ConnectionId(7), answer);
    assert!(matches!(admission, Admission::Dropped));
}

#[test]
fn a_request_that_waited_longer_than_it_may_is_91_unsent() {
    let age = OutboundSettings::default().queue_age_max;
    for (waited, is_sent) in [(age, true), (age + Duration::from_nanos(1), false)] {
        let mut kit = Kit::up();
        let mut request = kit.admit(purchase());
        request.choices = kit.choices;
        kit.now.instant += waited;
        kit.outbound.handle_request(kit.now, request);
        match kit.outputs().as_slice() {
            [Output::Send { .. }] => assert!(is_sent),
            [
                Output::Refused(Refusal::QueuedTooLong),
                Output::Answer(answer),
            ]
            | [
                Output::Answer(answer),
                Output::Refused(Refusal::QueuedTooLong),
            ] => {
                assert_eq!((is_sent, code(&answer.message)), (false, "91"));
                assert_eq!(kit.outbound.letters(FIRST), 0, "nothing was sent");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(kit.outbound.in_flight(FIRST), usize::from(is_sent));
    }
}

#[test]
fn what_tells_of_something_done_is_sent_however_late() {
    for mti in ["0220", "0120", "0400", "0420"] {
        let mut kit = Kit::up();
        let mut message = purchase();
        message.set_mti(mti.parse().unwrap());
        let mut request = kit.admit(message);
        request.choices = kit.choices;
        kit.now.instant += OutboundSettings::default().queue_age_max * 10;
        kit.outbound.handle_request(kit.now, request);
        let outputs = kit.outputs();
        assert!(
            matches!(outputs.as_slice(), [Output::Send { .. }]),
            "{mti}: {outputs:?}"
        );
    }
}

#[test]
fn a_repeat_joins_what_is_in_flight_though_it_waited_too_long() {
    let mut kit = Kit::up();
    let mut repeat = kit.admit(purchase());
    repeat.choices = kit.choices;
    let (token, sent) = kit.sent(purchase());
    kit.now.instant += OutboundSettings::default().queue_age_max * 2;
    kit.outbound.handle_request(kit.now, repeat);
    assert!(kit.outputs().is_empty());
    let answer = sent.response(ResponseCode::APPROVED).unwrap();
    kit.outbound.handle_answer(kit.now, token, answer);
    assert_eq!(kit.answers().len(), 2);
}
