//! The switch: its pure cores, in the order in which its shell drives them, over a disk.
//!
//! Records are written before anything leaves that was put out since. A reversal is sent, and 91
//! answered, when its record is synced. An approval of which nothing was handed to its connection
//! is given back when that connection is gone. Now and then a checkpoint is written, and what was
//! before it given up once it is synced.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use iso8583::Message;
use iso8583::element::ResponseCode;
use iso8583::session::{self, Refused, Session, Settings};
use jiff::tz::Offset;
use switch_core::{
    Admission, Answer, AnsweredSettings, BootId, CardRange, Conditions, ConnectionId,
    ForwardSettings, GroupId, GroupSettings, HealthSettings, Inbound, LinkId, MemorySettings,
    NotRecords, NumberSettings, Outbound, OutboundSettings, Output, PageId, Refusal, RouteTable,
    Rule, Token, Totals, TotalsSettings, Undo,
};

use crate::disk::{Crash, Disk};
use crate::faults::{Plan, Planted};
use crate::network::{End, Line, Node, Socket};
use crate::recovery::{durable_reversals, names, recovered};
use crate::stage::{Event, Stage, words};

pub(crate) struct Switch {
    groups: Vec<(GroupId, GroupSettings)>,
    cramped: bool,
    routes: RouteTable,
    pub(crate) disk: Disk,
    boot: BootId,
    /// Counts the starts.
    run: u64,
    pub(crate) skew_millis: i64,
    /// The next sync fails.
    pub(crate) disk_fails: bool,
    /// How many more writes and outputs until the node goes down.
    pub(crate) fuse: Option<(u32, Crash)>,
    /// How often its machine went down, and took with it what was not synced.
    pub(crate) powered_off: u32,
    /// Bytes of the last checkpoint.
    checkpoint: usize,
    /// What a running process has; none while it is down.
    running: Option<Running>,
}

struct Running {
    inbound: Inbound,
    outbound: Outbound,
    members: BTreeMap<LinkId, Member>,
    acquirers: BTreeMap<Socket, Downstream>,
    /// What the sync under way covers.
    syncing: Option<(usize, u64)>,
    /// The newest mark that waits to be durable, and the newest that is.
    marks: (u64, u64),
    /// The disk failed: nothing that is recorded from then on may leave.
    failed: bool,
    /// The next answer says that the outcome at the issuer is not known.
    gives_up: bool,
    wake: Option<Duration>,
}

/// A link to an issuer.
#[derive(Default)]
struct Member {
    link: Option<(Socket, Session<Token>)>,
    was_up: bool,
}

/// A connection of an acquirer.
struct Downstream {
    session: Session<Infallible>,
    /// Not handed to the connection yet.
    outbox: VecDeque<(Message, Option<Arc<Undo>>)>,
}

impl Switch {
    pub(crate) fn new(plan: &Plan) -> Self {
        let group = |place| {
            let settings = GroupSettings {
                links: plan.links,
                transactions_max: if plan.cramped { 6 } else { 1_000 },
                forward: ForwardSettings {
                    window: if plan.cramped { 1 } else { 16 },
                    ..ForwardSettings::default()
                },
                health: HealthSettings {
                    outcomes_min: if plan.cramped { 3 } else { 20 },
                    ..HealthSettings::default()
                },
                numbers: plan.numbered().then(NumberSettings::default),
                ..GroupSettings::default()
            };
            (GroupId(place), settings)
        };
        let issuers = u16::try_from(plan.issuers).expect("a few issuers");
        let rule = Rule {
            name: "all".to_owned(),
            cards: vec![CardRange::prefix("999999").expect("a prefix")],
            conditions: Conditions::default(),
            groups: (0..issuers).map(GroupId).collect(),
        };
        Self {
            groups: (0..issuers).map(group).collect(),
            cramped: plan.cramped,
            routes: RouteTable::new(&[rule], issuers).expect("one rule"),
            disk: Disk::default(),
            boot: [0; 16],
            run: 0,
            skew_millis: 0,
            disk_fails: false,
            fuse: None,
            powered_off: 0,
            checkpoint: 0,
            running: None,
        }
    }

    /// Is everything synced before anything of it leaves?
    fn syncs_always(&self) -> bool {
        let numbered = |(_, settings): &(_, GroupSettings)| settings.numbers.is_some();
        self.groups.iter().any(numbered)
    }

    pub(crate) const fn is_up(&self) -> bool {
        self.running.is_some()
    }

