//! An issuer: its pure books and messages, over a disk that is synced before answers leave.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::LazyLock;
use std::time::Duration;

use iso8583::Message;
use iso8583::element::{Pan, ResponseCode};
use iso8583::session::{Output, Session, Settings};
use issuer_sim::answer::Answer;
use issuer_sim::books::{Books, Inconsistent, Policy};
use issuer_sim::card::{CardId, Expiry, Product, Pvv, Rules, SealedPan};
use issuer_sim::clock::{Now, Timestamp};
use issuer_sim::dedupe::Limits;
use issuer_sim::handler::{self, Reader};
use issuer_sim::hsm::SoftwareHsm;
use issuer_sim::ledger::Channel;
use issuer_sim::money::Minor;
use issuer_sim::record::{Charge, NewCard, Record};
use issuer_sim::request::{Operation, Request};
use issuer_sim::store::codec;
use issuer_sim::trace::Key;
use issuer_sim::vault::Vault;
use support::cards::{EXPIRY, load_card};

use crate::acquirer::CARDS;
use crate::disk::{Crash, Disk};
use crate::faults::{Fault, Plan, Planted};
use crate::network::{End, Node, Socket};
use crate::stage::{Event, Stage};

pub(crate) struct Issuer {
    place: usize,
    cramped: bool,
    pub(crate) disk: Disk,
    /// Counts the starts.
    run: u64,
    pub(crate) skew_millis: i64,
    /// The next sync fails.
    pub(crate) disk_fails: bool,
    /// How long a decision takes beyond the ordinary.
    pub(crate) slow: Duration,
    running: Option<Running>,
}

struct Running {
    books: Books,
    sessions: BTreeMap<Socket, Session<Infallible>>,
    /// What waits to be decided.
    queue: VecDeque<(Socket, Message)>,
    /// What is decided and not durable yet, and what the sync covers.
    group: Vec<(Socket, Message)>,
    written: usize,
    busy: bool,
    frozen: bool,
    wake: Option<Duration>,
}

/// The keys of the issuers, and what they know of the cards.
static READER: LazyLock<Reader> = LazyLock::new(|| {
    let vault = Vault::new(&[7; 32]);
    let hsm = SoftwareHsm::new(vault.pvk().clone(), vault.pvk().clone());
    Reader { vault, hsm }
});
/// What each card is charged with: a few purchases' worth.
const CHARGE: i64 = 150_000;

impl Issuer {
    pub(crate) fn new(place: usize, plan: &Plan) -> Self {
        Self {
            place,
            cramped: plan.cramped,
            disk: Disk::default(),
            run: 0,
            skew_millis: 0,
            disk_fails: false,
            slow: Duration::ZERO,
            running: None,
        }
    }

    pub(crate) const fn is_up(&self) -> bool {
        self.running.is_some()
    }

    pub(crate) fn books(&self) -> Option<&Books> {
        self.running.as_ref().map(|running| &running.books)
    }

    /// Issues and charges the cards, durably.
    pub(crate) fn issue_cards(&mut self, stage: &Stage) -> Result<(), Inconsistent> {
        let now = self.now(stage, &Books::new(policy()));
        let mut books = Books::new(policy());
        let mut batch = Vec::new();
        for number in 0..CARDS {
            let pan: Pan = load_card(number).parse().expect("a card number");
            let id = CardId([u8::try_from(number).expect("a few cards"); 16]);
            let card = NewCard {
                id,
                pan_key: READER.vault.pan_key(&pan),
                sealed_pan: SealedPan(Box::new([0; 44])),
                expiry: Expiry::parse(EXPIRY.as_bytes()).expect("a month"),
                product: Product::Load,
                pvv: Pvv(*b"1234"),
            };
            let issued = books.issue(card, now)?.expect("a new card");
            codec::encode(&issued, &mut batch);
            let charge = |card| Charge {
                card,
                amount: Minor::new(CHARGE),
                channel: Channel::Sandbox,
                key: Key::of_charge(&number.to_string()),
            };
            let (charged, _) = books.charge(id, charge, now)?.expect("a good card");
            codec::encode(&charged.expect("a first charge"), &mut batch);
        }
        self.disk.write(&batch);
        self.disk.synced(self.disk.written());
        Ok(())
    }

    /// Begins with what the disk has.
    pub(crate) fn start(&mut self, stage: &mut Stage) -> Result<(), Inconsistent> {
        let records = records(&self.disk.open());
        stage.say(format_args!(
            "Issuer({}) starts with {} records",
            self.place,
            records.len()
        ));
        let books = replayed(&records)?;
        self.run += 1;
        stage.invariants.recovered(self.place, &records, &books);
        self.running = Some(Running {
            books,
            sessions: BTreeMap::new(),
            queue: VecDeque::new(),
            group: Vec::new(),
            written: 0,
            busy: false,
            frozen: false,
            wake: None,
        });
        Ok(())
    }

    pub(crate) fn crash(&mut self, crash: Crash, stage: &mut Stage) {
        self.running = None;
        self.disk.crash(crash, &mut stage.rng);
    }

