use std::error::Error;
use std::sync::mpsc;

use super::{open, open_with, record, settings, write};
use crate::testing::{Crash, SimDisk};
use crate::{AppendError, Journal, Position, Settings, WriteError};

#[test]
fn a_failed_sync_is_final_and_told() {
    let (tell, told) = mpsc::channel();
    let disk = SimDisk::new(1);
    let waker = move |position| tell.send(position).unwrap();
    let none = |_: Position, _: &[u8]| Ok::<_, std::fmt::Error>(());
    let (mut journal, _) = Journal::open(disk.clone(), settings(), waker, none).unwrap();
    let syncer = journal.syncer();
    let begun = told.recv().unwrap();
    write(&mut journal, b"doubtful");
    journal.append(b"open").unwrap();
    disk.fail_syncs();
    let failure = syncer.sync().unwrap_err();
    assert_eq!(
        failure.to_string(),
        "journal sim/00000000000000000000.journal could not be written or synced; \
         it takes nothing any more"
    );
    let cause = failure.source().unwrap().to_string();
    assert!(cause.contains("Input/output error"), "{cause}");
    assert_eq!(told.recv().unwrap(), begun, "waiters look at `failed`");
    assert!(syncer.failed().is_some());
    assert_eq!(syncer.synced(), begun);
    assert!(matches!(
        journal.append(b"more"),
        Err(AppendError::Failed(_))
    ));
    assert!(matches!(journal.write(), Err(WriteError::Failed(_))));
    let operations = disk.operations();
    assert!(syncer.sync().is_err());
    journal.tend();
    assert_eq!(disk.operations(), operations, "nothing is tried again");
}

/// After a failed sync Linux shows data that it will never write. Whoever reads it and syncs
/// again must not call it durable.
#[test]
fn what_is_recovered_after_a_failed_sync_is_durable() {
    for seed in 0..100 {
        let disk = SimDisk::new(seed);
        let (mut journal, _, _) = open(&disk).unwrap();
        for number in 0..9 {
            write(&mut journal, &record(number, 300));
        }
        disk.fail_syncs();
        journal.syncer().sync().unwrap_err();
        drop(journal);
        let disk = disk.crash(Crash::Process);
        let (journal, _, found) = open(&disk).unwrap();
        assert_eq!(found.len(), 9, "{seed}");
        drop(journal);
        let (_, _, again) = open(&disk.crash(Crash::Machine)).unwrap();
        assert_eq!(again, found, "{seed}");
    }
}

#[test]
fn a_disk_is_told_nearly_full_before_it_is_full_and_the_journal_goes_on_when_there_is_room() {
    let disk = SimDisk::new(1);
    let careful = Settings {
        low_water_bytes: 2_000,
        ..settings()
    };
    let (mut journal, _, _) = open_with(&disk, careful).unwrap();
    disk.set_bytes_max(6_000);
    let syncer = journal.syncer();
    let (mut positions, mut told) = (Vec::new(), None);
    let full = loop {
        journal.append(&record(positions.len(), 200)).unwrap();
        match journal.write() {
            Ok(position) => positions.push(position),
            Err(error) => break error,
        }
        syncer.sync().unwrap();
        journal.tend();
        if journal.is_nearly_full() {
            told.get_or_insert(positions.len());
        }
    };
    assert!(matches!(full, WriteError::DiskFull { .. }), "{full}");
    assert!(syncer.failed().is_none());
    let left = positions.len() - told.unwrap();
    assert!((5..=9).contains(&left), "{left} more records fitted");
    disk.set_bytes_max(60_000);
    positions.push(journal.write().unwrap());
    syncer.sync().unwrap();
    assert!(!journal.is_nearly_full());
    drop(journal);
    let (_, recovered, found) = open_with(&disk.crash(Crash::Machine), careful).unwrap();
    let found: Vec<Position> = found.into_iter().map(|(position, _)| position).collect();
    assert_eq!((found, recovered.cut_bytes), (positions, 0));
}

#[test]
fn the_rest_of_a_block_without_room_is_not_taken_for_damage() {
    let disk = SimDisk::new(1);
    let (mut journal, _, _) = open(&disk).unwrap();
    for number in 0..6 {
        write(&mut journal, &record(number, 200));
    }
    // In the second segment, which grows, as no spare was made.
    disk.set_bytes_max(1_024 + 900);
    journal.append(&record(6, 80)).unwrap();
    journal.write().unwrap_err();
    journal.discard();
    disk.set_bytes_max(u64::MAX);
    // Too large for what is left of the segment: the torn part stays in it, before a next one.
    write(&mut journal, &record(6, 390));
    journal.syncer().sync().unwrap();
    write(&mut journal, &record(7, 200));
    drop(journal);
    assert_eq!(disk.names().len(), 3);
    let (_, recovered, found) = open(&disk).unwrap();
    assert_eq!((found.len(), recovered.cut_bytes), (8, 0));
}

/// Two blocks at one place, of which a full disk took the first part of each: the one could be
/// made whole by what is left of the other.
#[test]
fn what_was_discarded_never_comes_back() {
    for seed in 0..50 {
        for crash in [Crash::Process, Crash::Machine] {
            let disk = SimDisk::new(seed);
            let (mut journal, _, _) = open(&disk).unwrap();
            let kept = write(&mut journal, b"kept");
            // Not even what was there before can be overwritten, as on a file system that copies.
            for (bytes, lacking) in [(150, 10), (60, 30)] {
                let used: usize = disk.names().iter().map(|it| disk.content(it).len()).sum();
                disk.set_bytes_max(u64::try_from(used - lacking).unwrap());
                journal.append(&record(7, bytes)).unwrap();
                journal.write().unwrap_err();
                journal.discard();
            }
            drop(journal);
            disk.set_bytes_max(u64::MAX);
            let found = open(&disk.crash(crash)).unwrap().2;
            let kept = (kept, b"kept".to_vec());
            assert!(
                found.iter().all(|found| *found == kept),
                "{seed}: {found:?}"
            );
        }
    }
}

#[test]
fn no_spare_segment_is_made_that_would_fill_the_disk() {
    let disk = SimDisk::new(1);
    let (journal, _, _) = open(&disk).unwrap();
    disk.set_bytes_max(2_047);
    journal.tend();
    assert!(!disk.names().contains(&"spare".to_owned()));
    disk.set_bytes_max(2_048);
    journal.tend();
    assert!(disk.names().contains(&"spare".to_owned()));
}
