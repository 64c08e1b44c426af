//! `issuer-sim journal verify | dump | replay`: what a ledger that nobody has open holds, archive
//! and all. Neither is changed, and nothing secret is shown: records have card numbers only sealed
//! or hashed, and of those not even the bytes are printed.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::journal::{Disk, DiskFile, Position, RealDisk, Recovered};
use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::books::{Books, Policy};
use crate::record::{Charge, Decided, Effect, Event, NewCard, Original, Record, Reversed};
use crate::store::journal::{apply, whole};
use crate::store::snapshot;
use crate::trace::Trace;

/// A ledger and its archive.
#[derive(Debug)]
pub(crate) struct Ledger {
    disk: Both,
    identity: [u8; 16],
    policy: Policy,
}

impl Ledger {
    /// Takes the ledger in a folder from whoever might open it meanwhile.
    ///
    /// # Errors
    /// Where there is none, or an issuer has it.
    pub(crate) fn open(
        ledger: &Path,
        archive: &Path,
        identity: [u8; 16],
        policy: Policy,
    ) -> anyhow::Result<Self> {
        ensure!(
            ledger.is_dir(),
            "there is no ledger in {}",
            ledger.display()
        );
        let in_use = "stop the issuer, or look at a copy of its data folder";
        let archive = archive.is_dir().then(|| RealDisk::open(archive));
        let disk = Both {
            ledger: RealDisk::open(ledger).context(in_use)?,
            archive: archive.transpose().context(in_use)?,
        };
        Ok(Self {
            disk,
            identity,
            policy,
        })
    }

    /// Reads every segment and snapshot, and says what they hold.
    ///
    /// # Errors
    /// Where a start would refuse them, or a snapshot is not whole.
    pub(crate) fn verify(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let (begin, found) = self.read(|_, bytes| whole(bytes).map(drop))?;
        let Recovered {
            records,
            blocks,
            cut_bytes,
            end,
        } = found;
        writeln!(
            out,
            "journal {begin} to {end}: {records} records in {blocks} blocks"
        )?;
        if cut_bytes > 0 {
            writeln!(
                out,
                "a torn tail of {cut_bytes} bytes, which a start cuts off"
            )?;
        }
        let mut broken = 0;
        for position in snapshot::positions(&self.disk)? {
            match snapshot::read(&self.disk, self.identity, position, self.policy) {
                Ok(whole) => {
                    let cards = whole.books.cards_len();
                    writeln!(out, "snapshot {position}: whole, {cards} cards")?;
                }
                Err(defect) => {
                    broken += 1;
                    writeln!(out, "snapshot {position}: {defect}")?;
                }
            }
        }
        ensure!(broken == 0, "{broken} snapshots are not whole");
        Ok(())
    }

