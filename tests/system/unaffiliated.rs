//! Figure 6: a VAN asks for a mall's customer (d7, d8), over the VAN link.

use iso8583::{Message, Mti};
use support::cards::{SANDBOX, load_card};
use support::messages::{available, inquiry, purchase, repeat, reversal, set_password};

use crate::world;

#[test]
fn a_purchase_is_approved_once_and_its_repeats_get_the_same_answer() {
    let world = world();
    let mut van = world.van();
    let mut sign_on = Message::new(Mti::NETWORK_REQUEST);
    sign_on
        .set(7, b"0315022900")
        .set(11, b"000002")
        .set(32, b"450001")
        .set(70, b"001");
    let answer = van.ask(&sign_on);
    assert_eq!(
        (answer.mti().to_string().as_str(), answer.text(39)),
        ("0810", Some("00"))
    );

    let request = purchase(SANDBOX, 15_000);
    let first = van.ask(&request);
    let fields: Vec<u8> = first.present().iter().collect();
    assert_eq!(
        fields,
        [2, 3, 4, 7, 11, 12, 13, 15, 32, 37, 38, 39, 41, 42, 49, 54]
    );
    for de in [2, 3, 4, 7, 11, 12, 13, 32, 37, 41, 42, 49] {
        assert_eq!(first.field(de), request.field(de), "DE {de}");
    }
    assert_eq!((first.text(39), available(&first)), (Some("00"), 485_000));
    assert_eq!(first.text(54), Some("0002410C000000485000"));

    for again in [request.clone(), repeat(&request)] {
        assert_eq!(van.ask(&again), first);
        // On another connection as well: it is no part of who an acquirer is.
        assert_eq!(world.van().ask(&again), first);
    }
    assert_eq!(world.balance(SANDBOX), 485_000);
    let told = van.ask(&inquiry(SANDBOX));
    assert_eq!(
        told.text(54),
        Some("0001410C0000004850000002410C000000485000")
    );
}

#[test]
fn every_decline_has_its_code() {
    let world = world();
    let mut van = world.van();
    let changed = |de: u8, value: &[u8]| {
        let mut message = purchase(SANDBOX, 1_000);
        message.set(de, value);
        message
    };
    let with_password = |password: &str| {
        let mut message = purchase(SANDBOX, 1_000);
        set_password(&mut message, password);
        message
    };
    let mut without_amount = purchase(SANDBOX, 1_000);
    without_amount.remove(4);
    for (expected, message) in [
        ("61", changed(4, b"000000300001")),
        ("13", changed(4, b"000000000000")),
        ("12", changed(49, b"840")),
        ("14", changed(2, b"9999990100000006")),
        ("54", changed(14, b"2901")),
        ("15", changed(2, b"4111111111111111")),
        ("92", changed(2, b"8888880100000006")),
        ("55", with_password("4321")),
        ("00", with_password("1234")),
        ("63", changed(52, &[0x5A; 8])),
        ("30", without_amount),
    ] {
        let answer = van.ask(&message);
        assert_eq!(answer.text(39), Some(expected), "{message:?} {answer:?}");
        assert_eq!(answer.has(38), expected == "00");
        assert!(answer.has(15), "the switch's business date");
    }
    let poor = load_card(1);
    for _ in 0..33 {
        assert_eq!(van.code(&purchase(&poor, 300_000)), "00");
    }
    assert_eq!(van.code(&purchase(&poor, 300_000)), "51");
    assert_eq!(world.balance(SANDBOX), 499_000);
}

#[test]
fn the_third_wrong_password_locks_until_the_office_resets() {
    let world = world();
    let mut van = world.van();
    let card = load_card(2);
    let mut with = |password: &str| {
        let mut message = purchase(&card, 1_000);
        set_password(&mut message, password);
        van.code(&message)
    };
    assert_eq!(
        [with("0000"), with("0000"), with("0000"), with("1234")],
        ["55", "55", "75", "75"]
    );
}

#[test]
fn one_key_is_one_transaction() {
    let world = world();
    let mut van = world.van();
    let request = purchase(SANDBOX, 1_000);
    assert_eq!(van.code(&request), "00");
    let mut other = request.clone();
    other.set(4, b"000000002000");
    assert_eq!(van.code(&other), "94");

    let undo = reversal(&request, "17");
    assert_eq!(van.code(&undo), "00");
    assert_eq!(van.code(&repeat(&undo)), "00");
    assert_eq!(
        van.code(&repeat(&request)),
        "94",
        "never the stored approval"
    );
    assert_eq!(world.balance(SANDBOX), 500_000);
}

#[test]
fn a_reversal_that_comes_first_bars_its_original() {
    let world = world();
    let mut van = world.van();
    let request = purchase(SANDBOX, 1_000);
    assert_eq!(van.code(&reversal(&request, "68")), "00");
    assert_eq!(van.code(&request), "94");
    assert_eq!(world.balance(SANDBOX), 500_000);
}

#[test]
fn a_pre_authorization_holds_and_its_completion_takes() {
    let world = world();
    let mut van = world.van();
    let mut hold = purchase(SANDBOX, 20_000);
    hold.set_mti(Mti::AUTHORIZATION_REQUEST);
    hold.set(25, b"06");
    let held = van.ask(&hold);
    assert_eq!(held.text(39), Some("00"));
    let card = world.card(SANDBOX);
    let of = |name: &str| card.get(name).and_then(serde_json::Value::as_i64).unwrap();
    assert_eq!((of("balance"), of("available")), (500_000, 480_000));

    let mut completion = reversal(&hold, "00");
    completion.set_mti(Mti::FINANCIAL_ADVICE);
    completion.remove(39).copy(38, &held);
    completion.set(4, b"000000018000");
    assert_eq!(van.code(&completion), "00");
    let card = world.card(SANDBOX);
    let of = |name: &str| card.get(name).and_then(serde_json::Value::as_i64).unwrap();
    assert_eq!((of("balance"), of("available")), (482_000, 482_000));
}

#[test]
fn a_refund_gives_back() {
    let world = world();
    let mut van = world.van();
    assert_eq!(van.code(&purchase(SANDBOX, 10_000)), "00");
    let mut refund = purchase(SANDBOX, 4_000);
    refund.set(3, b"200000");
    assert_eq!(van.code(&refund), "00");
    assert_eq!(world.balance(SANDBOX), 494_000);
}
