//! What the switch knew outlives it: requests at an issuer and reversals, through `kill -9`.

use std::collections::HashMap;
use std::time::Duration;

use iso8583::Message;
use serde_json::Value;
use support::acquirer::Acquirer;
use support::cards::{SANDBOX, load_card};
use support::eventually;
use support::http;
use support::messages::{purchase, reversal};
use support::world::World;

use crate::world;

const ACKNOWLEDGED: &str = "switch_forward_total{issuer=\"prepaid\",event=\"acknowledged\"}";

/// Minor units that stand in the issuer's ledger as spent.
fn spent(world: &World) -> u64 {
    let books = http::get_json(&world.office, "/v1/trial-balance");
    books.get("spent").and_then(Value::as_u64).unwrap()
}

fn all_is_settled(world: &World) {
    eventually("all is settled", || {
        world.metric("switch_in_flight_requests") == 0
            && world.metric("switch_forward_pending") == 0
    });
}

#[test]
fn requests_at_the_issuer_are_reversed_when_a_killed_switch_is_back() {
    const REQUESTS: u32 = 100;
    let mut world = world();
    world.stop_issuer(true);
    let mut van = world.van();
    let requests: Vec<Message> = (0..REQUESTS)
        .map(|card| purchase(&load_card(card), 100))
        .collect();
    van.send(&requests);
    eventually("they are at the issuer", || {
        world.metric("switch_in_flight_requests") == u64::from(REQUESTS)
    });
    world.kill_switch();
    world.stop_issuer(false);
    // The issuer approves what it had received; nobody hears of it.
    eventually("they are approved", || {
        spent(&world) == u64::from(REQUESTS) * 100
    });
    world.start_switch();
    world.until_ready();
    eventually("they are undone", || spent(&world) == 0);
    all_is_settled(&world);
    assert_eq!(world.metric(ACKNOWLEDGED), u64::from(REQUESTS));
    // Once more killed and started: nothing is left to be done again.
    world.kill_switch();
    world.start_switch();
    world.until_ready();
    assert_eq!(world.metric("switch_forward_pending"), 0);
    assert_eq!(world.van().code(&purchase(SANDBOX, 100)), "00");
}

#[test]
fn a_reversal_the_issuer_has_not_acknowledged_outlives_both() {
    let mut world = world();
    world.stop_issuer(true);
    let original = purchase(SANDBOX, 100);
    let mut van = world.van();
    assert_eq!(van.code(&original), "91");
    assert_eq!(world.metric("switch_forward_pending"), 1);
    world.kill_switch();
    world.stop_issuer(false);
    world.start_switch();
    world.until_ready();
    eventually("the switch that was killed still had it", || {
        world.metric(ACKNOWLEDGED) == 1
    });
    all_is_settled(&world);
    assert_eq!(spent(&world), 0);
}

#[test]
fn what_a_client_saw_approved_stands_and_all_else_is_undone_when_the_switch_is_killed_under_load() {
    const ROUNDS: u64 = 30;
    let mut world = world();
    let (mut seen, mut undone) = (0, 0);
    for round in 0..ROUNDS {
        let van = world.van();
        let (approved, unanswered) = std::thread::scope(|scope| {
            let client = scope.spawn(|| ask_until_killed(van));
            std::thread::sleep(Duration::from_millis(60 + round * 7));
            world.kill_switch();
            client.join().unwrap()
        });
        seen += approved;
        world.start_switch();
        world.until_ready();
        all_is_settled(&world);
        // What was handed to a socket counts as delivered: of the rest the acquirer's own
        // reversals decide.
        let mut van = world.van();
        undone += unanswered.len();
        for original in unanswered.values() {
            let code = van.code(&reversal(original, "68"));
            assert!(["00", "21", "25", "94"].contains(&&*code), "{code}");
        }
        assert_eq!(spent(&world), seen * 100, "round {round}");
    }
    assert!(seen > 500 && undone > 0, "{seen} answers, {undone} without");
}

/// How many purchases were approved until the switch was killed, and those that were not answered.
fn ask_until_killed(mut van: Acquirer) -> (u64, HashMap<String, Message>) {
    let mut approved = 0;
    let mut unanswered = HashMap::new();
    while unanswered.is_empty() {
        let burst: Vec<Message> = (0..50)
            .map(|card| purchase(&load_card(card), 100))
            .collect();
        for request in &burst {
            unanswered.insert(request.text(37).unwrap().to_owned(), request.clone());
        }
        if !van.try_send(&burst) {
            break;
        }
        while !unanswered.is_empty()
            && let Some(answer) = van.receive()
        {
            assert_eq!(answer.text(39), Some("00"), "{answer:?}");
            let known = unanswered.remove(answer.text(37).unwrap());
            assert!(known.is_some(), "answered twice: {answer:?}");
            approved += 1;
        }
    }
    (approved, unanswered)
}

#[test]
fn no_card_number_stands_in_the_journal() {
    let mut world = world();
    world.stop_issuer(true);
    assert_eq!(world.van().code(&purchase(SANDBOX, 100)), "91");
    world.kill_switch();
    let folder = world.path("switch-data");
    let mut files = 0;
    for pool in std::fs::read_dir(folder).unwrap() {
        for file in std::fs::read_dir(pool.unwrap().path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            let found = bytes.windows(16).any(|window| window == SANDBOX.as_bytes());
            assert!(!found);
            files += usize::from(bytes.iter().any(|byte| *byte != 0));
        }
    }
    assert!(files > 0, "no journal was written");
}
