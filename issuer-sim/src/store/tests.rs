//! The store on a disk that crashes, fails and fills up: what comes back, and what does not start.

use std::sync::Arc;
use std::time::Duration;

use ::journal::testing::{Crash, SimDisk};
use fastrand::Rng;

use super::journal::{Journal, OpenError, Opened, Settings};
use super::keeper::KeepError;
use super::{Store, parts, snapshot};
use crate::books::{Books, Policy};
use crate::clock::Now;
use crate::kit::{
    World, at, completion, eventful, inquiry, policy, pre_authorization, purchase, refund, reversal,
};
use crate::record::Record;
use crate::request::Request;

fn settings() -> Settings {
    Settings {
        identity: [5; 16],
        segment_bytes: 4_096,
        low_water_bytes: 0,
        snapshot_bytes: 4_000,
        tend_every: None,
    }
}

fn open(disk: &SimDisk) -> Result<Opened, OpenError> {
    open_with(disk, settings(), policy())
}

fn open_with(disk: &SimDisk, settings: Settings, policy: Policy) -> Result<Opened, OpenError> {
    Journal::open(Arc::new(disk.clone()), settings, policy)
}

/// All that is in the books, as a snapshot holds it.
fn state(books: &Books) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in books.parts() {
        parts::encode(&part, &mut bytes);
    }
    bytes
}

fn replayed(records: &[Record]) -> Books {
    let mut books = Books::new(policy());
    for record in records {
        books.apply(record).unwrap();
    }
    books
}

/// How many of the records, at least those promised, make just these books.
fn kept(records: &[Record], promised: usize, found: &Books) -> Option<usize> {
    let found = state(found);
    let mut books = replayed(&records[..promised]);
    for (kept, record) in (promised..).zip(&records[promised..]) {
        if state(&books) == found {
            return Some(kept);
        }
        books.apply(record).unwrap();
    }
    (state(&books) == found).then_some(records.len())
}

/// Writes each record as a group of its own.
fn write(opened: &mut Opened, records: &[Record]) {
    for record in records {
        opened.journal.append(record);
        opened.journal.sync().unwrap();
    }
}

/// Lets the segments go that were given up: once a later group says so.
fn settle(opened: &mut Opened, world: &mut World) {
    let stan = 1_000 + u32::try_from(world.records.len()).unwrap();
    world.send(&inquiry(stan).build());
    write(opened, &world.records[world.records.len() - 1..]);
    opened.journal.tend();
}

/// What an acquirer may send, repeats through other switches among it.
fn request(rng: &mut Rng) -> Request {
    let stan = rng.u32(1..60);
    let amount = rng.i64(1..3_000);
    let original = purchase(stan, i64::from(stan)).build();
    let held = pre_authorization(stan + 100, i64::from(stan)).build();
    let sent = match rng.u8(0..9) {
        0..=2 => purchase(stan, i64::from(stan)),
        3 => pre_authorization(stan + 100, i64::from(stan)),
        4 => completion(stan + 200, amount, Some(&held)),
        5 => refund(stan + 300, amount),
        6 => inquiry(stan + 400),
        7 => reversal(stan, &original).remaining(rng.i64(0..60)),
        _ => reversal(stan + 100, &held),
    };
    sent.through(rng.u64(1..4)).build()
}

/// A life of the issuer on a disk, from its start to its crash.
struct Life<'a> {
    opened: Opened,
    /// Every record in order, whether durable or not.
    records: &'a mut Vec<Record>,
    /// How many of them were answered for.
    promised: &'a mut usize,
    now: &'a mut Now,
}

