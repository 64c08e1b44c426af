//! The built-in rules against the golden messages, and rules made at run time.

use serde_json::Value;

use super::*;
use crate::element::ResponseCode;
use crate::spec::Dialect;

/// Every golden message, once: the same values stand in three dialects.
fn golden() -> Vec<(String, Message)> {
    let text = include_str!("../../../tests/vectors/golden-messages.json");
    let golden: Value = serde_json::from_str(text).unwrap();
    let messages = golden["messages"].as_array().unwrap();
    let ascii = messages.iter().filter(|it| it["profile"] == "ascii");
    ascii
        .map(|vector| {
            let hex = vector["hex"].as_str().unwrap();
            let wire: Vec<u8> = (0..hex.len())
                .step_by(2)
                .map(|place| u8::from_str_radix(&hex[place..place + 2], 16).unwrap())
                .collect();
            let message = Dialect::iso87_ascii().decode(&wire).unwrap();
            (vector["name"].as_str().unwrap().to_owned(), message)
        })
        .collect()
}

fn golden_one(name: &str) -> Message {
    let mut all = golden().into_iter();
    all.find(|(other, _)| other == name).unwrap().1
}

fn faults(message: &Message) -> String {
    told(&Rules::iso87().check(message))
}

fn told(faults: &[Fault]) -> String {
    let told: Vec<String> = faults.iter().map(Fault::to_string).collect();
    told.join("\n")
}

#[test]
fn every_golden_message_keeps_the_rules() {
    let golden = golden();
    assert_eq!(golden.len(), 11);
    for (name, message) in golden {
        assert_eq!(faults(&message), "", "{name}");
    }
}

#[test]
fn dropping_any_mandatory_element_of_a_golden_message_is_reported() {
    for (name, message) in golden() {
        let rule = Rules::iso87().of(message.mti()).unwrap();
        let mut dropped = 0;
        for field in rule.fields() {
            if *field.presence() != Presence::Mandatory {
                continue;
            }
            let mut without = message.clone();
            without.remove(field.de());
            let de = field.de();
            let mti = message.mti();
            let missing = Fault {
                path: Path::Field(de),
                kind: FaultKind::Missing { mti },
            };
            assert!(
                Rules::iso87().check(&without).contains(&missing),
                "{name} DE {de}"
            );
            dropped += 1;
        }
        assert!(dropped >= 3, "{name}: {dropped}");
    }
}

#[test]
fn adding_any_forbidden_element_to_a_golden_message_is_reported() {
    for (name, message) in golden() {
        let rule = Rules::iso87().of(message.mti()).unwrap();
        for field in rule.fields() {
            let forbidden = *field.presence() == Presence::Forbidden;
            let mut with = message.clone();
            with.set(field.de(), b"1");
            let mti = message.mti();
            let fault = Fault {
                path: Path::Field(field.de()),
                kind: FaultKind::Forbidden { mti },
            };
            let found = Rules::iso87().check(&with).contains(&fault);
            assert_eq!(found, forbidden, "{name} DE {}", field.de());
        }
    }
}

