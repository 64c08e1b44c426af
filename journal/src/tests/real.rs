//! On the real file system, with real processes.

use std::fmt::Error;
use std::fs;
use std::io::{BufRead, BufReader, Write as _, stdout};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{record, write};
use crate::{Journal, OpenError, Position, RealDisk, Recovered, Settings};

fn settings() -> Settings {
    Settings {
        segment_bytes: 64 * 1_024,
        block_bytes_max: 4 * 1_024,
        low_water_bytes: 0,
        ..Settings::default()
    }
}

fn open(folder: &Path) -> Result<(Journal, Recovered, Vec<Vec<u8>>), OpenError> {
    let mut records = Vec::new();
    let disk = RealDisk::open(folder)?;
    let opened = Journal::open(
        disk,
        settings(),
        |_| {},
        |_, record| {
            records.push(record.to_vec());
            Ok::<_, Error>(())
        },
    );
    opened.map(|(journal, recovered)| (journal, recovered, records))
}

const FOLDER: &str = "JOURNAL_TEST_FOLDER";

/// What the process does that is killed: writes, and tells of each record that it is written.
fn write_until_killed(folder: &Path) {
    let (mut journal, recovered, _) = open(folder).unwrap();
    let first = usize::try_from(recovered.records).unwrap();
    for number in first.. {
        write(&mut journal, &record(number, 300));
        writeln!(stdout(), "\nwritten {number}").unwrap();
    }
}

fn start_writer(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", KILL_TEST])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

const KILL_TEST: &str =
    "tests::real::what_was_written_survives_kill_9_and_two_processes_are_refused";

fn written(line: &str) -> Option<usize> {
    line.strip_prefix("written ")?.parse().ok()
}

#[test]
fn what_was_written_survives_kill_9_and_two_processes_are_refused() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return write_until_killed(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("made/for/it");
    let mut last = 0;
    for life in 0..5 {
        let mut child = start_writer(&folder);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let enough = last + 200 + 37 * life;
        let mut told = lines.by_ref().filter_map(|line| written(&line.unwrap()));
        assert!(told.any(|number| number >= enough));
        assert!(matches!(open(&folder), Err(OpenError::InUse { .. })));
        child.kill().unwrap();
        child.wait().unwrap();
        // What it told before it died stands in the pipe.
        let told = lines
            .map_while(Result::ok)
            .filter_map(|line| written(&line));
        last = told.max().unwrap_or(enough).max(enough);
        let (journal, recovered, records) = open(&folder).unwrap();
        // A write across pages may be killed between two of them.
        assert!(recovered.cut_bytes < 40 + 4 + 300, "{recovered:?}");
        assert!(records.len() > last, "{} of {last}", records.len());
        for (number, found) in records.iter().enumerate() {
            assert_eq!(*found, record(number, 300));
        }
        last = records.len();
        drop(journal);
    }
}

#[test]
fn files_are_their_owners_only_and_the_next_segment_is_zero_filled() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _, _) = open(folder.path()).unwrap();
    for number in 0..400 {
        write(&mut journal, &record(number, 300));
        if number % 100 == 0 {
            journal.tend();
        }
    }
    journal.tend();
    journal.close().unwrap();
    let entries: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(
        entries.len(),
        5,
        "lock, spare and three segments: {entries:?}"
    );
    for entry in entries {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let spare = fs::read(folder.path().join("spare")).unwrap();
    assert_eq!(spare, vec![0; 64 * 1_024]);
    let (_, recovered, records) = open(folder.path()).unwrap();
    assert_eq!((records.len(), recovered.cut_bytes), (400, 0));
}

#[test]
fn appending_and_writing_take_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let disk = RealDisk::open(folder.path()).unwrap();
    let by_hand = Settings {
        sync_every: None,
        ..settings()
    };
    let none = |_: Position, _: &[u8]| Ok::<_, Error>(());
    let (mut journal, _) = Journal::open(disk, by_hand, |_| {}, none).unwrap();
    let record = record(0, 300);
    let taken = allocation_counter::measure(|| {
        for _ in 0..50 {
            journal.append(&record).unwrap();
            journal.append(&record).unwrap();
            journal.write().unwrap();
        }
    });
    assert_eq!(taken.count_total, 0);
}
