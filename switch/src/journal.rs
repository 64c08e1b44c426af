//! A pool's journal: records written by the batch before anything leaves, and told when durable.
//!
//! A batch is one record of the [`journal`] crate, sealed as a whole: it holds card numbers.
//!
//! ```text
//! batch   salt [16] | number u64 | the records, AES-256-GCM under the key of the salt | tag [16]
//! ```
//!
//! A run draws a salt, and so has a key of its own; its batches are numbered, and the number is
//! the nonce.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aes_gcm::aead::{AeadInOut, Nonce, Tag};
use aes_gcm::{Aes256Gcm, KeyInit};
use iso8583::session::Now;
use journal::{
    AppendError, Disk, Journal, OpenError, Position, RealDisk, Settings, Syncer, WriteError,
};
use keyfile::{KeyFileError, Root};
use switch_core::{BootId, GroupId, NotRecords, Outbound, Recovered, Replay};
use thiserror::Error;
use tokio::sync::Notify;
use tracing::{error, info, warn};

use crate::config::CheckedJournal;

/// Why a journal is not to be used.
#[derive(Debug, Error)]
pub enum JournalError {
    /// No key.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The files.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What is in them.
    #[error("journal {path}: {error}")]
    Records {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        error: NotRecords,
    },
    /// The machine does not say which boot this is.
    #[error("{BOOT_ID} cannot be read: {0}")]
    Boot(std::io::Error),
}

/// Why a batch cannot be opened.
#[derive(Debug, Error)]
enum BatchError {
    #[error("a batch is not sealed under this key file, or is damaged")]
    NotOurs,
    #[error(transparent)]
    Records(#[from] NotRecords),
}

/// The journal of one pool, at its end.
pub(crate) struct Keeper {
    journal: Journal,
    syncer: Syncer,
    seal: Seal,
    /// Wait for the disk before anything leaves at all.
    always: bool,
    checkpoint_bytes: u64,
    checkpoint: Position,
    /// Marks of the machine that are not durable yet, by the position that makes them so.
    waiting: VecDeque<(Position, u64)>,
    mark: u64,
    synced: Arc<Notify>,
    failed: bool,
    batch: Vec<u8>,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Keeper(marks up to {})", self.mark)
    }
}

impl Keeper {
    /// Opens the journal of a pool and begins its records with what earlier runs left.
    ///
    /// # Errors
    /// [`JournalError`] where it cannot be used, or holds something for an issuer that is not one
    /// of these.
    pub(crate) fn open(
        settings: &CheckedJournal,
        pool: &str,
        groups: &[(GroupId, String)],
        now: Now,
        outbound: &mut Outbound,
    ) -> Result<Self, JournalError> {
        let folder = settings.folder.join(pool);
        let disk = RealDisk::open(&folder)?;
        Self::open_on(disk, folder, settings, pool, groups, now, outbound)
    }

    fn open_on(
        disk: impl Disk + 'static,
        folder: PathBuf,
        settings: &CheckedJournal,
        pool: &str,
        groups: &[(GroupId, String)],
        now: Now,
        outbound: &mut Outbound,
    ) -> Result<Self, JournalError> {
        let root = Root::open(&settings.key_file, PROGRAM)?;
        let boot = boot_id(Path::new(BOOT_ID)).map_err(JournalError::Boot)?;
        let synced = Arc::new(Notify::new());
        let waker = Arc::clone(&synced);
        let mut replay = Replay::new(outbound.totals_settings());
        let (journal, found) = Journal::open(
            disk,
            settings_of(settings, &root),
            move |_| waker.notify_one(),
            |_, batch| apply(&mut replay, &root, batch),
        )?;
        let today = |name: &str| {
            let group = groups.iter().find(|(_, other)| other == name);
            group.map(|(group, _)| *group)
        };
        let recovered = replay
            .finish(boot, now.utc.as_second(), today)
            .map_err(|error| JournalError::Records {
                path: folder,
                error,
            })?;
        tell(pool, &recovered, found.records);
        let mut keeper = Self {
            syncer: journal.syncer(),
            journal,
            seal: Seal::new(&root)?,
            always: settings.sync_always,
            checkpoint_bytes: settings.checkpoint_bytes,
            checkpoint: found.end,
            waiting: VecDeque::new(),
            mark: 0,
            synced,
            failed: false,
            batch: Vec::new(),
        };
        keeper.begin(now, boot, groups, recovered, outbound);
        Ok(keeper)
    }

