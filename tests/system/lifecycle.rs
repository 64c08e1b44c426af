//! Starting and stopping.

use std::io::Write;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use support::cards::SANDBOX;
use support::eventually;
use support::messages::purchase;

use crate::{programs, world};

#[test]
fn programs_end_well_when_asked_to_with_acquirers_still_connected() {
    let mut world = world();
    let mut van = world.van();
    assert_eq!(van.code(&purchase(SANDBOX, 1_000)), "00");
    world.terminate();
    assert!(van.is_closed_by_peer());
}

#[test]
fn an_admin_client_that_holds_its_connection_does_not_keep_the_switch_from_ending() {
    let mut world = world();
    let mut held = TcpStream::connect(&world.admin).unwrap();
    held.write_all(b"GET /met").unwrap();
    world.terminate();
}

#[test]
fn a_stopping_switch_answers_91_and_finishes_what_is_in_flight() {
    let mut world = world();
    let mut van = world.van();
    world.stop_issuer(true);
    let first = purchase(SANDBOX, 1_000);
    van.send(std::slice::from_ref(&first));
    eventually("it is in flight", || {
        world.metric("switch_in_flight_requests") == 1
    });
    std::thread::scope(|scope| {
        let ending = scope.spawn(|| world.end_switch());
        std::thread::sleep(Duration::from_millis(100));
        van.send(&[purchase(SANDBOX, 2_000)]);
        let refused = van.receive().unwrap();
        assert_eq!(
            (refused.text(39), refused.text(4)),
            (Some("91"), Some("000000002000"))
        );
        // The first is never answered by the issuer, which stays frozen: 91, and a reversal that
        // nobody hears before the drain is over.
        assert_eq!(van.receive().unwrap().field(11), first.field(11));
        ending.join().unwrap();
    });
    assert!(van.is_closed_by_peer());
}

#[test]
fn a_taken_port_is_named_with_the_flag_that_changes_it() {
    let world = world();
    let started = Command::new(programs().switch)
        .args([
            "--listen",
            &format!("van={}", world.van),
            "--admin",
            "127.0.0.1:0",
        ])
        .output()
        .unwrap();
    let words = String::from_utf8(started.stderr).unwrap();
    assert!(!started.status.success());
    let expected = format!(
        "cannot listen on {} (listener van; --listen van=HOST:PORT)",
        world.van
    );
    assert!(words.contains(&expected), "{words}");
}

#[test]
fn a_configuration_is_checked_without_being_run() {
    let checked = Command::new(programs().switch)
        .arg("--check-config")
        .output()
        .unwrap();
    assert!(checked.status.success());
    let text = String::from_utf8(checked.stdout).unwrap();
    let config: switch::Config = toml::from_str(&text).unwrap();
    assert_eq!(config, switch::Config::default());

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("switch.toml");
    std::fs::write(&file, "[[issuer]]\nname = 'x'\nanswer_timeuot = '1s'\n").unwrap();
    let args = [
        "--check-config".as_ref(),
        "--config".as_ref(),
        file.as_os_str(),
    ];
    let refused = Command::new(programs().switch).args(args).output().unwrap();
    let words = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success());
    assert!(words.contains("answer_timeuot"), "{words}");
}
