//! The one writer: a thread of its own that owns the books and the journal.
//!
//! It takes all that waits, decides it in order, makes the records durable with one write and one
//! sync, and only then lets the answers go. No timer: a lone request waits for nobody, and under
//! load the next group gathers while this one is synced. A repeat that comes before its first is
//! durable stands behind it in the same line, so it never leaves earlier.
//!
//! When the journal fails the issuer freezes: what was in that group gets no answer and its links
//! close, for nobody knows whether it is durable; whatever comes later gets 96. The next start
//! decides by the journal alone.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use iso8583::element::ResponseCode;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, error, info, warn};

use crate::answer::Answer;
use crate::books::{Books, Inconsistent, Room};
use crate::clock::Now;
use crate::metrics;
use crate::record::{Decided, Effect, Event, Record};
use crate::request::{Operation, Request};
use crate::store::{Store, StoreError};

/// How much may wait at the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Batches that may wait; beyond it requests are answered 96 at once.
    pub queue_batches_max: usize,
    /// Requests after which a group is closed, however many more wait.
    pub group_requests_max: usize,
}

/// Where to bring requests and questions. Cheap to clone; the thread ends when the last is gone.
#[derive(Clone, Debug)]
pub struct Desk {
    jobs: SyncSender<Job>,
}

/// What comes back for a batch of requests.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The answers, in the order of the requests; what they promise is durable.
    Answers(Vec<Answer>),
    /// Nobody knows what is durable: no answer may be given, the link is to be closed.
    Frozen,
}

/// The desk does not take a question.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DeskError {
    /// Too much waits already.
    #[error("the ledger is busy")]
    Busy,
    /// The journal failed, or the program stops.
    #[error("the ledger is frozen")]
    Frozen,
    /// What room there is is kept for reversals.
    #[error("the disk of the ledger is nearly full")]
    NearlyFull,
}

impl Desk {
    /// Starts the thread.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn open(
        books: Books,
        store: impl Store + 'static,
        limits: Limits,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let (jobs, queue) = sync_channel(limits.queue_batches_max);
        let clerk = Clerk {
            books,
            store: Box::new(store),
            group: Group::default(),
            room: Room::Ample,
            keys_full: false,
            frozen: false,
            answers: metrics::Answers::default(),
            counters: metrics::Group::default(),
        };
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || clerk.run(&queue, limits.group_requests_max))?;
        Ok((Self { jobs }, thread))
    }

    /// Hands over a batch of requests; its [`Outcome`] will come by `reply`, which must have room
    /// for it: batches that wait are the sender's to count.
    ///
    /// # Errors
    /// [`DeskError::Busy`] gives the batch up: it is to be answered 96.
    pub fn submit(
        &self,
        requests: Vec<Request>,
        reply: mpsc::Sender<Outcome>,
    ) -> Result<(), DeskError> {
        self.send(Job::Requests(requests, reply))
    }

    /// Asks the books something, or makes a small change, and waits until that is durable. Done
    /// even where the disk is nearly full.
    ///
    /// # Errors
    /// [`DeskError`] where the desk is busy or frozen.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Books, Now) -> Result<(Vec<Record>, T), Inconsistent>
        + Send
        + 'static,
    ) -> Result<T, DeskError> {
        self.ask_within(Room::ForReversals, question).await
    }

    /// The same for what is refused where the disk is nearly full.
    ///
    /// # Errors
    /// [`DeskError`] where the desk is busy or frozen, or the disk nearly full.
    pub async fn ask_for_room<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Books, Now) -> Result<(Vec<Record>, T), Inconsistent>
        + Send
        + 'static,
    ) -> Result<T, DeskError> {
        self.ask_within(Room::Ample, question).await
    }

    async fn ask_within<T: Send + 'static>(
        &self,
        needed: Room,
        question: impl FnOnce(&mut Books, Now) -> Result<(Vec<Record>, T), Inconsistent>
        + Send
        + 'static,
    ) -> Result<T, DeskError> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Question(Box::new(move |room, books, now| {
            let (records, value) = match (needed, room) {
                (Room::Ample, Room::ForReversals) => (Vec::new(), Err(DeskError::NearlyFull)),
                (Room::Ample, Room::Ample) | (Room::ForReversals, _) => {
                    let (records, value) = question(books, now)?;
                    (records, Ok(value))
                }
            };
            let release: Release = Box::new(move || {
                // Whoever asked may have gone.
                drop(reply.send(value));
            });
            Ok((records, release))
        })))?;
        answer.await.map_err(|_| DeskError::Frozen)?
    }

    fn send(&self, job: Job) -> Result<(), DeskError> {
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => DeskError::Busy,
            TrySendError::Disconnected(_) => DeskError::Frozen,
        })
    }
}