#[test]
fn all_faults_are_told_at_once_and_in_order() {
    let mut purchase = golden_one("purchase_0200");
    purchase
        .remove(2)
        .remove(14)
        .remove(37)
        .remove(48)
        .set(35, b"9999990100000005=30121010000000000000")
        .set(39, b"00")
        .set(52, b"\x00\x01\x02\x03\x04\x05\x06\x07")
        .set(55, b"\x9A\x03\x26\x03\x15")
        .set(90, b"020000012303150230150000045000100000000000");
    insta::assert_snapshot!(faults(&purchase), @r"
        DE 35: allowed in 0200 only where stripe or chip was read, present
        DE 37: mandatory in 0200, missing
        DE 39: not allowed in 0200, present
        DE 48: required in 0200 in e-commerce, missing
        DE 52: allowed in 0200 only where the terminal can take a PIN, present
        DE 55: allowed in 0200 only where the chip was read, present
        DE 90: not allowed in 0200, present
        ");
    let empty = Message::new(Mti::NETWORK_REQUEST);
    insta::assert_snapshot!(faults(&empty), @r"
        DE 7: mandatory in 0800, missing
        DE 11: mandatory in 0800, missing
        DE 70: mandatory in 0800, missing
        ");
}

#[test]
fn conditions_of_requests_that_the_message_can_tell_are_told() {
    changed(&[
        (
            "purchase_0200",
            &[(2, None), (14, Some(b"3012"))],
            "DE 2: required in 0200 where no track carries it, missing",
        ),
        (
            "purchase_0200",
            &[(14, None)],
            "DE 14: required in 0200 where the card was keyed or given online, missing",
        ),
        (
            "purchase_0200",
            &[(22, Some(b"051")), (35, Some(b"9=3")), (55, None)],
            "DE 55: required in 0200 where the chip was read, missing",
        ),
        (
            "purchase_0200_pin_mac",
            &[(35, None)],
            "DE 35: required in 0200 where stripe or chip was read, missing",
        ),
        // Track 1 stands in for track 2, and carries the number as well.
        (
            "purchase_0200_pin_mac",
            &[(2, None), (35, None), (45, Some(b"B9^A/B^3012"))],
            "",
        ),
        ("purchase_0200_pin_mac", &[(52, None)], ""),
        (
            "purchase_0200_pin_mac",
            &[(52, None), (64, None)],
            "DE 53: allowed in 0200 only with a PIN or a MAC, present",
        ),
    ]);
}

#[test]
fn conditions_of_other_messages_that_the_message_can_tell_are_told() {
    changed(&[
        (
            "purchase_0210",
            &[(38, None)],
            "DE 38: required in 0210 where the request is approved, missing",
        ),
        ("purchase_0210", &[(38, None), (39, Some(b"51"))], ""),
        (
            "purchase_0210",
            &[(39, Some(b"10")), (54, None)],
            "DE 54: required in 0210 in a balance and in a partial approval, missing",
        ),
        (
            "reversal_0420_timeout",
            &[(39, Some(b"32"))],
            "DE 95: required in 0420 where the reversal is partial, missing",
        ),
        (
            "signon_0800",
            &[(70, Some(b"161"))],
            "DE 48: required in 0800 where a key is changed, missing",
        ),
        ("signon_0800", &[(70, Some(b"161")), (123, Some(b"x"))], ""),
        ("recon_0520", &[(32, None)], ""),
        ("recon_0520", &[(99, None)], ""),
        (
            "balance_0100",
            &[(3, Some(b"000000")), (18, Some(b"5945")), (43, Some(b"x"))],
            "DE 48: required in 0100 in e-commerce, missing",
        ),
    ]);
}

/// Golden messages with elements set or dropped, and the faults they then have.
type Changed<'a> = (&'a str, &'a [(u8, Option<&'a [u8]>)], &'a str);