    /// Prints every record as a line of JSON.
    ///
    /// # Errors
    /// Where a start would refuse the journal, or nobody takes the lines.
    pub(crate) fn dump(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let mut untaken = None;
        let read = self.read(|position, bytes| {
            let line = shown(position, &whole(bytes)?);
            writeln!(out, "{line}").map_err(|error| {
                untaken = Some(error);
                anyhow::anyhow!("nobody takes the lines")
            })
        });
        match untaken {
            // As by `| head`.
            Some(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Some(error) => Err(error.into()),
            None => read.map(drop),
        }
    }

    /// Builds the books as a start does, and once more from the first record where all of them
    /// are there, and says what they come to.
    ///
    /// # Errors
    /// Where a start would refuse them, or the two are not the same.
    pub(crate) fn replay(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let begun = self.newest_snapshot()?;
        let from = begun.as_ref().map(|snapshot| snapshot.position);
        let mut books = begun.map_or_else(|| Books::new(self.policy), |it| it.books);
        let mut from_zero = Books::new(self.policy);
        let complete = self.begin()? == Position::default();
        self.read(|position, bytes| {
            if from.is_none_or(|from| position > from) {
                apply(&mut books, bytes)?;
            }
            if complete && from.is_some() {
                apply(&mut from_zero, bytes)?;
            }
            anyhow::Ok(())
        })?;
        let same = match (from, complete) {
            (Some(from), true) => {
                let same = snapshot::digest(&books) == snapshot::digest(&from_zero);
                let how = if same { "the same" } else { "NOT the same" };
                writeln!(
                    out,
                    "snapshot {from} and what is behind it: {how} as from 0"
                )?;
                same
            }
            (Some(from), false) => {
                let begin = self.begin()?;
                writeln!(
                    out,
                    "snapshot {from} and what is behind it; the journal begins at {begin}"
                )?;
                true
            }
            (None, _) => {
                writeln!(out, "from 0, for want of a snapshot")?;
                true
            }
        };
        let overview = books.overview()?;
        let sums = overview.balance;
        let sums = json!({
            "cards": overview.cards,
            "remembered_keys": overview.keys,
            "open_holds": overview.holds,
            "accounts": {
                "cards": sums.cards.units(),
                "load_clearing": sums.load_clearing.units(),
                "merchant_payable": sums.merchant_payable.units(),
                "suspense": sums.suspense.units(),
            },
            "sum": sums.sum.units(),
            "digest": hex(&snapshot::digest(&books)),
        });
        writeln!(out, "{sums:#}")?;
        ensure!(
            same,
            "a snapshot does not agree with the journal it was made of"
        );
        Ok(())
    }

    fn newest_snapshot(&self) -> anyhow::Result<Option<snapshot::Snapshot>> {
        Ok(crate::store::journal::newest_snapshot(
            &self.disk,
            self.identity,
            self.policy,
        )?)
    }

    fn begin(&self) -> anyhow::Result<Position> {
        let segments = ::journal::segments(&self.disk)?;
        Ok(segments
            .first()
            .map_or_else(Position::default, |(begin, _)| *begin))
    }

    fn read<E: std::fmt::Display>(
        &self,
        apply: impl FnMut(Position, &[u8]) -> Result<(), E>,
    ) -> anyhow::Result<(Position, Recovered)> {
        let found = ::journal::verify(&self.disk, self.identity, apply)?;
        Ok((self.begin()?, found))
    }
}

/// The segments of the archive and of the ledger as those of one journal; to be read only.
#[derive(Debug)]
struct Both {
    ledger: RealDisk,
    archive: Option<RealDisk>,
}

impl Disk for Both {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = self.ledger.list()?;
        if let Some(archive) = &self.archive {
            names.extend(archive.list()?);
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        match (self.ledger.open(name), &self.archive) {
            (Err(error), Some(archive)) if error.kind() == io::ErrorKind::NotFound => {
                archive.open(name)
            }
            (opened, _) => opened,
        }
    }

    fn create(&self, _: &str) -> io::Result<Arc<dyn DiskFile>> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync_names(&self) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.ledger.free_bytes()
    }

    fn path(&self, name: &str) -> PathBuf {
        let path = self.ledger.path(name);
        match &self.archive {
            Some(archive) if !path.exists() => archive.path(name),
            Some(_) | None => path,
        }
    }
}

fn shown(position: Position, record: &Record) -> Value {
    let mut line = match &record.event {
        Event::CardIssued(NewCard { id, product, .. }) => {
            json!({ "event": "card_issued", "card_id": id.to_string(), "product": product })
        }
        Event::CardCharged(Charge {
            card,
            amount,
            channel,
            key,
        }) => json!({
            "event": "card_charged",
            "card": card.0,
            "amount": amount.units(),
            "channel": channel,
            "key": hex(&key.0),
        }),
        Event::StatusChanged { card, status } => {
            json!({ "event": "status_changed", "card": card.0, "status": status })
        }
        Event::TriesReset { card } => json!({ "event": "tries_reset", "card": card.0 }),
        Event::Decided(decided) => shown_decided(decided),
        Event::Reversed(reversed) => shown_reversed(reversed),
        Event::Forwarded { key, by, .. } => {
            json!({ "event": "forwarded", "key": hex(&key.0), "by": by.0 })
        }
        Event::HoldExpired { key } => json!({ "event": "hold_expired", "key": hex(&key.0) }),
    };
    if let Value::Object(fields) = &mut line {
        fields.insert("position".to_owned(), position.bytes().into());
        fields.insert("at".to_owned(), record.at.rfc3339().into());
    }
    line
}

fn shown_decided(decided: &Decided) -> Value {
    json!({
        "event": "decided",
        "trace": shown_trace(&decided.trace),
        "forwarder": decided.forwarder.0,
        "key": hex(&decided.keys.key.0),
        "card": decided.card.map(|card| card.0),
        "processing_code": String::from_utf8_lossy(decided.processing_code.as_bytes()),
        "amount": decided.amount.units(),
        "code": decided.answer.code.to_string(),
        "effect": shown_effect(decided.effect),
        "hold_until": decided.hold_until.map(|until| until.rfc3339()),
        "completes": decided.completes.map(|key| hex(&key.0)),
        "tries": decided.tries,
    })
}

