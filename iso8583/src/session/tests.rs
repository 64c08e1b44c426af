use std::time::Duration;

use super::*;
use crate::mti::Mti;

const SECOND: Duration = Duration::from_secs(1);

/// A session, its time, and what it said.
struct Kit {
    session: Session<&'static str>,
    now: Now,
}

impl Kit {
    fn new(settings: Settings) -> Self {
        let now = Now {
            #[expect(
                clippy::disallowed_methods,
                reason = "a starting point; time is then virtual"
            )]
            instant: Instant::now(),
            utc: "2026-03-15T02:30:15Z".parse().unwrap(),
        };
        Self {
            session: Session::new(settings, now),
            now,
        }
    }

    fn send(&mut self, stan: &[u8; 6], token: &'static str) -> Result<(), Refused> {
        let admitted = self.session.admit(&purchase(stan))?;
        self.session.sent(self.now, admitted, token);
        Ok(())
    }

    fn after(&mut self, time: Duration) -> Vec<String> {
        self.now.instant += time;
        self.session.handle_timeout(self.now);
        self.outputs()
    }

    fn hear(&mut self, message: Message) -> Vec<String> {
        self.session.handle_message(self.now, message);
        self.outputs()
    }

    fn outputs(&mut self) -> Vec<String> {
        core::iter::from_fn(|| self.session.poll_output())
            .map(|output| brief(&output))
            .collect()
    }
}

fn brief(output: &Output<&'static str>) -> String {
    let of = |message: &Message| {
        let fields = [70, 39].map(|de| message.text(de).unwrap_or("-"));
        format!("{} {}", message.mti(), fields.join(" "))
    };
    match output {
        Output::Send(message) => format!("send {}", of(message)),
        Output::Request(message) => format!("request {}", of(message)),
        Output::Network { function, request } => format!("told {function:?} {}", of(request)),
        Output::Answered { token, answer } => format!("answered {token} {}", of(answer)),
        Output::TimedOut { token } => format!("timed out {token}"),
        Output::Late { lateness, .. } => format!("late: {lateness}"),
        Output::Unmatched { mismatch, .. } => format!("unmatched: {mismatch}"),
        Output::State(state) => format!("{state:?}"),
        Output::Close(reason) => format!("close: {reason}"),
    }
}

fn purchase(stan: &[u8; 6]) -> Message {
    let mut message = Message::new(Mti::FINANCIAL_REQUEST);
    message
        .set(7, b"0315023015")
        .set(11, stan)
        .set(41, b"TERM0001");
    message
}

fn network(code: &[u8; 3]) -> Message {
    let mut message = Message::new(Mti::NETWORK_REQUEST);
    message
        .set(7, b"0315023015")
        .set(11, b"000077")
        .set(70, code);
    message
}

fn approve(message: &Message) -> Message {
    message.response(ResponseCode::APPROVED).unwrap()
}

fn signing_on() -> Settings {
    Settings {
        sign_on: true,
        echo_after: Some(60 * SECOND),
        ..Settings::default()
    }
}

#[test]
fn an_answer_comes_with_its_token_and_nothing_is_left_behind() {
    let mut kit = Kit::new(Settings::default());
    kit.send(b"000001", "first").unwrap();
    kit.send(b"000002", "second").unwrap();
    assert_eq!(
        kit.hear(approve(&purchase(b"000002"))),
        ["answered second 0210 - 00"]
    );
    assert_eq!(
        kit.hear(approve(&purchase(b"000001"))),
        ["answered first 0210 - 00"]
    );
    assert_eq!(
        (kit.session.in_flight(), kit.session.poll_timeout()),
        (0, None)
    );
}

#[test]
fn an_unanswered_request_times_out_and_its_answer_is_late() {
    let mut kit = Kit::new(Settings::default());
    kit.send(b"000001", "first").unwrap();
    assert_eq!(
        kit.session.poll_timeout(),
        Some(kit.now.instant + 10 * SECOND)
    );
    assert!(kit.after(9 * SECOND).is_empty());
    assert_eq!(kit.after(SECOND), ["timed out first"]);
    kit.now.instant += 3 * SECOND;
    assert_eq!(
        kit.hear(approve(&purchase(b"000001"))),
        [
            "late: 3s after its deadline, with message class 2, DE 7 0315023015, DE 11 000001, \
             DE 41 TERM0001"
        ]
    );
    assert_eq!(
        kit.hear(approve(&purchase(b"000001"))),
        [
            "unmatched: none waits for one with message class 2, DE 7 0315023015, DE 11 000001, \
             DE 41 TERM0001"
        ]
    );
    assert_eq!(
        (kit.session.in_flight(), kit.session.poll_timeout()),
        (0, None)
    );
}

