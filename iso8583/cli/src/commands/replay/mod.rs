//! `iso8583 replay`: the requests of a capture, once more.

mod fresh;
mod report;

use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use iso8583::frame::{Frame, Header};
use iso8583::{Dialect, Message};
use jiff::Timestamp;

use crate::capture::{self, Direction, Limits};
use crate::cli::{Exit, Failure, Options};
use crate::frames::{self, Piece};
use crate::input::{Format, Source};
use crate::message;
use crate::peer::{Peer, parse_time};
use fresh::Freshener;
use report::Report;

/// Send the requests of a capture to a host, and tell how fast it answers.
///
/// Requests go over one connection, in the order and at the pace of the capture; answers are
/// matched by type and trace number (DE 11). PIN blocks and MACs are sent as captured, also where
/// --fresh makes them wrong. Exit 1 where a request is not answered, 3 where the network fails.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The capture, or - for standard input
    #[arg(value_name = "CAPTURE|-")]
    source: String,
    /// Whom to call
    #[arg(value_name = "HOST:PORT")]
    address: String,
    /// How fast: 1x as captured, 2x in half the time, max without a pause
    #[arg(long, value_name = "SPEED", default_value = "1x", value_parser = parse_speed)]
    speed: Speed,
    /// What is made new in each request
    #[arg(long, value_enum, value_delimiter = ',', value_name = "WHAT")]
    fresh: Vec<Fresh>,
    /// How long to wait for the connection, and for answers after the last request
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_time)]
    timeout: Duration,
    /// Only conversations with this port at either end
    #[arg(long)]
    port: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Fresh {
    /// The trace number (DE 11), also of the original in DE 90
    Stan,
    /// Dates and times: DE 7, 12, 13, also of the original in DE 90
    Date,
    /// The card: a test card for each (DE 2, 35, 45)
    Pan,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Speed {
    Times(f64),
    Max,
}

fn parse_speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    let times = text.strip_suffix('x').and_then(|text| text.parse().ok());
    times
        .filter(|times| (0.001..=1000.0).contains(times))
        .map(Speed::Times)
        .ok_or_else(|| "expected max, or a speed from 0.001x to 1000x".to_owned())
}

/// A request of the capture.
struct Request {
    time: Option<Timestamp>,
    dialect: &'static Dialect,
    header: Option<Header>,
    message: Message,
}

impl Args {
    pub(crate) fn run(
        &self,
        options: &Options,
        out: &mut impl Write,
        notes: &mut impl Write,
    ) -> Result<Exit, Failure> {
        let mut requests = self.requests(options, notes)?;
        requests.sort_by_key(|request| request.time);
        let framing = options.frame.ok_or_else(no_frame)?;
        let mut peer = Peer::connect(&self.address, framing, self.timeout)?;
        let receiver = peer.receiver()?;
        let (answers_in, answers) = sync_channel(ANSWERS_WAITING_MAX);
        let reading = thread::spawn(move || {
            let mut receiver = receiver;
            loop {
                let received = receiver.receive(None).transpose();
                let Some(received) = received else { continue };
                let ended = received.is_err();
                if answers_in.send((Instant::now(), received)).is_err() || ended {
                    break;
                }
            }
        });
        let mut report = Report::default();
        let replayed = self.replay(&requests, &mut peer, &answers, &mut report);
        peer.close();
        drop(answers);
        // It ends with its connection.
        let _ = reading.join();
        report.write(options.format, out)?;
        replayed?;
        Ok(if report.is_answered() {
            Exit::Fine
        } else {
            Exit::Faulty
        })
    }

