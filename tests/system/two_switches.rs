//! Two switches in front of one issuer, and an acquirer that knows both.

use std::path::Path;

use serde_json::json;
use support::cards::SANDBOX;
use support::eventually;
use support::messages::{purchase, repeat, reversal};
use support::proxy::Proxy;
use support::switch::Switch;
use support::world::{ISSUER_OPTIONS, World};

use crate::programs;

/// The sandbox's cards go to the issuer at this address. Nothing here waits for a deadline, and on
/// a slow machine none may come between.
fn tables(address: &str) -> String {
    let options = ISSUER_OPTIONS.replace("answer_timeout = '2s'", "answer_timeout = '15s'");
    format!(
        "[[issuer]]\nname = 'prepaid'\naddresses = [{address:?}]\n{options}\
         [[route]]\nname = 'sandbox'\nprefixes = ['999999']\nissuers = ['prepaid']\n"
    )
}

#[test]
fn a_repeat_answered_through_a_second_switch_is_not_undone_by_the_first_but_by_its_acquirer() {
    let mut way = None;
    let first = World::start_routed(programs(), |world| {
        let proxy = way.insert(Proxy::to(&world.issuer.host));
        tables(&proxy.address)
    });
    let way = way.expect("the first switch's way to the issuer");
    let second = Switch::start(
        Path::new(programs().switch),
        &first.path("second"),
        "999002",
        &tables(&first.issuer.host),
    );
    let (mut at_first, mut at_second) = (first.van(), second.van());

    // The first never sees the answer, and cannot tell the issuer so.
    let request = purchase(SANDBOX, 12_000);
    first.silence(&json!({ "on": true, "mode": "after" }));
    at_first.send(std::slice::from_ref(&request));
    eventually("the issuer has deducted", || {
        first.balance(SANDBOX) == 488_000
    });
    way.cut();
    assert_eq!(at_first.receive().unwrap().text(39), Some("91"));
    eventually("its reversal waits", || {
        first.metric("switch_forward_pending") == 1
    });
    first.silence(&json!({ "on": false }));
    eventually("the second has its issuer", || {
        at_second.code(&purchase(SANDBOX, 1)) == "00"
    });
    let before = first.balance(SANDBOX);

    // Its reversal comes after a repeat was answered through the second.
    assert_eq!(at_second.code(&repeat(&request)), "00");
    way.open();
    eventually("the first's reversal is settled", || {
        first.metric("switch_forward_pending") == 0
    });
    assert_eq!(first.balance(SANDBOX), before, "one debit, and it stands");
    let (rrn, entries) = (request.text(37), first.issuer.entries(SANDBOX));
    let of_request = entries
        .iter()
        .filter(|entry| entry.get("rrn").and_then(|it| it.as_str()) == rrn);
    assert_eq!(of_request.count(), 1);

    // The acquirer may undo it, once, whichever way it asks.
    assert_eq!(at_first.code(&reversal(&request, "68")), "00");
    assert_eq!(first.balance(SANDBOX), before + 12_000);
    assert_eq!(at_second.code(&reversal(&request, "17")), "00");
    assert_eq!(first.balance(SANDBOX), before + 12_000);
    assert_eq!(at_second.code(&repeat(&request)), "94");
    second.terminate();
}