    /// The same books from the records alone (I6).
    pub(crate) fn replays(&self) -> Result<bool, Inconsistent> {
        let replayed = replayed(&records(&self.disk.all()))?;
        Ok(self.books().is_none_or(|books| *books == replayed))
    }

    pub(crate) fn accepted(&mut self, stage: &mut Stage, socket: Socket) {
        let now = stage.clock(self.skew_millis);
        let settings = Settings {
            echo_after: Some(Duration::from_secs(45)),
            ..Settings::default()
        };
        if let Some(running) = &mut self.running {
            running.sessions.insert(socket, Session::new(settings, now));
        }
        self.settle(stage);
    }

    pub(crate) fn handle_message(&mut self, stage: &mut Stage, socket: Socket, message: Message) {
        let now = stage.clock(self.skew_millis);
        let running = self.running.as_mut();
        if let Some(session) = running.and_then(|it| it.sessions.get_mut(&socket)) {
            session.handle_message(now, message);
        }
        self.settle(stage);
    }

    pub(crate) fn gone(&mut self, socket: Socket) {
        if let Some(running) = &mut self.running {
            running.sessions.remove(&socket);
        }
    }

    pub(crate) fn handle_timeout(&mut self, stage: &mut Stage) {
        let now = stage.clock(self.skew_millis);
        if let Some(running) = &mut self.running {
            running.wake = None;
            for session in running.sessions.values_mut() {
                session.handle_timeout(now);
            }
        }
        self.settle(stage);
    }

    fn settle(&mut self, stage: &mut Stage) {
        while let Some(running) = &mut self.running {
            let polled = running.sessions.iter_mut().find_map(|(socket, session)| {
                let output = session.poll_output()?;
                Some((*socket, output))
            });
            let Some((socket, output)) = polled else {
                break;
            };
            stage.show(&output);
            match output {
                Output::Send(message) => stage.send(socket, End::Server, &message),
                Output::Request(message) => self.request(stage, socket, message),
                Output::Close(_) => {
                    stage.close(socket, End::Server, true);
                    self.gone(socket);
                }
                Output::Answered { .. }
                | Output::TimedOut { .. }
                | Output::Late { .. }
                | Output::Network { .. }
                | Output::Unmatched { .. }
                | Output::State(_) => {}
            }
        }
        self.set_wake(stage);
    }

    fn set_wake(&mut self, stage: &mut Stage) {
        let Some(running) = &mut self.running else {
            return;
        };
        let deadlines = running.sessions.values().filter_map(Session::poll_timeout);
        let Some(next) = deadlines.min().map(Stage::moment) else {
            return;
        };
        let next = next.max(stage.now + Duration::from_millis(1));
        if running
            .wake
            .is_none_or(|wake| next < wake || wake <= stage.now)
        {
            running.wake = Some(next);
            stage.at(next, Event::Wake(Node::Issuer(self.place)));
        }
    }

    fn request(&mut self, stage: &mut Stage, socket: Socket, message: Message) {
        let Some(running) = &mut self.running else {
            return;
        };
        let room = if self.cramped { 4 } else { 1_000 };
        if running.queue.len() >= room {
            let busy = Answer::bare(ResponseCode::SYSTEM_MALFUNCTION);
            reply(stage, socket, &message, &busy);
            return;
        }
        running.queue.push_back((socket, message));
        self.decide_soon(stage);
    }

    fn decide_soon(&mut self, stage: &mut Stage) {
        let Some(running) = &mut self.running else {
            return;
        };
        if running.busy || running.queue.is_empty() {
            return;
        }
        running.busy = true;
        let time = self.slow + Duration::from_millis(stage.rng.u64(0..5));
        stage.after(time, Event::Decide(self.place, self.run));
    }

    /// Decides all that waits, as one group.
    pub(crate) fn decide(&mut self, stage: &mut Stage, run: u64) -> Result<(), Inconsistent> {
        if run != self.run {
            return Ok(());
        }
        let Some(mut running) = self.running.take() else {
            return Ok(());
        };
        let now = self.now(stage, &running.books);
        let mut batch = Vec::new();
        for (socket, message) in core::mem::take(&mut running.queue) {
            let answer = self.answer(stage, &mut running, &message, now, &mut batch)?;
            let answer = handler::write(&message, &answer).expect("an answerable message");
            running.group.push((socket, answer));
        }
        self.running = Some(running);
        if batch.is_empty() {
            self.release(stage);
        } else {
            self.store(stage, &batch);
        }
        Ok(())
    }

    fn store(&mut self, stage: &mut Stage, batch: &[u8]) {
        if !stage.plants(Planted::RecordLost) {
            self.disk.write(batch);
        }
        let slow = stage.weather.slow_disk;
        let millis = if stage.chance(slow) { 100..1_000 } else { 1..5 };
        stage.soon(millis, Event::Synced(Node::Issuer(self.place), self.run));
        let early = stage.plants(Planted::AnsweredUnsynced);
        if let Some(running) = &mut self.running {
            running.written = self.disk.written();
            if early {
                for (socket, answer) in running.group.drain(..) {
                    stage.send(socket, End::Server, &answer);
                }
            }
        }
    }

