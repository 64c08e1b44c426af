//! Reading what is on the disk beside the one writer, and without one.

use super::*;
use crate::testing::Crash;
use crate::{segments, verify};

type Read = Result<(Position, Vec<Vec<u8>>), OpenError>;

fn replay(journal: &Journal, from: Position) -> Read {
    let mut records = Vec::new();
    let until = journal.syncer().replay(from, |_, record| {
        records.push(record.to_vec());
        Ok::<_, Error>(())
    })?;
    Ok((until, records))
}

#[test]
fn what_is_durable_is_read_from_any_position_while_more_is_written() {
    let disk = SimDisk::new(1);
    let (mut journal, _, _) = open(&disk).unwrap();
    let all: Vec<Vec<u8>> = (0..40).map(|number| record(number, 90)).collect();
    let ends: Vec<Position> = all.iter().map(|it| write(&mut journal, it)).collect();
    assert_eq!(replay(&journal, Position::default()).unwrap().1.len(), 0);
    let synced = journal.syncer().sync().unwrap();
    write(&mut journal, &record(40, 90));
    assert!(disk.names().len() > 4, "several segments");
    for (from, kept) in [
        (Position::default(), 0),
        (ends[0], 1),
        (ends[17], 18),
        (ends[39], 40),
    ] {
        let (until, records) = replay(&journal, from).unwrap();
        assert_eq!((until, records.as_slice()), (synced, &all[kept..]));
    }
}

#[test]
fn a_position_that_was_given_up_is_not_read_from() {
    let disk = SimDisk::new(1);
    let (mut journal, _, _) = open(&disk).unwrap();
    let ends: Vec<Position> = (0..40)
        .map(|number| write(&mut journal, &record(number, 90)))
        .collect();
    journal.forget_before(ends[30]);
    write(&mut journal, &record(40, 90));
    journal.syncer().sync().unwrap();
    journal.tend();
    assert_eq!(replay(&journal, ends[30]).unwrap().1.len(), 10);
    let error = replay(&journal, ends[0]).unwrap_err().to_string();
    assert!(
        error.ends_with("segments before this one are missing"),
        "{error}"
    );
    let segments = segments(&disk).unwrap();
    assert!(segments[0].0 > ends[0] && segments[0].0 < ends[30]);
    let names: Vec<String> = segments.into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, disk.names()[..names.len()]);
}

#[test]
fn damage_of_what_is_durable_is_told_though_no_later_block_says_so() {
    let disk = SimDisk::new(1);
    let (mut journal, _, _) = open(&disk).unwrap();
    let end = write(&mut journal, &record(1, 90));
    journal.syncer().sync().unwrap();
    let name = disk.names().remove(0);
    let whole = disk.content(&name);
    let last = usize::try_from(end.bytes()).unwrap() - 1;
    for byte in 0..last {
        let mut broken = whole.clone();
        broken[byte] ^= 1;
        disk.put(&name, &broken);
        assert!(
            replay(&journal, Position::default()).is_err(),
            "byte {byte}"
        );
    }
}

#[test]
fn verifying_says_what_opening_would_and_changes_nothing() {
    let identity = settings().identity;
    for seed in 0..60 {
        let disk = SimDisk::new(seed);
        let (mut journal, _, _) = open(&disk).unwrap();
        for number in 0..30 {
            write(&mut journal, &record(number, 60));
            if number == 11 {
                journal.syncer().sync().unwrap();
            }
        }
        let disk = disk.crash(Crash::Machine);
        drop(journal);
        let before: Vec<_> = disk.names().iter().map(|name| disk.content(name)).collect();
        let mut seen = Vec::new();
        let verified = verify(&disk, identity, |position, record| {
            seen.push((position, record.to_vec()));
            Ok::<_, Error>(())
        });
        let after: Vec<_> = disk.names().iter().map(|name| disk.content(name)).collect();
        assert_eq!(before, after, "{seed}");
        let (_, recovered, records) = open(&disk).unwrap();
        assert_eq!((verified.unwrap(), seen), (recovered, records), "{seed}");
    }
}
