use std::time::Duration;

use super::{open, open_with, record, settings};
use crate::testing::{Crash, Random, SimDisk};
use crate::{Journal, Position, Settings, WriteError};

/// What was appended since the journal was begun, and what the journal said of it.
#[derive(Default)]
struct Model {
    /// Each record and its position, once it was written.
    records: Vec<(Vec<u8>, Option<Position>)>,
    synced: Position,
    /// Records before this one were given up.
    given_up: usize,
}

/// One life of the process after another on one disk, each ended by a crash at a random step, of
/// recovery too. After each: what was synced is there, or, if only the process died, all that was
/// written; in order, without gaps, and nothing that was never appended.
fn lives(seed: u64) -> Vec<Crash> {
    let mut random = Random(seed);
    let mut disk = SimDisk::new(seed);
    let mut model = Model::default();
    let mut crashes = Vec::new();
    let mut journal = Some(open(&disk).unwrap().0);
    for _ in 0..6 {
        disk.power_off_after(below(&mut random, 120));
        if random.below(4) == 0 {
            disk.set_bytes_max(1_000 + below(&mut random, 6_000));
        }
        if random.below(8) == 0 {
            disk.fail_syncs();
        }
        if let Some(journal) = journal.take() {
            model.live(journal, &mut random);
        }
        disk.set_bytes_max(u64::MAX);
        let mut worst = Crash::Process;
        for steps in [below(&mut random, 20), below(&mut random, 40), u64::MAX] {
            let crash = [Crash::Process, Crash::Machine][random.below(2)];
            crashes.push(crash);
            if crash == Crash::Machine {
                worst = crash;
            }
            disk = disk.crash(crash);
            disk.power_off_after(steps);
            match open(&disk) {
                Ok((opened, recovered, found)) => {
                    assert_eq!(recovered.records, u64::try_from(found.len()).unwrap());
                    model.check(&found, worst, seed);
                    journal = Some(opened);
                    break;
                }
                Err(error) => assert!(steps < u64::MAX, "{seed}: {error}"),
            }
        }
    }
    crashes
}

fn below(random: &mut Random, bound: usize) -> u64 {
    u64::try_from(random.below(bound)).unwrap()
}

impl Model {
    fn live(&mut self, mut journal: Journal, random: &mut Random) {
        let syncer = journal.syncer();
        loop {
            let step = match random.below(10) {
                0..=4 => self.write(&mut journal, random),
                5..=7 => syncer.sync().is_ok(),
                8 => {
                    journal.tend();
                    true
                }
                _ => {
                    let oldest = random.below(self.records.len()).max(self.given_up);
                    if let Some((_, Some(position))) = self.records.get(oldest) {
                        self.given_up = oldest;
                        journal.forget_before(*position);
                    }
                    true
                }
            };
            assert!(syncer.synced() >= self.synced, "synced goes back");
            self.synced = syncer.synced();
            if !step {
                break;
            }
        }
    }

    fn write(&mut self, journal: &mut Journal, random: &mut Random) -> bool {
        let from = self.records.len();
        for _ in 0..=random.below(3) {
            let record = record(self.records.len(), random.below(120));
            if journal.append(&record).is_err() {
                return false;
            }
            self.records.push((record, None));
        }
        match journal.write() {
            Ok(position) => {
                for (_, at) in &mut self.records[from..] {
                    *at = Some(position);
                }
                true
            }
            Err(WriteError::DiskFull { .. }) => {
                journal.discard();
                self.records.truncate(from);
                random.below(4) > 0
            }
            Err(WriteError::Failed(_)) => false,
        }
    }

    fn check(&mut self, found: &[(Position, Vec<u8>)], crash: Crash, seed: u64) {
        let number = |record: &[u8]| usize::from_be_bytes(record[..8].try_into().unwrap());
        let first = found.first().map_or(0, |(_, record)| number(record));
        for (place, (position, bytes)) in found.iter().enumerate() {
            let place = first + place;
            let known = self.records.get(place);
            let Some((record, at)) = known else {
                panic!("{seed}: record {place} was never appended");
            };
            assert_eq!(bytes, record, "{seed}: record {place}");
            assert!(at.is_none_or(|at| at == *position), "{seed}: position");
        }
        let end = if found.is_empty() {
            0
        } else {
            first + found.len()
        };
        for (place, (_, at)) in self.records.iter().enumerate().skip(self.given_up) {
            let promised = at.is_some_and(|at| at <= self.synced || crash == Crash::Process);
            let there = (first..end).contains(&place);
            assert!(
                there || !promised,
                "{seed}: record {place} is lost after {crash:?}"
            );
        }
        // What came back is durable now, the rest never was.
        let known = if found.is_empty() { self.given_up } else { end };
        self.records.truncate(known);
        self.given_up = self.given_up.min(known);
        for ((_, at), (position, _)) in self.records.iter_mut().skip(first).zip(found) {
            *at = Some(*position);
            self.synced = self.synced.max(*position);
        }
    }
}

#[test]
fn no_crash_takes_what_was_promised() {
    let seeds = std::env::var("JOURNAL_SEEDS").map_or(1_000, |seeds| seeds.parse().unwrap());
    let crashes: Vec<Crash> = (0..seeds).flat_map(lives).collect();
    assert!(crashes.contains(&Crash::Machine) && crashes.contains(&Crash::Process));
    assert_eq!(settings().sync_every, None, "the steps are ours alone");
}

/// The same with the journal's own threads, which no seed rules: whatever they told before the
/// power went is there.
#[test]
fn no_crash_takes_what_the_threads_said_is_synced() {
    let threaded = Settings {
        sync_every: Some(Duration::from_micros(200)),
        ..settings()
    };
    for seed in 0..100 {
        let disk = SimDisk::new(seed);
        let (mut journal, _, _) = open_with(&disk, threaded).unwrap();
        let syncer = journal.syncer();
        disk.power_off_after(200 + seed * 7);
        let mut written = Vec::new();
        loop {
            let record = record(written.len(), 150);
            if journal.append(&record).is_err() {
                break;
            }
            match journal.write() {
                Ok(position) => written.push((position, record)),
                Err(_) => break,
            }
            syncer.ask(written[written.len() / 2].0);
            if written.len() % 16 == 0 {
                journal.forget_before(written[written.len() / 4].0);
            }
        }
        drop(journal);
        let synced = syncer.synced();
        let (_, _, found) = open(&disk.crash(Crash::Machine)).unwrap();
        let first = found.first().map_or(0, |first| {
            let place = written.iter().position(|it| it == first);
            place.unwrap()
        });
        assert!(first <= written.len() / 4, "{seed}: too much is forgotten");
        let known = written.len().min(first + found.len());
        assert_eq!(found[..known - first], written[first..known], "{seed}");
        let lost = written.get(known).map(|(position, _)| *position);
        assert!(
            lost.is_none_or(|lost| lost > synced),
            "{seed}: {lost:?} of {synced}"
        );
    }
}
