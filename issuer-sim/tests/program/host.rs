//! The host link.

use std::io::{Read, Write};
use std::time::Duration;

use iso8583::{Message, Mti};
use serde_json::json;

use crate::world::{
    SANDBOX_CARD, World, code, frame, message, pin_block, purchase, reversal, swiped, text,
};

#[test]
fn an_online_purchase_is_answered_as_the_fixed_points_say() {
    let world = World::new();
    let mut acquirer = world.connect();
    let mut request = purchase(1, 15_000);
    request
        .set(33, b"450002")
        .set(43, b"A SHOP                 SEOUL         KR ");
    request.set(48, b"01008MALL000102005ORD-103003CUS040011");
    let answer = acquirer.ask(&request);
    assert_eq!(answer.mti().to_string(), "0210");
    let elements: Vec<u8> = answer.present().iter().collect();
    assert_eq!(
        elements,
        [
            2, 3, 4, 7, 11, 12, 13, 15, 32, 33, 37, 38, 39, 41, 42, 48, 49, 54
        ]
    );
    for element in [2, 3, 4, 7, 11, 12, 13, 15, 32, 33, 37, 41, 42, 49] {
        assert_eq!(
            answer.field(element),
            request.field(element),
            "DE {element}"
        );
    }
    assert_eq!(code(&answer), "00");
    assert_eq!(text(&answer, 48), "01008MALL000102005ORD-103003CUS");
    assert_eq!(text(&answer, 54), "0002410C000000485000");
    let approval = text(&answer, 38);
    assert!(approval.len() == 6 && approval.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!(world.available(), 485_000);
}

#[test]
fn a_repeat_gets_the_first_answer_byte_for_byte_and_moves_nothing() {
    let world = World::new();
    let request = purchase(1, 15_000);
    let first = world.connect().ask(&request);
    let mut repeat = request.clone();
    repeat.set_mti(request.mti().repeat());
    repeat.set(15, b"0316");
    // Another connection: it is no part of the key.
    let second = world.connect().ask(&repeat);
    for element in [15, 38, 39, 44, 54] {
        assert_eq!(first.field(element), second.field(element), "DE {element}");
    }
    assert_eq!(second.mti().to_string(), "0210");
    assert_eq!(world.available(), 485_000);
    assert_eq!(code(&world.connect().ask(&purchase(1, 15_001))), "94");
}

type Change = fn(&mut Message) -> &mut Message;

#[test]
fn each_wrong_element_is_named() {
    let world = World::new();
    let mut acquirer = world.connect();
    let changes: [(&str, &str, &str, Change); 14] = [
        ("no card", "30", "002", |m| m.remove(2)),
        ("no code", "30", "003", |m| m.remove(3)),
        ("no STAN or times", "30", "007", |m| {
            m.remove(7).remove(12).remove(13)
        }),
        ("no currency", "30", "049", |m| m.remove(49)),
        ("month 13", "30", "014", |m| m.set(14, b"3013")),
        ("tracks disagree", "30", "035", |m| {
            m.set(35, b"9999990200000004=30121010000000000000")
        }),
        ("a tag twice", "30", "048", |m| m.set(48, b"01001A01001B")),
        ("check digit", "14", "", |m| m.set(2, b"9999990100000006")),
        ("no such card", "14", "", |m| m.set(2, b"9999990100000013")),
        ("no amount", "13", "", |m| m.remove(4)),
        ("nothing", "13", "", |m| m.set(4, b"000000000000")),
        ("dollars", "12", "", |m| m.set(49, b"840")),
        ("a load", "12", "", |m| m.set(3, b"210000")),
        ("other expiry", "54", "", |m| m.set(14, b"3011")),
    ];
    for (stan, (what, expected, element, change)) in (1..).zip(changes) {
        let mut request = purchase(stan, 1_000);
        change(&mut request);
        let answer = acquirer.ask(&request);
        assert_eq!(
            (code(&answer), text(&answer, 44)),
            (expected.into(), element.into()),
            "{what}"
        );
        assert!(!answer.has(38) && !answer.has(54), "{what}");
    }
    assert_eq!(world.available(), 500_000);
}

#[test]
fn mtis_not_served_are_answered_12() {
    let world = World::new();
    let mut acquirer = world.connect();
    for mti in ["0120", "0300", "0500", "0600"] {
        let answer = acquirer.ask(&message(mti.parse().unwrap(), "000000", 1, 1));
        assert_eq!(code(&answer), "12", "{mti}");
    }
    let balance = acquirer.ask(&message(Mti::AUTHORIZATION_REQUEST, "300000", 2, 0));
    assert_eq!(
        text(&balance, 54),
        "0001410C0000005000000002410C000000500000"
    );
}

#[test]
fn a_swiped_card_needs_its_password() {
    let world = World::new();
    let mut acquirer = world.connect();
    let missing = acquirer.ask(&swiped(purchase(1, 1_000), None));
    assert_eq!(
        (code(&missing), text(&missing, 44)),
        ("30".into(), "052".into())
    );
    let right = acquirer.ask(&swiped(purchase(2, 1_000), Some("1234")));
    assert_eq!(code(&right), "00");
    assert!(!right.has(2) && !right.has(35) && !right.has(52));
    let mut garbage = swiped(purchase(3, 1_000), None);
    garbage.set(52, &[0x5A; 8]);
    assert_eq!(code(&acquirer.ask(&garbage)), "63");
    let mut keyed = purchase(4, 1_000);
    keyed.set(52, &pin_block("4321", SANDBOX_CARD));
    for (stan, expected) in [(4, "55"), (5, "55"), (6, "75")] {
        keyed.set(11, format!("{stan:06}").as_bytes());
        assert_eq!(code(&acquirer.ask(&keyed)), expected);
    }
    assert_eq!(
        code(&acquirer.ask(&swiped(purchase(7, 1_000), Some("1234")))),
        "75"
    );
    let card = world.sandbox_card();
    let (status, view) = world.office(&format!("DELETE /v1/cards/{card}/password-tries"), None);
    assert_eq!((status, view["password_tries"].as_u64()), (200, Some(0)));
    assert_eq!(
        code(&acquirer.ask(&swiped(purchase(8, 1_000), Some("1234")))),
        "00"
    );
}

#[test]
fn a_reversal_before_and_after_its_original() {
    let world = World::new();
    let mut acquirer = world.connect();
    let bought = purchase(1, 15_000);
    acquirer.ask(&bought);
    let undo = reversal(&bought);
    let answer = acquirer.ask(&undo);
    assert_eq!(
        (answer.mti().to_string(), code(&answer)),
        ("0430".into(), "00".into())
    );
    assert_eq!(answer.field(90), undo.field(90));
    assert!(!answer.has(38));
    let mut repeat = undo.clone();
    repeat.set_mti(undo.mti().repeat());
    assert_eq!(acquirer.ask(&repeat), answer);
    assert_eq!(world.available(), 500_000);
    assert_eq!(code(&acquirer.ask(&bought)), "94");

    let never_seen = purchase(2, 15_000);
    assert_eq!(code(&acquirer.ask(&reversal(&never_seen))), "00");
    assert_eq!(code(&acquirer.ask(&never_seen)), "94");
    assert_eq!(world.available(), 500_000);
}

#[test]
fn a_late_reversal_by_a_switch_that_did_not_forward_last_gets_21_after_a_restart_too() {
    let mut world = World::new();
    let through = |message: &Message, switch: &[u8]| {
        let mut message = message.clone();
        message.set(33, switch);
        message
    };
    let bought = purchase(1, 15_000);
    let mut acquirer = world.connect();
    let first = acquirer.ask(&through(&bought, b"999001"));
    let repeat = acquirer.ask(&through(&bought, b"00999002"));
    assert_eq!(first.field(38), repeat.field(38));
    // DE 90: MTI, DE 11, DE 7, DE 32 and, as a switch names itself, DE 33.
    let mut late = through(&reversal(&bought), b"999001");
    let mut original = late.field(90).unwrap().to_vec();
    original[31..].copy_from_slice(b"00000999001");
    late.set(90, &original);
    assert_eq!(code(&acquirer.ask(&late)), "21");
    world.start();
    let mut acquirer = world.connect();
    assert_eq!(code(&acquirer.ask(&late)), "21");
    assert_eq!(world.available(), 485_000);
    original[31..].copy_from_slice(b"00000999002");
    let mut undo = through(&reversal(&bought), b"999002");
    undo.set(90, &original);
    assert_eq!(code(&acquirer.ask(&undo)), "00");
    assert_eq!(world.available(), 500_000);
}

#[test]
fn a_hold_is_completed_by_advice() {
    let world = World::new();
    let mut acquirer = world.connect();
    let held = message(Mti::AUTHORIZATION_REQUEST, "000000", 1, 20_000);
    let approved = acquirer.ask(&held);
    assert_eq!((code(&approved), world.available()), ("00".into(), 480_000));
    let mut completion = message(Mti::FINANCIAL_ADVICE, "000000", 1, 18_000);
    completion.copy(38, &approved);
    let answer = acquirer.ask(&completion);
    assert_eq!(answer.mti().to_string(), "0230");
    assert_eq!(
        (code(&answer), text(&answer, 38)),
        ("00".into(), text(&approved, 38))
    );
    assert_eq!(world.available(), 482_000);
}

#[test]
fn a_pipelined_burst_is_answered_in_full() {
    let world = World::new();
    let mut acquirer = world.connect();
    let burst: Vec<u8> = (1..=500)
        .flat_map(|stan| frame(&purchase(stan, 1)))
        .collect();
    acquirer.stream.write_all(&burst).unwrap();
    let stans: std::collections::BTreeSet<String> = (0..500)
        .map(|_| {
            let answer = acquirer.receive();
            assert_eq!(code(&answer), "00");
            text(&answer, 11)
        })
        .collect();
    assert_eq!(stans.len(), 500);
    assert_eq!(world.available(), 499_500);
}

#[test]
fn silence_before_and_after_the_decision() {
    let world = World::new();
    let mut acquirer = world.connect();
    acquirer.patience(Duration::from_millis(300));
    let silence = |body| assert_eq!(world.office("POST /v1/sandbox/silence", Some(body)).0, 200);
    silence(json!({ "on": true }));
    let bought = purchase(1, 15_000);
    acquirer.send(&bought);
    acquirer.send(&reversal(&bought));
    let mut echo = Message::new(Mti::NETWORK_REQUEST);
    echo.set(7, b"0315023015")
        .set(11, b"000009")
        .set(70, b"301");
    assert_eq!(acquirer.ask(&echo).mti().to_string(), "0810");
    assert!(acquirer.try_receive().is_none());
    silence(json!({ "on": true, "mode": "after" }));
    acquirer.send(&bought);
    assert!(acquirer.try_receive().is_none());
    assert_eq!(world.available(), 485_000);
    silence(json!({ "on": false }));
    assert_eq!(code(&acquirer.ask(&reversal(&bought))), "00");
    assert_eq!(world.available(), 500_000);
}

#[test]
fn garbage_and_an_oversize_length_end_their_connection_alone() {
    let world = World::new();
    let mut good = world.connect();
    let mut bad = world.connect();
    bad.stream.write_all(&[0xFF, 0xFF, 1, 2, 3]).unwrap();
    let mut rest = Vec::new();
    assert_eq!(bad.stream.read_to_end(&mut rest).unwrap_or(0), 0);
    assert_eq!(code(&good.ask(&purchase(1, 1))), "00");
}

#[test]
fn the_load_cards_are_there() {
    let world = World::new();
    let mut acquirer = world.connect();
    for serial in ["9999990200000004", "9999990200099990"] {
        let pan: iso8583::element::Pan = serial.parse().unwrap();
        let card = (0..10)
            .map(|digit| format!("{}{digit}", &pan.reveal()[..15]))
            .find(|number| {
                number
                    .parse::<iso8583::element::Pan>()
                    .unwrap()
                    .passes_luhn()
            })
            .unwrap();
        let mut request = purchase(1, 300_000);
        request
            .set(2, card.as_bytes())
            .set(41, &card.as_bytes()[8..]);
        request.set(52, &pin_block("1234", &card));
        let answer = acquirer.ask(&request);
        assert_eq!(text(&answer, 54), "0002410C000009700000", "{card}");
    }
}