type Release = Box<dyn FnOnce() + Send>;
type Question =
    Box<dyn FnOnce(Room, &mut Books, Now) -> Result<(Vec<Record>, Release), Inconsistent> + Send>;

enum Job {
    Requests(Vec<Request>, mpsc::Sender<Outcome>),
    Question(Question),
}

/// What is decided and not yet durable.
#[derive(Default)]
struct Group {
    requests: usize,
    records: u64,
    answers: Vec<(mpsc::Sender<Outcome>, Vec<Answer>)>,
    releases: Vec<Release>,
}

struct Clerk {
    books: Books,
    store: Box<dyn Store>,
    group: Group,
    /// As of the beginning of the group.
    room: Room,
    /// The same of the memory of keys.
    keys_full: bool,
    frozen: bool,
    answers: metrics::Answers,
    counters: metrics::Group,
}

/// Why nothing more is decided.
#[derive(Debug, Error)]
enum Failure {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Books(#[from] Inconsistent),
}

impl Clerk {
    fn run(mut self, queue: &Receiver<Job>, group_requests_max: usize) {
        while let Ok(first) = queue.recv() {
            let now = Now::from_clock(self.books.newest());
            self.look_at_room();
            self.look_at_keys();
            let mut decided = self.expire(now).and_then(|()| self.take(first, now));
            while decided.is_ok()
                && self.group.requests < group_requests_max
                && let Ok(next) = queue.try_recv()
            {
                decided = self.take(next, now);
            }
            if let Err(failure) = decided.and_then(|()| self.make_durable()) {
                self.freeze(&failure);
            }
        }
        if let Err(failure) = self.store.close() {
            let reason: &dyn std::error::Error = &failure;
            warn!(reason, "the journal did not end well");
        }
    }

    fn look_at_room(&mut self) {
        let room = if self.store.is_nearly_full() {
            Room::ForReversals
        } else {
            Room::Ample
        };
        if room == self.room {
            return;
        }
        self.room = room;
        match room {
            Room::ForReversals => error!("the disk is nearly full: only reversals are decided"),
            Room::Ample => info!("the disk has room again"),
        }
        metrics::disk_nearly_full(room == Room::ForReversals);
    }

    fn look_at_keys(&mut self) {
        let full = self.books.keys_are_full();
        if full == self.keys_full {
            return;
        }
        self.keys_full = full;
        if full {
            let keys = self.books.keys_len();
            error!(
                keys,
                "duplicate_keys_max is reached: new money requests get 96"
            );
        } else {
            info!("there is room for new keys again");
        }
        metrics::keys_full(full);
    }

    fn expire(&mut self, now: Now) -> Result<(), Failure> {
        if self.frozen {
            return Ok(());
        }
        for record in self.books.expire(now)? {
            self.counters.holds_expired.increment(1);
            self.append(&record);
        }
        Ok(())
    }

    fn take(&mut self, job: Job, now: Now) -> Result<(), Failure> {
        match job {
            Job::Requests(requests, reply) => {
                self.group.requests += requests.len();
                // The reply goes in first, so that a failure half way closes this link as well.
                let room = Vec::with_capacity(requests.len());
                self.group.answers.push((reply, room));
                for request in &requests {
                    let answer = self.decide(request, now)?;
                    if let Some((_, answers)) = self.group.answers.last_mut() {
                        answers.push(answer);
                    }
                }
            }
            Job::Question(question) => {
                self.group.requests += 1;
                if self.frozen {
                    return Ok(());
                }
                let (records, release) = question(self.room, &mut self.books, now)?;
                for record in records {
                    self.append(&record);
                }
                self.group.releases.push(release);
            }
        }
        Ok(())
    }

    fn decide(&mut self, request: &Request, now: Now) -> Result<Answer, Failure> {
        if self.frozen {
            let code = ResponseCode::SYSTEM_MALFUNCTION;
            return Ok(Answer::dated(code, request.settlement_date));
        }
        let (record, answer) = self.books.handle_within(self.room, request, now)?;
        if let Some(record) = record {
            self.append(&record);
        }
        if let (Operation::Reversal { original, .. }, ResponseCode::RECORD_NOT_FOUND) =
            (request.operation, answer.code)
        {
            self.counters.reversals_too_old.increment(1);
            let stan = original.map(|original| original.stan);
            warn!(
                acquirer = request.trace.acquirer.0,
                stan,
                "reversal of an original older than the memory: what became of it is not known"
            );
        }
        self.answers.count(request.operation, answer.code);
        Ok(answer)
    }

