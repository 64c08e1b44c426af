use std::sync::mpsc;
use std::time::Duration;

use super::{Records, open, open_with, record, settings, write};
use crate::testing::{Crash, SimDisk};
use crate::{AppendError, Journal, OpenError, Position, Settings};

#[test]
fn records_come_back_in_order_each_with_the_position_its_write_returned() {
    let disk = SimDisk::new(1);
    let mut written: Records = Vec::new();
    for _life in 0..3 {
        let (mut journal, recovered, records) = open(&disk).unwrap();
        assert_eq!(records, written);
        assert_eq!(recovered.cut_bytes, 0);
        for _block in 0..7 {
            let block = [0, 1].map(|more| record(written.len() + more, 90 * more));
            for record in &block {
                journal.append(record).unwrap();
            }
            let position = journal.write().unwrap();
            assert_eq!(journal.write().unwrap(), position, "nothing to write");
            written.extend(block.map(|record| (position, record)));
        }
        assert!(journal.append(b"never written").is_ok());
    }
    let (_, recovered, _) = open(&disk).unwrap();
    assert_eq!((recovered.records, recovered.blocks), (42, 21));
    assert!(
        disk.names().len() > 3,
        "several segments: {:?}",
        disk.names()
    );
}

#[test]
fn an_empty_record_is_a_record() {
    let disk = SimDisk::new(1);
    let (mut journal, _, _) = open(&disk).unwrap();
    let position = write(&mut journal, b"");
    drop(journal);
    assert_eq!(open(&disk).unwrap().2, [(position, Vec::new())]);
}

#[test]
fn a_record_no_block_could_hold_and_one_too_many_are_refused() {
    let disk = SimDisk::new(1);
    let (mut journal, _, _) = open(&disk).unwrap();
    let error = journal.append(&[7; 397]).unwrap_err();
    let says = "a record of 397 bytes; a block of this journal holds 396";
    assert_eq!(error.to_string(), says);
    journal.append(&[7; 396]).unwrap();
    assert!(matches!(journal.append(b""), Err(AppendError::BlockFull)));
    journal.write().unwrap();
    journal.append(b"fits now").unwrap();
    journal.discard();
    let end = journal.write().unwrap();
    drop(journal);
    let (_, recovered, records) = open(&disk).unwrap();
    assert_eq!((recovered.end, records.len()), (end, 1));
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let good = settings();
    let wrong = [
        Settings {
            segment_bytes: 64 + 40 + 399,
            ..good
        },
        Settings {
            segment_bytes: usize::MAX,
            ..good
        },
        Settings {
            block_bytes_max: 63,
            ..good
        },
        Settings {
            sync_every: Some(Duration::ZERO),
            ..good
        },
    ];
    for settings in wrong {
        let opened = open_with(&SimDisk::new(1), settings);
        assert!(
            matches!(opened, Err(OpenError::Settings(_))),
            "{settings:?}"
        );
    }
}

#[test]
fn forgotten_segments_go_only_when_that_is_durable_and_no_record_still_needed_does() {
    let disk = SimDisk::new(1);
    let (mut journal, _, _) = open(&disk).unwrap();
    let positions: Vec<Position> = (0..20)
        .map(|number| write(&mut journal, &record(number, 200)))
        .collect();
    journal.syncer().sync().unwrap();
    let before = disk.names();
    journal.forget_before(positions[10]);
    journal.tend();
    write(&mut journal, &record(20, 200));
    journal.tend();
    let all_there = |names: &[String]| before.iter().all(|name| names.contains(name));
    assert!(all_there(&disk.names()), "not durable yet");
    journal.syncer().sync().unwrap();
    journal.tend();
    assert!(!all_there(&disk.names()));
    drop(journal);
    let (_, _, records) = open(&disk.crash(Crash::Machine)).unwrap();
    let first = records.iter().position(|(at, _)| *at == positions[10]);
    assert!(
        first.is_some_and(|first| first < 4),
        "grain of one segment: {first:?}"
    );
    assert_eq!(records.last().unwrap().1, record(20, 200));
}

#[test]
fn the_next_segment_is_made_ahead_and_taken() {
    let disk = SimDisk::new(1);
    let (mut journal, _, _) = open(&disk).unwrap();
    journal.tend();
    assert_eq!(disk.content("spare"), vec![0; 1_024]);
    for number in 0..5 {
        write(&mut journal, &record(number, 200));
    }
    let names = disk.names();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(!names.contains(&"spare".to_owned()));
    assert_eq!(disk.content(&names[1]).len(), 1_024);
    journal.tend();
    assert!(disk.names().contains(&"spare".to_owned()));
}

#[test]
fn threads_sync_what_was_written_and_tell_the_waker() {
    let (tell, told) = mpsc::channel();
    let threaded = Settings {
        sync_every: Some(Duration::from_millis(1)),
        ..settings()
    };
    let disk = SimDisk::new(1);
    let waker = move |position| tell.send(position).unwrap();
    let none = |_: Position, _: &[u8]| Ok::<_, std::fmt::Error>(());
    let (mut journal, _) = Journal::open(disk.clone(), threaded, waker, none).unwrap();
    for number in 0..50 {
        let position = write(&mut journal, &record(number, 200));
        while told.recv_timeout(Duration::from_secs(10)).unwrap() < position {}
        assert!(journal.syncer().synced() >= position);
    }
    drop(journal);
    let (_, _, records) = open(&disk.crash(Crash::Machine)).unwrap();
    assert_eq!(records.len(), 50);
}

#[test]
fn what_is_asked_for_is_synced_long_before_the_interval_is_over() {
    let (tell, told) = mpsc::channel();
    let rare = Settings {
        sync_every: Some(Duration::from_secs(3_600)),
        ..settings()
    };
    let waker = move |position| tell.send(position).unwrap();
    let none = |_: Position, _: &[u8]| Ok::<_, std::fmt::Error>(());
    let (mut journal, _) = Journal::open(SimDisk::new(1), rare, waker, none).unwrap();
    let begun = told.recv_timeout(Duration::from_secs(10)).unwrap();
    let position = write(&mut journal, b"a reversal");
    assert_eq!(journal.syncer().synced(), begun);
    journal.syncer().ask(position);
    let synced = told.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(synced, position);
}

#[test]
fn a_dropped_journal_has_synced_what_it_wrote() {
    let rare = Settings {
        sync_every: Some(Duration::from_secs(3_600)),
        ..settings()
    };
    let disk = SimDisk::new(1);
    let (mut journal, _, _) = open_with(&disk, rare).unwrap();
    write(&mut journal, b"written");
    drop(journal);
    assert_eq!(open(&disk.crash(Crash::Machine)).unwrap().2.len(), 1);
}
