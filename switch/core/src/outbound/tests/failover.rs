//! Several links, several groups: a request goes on only while nothing of it was sent.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const SECOND_CHOICE: GroupId = GroupId(1);

pub(super) const fn link(group: u16, place: u8) -> LinkId {
    LinkId {
        group: GroupId(group),
        place,
    }
}

/// Two groups of two links each, all up.
fn two_groups() -> Kit {
    two_groups_with(MemorySettings::default())
}

fn two_groups_with(memory: MemorySettings) -> Kit {
    let two_links = GroupSettings {
        links: 2,
        ..GroupSettings::default()
    };
    let settings = OutboundSettings {
        memory,
        ..OutboundSettings::default()
    };
    let mut kit = Kit::of(settings, &[two_links.clone(), two_links]);
    for group in [0, 1] {
        kit.set(link(group, 1), true);
    }
    kit
}

impl Kit {
    pub(super) fn set(&mut self, link: LinkId, up: bool) {
        self.outbound.handle_link(self.now, link, up);
    }

    fn set_group(&mut self, group: u16, up: bool) {
        for place in [0, 1] {
            self.set(link(group, place), up);
        }
    }

    /// Asks; where it is sent.
    pub(super) fn given(&mut self, message: Message) -> (LinkId, Token, Message) {
        match self.ask(message).pop() {
            Some(Output::Send {
                link,
                token,
                message,
            }) => (link, token, message),
            other => panic!("{other:?}"),
        }
    }

    /// Asks; why it is refused, and with which code.
    pub(super) fn refused(&mut self, message: Message) -> (Refusal, String) {
        match &self.ask(message)[..] {
            [Output::Refused(refusal), Output::Answer(answer)] => {
                (*refusal, code(&answer.message).to_owned())
            }
            other => panic!("{other:?}"),
        }
    }

    /// Asks, and the issuer approves; which link it went on.
    pub(super) fn approved(&mut self, message: Message) -> LinkId {
        let (link, token, sent) = self.given(message);
        self.outbound
            .handle_answer(self.now, token, approval(&sent));
        assert_eq!(code(self.answers().last().unwrap()), "00");
        link
    }

    /// The link does not take it: what becomes of it.
    pub(super) fn unsent(
        &mut self,
        token: Token,
        message: Message,
        refusal: Refusal,
    ) -> Vec<Output> {
        self.outbound
            .handle_unsent(self.now, token, message, refusal);
        self.outputs()
    }

    pub(super) fn in_flight(&self) -> [usize; 2] {
        [FIRST, SECOND_CHOICE].map(|group| self.outbound.in_flight(group))
    }
}

/// A purchase with a trace number of its own.
pub(super) fn numbered(stan: u32) -> Message {
    let mut message = purchase();
    message.set(11, format!("{stan:06}").as_bytes());
    message
}

pub(super) fn repeated(message: &Message) -> Message {
    let mut repeat = message.clone();
    repeat.set_mti(message.mti().repeat());
    repeat
}

/// What names its original by DE 90, under a trace number of its own.
pub(super) fn referring(mti: Mti, original: &Message) -> Message {
    let mut message = original.clone();
    let data = iso8583::element::OriginalData::new(
        original.mti(),
        original.field(11).unwrap(),
        original.field(7).unwrap(),
        original.field(32),
        None,
    );
    message.set_mti(mti);
    message
        .set(11, b"777777")
        .set(7, b"0315030000")
        .set(90, data.unwrap().as_bytes());
    message
}

