//! An issuer that does not answer: 91 to the acquirer, and the reversal (망취소) until it is heard.

use serde_json::json;
use support::cards::{SANDBOX, load_card};
use support::eventually;
use support::messages::{purchase, repeat};

use crate::world;

#[test]
fn a_lost_answer_is_91_and_the_money_comes_back() {
    let world = world();
    let mut van = world.van();
    world.silence(&json!({ "on": true, "mode": "after" }));
    let request = purchase(SANDBOX, 12_000);
    van.send(std::slice::from_ref(&request));
    eventually("the issuer has deducted", || {
        world.balance(SANDBOX) == 488_000
    });
    world.silence(&json!({ "on": true, "mode": "before" }));
    assert_eq!(van.receive().unwrap().text(39), Some("91"));
    assert_eq!(world.metric("switch_forward_pending"), 1);
    assert_eq!(world.balance(SANDBOX), 488_000);

    world.silence(&json!({ "on": false }));
    eventually("the reversal is acknowledged", || {
        world.metric("switch_forward_pending") == 0
    });
    assert_eq!(world.balance(SANDBOX), 500_000);
    assert_eq!(
        van.code(&repeat(&request)),
        "94",
        "never the stored approval"
    );
}

#[test]
fn an_issuer_that_is_away_is_91_at_once_and_back_it_serves() {
    let mut world = world();
    world.kill_issuer();
    let mut van = world.van();
    eventually("the switch sees the link go", || {
        world.metric("switch_issuer_up") == 0
    });
    assert_eq!(van.code(&purchase(SANDBOX, 1_000)), "91");
    assert_eq!(
        world.metric("switch_forward_pending"),
        0,
        "nothing was sent"
    );
    world.start_issuer();
    world.until_ready();
    assert_eq!(van.code(&purchase(SANDBOX, 1_000)), "00");
}

#[test]
fn a_lost_link_answers_91_at_once_and_reverses_when_it_is_back() {
    let mut world = world();
    let mut van = world.van();
    let card = load_card(3);
    world.silence(&json!({ "on": true, "mode": "after" }));
    van.send(&[purchase(&card, 5_000)]);
    eventually("the issuer has deducted", || {
        world.balance(&card) == 9_995_000
    });
    world.kill_issuer();
    assert_eq!(van.receive().unwrap().text(39), Some("91"));
    world.start_issuer();
    world.until_ready();
    eventually("the reversal is acknowledged", || {
        world.metric("switch_forward_pending") == 0
    });
    assert_eq!(world.balance(&card), 10_000_000);
}

#[test]
fn a_late_answer_is_recorded_and_never_delivered() {
    let world = world();
    let mut van = world.van();
    let request = purchase(SANDBOX, 1_000);
    world.stop_issuer(true);
    assert_eq!(van.code(&request), "91");
    world.stop_issuer(false);
    eventually("it came late", || {
        world.metric("switch_late_answers_total") == 1
    });
    eventually("and was reversed", || {
        world.metric("switch_forward_pending") == 0
    });
    assert_eq!(
        van.code(&purchase(SANDBOX, 2_000)),
        "00",
        "the next answer is the next request's"
    );
    assert_eq!(world.balance(SANDBOX), 498_000);
}

#[test]
fn an_approval_whose_acquirer_is_gone_is_given_back() {
    let world = world();
    let mut van = world.van();
    world.stop_issuer(true);
    van.send(&[purchase(SANDBOX, 6_000)]);
    eventually("it is in flight", || {
        world.metric("switch_in_flight_requests") == 1
    });
    drop(van);
    eventually("the acquirer is gone", || {
        world.metric("switch_connections{listener=\"van\"}") == 0
    });
    world.stop_issuer(false);
    eventually("the approval is reversed", || {
        world.metric("switch_forward_total{issuer=\"prepaid\",event=\"acknowledged\"}") == 1
    });
    assert_eq!(world.balance(SANDBOX), 500_000);
}
