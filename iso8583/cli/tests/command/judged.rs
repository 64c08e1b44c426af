//! Commands that judge messages.

use iso8583::Dialect;

use crate::wire::Wire;
use crate::{ECHO, ECHOED, PURCHASE, dialogue, hex, run, run_with};

/// Without the blanks of its columns.
fn squeezed(out: &str) -> String {
    let lines = out
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

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
        "fails   binary2, iso87-ascii                    byte 2: MTI: character 1 is",
        "fails   no framing, iso87-bcd                   byte 0: MTI: character 3 is",
    ] {
        assert!(found.out.contains(why), "{}", found.out);
    }
    assert!(!found.out.contains("99999901"));
    assert_eq!((found.code, &*found.notes), (0, ""));
}

#[test]
fn doctor_prefers_the_edition_that_the_message_says_it_is_of() {
    for (mti, best, other, doubt) in [
        (
            "0800",
            "iso87-bcd",
            "iso93-bcd",
            "version 1, for the dialect is of 1993",
        ),
        (
            "1804",
            "iso93-bcd",
            "iso87-bcd",
            "version 0, for the dialect is of 1987",
        ),
    ] {
        let mti = format!("mti={mti}");
        let fields = [&*mti, "7=0315023000", "11=000001", "--spec", "iso87-bcd"];
        let built = run(&[&["build"][..], &fields[..]].concat());
        let found = run(&["doctor", built.out.trim()]);
        let use_best = format!("\nuse: --spec {best}\n");
        assert!(found.out.ends_with(&use_best), "{}", found.out);
        let fits = |name| {
            let line = format!("fits    no framing, {name}");
            let found = found.out.lines().find(|it| it.starts_with(&line));
            found.expect("a line").to_owned()
        };
        assert!(!fits(best).contains("doubt"), "{}", fits(best));
        assert!(fits(other).ends_with(&format!("1 doubt: MTI: expected {doubt}")));
        let viewed = run(&["view", built.out.trim()]);
        assert!(
            viewed.out.starts_with(&format!("1  18 bytes  {best}\n")),
            "{}",
            viewed.out
        );
    }
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
        let built = run(&[&["build", "--frame", framing], &ECHO[..]].concat());
        let found = run(&[
            "doctor",
            "--json",
            built.out.trim(),
            "--spec",
            "iso87-ascii",
        ]);
        let best = &found.objects()[0];
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
    insta::assert_snapshot!(squeezed(&found.out), @r"
    fails binary2 byte 0: frame length 39321 is above the maximum of 8192

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
    insta::assert_snapshot!(last.replace(", ", ",\n"), @r"
    probably DE 32,
    acquiring institution id code: with its length in ASCII,
    not packed,
    the message reads to its end
    ");
    assert_eq!(shown.code, 1);
    let json = run(&["view", &hex(&faulty), "--format", "json"]);
    assert_eq!(json.objects()[0]["suspect"]["de"], 32);
    assert!(!run(&["view", &hex(&ECHOED)]).out.contains("probably"));
}

#[test]
fn view_shows_the_length_that_is_wrong_where_it_is_far_from_the_fault() {
    let reversal = [
        "mti=0420",
        "2=9999990100000005",
        "4=000000015000",
        "7=0315023100",
        "11=000124",
        "32=450001",
        "37=607411000123",
        "39=68",
        "42=MERCHANT0000001",
        "49=410",
    ];
    let built = run(&[&["build", "--spec", "iso87-ascii"], &reversal[..]].concat());
    // DE 32: 06 is 07.
    let faulty = built.out.trim().replace("3036343530", "3037343530");
    let shown = run(&["view", &faulty]);
    let tail = shown.out.split_once("DE 49 at").expect("a fault").1;
    insta::assert_snapshot!(tail.replace("; were", ";\nwere"), @r"
     byte 104: expected 3 bytes, found 2
    …
    0050  ** ** ** ** ** ** ** ** ** ** ** ** ** ** ** 54  |***************T|
    0060  30 30 30 30 30 30 31 34 31 30                    |0000001410|
                                  ^^ DE 49 at byte 104: expected 3 bytes, found 2
    probably DE 32, acquiring institution id code: its length says 7;
    were it 6, the message would read to its end
    …
    0040  32 34 30 37 ** ** ** ** ** ** ** ** ** ** ** **  |2407************|
                ^^ DE 32
    …
    ");
    assert_eq!(shown.code, 1);
}

#[test]
fn validate_says_everything_that_is_wrong() {
    let mut faulty = PURCHASE;
    faulty[18] = 0x06; // the check digit of DE 2
    faulty[28] = 0x13; // the month of DE 7
    faulty[33] = 0x0A; // DE 11 is no digits
    faulty[39] = 0xA0; // nor is DE 13
    let found = run(&["validate", &hex(&faulty), "--spec", "iso87-bcd"]);
    insta::assert_snapshot!(found.out, @r"
    bytes   DE 11 at byte 33: character 2 is not of class n
    bytes   DE 13 at byte 39: character 1 is not of class n
    value   DE 2: expected a card number with its check digit
    value   DE 7: expected MMDDhhmmss
    ");
    assert_eq!(found.code, 1);
    let json = run(&[
        "validate",
        &hex(&faulty),
        "--spec",
        "iso87-bcd",
        "--format",
        "json",
    ]);
    assert_eq!(json.objects()[0]["kind"], "bytes");
    let cut = run(&["validate", &hex(&PURCHASE[..60])]);
    insta::assert_snapshot!(cut.out, @"bytes   DE 35 at byte 50: expected 19 bytes, found 9");
}

#[test]
fn specs_list_dialects_and_framings_and_show_fields() {
    let list = run(&["specs", "list"]);
    let names: Vec<&str> = list
        .out
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let built_in = Dialect::built_in();
    assert!(
        names
            .iter()
            .copied()
            .eq(built_in.iter().map(|it| it.name()))
    );
    insta::assert_snapshot!(
        squeezed(list.out.lines().next().expect("a line")),
        @"iso87-ascii ISO 8583:1987, all ASCII: bitmaps and binary elements as hex text"
    );
    let shown = run(&["specs", "show", "iso87-bcd"]);
    let start: Vec<&str> = shown.out.lines().take(8).collect();
    insta::assert_snapshot!(squeezed(&start.join("\n").replace(", filled with 0", "")), @r"
    iso87-bcd ISO 8583:1987, digits and lengths packed, text in ASCII, the rest as bytes
    MTI packed, bitmaps as bytes

    2 primary account number n ..19, 2 digits packed BCD aligned right, masked in part
    3 processing code n 6 BCD aligned right
    4 amount, transaction n 12 BCD aligned right
    5 amount, settlement n 12 BCD aligned right
    6 amount, cardholder billing n 12 BCD aligned right
    ");
    let frames = run(&["specs", "frames", "--format", "json"]);
    for framing in frames.objects() {
        let name = framing["name"].as_str().expect("a name");
        // A name of the list is one to give.
        let viewed = run(&["view", "00", "--frame", name]);
        assert!(viewed.code < 2, "{name}: {}", viewed.notes);
    }
    assert_eq!(frames.out.lines().count(), 24);
}

#[test]
fn a_dialect_of_a_file_is_used_shown_and_written_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("toyland.toml");
    let text = "name = \"toyland\"\nbase = \"iso87-bcd\"\n\n[fields.48]\nname = \"toys\"\n\
                class = \"ans\"\nencoding = \"euc-kr\"\n\
                length = { max = 400, prefix = \"LLL\", prefix-coding = \"bcd\", \
                counts = \"bytes\" }\n";
    std::fs::write(&path, text).expect("a file");
    let file = path.to_str().expect("text");
    let built = run(&[
        "build",
        "--spec",
        file,
        "mti=0200",
        "11=000001",
        "48=장난감",
    ]);
    assert!(
        built.out.ends_with("0006C0E5B3ADB0A8\n"),
        "{}{}",
        built.out,
        built.notes
    );
    let viewed = run(&["view", "--spec", file, built.out.trim()]);
    assert!(viewed.out.contains("bytes  toyland\n"), "{}", viewed.out);
    assert!(viewed.out.contains("DE 48  toys "), "{}", viewed.out);
    let found = run(&["doctor", "--spec", file, built.out.trim()]);
    assert!(
        found.out.starts_with("fits    no framing, toyland "),
        "{}",
        found.out
    );
    let exported = run(&["specs", "export", file]);
    let again = folder.path().join("again.toml");
    std::fs::write(&again, &exported.out).expect("a file");
    let imported = run(&["specs", "import", again.to_str().expect("text")]);
    assert_eq!((imported.code, imported.out), (0, exported.out));
}

#[test]
fn a_file_that_is_no_dialect_is_refused_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("none.toml");
    std::fs::write(&path, "name = \"x\"\nbase = \"iso87-none\"\n").expect("a file");
    let run_with_spec = |spec: &str| run(&["view", "00", "--spec", spec]);
    let faulty = run_with_spec(path.to_str().expect("text"));
    assert_eq!((faulty.code, &*faulty.out), (2, ""));
    assert!(faulty.notes.contains("none.toml:2:"), "{}", faulty.notes);
    let unknown = run_with_spec("iso87-none");
    insta::assert_snapshot!(unknown.notes, @r"
    error: iso87-none: neither a built-in dialect (iso8583 specs list) nor a file

    Usage: iso8583 view [OPTIONS] <FILE|-|BYTES>

    For more information, try '--help'.
    ");
    assert_eq!(unknown.code, 2);
}