#[test]
fn what_no_link_took_goes_on_unchanged_from_link_to_link_and_to_the_next_group() {
    let mut kit = two_groups();
    let (mut at, mut token, sent) = kit.given(purchase());
    let mut links = vec![at];
    let mut message = sent.clone();
    loop {
        let mut outputs = kit.unsent(token, message, Refusal::Overloaded);
        match outputs.pop() {
            Some(Output::Send {
                link,
                token: next,
                message: again,
            }) => {
                assert_eq!(again, sent, "with its PIN block");
                (at, token, message) = (link, next, again);
                links.push(at);
            }
            Some(Output::Answer(answer)) => {
                assert_eq!(code(&answer.message), "91");
                break;
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(kit.in_flight().iter().sum::<usize>(), 1);
    }
    assert_eq!(links, [link(0, 0), link(0, 1), link(1, 0), link(1, 1)]);
    assert_eq!((kit.in_flight(), kit.outbound.failed_over()), ([0, 0], 0));
    assert_eq!(kit.approved(purchase()), link(0, 0), "it was never sent");
}

#[test]
fn a_message_that_no_link_could_send_is_not_offered_to_the_next() {
    for (refusal, expected) in [(Refusal::Duplicate, "94"), (Refusal::Format(48), "30")] {
        let mut kit = two_groups();
        let (_, token, message) = kit.given(purchase());
        let answers: Vec<_> = kit
            .unsent(token, message, refusal)
            .into_iter()
            .filter_map(answer)
            .collect();
        assert_eq!(code(&answers[0]), expected);
        assert_eq!(kit.in_flight(), [0, 0]);
    }
}

#[test]
fn what_was_sent_goes_nowhere_else_and_is_reversed_by_its_own_group_on_any_link() {
    let mut kit = two_groups();
    let (at, token, _) = kit.given(purchase());
    kit.set(at, false);
    kit.outbound.handle_lost(kit.now, token);
    let sent: Vec<_> = kit
        .outputs()
        .into_iter()
        .filter_map(|output| match output {
            Output::Send { link, message, .. } => Some((link, message.mti())),
            _ => None,
        })
        .collect();
    assert_eq!(sent, [(link(0, 1), Mti::REVERSAL_ADVICE)]);
    kit.set_group(0, false);
    let being_reversed = (Refusal::BeingReversed, "91".to_owned());
    assert_eq!(kit.refused(repeated(&purchase())), being_reversed);
    assert_eq!(kit.refused(purchase()), being_reversed);
}

#[test]
fn a_key_in_flight_to_the_primary_never_reaches_the_backup() {
    let mut kit = two_groups();
    let (_, token, sent) = kit.given(purchase());
    kit.set_group(0, false);
    assert!(kit.ask(purchase()).is_empty(), "it waits for the first");
    let mut other = purchase();
    other.set(4, b"000000015001");
    let duplicate = (Refusal::Duplicate, "94".to_owned());
    assert_eq!(kit.refused(other), duplicate);
    kit.outbound.handle_answer(kit.now, token, approval(&sent));
    assert_eq!(kit.answers().len(), 2);
    assert_eq!(kit.in_flight(), [0, 0]);
}

#[test]
fn a_backup_is_given_what_is_new_while_the_primary_is_down_or_full() {
    let one_place = GroupSettings {
        transactions_max: 1,
        ..GroupSettings::default()
    };
    let mut kit = Kit::of(OutboundSettings::default(), &[one_place.clone(), one_place]);
    let (first, token, sent) = kit.given(numbered(1));
    let (second, ..) = kit.given(numbered(2));
    assert_eq!([first, second], [link(0, 0), link(1, 0)]);
    let full = (Refusal::Overloaded, "91".to_owned());
    assert_eq!(kit.refused(numbered(3)), full);
    kit.outbound.handle_answer(kit.now, token, approval(&sent));
    kit.outputs();
    kit.set(link(0, 0), false);
    assert_eq!(kit.refused(numbered(3)), full, "the last that was asked");
    kit.set(link(1, 0), false);
    let down = (Refusal::IssuerDown, "91".to_owned());
    assert_eq!(kit.refused(numbered(3)), down);
    kit.set(link(0, 0), true);
    assert_eq!(kit.given(numbered(3)).0, link(0, 0));
}

#[test]
fn what_the_primary_answered_is_not_asked_of_the_backup() {
    let mut kit = two_groups();
    assert_eq!(kit.approved(purchase()).group, FIRST);
    kit.set_group(0, false);
    let down = (Refusal::IssuerDown, "91".to_owned());
    assert_eq!(kit.refused(purchase()), down, "without the repeat digit");
    assert_eq!(kit.refused(repeated(&purchase())), down);
    assert_eq!(
        kit.refused(repeated(&numbered(5))),
        down,
        "nor an unknown repeat"
    );
    assert_eq!(
        kit.given(numbered(6)).0.group,
        SECOND_CHOICE,
        "what is new is"
    );
}

#[test]
fn what_the_backup_was_given_is_repeated_reversed_and_completed_there() {
    let mut kit = two_groups();
    kit.set_group(0, false);
    let mut pre_authorization = numbered(2);
    pre_authorization.set_mti(Mti::AUTHORIZATION_REQUEST);
    for request in [&purchase(), &pre_authorization] {
        assert_eq!(kit.approved(request.clone()).group, SECOND_CHOICE);
    }
    assert_eq!(kit.outbound.failed_over(), 2);
    kit.set_group(0, true);
    let completion = referring(Mti::FINANCIAL_ADVICE, &pre_authorization);
    let mut without_90 = purchase();
    without_90.set_mti(Mti::REVERSAL_REQUEST);
    for message in [
        purchase(),
        repeated(&purchase()),
        referring(Mti::REVERSAL_ADVICE, &purchase()),
        repeated(&referring(Mti::REVERSAL_ADVICE, &purchase())),
        without_90,
        completion.clone(),
        repeated(&completion),
    ] {
        let what = format!("{message:?}");
        assert_eq!(kit.approved(message).group, SECOND_CHOICE, "{what}");
    }
    assert_eq!(kit.approved(numbered(9)).group, FIRST);
    kit.set_group(1, false);
    let down = (Refusal::IssuerDown, "91".to_owned());
    for message in [purchase(), referring(Mti::REVERSAL_ADVICE, &purchase())] {
        assert_eq!(kit.refused(message), down);
    }
}

#[test]
fn the_reversal_of_what_is_in_flight_to_the_backup_goes_there_and_an_unknown_one_to_the_primary() {
    let mut kit = two_groups();
    kit.set_group(0, false);
    kit.given(purchase());
    kit.set_group(0, true);
    let reversal = referring(Mti::REVERSAL_ADVICE, &purchase());
    assert_eq!(kit.given(reversal).0.group, SECOND_CHOICE);
    let mut unknown = referring(Mti::REVERSAL_ADVICE, &numbered(5));
    unknown.set(11, b"777778");
    let (at, ..) = kit.given(unknown);
    assert_eq!(at.group, FIRST);
    let mut kit = two_groups();
    kit.set_group(0, false);
    let down = (Refusal::IssuerDown, "91".to_owned());
    let unknown = referring(Mti::REVERSAL_ADVICE, &numbered(5));
    assert_eq!(kit.refused(unknown), down, "nobody else may take it");
}

#[test]
fn an_original_that_comes_after_its_reversal_is_not_given_to_another() {
    let mut kit = two_groups();
    let reversal = referring(Mti::REVERSAL_ADVICE, &purchase());
    assert_eq!(kit.approved(reversal).group, FIRST);
    kit.set_group(0, false);
    let down = (Refusal::IssuerDown, "91".to_owned());
    assert_eq!(kit.refused(purchase()), down);
    kit.set_group(0, true);
    assert_eq!(kit.given(purchase()).0.group, FIRST, "which refuses it");
}

#[test]
fn an_undelivered_approval_of_the_backup_is_reversed_there() {
    let mut kit = two_groups();
    kit.set_group(0, false);
    let (_, token, sent) = kit.given(purchase());
    kit.set_group(0, true);
    kit.outbound.handle_answer(kit.now, token, approval(&sent));
    let Some(Output::Answer(answer)) = kit.outputs().pop() else {
        panic!()
    };
    kit.outbound
        .handle_undeliverable(kit.now, &answer.undo.unwrap());
    let Some(Output::Send { link, .. }) = kit.outputs().pop() else {
        panic!()
    };
    assert_eq!(link.group, SECOND_CHOICE);
    assert_eq!(kit.outbound.letters(SECOND_CHOICE), 1);
}

#[test]
fn at_the_bound_no_more_fail_over_until_the_time_of_the_first_is_over() {
    let mut kit = two_groups_with(MemorySettings {
        requests_max: 2,
        time: 60 * SECOND,
    });
    kit.set_group(0, false);
    let (_, token, message) = kit.given(numbered(1));
    kit.set_group(1, false);
    kit.unsent(token, message, Refusal::IssuerDown);
    assert_eq!(kit.outbound.failed_over(), 0, "it went nowhere");
    kit.set_group(1, true);

    for stan in [1, 2] {
        assert_eq!(kit.approved(numbered(stan)).group, SECOND_CHOICE);
    }
    let full = (Refusal::FailoverFull, "91".to_owned());
    assert_eq!(kit.refused(numbered(3)), full);
    assert_eq!(kit.approved(numbered(2)).group, SECOND_CHOICE, "known");
    let mut inquiry = numbered(4);
    inquiry.set(3, b"310000");
    assert_eq!(
        kit.given(inquiry).0.group,
        SECOND_CHOICE,
        "it moves nothing"
    );
    assert_eq!(kit.outbound.failed_over(), 2);
    kit.now.instant += 60 * SECOND;
    assert_eq!(kit.approved(numbered(3)).group, SECOND_CHOICE);
    assert_eq!(kit.outbound.failed_over(), 1);
}

#[test]
fn at_the_bound_the_oldest_that_went_to_its_first_choice_is_forgotten() {
    let mut kit = two_groups_with(MemorySettings {
        requests_max: 2,
        ..MemorySettings::default()
    });
    for stan in [1, 2, 2, 3] {
        assert_eq!(kit.approved(numbered(stan)).group, FIRST);
    }
    assert_eq!(kit.outbound.forgotten(), 1);
    kit.set_group(0, false);
    let down = (Refusal::IssuerDown, "91".to_owned());
    for stan in [2, 3] {
        assert_eq!(kit.refused(numbered(stan)), down);
    }
    assert_eq!(kit.given(numbered(1)).0.group, SECOND_CHOICE);
}

#[test]
fn links_of_a_group_share_the_load_as_it_is_balanced() {
    for (balance, expected) in [
        (Balance::PrimaryBackup, [0, 0, 0, 0]),
        (Balance::RoundRobin, [0, 1, 0, 1]),
        (Balance::LeastInFlight, [0, 1, 0, 1]),
    ] {
        let settings = GroupSettings {
            links: 2,
            balance,
            ..GroupSettings::default()
        };
        let mut kit = Kit::with(settings);
        kit.set(link(0, 1), true);
        let places: Vec<u8> = (0..4)
            .map(|stan| kit.given(numbered(stan)).0.place)
            .collect();
        assert_eq!(places, expected, "{balance:?}");
    }
}

/// What may happen to two groups of two links.
#[derive(Clone, Copy, Debug)]
enum Step {
    Asked {
        stan: u32,
        repeat: bool,
        amount: u8,
    },
    Link {
        group: u16,
        place: u8,
        up: bool,
    },
    /// Of what is in flight, whichever it is.
    Answered(usize),
    TimedOut(usize),
    /// From now on, do links take what they are given?
    Taking(bool),
    Later,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u32..4, any::<bool>(), 0_u8..8).prop_map(|(stan, repeat, amount)| Step::Asked {
            stan,
            repeat,
            amount: amount / 7,
        }),
        2 => (0_u16..2, 0_u8..2, any::<bool>())
            .prop_map(|(group, place, up)| Step::Link { group, place, up }),
        3 => (0_usize..8).prop_map(Step::Answered),
        1 => (0_usize..8).prop_map(Step::TimedOut),
        1 => any::<bool>().prop_map(Step::Taking),
        1 => Just(Step::Later),
    ]
}

