//! Stopping, starting, and what stands in the way of either.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use issuer_sim::StartError;

use crate::world::{SANDBOX_CARD, World, code, purchase, reversal, swiped, text};

#[test]
fn a_restart_keeps_money_repeats_tombstones_and_tries() {
    let mut world = World::new();
    let bought = purchase(1, 15_000);
    let undone = purchase(2, 5_000);
    let never_seen = purchase(3, 7_000);
    let mut acquirer = world.connect();
    let first = acquirer.ask(&bought);
    acquirer.ask(&undone);
    acquirer.ask(&reversal(&undone));
    acquirer.ask(&reversal(&never_seen));
    assert_eq!(
        code(&acquirer.ask(&swiped(purchase(4, 1), Some("9999")))),
        "55"
    );
    world.start();
    let mut acquirer = world.connect();
    assert_eq!(acquirer.ask(&bought), first);
    assert_eq!(code(&acquirer.ask(&undone)), "94");
    assert_eq!(code(&acquirer.ask(&never_seen)), "94");
    assert_eq!(world.available(), 485_000);
    assert_eq!(
        code(&acquirer.ask(&swiped(purchase(5, 1), Some("9999")))),
        "55"
    );
    assert_eq!(
        code(&acquirer.ask(&swiped(purchase(6, 1), Some("9999")))),
        "75"
    );
    // A reversal finds an original from before the restart.
    assert_eq!(code(&acquirer.ask(&reversal(&bought))), "00");
    assert_eq!(world.available(), 500_000);
    let approvals = [text(&first, 38), text(&acquirer.ask(&purchase(7, 1)), 38)];
    assert_ne!(approvals[0], approvals[1]);
}

#[test]
fn nothing_secret_is_in_the_journal() {
    let mut world = World::new();
    let mut acquirer = world.connect();
    acquirer.ask(&swiped(purchase(1, 1_000), Some("1234")));
    acquirer.ask(&purchase(2, 1_000));
    world.stop();
    let files = fs::read_dir(world.ledger()).unwrap();
    let files = files.map(|file| fs::read(file.unwrap().path()).unwrap());
    let bytes = files.collect::<Vec<_>>().concat();
    let contains = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    assert!(contains(b"MALL00000000001"));
    assert!(!contains(SANDBOX_CARD.as_bytes()));
    assert!(!contains(&SANDBOX_CARD.as_bytes()[..12]));
    assert!(!contains(&[0x99, 0x99, 0x99, 0x01, 0, 0, 0, 0x05]));
    assert!(!contains(b"99999902"));
    assert!(!contains(&crate::world::pin_block("1234", SANDBOX_CARD)));
}

