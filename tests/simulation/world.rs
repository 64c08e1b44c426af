//! A world: acquirers, the switch and issuers, from one seed to the end of all that happens.

use std::collections::BTreeSet;
use std::time::Duration;

use fastrand::Rng;
use switch_core::{GroupId, LinkId};

use crate::acquirer::{Acquirer, State};
use crate::disk::Crash;
use crate::faults::{Fault, Party, Plan, Planted, Weather};
use crate::invariants::sum;
use crate::issuer::Issuer;
use crate::network::{End, Line, Node};
use crate::stage::{Event, Stage};
use crate::switch::Switch;
use crate::terminal::Terminal;
use crate::van::Van;

/// How a world ended.
pub(crate) struct Ended {
    /// What was broken first, if anything.
    pub(crate) broken: Option<String>,
    /// Of all that was said and could have been printed.
    pub(crate) fingerprint: u64,
    /// Transactions, and how many of them an acquirer kept.
    pub(crate) transactions: usize,
    pub(crate) kept: usize,
    pub(crate) trace: String,
    pub(crate) tail: String,
}

/// Runs the world of a seed, with a mistake in it or none.
pub(crate) fn run(seed: u64, planted: Planted) -> Ended {
    let mut rng = Rng::with_seed(seed);
    let plan = Plan::draw(&mut rng);
    let mut world = World::new(plan, rng, planted);
    world.begin();
    world.run();
    world.end()
}

struct World {
    plan: Plan,
    stage: Stage,
    acquirers: Vec<Box<dyn Acquirer>>,
    switch: Switch,
    issuers: Vec<Issuer>,
    down: BTreeSet<Node>,
    /// Nothing goes wrong any more.
    calm: bool,
}

/// How long after the storm everything must have ended.
const CALM_MAX: Duration = Duration::from_hours(1);

impl World {
    fn new(plan: Plan, rng: Rng, planted: Planted) -> Self {
        Self {
            stage: Stage::new(rng, planted, plan.weather, plan.issuers),
            acquirers: (0..plan.acquirers)
                .map(|place| acquirer(place, &plan))
                .collect(),
            switch: Switch::new(&plan),
            issuers: (0..plan.issuers)
                .map(|place| Issuer::new(place, &plan))
                .collect(),
            plan,
            down: BTreeSet::new(),
            calm: false,
        }
    }

    fn begin(&mut self) {
        let plan = self.plan;
        self.stage.say(format_args!("{plan:?}"));
        for issuer in &mut self.issuers {
            issuer.issue_cards(&self.stage).expect("new books");
            issuer.start(&mut self.stage).expect("new books");
        }
        self.switch.start(&mut self.stage).expect("an empty disk");
        let storm = u64::try_from(plan.storm.as_millis()).expect("a short storm");
        for place in 0..plan.acquirers {
            self.stage
                .soon(0..500, Event::Connect(Line::Acquirer(place)));
            for _ in 0..plan.transactions {
                self.stage.soon(1_000..storm, Event::Begin(place));
            }
        }
        for (at, fault) in plan.accidents(&mut self.stage.rng) {
            self.stage.at(at, Event::Strike(fault));
        }
    }

    fn run(&mut self) {
        let end = self.plan.storm + CALM_MAX;
        while self.stage.invariants.broken().is_none()
            && let Some(event) = self.stage.next_event()
        {
            if !self.calm && self.stage.now >= self.plan.storm {
                self.calm_down();
            }
            if self.calm && self.is_done() || self.stage.now > end {
                break;
            }
            self.handle(event);
        }
    }

    /// The weather is fair from here on, and everything is mended.
    fn calm_down(&mut self) {
        self.calm = true;
        self.stage.weather = Weather::default();
        self.switch.fuse = None;
        self.switch.disk_fails = false;
        for issuer in &mut self.issuers {
            issuer.slow = Duration::ZERO;
            issuer.disk_fails = false;
        }
        self.stage.say(format_args!("the storm is over"));
    }

    fn is_done(&self) -> bool {
        self.down.is_empty()
            && self.switch.is_done()
            && self.acquirers.iter().all(|it| it.is_done())
    }