/// What the links have, and what was ever seen.
struct World {
    kit: Kit,
    taking: bool,
    /// Handed to a link and not answered.
    sent: Vec<(LinkId, Token, Message)>,
    up: BTreeSet<LinkId>,
    /// By trace number: every group that a purchase or its reversal was handed to.
    groups: BTreeMap<String, BTreeSet<GroupId>>,
    asked: usize,
    answers: usize,
}

impl World {
    /// Does as the shell would, and looks at everything that is sent.
    fn pump(&mut self) -> Result<(), TestCaseError> {
        while let Some(output) = self.kit.outbound.poll_output() {
            match output {
                Output::Send {
                    link,
                    token,
                    message,
                } => self.send(link, token, message)?,
                Output::Answer(_) => self.answers += 1,
                _ => {}
            }
        }
        Ok(())
    }

    fn send(&mut self, at: LinkId, token: Token, message: Message) -> Result<(), TestCaseError> {
        if !self.taking {
            let now = self.kit.now;
            self.kit
                .outbound
                .handle_unsent(now, token, message, Refusal::Overloaded);
            return Ok(());
        }
        prop_assert!(self.up.contains(&at), "sent on a link that is down");
        let stan = message.text(11).unwrap().to_owned();
        let same = |(_, other, sent): &&(LinkId, Token, Message)| {
            matches!((other, token), (Token::Request(_), Token::Request(_)))
                && sent.field(11) == message.field(11)
        };
        prop_assert!(self.sent.iter().find(same).is_none(), "twice in flight");
        let groups = self.groups.entry(stan).or_default();
        groups.insert(at.group);
        prop_assert!(groups.len() == 1, "given to both: {message:?}");
        self.sent.push((at, token, message));
        Ok(())
    }

