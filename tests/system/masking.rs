//! No clear card number, track, password block or expiry in anything that is logged, counted or
//! kept.

use serde_json::json;
use support::cards::{SANDBOX, load_card, track2};
use support::eventually;
use support::messages::{purchase, set_password};

use crate::world;

#[test]
fn nothing_secret_is_logged_counted_or_kept() {
    let world = world();
    let card = load_card(7);
    let mut with_track = purchase(&card, 1_000);
    with_track.set(35, track2(&card).as_bytes()).set(22, b"021");
    set_password(&mut with_track, "1234");
    let block = with_track.field(52).unwrap().to_vec();
    let mut van = world.van();
    assert_eq!(van.code(&with_track), "00");
    // What goes wrong is logged most: a silent issuer, a late answer, a broken message.
    world.silence(&json!({ "on": true }));
    assert_eq!(van.code(&purchase(SANDBOX, 1_000)), "91");
    world.silence(&json!({ "on": false }));
    eventually("the reversal is acknowledged", || {
        world.metric("switch_forward_pending") == 0
    });
    let mut wrong = purchase(SANDBOX, 1_000);
    wrong.set(35, b"9999990100000005=3012");
    assert_eq!(van.code(&wrong), "30");

    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect::<String>()
    };
    let secrets = [
        card.into_bytes(),
        SANDBOX.as_bytes().to_vec(),
        b"=3012".to_vec(),
        block.clone(),
        hex(&block).into_bytes(),
        hex(&block).to_lowercase().into_bytes(),
    ];
    let output = world.all_output();
    assert!(
        output
            .iter()
            .any(|(name, bytes)| name.ends_with("switch.toml.log") && !bytes.is_empty())
    );
    for (name, bytes) in &output {
        for secret in &secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!found, "{} is in {name}", secret.escape_ascii());
        }
    }
}