    /// Is nothing in flight, to be reversed or to be stored?
    pub(crate) fn is_done(&self) -> bool {
        let Some(running) = &self.running else {
            return false;
        };
        let idle = |(id, _): &(GroupId, GroupSettings)| {
            running.outbound.in_flight(*id) == 0 && running.outbound.letters(*id) == 0
        };
        let sent = |downstream: &Downstream| downstream.outbox.is_empty();
        self.groups.iter().all(idle)
            && running.acquirers.values().all(sent)
            && running.syncing.is_none()
    }

    /// What is left open, in words.
    pub(crate) fn left(&self) -> String {
        let Some(running) = &self.running else {
            return "down".to_owned();
        };
        let mut letters: Vec<_> = running.outbound.pending_letters().collect();
        letters.sort_unstable();
        let in_flight = |(id, _): &(GroupId, _)| running.outbound.in_flight(*id);
        let in_flight: Vec<usize> = self.groups.iter().map(in_flight).collect();
        format!("{in_flight:?} in flight, letters {letters:?}")
    }

    /// What it has counted.
    pub(crate) fn pages(&self) -> impl Iterator<Item = (PageId, Totals)> {
        self.running.iter().flat_map(|it| it.outbound.pages())
    }

    /// References (DE 37) of the requests that the switch lists as unknown.
    pub(crate) fn unknown(&self) -> Vec<String> {
        let unknown = self.running.iter().flat_map(|it| it.outbound.unknown());
        let rrn = unknown.filter_map(|unknown| unknown.original.text(37));
        rrn.map(str::to_owned).collect()
    }

    /// Begins, or goes on from what the disk has.
    pub(crate) fn start(&mut self, stage: &mut Stage) -> Result<(), NotRecords> {
        let now = stage.clock(self.skew_millis);
        let recovered = recovered(&self.disk.open(), self.boot, now.utc.as_second())?;
        stage.say(format_args!(
            "Switch starts: {} open, {} letters",
            recovered.open(),
            recovered.letters()
        ));
        self.run += 1;
        let settings = OutboundSettings {
            repeats_max: if self.cramped { 1 } else { 8 },
            memory: if stage.plants(Planted::FailOverForgotten) {
                MemorySettings {
                    time: Duration::ZERO,
                    ..MemorySettings::default()
                }
            } else {
                MemorySettings::default()
            },
            // Cramped worlds ask the issuer again.
            answered: AnsweredSettings {
                time: if self.cramped {
                    Duration::ZERO
                } else {
                    Duration::from_secs(120)
                },
                bytes_max: 20_000,
            },
            totals: TotalsSettings {
                offset: Offset::constant(9),
                ..TotalsSettings::default()
            },
            ..OutboundSettings::default()
        };
        let mut outbound = Outbound::new(settings, &self.groups);
        outbound.begin(now, self.boot, names(), recovered);
        let mut members = BTreeMap::new();
        for (group, settings) in &self.groups {
            for place in 0..settings.links {
                let group = *group;
                members.insert(LinkId { group, place }, Member::default());
                stage.soon(0..500, Event::Connect(Line::Issuer(group.0.into(), place)));
            }
        }
        self.running = Some(Running {
            inbound: Inbound {
                default_acquirer: b"900001".to_vec(),
                forwarder: b"999001".to_vec(),
                business_offset: Offset::constant(9),
                acquirers: BTreeSet::new(),
            },
            outbound,
            members,
            acquirers: BTreeMap::new(),
            syncing: None,
            marks: (0, 0),
            failed: false,
            gives_up: false,
            wake: None,
        });
        self.pump(stage);
        Ok(())
    }

    /// Goes down as it stands.
    pub(crate) fn crash(&mut self, crash: Crash, stage: &mut Stage) {
        self.running = None;
        self.fuse = None;
        self.disk.crash(crash, &mut stage.rng);
        if crash == Crash::Machine {
            self.boot = stage.rng.u128(..).to_le_bytes();
            self.powered_off += 1;
        }
    }

    pub(crate) fn is_connected(&self, link: LinkId) -> bool {
        let running = self.running.as_ref();
        let member = running.and_then(|running| running.members.get(&link));
        member.is_some_and(|member| member.link.is_some())
    }

