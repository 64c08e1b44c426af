//! Store and forward: what an acquirer tells is kept for an issuer that is away.

use serde_json::Value;
use support::cards::SANDBOX;
use support::eventually;
use support::http;
use support::messages::{purchase, repeat, reversal};
use support::world::World;

use crate::{programs, world};

#[test]
fn a_reversal_told_while_the_issuer_is_away_reaches_it_through_kills_of_both() {
    let mut world = world();
    let (kept, undone) = (purchase(SANDBOX, 3_000), purchase(SANDBOX, 4_000));
    let mut van = world.van();
    assert_eq!(
        (van.code(&kept), van.code(&undone)),
        ("00".into(), "00".into())
    );
    world.kill_issuer();
    let advice = reversal(&undone, "17");
    assert_eq!(van.code(&advice), "00", "it is kept");
    assert_eq!(van.code(&repeat(&advice)), "00", "and not twice");
    assert_eq!(world.metric("switch_forward_pending"), 1);
    assert_eq!(van.code(&repeat(&undone)), "91", "it is about to be undone");

    world.kill_switch();
    world.start_switch();
    eventually("it is up", || http::get(&world.admin, "/healthz").is_some());
    assert_eq!(world.metric("switch_forward_pending"), 1);
    assert_eq!(world.van().code(&repeat(&advice)), "00", "it is still kept");
    world.start_issuer();
    world.until_ready();
    eventually("the issuer has it", || {
        world.metric("switch_forward_pending") == 0
    });
    assert_eq!(world.balance(SANDBOX), 497_000);
    assert_eq!(world.van().code(&repeat(&undone)), "94");
}

/// An issuer whose 00 this switch does not take for an acknowledgement.
fn nothing_is_accepted() -> World {
    let mut world = World::start_routed(programs(), |world| {
        format!(
            "[[issuer]]\nname = 'prepaid'\naddresses = [{:?}]\n\
             forward = {{ accepted = ['94'], refused_max = 1, retry = '100ms' }}\n\
             [issuer.link]\ndialect = 'iso87-ascii-binmap'\nsign_on = true\n\
             answer_timeout = '2s'\ninstitution = '999001'\n\
             [[route]]\nname = 'sandbox'\nprefixes = ['999999']\nissuers = ['prepaid']\n",
            world.issuer.host
        )
    });
    world.until_ready();
    world
}

fn dead_letters(world: &World) -> Vec<Value> {
    let listed = http::get_json(&world.admin, "/v1/dead-letters");
    listed.as_array().unwrap().clone()
}

#[test]
fn what_the_issuer_does_not_accept_is_a_dead_letter_until_an_operator_decides() {
    let mut world = nothing_is_accepted();
    assert!(dead_letters(&world).is_empty());
    let original = purchase(SANDBOX, 5_000);
    assert_eq!(world.van().code(&original), "00");
    world.kill_issuer();
    assert_eq!(world.van().code(&reversal(&original, "17")), "00");
    world.start_issuer();
    eventually("it is dead", || world.metric("switch_dead_letters") == 1);
    let listed = dead_letters(&world);
    let text = |name: &str| listed[0][name].as_str().unwrap().to_owned();
    assert_eq!(text("issuer"), "prepaid");
    assert!(text("about").contains("acquirer 450001 terminal TERM0001"));
    assert!(!listed[0].to_string().contains("9999990"), "no card number");

    // It is still there for the next run.
    world.kill_switch();
    world.start_switch();
    world.until_ready();
    assert_eq!(dead_letters(&world), listed);
    let path = format!("/v1/dead-letters/prepaid/{}", listed[0]["id"]);
    assert_eq!(http::order("POST", &world.admin, &path), 204);
    eventually("it was told again", || {
        world.metric("switch_forward_total{issuer=\"prepaid\",event=\"dead\"}") == 1
    });
    assert_eq!(http::order("DELETE", &world.admin, &path), 204);
    assert_eq!(http::order("DELETE", &world.admin, &path), 404);
    assert!(dead_letters(&world).is_empty());
}
