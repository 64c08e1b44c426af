//! The process killed under load: what a client saw approved is in the books, once.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use iso8583::Mti;

use crate::world::{Acquirer, code, frame, message, purchase, text};

const ROUNDS: u32 = 4;
const PURCHASES_A_ROUND: u32 = 2_000;

/// The program of its own, and where it says that it listens.
fn spawn(folder: &std::path::Path) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_issuer-sim"))
        .args([
            "--sandbox",
            "--listen",
            "127.0.0.1:0",
            "--office",
            "127.0.0.1:0",
        ])
        .arg("--data")
        .arg(folder.join("data"))
        .arg("--key-file")
        .arg(folder.join("key"))
        .env("RUST_LOG", "info")
        .env("NO_COLOR", "1")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let up = lines
        .find_map(|line| line.ok().filter(|line| line.contains("issuer is up")))
        .expect("the issuer says that it is up");
    std::thread::spawn(move || lines.for_each(drop));
    let host = up.split_once("host=").unwrap().1;
    (child, host.split_whitespace().next().unwrap().to_owned())
}

fn connect(address: &str) -> Acquirer {
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    Acquirer { stream }
}

#[test]
fn a_killed_issuer_keeps_every_approval_that_left_and_none_twice() {
    let folder = tempfile::tempdir().unwrap();
    issuer_sim::generate_key_file(&folder.path().join("key")).unwrap();
    let mut approved: BTreeMap<u32, String> = BTreeMap::new();
    for round in 0..ROUNDS {
        let (mut child, address) = spawn(folder.path());
        let mut acquirer = connect(&address);
        let stans = round * PURCHASES_A_ROUND + 1..=(round + 1) * PURCHASES_A_ROUND;
        let burst: Vec<u8> = stans.flat_map(|stan| frame(&purchase(stan, 1))).collect();
        let mut sender = acquirer.stream.try_clone().unwrap();
        // Ends with an error when the process is killed half way.
        let sending = std::thread::spawn(move || sender.write_all(&burst).is_ok());
        let kept = 50 + round * 400;
        while let Some(answer) = acquirer.try_receive() {
            assert_eq!(code(&answer), "00");
            let stan = text(&answer, 11).parse().unwrap();
            approved.insert(stan, text(&answer, 38));
            if approved.len() % 2_000 == usize::try_from(kept).unwrap() {
                child.kill().unwrap();
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        sending.join().unwrap();
    }
    assert!(!approved.is_empty());
    let (mut child, address) = spawn(folder.path());
    let mut acquirer = connect(&address);
    let balance = |acquirer: &mut Acquirer, stan| {
        let inquiry = message(Mti::AUTHORIZATION_REQUEST, "310000", stan, 0);
        text(&acquirer.ask(&inquiry), 54)[8..20]
            .parse::<u32>()
            .unwrap()
    };
    let before = balance(&mut acquirer, 900_001);
    let spent = 500_000 - before;
    // Some purchases were durable and their answers cut off with the process.
    let sent = ROUNDS * PURCHASES_A_ROUND;
    assert!((u32::try_from(approved.len()).unwrap()..=sent).contains(&spent));
    for (stan, approval) in &approved {
        let answer = acquirer.ask(&purchase(*stan, 1));
        assert_eq!(
            (code(&answer), &text(&answer, 38)),
            ("00".into(), approval),
            "{stan}"
        );
    }
    assert_eq!(balance(&mut acquirer, 900_002), before);
    child.kill().unwrap();
    child.wait().unwrap();
}
