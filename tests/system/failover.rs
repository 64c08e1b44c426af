//! Several links, several issuers: who is given what while some are gone, and nothing twice.
//!
//! The two issuers have the same cards and books of their own, so that a request given to both
//! would be seen in both.

use std::collections::HashMap;
use std::time::Duration;

use iso8583::Message;
use serde_json::Value;
use support::cards::{SANDBOX, load_card};
use support::eventually;
use support::issuer::Issuer;
use support::messages::{inquiry, purchase, repeat, reversal};
use support::proxy::Proxy;
use support::world::{ISSUER_OPTIONS, World};

use crate::crash::{CARDS, LOAD_IN_FLIGHT, Seen, load_while};
use crate::programs;

pub(crate) const WHOLE: i64 = 500_000;

/// An `[[issuer]]` table.
pub(crate) fn issuer(name: &str, addresses: &[&str], balance: &str) -> String {
    format!(
        "[[issuer]]\nname = {name:?}\naddresses = {addresses:?}\nbalance = {balance:?}\n\
         {ISSUER_OPTIONS}"
    )
}

/// A `[[route]]` table of the sandbox's cards.
pub(crate) fn route(name: &str, more: &str, issuers: &[&str]) -> String {
    format!("[[route]]\nname = {name:?}\nprefixes = ['999999']\n{more}\nissuers = {issuers:?}\n")
}

/// The issuers `primary` and `backup`, and a route that names both.
fn primary_and_backup() -> World {
    let mut world = World::start_routed(programs(), |world| {
        [
            issuer("primary", &[&world.issuer.host], "primary-backup"),
            issuer("backup", &[&world.backup.host], "primary-backup"),
            route("sandbox", "", &["primary", "backup"]),
        ]
        .concat()
    });
    until_up(&mut world, "primary", 1);
    until_up(&mut world, "backup", 1);
    world
}

/// One issuer that has both hosts.
fn two_links(balance: &str) -> World {
    let world = World::start_routed(programs(), |world| {
        let hosts = [world.issuer.host.as_str(), &world.backup.host];
        [
            issuer("prepaid", &hosts, balance),
            route("sandbox", "", &["prepaid"]),
        ]
        .concat()
    });
    for place in [0, 1] {
        until_link(&world, place, 1);
    }
    world
}

pub(crate) fn until_up(world: &mut World, issuer: &str, up: u64) {
    world.issuer.check();
    eventually(&format!("{issuer} is {up}"), || {
        world.metric(&format!("switch_issuer_up{{issuer=\"{issuer}\"}}")) == up
    });
}

fn until_link(world: &World, place: u8, up: u64) {
    let name = format!("switch_issuer_link_up{{issuer=\"prepaid\",link=\"{place}\"");
    eventually(&name, || world.metric(&name) == up);
}

/// Freezes the issuer, and waits until every request of the load is in flight to it.
fn until_all_wait(world: &World, issuer: &str) {
    world.issuer.stop(true);
    let name = format!("switch_in_flight_requests{{issuer={issuer:?}}}");
    eventually(&name, || world.metric(&name) == LOAD_IN_FLIGHT);
}

/// Requests and reversals given to a link.
fn sent(world: &World, issuer: &str, place: u8) -> u64 {
    world.metric(&format!(
        "switch_sent_total{{issuer=\"{issuer}\",link=\"{place}\""
    ))
}

