//! What the switch decides, without I/O: a purchase from admission to its answer, with 1,000
//! others in flight. Beside it the issuer link's session, which matches answers to requests.

use std::collections::{BTreeSet, VecDeque};
use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use benches::{CpuTime, Key, Template};
use criterion::Criterion;

use iso8583::element::ResponseCode;
use iso8583::session::{self, Now, Session, Settings};
use iso8583::{Dialect, Message};
use jiff::tz::Offset;
use switch_core::{
    Admission, CardRange, Conditions, ConnectionId, GroupId, GroupSettings, Inbound, LinkId,
    Outbound, OutboundSettings, Output, Request, RouteTable, Rule, Token,
};

/// Requests in flight.
const IN_FLIGHT: u64 = 1_000;
/// Transactions timed at a time: what they are fed is made before, outside the time.
const BATCH: u64 = 100;
/// Card ranges of the routing table that is looked into.
const RANGES: u64 = 10_000;

fn main() -> anyhow::Result<()> {
    let mut criterion = Criterion::default()
        .with_measurement(CpuTime)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let mut switch = Core::new()?;
    criterion.bench_function("core/admit", |bencher| {
        bencher.iter_custom(|times| in_batches(times, |batch| switch.admit(batch)));
    });
    criterion.bench_function("core/life", |bencher| {
        bencher.iter_custom(|times| in_batches(times, |batch| switch.live(batch)));
    });
    let mut routing = Routing::new(&mut switch)?;
    criterion.bench_function("core/route", |bencher| {
        bencher.iter_custom(|times| in_batches(times, |batch| routing.look_up(batch)));
    });
    let mut link = Link::new()?;
    criterion.bench_function("session/request-and-answer", |bencher| {
        bencher.iter_custom(|times| in_batches(times, |batch| link.live(batch)));
    });
    criterion.final_summary();
    Ok(())
}

/// The time of so many, batch by batch; a wrong outcome stops the bench.
fn in_batches(times: u64, mut batch: impl FnMut(u64) -> anyhow::Result<Duration>) -> Duration {
    let mut spent = Duration::ZERO;
    let mut left = times;
    while left > 0 {
        let now = left.min(BATCH);
        match batch(now) {
            Ok(time) => spent += time,
            Err(error) => {
                #[expect(clippy::panic, reason = "criterion has no other way to end a bench")]
                {
                    panic!("{error:#}")
                }
            }
        }
        left -= now;
    }
    spent
}

/// A listener, the routes and one issuer group.
struct Core {
    now: Now,
    inbound: Inbound,
    routes: RouteTable,
    outbound: Outbound,
    /// Sent, with the answer that will come.
    sent: VecDeque<Sent>,
    purchases: Purchases,
}

struct Sent {
    token: Token,
    message: Message,
    answer: Message,
}

impl Core {
    fn new() -> anyhow::Result<Self> {
        let now = now();
        let group = GroupId(0);
        let groups = [(group, GroupSettings::default())];
        let mut outbound = Outbound::new(OutboundSettings::default(), &groups);
        outbound.handle_link(now, LinkId { group, place: 0 }, true);
        let mut core = Self {
            now,
            inbound: Inbound {
                default_acquirer: b"900001".to_vec(),
                acquirers: BTreeSet::new(),
                forwarder: b"999001".to_vec(),
                business_offset: Offset::constant(9),
            },
            routes: RouteTable::new(
                &[rule(CardRange::prefix("999999")?, Conditions::default())],
                1,
            )?,
            outbound,
            sent: VecDeque::new(),
            purchases: Purchases::new()?,
        };
        for message in core.purchases.next(IN_FLIGHT)? {
            let (token, message) = core.send(message)?;
            core.sent.push_back(Sent::new(token, message)?);
        }
        Ok(core)
    }

    /// Admission and routing alone.
    fn admit(&mut self, batch: u64) -> anyhow::Result<Duration> {
        let messages = self.purchases.next(batch)?;
        let started = CpuTime::now();
        for message in messages {
            black_box(self.admitted(message)?);
        }
        Ok(CpuTime::now() - started)
    }

    /// The whole life: one is admitted, routed and sent, the one sent 1,000 before is answered
    /// and what is left of it dropped.
    fn live(&mut self, batch: u64) -> anyhow::Result<Duration> {
        let messages = self.purchases.next(batch)?;
        let mut sent = Vec::with_capacity(messages.len());
        let started = CpuTime::now();
        for message in messages {
            sent.push(self.send(message)?);
            let oldest = self.sent.pop_front().context("nothing is in flight")?;
            self.answer(oldest)?;
        }
        let spent = CpuTime::now() - started;
        for (token, message) in sent {
            self.sent.push_back(Sent::new(token, message)?);
        }
        Ok(spent)
    }

    fn admitted(&self, message: Message) -> anyhow::Result<Box<Request>> {
        let Admission::Admitted(mut request) =
            self.inbound.admit(self.now, ConnectionId(7), message)
        else {
            bail!("the purchase was not admitted");
        };
        self.routes.route(&mut request)?;
        Ok(request)
    }

    fn send(&mut self, message: Message) -> anyhow::Result<(Token, Message)> {
        let request = self.admitted(message)?;
        self.outbound.handle_request(self.now, request);
        match self.outbound.poll_output() {
            Some(Output::Send { token, message, .. }) => Ok((token, message)),
            other => bail!("a request was not sent: {other:?}"),
        }
    }