    fn append(&mut self, record: &Record) {
        self.store.append(record);
        self.group.records += 1;
        if let Event::Decided(Decided {
            effect: Effect::Debit { suspense, .. } | Effect::Credit { suspense, .. },
            trace,
            ..
        }) = &record.event
            && suspense.units() > 0
        {
            self.counters.suspense.increment(1);
            debug!(acquirer = trace.acquirer.0, %suspense, "advice booked to suspense");
        }
    }

    fn make_durable(&mut self) -> Result<(), Failure> {
        if self.group.records > 0 {
            let began = Instant::now();
            self.store.sync()?;
            let keys = self.books.keys_len();
            self.counters
                .durable(self.group.records, began.elapsed(), keys);
        }
        self.group.requests = 0;
        self.group.records = 0;
        for (reply, answers) in self.group.answers.drain(..) {
            // A link that is gone needs no answer; the switch will reverse.
            drop(reply.try_send(Outcome::Answers(answers)));
        }
        for release in self.group.releases.drain(..) {
            release();
        }
        Ok(())
    }

    fn freeze(&mut self, failure: &Failure) {
        let reason: &dyn std::error::Error = failure;
        error!(
            reason,
            "the issuer is frozen: restart decides by the journal alone"
        );
        metrics::frozen();
        self.frozen = true;
        let group = std::mem::take(&mut self.group);
        for (reply, _) in group.answers {
            drop(reply.try_send(Outcome::Frozen));
        }
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Requests(requests, _) => write!(formatter, "Requests({})", requests.len()),
            Self::Question(_) => formatter.write_str("Question"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::mpsc as threads;

    use super::*;
    use crate::card::CardIndex;
    use crate::kit::{
        World, completion, disk_failure, inquiry, pre_authorization, purchase, refund, reversal,
    };

    /// A disk that counts its syncs, waits for leave before each, and fails when told.
    struct Disk {
        syncs: Arc<AtomicUsize>,
        broken: Arc<AtomicBool>,
        nearly_full: Arc<AtomicBool>,
        closed: Arc<AtomicBool>,
        leave: Option<Receiver<()>>,
    }

    impl Disk {
        fn new() -> Self {
            Self {
                syncs: Arc::default(),
                broken: Arc::default(),
                nearly_full: Arc::default(),
                closed: Arc::default(),
                leave: None,
            }
        }
    }

    impl Store for Disk {
        fn append(&mut self, _: &Record) {}

        fn sync(&mut self) -> Result<(), StoreError> {
            if let Some(leave) = &self.leave {
                leave.recv().unwrap();
            }
            if self.broken.load(Ordering::SeqCst) {
                return Err(disk_failure("no more disk"));
            }
            self.syncs.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }

        fn is_nearly_full(&self) -> bool {
            self.nearly_full.load(Ordering::SeqCst)
        }

        fn close(self: Box<Self>) -> Result<(), StoreError> {
            self.closed.store(true, Ordering::SeqCst);
            Ok(())
        }
    }

    const LIMITS: Limits = Limits {
        queue_batches_max: 4,
        group_requests_max: 100,
    };

    fn submit(desk: &Desk, requests: Vec<Request>) -> mpsc::Receiver<Outcome> {
        let (reply, outcome) = mpsc::channel(1);
        desk.submit(requests, reply).unwrap();
        outcome
    }

    fn codes(outcome: Option<Outcome>) -> Vec<String> {
        let Some(Outcome::Answers(answers)) = outcome else {
            panic!("no answers: {outcome:?}");
        };
        answers
            .iter()
            .map(|answer| answer.code.to_string())
            .collect()
    }

    #[test]
    fn a_batch_is_answered_in_order_by_one_sync() {
        let disk = Disk::new();
        let syncs = Arc::clone(&disk.syncs);
        let (desk, thread) = Desk::open(World::with(100).books, disk, LIMITS).unwrap();
        let requests = [60, 60, 40].into_iter().zip(1..);
        let requests = requests.map(|(amount, stan)| purchase(stan, amount).build());
        let outcome = submit(&desk, requests.collect()).blocking_recv();
        assert_eq!(codes(outcome), ["00", "51", "00"]);
        assert_eq!(syncs.load(Ordering::SeqCst), 1);
        drop(desk);
        thread.join().unwrap();
    }

    #[test]
    fn a_repeat_waits_for_its_first_and_what_waits_shares_a_sync() {
        let (grant, leave) = threads::channel();
        let disk = Disk {
            leave: Some(leave),
            ..Disk::new()
        };
        let syncs = Arc::clone(&disk.syncs);
        let (desk, thread) = Desk::open(World::with(100).books, disk, LIMITS).unwrap();
        let mut first = submit(&desk, vec![purchase(1, 10).build()]);
        let mut repeat = submit(&desk, vec![purchase(1, 10).build()]);
        let mut other = submit(&desk, vec![purchase(2, 10).build()]);
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert!(first.try_recv().is_err() && repeat.try_recv().is_err());
        grant.send(()).unwrap();
        grant.send(()).unwrap();
        assert_eq!(codes(first.blocking_recv()), codes(repeat.blocking_recv()));
        assert_eq!(codes(other.blocking_recv()), ["00"]);
        drop((desk, grant));
        thread.join().unwrap();
        assert!(syncs.load(Ordering::SeqCst) <= 2);
    }

    #[test]
    fn a_failed_sync_gives_no_answer_and_96_ever_after() {
        let disk = Disk::new();
        let broken = Arc::clone(&disk.broken);
        let (desk, thread) = Desk::open(World::with(100).books, disk, LIMITS).unwrap();
        let first = submit(&desk, vec![purchase(1, 10).build()]).blocking_recv();
        assert_eq!(codes(first), ["00"]);
        broken.store(true, Ordering::SeqCst);
        let lost = submit(&desk, vec![purchase(2, 10).build()]).blocking_recv();
        assert_eq!(lost, Some(Outcome::Frozen));
        broken.store(false, Ordering::SeqCst);
        // Not even a repeat of what was answered: nothing is decided any more.
        for stan in [1, 2, 3] {
            let later = submit(&desk, vec![purchase(stan, 10).build()]).blocking_recv();
            assert_eq!(codes(later), ["96"]);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let asked = runtime.block_on(desk.ask(|books, _| Ok((Vec::new(), books.cards_len()))));
        assert_eq!(asked, Err(DeskError::Frozen));
        drop(desk);
        thread.join().unwrap();
    }

    #[test]
    fn a_nearly_full_disk_takes_reversals_and_repeats_and_answers_all_else_96() {
        let disk = Disk::new();
        let (nearly_full, closed) = (Arc::clone(&disk.nearly_full), Arc::clone(&disk.closed));
        let (desk, thread) = Desk::open(World::with(100).books, disk, LIMITS).unwrap();
        let bought = purchase(1, 10).build();
        let first = submit(&desk, vec![bought.clone()]).blocking_recv();
        nearly_full.store(true, Ordering::SeqCst);
        assert_eq!(submit(&desk, vec![bought.clone()]).blocking_recv(), first);
        let requests = vec![
            purchase(2, 10).build(),
            pre_authorization(3, 10).build(),
            refund(4, 10).build(),
            completion(5, 10, None).build(),
            inquiry(6).build(),
            reversal(7, &bought).build(),
            reversal(8, &purchase(9, 10).build()).build(),
        ];
        let outcome = submit(&desk, requests).blocking_recv();
        assert_eq!(codes(outcome), ["96", "96", "96", "96", "96", "00", "00"]);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let balance = |books: &Books| books.ledger().funds(CardIndex(0)).balance.units();
        let asked = runtime.block_on(desk.ask(move |books, _| Ok((Vec::new(), balance(books)))));
        assert_eq!(asked, Ok(100));
        let charge = desk.ask_for_room(|_, _| Ok((Vec::new(), ())));
        assert_eq!(runtime.block_on(charge), Err(DeskError::NearlyFull));
        nearly_full.store(false, Ordering::SeqCst);
        let later = submit(&desk, vec![purchase(2, 10).build()]).blocking_recv();
        assert_eq!(codes(later), ["00"], "it was not remembered as refused");
        drop(desk);
        thread.join().unwrap();
        assert!(closed.load(Ordering::SeqCst));
    }

    #[test]
    fn a_full_queue_refuses_at_once() {
        let (grant, leave) = threads::channel();
        let disk = Disk {
            leave: Some(leave),
            ..Disk::new()
        };
        let (desk, thread) = Desk::open(World::with(100).books, disk, LIMITS).unwrap();
        let mut outcomes = vec![submit(&desk, vec![purchase(1, 1).build()])];
        let mut refused = false;
        for stan in 2..20 {
            let (reply, outcome) = mpsc::channel(1);
            match desk.submit(vec![purchase(stan, 1).build()], reply) {
                Ok(()) => outcomes.push(outcome),
                Err(error) => {
                    assert_eq!(error, DeskError::Busy);
                    refused = true;
                    break;
                }
            }
        }
        assert!(refused);
        drop(desk);
        for _ in 0..outcomes.len() {
            // The thread may need less: several groups become one.
            let _ = grant.send(());
        }
        for mut outcome in outcomes {
            assert_eq!(codes(outcome.blocking_recv()), ["00"]);
        }
        thread.join().unwrap();
    }
}