    /// A link to an issuer is connected.
    pub(crate) fn connected(&mut self, stage: &mut Stage, link: LinkId, socket: Socket) {
        let now = stage.clock(self.skew_millis);
        let settings = member_settings(self.cramped);
        if let Some(running) = &mut self.running {
            let member = running.members.entry(link).or_default();
            member.link = Some((socket, Session::new(settings, now)));
        }
        self.pump(stage);
    }

    /// An acquirer connected.
    pub(crate) fn accepted(&mut self, stage: &mut Stage, socket: Socket) {
        let now = stage.clock(self.skew_millis);
        let settings = Settings {
            echo_after: Some(Duration::from_secs(45)),
            ..Settings::default()
        };
        if let Some(running) = &mut self.running {
            let downstream = Downstream {
                session: Session::new(settings, now),
                outbox: VecDeque::new(),
            };
            running.acquirers.insert(socket, downstream);
        }
        self.pump(stage);
    }

    pub(crate) fn handle_message(&mut self, stage: &mut Stage, socket: Socket, message: Message) {
        let now = stage.clock(self.skew_millis);
        let Some(running) = &mut self.running else {
            return;
        };
        if let Some(downstream) = running.acquirers.get_mut(&socket) {
            downstream.session.handle_message(now, message);
        } else if let Some((_, session)) = running.member_of(socket) {
            session.handle_message(now, message);
        }
        self.pump(stage);
    }

    pub(crate) fn gone(&mut self, stage: &mut Stage, socket: Socket) {
        self.drop_connection(stage, socket);
        self.pump(stage);
    }

    pub(crate) fn handle_timeout(&mut self, stage: &mut Stage) {
        let now = stage.clock(self.skew_millis);
        let Some(running) = &mut self.running else {
            return;
        };
        running.wake = None;
        for downstream in running.acquirers.values_mut() {
            downstream.session.handle_timeout(now);
        }
        for (_, session) in running
            .members
            .values_mut()
            .filter_map(|it| it.link.as_mut())
        {
            session.handle_timeout(now);
        }
        running.outbound.handle_timeout(now);
        self.pump(stage);
    }

    /// An acquirer's connection takes one more answer.
    pub(crate) fn drain(&mut self, stage: &mut Stage, socket: Socket) {
        let Some(running) = &mut self.running else {
            return;
        };
        let Some(downstream) = running.acquirers.get_mut(&socket) else {
            return;
        };
        if let Some((message, _)) = downstream.outbox.pop_front() {
            stage.send(socket, End::Server, &message);
        }
        if !downstream.outbox.is_empty() {
            stage.soon(0..3, Event::Drain(socket));
        }
    }

    pub(crate) fn synced(&mut self, stage: &mut Stage, run: u64) {
        let now = stage.clock(self.skew_millis);
        let Some(running) = self.running.as_mut().filter(|_| run == self.run) else {
            return;
        };
        let Some((written, mark)) = running.syncing.take() else {
            return;
        };
        if core::mem::take(&mut self.disk_fails) {
            // What failed once is done: an operator starts it anew.
            stage.say(format_args!("Switch cannot sync its disk"));
            running.outbound.handle_journal_failed(now);
            running.failed = true;
            stage.soon(
                1_000..60_000,
                Event::Strike(crate::faults::Fault::Crash(Node::Switch, Crash::Process)),
            );
            running.syncing = Some((0, 0));
        } else {
            self.disk.synced(written);
            running.marks.1 = mark;
            running.outbound.handle_stored(now, mark);
        }
        self.pump(stage);
    }

    /// Does what machines and sessions want done, until they want nothing more or the fuse blows.
    fn pump(&mut self, stage: &mut Stage) {
        while self.step(stage) && !self.is_blown() {}
        if let Some((_, crash)) = self.fuse.take_if(|(left, _)| *left == 0) {
            stage.at(
                stage.now,
                Event::Strike(crate::faults::Fault::Crash(Node::Switch, crash)),
            );
            // Nothing more happens in this process.
            self.running = None;
            return;
        }
        self.sync(stage);
        self.set_wake(stage);
    }

    const fn is_blown(&self) -> bool {
        matches!(self.fuse, Some((0, _)))
    }

    fn burn(&mut self) {
        if let Some((left, _)) = &mut self.fuse {
            *left = left.saturating_sub(1);
        }
    }