    fn requests(&self, options: &Options, notes: &mut impl Write) -> Result<Vec<Request>, Failure> {
        let framer = frames::framer(options.frame.ok_or_else(no_frame)?);
        let input = Source::of(&self.source).read(Some(Format::Pcap), INPUT_MAX)?;
        let captured = capture::read(&input.bytes, &Limits::default())
            .map_err(|error| Failure::Usage(format!("{}: {error}", self.source)))?;
        let mut requests = Vec::new();
        let mut unread = 0;
        for conversation in &captured.conversations {
            let ports = [conversation.client.port(), conversation.server.port()];
            if self.port.is_some_and(|port| !ports.contains(&port)) {
                continue;
            }
            let asked = conversation.segments.iter();
            for segment in asked.filter(|it| it.direction() == Direction::ToServer) {
                let is_message = |body: &[u8]| message::read(body, options).outcome.is_ok();
                for piece in frames::cut_segment(segment, conversation.opened, &framer, is_message)
                {
                    let Piece::Frame { header, body } = piece else {
                        continue;
                    };
                    let time = segment.complete_at(body.clone());
                    let bytes = segment.bytes().get(body).unwrap_or_default();
                    let reading = message::read(bytes, options);
                    match reading.outcome {
                        Ok(message) if message.mti().response().is_some() => {
                            requests.push(Request {
                                time,
                                dialect: reading.dialect,
                                header,
                                message,
                            });
                        }
                        Ok(_) => {}
                        Err(_) => unread += 1,
                    }
                }
            }
        }
        if unread > 0 {
            writeln!(notes, "note: {unread} messages are faulty and not sent")?;
        }
        if requests.is_empty() {
            return Err(Failure::Usage(format!("{}: no request in it", self.source)));
        }
        Ok(requests)
    }

    fn replay(
        &self,
        requests: &[Request],
        peer: &mut Peer,
        answers: &Answers,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let mut freshener = Freshener::new(&self.fresh);
        let begun = Instant::now();
        let first = requests.iter().find_map(|request| request.time);
        let dialect = |request: &Request| request.dialect;
        let reads = requests.first().map_or_else(Dialect::iso87_ascii, dialect);
        for request in requests {
            let due = begun + self.pause(first, request.time);
            while Instant::now() < due {
                take(answers, due, reads, report)?;
            }
            let message = freshener.freshen(&request.message);
            let wire = message::encoded(&message, request.dialect, None, None)?;
            report.sent(&message, Instant::now());
            peer.send(&wire, request.header.as_ref())?;
            // Who does not read while it sends may wait for one that does the same.
            while let Ok((at, received)) = answers.try_recv() {
                take_one(received, at, reads, report)?;
            }
        }
        let last = Instant::now() + self.timeout;
        while !report.is_answered() && Instant::now() < last {
            take(answers, last, reads, report)?;
        }
        Ok(())
    }

    /// How long after the first request another one is due.
    fn pause(&self, first: Option<Timestamp>, time: Option<Timestamp>) -> Duration {
        let Speed::Times(times) = self.speed else {
            return Duration::ZERO;
        };
        let since = first
            .zip(time)
            .map(|(first, time)| time.duration_since(first));
        let since = since.and_then(|since| Duration::try_from(since).ok());
        since.map_or(Duration::ZERO, |since| since.div_f64(times))
    }
}

type Answers = Receiver<(Instant, Result<Frame, Failure>)>;

/// Waits for one answer until then.
fn take(
    answers: &Answers,
    until: Instant,
    dialect: &Dialect,
    report: &mut Report,
) -> Result<(), Failure> {
    let left = until.saturating_duration_since(Instant::now());
    match answers.recv_timeout(left) {
        Ok((at, received)) => take_one(received, at, dialect, report),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Ok(()),
    }
}

fn take_one(
    received: Result<Frame, Failure>,
    at: Instant,
    dialect: &Dialect,
    report: &mut Report,
) -> Result<(), Failure> {
    let answer = dialect.decode(&received?.body).ok();
    report.received(answer.as_ref(), at);
    Ok(())
}

fn no_frame() -> Failure {
    Failure::Usage("a capture needs --frame: iso8583 doctor finds it".to_owned())
}

/// Input is read whole.
const INPUT_MAX: u64 = 512 << 20;

/// Answers that wait to be looked at.
const ANSWERS_WAITING_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_times_or_max() {
        assert_eq!(parse_speed("2x"), Ok(Speed::Times(2.0)));
        assert_eq!(parse_speed("0.5x"), Ok(Speed::Times(0.5)));
        assert_eq!(parse_speed("max"), Ok(Speed::Max));
        for none in ["", "x", "2", "0x", "-1x", "NaNx", "infx", "1e9x"] {
            assert!(parse_speed(none).is_err(), "{none}");
        }
    }
}
