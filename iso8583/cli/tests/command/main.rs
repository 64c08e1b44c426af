//! The `iso8583` command as its users meet it: arguments in; output, notes and exit code out.

#![expect(
    clippy::expect_used,
    reason = "test kit: what cannot be run is a failed test"
)]

mod judged;
mod made;
mod talked;
mod wire;

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use hex_literal::hex;
use serde_json::{Value, json};

use crate::wire::Wire;

/// A purchase with PIN and track 2 of card 9999990100000005, in BCD.
const PURCHASE: [u8; 171] = hex!(
    "0200 7238448128E09801"
    "16 9999990100000005" // DE 2
    "000000 000000015000 0315023015 000123 113015 0315" // DE 3, 4, 7, 11, 12, 13
    "5945 0021 00 06450001" // DE 18, 22, 25, 32
    "37 09999990100000005D30121010000000000000" // DE 35
    "363037343131303030313233 5445524D30303031" // DE 37, 41
    "4D45524348414E5430303030303031" // DE 42
    "544F594C414E44204F4E4C494E4520202020202020202053454F554C2020202020202020204B4F52" // DE 43
    "0410 DEF247F82B55A358 2001010100000000 F6C0B8407FF6DE4C" // DE 49, 52, 53, 64
);

/// The answer to an echo, in BCD.
const ECHOED: [u8; 30] = hex!(
    "0810 8220000002000000 0400000000000000"
    "0315023000 000001 3030 0301" // DE 7, 11, 39, 70
);

/// An echo as fields.
const ECHO: [&str; 4] = ["mti=0800", "7=0315023000", "11=000001", "70=301"];

struct Run {
    code: i32,
    out: String,
    notes: String,
}

impl Run {
    /// What is printed as JSON, an object a line.
    fn objects(&self) -> Vec<Value> {
        let object = |line| serde_json::from_str(line).expect("an object a line");
        self.out.lines().map(object).collect()
    }
}

fn run(arguments: &[&str]) -> Run {
    finished(&command(arguments).output().expect("the command runs"))
}

fn run_with(input: &[u8], arguments: &[&str]) -> Run {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input).expect("the command reads");
    drop(stdin);
    finished(&child.wait_with_output().expect("the command ends"))
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_iso8583"));
    command.args(arguments).stdin(Stdio::null());
    for variable in ["CLICOLOR", "CLICOLOR_FORCE", "NO_COLOR"] {
        command.env_remove(variable);
    }
    command
}

fn finished(output: &Output) -> Run {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    Run {
        code: output.status.code().expect("an exit code"),
        out: text(&output.stdout),
        notes: text(&output.stderr),
    }
}