impl Life<'_> {
    fn run(&mut self, disk: &SimDisk, rng: &mut Rng) {
        if self.opened.books.cards_len() == 0 {
            let seed = World::with(100_000).records;
            for record in &seed {
                self.opened.books.apply(record).unwrap();
            }
            if !self.group(seed) {
                return;
            }
        }
        for _ in 0..rng.u32(1..150) {
            let well = match rng.u8(0..20) {
                0 => self.snapshot(),
                1 => {
                    self.opened.journal.tend();
                    true
                }
                2 => {
                    let millis = self.now.at.after(Duration::from_hours(rng.u64(0..20)));
                    *self.now = Now::new(millis);
                    true
                }
                3 if rng.u8(0..20) == 0 => {
                    disk.fail_syncs();
                    true
                }
                _ => self.decide(rng),
            };
            if !well {
                return;
            }
        }
    }

    fn decide(&mut self, rng: &mut Rng) -> bool {
        let mut group = self.opened.books.expire(*self.now).unwrap();
        for _ in 0..rng.u8(1..12) {
            let handled = self.opened.books.handle(&request(rng), *self.now);
            group.extend(handled.unwrap().0);
        }
        self.group(group)
    }

    fn group(&mut self, group: Vec<Record>) -> bool {
        for record in &group {
            self.opened.journal.append(record);
        }
        self.records.extend(group);
        let synced = self.opened.journal.sync().is_ok();
        if synced {
            *self.promised = self.records.len();
        }
        synced
    }

    fn snapshot(&mut self) -> bool {
        match self.opened.keeper.keep(None) {
            Ok(_) | Err(KeepError::Write(_)) => true,
            Err(KeepError::Read(OpenError::Journal(::journal::OpenError::Io { .. }))) => false,
            Err(KeepError::Read(OpenError::Io { .. })) => false,
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[test]
fn whatever_crashes_the_books_are_those_of_what_was_promised_and_perhaps_of_what_came_next() {
    let (mut snapshots, mut given_up) = (0, 0);
    for seed in 0..80 {
        let mut rng = Rng::with_seed(seed);
        let mut disk = SimDisk::new(seed);
        let (mut records, mut promised, mut now) = (Vec::new(), 0, at(0));
        for life in 0..5 {
            if rng.u8(0..3) > 0 {
                disk.power_off_after(rng.u64(0..400));
            }
            if let Ok(opened) = open(&disk) {
                snapshots += u32::from(opened.snapshot.is_some());
                given_up += u32::from(!disk.names().contains(&format!("{:020}.journal", 0)));
                let kept = kept(&records, promised, &opened.books)
                    .unwrap_or_else(|| panic!("{seed}: life {life} has other books"));
                records.truncate(kept);
                promised = kept;
                let mut life = Life {
                    opened,
                    records: &mut records,
                    promised: &mut promised,
                    now: &mut now,
                };
                life.run(&disk, &mut rng);
                let crash = if rng.bool() {
                    Crash::Process
                } else {
                    Crash::Machine
                };
                disk = disk.crash(crash);
            } else {
                disk = disk.crash(Crash::Machine);
            }
        }
    }
    assert!(snapshots > 60, "{snapshots} starts began with a snapshot");
    assert!(
        given_up > 30,
        "{given_up} starts had no first segment any more"
    );
}

/// A journal with two snapshots in it, which both are of use; and its records.
fn with_snapshots() -> (SimDisk, Vec<Record>) {
    let (disk, mut world) = (SimDisk::new(1), eventful());
    for stan in 100..160 {
        world.send(&purchase(stan, 1).build());
    }
    let mut opened = open(&disk).unwrap();
    for part in world.records.chunks(world.records.len() / 3 + 1) {
        write(&mut opened, part);
        opened.keeper.keep(None).unwrap();
        opened.journal.tend();
    }
    settle(&mut opened, &mut world);
    Box::new(opened.journal).close().unwrap();
    (disk, world.records)
}

#[test]
fn the_newest_whole_snapshot_is_begun_with_and_the_one_before_if_it_is_broken() {
    let (disk, records) = with_snapshots();
    let [newest, before] = snapshot::positions(&disk).unwrap()[..] else {
        panic!("two snapshots are kept");
    };
    let opened = open(&disk).unwrap();
    assert_eq!(opened.snapshot, Some(newest));
    assert_eq!(state(&opened.books), state(&replayed(&records)));
    drop(opened);
    let mut broken = disk.content(&snapshot::name(newest));
    broken[200] ^= 1;
    disk.put(&snapshot::name(newest), &broken);
    let mut opened = open(&disk).unwrap();
    assert_eq!(opened.snapshot, Some(before));
    assert_eq!(state(&opened.books), state(&replayed(&records)));
    // The next one is made from the whole one, and takes the place of the broken one.
    let more = purchase(999, 1).build();
    let record = opened.books.handle(&more, at(9 * 24 * 3_600)).unwrap().0;
    write(&mut opened, &record.into_iter().collect::<Vec<_>>());
    let made = opened.keeper.keep(None).unwrap();
    assert_eq!(snapshot::positions(&disk).unwrap(), [made, before]);
}

#[test]
fn err_no_whole_snapshot_reaches_as_far_back_as_the_journal() {
    let (disk, _) = with_snapshots();
    for position in snapshot::positions(&disk).unwrap() {
        disk.take(&snapshot::name(position));
    }
    let begin = disk
        .names()
        .into_iter()
        .find(|name| name.ends_with(".journal"));
    let begin = begin
        .unwrap()
        .trim_start_matches('0')
        .replace(".journal", "");
    assert_eq!(
        open(&disk).unwrap_err().to_string(),
        format!(
            "the journal in sim/ begins at {begin}, and no snapshot in it is whole and reaches \
             that far: put back the segments before it from the archive, or a snapshot"
        )
    );
}

#[test]
fn err_a_snapshot_of_what_the_journal_does_not_have() {
    let (disk, _) = with_snapshots();
    let segments = disk.names();
    for name in segments.iter().filter(|name| name.ends_with(".journal")) {
        disk.take(name);
    }
    let error = open(&disk).unwrap_err();
    assert!(matches!(error, OpenError::Ahead { .. }), "{error}");
    assert!(error.to_string().ends_with("segments are missing"));
    assert!(
        !disk.names().iter().any(|name| name.ends_with(".journal")),
        "none is begun"
    );
}

#[test]
fn segments_are_given_up_when_two_snapshots_make_them_needless_and_not_before() {
    let disk = SimDisk::new(1);
    let mut world = World::with(100_000);
    let mut opened = open(&disk).unwrap();
    let first = format!("{:020}.journal", 0);
    let mut made = Vec::new();
    write(&mut opened, &world.records);
    for round in 0..3 {
        let before = world.records.len();
        for stan in 0..40 {
            world.send(&purchase(round * 40 + stan + 1, 1).build());
        }
        write(&mut opened, &world.records[before..]);
        assert!(opened.keeper.is_due());
        made.push(opened.keeper.keep(None).unwrap());
        assert!(!opened.keeper.is_due());
        settle(&mut opened, &mut world);
        assert_eq!(disk.names().contains(&first), round == 0, "after {round}");
    }
    made.reverse();
    assert_eq!(snapshot::positions(&disk).unwrap(), made[..2]);
}

#[test]
fn a_group_larger_than_a_block_is_several_and_all_of_it_durable() {
    let disk = SimDisk::new(1);
    let mut world = World::with(100_000);
    for stan in 1..200 {
        world.send(&purchase(stan, 1).build());
    }
    let mut opened = open(&disk).unwrap();
    for record in &world.records {
        opened.journal.append(record);
    }
    opened.journal.sync().unwrap();
    let opened = open(&disk.crash(Crash::Machine)).unwrap();
    assert!(opened.recovered.blocks > 5, "{}", opened.recovered.blocks);
    assert_eq!(state(&opened.books), state(&world.books));
}

#[test]
fn a_disk_is_nearly_full_before_it_is_full_and_reversals_still_fit() {
    let disk = SimDisk::new(1);
    let kept_for_reversals = 32_768;
    let settings = Settings {
        low_water_bytes: kept_for_reversals,
        snapshot_bytes: u64::MAX,
        ..settings()
    };
    disk.set_bytes_max(100_000);
    let policy = Policy {
        limits: crate::dedupe::Limits {
            keys_max: 10_000,
            ..policy().limits
        },
        ..policy()
    };
    let mut world = World::governed(policy, 100_000);
    let mut opened = open_with(&disk, settings, policy).unwrap();
    write(&mut opened, &world.records);
    let mut bought = Vec::new();
    while !opened.journal.is_nearly_full() {
        let request = purchase(u32::try_from(bought.len()).unwrap() + 1, 1).build();
        let before = world.records.len();
        assert_eq!(world.code(&request), "00");
        write(&mut opened, &world.records[before..]);
        opened.journal.tend();
        bought.push(request);
    }
    let last = bought.len().saturating_sub(100);
    assert!(last > 0, "{} purchases", bought.len());
    // What may be under way just then is undone, in groups of one, the most wasteful way.
    for (request, stan) in bought[last..].iter().zip(10_000..) {
        let before = world.records.len();
        assert_eq!(world.code(&reversal(stan, request).build()), "00");
        write(&mut opened, &world.records[before..]);
    }
    assert!(matches!(opened.keeper.keep(None), Err(KeepError::NoRoom)));
    drop(opened);
    let opened = open_with(&disk.crash(Crash::Machine), settings, policy).unwrap();
    assert_eq!(state(&opened.books), state(&world.books));
}

#[test]
fn a_full_disk_and_a_failed_sync_end_the_store_and_what_was_promised_comes_back() {
    for full in [true, false] {
        let disk = SimDisk::new(1);
        let mut world = World::with(100_000);
        let mut opened = open(&disk).unwrap();
        write(&mut opened, &world.records);
        let mut promised = world.records.len();
        if full {
            disk.set_bytes_max(0);
        } else {
            disk.fail_syncs();
        }
        for stan in 1.. {
            world.send(&purchase(stan, 1).build());
            opened.journal.append(world.records.last().unwrap());
            if stan % 20 > 0 {
                continue;
            }
            match opened.journal.sync() {
                Ok(()) => promised = world.records.len(),
                Err(_) => break,
            }
        }
        Box::new(opened.journal).close().unwrap();
        let disk = disk.crash(Crash::Machine);
        disk.set_bytes_max(u64::MAX);
        let opened = open(&disk).unwrap();
        assert!(kept(&world.records, promised, &opened.books).is_some());
    }
}

#[test]
fn another_key_and_records_that_the_books_refuse_do_not_start() {
    let disk = SimDisk::new(1);
    let records = World::with(5).records;
    let mut opened = open(&disk).unwrap();
    write(&mut opened, &records[..1]);
    let other = Settings {
        identity: [6; 16],
        ..settings()
    };
    let error = open_with(&disk, other, policy()).unwrap_err().to_string();
    assert!(
        error.ends_with("was written under another key file"),
        "{error}"
    );
    write(&mut opened, &records[..1]);
    let error = open(&disk).unwrap_err().to_string();
    assert!(
        error.ends_with("refused: the books refuse it: a card is issued twice"),
        "{error}"
    );
}
