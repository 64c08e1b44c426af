//! Commands that judge messages.

use serde_json::Value;

use crate::wire::Wire;
use crate::{ECHOED, PURCHASE, dialogue, hex, run, run_with};

#[test]
fn doctor_finds_framing_and_dialect_of_a_message() {
    let framed = Wire::framed(&PURCHASE);
    let found = run(&["doctor", &hex(&framed)]);
    let lines: Vec<&str> = found.out.lines().collect();
    assert_eq!(
        lines.first().copied(),
        Some("fits    binary2, iso87-bcd                      1 message, all of 173 bytes")
    );
    assert_eq!(
        lines.last().copied(),
        Some("use: --frame binary2 --spec iso87-bcd")
    );
    for why in [
        "fails   bcd2                                    byte 0: frame byte 1: expected two packed",
        "fails   binary2, iso87-ascii                    byte 2: MTI: character 1 is not of class n",
        "fails   no framing, iso87-bcd                   byte 0: MTI: character 3 is not of class n",
    ] {
        assert!(found.out.contains(why), "{}", found.out);
    }
    assert!(!found.out.contains("99999901"));
    assert_eq!((found.code, &*found.notes), (0, ""));
}

#[test]
fn doctor_finds_every_framing_that_carries_a_message() {
    for framing in [
        "ascii4",
        "hex4",
        "bcd2+tpdu",
        "vap+base1",
        "base24-tcp+base24",
    ] {
        let fields = ["mti=0800", "7=0315023000", "11=000001", "70=301"];
        let built = run(&[&["build", "--frame", framing][..], &fields[..]].concat());
        let found = run(&[
            "doctor",
            "--json",
            built.out.trim(),
            "--spec",
            "iso87-ascii",
        ]);
        let best: Value =
            serde_json::from_str(found.out.lines().next().expect("a line")).expect("an object");
        assert_eq!(best["framing"], framing);
        assert_eq!(best["fits"], true, "{best}");
    }
}

#[test]
fn doctor_finds_framing_and_dialect_of_a_capture() {
    let found = run_with(&dialogue(), &["doctor", "-"]);
    assert!(
        found
            .out
            .starts_with("fits    binary2, iso87-bcd                      2 messages, all of"),
        "{}",
        found.out
    );
    assert_eq!(found.code, 0);
}

#[test]
fn doctor_says_where_nothing_fits() {
    let found = run(&["doctor", "9999990100000005", "--frame", "binary2"]);
    insta::assert_snapshot!(found.out, @r"
    fails   binary2                                 byte 0: frame length 39321 is above the maximum of 8192

    nothing reads a message
    ");
    assert_eq!(found.code, 1);
}

#[test]
fn view_names_the_field_that_is_probably_wrong() {
    // The length of DE 32 in ASCII.
    let mut faulty = PURCHASE[..46].to_vec();
    faulty.extend_from_slice(b"06");
    faulty.extend_from_slice(&PURCHASE[47..]);
    let shown = run(&["view", &hex(&faulty)]);
    let last = shown.out.lines().last().unwrap_or_default();
    insta::assert_snapshot!(last, @"probably DE 32, acquiring institution id code: with its length in ASCII, not packed, the message reads to its end");
    assert_eq!(shown.code, 1);
    let json = run(&["view", &hex(&faulty), "--format", "json"]);
    let object: Value = serde_json::from_str(&json.out).expect("an object");
    assert_eq!(object["suspect"]["de"], 32);
    assert!(!run(&["view", &hex(&ECHOED)]).out.contains("probably"));
}