    /// One write, or one output; false where there is none.
    fn step(&mut self, stage: &mut Stage) -> bool {
        let Some(running) = &mut self.running else {
            return false;
        };
        if !running.outbound.records().is_empty() {
            self.write(stage);
            self.burn();
            return true;
        }
        if let Some(output) = running.outbound.poll_output() {
            stage.show(&output);
            if running.failed {
                self.withhold(stage, output);
            } else {
                self.output(stage, output);
            }
            self.burn();
            return true;
        }
        self.poll_sessions(stage)
    }

    fn write(&mut self, stage: &mut Stage) {
        let now = stage.clock(self.skew_millis);
        let always = self.syncs_always();
        let Some(running) = &mut self.running else {
            return;
        };
        if running.failed {
            running.outbound.records_written();
            return;
        }
        let records = running.outbound.records();
        // A batch that begins with the record of an outcome, or of what it counts as.
        let outcome = matches!(records.first(), Some(3 | 10));
        if !(outcome && stage.plants(Planted::OutcomeLost)) {
            self.disk.write(records);
        }
        running.marks.0 = running.outbound.records_written();
        if self.disk.in_need() > self.checkpoint + CHECKPOINT_BYTES {
            running.outbound.checkpoint();
            self.checkpoint = running.outbound.records().len();
            self.disk.forget_before(self.disk.written());
            self.disk.write(running.outbound.records());
            running.marks.0 = running.outbound.records_written();
        }
        if always {
            self.disk.synced(self.disk.written());
        }
        if stage.plants(Planted::AnsweredUnstored) {
            running.outbound.handle_stored(now, running.marks.0);
        }
    }

    fn sync(&mut self, stage: &mut Stage) {
        let slow = stage.weather.slow_disk;
        let Some(running) = &mut self.running else {
            return;
        };
        if running.syncing.is_some() || running.marks.0 == running.marks.1 {
            return;
        }
        running.syncing = Some((self.disk.written(), running.marks.0));
        let millis = if stage.chance(slow) { 100..1_000 } else { 1..5 };
        stage.soon(millis, Event::Synced(Node::Switch, self.run));
    }

    fn set_wake(&mut self, stage: &mut Stage) {
        let Some(running) = &mut self.running else {
            return;
        };
        let members = running.members.values().filter_map(|it| it.link.as_ref());
        let members = members.filter_map(|(_, session)| session.poll_timeout());
        let acquirers = running.acquirers.values();
        let acquirers = acquirers.filter_map(|it| it.session.poll_timeout());
        let all = members
            .chain(acquirers)
            .chain(running.outbound.poll_timeout());
        let Some(next) = all.min().map(Stage::moment) else {
            return;
        };
        let next = next.max(stage.now + Duration::from_millis(1));
        if running
            .wake
            .is_none_or(|wake| next < wake || wake <= stage.now)
        {
            running.wake = Some(next);
            stage.at(next, Event::Wake(Node::Switch));
        }
    }

    fn poll_sessions(&mut self, stage: &mut Stage) -> bool {
        let Some(running) = &mut self.running else {
            return false;
        };
        for (id, member) in &mut running.members {
            let Some((socket, session)) = &mut member.link else {
                continue;
            };
            if let Some(output) = session.poll_output() {
                stage.show(&output);
                let (id, socket) = (*id, *socket);
                self.member_output(stage, id, socket, output);
                return true;
            }
        }
        for (socket, downstream) in &mut running.acquirers {
            if let Some(output) = downstream.session.poll_output() {
                stage.show(&output);
                let socket = *socket;
                self.acquirer_output(stage, socket, output);
                return true;
            }
        }
        false
    }

    fn member_output(
        &mut self,
        stage: &mut Stage,
        id: LinkId,
        socket: Socket,
        output: session::Output<Token>,
    ) {
        let now = stage.clock(self.skew_millis);
        let Some(running) = &mut self.running else {
            return;
        };
        running.note_link(now, id);
        match output {
            session::Output::Send(message) => stage.send(socket, End::Client, &message),
            session::Output::Answered { token, answer } => {
                running.outbound.handle_answer(now, token, answer);
            }
            session::Output::TimedOut { token } => {
                if let (Token::Request(_), true) = (token, stage.plants(Planted::NotReversed)) {
                    let mut answer = Message::new(iso8583::Mti::FINANCIAL_REQUEST);
                    answer.set(39, ResponseCode::ISSUER_INOPERATIVE.as_bytes());
                    running.outbound.handle_answer(now, token, answer);
                } else {
                    running.outbound.handle_timed_out(now, token);
                }
            }
            session::Output::Late { answer, .. } => {
                stage.say(format_args!("Switch: late  {}", words(&answer)));
                if stage.planted == Planted::DeliveredLate {
                    self.deliver_late(stage, answer);
                }
            }
            session::Output::Close(_) => {
                stage.close(socket, End::Client, true);
                self.drop_connection(stage, socket);
            }
            session::Output::Unmatched { .. }
            | session::Output::Network { .. }
            | session::Output::Request(_)
            | session::Output::State(_) => {}
        }
    }

