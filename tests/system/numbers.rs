//! An issuer that gets trace numbers of the switch's own: repeats and reversals find their
//! originals there, through `kill -9` as well.

use iso8583::Message;
use support::cards::SANDBOX;
use support::eventually;
use support::messages::{purchase, repeat, reversal};
use support::world::World;

use crate::world;

const WHOLE: i64 = 500_000;

/// A world whose issuer's requests are numbered anew.
fn numbered() -> World {
    let mut world = world();
    world.end_switch();
    let path = world.path("switch.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    let config = config.replace("[journal]\n", "[journal]\nsync = 'always'\n");
    std::fs::write(path, config + "\n[issuer.numbers]\nelement = 62\n").unwrap();
    restart(&mut world);
    world
}

fn restart(world: &mut World) {
    world.start_switch();
    world.until_ready();
}

fn is_settled(world: &World) {
    eventually("all is reversed", || {
        world.metric("switch_forward_pending") == 0
    });
}

#[test]
fn one_number_of_two_acquirers_is_two_and_each_is_found_again_after_the_switch_was_killed() {
    let mut world = numbered();
    let mut van = world.van();
    let theirs = purchase(SANDBOX, 1_000);
    let mut others = theirs.clone();
    others.set(32, b"450002").set(37, b"X00000000001");
    let answers = [&theirs, &others].map(|request| van.ask(request));
    for (answer, request) in answers.iter().zip([&theirs, &others]) {
        assert_eq!(answer.text(39), Some("00"));
        for de in [7, 11, 32, 37] {
            assert_eq!(answer.field(de), request.field(de), "DE {de}");
        }
        assert!(!answer.has(62), "{answer:?}");
    }
    assert_eq!(world.balance(SANDBOX), WHOLE - 2_000);
    world.kill_switch();
    restart(&mut world);

    let mut van = world.van();
    let again = |van: &mut support::acquirer::Acquirer, request: &Message| {
        [repeat(request), request.clone()].map(|request| van.ask(&request))
    };
    for (request, answer) in [&theirs, &others].into_iter().zip(&answers) {
        assert_eq!(&again(&mut van, request), &[answer.clone(), answer.clone()]);
    }
    assert_eq!(world.balance(SANDBOX), WHOLE - 2_000, "once each");
    assert_eq!(van.code(&reversal(&theirs, "17")), "00");
    assert_eq!(world.balance(SANDBOX), WHOLE - 1_000);
    assert_eq!(van.code(&reversal(&others, "17")), "00");
    assert_eq!(world.balance(SANDBOX), WHOLE);
    // Two purchases and two reversals have a number, their repeats none of their own.
    assert_eq!(world.metric("switch_numbers_kept{issuer=\"prepaid\"}"), 4);
}

#[test]
fn what_was_not_answered_is_reversed_under_the_number_it_was_sent_under() {
    let mut world = numbered();
    let mut van = world.van();
    assert_eq!(van.code(&purchase(SANDBOX, 1_000)), "00");
    // Approved by the issuer, and the switch dies before and after it gave up.
    for waits in [false, true] {
        world.stop_issuer(true);
        let silent = purchase(SANDBOX, 7_000);
        van.send(std::slice::from_ref(&silent));
        if waits {
            assert_eq!(van.receive().unwrap().text(39), Some("91"));
        } else {
            eventually("it is at the issuer", || {
                world.metric("switch_in_flight_requests") == 1
            });
        }
        world.kill_switch();
        world.stop_issuer(false);
        restart(&mut world);
        is_settled(&world);
        assert_eq!(world.balance(SANDBOX), WHOLE - 1_000);
        van = world.van();
        assert_eq!(van.code(&repeat(&silent)), "94", "it was reversed");
    }
}

#[test]
fn a_message_that_has_the_private_element_is_answered_30() {
    let world = numbered();
    let mut taken = purchase(SANDBOX, 1_000);
    taken.set(62, b"INV0001");
    let answer = world.van().ask(&taken);
    assert_eq!(
        (answer.text(39), answer.text(44)),
        (Some("30"), Some("062"))
    );
}
