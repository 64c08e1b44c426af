//! A kit to open journals on a simulated disk, and what holds of them.

mod basics;
mod damage;
mod failures;
mod reading;
mod real;
mod simulation;

use std::fmt::Error;

use crate::testing::SimDisk;
use crate::{Journal, OpenError, Position, Recovered, Settings};

/// Small, and synced by hand.
fn settings() -> Settings {
    Settings {
        identity: *b"identity of this",
        segment_bytes: 1_024,
        block_bytes_max: 400,
        sync_every: None,
        low_water_bytes: 0,
    }
}

type Records = Vec<(Position, Vec<u8>)>;

fn open(disk: &SimDisk) -> Result<(Journal, Recovered, Records), OpenError> {
    open_with(disk, settings())
}

fn open_with(
    disk: &SimDisk,
    settings: Settings,
) -> Result<(Journal, Recovered, Records), OpenError> {
    let mut records = Vec::new();
    let opened = Journal::open(
        disk.clone(),
        settings,
        |_| {},
        |position, record| {
            records.push((position, record.to_vec()));
            Ok::<_, Error>(())
        },
    );
    opened.map(|(journal, recovered)| (journal, recovered, records))
}

/// A record of `bytes` bytes that tells its number.
fn record(number: usize, bytes: usize) -> Vec<u8> {
    let mut record = number.to_be_bytes().to_vec();
    record.resize(bytes.max(8), 0xA5);
    record
}

fn write(journal: &mut Journal, record: &[u8]) -> Position {
    journal.append(record).unwrap();
    journal.write().unwrap()
}
