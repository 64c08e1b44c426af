//! Who and how much a listener lets in: what is refused is answered at once, and counted.

use std::collections::BTreeMap;

use iso8583::{Message, Mti};
use support::cards::{SANDBOX, load_card};
use support::messages::{purchase, reversal};
use support::world::World;

use crate::programs;

fn network(code: &[u8; 3]) -> Message {
    let mut message = Message::new(Mti::NETWORK_REQUEST);
    message
        .set(7, b"0315023000")
        .set(11, b"000001")
        .set(70, code);
    message
}

#[test]
fn an_acquirer_that_is_not_on_the_list_is_answered_31() {
    let world = World::start_listening(programs(), "acquirers = ['450001', '900001']", "");
    let mut van = world.van();
    let listed = purchase(SANDBOX, 1_000);
    assert_eq!(listed.text(32), Some("450001"));
    assert_eq!(van.code(&listed), "00");
    let mut defaulted = purchase(SANDBOX, 1_000);
    defaulted.remove(32);
    assert_eq!(van.code(&defaulted), "00");
    let mut other = purchase(SANDBOX, 1_000);
    other.set(32, b"450002");
    let answer = van.ask(&other);
    assert_eq!(
        (answer.text(39), answer.text(32)),
        (Some("31"), Some("450002"))
    );
    // Another listener has a list of its own: none.
    assert_eq!(world.pos().code(&other), "00");
    assert_eq!(world.balance(SANDBOX), 497_000);
    let refused = "switch_refusals_total{reason=\"acquirer_not_allowed\"}";
    assert_eq!(world.metric(refused), 1);
}

/// A burst in one write: what is beyond the bound is 91 at once, an echo test behind all of it is
/// answered, and another connection has a bound of its own.
#[test]
fn a_connection_that_sends_too_much_is_answered_91_and_its_echo_test_all_the_same() {
    let world = World::start_listening(programs(), "rate_max = 1\nburst = 5", "");
    let mut van = world.van();
    let mut burst: Vec<Message> = (0..20)
        .map(|card| purchase(&load_card(card), 100))
        .collect();
    burst.push(network(b"301"));
    van.send(&burst);
    let mut codes = BTreeMap::new();
    for _ in 0..burst.len() {
        let answer = van.receive().unwrap();
        let kind = format!("{} {}", answer.mti(), answer.text(39).unwrap());
        *codes.entry(kind).or_insert(0) += 1;
    }
    let expected = [("0210 00", 5), ("0210 91", 15), ("0810 00", 1)];
    let expected = expected.map(|(kind, count)| (kind.to_owned(), count));
    assert_eq!(codes, BTreeMap::from(expected));
    let refused = "switch_refusals_total{reason=\"rate_exceeded\"}";
    assert_eq!(world.metric(refused), 15);
    assert_eq!(world.van().code(&purchase(SANDBOX, 100)), "00");
    // Nothing of what was refused was sent.
    assert_eq!(world.metric("switch_sent_total"), 6);
}

#[test]
fn an_acquirer_that_signed_off_may_reverse_and_asks_nothing_until_it_signs_on() {
    let codes = "network_codes = { sign_on = '061', sign_off = '062' }";
    let world = World::start_with(programs(), codes);
    let mut van = world.van();
    let original = purchase(SANDBOX, 1_000);
    assert_eq!(van.code(&original), "00");
    assert_eq!(van.code(&network(b"002")), "12", "a code of other links");
    assert_eq!(van.code(&network(b"062")), "00");
    assert_eq!(van.code(&purchase(SANDBOX, 1_000)), "91");
    assert_eq!(van.code(&reversal(&original, "17")), "00");
    assert_eq!(world.van().code(&purchase(SANDBOX, 1_000)), "00", "another");
    assert_eq!(van.code(&network(b"061")), "00");
    assert_eq!(van.code(&purchase(SANDBOX, 1_000)), "00");
    let refused = "switch_refusals_total{reason=\"signed_off\"}";
    assert_eq!(world.metric(refused), 1);
    assert_eq!(world.balance(SANDBOX), 498_000);
}