#[test]
fn a_taken_port_names_address_and_flag() {
    let world = World::new();
    let taken = world.host_address();
    for (flag, change) in [("--listen", true), ("--office", false)] {
        let mut config = world.config();
        config.data = world.folder.path().join("other");
        if change {
            config.host.listen = taken;
        } else {
            config.office.listen = taken;
        }
        let error = world.try_start(config).unwrap_err();
        let expected = format!("cannot listen on {taken} (change it with {flag})");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn no_key_a_wide_key_another_key_or_a_second_issuer_does_not_start() {
    let mut world = World::new();
    let second = world.try_start(world.config()).unwrap_err();
    assert!(matches!(second, StartError::Journal(_)), "{second}");
    world.stop();
    let key = world.folder.path().join("key");
    fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
    let wide = world.try_start(world.config()).unwrap_err();
    assert!(wide.to_string().contains("has mode 0644"), "{wide}");
    fs::remove_file(&key).unwrap();
    let absent = world.try_start(world.config()).unwrap_err();
    assert!(absent.to_string().contains("issuer-sim keygen"), "{absent}");
    issuer_sim::generate_key_file(&key).unwrap();
    let other = world.try_start(world.config()).unwrap_err();
    assert!(
        other.to_string().contains("under another key file"),
        "{other}"
    );
}

#[test]
fn outside_the_sandbox_a_zone_key_must_be_named_and_there_is_no_silence() {
    let mut world = World::new();
    world.stop();
    let mut config = world.config();
    config.sandbox = false;
    let error = world.try_start(config.clone()).unwrap_err();
    assert!(matches!(error, StartError::NoZoneKey), "{error}");
    config.zone_key_file = world.folder.path().join("zone");
    fs::write(&config.zone_key_file, "11223344556677888877665544332211\n").unwrap();
    fs::set_permissions(&config.zone_key_file, PermissionsExt::from_mode(0o644)).unwrap();
    assert!(matches!(
        world.try_start(config.clone()),
        Err(StartError::ZoneKey { .. })
    ));
    fs::set_permissions(&config.zone_key_file, PermissionsExt::from_mode(0o600)).unwrap();
    world.try_start(config).unwrap();
}

#[test]
fn a_sandbox_with_data_stays_as_it_was() {
    let mut world = World::new();
    world.connect().ask(&purchase(1, 15_000));
    let books = world.office("GET /v1/trial-balance", None);
    world.start();
    assert_eq!(world.available(), 485_000);
    assert_eq!(world.office("GET /v1/trial-balance", None), books);
}

#[test]
fn a_restart_begins_with_a_snapshot_and_reads_what_is_behind_it() {
    let mut world = World::new();
    world.stop();
    let mut config = world.config();
    config.journal.snapshot_bytes = 1 << 20;
    world.start_as(config.clone());
    let ledger = world.ledger();
    let snapshots = || {
        let files = fs::read_dir(&ledger).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".snapshot")).count()
    };
    // The cards alone are more than a snapshot is made for.
    let began = std::time::Instant::now();
    while snapshots() == 0 {
        assert!(began.elapsed().as_secs() < 30, "no snapshot is made");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let bought = purchase(1, 15_000);
    let first = world.connect().ask(&bought);
    world.start_as(config);
    assert_eq!(world.connect().ask(&bought), first);
    assert_eq!(world.available(), 485_000);
    assert_eq!(code(&world.connect().ask(&reversal(&bought))), "00");
    assert_eq!(world.available(), 500_000);
    let (_, trial) = world.office("GET /v1/trial-balance", None);
    assert_eq!(
        (&trial["balanced"], &trial["cards"]),
        (&true.into(), &10_001.into())
    );
}

#[test]
fn a_nearly_full_disk_answers_96_and_takes_reversals() {
    let mut world = World::new();
    let bought = purchase(1, 15_000);
    assert_eq!(code(&world.connect().ask(&bought)), "00");
    world.stop();
    let mut config = world.config();
    // More than any disk has.
    config.journal.low_water_bytes = 1 << 60;
    world.start_as(config);
    let mut acquirer = world.connect();
    assert_eq!(code(&acquirer.ask(&purchase(2, 1_000))), "96");
    assert_eq!(
        code(&acquirer.ask(&bought)),
        "00",
        "a repeat is still a repeat"
    );
    assert_eq!(code(&acquirer.ask(&reversal(&bought))), "00");
    assert_eq!(world.available(), 500_000);
    let body = serde_json::json!({ "password": "1234" });
    let (status, problem) = world.office("POST /v1/cards", Some(body));
    assert_eq!(
        (status, &problem["detail"]),
        (503, &"the disk of the ledger is nearly full".into())
    );
}

#[test]
fn a_journal_of_before_is_refused_with_what_to_do() {
    let mut world = World::new();
    world.stop();
    let old = world.folder.path().join("data").join("journal");
    fs::write(&old, "PANSORIJ").unwrap();
    let error = world.try_start(world.config()).unwrap_err().to_string();
    let expected = format!("{} is a journal of format 1", old.display());
    assert!(error.starts_with(&expected), "{error}");
    assert!(error.contains("move it away to begin anew"), "{error}");
    assert_eq!(fs::read(&old).unwrap(), b"PANSORIJ", "left as it was");
}
