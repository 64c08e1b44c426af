//! Peers that misbehave: each ends in a counted, logged, clear outcome for its own connection, and
//! others go on being served.

use hex_literal::hex;
use iso8583::{Message, Mti};
use support::cards::{SANDBOX, load_card};
use support::eventually;
use support::messages::purchase;
use support::world::World;

use crate::programs;

fn world() -> World {
    world_with_write_timeout("500ms")
}

fn world_with_write_timeout(write_timeout: &str) -> World {
    World::start_with(
        programs(),
        &format!(
            "frame_timeout = '300ms'\nwrite_timeout = '{write_timeout}'\nmalformed_max = 3\n\
             unsent_bytes_max = 65536\n"
        ),
    )
}

/// The outcome is counted under its reason, and a neighbour is served all the while.
fn ends_as(world: &World, reason: &str) {
    let metric = format!("switch_links_closed_total{{link=\"van\",reason=\"{reason}\"}}");
    eventually(&metric, || world.metric(&metric) == 1);
    assert_eq!(world.van().code(&purchase(SANDBOX, 100)), "00");
}

#[test]
fn an_oversize_length_closes_that_connection() {
    let world = world();
    let mut neighbour = world.van();
    let mut peer = world.van();
    assert!(peer.send_bytes(b"GET / HTTP/1.1\r\n\r\n"));
    assert!(peer.is_closed_by_peer());
    ends_as(&world, "bad_frame");
    assert_eq!(neighbour.code(&purchase(SANDBOX, 100)), "00");
}

#[test]
fn garbage_is_counted_and_closes_at_its_bound() {
    let world = world();
    let mut neighbour = world.van();
    let mut peer = world.van();
    for _ in 0..3 {
        assert!(peer.send_bytes(&hex!("0004 DEADBEEF")));
    }
    assert!(peer.is_closed_by_peer());
    ends_as(&world, "malformed");
    assert_eq!(
        world.metric("switch_malformed_messages_total{link=\"van\"}"),
        3
    );
    assert_eq!(neighbour.code(&purchase(SANDBOX, 100)), "00");
}

#[test]
fn half_a_frame_and_silence_closes_after_the_frame_timeout() {
    let world = world();
    let mut neighbour = world.van();
    let mut peer = world.van();
    assert!(peer.send_bytes(&hex!("00F2 30323030")));
    assert!(peer.is_closed_by_peer());
    ends_as(&world, "frame_timeout");
    assert_eq!(neighbour.code(&purchase(SANDBOX, 100)), "00");
}

#[test]
fn a_client_that_never_reads_is_closed_and_the_others_go_on() {
    let world = world();
    let mut neighbour = world.van();
    let mut peer = world.van();
    let mut echo = Message::new(Mti::NETWORK_REQUEST);
    echo.set(7, b"0315023000")
        .set(11, b"000001")
        .set(70, b"301");
    let burst = vec![echo; 1_000];
    let mut bursts = 0;
    while peer.try_send(&burst) {
        bursts += 1;
        assert!(bursts < 10_000, "it takes everything");
        if bursts % 100 == 0 {
            assert_eq!(neighbour.code(&purchase(SANDBOX, 100)), "00");
        }
    }
    ends_as(&world, "not_reading");
}

#[test]
fn a_message_with_a_field_cut_short_is_answered_30_and_the_connection_goes_on() {
    let world = world();
    let mut peer = world.van();
    // 0200 with DE 7, 11 and a DE 49 of two characters.
    let mut message = b"02000220000000008000".to_vec();
    message.extend_from_slice(b"031502301500000141");
    let length = u16::try_from(message.len()).unwrap();
    let frame = [&length.to_be_bytes()[..], &message].concat();
    assert!(peer.send_bytes(&frame));
    let answer = peer.receive().unwrap();
    assert_eq!(answer.mti().to_string(), "0210");
    assert_eq!(
        (answer.text(39), answer.text(44)),
        (Some("30"), Some("049"))
    );
    assert_eq!(peer.code(&purchase(SANDBOX, 100)), "00");
}

/// Approvals that stand in our own buffer when a link ends were delivered to nobody: they are
/// reversed, and the ledger keeps those of which a byte was handed to the system.
#[test]
fn approvals_a_client_never_took_are_given_back() {
    // Only a full buffer closes the link, and a burst at a time keeps refusals out of it: one small
    // enough that the issuer answers it soon on any machine.
    let world = world_with_write_timeout("60s");
    let closed = "switch_links_closed_total{link=\"van\",reason=\"not_reading\"}";
    let approvals = "switch_answers_total{listener=\"van\",code=\"00\"}";
    let mut peer = world.van();
    let mut asked = 0;
    while world.metric(closed) == 0 {
        let burst: Vec<Message> = (0..250)
            .map(|card| purchase(&load_card(card), 100))
            .collect();
        if !peer.try_send(&burst) {
            break;
        }
        asked += 250;
        eventually("the burst is approved", || {
            world.metric(approvals) == asked || world.metric(closed) == 1
        });
        assert!(asked < 200_000, "it takes everything");
    }
    eventually("the link is closed", || world.metric(closed) == 1);
    let approved = world.metric(approvals);
    let all = world.metric("switch_requests_total{listener=\"van\"}");
    assert!(all <= asked && approved <= all, "{asked} {all} {approved}");
    // More than 65,536 bytes stood in the buffer, of at most 256 bytes an approval.
    eventually("what was not sent is given back", || {
        spent(&world) + 256 <= approved
    });
    eventually("all reversals are acknowledged", || {
        world.metric("switch_in_flight_requests") == 0
            && world.metric("switch_forward_pending") == 0
    });
    let mut taken = 0;
    while let Some(answer) = peer.receive() {
        assert_eq!(answer.text(39), Some("00"));
        taken += 1;
    }
    let spent = spent(&world);
    assert!(
        0 < taken && taken <= spent,
        "{taken} taken, {spent} in the ledger"
    );
}

/// Purchases of 100 that stand in the ledger.
fn spent(world: &World) -> u64 {
    let books = support::http::get_json(&world.office, "/v1/trial-balance");
    let spent = books.get("spent").and_then(serde_json::Value::as_u64);
    spent.unwrap() / 100
}