#[test]
fn an_answer_that_differs_in_one_matched_element_is_told_from_its_request() {
    for (de, value, told) in [
        (11, &b"000009"[..], "DE 11 is 000009, not 000001"),
        (7, b"0315023016", "DE 7 is 0315023016, not 0315023015"),
        (41, b"TERM0002", "DE 41 is TERM0002, not TERM0001"),
        (37, b"607411000123", "DE 37 is 607411000123, not absent"),
    ] {
        let mut kit = Kit::new(Settings::default());
        kit.send(b"000001", "first").unwrap();
        kit.now.instant += 2 * SECOND;
        let mut answer = approve(&purchase(b"000001"));
        answer.set(de, value);
        let agrees = if de == 37 { "4 of 5" } else { "3 of 4" };
        assert_eq!(
            kit.hear(answer),
            [format!(
                "unmatched: of 1 waiting the nearest, since 2s, agrees in {agrees}: {told}"
            )]
        );
        assert_eq!(kit.session.in_flight(), 1);
    }
}

#[test]
fn an_answer_is_compared_with_the_request_that_is_most_like_it() {
    let mut kit = Kit::new(Settings::default());
    for (stan, rrn) in [(b"000001", b"607411000001"), (b"000002", b"607411000002")] {
        let mut request = purchase(stan);
        request.set(37, rrn);
        let admitted = kit.session.admit(&request).unwrap();
        kit.session.sent(kit.now, admitted, "x");
        kit.now.instant += SECOND;
    }
    let mut answer = approve(&purchase(b"000002"));
    answer.set(37, b"607411000009").set(41, b"TERM0002");
    assert_eq!(
        kit.hear(answer),
        [
            "unmatched: of 2 waiting the nearest, since 1s, agrees in 3 of 5: \
             DE 37 is 607411000009, not 607411000002, DE 41 is TERM0002, not TERM0001"
        ]
    );
    // Of those equally near the one that was sent first.
    let mut reversal = approve(&purchase(b"000003"));
    reversal.set_mti("0410".parse().unwrap());
    assert_eq!(
        kit.hear(reversal),
        [
            "unmatched: of 2 waiting the nearest, since 2s, agrees in 2 of 5: \
             message class is 4, not 2, DE 11 is 000003, not 000001, \
             DE 37 is absent, not 607411000001"
        ]
    );
    let Some(Output::Unmatched { mismatch, .. }) = ({
        kit.session
            .handle_message(kit.now, approve(&purchase(b"000009")));
        kit.session.poll_output()
    }) else {
        panic!("matched");
    };
    let nearest = mismatch.nearest.unwrap();
    assert_eq!((mismatch.pending, nearest.differences.len()), (2, 2));
    assert_eq!(nearest.differences[0].of, Matched::Element(11));
}

#[test]
fn card_data_among_the_matched_elements_is_masked() {
    let mut kit = Kit::new(Settings {
        match_elements: vec![7, 11, 2, 14],
        ..Settings::default()
    });
    let mut request = purchase(b"000001");
    request.set(2, b"9999990100000005").set(14, b"3012");
    let admitted = kit.session.admit(&request).unwrap();
    kit.session.sent(kit.now, admitted, "x");
    let mut other = approve(&request);
    other.set(2, b"9999990100000013").set(14, b"3112");
    assert_eq!(
        kit.hear(other),
        [
            "unmatched: of 1 waiting the nearest, since 0ns, agrees in 3 of 5: \
             DE 2 is 999999******0013, not 999999******0005, DE 14 is ****, not ****"
        ]
    );
}

#[test]
fn no_more_requests_are_compared_with_an_answer_than_the_bound() {
    let mut kit = Kit::new(Settings::default());
    let many = Mismatch::LOOKED_AT_MAX + 50;
    for stan in 1..=many {
        let stan: [u8; 6] = format!("{stan:06}").into_bytes().try_into().unwrap();
        kit.send(&stan, "x").unwrap();
    }
    let is_found = |stan: usize| {
        let stan = format!("{stan:06}");
        let mut answer = approve(&purchase(b"000000"));
        answer.set(11, stan.as_bytes()).set(41, b"TERM0002");
        let told = kit.hear(answer).remove(0);
        told.ends_with("agrees in 3 of 4: DE 41 is TERM0002, not TERM0001")
    };
    let found = (1..=many).map(is_found).filter(|found| *found).count();
    assert_eq!(found, Mismatch::LOOKED_AT_MAX);
    assert_eq!(kit.session.in_flight(), many);
}