fn changed(cases: &[Changed<'_>]) {
    for (name, change, expected) in cases {
        let mut message = golden_one(name);
        for (de, value) in *change {
            match value {
                Some(value) => message.set(*de, value),
                None => message.remove(*de),
            };
        }
        assert_eq!(faults(&message), *expected, "{name} {change:?}");
    }
}

#[test]
fn a_repeat_and_the_issuers_own_messages_have_the_rules_of_their_kind() {
    for (mti, same) in [
        ("0421", "0420"),
        ("0401", "0400"),
        ("0502", "0500"),
        ("0532", "0530"),
    ] {
        let rule = |mti: &str| Rules::iso87().of(mti.parse().unwrap()).unwrap();
        assert_eq!(rule(mti), rule(same));
    }
    let unknown = Message::new("0720".parse().unwrap());
    assert_eq!(faults(&unknown), "MTI: there are no rules for 0720");
}

#[test]
fn what_a_response_changes_or_drops_is_told() {
    let request = golden_one("purchase_0200");
    let mut response = golden_one("purchase_0210");
    response.set(
        48,
        b"01008MALL000102019ORD-20260315-00007703010CUST00004206001M",
    );
    assert_eq!(
        told(&Rules::iso87().check_response(&request, &response)),
        ""
    );

    response
        .remove(2)
        .set(3, b"010000")
        .set(4, b"000000014000")
        .set(11, b"000124")
        .remove(41)
        .set(48, b"01008MALL000202019ORD-20260315-000077");
    insta::assert_snapshot!(told(&Rules::iso87().check_response(&request, &response)), @r"
        DE 2: in the request, not repeated
        DE 3: not as in the request
        DE 4: not as in the request
        DE 11: not as in the request
        DE 41: in the request, not repeated
        DE 48.01: not as in the request
        DE 48.03: in the request, not repeated
        ");
}

#[test]
fn a_response_may_approve_less_and_settle_on_a_day_of_its_own() {
    let mut request = golden_one("purchase_0200");
    request.set(15, b"0315").remove(48);
    let mut response = golden_one("purchase_0210");
    response
        .set(3, b"000030")
        .set(15, b"0316")
        .set(39, b"10")
        .set(4, b"000000010000");
    assert_eq!(
        told(&Rules::iso87().check_response(&request, &response)),
        ""
    );
    response.set(4, b"000000015001");
    assert_eq!(
        told(&Rules::iso87().check_response(&request, &response)),
        "DE 4: not as in the request"
    );
}

#[test]
fn a_response_to_something_else_is_told() {
    let request = golden_one("reversal_0421_repeat");
    let answer = golden_one("reversal_0430");
    assert_eq!(told(&Rules::iso87().check_response(&request, &answer)), "");
    let request = golden_one("echo_0800");
    assert_eq!(
        told(&Rules::iso87().check_response(&request, &answer)),
        "MTI: not the answer to 0800\n\
         DE 7: not as in the request\n\
         DE 11: not as in the request"
    );
}

#[test]
fn the_answer_programs_build_repeats_all_that_the_rules_want() {
    for (name, request) in golden() {
        if let Some(answer) = request.response(ResponseCode::APPROVED) {
            let faults = Rules::iso87().check_response(&request, &answer);
            assert_eq!(told(&faults), "", "{name}");
        }
    }
}

#[test]
fn every_list_of_the_built_in_rules_is_ascending_and_no_pattern_is_there_twice() {
    for rules in Rules::built_in() {
        assert_ascending(rules);
    }
}

fn assert_ascending(rules: &Rules) {
    for rule in rules.messages.iter() {
        for pair in rule.fields().windows(2) {
            assert!(
                pair[0].de() < pair[1].de(),
                "{} DE {}",
                rule.mti,
                pair[1].de()
            );
        }
        assert!(
            rule.fields().iter().all(|it| field::exists(it.de())),
            "{}",
            rule.mti
        );
    }
    let again = Rules::new(rules.name().to_owned(), rules.messages.to_vec());
    assert_eq!(again.as_ref(), Ok(rules));
}

#[test]
fn what_answers_repeat_is_the_same_by_class_and_by_table() {
    for mti in [
        "0100", "0120", "0200", "0220", "0300", "0320", "0400", "0420", "0500", "0520", "0600",
        "0620", "0800", "0820",
    ] {
        let request: Mti = mti.parse().unwrap();
        let response = Rules::iso87().of(request.response().unwrap()).unwrap();
        assert_eq!(repeated(request), response.repeated(), "{mti}");
    }
}

#[test]
fn answers_of_2003_repeat_all_that_its_rules_want() {
    for mti in ["2100", "2200", "2420", "2804"] {
        let request: Mti = mti.parse().unwrap();
        let response = Rules::iso2003().of(request.response().unwrap()).unwrap();
        let left_out = response.repeated().difference(repeated(request));
        assert!(left_out.is_empty(), "{mti}: {left_out:?}");
    }
}

#[test]
fn rules_made_at_run_time_are_the_rules_written_here() {
    let key_change = When::new(
        "where a key is changed",
        Some("70 in 101|161 and lacks 96 and lacks 123".parse().unwrap()),
        None,
    );
    let untold = |words: &'static str| Some(When::new(words, None, None));
    let field = |(de, code, when)| FieldRule::parse(de, code, when).unwrap();
    let fields = [
        (128, "C", untold("where the link has a MAC key")),
        (7, "M", None),
        (11, "M", None),
        (32, "C", untold("where the sender has a number")),
        (33, "C", untold("where the sender has a number")),
        (48, "C", Some(key_change)),
        (53, "C", untold("where the link is secured")),
        (64, "C", untold("where the link has a MAC key")),
        (70, "M", None),
        (96, "C", untold("where the link is secured")),
        (123, "C", untold("where the link is secured")),
    ];
    let rule = MtiRule::new("080x", fields.map(field).to_vec()).unwrap();
    assert_eq!(Rules::iso87().of(Mti::NETWORK_REQUEST), Some(&rule));

    let answer = [
        (7, "ME"),
        (3, "ME"),
        (4, "CE"),
        (48, "CE"),
        (15, "OE"),
        (44, "O"),
    ];
    let parsed = answer.map(|(de, code)| FieldRule::parse(de, code, None).unwrap());
    assert_eq!(
        parsed.each_ref().map(FieldRule::repeat),
        [
            Repeat::Exactly,
            Repeat::TransactionType,
            Repeat::UnlessPartlyApproved,
            Repeat::PrivateTags,
            Repeat::UnlessGiven,
            Repeat::Nothing
        ]
    );
    let rules = Rules::new("one", vec![rule]).unwrap();
    assert_eq!(rules.name(), "one");
    assert!(rules.check(&golden_one("echo_0800")).is_empty());
}

#[test]
fn err_rules_that_cannot_be_say_where_and_why() {
    let when = || Some(When::new("where so", None, None));
    let field = |de, code, when| FieldRule::parse(de, code, when).unwrap_err().to_string();
    let twice = || vec![FieldRule::parse(7, "M", None).unwrap(); 2];
    let list = |mti| MtiRule::new(mti, Vec::new());
    insta::assert_snapshot!(
        [
            field(65, "M", None),
            field(7, "m", None),
            field(7, "C", None),
            field(7, "ME", when()),
            field(7, "X", when()),
            list("20x").unwrap_err().to_string(),
            list("02X0").unwrap_err().to_string(),
            MtiRule::new("0800", twice()).unwrap_err().to_string(),
            Rules::new("two", vec![list("080x").unwrap(), list("080x").unwrap()])
                .unwrap_err()
                .to_string(),
        ]
        .join("\n"),
        @r"
        DE 65: expected a data element from 2 to 128 but 65
        DE 7: expected M, C, O, -, ME, CE or OE, found `m`
        DE 7: C needs its condition in words
        DE 7: only C and CE have a condition
        DE 7: expected M, C, O, -, ME, CE or OE, found `X`
        message type `20x`: expected 4 digits, x for any digit
        message type `02X0`: expected 4 digits, x for any digit
        message type 0800: DE 7 given twice
        message type 080x: rules given twice
        "
    );
}

#[test]
fn a_fault_shows_no_value() {
    let request = golden_one("purchase_0200");
    let mut response = golden_one("purchase_0210");
    response
        .set(2, b"4111111111111111")
        .set(35, b"4111111111111111=3012");
    let mut all = Rules::iso87().check_response(&request, &response);
    all.extend(Rules::iso87().check(&response));
    let shown = format!("{all:?} {}", told(&all));
    assert!(
        !shown.contains("4111") && !shown.contains("999999"),
        "{shown}"
    );
}