    fn happen(&mut self, step: Step) -> Result<(), TestCaseError> {
        let now = self.kit.now;
        match step {
            Step::Asked {
                stan,
                repeat,
                amount,
            } => {
                let mut message = numbered(stan);
                message.set(4, format!("{amount:012}").as_bytes());
                let message = if repeat { repeated(&message) } else { message };
                let mut request = self.kit.admit(message);
                request.choices = self.kit.choices;
                self.kit.outbound.handle_request(now, request);
                self.asked += 1;
            }
            Step::Link { group, place, up } => self.set(link(group, place), up),
            Step::Answered(which) => {
                if let Some((_, token, message)) = self.take(which) {
                    self.kit
                        .outbound
                        .handle_answer(now, token, approval(&message));
                }
            }
            Step::TimedOut(which) => {
                if let Some((_, token, _)) = self.take(which) {
                    self.kit.outbound.handle_timed_out(now, token);
                }
            }
            Step::Taking(taking) => self.taking = taking,
            Step::Later => {
                self.kit.now.instant += 10 * SECOND;
                self.kit.outbound.handle_timeout(self.kit.now);
            }
        }
        self.pump()
    }

    pub(super) fn set(&mut self, link: LinkId, up: bool) {
        self.kit.set(link, up);
        if up {
            self.up.insert(link);
        } else if self.up.remove(&link) {
            let (lost, rest) = core::mem::take(&mut self.sent)
                .into_iter()
                .partition(|(at, ..)| *at == link);
            self.sent = rest;
            let lost: Vec<(LinkId, Token, Message)> = lost;
            for (_, token, _) in lost {
                self.kit.outbound.handle_lost(self.kit.now, token);
            }
        }
    }

