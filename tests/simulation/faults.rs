//! What goes wrong in a world: by the weather, by accident, and on purpose.

use std::time::Duration;

use fastrand::Rng;

use crate::disk::Crash;
use crate::network::{Line, Node};

/// A mistake put into a node, to see that the invariants find it. The nodes make it, never the
/// code they drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Planted {
    None,
    /// I1: the issuer books half of what it approves.
    HalfTheAmount,
    /// I2: the issuer approves beyond the card's funds.
    BeyondFunds,
    /// I3: the issuer takes a repeat for a new request.
    AppliedTwice,
    /// I4: the issuer answers before its record is durable.
    AnsweredUnsynced,
    /// I4, I6: the issuer loses a record.
    RecordLost,
    /// I5: the switch answers 91 and sends no reversal.
    NotReversed,
    /// I5: the switch answers 91 before the reversal is durable.
    AnsweredUnstored,
    /// I5: the switch delivers an approval that comes after its deadline.
    DeliveredLate,
    /// I5: the switch forgets that a request was answered, and reverses it after a crash.
    OutcomeLost,
    /// The switch prints a card number.
    PrintedPan,
    /// The switch never sends a reversal, which so stays open for ever.
    ReversalLeft,
    /// An acquirer repeats on the connection on which an answer is overdue.
    RepeatedBesideLate,
    /// I5: the switch forgets which issuer was given what failed over.
    FailOverForgotten,
}

impl Planted {
    /// Each, and what of the invariants it breaks.
    pub(crate) const ALL: [(Self, &'static str); 13] = [
        (Self::HalfTheAmount, "I1"),
        (Self::BeyondFunds, "I2"),
        (Self::AppliedTwice, "I3"),
        (Self::AnsweredUnsynced, "I4"),
        (Self::RecordLost, "I4"),
        (Self::NotReversed, "I5"),
        (Self::AnsweredUnstored, "I5"),
        (Self::DeliveredLate, "I5"),
        (Self::OutcomeLost, "I1"),
        (Self::PrintedPan, "a clear card number"),
        (Self::ReversalLeft, "something is left over"),
        (Self::RepeatedBesideLate, "I1"),
        (Self::FailOverForgotten, "I5"),
    ];
}

/// How unreliable messages and disks are; chances in thousandths.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    /// A message is lost in a peer, its connection whole.
    pub(crate) lost: u32,
    /// A message takes seconds, up to twice a deadline.
    pub(crate) slow: u32,
    /// A message between switch and issuer arrives twice.
    pub(crate) twice: u32,
    /// Messages between switch and issuer arrive in any order.
    pub(crate) unordered: bool,
    /// The acquirer does not read for a while, so that an answer stays in the switch.
    pub(crate) stalled: u32,
    /// A sync takes up to a second.
    pub(crate) slow_disk: u32,
}

/// One accident.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Crash(Node, Crash),
    /// The switch goes down after so many more writes and outputs, in the midst of a step.
    CrashWithin(u32, Crash),
    /// A line's connections break.
    Cut(Line),
    /// A line's connections carry nothing more, and nobody is told.
    Silence(Line),
    /// A line's connections break, and nobody can connect for so long.
    Part(Line, Duration),
    /// A node's wall clock jumps by so many seconds.
    Clock(Node, i64),
    /// The next sync of a node's disk fails.
    DiskFails(Node),
    /// An issuer takes this much longer to decide, for the rest of the storm.
    Slow(usize, Duration),
}

/// Who asks the switch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Party {
    Terminal,
    Van { sends_max: u32 },
}

/// What a world is made of, drawn from its seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) acquirers: usize,
    /// How often each sends a request at most; the last of three is a terminal.
    sends_max: [u32; 2],
    pub(crate) issuers: usize,
    pub(crate) links: u8,
    /// Transactions of each acquirer.
    pub(crate) transactions: usize,
    /// How long things go wrong.
    pub(crate) storm: Duration,
    pub(crate) weather: Weather,
    pub(crate) accidents: u32,
    /// Little room: the switch and its links take few requests at a time.
    pub(crate) cramped: bool,
}

impl Plan {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let issuers = rng.usize(1..=2);
        let fair = rng.u32(0..8) == 0;
        let mut weather = Weather {
            lost: rng.u32(0..60),
            slow: rng.u32(0..60),
            twice: rng.u32(0..80),
            unordered: rng.bool(),
            stalled: rng.u32(0..120),
            slow_disk: rng.u32(0..200),
        };
        let cramped = rng.u32(0..4) == 0;
        if cramped {
            // A copy that finds no room would be declined beside one that is approved.
            weather.twice = 0;
        }
        if fair {
            weather = Weather::default();
        }
        Self {
            acquirers: rng.usize(1..=3),
            sends_max: [rng.u32(1..=4), rng.u32(1..=4)],
            issuers,
            links: rng.u8(1..=3),
            transactions: rng.usize(4..=16),
            storm: Duration::from_secs(rng.u64(60..=600)),
            weather,
            accidents: rng.u32(0..=14),
            cramped,
        }
    }

    /// Do issuers get trace numbers of the switch's own?
    pub(crate) const fn numbered(&self) -> bool {
        self.acquirers == 2
    }

    pub(crate) fn acquirer(&self, place: usize) -> Party {
        let sends_max = self.sends_max.get(place).copied();
        sends_max.map_or(Party::Terminal, |sends_max| Party::Van { sends_max })
    }

    /// The accidents and when they happen.
    pub(crate) fn accidents(&self, rng: &mut Rng) -> Vec<(Duration, Fault)> {
        let storm = u64::try_from(self.storm.as_millis()).expect("a short storm");
        let draw = |_| (Duration::from_millis(rng.u64(0..storm)), self.accident(rng));
        (0..self.accidents).map(draw).collect()
    }

    fn accident(&self, rng: &mut Rng) -> Fault {
        let crash = if rng.bool() {
            Crash::Process
        } else {
            Crash::Machine
        };
        match rng.u32(0..12) {
            0..=1 => Fault::Crash(Node::Switch, crash),
            2..=3 => Fault::CrashWithin(rng.u32(0..60), crash),
            4 => Fault::Crash(Node::Issuer(rng.usize(0..self.issuers)), crash),
            5 => Fault::Cut(self.line(rng)),
            6 => Fault::Silence(self.line(rng)),
            7 => Fault::Part(self.line(rng), Duration::from_secs(rng.u64(1..120))),
            8 => Fault::Clock(self.node(rng), rng.i64(-3_600..=3_600)),
            9 => Fault::DiskFails(self.node_with_disk(rng)),
            10 => Fault::Crash(Node::Acquirer(self.acquirers - 1), Crash::Process),
            _ => Fault::Slow(
                rng.usize(0..self.issuers),
                Duration::from_millis(rng.u64(100..15_000)),
            ),
        }
    }

    fn line(&self, rng: &mut Rng) -> Line {
        if rng.bool() {
            Line::Acquirer(rng.usize(0..self.acquirers))
        } else {
            Line::Issuer(rng.usize(0..self.issuers), rng.u8(0..self.links))
        }
    }

    fn node(&self, rng: &mut Rng) -> Node {
        match rng.u32(0..3) {
            0 => Node::Acquirer(rng.usize(0..self.acquirers)),
            _ => self.node_with_disk(rng),
        }
    }

    fn node_with_disk(&self, rng: &mut Rng) -> Node {
        if rng.bool() {
            Node::Switch
        } else {
            Node::Issuer(rng.usize(0..self.issuers))
        }
    }
}
