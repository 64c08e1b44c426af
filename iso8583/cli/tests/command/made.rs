//! Commands that make messages or compare them.

use serde_json::json;

use crate::{ECHO, ECHOED, PURCHASE, hex, run, run_with};

#[test]
fn a_message_is_built_of_pairs_and_of_json() {
    let built = run(&[&["build", "--spec", "iso87-bcd"], &ECHO[..]].concat());
    assert_eq!((built.code, &*built.notes), (0, ""));
    assert_eq!(
        built.out,
        "08008220000000000000040000000000000003150230000000010301\n"
    );
    let json = br#"{"mti": "0800", "7": "0315023000", "11": "000001", "70": "301"}"#;
    let other = run_with(json, &["build", "-", "--spec", "iso87-bcd"]);
    assert_eq!((other.code, other.out), (0, built.out));
}

#[test]
fn a_message_is_built_in_a_frame_and_in_base64() {
    let options = ["--spec", "iso87-bcd", "--frame", "binary2+tpdu"];
    let built = run(&[&["build"], &options[..], &ECHO[..]].concat());
    assert!(
        built.out.starts_with("002160000000000800822000"),
        "{}",
        built.out
    );
    let base64 = run(&[&["build", "--as", "base64"], &options[..], &ECHO[..]].concat());
    let viewed = run(&[&["view", base64.out.trim()], &options[..]].concat());
    insta::assert_snapshot!(viewed.out, @r"
    1  28 bytes  iso87-bcd  tpdu 6000000000
    0800  1987, network management, request, acquirer
      DE 7   transmission date and time           0315023000
      DE 11  systems trace audit number           000001
      DE 70  network management information code  301  echo test
    ");
}

#[test]
fn what_view_prints_as_json_can_be_built_again() {
    let shown = run(&["view", &hex(&PURCHASE), "--format", "json", "--unsafe"]);
    let built = run_with(shown.out.as_bytes(), &["build", "-", "--spec", "iso87-bcd"]);
    assert_eq!(built.out.trim().to_lowercase(), hex(&PURCHASE));
    let masked = run(&["view", &hex(&PURCHASE), "--format", "json"]);
    let refused = run_with(masked.out.as_bytes(), &["build", "-"]);
    assert_eq!(
        (refused.code, &*refused.notes),
        (
            2,
            "error: DE 2: the value is masked: view --unsafe shows it\n"
        )
    );
}

#[test]
fn a_field_the_dialect_cannot_write_is_named() {
    let run = run(&["build", "mti=0800", "11=12345678"]);
    insta::assert_snapshot!(run.notes, @"error: DE 11: expected 6 characters, found 8");
    assert_eq!((run.code, &*run.out), (1, ""));
}

#[test]
fn a_message_converted_there_and_back_is_the_same() {
    let ascii = run(&["convert", &hex(&PURCHASE), "--to", "iso87-ascii"]);
    assert!(ascii.out.starts_with("3032303037323338"), "{}", ascii.out);
    let back = run(&["convert", ascii.out.trim(), "--to", "iso87-bcd"]);
    assert_eq!(back.out.trim().to_lowercase(), hex(&PURCHASE));
    let cut = run(&["convert", &hex(&PURCHASE[..60]), "--to", "iso87-ascii"]);
    assert_eq!((cut.code, &*cut.out), (1, ""));
    insta::assert_snapshot!(cut.notes.replace(": ", ":\n"), @r"
    error:
    the argument:
    iso87-bcd:
    DE 35 at byte 50:
    expected 19 bytes, found 9
    ");
}

#[test]
fn messages_are_the_same_whatever_dialect_they_are_in() {
    let ascii = run(&["convert", &hex(&PURCHASE), "--to", "iso87-ascii"]);
    let diff = run(&["diff", &hex(&PURCHASE), ascii.out.trim()]);
    assert_eq!((diff.code, &*diff.out), (0, ""));
}

#[test]
fn differences_are_told_masked() {
    let mut other = PURCHASE;
    other[18] = 0x13; // the last digits of DE 2
    other[26] = 0x16; // DE 4
    other[65] = 0x01; // DE 35
    let diff = run(&["diff", &hex(&PURCHASE), &hex(&other)]);
    insta::assert_snapshot!(diff.out, @r"
    DE 2   primary account number
      - 999999******0005
      + 999999******0013
    DE 4   amount, transaction
      - 000000015000
      + 000000011600
    DE 35  track 2 data
      - ****
      + ****  differs where it is masked
    ");
    assert_eq!(diff.code, 1);
    let json = run(&["diff", &hex(&PURCHASE), &hex(&ECHOED), "--format", "json"]);
    assert_eq!(json.objects()[0]["place"], "MTI");
    assert!(!json.out.contains("99999901"), "{}", json.out);
}

#[test]
fn chip_data_is_built_seen_and_compared_by_tag() {
    let built = |amount: &str| {
        let amount = format!("55.9F02={amount}");
        let fields = ["mti=0200", "11=000123", &*amount, "55.57=99999901"];
        let found = run(&[&["build", "--spec", "iso87-bcd"], &fields[..]].concat());
        assert_eq!((found.code, &*found.notes), (0, ""));
        found.out.trim().to_owned()
    };
    let one = built("000000015000");
    assert_eq!(
        one,
        "02000020000000000200000123\
        00159F0206000000015000570499999901"
    );
    let viewed = run(&["view", &one, "--spec", "iso87-bcd", "--format", "json"]);
    assert_eq!(
        viewed.objects()[0]["fields"][1]["subfields"],
        json!([
            {"path": "55.9F02", "name": "amount, authorised (numeric)", "value": "000000015000"},
            {"path": "55.57", "name": "track 2 equivalent data", "value": "****"},
        ])
    );
    let diff = run(&["diff", &one, &built("000000011600"), "--spec", "iso87-bcd"]);
    insta::assert_snapshot!(diff.out, @r"
    DE 55.9F02 amount, authorised (numeric)
      - 000000015000
      + 000000011600
    ");
    assert_eq!(diff.code, 1);
}

#[test]
fn a_redacted_message_has_a_test_card_and_is_whole() {
    let redacted = run(&["redact", &hex(&PURCHASE)]);
    assert_eq!((redacted.code, &*redacted.notes), (0, ""));
    let diff = run(&["diff", &hex(&PURCHASE), redacted.out.trim(), "--unsafe"]);
    insta::assert_snapshot!(diff.out, @r"
    DE 2   primary account number
      - 9999990100000005
      + 9999990000000006
    DE 35  track 2 data
      - 9999990100000005=30121010000000000000
      + 9999990000000006=30121010000000000000
    DE 52  PIN data
      - DEF247F82B55A358
      + 0000000000000000
    DE 53  security related control information
      - 2001010100000000
      + 0000000000000000
    DE 64  message authentication code
      - F6C0B8407FF6DE4C
      + 0000000000000000
    ");
}

#[test]
fn samples_are_valid_and_can_be_built_of_their_fields() {
    for spec in ["iso87-ascii", "iso87-ascii-binmap", "iso87-bcd"] {
        let sample = run(&["sample", "--mti", "0200", "--spec", spec]);
        let valid = run(&["validate", sample.out.trim(), "--spec", spec]);
        assert_eq!(
            (valid.code, valid.out),
            (0, format!("valid   0200 of {spec}\n"))
        );
        let fields = run(&["sample", "--mti", "0200", "--format", "json"]);
        let built = run(&["build", fields.out.trim(), "--spec", spec]);
        assert_eq!(built.out, sample.out);
    }
    let all = run(&["sample"]);
    let types: Vec<&str> = all
        .out
        .lines()
        .filter_map(|line| line.get(2..6))
        .step_by(2)
        .collect();
    assert_eq!(
        types,
        [
            "0100", "0110", "0200", "0210", "0220", "0230", "0400", "0410", "0420", "0430", "0800",
            "0810"
        ]
    );
    let unknown = run(&["sample", "--mti", "0600"]);
    assert_eq!((unknown.code, &*unknown.out), (2, ""));
}