    pub(crate) fn synced(&mut self, stage: &mut Stage, run: u64) {
        if run != self.run || self.running.is_none() {
            return;
        }
        if core::mem::take(&mut self.disk_fails) {
            return self.freeze(stage);
        }
        if let Some(running) = &self.running {
            self.disk.synced(running.written);
            let durable = records(&self.disk.durable());
            stage.invariants.durable(self.place, &durable);
        }
        self.release(stage);
    }

    /// Nobody knows what of the group is durable: it gets no answer and its links close.
    fn freeze(&mut self, stage: &mut Stage) {
        stage.say(format_args!("Issuer({}) cannot sync its disk", self.place));
        let Some(running) = &mut self.running else {
            return;
        };
        running.frozen = true;
        running.busy = false;
        for (socket, _) in core::mem::take(&mut running.group) {
            if running.sessions.remove(&socket).is_some() {
                stage.close(socket, End::Server, true);
            }
        }
        let restart = Fault::Crash(Node::Issuer(self.place), Crash::Process);
        stage.soon(1_000..60_000, Event::Strike(restart));
        self.decide_soon(stage);
    }

    /// The answers of the group leave.
    fn release(&mut self, stage: &mut Stage) {
        let Some(running) = &mut self.running else {
            return;
        };
        running.busy = false;
        for (socket, answer) in core::mem::take(&mut running.group) {
            stage.send(socket, End::Server, &answer);
        }
        self.decide_soon(stage);
    }

    fn answer(
        &self,
        stage: &mut Stage,
        running: &mut Running,
        message: &Message,
        now: Now,
        batch: &mut Vec<u8>,
    ) -> Result<Answer, Inconsistent> {
        if running.frozen {
            return Ok(Answer::bare(ResponseCode::SYSTEM_MALFUNCTION));
        }
        let request = match READER.read(message) {
            Ok(request) => request,
            Err(refusal) => return Ok(refusal.answer(None)),
        };
        for record in running.books.expire(now)? {
            stage.invariants.recorded(self.place, &record);
            codec::encode(&record, batch);
        }
        let (record, answer) = decide(stage, &mut running.books, request, now)?;
        if let Some(record) = record {
            stage.show(&record);
            stage.invariants.recorded(self.place, &record);
            codec::encode(&record, batch);
        }
        stage.invariants.check_books(self.place, &running.books);
        Ok(answer)
    }

    fn now(&self, stage: &Stage, books: &Books) -> Now {
        let millis = stage.clock(self.skew_millis).utc.as_millisecond();
        Now::new(Timestamp::from_millis(millis).max(books.newest()))
    }
}

/// Lets the books decide, with the mistake that is planted.
fn decide(
    stage: &mut Stage,
    books: &mut Books,
    request: Request,
    now: Now,
) -> Result<(Option<Record>, Answer), Inconsistent> {
    let mut asked = request;
    if asked.operation == Operation::Purchase && stage.plants(Planted::HalfTheAmount) {
        let amount = asked.amount.unwrap_or_default().units();
        asked.amount = Some(Minor::new((amount / 2).max(1)));
    }
    let (record, answer) = books.handle(&asked, now)?;
    let short = answer.code == ResponseCode::INSUFFICIENT_FUNDS;
    if short && record.is_some() && stage.plants(Planted::BeyondFunds) {
        return beyond_funds(books, asked, now);
    }
    if record.is_none() && answer.code.approves() && stage.plants(Planted::AppliedTwice) {
        asked.keys.key = Key(stage.rng.u128(..).to_le_bytes());
        return books.handle(&asked, now);
    }
    Ok((record, answer))
}

/// The mistake of an issuer that takes what the card has not.
fn beyond_funds(
    books: &mut Books,
    mut request: Request,
    now: Now,
) -> Result<(Option<Record>, Answer), Inconsistent> {
    request.keys.key.0.reverse();
    request.operation = Operation::DebitAdvice {
        original: None,
        approval: None,
    };
    books.handle(&request, now)
}

fn reply(stage: &mut Stage, socket: Socket, message: &Message, answer: &Answer) {
    if let Some(answer) = handler::write(message, answer) {
        stage.send(socket, End::Server, &answer);
    }
}

fn records(batches: &[Vec<u8>]) -> Vec<Record> {
    let mut records = Vec::new();
    for batch in batches {
        let mut rest = batch.as_slice();
        while !rest.is_empty() {
            let (record, after) = codec::decode(rest).expect("a record that was written");
            records.push(record);
            rest = after;
        }
    }
    records
}

fn replayed(records: &[Record]) -> Result<Books, Inconsistent> {
    let mut books = Books::new(policy());
    for record in records {
        books.apply(record)?;
    }
    Ok(books)
}

fn policy() -> Policy {
    Policy {
        rules: Rules {
            purchase_max: Minor::new(300_000),
            anonymous_balance_max: Minor::new(500_000),
            tries_max: 3,
        },
        limits: Limits {
            window: Duration::from_hours(48),
            keys_max: 10_000,
        },
        hold: Duration::from_hours(7 * 24),
        lines_per_card: 5,
        cards_max: 100,
    }
}