    /// The mistake of a switch that takes a late answer for one in time.
    fn deliver_late(&mut self, stage: &mut Stage, answer: Message) {
        let Some(running) = &mut self.running else {
            return;
        };
        let place = answer.text(32).and_then(|acquirer| acquirer.bytes().last());
        let place = usize::from(place.unwrap_or(b'0') - b'0');
        let sockets: Vec<Socket> = running.acquirers.keys().copied().collect();
        let is_theirs =
            |socket: &Socket| stage.network.line(*socket) == Some(Line::Acquirer(place));
        if let Some(socket) = sockets.into_iter().find(is_theirs) {
            self.answer(stage, socket, answer, None);
        }
    }

    fn acquirer_output(
        &mut self,
        stage: &mut Stage,
        socket: Socket,
        output: session::Output<Infallible>,
    ) {
        match output {
            session::Output::Send(message) => self.answer(stage, socket, message, None),
            session::Output::Request(message) => self.request(stage, socket, message),
            session::Output::Close(_) => {
                stage.close(socket, End::Server, true);
                self.drop_connection(stage, socket);
            }
            session::Output::Answered { .. }
            | session::Output::TimedOut { .. }
            | session::Output::Late { .. }
            | session::Output::Network { .. }
            | session::Output::Unmatched { .. }
            | session::Output::State(_) => {}
        }
    }

    fn request(&mut self, stage: &mut Stage, socket: Socket, message: Message) {
        let now = stage.clock(self.skew_millis);
        if stage.plants(Planted::PrintedPan) {
            stage.say(format_args!(
                "Switch: card {}",
                message.text(2).unwrap_or("-")
            ));
        }
        let Some(running) = &mut self.running else {
            return;
        };
        let answer = match running.inbound.admit(now, ConnectionId(socket), message) {
            Admission::Admitted(mut request) => match self.routes.route(&mut request) {
                Ok(_) => return running.outbound.handle_request(now, request),
                Err(refusal) => request.refuse(refusal),
            },
            Admission::Refused(_, answer) => answer,
            Admission::Reconciliation(reconciliation) => {
                let position = running.outbound.position(&reconciliation.page());
                reconciliation.answer(&position).1
            }
            Admission::Dropped => return,
        };
        self.answer(stage, socket, answer.message, None);
    }

    /// What was recorded of this could not be written: nothing is sent, and nobody hears of an
    /// approval.
    fn withhold(&mut self, stage: &mut Stage, output: Output) {
        let now = stage.clock(self.skew_millis);
        match output {
            Output::Send { token, message, .. } => {
                if let Some(running) = &mut self.running {
                    let refusal = Refusal::JournalFailed;
                    running.outbound.handle_unsent(now, token, message, refusal);
                }
            }
            Output::Answer(answer) if answer.is_counted() => {}
            other @ (Output::Answer(_)
            | Output::Refused(_)
            | Output::FailedOver(_)
            | Output::LinkHealth { .. }
            | Output::Forward { .. }) => self.output(stage, other),
        }
    }

    fn output(&mut self, stage: &mut Stage, output: Output) {
        match output {
            Output::Send {
                link,
                token,
                message,
            } => self.send(stage, link, token, message),
            Output::Answer(answer) => self.deliver(stage, answer),
            Output::Refused(Refusal::TimedOut | Refusal::LinkLost | Refusal::InvalidResponse) => {
                if let Some(running) = &mut self.running {
                    running.gives_up = true;
                }
            }
            Output::Refused(_)
            | Output::FailedOver(_)
            | Output::LinkHealth { .. }
            | Output::Forward { .. } => {}
        }
    }

