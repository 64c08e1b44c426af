//! Links that hardly answer are rested: what then goes where.

use super::failover::{link, numbered, referring, repeated};
use super::*;

/// What the issuer does not answer in time.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Groups of so many links, all up, which are judged by four outcomes and come back by two trials.
fn groups(balance: Balance, links: &[u8]) -> Kit {
    let groups: Vec<_> = links
        .iter()
        .map(|links| GroupSettings {
            links: *links,
            balance,
            health: HealthSettings {
                outcomes_min: 4,
                trials: 2,
                ..HealthSettings::default()
            },
            ..GroupSettings::default()
        })
        .collect();
    let mut kit = Kit::of(OutboundSettings::default(), &groups);
    for (group, links) in (0..).zip(links) {
        (1..*links).for_each(|place| kit.set(link(group, place), true));
    }
    kit
}

impl Kit {
    /// Sends as many purchases, numbered from this, which are not answered; the links rested then.
    fn is_silent(&mut self, first: u32, count: u32) -> Vec<LinkId> {
        let given: Vec<_> = (first..first + count)
            .map(|stan| self.given(numbered(stan)).1)
            .collect();
        self.now.instant += TIMEOUT;
        let mut rested = Vec::new();
        for token in given {
            self.outbound.handle_timed_out(self.now, token);
        }
        for output in self.outputs() {
            match output {
                Output::LinkHealth {
                    link,
                    turn: Turn::Rested { .. },
                } => rested.push(link),
                Output::Send {
                    token: token @ Token::Letter(_),
                    ..
                } => self.outbound.handle_timed_out(self.now, token),
                _ => {}
            }
        }
        self.outputs();
        rested
    }
}

/// What of these was sent, and where.
fn sent(outputs: Vec<Output>) -> Vec<(LinkId, Token, Message)> {
    let sent = outputs.into_iter().filter_map(|output| match output {
        Output::Send {
            link,
            token,
            message,
        } => Some((link, token, message)),
        _ => None,
    });
    sent.collect()
}

const RESTING: Refusal = Refusal::IssuerResting;

#[test]
fn a_silent_link_is_left_out_until_a_trial_of_two_is_answered() {
    let mut kit = groups(Balance::PrimaryBackup, &[2]);
    assert_eq!(kit.is_silent(1, 4), [link(0, 0)]);
    // It was the primary.
    for stan in 10..20 {
        assert_eq!(kit.approved(numbered(stan)), link(0, 1));
    }
    let [(at, token, reversal)] = &sent(kit.after(5 * SECOND))[..] else {
        panic!("of one card one at a time")
    };
    assert_eq!(*at, link(0, 0), "the first trial");
    let answer = reversal.response(ResponseCode::APPROVED).unwrap();
    assert_eq!(kit.approved(numbered(20)), link(0, 1), "alone");
    kit.outbound.handle_answer(kit.now, *token, answer);
    let [(at, token, reversal)] = &sent(kit.outputs())[..] else {
        panic!("the next of that card")
    };
    assert_eq!(*at, link(0, 0), "the second trial");
    assert_eq!(kit.approved(numbered(21)), link(0, 1));
    let answer = reversal.response(ResponseCode::APPROVED).unwrap();
    kit.outbound.handle_answer(kit.now, *token, answer);
    let outputs = kit.outputs();
    let returned = |output: &Output| {
        let turn = match output {
            Output::LinkHealth { link: at, turn } if *at == link(0, 0) => Some(*turn),
            _ => None,
        };
        turn == Some(Turn::Returned)
    };
    assert!(outputs.iter().any(returned), "{outputs:?}");
    assert_eq!(kit.approved(numbered(23)), link(0, 0));
    assert_eq!(kit.in_flight(), [0, 0]);
}

#[test]
fn while_all_links_rest_what_is_new_fails_over_and_what_was_given_them_does_not() {
    let mut kit = groups(Balance::RoundRobin, &[2, 1]);
    let mut approved = numbered(90);
    // What is told of one card waits for what was told of it before.
    approved.set(2, b"9999990100000013").remove(35);
    assert_eq!(kit.approved(approved.clone()), link(0, 0));
    kit.now.instant += 20 * SECOND;
    assert_eq!(kit.is_silent(1, 8), [link(0, 1), link(0, 0)]);
    assert_eq!(kit.approved(numbered(10)), link(1, 0));

    let resting = (RESTING, "91".to_owned());
    assert_eq!(kit.refused(repeated(&approved)), resting);
    assert_eq!(kit.refused(approved.clone()), resting, "sent anew");
    let reversal = referring(Mti::REVERSAL_ADVICE, &approved);
    assert_eq!(kit.given(reversal).0.group, FIRST);
    let completion = referring(Mti::FINANCIAL_ADVICE, &approved);
    assert_eq!(kit.given(completion).0.group, FIRST);
}

#[test]
fn what_a_silent_issuer_must_be_told_is_kept_at_once_where_it_can_be() {
    let mut kit = groups(Balance::PrimaryBackup, &[1]);
    let names = vec![(FIRST, "prepaid".to_owned())];
    kit.outbound
        .begin(kit.now, [7; 16], names, crate::Recovered::default());
    assert_eq!(kit.is_silent(1, 4), [FIRST_LINK]);
    let mut original = numbered(90);
    original.set(2, b"9999990100000013").remove(35);
    let outputs = kit.ask(referring(Mti::REVERSAL_ADVICE, &original));
    let kept = [Output::Forward {
        group: FIRST,
        event: ForwardEvent::AdviceKept,
        original: "STAN 777777 RRN 607411000123 acquirer 450001 terminal TERM0001".to_owned(),
    }];
    assert_eq!(format!("{outputs:?}"), format!("{kept:?}"));
}