/// As wide as a page.
fn narrow(out: &str) -> String {
    out.replace(
        "purchase, from default account, to default account",
        "purchase, from, to",
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_message_as_an_argument_is_shown_masked() {
    let run = run(&["view", &hex(&PURCHASE)]);
    insta::assert_snapshot!(narrow(&run.out), @r"
    1  171 bytes  iso87-bcd
    0200  1987, financial, request, acquirer
      DE 2   primary account number               999999******0005
      DE 3   processing code                      000000  purchase, from, to
      DE 4   amount, transaction                  000000015000  15,000 KRW
      DE 7   transmission date and time           0315023015
      DE 11  systems trace audit number           000123
      DE 12  time, local transaction              113015
      DE 13  date, local transaction              0315
      DE 18  merchant type                        5945  hobby, toy and game shop
      DE 22  POS entry mode                       021  magnetic stripe, can take a PIN
      DE 25  POS condition code                   00  normal presentment
      DE 32  acquiring institution id code        450001
      DE 35  track 2 data                         ****
      DE 37  retrieval reference number           607411000123
      DE 41  card acceptor terminal id            TERM0001
      DE 42  card acceptor id code                MERCHANT0000001
      DE 43  card acceptor name/location          TOYLAND ONLINE         SEOUL         KOR
      DE 49  currency code, transaction           410  KRW, Won
      DE 52  PIN data                             ****
      DE 53  security related control information ****
      DE 64  message authentication code          ****
    ");
    assert_eq!((run.code, &*run.notes), (0, ""));
}

#[test]
fn card_data_shows_in_clear_only_where_it_is_asked_for() {
    let masked = run(&["view", &hex(&PURCHASE), "--format", "json"]);
    let clear = run(&["view", &hex(&PURCHASE), "--unsafe"]);
    assert!(!masked.out.contains("99999901"), "{}", masked.out);
    assert!(clear.out.contains(" 9999990100000005\n"), "{}", clear.out);
    assert!(clear.out.contains(" DEF247F82B55A358\n"), "{}", clear.out);
}

#[test]
fn a_faulty_message_is_marked_in_a_dump_that_shows_no_card() {
    let run = run(&["view", &hex(&PURCHASE[..60])]);
    insta::assert_snapshot!(narrow(&run.out), @r"
    1  60 bytes  iso87-bcd
    0200  1987, financial, request, acquirer
      DE 2   primary account number               999999******0005
      DE 3   processing code                      000000  purchase, from, to
      DE 4   amount, transaction                  000000015000
      DE 7   transmission date and time           0315023015
      DE 11  systems trace audit number           000123
      DE 12  time, local transaction              113015
      DE 13  date, local transaction              0315
      DE 18  merchant type                        5945  hobby, toy and game shop
      DE 22  POS entry mode                       021  magnetic stripe, can take a PIN
      DE 25  POS condition code                   00  normal presentment
      DE 32  acquiring institution id code        450001
    DE 35 at byte 50: expected 19 bytes, found 9
    …
    0020  15 00 01 23 11 30 15 03 15 59 45 00 21 00 06 45  |...#.0...YE.!..E|
    0030  00 01 37 ** ** ** ** ** ** ** ** **              |..7*********|
                ^^ DE 35 at byte 50: expected 19 bytes, found 9
    ");
    assert_eq!((run.code, &*run.notes), (1, ""));
}

#[test]
fn a_card_number_that_is_no_message_is_not_shown_either() {
    let run = run(&["view", "9999990100000005"]);
    insta::assert_snapshot!(narrow(&run.out), @r"
    1  8 bytes  iso87-bcd
    9999  private version, reserved class, negative acknowledgement, reserved origin
    bitmap at byte 2: expected 8 bytes, found 6
    0000  ** ** ** ** ** ** ** **                          |********|
                ^^ bitmap at byte 2: expected 8 bytes, found 6
    ");
    assert_eq!(run.code, 1);
}

#[test]
fn a_dump_on_standard_input_is_recognised() {
    let dump = "00000000  08 10 82 20 00 00 02 00  00 00 04 00 00 00 00 00  |... ............|\n\
                00000010  00 00 03 15 02 30 00 00  00 01 30 30 03 01        |.....0....00..|\n\
                0000001e\n";
    let run = run_with(dump.as_bytes(), &["view", "-", "--spec", "iso87-bcd"]);
    insta::assert_snapshot!(narrow(&run.out), @r"
    1  30 bytes  iso87-bcd
    0810  1987, network management, request response, acquirer
      DE 7   transmission date and time           0315023000
      DE 11  systems trace audit number           000001
      DE 39  response code                        00  approved
      DE 70  network management information code  301  echo test
    ");
    assert_eq!(run.code, 0);
}

#[test]
fn a_capture_is_told_by_time_whatever_the_network_did() {
    let capture = dialogue();
    let table = run_with(&capture, &["view", "-", "--frame", "binary2"]);
    insta::assert_snapshot!(narrow(&table.out), @r"
    1  2026-03-15T02:30:00.004Z  10.0.0.1:40000 > 10.0.0.2:8583  171 bytes  iso87-bcd
    0200  1987, financial, request, acquirer
      DE 2   primary account number               999999******0005
      DE 3   processing code                      000000  purchase, from, to
      DE 4   amount, transaction                  000000015000  15,000 KRW
      DE 7   transmission date and time           0315023015
      DE 11  systems trace audit number           000123
      DE 12  time, local transaction              113015
      DE 13  date, local transaction              0315
      DE 18  merchant type                        5945  hobby, toy and game shop
      DE 22  POS entry mode                       021  magnetic stripe, can take a PIN
      DE 25  POS condition code                   00  normal presentment
      DE 32  acquiring institution id code        450001
      DE 35  track 2 data                         ****
      DE 37  retrieval reference number           607411000123
      DE 41  card acceptor terminal id            TERM0001
      DE 42  card acceptor id code                MERCHANT0000001
      DE 43  card acceptor name/location          TOYLAND ONLINE         SEOUL         KOR
      DE 49  currency code, transaction           410  KRW, Won
      DE 52  PIN data                             ****
      DE 53  security related control information ****
      DE 64  message authentication code          ****

    2  2026-03-15T02:30:00.006Z  10.0.0.2:8583 > 10.0.0.1:40000  30 bytes  iso87-bcd
    0810  1987, network management, request response, acquirer
      DE 7   transmission date and time           0315023000
      DE 11  systems trace audit number           000001
      DE 39  response code                        00  approved
      DE 70  network management information code  301  echo test
    ");
    assert_eq!((table.code, &*table.notes), (0, ""));
}

#[test]
fn a_capture_is_told_by_conversation_and_by_object() {
    let capture = dialogue();
    let tree = run_with(
        &capture,
        &["view", "-", "--frame", "binary2", "--format", "tree"],
    );
    insta::assert_snapshot!(narrow(&tree.out), @r"
    10.0.0.1:40000 > 10.0.0.2:8583
      > 2026-03-15T02:30:00.004Z  171 bytes  iso87-bcd
        0200  1987, financial, request, acquirer
          DE 2   primary account number               999999******0005
          DE 3   processing code                      000000  purchase, from, to
          DE 4   amount, transaction                  000000015000  15,000 KRW
          DE 7   transmission date and time           0315023015
          DE 11  systems trace audit number           000123
          DE 12  time, local transaction              113015
          DE 13  date, local transaction              0315
          DE 18  merchant type                        5945  hobby, toy and game shop
          DE 22  POS entry mode                       021  magnetic stripe, can take a PIN
          DE 25  POS condition code                   00  normal presentment
          DE 32  acquiring institution id code        450001
          DE 35  track 2 data                         ****
          DE 37  retrieval reference number           607411000123
          DE 41  card acceptor terminal id            TERM0001
          DE 42  card acceptor id code                MERCHANT0000001
          DE 43  card acceptor name/location          TOYLAND ONLINE         SEOUL         KOR
          DE 49  currency code, transaction           410  KRW, Won
          DE 52  PIN data                             ****
          DE 53  security related control information ****
          DE 64  message authentication code          ****
      < 2026-03-15T02:30:00.006Z  30 bytes  iso87-bcd
        0810  1987, network management, request response, acquirer
          DE 7   transmission date and time           0315023000
          DE 11  systems trace audit number           000001
          DE 39  response code                        00  approved
          DE 70  network management information code  301  echo test
    ");
    let json = run_with(
        &capture,
        &["view", "-", "--frame", "binary2", "--format", "json"],
    );
    let objects = json.objects();
    let answer = json!({
        "number": 2,
        "time": "2026-03-15T02:30:00.006Z",
        "conversation": 1,
        "from": "10.0.0.2:8583",
        "to": "10.0.0.1:40000",
        "length": 30,
        "dialect": "iso87-bcd",
        "mti": "0810",
        "fields": [
            {"de": 7, "name": "transmission date and time", "value": "0315023000"},
            {"de": 11, "name": "systems trace audit number", "value": "000001"},
            {"de": 39, "name": "response code", "value": "00", "words": "approved"},
            {
                "de": 70,
                "name": "network management information code",
                "value": "301",
                "words": "echo test",
            },
        ],
    });
    assert_eq!(objects.len(), 2);
    assert_eq!(objects.get(1), Some(&answer));
}

#[test]
fn a_capture_with_a_loss_goes_on_behind_it() {
    let framed = Wire::framed(&ECHOED);
    // The second message misses its beginning; the third is whole.
    let capture = Wire::default()
        .client(1_000, &framed)
        .client(1_042, &framed[10..])
        .client(1_064, &framed)
        .file();
    let run = run_with(&capture, &["view", "-", "--frame", "binary2"]);
    insta::assert_snapshot!(narrow(&run.out), @r"
    1  2026-03-15T02:30:00.003Z  10.0.0.1:40000 > 10.0.0.2:8583  30 bytes  iso87-bcd
    0810  1987, network management, request response, acquirer
      DE 7   transmission date and time           0315023000
      DE 11  systems trace audit number           000001
      DE 39  response code                        00  approved
      DE 70  network management information code  301  echo test

    2  2026-03-15T02:30:00.004Z  10.0.0.1:40000 > 10.0.0.2:8583  20 bytes  skipped
    out of step: the rest of a frame, or of none

    3  2026-03-15T02:30:00.005Z  10.0.0.1:40000 > 10.0.0.2:8583  30 bytes  iso87-bcd
    0810  1987, network management, request response, acquirer
      DE 7   transmission date and time           0315023000
      DE 11  systems trace audit number           000001
      DE 39  response code                        00  approved
      DE 70  network management information code  301  echo test
    ");
    insta::assert_snapshot!(
        run.notes,
        @"note: 10.0.0.1:40000 > 10.0.0.2:8583: 10 bytes not captured"
    );
    assert_eq!(
        run.code, 0,
        "what the capture missed is no fault of a message"
    );
}

#[test]
fn only_conversations_of_the_port_asked_for_are_shown() {
    let capture = dialogue();
    let run = run_with(
        &capture,
        &["view", "-", "--frame", "binary2", "--port", "9"],
    );
    assert_eq!((run.code, &*run.out), (0, ""));
    insta::assert_snapshot!(run.notes, @"note: no message in 6 packets");
}

#[test]
fn wrong_usage_and_unreadable_input_exit_with_2() {
    let capture = dialogue();
    let cases = [
        run(&["view"]),
        run(&["view", "00", "--frame", "binary5"]),
        run(&["view", "nowhere/echo.pcap"]),
        run(&["view", "30 3g"]),
        run(&["view", "capture"]),
        run(&["build", "-"]),
        run_with(b"mti=0800", &["build", "-"]),
        run(&["send", "localhost", "mti=0800"]),
        run(&["replay", "-", "localhost:1", "--connections", "0"]),
        run_with(b"0800", &["view", "-", "--input", "pcap"]),
        run_with(&capture, &["view", "-"]),
    ];
    let notes = cases.iter().map(|run| {
        assert_eq!((run.code, &*run.out), (2, ""), "{}", run.notes);
        run.notes
            .lines()
            .next()
            .unwrap_or_default()
            .split(": \"")
            .next()
            .unwrap_or_default()
    });
    insta::assert_snapshot!(notes.collect::<Vec<_>>().join("\n"), @r#"
    error: the following required arguments were not provided:
    error: invalid value 'binary5' for '--frame <FRAMING>'
    error: no such file, and no hex or base64 either: nowhere/echo.pcap
    error: the argument: hex input, line 1, column 5: expected a hex digit, found 'g'
    error: no such file, and no hex or base64 either: capture
    error: standard input: the input is empty
    error: standard input: expected a JSON object, {"mti":"0800"}
    error: invalid value 'localhost' for '<HOST:PORT>': expected both, as in 127.0.0.1:8583
    error: invalid value '0' for '--connections <N>': 0 is not in 1..=64
    error: standard input: no pcap or pcapng file: the first four bytes are none of theirs
    error: a capture needs --frame: iso8583 doctor finds it, iso8583 specs frames lists
    "#);
}

#[test]
fn bytes_in_a_frame_that_nobody_told_of_are_left_to_the_doctor() {
    let framed = hex(&Wire::framed(&PURCHASE));
    let hint = "no dialect reads the beginning: iso8583 doctor tries every framing and dialect\n";
    for command in ["view", "validate"] {
        let run = run(&[command, &framed]);
        assert_eq!((run.code, run.notes), (1, format!("note: {hint}")));
    }
    let redacted = run(&["redact", &framed]);
    let error = format!("error: the argument: {hint}");
    assert_eq!((redacted.code, redacted.notes), (1, error));
    let asked = run(&["view", &framed, "--spec", "iso87-bcd"]);
    assert_eq!((asked.code, &*asked.notes), (1, ""));
}

#[test]
fn colours_are_for_terminals_or_for_those_who_ask() {
    let echo = hex(&ECHOED);
    assert!(!run(&["view", &echo]).out.contains('\u{1b}'));
    assert!(
        run(&["view", &echo, "--color", "always"])
            .out
            .contains("\u{1b}[1m1")
    );
}

#[test]
fn completions_are_printed_for_a_shell() {
    let run = run(&["completions", "bash"]);
    assert_eq!(run.code, 0);
    assert!(run.out.contains("complete -F _iso8583"), "{}", run.out);
}

/// A purchase in two packets that changed places, a keep-alive, and the answer of an echo.
fn dialogue() -> Vec<u8> {
    let purchase = Wire::framed(&PURCHASE);
    let (start, end) = purchase.split_at(100);
    Wire::default()
        .client(1_100, end)
        .client(1_000, start)
        .server(5_000, b"\0\0")
        .server(5_002, &Wire::framed(&ECHOED))
        .file()
}