    fn take(&mut self, which: usize) -> Option<(LinkId, Token, Message)> {
        (!self.sent.is_empty()).then(|| self.sent.swap_remove(which % self.sent.len()))
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(2_000)
    })]

    /// Goal: whatever happens, a transaction is handed to links of one group only, never twice at
    /// a time, its reversals too, and every request has one answer. Method: random steps, then
    /// all links up and everything answered.
    #[test]
    fn no_transaction_is_given_to_two_groups(steps in proptest::collection::vec(step(), 1..60)) {
        let kit = two_groups();
        let all = [link(0, 0), link(0, 1), link(1, 0), link(1, 1)];
        let mut world = World {
            kit,
            taking: true,
            sent: Vec::new(),
            up: all.into(),
            groups: BTreeMap::new(),
            asked: 0,
            answers: 0,
        };
        for step in steps {
            world.happen(step)?;
        }
        world.taking = true;
        for link in all {
            world.set(link, true);
            world.pump()?;
        }
        for _ in 0..100 {
            world.happen(Step::Later)?;
            while !world.sent.is_empty() {
                world.happen(Step::Answered(0))?;
            }
        }
        prop_assert_eq!(world.answers, world.asked);
        let outbound = &world.kit.outbound;
        for group in [FIRST, SECOND_CHOICE] {
            prop_assert_eq!((outbound.in_flight(group), outbound.letters(group)), (0, 0));
        }
    }
}
