//! A physical card at a merchant's terminal, over the POS link: packed decimal and TPDU.

use std::io::{Read, Write};
use std::net::TcpStream;

use hex_literal::hex;
use iso8583::Message;
use iso8583::frame::Tpdu;
use support::cards::{SANDBOX, track2};
use support::messages::{purchase, set_password};

use crate::world;

fn swiped(amount: u64) -> Message {
    let mut message = purchase(SANDBOX, amount);
    message
        .set(35, track2(SANDBOX).as_bytes())
        .set(22, b"021")
        .set(25, b"00");
    message.remove(2).remove(14);
    message.set_header(Some(Tpdu::new(hex!("6000030000"))));
    message
}

#[test]
fn a_swipe_with_its_password_is_approved_and_the_tpdu_comes_back_swapped() {
    let world = world();
    let mut request = swiped(23_000);
    set_password(&mut request, "1234");
    let answer = world.pos().ask(&request);
    assert_eq!(answer.text(39), Some("00"), "{answer:?}");
    assert_eq!(answer.header(), Some(Tpdu::new(hex!("6000000003"))));
    let fields: Vec<u8> = answer.present().iter().collect();
    assert_eq!(
        fields,
        [3, 4, 7, 11, 12, 13, 15, 32, 37, 38, 39, 41, 42, 49, 54],
        "no DE 2 was sent"
    );
    assert_eq!(world.balance(SANDBOX), 477_000);
}

#[test]
fn a_card_that_was_read_needs_its_password() {
    let world = world();
    let mut pos = world.pos();
    let answer = pos.ask(&swiped(1_000));
    assert_eq!(
        (answer.text(39), answer.text(44)),
        (Some("30"), Some("052"))
    );
    let mut tapped = purchase(SANDBOX, 1_000);
    tapped.set(22, b"071");
    let answer = pos.ask(&tapped);
    assert_eq!(
        (answer.text(39), answer.text(44)),
        (Some("30"), Some("052"))
    );
    assert_eq!(
        world.card(SANDBOX).get("password_tries").unwrap(),
        0,
        "no try was counted"
    );
}

/// Every byte by hand: the golden 0200 in packed decimal with today's key values would do, but a
/// wire test shares no encoder with what it tests.
#[test]
fn an_echo_test_byte_by_byte() {
    let world = world();
    let mut stream = TcpStream::connect(&world.pos).unwrap();
    let request = hex!(
        "0021"                 // 33 bytes: TPDU and message
        "6000030000"           // TPDU
        "0800"                 // MTI
        "8220000000000000"     // DE 1, 7, 11
        "0400000000000000"     // DE 70
        "0315023000"           // DE 7
        "000001"               // DE 11
        "0301"                 // DE 70: 301, padded on the left
    );
    stream.write_all(&request).unwrap();
    let mut answer = [0; 37];
    stream.read_exact(&mut answer).unwrap();
    let expected = hex!(
        "0023"
        "6000000003"
        "0810"
        "8220000002000000"     // and DE 39
        "0400000000000000"
        "0315023000"
        "000001"
        "3030"                 // 00
        "0301"
    );
    assert_eq!(answer, expected);
}

#[test]
fn an_acquirer_without_an_institution_id_is_that_of_its_listener() {
    let world = world();
    let mut request = purchase(SANDBOX, 1_000);
    request.remove(32);
    let first = world.pos().ask(&request);
    assert_eq!((first.text(39), first.has(32)), (Some("00"), false));
    // The same values on the other listener are another acquirer's transaction.
    assert_eq!(world.van().code(&request), "00");
    assert_eq!(world.pos().ask(&request).field(38), first.field(38));
    assert_eq!(world.balance(SANDBOX), 498_000);
}