/// By RRN: purchases and reversals in an issuer's books.
fn movements(issuer: &Issuer) -> HashMap<String, (u32, u32)> {
    let mut movements: HashMap<String, (u32, u32)> = HashMap::new();
    for pan in (0..CARDS).map(load_card) {
        for entry in issuer.entries(&pan) {
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
    movements
}

/// Each approved purchase stands once, in one book; of any other nothing stands in either.
fn check_books(world: &World, seen: &Seen) {
    let books = [movements(&world.issuer), movements(&world.backup)];
    for (rrn, code) in seen {
        let of = books
            .each_ref()
            .map(|book| book.get(rrn).copied().unwrap_or_default());
        let given = of.iter().filter(|(purchases, _)| *purchases > 0).count();
        assert!(given <= 1, "{rrn} was given to both: {of:?}");
        let standing: u32 = of
            .iter()
            .map(|(purchases, reversals)| purchases - reversals)
            .sum();
        assert_eq!(
            standing,
            u32::from(code == "00"),
            "{rrn} was answered {code}: {of:?}"
        );
    }
}

#[test]
fn the_backup_takes_over_when_the_primary_is_killed_under_load_and_nothing_is_given_to_both() {
    let mut world = primary_and_backup();
    let mut seen = Seen::new();
    for round in 0..3 {
        // A link that is lost at once backs off.
        std::thread::sleep(Duration::from_millis(600));
        let before = sent(&world, "backup", 0);
        seen.extend(load_while(&mut world, |world| {
            std::thread::sleep(Duration::from_millis(200));
            if round == 2 {
                until_all_wait(world, "primary");
            }
            world.issuer.kill();
            std::thread::sleep(Duration::from_millis(200));
        }));
        assert!(sent(&world, "backup", 0) > before + 50, "round {round}");
        world.issuer.start();
        until_up(&mut world, "primary", 1);
        eventually("all is reversed", || {
            ["primary", "backup"].iter().all(|issuer| {
                world.metric(&format!("switch_forward_pending{{issuer=\"{issuer}\"}}")) == 0
            })
        });
    }
    let of = |code: &str| seen.values().filter(|seen| *seen == code).count();
    assert!(of("00") > 500, "only {} approvals", of("00"));
    assert!(of("91") > 0, "no request was caught in flight");
    assert!(world.metric("switch_failovers_total{issuer=\"backup\"}") > 150);
    check_books(&world, &seen);
}

#[test]
fn what_the_backup_was_given_is_repeated_and_reversed_there_once_the_primary_is_back() {
    let mut world = primary_and_backup();
    let mut van = world.van();
    world.issuer.kill();
    until_up(&mut world, "primary", 0);
    let [kept, undone] = [3_000, 4_000].map(|amount| purchase(SANDBOX, amount));
    let first = van.ask(&kept);
    assert_eq!(first.text(39), Some("00"));
    assert_eq!(van.code(&undone), "00");
    assert_eq!(world.backup.balance(SANDBOX), WHOLE - 7_000);
    world.issuer.start();
    until_up(&mut world, "primary", 1);

    assert_eq!(van.ask(&repeat(&kept)), first, "the stored answer");
    assert_eq!(van.ask(&kept), first);
    assert_eq!(van.code(&reversal(&undone, "68")), "00");
    assert_eq!(world.backup.balance(SANDBOX), WHOLE - 3_000);
    assert_eq!(world.issuer.balance(SANDBOX), WHOLE, "it never saw them");
    assert_eq!(van.code(&purchase(SANDBOX, 1_000)), "00");
    assert_eq!(world.issuer.balance(SANDBOX), WHOLE - 1_000, "what is new");
    assert_eq!(
        world.metric("switch_failovers_remembered{issuer=\"primary\"}"),
        2
    );
}

#[test]
fn what_the_primary_was_given_stays_with_it_though_it_is_silent_or_gone() {
    let mut world = primary_and_backup();
    let mut van = world.van();
    let answered = purchase(SANDBOX, 1_000);
    assert_eq!(van.code(&answered), "00");
    world.issuer.stop(true);
    let silent = purchase(SANDBOX, 2_000);
    van.send(&[silent.clone(), silent.clone()]);
    for _ in 0..2 {
        assert_eq!(van.receive().unwrap().text(39), Some("91"));
    }
    world.issuer.kill();
    until_up(&mut world, "primary", 0);
    for message in [&silent, &repeat(&silent), &answered, &repeat(&answered)] {
        assert_eq!(van.code(message), "91", "{message:?}");
    }
    assert_eq!(
        van.code(&reversal(&answered, "17")),
        "00",
        "kept for it: nobody else may"
    );
    assert_eq!(
        world.backup.balance(SANDBOX),
        WHOLE,
        "nothing of it came here"
    );

    world.issuer.start();
    until_up(&mut world, "primary", 1);
    eventually("it is reversed", || {
        world.metric("switch_forward_pending{issuer=\"primary\"}") == 0
    });
    assert_eq!(world.issuer.balance(SANDBOX), WHOLE);
}

#[test]
fn links_take_turns_and_one_that_is_lost_is_left_out_until_it_is_back() {
    let mut world = two_links("round-robin");
    let mut van = world.van();
    let mut buy = |count: u32| {
        for number in 0..count {
            assert_eq!(van.code(&purchase(&load_card(number), 100)), "00");
        }
    };
    buy(10);
    assert_eq!([0, 1].map(|place| sent(&world, "prepaid", place)), [5, 5]);
    world.backup.kill();
    until_link(&world, 1, 0);
    buy(4);
    assert_eq!([0, 1].map(|place| sent(&world, "prepaid", place)), [9, 5]);
    assert_eq!(world.metric("switch_issuer_up{issuer=\"prepaid\"}"), 1);
    world.backup.start();
    until_link(&world, 1, 1);
    buy(4);
    assert_eq!([0, 1].map(|place| sent(&world, "prepaid", place)), [11, 7]);
}

#[test]
fn the_link_with_the_fewest_in_flight_is_next() {
    let world = two_links("least-in-flight");
    let mut van = world.van();
    world.issuer.stop(true);
    let slow: Vec<Message> = (0..2).map(|card| purchase(&load_card(card), 100)).collect();
    van.send(&slow);
    assert_eq!(van.receive().unwrap().text(39), Some("00"), "by the other");
    for card in 2..8 {
        assert_eq!(van.code(&purchase(&load_card(card), 100)), "00");
    }
    assert_eq!([0, 1].map(|place| sent(&world, "prepaid", place)), [1, 7]);
    world.issuer.stop(false);
    assert_eq!(van.receive().unwrap().text(39), Some("00"));
}

/// Both links lead to one issuer here: what was in flight on the lost one is reversed on the other.
#[test]
fn what_failed_over_is_reversed_where_it_went_though_the_switch_was_killed_meanwhile() {
    let mut world = primary_and_backup();
    world.issuer.kill();
    until_up(&mut world, "primary", 0);
    let original = purchase(SANDBOX, 700);
    assert_eq!(world.van().code(&original), "00");
    assert_eq!(world.backup.balance(SANDBOX), 499_300);
    world.kill_switch();
    world.issuer.start();
    world.start_switch();
    world.until_ready();
    until_up(&mut world, "primary", 1);
    until_up(&mut world, "backup", 1);
    assert_eq!(world.van().code(&reversal(&original, "17")), "00");
    assert_eq!(world.backup.balance(SANDBOX), 500_000);
    assert_eq!(world.issuer.balance(SANDBOX), 500_000);
}

#[test]
fn a_link_lost_under_load_is_reversed_on_the_other_and_nothing_is_sent_twice() {
    let mut proxies = Vec::new();
    let mut world = World::start_routed(programs(), |world| {
        proxies.extend([(); 2].map(|()| Proxy::to(&world.issuer.host)));
        let addresses: Vec<&str> = proxies.iter().map(|proxy| proxy.address.as_str()).collect();
        [
            issuer("prepaid", &addresses, "round-robin"),
            route("sandbox", "", &["prepaid"]),
        ]
        .concat()
    });
    for place in [0, 1] {
        until_link(&world, place, 1);
    }
    let seen = load_while(&mut world, |world| {
        std::thread::sleep(Duration::from_millis(600));
        until_all_wait(world, "prepaid");
        proxies[0].cut();
        until_link(world, 0, 0);
        world.issuer.stop(false);
        eventually("all is reversed on the other", || {
            world.metric("switch_forward_pending") == 0
        });
        proxies[0].open();
        until_link(world, 0, 1);
    });
    assert!(
        seen.values().any(|code| code == "91"),
        "no request was caught in flight"
    );
    assert!(world.metric("switch_forward_total{issuer=\"prepaid\",event=\"acknowledged\"}") > 0);
    check_books(&world, &seen);
}

#[test]
fn a_request_goes_to_the_most_specific_route_and_refusals_are_those_of_the_standard() {
    let world = World::start_routed(programs(), |world| {
        [
            issuer("purchases", &[&world.issuer.host], "primary-backup"),
            issuer("others", &[&world.backup.host], "primary-backup"),
            issuer("nobody", &["127.0.0.1:1"], "primary-backup"),
            route("all", "currencies = ['410']", &["others"]),
            route(
                "purchases",
                "currencies = ['410']\nprocessing_codes = ['00']\nacquirers = ['450001']\n\
                 amount_max = 299999",
                &["purchases"],
            ),
            "[[route]]\nname = 'down'\nranges = ['77770000..77770999']\nissuers = ['nobody']\n"
                .to_owned(),
            "[[route]]\nname = 'unserved'\nprefixes = ['7777']\n".to_owned(),
        ]
        .concat()
    });
    eventually("both are up", || {
        ["purchases", "others"]
            .iter()
            .all(|name| world.metric(&format!("switch_issuer_up{{issuer=\"{name}\"}}")) == 1)
    });
    let mut van = world.van();
    let mut balances = |message: &Message, code: &str| {
        assert_eq!(van.code(message), code, "{message:?}");
        [&world.issuer, &world.backup].map(|issuer| issuer.balance(SANDBOX))
    };
    assert_eq!(balances(&purchase(SANDBOX, 1_000), "00"), [499_000, WHOLE]);
    assert_eq!(
        balances(&purchase(SANDBOX, 300_000), "00"),
        [499_000, 200_000]
    );
    assert_eq!(balances(&inquiry(SANDBOX), "00"), [499_000, 200_000]);
    let mut other_acquirer = purchase(SANDBOX, 1_000);
    other_acquirer.set(32, b"450002");
    assert_eq!(balances(&other_acquirer, "00"), [499_000, 199_000]);
    let mut dollars = purchase(SANDBOX, 1_000);
    dollars.set(49, b"840");
    for (message, code) in [
        (dollars, "92"),
        (purchase("7777000000000001", 1_000), "91"),
        (purchase("77770999999999999", 1_000), "91"),
        (purchase("7777100000000001", 1_000), "92"),
        (purchase("4111111111111111", 1_000), "15"),
    ] {
        assert_eq!(van.code(&message), code, "{message:?}");
    }
}

#[test]
fn at_the_bound_nothing_more_fails_over() {
    let mut world = World::start_routed(programs(), |world| {
        [
            issuer("primary", &["127.0.0.1:1"], "primary-backup"),
            issuer("backup", &[&world.backup.host], "primary-backup"),
            route("sandbox", "", &["primary", "backup"]),
            "[failover]\nremembered_max = 2\n".to_owned(),
        ]
        .concat()
    });
    until_up(&mut world, "backup", 1);
    let mut van = world.van();
    for code in ["00", "00", "91"] {
        assert_eq!(van.code(&purchase(SANDBOX, 1_000)), code);
    }
    assert_eq!(van.code(&inquiry(SANDBOX)), "00", "it moves nothing");
    assert_eq!(
        world.metric("switch_refusals_total{reason=\"failover_full\"}"),
        1
    );
    assert_eq!(world.backup.balance(SANDBOX), WHOLE - 2_000);
}

#[test]
fn a_pool_without_any_link_stops_at_once_and_one_with_some_drains() {
    let mut world = primary_and_backup();
    let mut van = world.van();
    world.issuer.kill();
    until_up(&mut world, "primary", 0);
    assert_eq!(van.code(&purchase(SANDBOX, 1_000)), "00");
    world.end_switch();
    assert!(van.is_closed_by_peer());
    world.backup.terminate();
}
