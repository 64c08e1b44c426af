//! Who and how much a listener lets in: what is refused is answered at once, and counted.

use support::cards::SANDBOX;
use support::messages::purchase;
use support::world::World;

use crate::programs;

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