    fn begin(
        &mut self,
        now: Now,
        boot: BootId,
        groups: &[(GroupId, String)],
        recovered: Recovered,
        outbound: &mut Outbound,
    ) {
        outbound.begin(now, boot, groups.to_vec(), recovered);
        if let Some(position) = self.write_records(now, outbound) {
            self.checkpointed(position);
        }
    }

    /// Is something left to do in the journal of a pool that is no more?
    ///
    /// # Errors
    /// [`JournalError`] where it cannot be read.
    pub(crate) fn is_left_behind(
        settings: &CheckedJournal,
        pool: &str,
    ) -> Result<bool, JournalError> {
        let root = Root::open(&settings.key_file, PROGRAM)?;
        let mut replay = Replay::default();
        let folder = settings.folder.join(pool);
        let settings = Settings {
            sync_every: None,
            ..settings_of(settings, &root)
        };
        let disk = RealDisk::open(&folder)?;
        Journal::open(
            disk,
            settings,
            |_| {},
            |_, batch| apply(&mut replay, &root, batch),
        )?;
        let left = replay.finish([0; 16], 0, |_| Some(GroupId(0)));
        Ok(left.is_ok_and(|left| !left.is_empty()))
    }

    /// Writes what the machine recorded, before anything of it leaves. False where it could not:
    /// then nothing that was recorded may leave, now or ever. A checkpoint behind it that cannot be
    /// written takes nothing back of that; only what is recorded later may not leave.
    pub(crate) fn write(&mut self, now: Now, outbound: &mut Outbound) -> bool {
        if outbound.records().is_empty() {
            return true;
        }
        let Some(position) = self.write_records(now, outbound) else {
            return false;
        };
        if position.bytes() - self.checkpoint.bytes() > self.checkpoint_bytes {
            // However long it is, the next comes after as many bytes more.
            outbound.checkpoint();
            if let Some(position) = self.write_records(now, outbound) {
                self.checkpointed(position);
            }
        }
        true
    }

    /// Where what was recorded ends, once it is written.
    fn write_records(&mut self, now: Now, outbound: &mut Outbound) -> Option<Position> {
        if self.failed {
            outbound.records_written();
            return None;
        }
        match self.write_batch(outbound.records()) {
            Ok(position) => {
                let mark = outbound.records_written();
                if mark > self.mark {
                    self.mark = mark;
                    self.waiting.push_back((position, mark));
                    self.syncer.ask(position);
                }
                Some(position)
            }
            Err(failure) => {
                error!(%failure, "the journal cannot be written: money requests are refused");
                // What is withheld as not written must not be written by a later try.
                self.journal.discard();
                outbound.records_written();
                outbound.handle_journal_failed(now);
                self.failed = true;
                None
            }
        }
    }

    fn write_batch(&mut self, records: &[u8]) -> Result<Position, WriteFailure> {
        self.seal.seal(records, &mut self.batch)?;
        self.journal.append(&self.batch)?;
        let position = self.journal.write()?;
        if self.always {
            tokio::task::block_in_place(|| self.syncer.sync())?;
        }
        Ok(position)
    }

    /// What was written before the batch that ends here counts no more.
    fn checkpointed(&mut self, position: Position) {
        self.checkpoint = position;
        self.journal.forget_before(position);
    }

    /// Waits until more is durable, or the journal failed.
    pub(crate) async fn changed(&self) {
        self.synced.notified().await;
    }

    /// Tells the machine what is durable by now.
    pub(crate) fn report(&mut self, now: Now, outbound: &mut Outbound) {
        // Looked at first: once it has failed nothing more is durable.
        let failure = self.syncer.failed().filter(|_| !self.failed);
        let synced = self.syncer.synced();
        let mut durable = None;
        while let Some((_, mark)) = self
            .waiting
            .pop_front_if(|(position, _)| *position <= synced)
        {
            durable = Some(mark);
        }
        if let Some(mark) = durable {
            outbound.handle_stored(now, mark);
        }
        if let Some(failure) = failure {
            error!(%failure, "the journal cannot be made durable: money requests are refused");
            outbound.handle_journal_failed(now);
            self.failed = true;
        }
    }

    /// Was something not written, or not made durable?
    pub(crate) const fn has_failed(&self) -> bool {
        self.failed
    }

    /// Is little of the disk left?
    pub(crate) fn is_nearly_full(&self) -> bool {
        self.journal.is_nearly_full()
    }

    /// Writes and syncs the last records; nothing where an earlier batch was not written.
    pub(crate) fn close(mut self, now: Now, outbound: &mut Outbound) {
        self.write(now, outbound);
        if self.failed {
            return;
        }
        if let Err(failure) = self.journal.close() {
            warn!(%failure, "the last records of the journal may be lost with the machine");
        }
    }
}

