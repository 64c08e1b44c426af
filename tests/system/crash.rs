//! Programs killed under load: what a client saw approved is in the ledger, and nothing is twice.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use iso8583::Message;
use serde_json::Value;
use support::acquirer::Acquirer;
use support::cards::{SANDBOX, load_card};
use support::eventually;
use support::http;
use support::messages::{purchase, repeat, reversal};
use support::world::World;

use crate::{programs, world};

const ROUNDS: u32 = 10;
pub(crate) const CARDS: u32 = 20;
const CONNECTIONS: u32 = 4;
const WINDOW: usize = 16;
const AMOUNT: u64 = 100;
/// Requests in flight under load: all windows.
pub(crate) const LOAD_IN_FLIGHT: u64 = 64;

/// What a client learned of its requests: RRN to response code.
pub(crate) type Seen = HashMap<String, String>;

#[test]
fn nothing_a_client_saw_is_lost_and_nothing_is_twice_when_the_issuer_is_killed_under_load() {
    let mut world = world();
    let mut seen = Seen::new();
    for round in 0..ROUNDS {
        // The link holds for a while, as links do: one that is lost at once backs off.
        std::thread::sleep(Duration::from_millis(600));
        let before = seen.len();
        seen.extend(load_until_killed(
            &mut world,
            Duration::from_millis(u64::from(100 + round * 40)),
        ));
        assert!(
            seen.len() > before + 50,
            "round {round} was no load: {} answers",
            seen.len() - before
        );
        world.start_issuer();
        world.until_ready();
        eventually("all is reversed", || {
            world.metric("switch_forward_pending") == 0
        });
    }
    let approved = seen.values().filter(|code| *code == "00").count();
    assert!(approved > 500, "only {approved} approvals");
    assert!(
        seen.values().any(|code| code == "91"),
        "no request was caught in flight"
    );
    check_ledger(&world, &seen);
}

/// The issuer dies in the middle of the load.
fn load_until_killed(world: &mut World, time: Duration) -> Seen {
    load_while(world, |world| {
        std::thread::sleep(time);
        world.kill_issuer();
        std::thread::sleep(Duration::from_millis(50));
    })
}

/// Several connections with many requests in flight, for as long as something happens.
pub(crate) fn load_while(world: &mut World, happens: impl FnOnce(&mut World)) -> Seen {
    let stop = AtomicBool::new(false);
    let connections: Vec<Acquirer> = (0..CONNECTIONS).map(|_| world.van()).collect();
    std::thread::scope(|scope| {
        let stop = &stop;
        let clients: Vec<_> = connections
            .into_iter()
            .zip(0..)
            .map(|(acquirer, client)| scope.spawn(move || load(acquirer, client, stop)))
            .collect();
        happens(world);
        stop.store(true, Ordering::Relaxed);
        clients
            .into_iter()
            .flat_map(|client| client.join().unwrap())
            .collect()
    })
}

fn load(mut acquirer: Acquirer, client: u32, stop: &AtomicBool) -> Seen {
    let mut seen = Seen::new();
    let mut next_card = client;
    let mut request = || {
        next_card = (next_card + CONNECTIONS) % CARDS;
        purchase(&load_card(next_card), AMOUNT)
    };
    let window: Vec<Message> = (0..WINDOW).map(|_| request()).collect();
    acquirer.send(&window);
    let mut in_flight = WINDOW;
    while in_flight > 0 {
        let answer = acquirer.receive().expect("the switch answers everything");
        let rrn = answer.text(37).unwrap().to_owned();
        let code = answer.text(39).unwrap().to_owned();
        assert!(["00", "91"].contains(&code.as_str()), "{answer:?}");
        assert!(
            seen.insert(rrn, code).is_none(),
            "answered twice: {answer:?}"
        );
        in_flight -= 1;
        if !stop.load(Ordering::Relaxed) {
            acquirer.send(&[request()]);
            in_flight += 1;
        }
    }
    seen
}

/// Of each request the ledger has: approved, one purchase and no reversal; else as many of the
/// one as of the other. The balances are what the approvals leave.
fn check_ledger(world: &World, seen: &Seen) {
    let mut movements: HashMap<String, (u32, u32)> = HashMap::new();
    let mut taken = 0;
    for card in 0..CARDS {
        let pan = load_card(card);
        taken += 10_000_000 - world.balance(&pan);
        for entry in world.issuer.entries(&pan) {
            let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap().to_owned();
            let of = movements.entry(text("rrn")).or_default();
            match text("kind").as_str() {
                "purchase" => of.0 += 1,
                "reversal" => of.1 += 1,
                "charge" => {}
                other => panic!("{other}"),
            }
        }
    }
    for (rrn, code) in seen {
        let (purchases, reversals) = movements.get(rrn).copied().unwrap_or_default();
        if code == "00" {
            assert_eq!((purchases, reversals), (1, 0), "{rrn} was approved");
        } else {
            assert!(purchases <= 1, "{rrn} was posted {purchases} times");
            assert_eq!(purchases, reversals, "{rrn} was answered {code}");
        }
    }
    let approved = seen.values().filter(|code| *code == "00").count();
    assert_eq!(
        taken,
        i64::try_from(approved).unwrap() * i64::try_from(AMOUNT).unwrap()
    );
    let books = http::get_json(&world.office, "/v1/trial-balance");
    assert_eq!(books.get("sum"), Some(&Value::from(0)), "{books}");
}

#[test]
fn a_repeat_and_a_reversal_find_their_original_after_the_switch_was_killed() {
    let mut world = world();
    let kept = purchase(SANDBOX, 3_000);
    let undone = purchase(SANDBOX, 4_000);
    let mut van = world.van();
    let first = van.ask(&kept);
    assert_eq!(
        (first.text(39), van.code(&undone).as_str()),
        (Some("00"), "00")
    );

    world.kill_switch();
    world.start_switch();
    world.until_ready();
    let mut van = world.van();
    assert_eq!(van.ask(&repeat(&kept)), first, "the stored answer");
    assert_eq!(van.code(&reversal(&undone, "68")), "00");
    assert_eq!(
        world.balance(SANDBOX),
        497_000,
        "undone once, and the repeat took nothing"
    );
    assert_eq!(van.code(&repeat(&undone)), "94");
}

#[test]
fn a_restarted_issuer_remembers_everything() {
    let mut world = world();
    let mut van = world.van();
    let request = purchase(SANDBOX, 3_000);
    let first = van.ask(&request);
    world.kill_issuer();
    world.start_issuer();
    world.until_ready();
    assert_eq!(van.ask(&request), first);
    assert_eq!(world.balance(SANDBOX), 497_000);
}

#[test]
fn a_repeat_gets_the_kept_answer_though_the_issuer_is_gone_and_none_once_it_is_reversed() {
    let mut world = World::start_keeping_answers(programs());
    let mut van = world.van();
    let request = purchase(SANDBOX, 3_000);
    let first = van.ask(&request);
    assert_eq!(first.text(39), Some("00"));
    world.kill_issuer();
    assert_eq!(world.van().ask(&repeat(&request)), first);
    assert_eq!(world.metric("switch_answered_again_total"), 1);
    assert_eq!(van.code(&reversal(&request, "17")), "00", "it is kept");
    assert_eq!(van.code(&repeat(&request)), "91");
    world.start_issuer();
    world.until_ready();
    eventually("it is reversed", || {
        world.metric("switch_forward_pending") == 0
    });
    assert_eq!(van.code(&repeat(&request)), "94");
    assert_eq!(world.balance(SANDBOX), 500_000);
}
