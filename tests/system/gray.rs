//! An issuer that is connected and hardly answers: its link is rested, tried and used again.

use support::acquirer::Acquirer;
use support::cards::SANDBOX;
use support::eventually;
use support::messages::{purchase, repeat, reversal};
use support::proxy::Proxy;
use support::world::World;

use crate::failover::{WHOLE, issuer, route, until_up};
use crate::programs;

/// Judged by ten outcomes, rested for a second at first.
const HEALTH: &str = "[issuer.health]\nwindow = '5s'\noutcomes_min = 10\nrest = '1s'\n\
    rest_max = '2s'\ntrials = 3\n";

/// Of the link to the primary.
const RESTING: &str = "switch_issuer_link_resting{issuer=\"primary\"";

/// The issuers `primary`, to which the proxy is the way, and `backup`, a route that names both, and
/// an issuer that only another acquirer's requests go to.
fn world_with_a_way() -> (World, Proxy) {
    let mut way = None;
    let mut world = World::start_routed(programs(), |world| {
        let way = way.insert(Proxy::to(&world.issuer.host));
        let [primary, backup, other] = [
            ("primary", way.address.as_str()),
            ("backup", &world.backup.host),
            ("other", &world.backup.host),
        ]
        .map(|(name, host)| issuer(name, &[host], "primary-backup") + HEALTH);
        [
            primary,
            backup,
            other,
            route("sandbox", "", &["primary", "backup"]),
            route("other", "acquirers = ['450002']", &["other"]),
        ]
        .concat()
    });
    for name in ["primary", "backup", "other"] {
        until_up(&mut world, name, 1);
    }
    (world, way.unwrap())
}

/// Asks as often, and each is approved.
fn buy(van: &mut Acquirer, acquirer: &[u8], amount: u64, count: u32) {
    for _ in 0..count {
        let mut request = purchase(SANDBOX, amount);
        request.set(32, acquirer);
        assert_eq!(van.code(&request), "00");
    }
}

#[test]
fn an_issuer_that_answers_one_of_a_hundred_is_rested_and_slows_nobody_and_comes_back() {
    let (world, way) = world_with_a_way();
    let (mut van, mut other) = (world.van(), world.van());

    way.lets_through_one_of(100);
    let requests: Vec<_> = (0..100).map(|_| purchase(SANDBOX, 100)).collect();
    van.send(&requests);
    let approved = requests.last().unwrap();
    let first = van.receive().unwrap();
    assert_eq!(
        (first.text(39), first.field(11)),
        (Some("00"), approved.field(11))
    );
    buy(&mut other, b"450002", 1, 20);
    let in_flight = "switch_in_flight_requests{issuer=\"primary\"}";
    assert_eq!(world.metric(in_flight), 99, "the others did not wait");
    let mut silent = requests.iter().skip(1).map(|_| van.receive().unwrap());
    assert!(silent.all(|answer| answer.text(39) == Some("91")));

    // Now it is known, and nobody waits any more.
    assert_eq!(world.metric(RESTING), 1);
    way.lets_through_one_of(u32::MAX);
    buy(&mut van, b"450001", 1_000, 20);
    assert_eq!(world.backup.balance(SANDBOX), WHOLE - 20 - 20_000);
    assert_eq!(van.code(&repeat(approved)), "91", "of the primary alone");
    let refused = "switch_refusals_total{reason=\"issuer_resting\"}";
    assert_eq!(world.metric(refused), 1);
    let log = std::fs::read_to_string(world.path("switch.toml.log")).unwrap();
    let figures = "1 of 11 were answered in time, 0 slowly, 10 not";
    assert!(log.contains(figures), "{log}");

    way.lets_through_one_of(1);
    eventually("the primary is back", || {
        buy(&mut van, b"450001", 1, 1);
        world.metric(RESTING) == 0
    });
    let before = world.issuer.balance(SANDBOX);
    buy(&mut van, b"450001", 500, 1);
    assert_eq!(van.code(&repeat(approved)), "00");
    assert_eq!(van.code(&reversal(approved, "17")), "00");
    eventually("what it did not answer is undone", || {
        world.metric("switch_forward_pending{issuer=\"primary\"}") == 0
    });
    assert_eq!(world.issuer.balance(SANDBOX), before - 500 + 100);
}