fn settings_of(settings: &CheckedJournal, root: &Root) -> Settings {
    let identity = root.derive(b"pansori switch journal identity");
    Settings {
        identity: *identity.first_chunk().unwrap_or(&[0; 16]),
        segment_bytes: settings.segment_bytes,
        block_bytes_max: settings.block_bytes_max,
        sync_every: Some(settings.sync_every),
        low_water_bytes: settings.low_water_bytes,
    }
}

fn apply(replay: &mut Replay, root: &Root, batch: &[u8]) -> Result<(), BatchError> {
    Ok(replay.apply(&Seal::open(root, batch)?)?)
}

/// Why a batch was not written.
#[derive(Debug, Error)]
enum WriteFailure {
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Sync(#[from] journal::Failure),
    #[error("a batch cannot be sealed")]
    Seal,
}

/// Seals the batches of one run.
struct Seal {
    salt: [u8; SALT],
    cipher: Aes256Gcm,
    number: u64,
}

impl Seal {
    fn new(root: &Root) -> Result<Self, KeyFileError> {
        let salt = keyfile::random().ok_or(KeyFileError::NoRandomness)?;
        Ok(Self {
            cipher: cipher(root, &salt),
            salt,
            number: 0,
        })
    }

    fn seal(&mut self, records: &[u8], batch: &mut Vec<u8>) -> Result<(), WriteFailure> {
        batch.clear();
        batch.extend_from_slice(&self.salt);
        batch.extend_from_slice(&self.number.to_le_bytes());
        batch.extend_from_slice(records);
        let nonce = nonce(self.number);
        self.number = self.number.checked_add(1).ok_or(WriteFailure::Seal)?;
        let (head, body) = batch.split_at_mut_checked(HEAD).ok_or(WriteFailure::Seal)?;
        let tag = self
            .cipher
            .encrypt_inout_detached(&nonce, head, body.into())
            .map_err(|_| WriteFailure::Seal)?;
        batch.extend_from_slice(&tag);
        Ok(())
    }

    fn open(root: &Root, batch: &[u8]) -> Result<zeroize::Zeroizing<Vec<u8>>, BatchError> {
        let (head, sealed) = batch.split_at_checked(HEAD).ok_or(BatchError::NotOurs)?;
        let (body, tag) = sealed
            .split_last_chunk::<TAG>()
            .ok_or(BatchError::NotOurs)?;
        let (salt, number) = head
            .split_first_chunk::<SALT>()
            .ok_or(BatchError::NotOurs)?;
        let number = u64::from_le_bytes(*number.as_array().ok_or(BatchError::NotOurs)?);
        let mut records = zeroize::Zeroizing::new(body.to_vec());
        cipher(root, salt)
            .decrypt_inout_detached(
                &nonce(number),
                head,
                records.as_mut_slice().into(),
                &Tag::<Aes256Gcm>::from(*tag),
            )
            .map_err(|_| BatchError::NotOurs)?;
        Ok(records)
    }
}

fn cipher(root: &Root, salt: &[u8; SALT]) -> Aes256Gcm {
    let label = [b"pansori switch journal batches ", &salt[..]].concat();
    Aes256Gcm::new(&(*root.derive(&label)).into())
}

fn nonce(number: u64) -> Nonce<Aes256Gcm> {
    let mut nonce = [0; 12];
    for (to, from) in nonce.iter_mut().zip(number.to_le_bytes()) {
        *to = from;
    }
    nonce.into()
}

/// Who makes the key file.
const PROGRAM: &str = "switch";
const SALT: usize = 16;
const HEAD: usize = SALT + 8;
const TAG: usize = 16;
/// Where Linux says which boot this is.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// A UUID in hex digits, as 16 bytes.
fn boot_id(path: &Path) -> std::io::Result<BootId> {
    let text = std::fs::read_to_string(path)?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    u128::from_str_radix(&digits, 16)
        .map(u128::to_be_bytes)
        .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))
}