    fn send(&mut self, stage: &mut Stage, link: LinkId, token: Token, message: Message) {
        let now = stage.clock(self.skew_millis);
        if matches!(token, Token::Letter(_)) && stage.plants(Planted::ReversalLeft) {
            // Not sent and not reported: under way for ever.
            return;
        }
        let Some(running) = &mut self.running else {
            return;
        };
        let member = running
            .members
            .get_mut(&link)
            .and_then(|it| it.link.as_mut());
        let Some((socket, session)) = member else {
            let refusal = Refusal::IssuerDown;
            return running.outbound.handle_unsent(now, token, message, refusal);
        };
        match session.admit(&message) {
            Ok(admitted) => {
                session.sent(now, admitted, token);
                let socket = *socket;
                if matches!(token, Token::Letter(_)) {
                    stage.invariants.reversal_leaves(&message);
                }
                stage.send(socket, End::Client, &message);
            }
            Err(refused) => {
                let refusal = match refused {
                    Refused::NotUp => Refusal::IssuerDown,
                    Refused::Full => Refusal::Overloaded,
                    Refused::KeyInUse => Refusal::Duplicate,
                };
                running.outbound.handle_unsent(now, token, message, refusal);
            }
        }
    }

    fn deliver(&mut self, stage: &mut Stage, answer: Answer) {
        let now = stage.clock(self.skew_millis);
        let Some(running) = &mut self.running else {
            return;
        };
        let socket = answer.connection.0;
        if core::mem::take(&mut running.gives_up) {
            let reversals = durable_reversals(&self.disk, self.boot, &self.groups);
            stage.invariants.gives_up(&answer.message, &reversals);
        }
        if running.acquirers.contains_key(&socket) {
            self.answer(stage, socket, answer.message, answer.undo);
        } else if let Some(undo) = answer.undo {
            running.outbound.handle_undeliverable(now, &undo);
        }
    }

    /// Queues an answer on an acquirer's connection.
    fn answer(
        &mut self,
        stage: &mut Stage,
        socket: Socket,
        message: Message,
        undo: Option<Arc<Undo>>,
    ) {
        stage.invariants.answer_leaves(&message);
        let stalled = stage.weather.stalled;
        let running = self.running.as_mut();
        let Some(downstream) = running.and_then(|it| it.acquirers.get_mut(&socket)) else {
            return;
        };
        downstream.outbox.push_back((message, undo));
        if downstream.outbox.len() == 1 {
            let stalls = stage.chance(stalled);
            let millis = if stalls { 100..20_000 } else { 0..2 };
            stage.soon(millis, Event::Drain(socket));
        }
    }

    fn drop_connection(&mut self, stage: &mut Stage, socket: Socket) {
        let now = stage.clock(self.skew_millis);
        let Some(running) = &mut self.running else {
            return;
        };
        if let Some(downstream) = running.acquirers.remove(&socket) {
            for undo in downstream.outbox.into_iter().filter_map(|(_, undo)| undo) {
                running.outbound.handle_undeliverable(now, &undo);
            }
            return;
        }
        let Some((id, _)) = running.member_of(socket) else {
            return;
        };
        let Some(member) = running.members.get_mut(&id) else {
            return;
        };
        let unanswered = member
            .link
            .take()
            .map(|(_, session)| session.into_unanswered());
        let mut unanswered: Vec<Token> = unanswered.into_iter().flatten().collect();
        unanswered.sort_by_key(|token| match token {
            Token::Request(id) => (0, *id),
            Token::Letter(id) => (1, *id),
        });
        running.note_link(now, id);
        for token in unanswered {
            running.outbound.handle_lost(now, token);
        }
        let line = Line::Issuer(id.group.0.into(), id.place);
        stage.soon(50..3_000, Event::Connect(line));
    }
}

impl Running {
    fn member_of(&mut self, socket: Socket) -> Option<(LinkId, &mut Session<Token>)> {
        self.members.iter_mut().find_map(|(id, member)| {
            let (other, session) = member.link.as_mut()?;
            (*other == socket).then_some((*id, session))
        })
    }

    /// Tells the machine whether a link is up, where that has changed.
    fn note_link(&mut self, now: session::Now, id: LinkId) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        let is_up = member.link.as_ref().is_some_and(|(_, it)| it.is_up());
        if is_up != member.was_up {
            member.was_up = is_up;
            self.outbound.handle_link(now, id, is_up);
        }
    }
}

/// Written since the last checkpoint until the next.
const CHECKPOINT_BYTES: usize = 3_000;

fn member_settings(cramped: bool) -> Settings {
    Settings {
        sign_on: true,
        echo_after: Some(Duration::from_secs(30)),
        in_flight_max: if cramped { 3 } else { 1_000 },
        ..Settings::default()
    }
}