    fn end(mut self) -> Ended {
        if self.stage.invariants.broken().is_none() {
            self.check_end();
        }
        let outcomes = self.acquirers.iter().flat_map(|it| it.outcomes());
        let outcomes: Vec<_> = outcomes.collect();
        Ended {
            broken: self.stage.invariants.broken().cloned(),
            fingerprint: self.stage.fingerprint(),
            transactions: outcomes.len(),
            kept: outcomes
                .iter()
                .filter(|outcome| outcome.state == State::Approved)
                .count(),
            trace: self.stage.trace(),
            tail: self.stage.tail(),
        }
    }

    /// What is not done, in words.
    fn left(&self) -> String {
        let open = self.acquirers.iter().flat_map(|it| it.outcomes());
        let open = open.filter(|outcome| !outcome.state.has_ended());
        let open: Vec<_> = open.collect();
        let done: Vec<bool> = self.acquirers.iter().map(|it| it.is_done()).collect();
        format!("{}, {open:?}, acquirers done: {done:?}", self.switch.left())
    }

    fn check_end(&mut self) {
        let done = self.is_done();
        let left = self.left();
        let invariants = &mut self.stage.invariants;
        invariants.require(done, || format!("something is left over: {left}"));
        let unknown = self.switch.unknown();
        for outcome in self.acquirers.iter().flat_map(|it| it.outcomes()) {
            invariants.check_end(&outcome, &unknown);
        }
        if self.switch.powered_off == 0 {
            for (place, acquirer) in self.acquirers.iter().enumerate() {
                let acquirers = format!("45000{place}");
                let pages = self.switch.pages();
                let own = pages.filter(|(page, _)| page.acquirer() == acquirers);
                let counted = sum(own.map(|(_, totals)| totals));
                invariants.check_totals(place, &acquirer.outcomes(), &counted);
            }
        }
        for issuer in &self.issuers {
            let same = issuer.replays().unwrap_or(false);
            invariants.require(same, || "I6: the records make other books".to_owned());
        }
    }

    fn handle(&mut self, event: Event) {
        let stage = &mut self.stage;
        match event {
            Event::Begin(place) => self.acquirers[place].begin(stage),
            Event::Again(place, which) => self.acquirers[place].again(stage, which),
            Event::Void(place, which) => self.acquirers[place].void(stage, which),
            Event::Arrive(socket, end, message) => {
                let Some(line) = stage.network.line(socket) else {
                    return;
                };
                if !stage.network.is_held(socket, end) || stage.network.is_silent(socket) {
                    return;
                }
                match line.node(end) {
                    Node::Acquirer(place) => self.acquirers[place].handle_message(stage, message),
                    Node::Switch => self.switch.handle_message(stage, socket, message),
                    Node::Issuer(place) => {
                        self.issuers[place].handle_message(stage, socket, message);
                    }
                }
            }
            Event::Gone(socket, end) => {
                let Some(line) = stage.network.line(socket) else {
                    return;
                };
                if !stage.network.is_held(socket, end) {
                    return;
                }
                stage.network.release(socket, end);
                match line.node(end) {
                    Node::Acquirer(place) => self.acquirers[place].gone(stage),
                    Node::Switch => self.switch.gone(stage, socket),
                    Node::Issuer(place) => self.issuers[place].gone(socket),
                }
            }
            Event::Connect(line) => self.connect(line),
            Event::Drain(socket) => self.switch.drain(stage, socket),
            Event::Wake(node) => match node {
                Node::Acquirer(place) => self.acquirers[place].handle_timeout(stage),
                Node::Switch => self.switch.handle_timeout(stage),
                Node::Issuer(place) => self.issuers[place].handle_timeout(stage),
            },
            Event::Decide(place, run) => {
                let decided = self.issuers[place].decide(stage, run);
                let invariants = &mut stage.invariants;
                invariants.require(decided.is_ok(), || format!("I1: {decided:?}"));
            }
            Event::Synced(node, run) => match node {
                Node::Switch => self.switch.synced(stage, run),
                Node::Issuer(place) => self.issuers[place].synced(stage, run),
                Node::Acquirer(_) => {}
            },
            Event::Strike(fault) => self.strike(fault),
            Event::Restart(node) => self.restart(node),
        }
    }