fn shown_reversed(reversed: &Reversed) -> Value {
    let original = match &reversed.original {
        Original::Undone { key, taken_back } => {
            json!({ "key": hex(&key.0), "taken_back": shown_effect(*taken_back) })
        }
        Original::NeverSeen(tombstones) => {
            let keys = tombstones.iter().map(|it| hex(&it.key.0));
            json!({ "never_seen": keys.collect::<Vec<_>>() })
        }
    };
    json!({
        "event": "reversed",
        "trace": shown_trace(&reversed.trace),
        "forwarder": reversed.forwarder.0,
        "key": hex(&reversed.keys.key.0),
        "card": reversed.card.map(|card| card.0),
        "code": reversed.answer.code.to_string(),
        "original": original,
    })
}

fn shown_trace(trace: &Trace) -> Value {
    json!({
        "acquirer": trace.acquirer.0,
        "terminal": trace.terminal.to_display(),
        "merchant": trace.merchant.to_display(),
        "class": char::from(trace.class.digit()).to_string(),
        "stan": trace.stan,
        "rrn": trace.rrn.to_display(),
    })
}

fn shown_effect(effect: Effect) -> Value {
    match effect {
        Effect::Nothing => Value::Null,
        Effect::Debit { card, suspense } => {
            json!({ "debit": card.units(), "suspense": suspense.units() })
        }
        Effect::Credit { card, suspense } => {
            json!({ "credit": card.units(), "suspense": suspense.units() })
        }
        Effect::Hold { amount } => json!({ "hold": amount.units() }),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::kit::{eventful, policy, purchase};
    use crate::store::Store;
    use crate::store::archive::Archive;
    use crate::store::journal::{Journal, Settings};

    const SETTINGS: Settings = Settings {
        identity: [5; 16],
        segment_bytes: 4_096,
        low_water_bytes: 0,
        snapshot_bytes: 4_000,
        tend_every: None,
    };

    struct Kept {
        folder: TempDir,
        records: Vec<Record>,
    }

    impl Kept {
        /// A ledger with two snapshots, whose first segments are in the archive.
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let mut world = eventful();
            for stan in 100..160 {
                world.send(&purchase(stan, 1).build());
            }
            let kept = Self {
                folder,
                records: world.records,
            };
            let day = std::time::Duration::from_hours(24);
            let archive = Archive::open(kept.ledger(), kept.archive(), day).unwrap();
            let disk = Arc::new(RealDisk::open(&kept.ledger()).unwrap());
            let mut opened = Journal::open(disk, SETTINGS, policy()).unwrap();
            for group in kept.records.chunks(kept.records.len() / 4) {
                for record in group {
                    opened.journal.append(record);
                    opened.journal.sync().unwrap();
                }
                opened.journal.tend();
                opened.keeper.keep(Some(&archive)).unwrap();
            }
            opened.journal.tend();
            drop(opened.keeper);
            Box::new(opened.journal).close().unwrap();
            assert!(!kept.ledger().join(format!("{:020}.journal", 0)).exists());
            kept
        }

        fn ledger(&self) -> PathBuf {
            self.folder.path().join("ledger")
        }

        fn archive(&self) -> PathBuf {
            self.folder.path().join("archive")
        }

        fn open(&self) -> Ledger {
            Ledger::open(&self.ledger(), &self.archive(), [5; 16], policy()).unwrap()
        }
    }

    fn text(print: impl FnOnce(&mut Vec<u8>) -> anyhow::Result<()>) -> (String, Option<String>) {
        let mut out = Vec::new();
        let failed = print(&mut out).err().map(|error| format!("{error:#}"));
        (String::from_utf8(out).unwrap(), failed)
    }

    #[test]
    fn ledger_and_archive_are_read_as_one_journal_from_its_first_record() {
        let kept = Kept::new();
        let ledger = kept.open();
        let (said, failed) = text(|out| ledger.verify(out));
        assert_eq!(failed, None);
        let count = kept.records.len();
        assert!(said.starts_with("journal 0 to "), "{said}");
        assert!(
            said.contains(&format!(": {count} records in {count} blocks\n")),
            "{said}"
        );
        assert_eq!(said.matches(": whole, 2 cards\n").count(), 2, "{said}");
        let (said, failed) = text(|out| ledger.replay(out));
        assert_eq!(failed, None);
        assert!(
            said.contains("what is behind it: the same as from 0\n"),
            "{said}"
        );
        assert!(said.contains("\"sum\": 0"), "{said}");
    }

    #[test]
    fn without_the_archive_a_replay_begins_with_the_snapshot() {
        let kept = Kept::new();
        let whole = text(|out| kept.open().replay(out)).0;
        fs::remove_dir_all(kept.archive()).unwrap();
        let (said, failed) = text(|out| kept.open().replay(out));
        assert_eq!(failed, None);
        assert!(said.contains("; the journal begins at "), "{said}");
        let sums = |said: &str| said.split_once('\n').unwrap().1.to_owned();
        assert_eq!(sums(&said), sums(&whole));
    }

    #[test]
    fn a_dump_shows_every_record_and_no_secret() {
        let kept = Kept::new();
        let (said, failed) = text(|out| kept.open().dump(out));
        assert_eq!(failed, None);
        let lines: Vec<Value> = said
            .lines()
            .map(|it| serde_json::from_str(it).unwrap())
            .collect();
        assert_eq!(lines.len(), kept.records.len());
        let kinds: std::collections::BTreeSet<&str> = lines
            .iter()
            .map(|line| line["event"].as_str().unwrap())
            .collect();
        assert_eq!(kinds.len(), 8, "{kinds:?}");
        let bought = lines
            .iter()
            .find(|line| line["trace"]["stan"] == 1)
            .unwrap();
        assert_eq!(
            (&bought["amount"], &bought["code"]),
            (&15_000.into(), &"00".into())
        );
        // The kit's card numbers are sealed as 1s or 2s and hashed to 1s or 2s; its PVV is 1234.
        let of_a_card = lines
            .iter()
            .find(|line| line["event"] == "card_issued")
            .unwrap();
        let shown: Vec<&String> = of_a_card.as_object().unwrap().keys().collect();
        assert_eq!(shown, ["at", "card_id", "event", "position", "product"]);
    }

    /// As a pipe to `head`: full, and then nobody reads it.
    struct Pipe(io::ErrorKind);

    impl Write for Pipe {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_dump_that_nobody_reads_to_its_end_is_no_damage() {
        let ledger = Kept::new();
        let ledger = ledger.open();
        ledger.dump(&mut Pipe(io::ErrorKind::BrokenPipe)).unwrap();
        let full = ledger.dump(&mut Pipe(io::ErrorKind::StorageFull));
        assert_eq!(full.unwrap_err().to_string(), "no storage space");
    }

    #[test]
    fn damage_is_said_with_its_place_and_no_ledger_is_made_by_looking_for_one() {
        let kept = Kept::new();
        let newest = snapshot::positions(&kept.open().disk).unwrap().remove(0);
        let file = kept.ledger().join(snapshot::name(newest));
        let mut bytes = fs::read(&file).unwrap();
        bytes[300] ^= 1;
        fs::write(&file, bytes).unwrap();
        let (said, failed) = text(|out| kept.open().verify(out));
        assert!(said.contains("it is broken at byte 40"), "{said}");
        assert_eq!(failed.as_deref(), Some("1 snapshots are not whole"));
        let first = kept.archive().join(format!("{:020}.journal", 0));
        let mut bytes = fs::read(&first).unwrap();
        bytes[150] ^= 1;
        fs::write(&first, bytes).unwrap();
        let failed = text(|out| kept.open().verify(out)).1.unwrap();
        assert!(
            failed.contains(&format!("{} is damaged at byte 104", first.display())),
            "{failed}"
        );
        let nowhere = kept.folder.path().join("nowhere");
        let error = Ledger::open(&nowhere, &nowhere, [5; 16], policy()).unwrap_err();
        assert!(
            error.to_string().starts_with("there is no ledger in "),
            "{error}"
        );
        assert!(!nowhere.exists());
        let held = kept.open();
        let error = Ledger::open(&kept.ledger(), &nowhere, [5; 16], policy()).unwrap_err();
        assert!(
            format!("{error:#}").contains("is in use by another process"),
            "{error:#}"
        );
        drop(held);
    }
}