#[test]
fn a_key_in_flight_is_not_sent_twice_and_the_table_is_bounded() {
    let mut kit = Kit::new(Settings {
        in_flight_max: 2,
        ..Settings::default()
    });
    kit.send(b"000001", "first").unwrap();
    let again = kit.send(b"000001", "again");
    assert_eq!(again, Err(Refused::KeyInUse));
    kit.send(b"000002", "second").unwrap();
    let third = kit.send(b"000003", "third");
    assert_eq!(third, Err(Refused::Full));
}

#[test]
fn late_keys_are_forgotten_oldest_first_at_their_bound() {
    let mut kit = Kit::new(Settings {
        late_max: 1,
        ..Settings::default()
    });
    kit.send(b"000001", "first").unwrap();
    kit.send(b"000002", "second").unwrap();
    assert_eq!(
        kit.after(10 * SECOND),
        ["timed out first", "timed out second"]
    );
    let key = |stan| format!("message class 2, DE 7 0315023015, DE 11 {stan}, DE 41 TERM0001");
    assert_eq!(
        kit.hear(approve(&purchase(b"000001"))),
        [format!(
            "unmatched: none waits for one with {}",
            key("000001")
        )]
    );
    assert_eq!(
        kit.hear(approve(&purchase(b"000002"))),
        [format!(
            "late: 0ns after its deadline, with {}",
            key("000002")
        )]
    );
}

#[test]
fn no_request_goes_out_before_the_sign_on_is_answered() {
    let mut kit = Kit::new(signing_on());
    assert_eq!(kit.outputs(), ["send 0800 001 -"]);
    let early = kit.send(b"000001", "early");
    assert_eq!(early, Err(Refused::NotUp));
    let mut sign_on = network(b"001");
    sign_on.set(11, b"000001");
    assert_eq!(kit.hear(approve(&sign_on)), ["Up"]);
    assert!(kit.session.is_up());
}

#[test]
fn an_answer_to_another_network_message_is_told_from_ours() {
    let mut kit = Kit::new(signing_on());
    kit.outputs();
    kit.now.instant += SECOND;
    assert_eq!(
        kit.hear(approve(&network(b"001"))),
        [
            "unmatched: of 1 waiting the nearest, since 1s, agrees in 1 of 2: \
             DE 11 is 000077, not 000001"
        ]
    );
    assert_eq!(kit.session.state(), State::SigningOn);
}

#[test]
fn a_refused_or_ignored_sign_on_closes_the_link() {
    let mut kit = Kit::new(signing_on());
    kit.outputs();
    let mut sign_on = network(b"001");
    sign_on.set(11, b"000001");
    let refusal = sign_on.response(ResponseCode::SECURITY_VIOLATION).unwrap();
    assert_eq!(
        kit.hear(refusal),
        ["Closing", "close: the peer refused the sign-on with 63"]
    );

    let mut kit = Kit::new(signing_on());
    kit.outputs();
    assert_eq!(kit.after(5 * SECOND), ["send 0800 001 -"]);
    assert_eq!(kit.after(5 * SECOND), ["send 0800 001 -"]);
    assert_eq!(
        kit.after(5 * SECOND),
        [
            "Closing",
            "close: the peer does not answer network messages"
        ]
    );
    assert_eq!(kit.session.poll_timeout(), None);
}

#[test]
fn silence_is_tested_by_echo_and_any_message_is_a_sign_of_life() {
    let mut kit = Kit::new(Settings {
        echo_after: Some(60 * SECOND),
        ..Settings::default()
    });
    assert!(kit.after(59 * SECOND).is_empty());
    assert!(!kit.hear(purchase(b"000001")).is_empty());
    assert!(kit.after(59 * SECOND).is_empty());
    assert_eq!(kit.after(SECOND), ["send 0800 301 -"]);
    let mut echo = network(b"301");
    echo.set(11, b"000001");
    assert!(kit.hear(approve(&echo)).is_empty());
    assert_eq!(
        kit.session.poll_timeout(),
        Some(kit.now.instant + 60 * SECOND)
    );
}

