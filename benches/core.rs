//! What the switch decides, without I/O: a purchase from admission to its answer, with 1,000
//! others in flight. Beside it the issuer link's session, which matches answers to requests.

use std::collections::VecDeque;
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
    Admission, ConnectionId, GroupId, Inbound, Outbound, OutboundSettings, Output, Request,
    RouteTable, Token,
};

/// Requests in flight.
const IN_FLIGHT: u64 = 1_000;
/// Transactions timed at a time: what they are fed is made before, outside the time.
const BATCH: u64 = 100;

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
        let mut outbound = Outbound::new(OutboundSettings::default());
        outbound.handle_link(now, true);
        let mut core = Self {
            now,
            inbound: Inbound {
                default_acquirer: b"900001".to_vec(),
                forwarder: b"999001".to_vec(),
                business_offset: Offset::constant(9),
            },
            routes: RouteTable::new([("999999", Some(GroupId(0))), ("99999812", None)])?,
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
        let Admission::Admitted(request) = self.inbound.admit(self.now, ConnectionId(7), message)
        else {
            bail!("the purchase was not admitted");
        };
        let pan = request.message().pan()?.context("no card number")?;
        self.routes.route(&pan)?;
        Ok(request)
    }

    fn send(&mut self, message: Message) -> anyhow::Result<(Token, Message)> {
        let request = self.admitted(message)?;
        self.outbound.handle_request(request);
        match self.outbound.poll_output() {
            Some(Output::Send { token, message }) => Ok((token, message)),
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

/// Time stands still: what is measured does not depend on it.
fn now() -> Now {
    Now {
        instant: Instant::now(),
        utc: jiff::Timestamp::now(),
    }
}