    fn answer(&mut self, sent: Sent) -> anyhow::Result<()> {
        let Sent {
            token,
            message,
            answer,
        } = sent;
        // The shell drops it when it is encoded.
        drop(message);
        self.outbound.handle_answer(self.now, token, answer);
        match self.outbound.poll_output() {
            Some(Output::Answer(answer))
                if answer.response_code() == Some(ResponseCode::APPROVED) =>
            {
                Ok(())
            }
            other => bail!("an answer was not delivered: {other:?}"),
        }
    }
}

impl Sent {
    fn new(token: Token, message: Message) -> anyhow::Result<Self> {
        let mut answer = message
            .response(ResponseCode::APPROVED)
            .context("a purchase is answered")?;
        answer.set(38, b"A12345");
        Ok(Self {
            token,
            message,
            answer,
        })
    }
}

/// The session of an issuer's link.
struct Link {
    now: Now,
    session: Session<u64>,
    answers: VecDeque<Message>,
    purchases: Purchases,
}

impl Link {
    fn new() -> anyhow::Result<Self> {
        let now = now();
        let mut link = Self {
            now,
            session: Session::new(Settings::default(), now),
            answers: VecDeque::new(),
            purchases: Purchases::new()?,
        };
        for message in link.purchases.next(IN_FLIGHT)? {
            link.send(&message)?;
            link.expect(&message)?;
        }
        Ok(link)
    }

    fn live(&mut self, batch: u64) -> anyhow::Result<Duration> {
        let messages = self.purchases.next(batch)?;
        let started = CpuTime::now();
        for message in &messages {
            self.send(message)?;
            let answer = self.answers.pop_front().context("nothing is in flight")?;
            self.session.handle_message(self.now, answer);
            match self.session.poll_output() {
                Some(session::Output::Answered { .. }) => {}
                other => bail!("an answer was not matched: {other:?}"),
            }
        }
        let spent = CpuTime::now() - started;
        messages
            .iter()
            .try_for_each(|message| self.expect(message))?;
        Ok(spent)
    }

    fn send(&mut self, message: &Message) -> anyhow::Result<()> {
        let admitted = self.session.admit(message)?;
        self.session.sent(self.now, admitted, 0);
        Ok(())
    }

    fn expect(&mut self, message: &Message) -> anyhow::Result<()> {
        let answer = message.response(ResponseCode::APPROVED);
        self.answers
            .push_back(answer.context("a purchase is answered")?);
        Ok(())
    }
}

/// Purchases of one acquirer, each with keys of its own, as they come out of the decoder.
struct Purchases {
    template: Template,
    count: u64,
}

impl Purchases {
    fn new() -> anyhow::Result<Self> {
        let template = Template::new(&benches::purchase()?, Dialect::iso87_ascii())?;
        Ok(Self { template, count: 0 })
    }

    fn next(&mut self, count: u64) -> anyhow::Result<Vec<Message>> {
        let first = self.count;
        self.count += count;
        let mut decoded = |number| {
            let frame = self.template.with(Key::new(1, number));
            let body = frame.get(2..).unwrap_or_default();
            Ok(Dialect::iso87_ascii().decode(body)?)
        };
        (first..self.count).map(&mut decoded).collect()
    }
}

fn rule(cards: CardRange, conditions: Conditions) -> Rule {
    Rule {
        name: cards.to_string(),
        cards: vec![cards],
        conditions,
        groups: vec![GroupId(0)],
    }
}

/// A table of many ranges, and requests here and there in it.
struct Routing {
    table: RouteTable,
    requests: Vec<Box<Request>>,
    next: usize,
}

impl Routing {
    /// Prefixes of 8 digits, a tenth of them for refunds alone, so that its purchases go on to the
    /// prefixes of 6 digits around them.
    fn new(core: &mut Core) -> anyhow::Result<Self> {
        let mut rules = Vec::new();
        let mut cards = Vec::new();
        let longer = RANGES * 9 / 10;
        for number in 0..longer {
            let prefix = (40_000_000 + number * 11).to_string();
            let refunds = Conditions::default().processing_codes(&["20".to_owned()])?;
            let conditions = if number % 10 == 0 {
                refunds
            } else {
                Conditions::default()
            };
            rules.push(rule(CardRange::prefix(&prefix)?, conditions));
        }
        for number in 0..RANGES / 10 {
            let prefix = (400_000 + number).to_string();
            rules.push(rule(CardRange::prefix(&prefix)?, Conditions::default()));
        }
        for number in 0..IN_FLIGHT {
            // Not in the order of the table.
            let prefix = 40_000_000 + number * 4_999 % longer * 11;
            cards.push(format!("{prefix}00000000"));
        }
        let messages = core.purchases.next(IN_FLIGHT)?;
        let mut requests = Vec::new();
        for (mut message, card) in messages.into_iter().zip(cards) {
            message.set(2, card.as_bytes()).remove(35);
            match core.inbound.admit(core.now, ConnectionId(7), message) {
                Admission::Admitted(request) => requests.push(request),
                other @ (Admission::Refused(..)
                | Admission::Reconciliation(_)
                | Admission::Dropped) => bail!("{other:?}"),
            }
        }
        Ok(Self {
            table: RouteTable::new(&rules, 1)?,
            requests,
            next: 0,
        })
    }

    fn look_up(&mut self, batch: u64) -> anyhow::Result<Duration> {
        let batch = usize::try_from(batch)?;
        if self.next + batch > self.requests.len() {
            self.next = 0;
        }
        let requests = self.requests.iter_mut().skip(self.next).take(batch);
        self.next += batch;
        let started = CpuTime::now();
        for request in requests {
            black_box(self.table.route(request)?);
        }
        Ok(CpuTime::now() - started)
    }
}

/// Time stands still: what is measured does not depend on it.
fn now() -> Now {
    Now {
        instant: Instant::now(),
        utc: jiff::Timestamp::now(),
    }
}