#[test]
fn the_peers_network_messages_are_answered_by_the_link_itself() {
    let mut kit = Kit::new(Settings::default());
    assert_eq!(kit.hear(network(b"301")), ["send 0810 301 00"]);
    assert_eq!(kit.hear(network(b"001")), ["send 0810 001 00"]);
    assert_eq!(kit.hear(network(b"002")), ["send 0810 002 00", "SignedOff"]);
    assert_eq!(kit.send(b"000001", "x"), Err(Refused::NotUp));
    assert_eq!(kit.hear(purchase(b"000001")), ["request 0200 - -"]);
    assert_eq!(kit.hear(network(b"001")), ["send 0810 001 00", "Up"]);
    assert_eq!(kit.hear(network(b"003")), ["send 0810 003 12"]);
    let mut without_code = network(b"301");
    without_code.remove(70);
    assert_eq!(kit.hear(without_code), ["send 0810 - 30"]);
}

#[test]
fn a_key_change_and_a_cut_over_are_answered_and_told_to_the_program() {
    let mut kit = Kit::new(Settings::default());
    for (code, answer, function) in [
        (b"161", "12", "KeyChange"),
        (b"162", "12", "KeyRequest"),
        (b"201", "00", "CutOver"),
    ] {
        let de70 = code.escape_ascii();
        assert_eq!(
            kit.hear(network(code)),
            [
                format!("send 0810 {de70} {answer}"),
                format!("told {function} 0800 {de70} -")
            ]
        );
        assert!(kit.session.is_up(), "requests go on");
    }
}

#[test]
fn every_code_is_that_of_the_link() {
    let mut kit = Kit::new(Settings {
        codes: NetworkCodes {
            sign_on: *b"061",
            sign_off: *b"062",
            echo: *b"270",
            key_change: *b"101",
            key_request: *b"163",
            cut_over: *b"202",
            key_answer: ResponseCode::APPROVED,
            cut_over_answer: ResponseCode::CUT_OFF_IN_PROGRESS,
        },
        echo_after: Some(60 * SECOND),
        ..Settings::default()
    });
    for (code, said) in [
        (b"270", &["send 0810 270 00"][..]),
        (b"062", &["send 0810 062 00", "SignedOff"]),
        (b"061", &["send 0810 061 00", "Up"]),
        (b"101", &["send 0810 101 00", "told KeyChange 0800 101 -"]),
        (b"163", &["send 0810 163 00", "told KeyRequest 0800 163 -"]),
        (b"202", &["send 0810 202 90", "told CutOver 0800 202 -"]),
    ] {
        assert_eq!(kit.hear(network(code)), said);
    }
    for code in [b"001", b"002", b"301", b"161", b"162", b"201"] {
        let refused = format!("send 0810 {} 12", code.escape_ascii());
        assert_eq!(kit.hear(network(code)), [refused]);
    }
    assert_eq!(kit.after(60 * SECOND), ["send 0800 270 -"]);
    kit.session.sign_off(kit.now);
    assert_eq!(kit.outputs(), ["Leaving", "send 0800 062 -"]);
}

#[test]
fn what_is_in_flight_when_the_peer_signs_off_is_still_answered() {
    let mut kit = Kit::new(Settings::default());
    kit.send(b"000001", "first").unwrap();
    assert_eq!(kit.hear(network(b"002")), ["send 0810 002 00", "SignedOff"]);
    assert_eq!(kit.send(b"000002", "second"), Err(Refused::NotUp));
    assert_eq!(
        kit.hear(approve(&purchase(b"000001"))),
        ["answered first 0210 - 00"]
    );
    assert_eq!(kit.hear(network(b"001")), ["send 0810 001 00", "Up"]);
    kit.send(b"000002", "second").unwrap();
}

#[test]
fn signing_off_closes_whether_it_is_answered_or_not() {
    let mut kit = Kit::new(Settings::default());
    kit.session.sign_off(kit.now);
    assert_eq!(kit.outputs(), ["Leaving", "send 0800 002 -"]);
    assert_eq!(kit.after(5 * SECOND), ["Closing", "close: signed off"]);
}

#[test]
fn a_lost_connection_gives_back_what_was_not_answered() {
    let mut kit = Kit::new(Settings::default());
    kit.send(b"000001", "first").unwrap();
    let unanswered: Vec<_> = kit.session.into_unanswered().collect();
    assert_eq!(unanswered, ["first"]);
}

#[test]
fn what_timed_out_unseen_is_not_answered_either() {
    let mut kit = Kit::new(Settings::default());
    kit.send(b"000001", "first").unwrap();
    kit.now.instant += 60 * SECOND;
    kit.session.handle_timeout(kit.now);
    kit.send(b"000002", "second").unwrap();
    let unanswered: Vec<_> = kit.session.into_unanswered().collect();
    assert_eq!(unanswered, ["first", "second"]);
}