#[test]
fn the_only_link_rests_and_is_tried_with_reversals_before_a_request() {
    let mut kit = groups(Balance::PrimaryBackup, &[1]);
    assert_eq!(kit.is_silent(1, 4), [FIRST_LINK]);
    assert_eq!(kit.refused(numbered(10)), (RESTING, "91".to_owned()));
    assert_eq!(kit.outbound.letters(FIRST), 4);
    let over = kit.outbound.poll_timeout().unwrap();
    let rest = over.saturating_duration_since(kit.now.instant);
    assert_eq!(rest, 5 * SECOND);
    // The request comes first, but is not the first to be sent.
    kit.now.instant = over;
    let outputs = kit.ask(numbered(11));
    assert!(matches!(
        outputs[outputs.len() - 2..],
        [Output::Refused(RESTING), Output::Answer(_)]
    ));
    let trials = sent(outputs);
    assert!(
        trials
            .iter()
            .all(|(_, _, message)| message.mti().class() == iso8583::Class::Reversal)
    );
    assert_eq!(trials.len(), 1);
    // The first is the trial: any answer will do, and none rests it for longer.
    let declined = trials[0]
        .2
        .response(ResponseCode::SYSTEM_MALFUNCTION)
        .unwrap();
    kit.outbound.handle_answer(kit.now, trials[0].1, declined);
    kit.outputs();
    let (_, token, _) = kit.given(numbered(12));
    assert_eq!(kit.refused(numbered(13)), (RESTING, "91".to_owned()));
    kit.outbound.handle_timed_out(kit.now, token);
    let again = kit.outputs().into_iter().find_map(|output| match output {
        Output::LinkHealth { turn, .. } => Some(turn),
        _ => None,
    });
    let rested = Turn::Rested {
        grade: Grade::Silent,
        cause: Cause::Trial,
        time: 10 * SECOND,
    };
    assert_eq!(again, Some(rested));
}

#[test]
fn without_a_reversal_a_request_is_the_trial_and_one_that_was_not_sent_is_none() {
    let mut kit = groups(Balance::PrimaryBackup, &[1]);
    let asked: Vec<_> = (0..4)
        .map(|stan| {
            let mut inquiry = numbered(stan);
            inquiry.set_mti(Mti::AUTHORIZATION_REQUEST);
            inquiry.set(3, b"310000");
            kit.given(inquiry).1
        })
        .collect();
    kit.now.instant += TIMEOUT;
    for token in asked {
        kit.outbound.handle_timed_out(kit.now, token);
    }
    kit.outputs();
    assert_eq!(kit.outbound.poll_timeout(), None, "nothing to wake for");
    kit.now.instant += 5 * SECOND;
    let (_, token, message) = kit.given(numbered(10));
    assert_eq!(kit.refused(numbered(11)), (RESTING, "91".to_owned()));
    kit.unsent(token, message, Refusal::Overloaded);
    assert_eq!(kit.approved(numbered(12)), FIRST_LINK);
    assert_eq!(kit.approved(numbered(13)), FIRST_LINK);
    let [first, second] = [14, 15].map(|stan| kit.given(numbered(stan)).0);
    assert_eq!([first, second], [FIRST_LINK; 2], "it is whole again");
}

#[test]
fn a_new_connection_is_tried_at_once_and_a_lost_trial_is_not_answered() {
    let mut kit = groups(Balance::PrimaryBackup, &[1]);
    kit.is_silent(1, 4);
    kit.set(FIRST_LINK, false);
    let down = (Refusal::IssuerDown, "91".to_owned());
    assert_eq!(kit.refused(numbered(10)), down);
    kit.set(FIRST_LINK, true);
    let trials = sent(kit.outputs());
    assert_eq!(trials.len(), 1, "a reversal");
    kit.set(FIRST_LINK, false);
    for (_, token, _) in trials {
        kit.outbound.handle_lost(kit.now, token);
    }
    let outputs = kit.outputs();
    let rested = |output: &&Output| matches!(output, Output::LinkHealth { .. });
    assert_eq!(outputs.iter().filter(rested).count(), 1, "{outputs:?}");
}

#[test]
fn answers_that_decline_and_connections_that_break_are_no_sign_but_unusable_answers_are() {
    let mut kit = groups(Balance::PrimaryBackup, &[1]);
    let mut rests = |stans: core::ops::Range<u32>, code: Option<&str>| {
        for stan in stans {
            let (token, sent) = kit.sent(numbered(stan));
            let mut answer = approval(&sent);
            match code {
                Some("lost") => kit.outbound.handle_lost(kit.now, token),
                Some(code) => {
                    answer.set(39, code.as_bytes());
                    kit.outbound.handle_answer(kit.now, token, answer);
                }
                None => {
                    answer.remove(39);
                    kit.outbound.handle_answer(kit.now, token, answer);
                }
            }
        }
        let outputs = kit.outputs();
        kit.now.instant += 20 * SECOND;
        outputs
            .iter()
            .any(|output| matches!(output, Output::LinkHealth { .. }))
    };
    assert!(!rests(0..8, Some("05")));
    assert!(!rests(10..18, Some("91")));
    assert!(!rests(20..28, Some("96")));
    assert!(!rests(30..38, Some("lost")));
    assert!(rests(40..44, None), "no DE 39");
}