    fn connect(&mut self, line: Line) {
        let stage = &mut self.stage;
        let client_is_free = match line {
            Line::Acquirer(place) => !self.acquirers[place].is_connected(),
            Line::Issuer(group, place) => {
                self.switch.is_up() && !self.switch.is_connected(link(group, place))
            }
        };
        if !client_is_free {
            return;
        }
        let server_is_up = match line {
            Line::Acquirer(_) => self.switch.is_up(),
            Line::Issuer(group, _) => self.issuers[group].is_up(),
        };
        if !server_is_up || !self.calm && stage.network.is_parted(line, stage.now) {
            return stage.soon(500..3_000, Event::Connect(line));
        }
        let socket = stage.network.connect(line);
        stage.say(format_args!("{line:?} connects"));
        match line {
            Line::Acquirer(place) => {
                self.switch.accepted(stage, socket);
                self.acquirers[place].connected(stage, socket);
            }
            Line::Issuer(group, place) => {
                self.issuers[group].accepted(stage, socket);
                self.switch.connected(stage, link(group, place), socket);
            }
        }
    }

    fn strike(&mut self, fault: Fault) {
        let stage = &mut self.stage;
        stage.say(format_args!("*** {fault:?}"));
        match fault {
            Fault::Crash(node, crash) => self.crash(node, crash),
            Fault::CrashWithin(left, crash) => {
                if !self.down.contains(&Node::Switch) {
                    self.switch.fuse = Some((left, crash));
                }
            }
            Fault::Cut(line) => self.cut(line),
            Fault::Silence(line) => {
                for socket in stage.network.on(line) {
                    stage.network.silence(socket);
                }
            }
            Fault::Part(line, time) => {
                stage.network.part(line, stage.now + time);
                self.cut(line);
            }
            Fault::Clock(node, seconds) => {
                let skew = seconds * 1_000;
                match node {
                    Node::Acquirer(place) => self.acquirers[place].set_clock(skew),
                    Node::Switch => self.switch.skew_millis = skew,
                    Node::Issuer(place) => self.issuers[place].skew_millis = skew,
                }
            }
            Fault::DiskFails(node) => match node {
                Node::Switch => self.switch.disk_fails = true,
                Node::Issuer(place) => self.issuers[place].disk_fails = true,
                Node::Acquirer(_) => {}
            },
            Fault::Slow(place, time) => self.issuers[place].slow = time,
        }
    }

    /// Both ends learn of it, each in its time; what is under way arrives or not.
    fn cut(&mut self, line: Line) {
        let stage = &mut self.stage;
        for socket in stage.network.on(line) {
            if stage.rng.bool() {
                stage.network.silence(socket);
            }
            for end in [End::Client, End::Server] {
                stage.soon(0..200, Event::Gone(socket, end));
            }
        }
    }

    fn crash(&mut self, node: Node, crash: Crash) {
        if !self.down.insert(node) {
            return;
        }
        let stage = &mut self.stage;
        match node {
            Node::Switch => self.switch.crash(crash, stage),
            Node::Issuer(place) => self.issuers[place].crash(crash, stage),
            Node::Acquirer(place) => self.acquirers[place].restart(stage),
        }
        for (socket, end) in stage.network.of(node) {
            // A machine that is gone tells nobody.
            let told = crash == Crash::Process || stage.rng.bool();
            stage.close(socket, end, told);
        }
        stage.soon(200..30_000, Event::Restart(node));
    }

    fn restart(&mut self, node: Node) {
        let stage = &mut self.stage;
        self.down.remove(&node);
        match node {
            Node::Switch => {
                let started = self.switch.start(stage);
                let invariants = &mut stage.invariants;
                invariants.require(started.is_ok(), || format!("I4: {started:?}"));
            }
            Node::Issuer(place) => {
                let started = self.issuers[place].start(stage);
                let invariants = &mut stage.invariants;
                invariants.require(started.is_ok(), || format!("I6: {started:?}"));
            }
            Node::Acquirer(_) => {}
        }
    }
}

fn acquirer(place: usize, plan: &Plan) -> Box<dyn Acquirer> {
    match plan.acquirer(place) {
        Party::Terminal => Box::new(Terminal::new(place)),
        Party::Van { sends_max } => Box::new(Van::new(place, sends_max)),
    }
}

fn link(group: usize, place: u8) -> LinkId {
    let group = GroupId(u16::try_from(group).expect("a few issuers"));
    LinkId { group, place }
}