fn tell(pool: &str, recovered: &Recovered, batches: u64) {
    let (open, letters) = (recovered.open(), recovered.letters());
    let unknown = recovered.unknown();
    info!(pool, batches, open, letters, unknown, "journal opened");
    if open > 0 {
        warn!(pool, open, "requests without an outcome are reversed");
    }
    if unknown > 0 {
        warn!(
            pool,
            unknown, "of these requests nobody knows what became: see /v1/unknown"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use iso8583::Mti;
    use iso8583::element::ResponseCode;
    use journal::testing::{Crash, SimDisk};
    use switch_core::{
        Admission, ConnectionId, GroupSettings, LinkId, OutboundSettings, Output, Refusal,
    };

    use super::*;
    use crate::testing::{journal as settings, purchase};

    const GROUP: GroupId = GroupId(0);
    const LINK: LinkId = LinkId {
        group: GROUP,
        place: 0,
    };

    fn open(folder: &Path) -> (Keeper, Outbound) {
        let settings = settings(folder);
        let groups = [(GROUP, GroupSettings::default())];
        let mut bounds = OutboundSettings::default();
        // So many that a checkpoint is longer than what is between two.
        bounds.totals.remembered_max = 3_000;
        let mut outbound = Outbound::new(bounds, &groups);
        let names = [(GROUP, "prepaid".to_owned())];
        let now = iso8583_link::now();
        let keeper = Keeper::open(&settings, "prepaid", &names, now, &mut outbound).unwrap();
        outbound.handle_link(now, LINK, true);
        (keeper, outbound)
    }

    /// Sends a purchase; the token and message that left, and the records behind it written.
    fn send(keeper: &mut Keeper, outbound: &mut Outbound, number: u32) -> Vec<Output> {
        let sandbox = crate::Config::default().check().unwrap();
        let inbound = &sandbox.listeners[0].inbound;
        let mut message = purchase();
        message.set(11, format!("{number:06}").as_bytes());
        let now = iso8583_link::now();
        let Admission::Admitted(mut request) = inbound.admit(now, ConnectionId(1), message) else {
            panic!("it is not admitted");
        };
        sandbox.routes.route(&mut request).unwrap();
        outbound.handle_request(now, request);
        assert!(keeper.write(now, outbound));
        core::iter::from_fn(|| outbound.poll_output()).collect()
    }

    /// Many segments and checkpoints: what is open is found again, and nothing else.
    #[test]
    fn what_is_open_is_found_again_over_many_checkpoints() {
        let folder = tempfile::tempdir().unwrap();
        let mut expected = 0;
        for life in 0..4 {
            let (mut keeper, mut outbound) = open(folder.path());
            let found = outbound.letters(GROUP);
            assert_eq!(found, expected, "life {life}");
            for number in 0..6_000 {
                let outputs = send(&mut keeper, &mut outbound, number);
                let sent = outputs.into_iter().find_map(|output| match output {
                    Output::Send { token, message, .. }
                        if message.mti() == Mti::FINANCIAL_REQUEST =>
                    {
                        Some((token, message))
                    }
                    Output::Send { .. }
                    | Output::Answer(_)
                    | Output::Refused(_)
                    | Output::FailedOver(_)
                    | Output::LinkHealth { .. }
                    | Output::Forward { .. } => None,
                });
                // What an earlier life left open is being reversed: its key is taken.
                let Some((token, message)) = sent else {
                    continue;
                };
                if number % 1_000 == 999 - life {
                    expected += 1;
                    continue;
                }
                let answer = message.response(ResponseCode::APPROVED).unwrap();
                outbound.handle_answer(iso8583_link::now(), token, answer);
                assert!(keeper.write(iso8583_link::now(), &mut outbound));
                while outbound.poll_output().is_some() {}
            }
            drop(keeper);
        }
        let files = std::fs::read_dir(folder.path().join("journal/prepaid")).unwrap();
        assert!(files.count() < 8, "old segments are given up");
    }

    fn open_on(disk: &SimDisk, settings: &CheckedJournal) -> (Keeper, Outbound) {
        let groups = [(GROUP, GroupSettings::default())];
        let mut outbound = Outbound::new(OutboundSettings::default(), &groups);
        let names = [(GROUP, "prepaid".to_owned())];
        let (now, path) = (iso8583_link::now(), PathBuf::from("simulated"));
        let keeper = Keeper::open_on(
            disk.clone(),
            path,
            settings,
            "prepaid",
            &names,
            now,
            &mut outbound,
        )
        .unwrap();
        outbound.handle_link(now, LINK, true);
        (keeper, outbound)
    }

    /// An approval that was withheld is reversed at the next start, whatever the disk does later.
    #[test]
    fn a_batch_that_was_not_written_is_never_written_later() {
        let folder = tempfile::tempdir().unwrap();
        let (disk, settings) = (SimDisk::new(1), settings(folder.path()));
        let (mut keeper, mut outbound) = open_on(&disk, &settings);
        let sent = send(&mut keeper, &mut outbound, 1).remove(0);
        let Output::Send { token, message, .. } = sent else {
            panic!("{sent:?}");
        };
        let answer = message.response(ResponseCode::APPROVED).unwrap();
        outbound.handle_answer(iso8583_link::now(), token, answer);
        disk.set_bytes_max(0);
        assert!(!keeper.write(iso8583_link::now(), &mut outbound));
        disk.set_bytes_max(u64::MAX);
        keeper.close(iso8583_link::now(), &mut outbound);
        let (_keeper, outbound) = open_on(&disk.crash(Crash::Process), &settings);
        assert_eq!(outbound.letters(GROUP), 1, "its reversal");
    }

    /// What it tells of is in the journal: withheld, an approval would never be reversed.
    #[test]
    fn what_was_written_leaves_though_the_checkpoint_behind_it_fails() {
        let folder = tempfile::tempdir().unwrap();
        let settings = CheckedJournal {
            // Room for a batch, and not for all that will be open.
            block_bytes_max: 4096,
            checkpoint_bytes: 1,
            ..settings(folder.path())
        };
        let disk = SimDisk::new(1);
        let (mut keeper, mut outbound) = open_on(&disk, &settings);
        let mut open = Vec::new();
        while !keeper.has_failed() {
            let number = u32::try_from(open.len()).unwrap();
            // Its batch is written, that of the last as well.
            let sent = send(&mut keeper, &mut outbound, number).remove(0);
            let Output::Send { token, message, .. } = sent else {
                panic!("{sent:?}");
            };
            open.push((token, message));
        }
        let all = open.len();
        let (token, message) = open.remove(0);
        let answer = message.response(ResponseCode::APPROVED).unwrap();
        outbound.handle_answer(iso8583_link::now(), token, answer);
        assert!(!keeper.write(iso8583_link::now(), &mut outbound));
        keeper.close(iso8583_link::now(), &mut outbound);
        let settings = CheckedJournal {
            block_bytes_max: 1 << 20,
            ..settings
        };
        let (_keeper, outbound) = open_on(&disk.crash(Crash::Process), &settings);
        assert_eq!(outbound.letters(GROUP), all, "all are reversed");
    }

    /// Where a reversal cannot be made durable nobody hears of it, and no more money moves.
    #[test]
    fn a_failed_sync_leaves_who_waits_unanswered_and_refuses_money() {
        let folder = tempfile::tempdir().unwrap();
        // Only what is asked for is synced: the sync that fails is the reversal's.
        let settings = CheckedJournal {
            sync_every: Duration::from_secs(3_600),
            ..settings(folder.path())
        };
        let disk = SimDisk::new(1);
        let (mut keeper, mut outbound) = open_on(&disk, &settings);
        let sent = send(&mut keeper, &mut outbound, 1);
        let [Output::Send { token, .. }] = &sent[..] else {
            panic!("{sent:?}");
        };
        disk.fail_syncs();
        let now = iso8583_link::now();
        outbound.handle_timed_out(now, *token);
        assert!(keeper.write(now, &mut outbound));
        while keeper.syncer.failed().is_none() {
            std::thread::yield_now();
        }
        keeper.report(now, &mut outbound);
        let outputs: Vec<_> = core::iter::from_fn(|| outbound.poll_output()).collect();
        let queued = matches!(outputs[..], [Output::Forward { .. }]);
        assert!(queued, "{outputs:?}");
        let refused = send(&mut keeper, &mut outbound, 2);
        let is_refused = matches!(refused[0], Output::Refused(Refusal::JournalFailed));
        assert!(is_refused, "{refused:?}");
    }

    #[test]
    fn err_a_journal_of_another_key_file() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path()));
        std::fs::remove_file(folder.path().join("switch.key")).unwrap();
        let settings = settings(folder.path());
        let mut outbound = Outbound::new(OutboundSettings::default(), &[]);
        let now = iso8583_link::now();
        let error = Keeper::open(&settings, "prepaid", &[], now, &mut outbound).unwrap_err();
        assert!(error.to_string().contains("another identity"), "{error}");
    }

    #[test]
    fn a_batch_that_was_changed_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(&settings(folder.path()).key_file, PROGRAM).unwrap();
        let mut seal = Seal::new(&root).unwrap();
        let (mut one, mut two) = (Vec::new(), Vec::new());
        seal.seal(b"records", &mut one).unwrap();
        seal.seal(b"records", &mut two).unwrap();
        assert_eq!(*Seal::open(&root, &one).unwrap(), b"records");
        assert_ne!(one[HEAD..], two[HEAD..]);
        for bit in 0..one.len() * 8 {
            let mut changed = one.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(Seal::open(&root, &changed).is_err(), "bit {bit}");
        }
    }
}
