//! `iso8583 replay`: the requests of a capture, once more.

mod fresh;
mod links;
mod report;

use std::collections::HashMap;
use std::io::Write;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use iso8583::frame::Header;
use iso8583::{Dialect, Message};
use jiff::Timestamp;

use crate::capture::{self, Direction, Limits};
use crate::cli::{Exit, Failure, Options};
use crate::frames::{self, Piece};
use crate::input::{Format, Source};
use crate::message;
use crate::peer::{parse_address, parse_time};
use fresh::{Freshener, original, reference};
use links::{Links, Received};
use report::Report;

/// Send the requests of a capture to a host, and tell how fast it answers.
///
/// Requests go in the order and at the pace of the capture, without waiting for the answers to
/// those before. Of several connections the one with the fewest unanswered is next; a reversal
/// goes over that of its original (DE 90). Answers are matched by connection, type and trace number
/// (DE 11), and told by type: how many, how fast, and with which response codes (DE 39). PIN blocks
/// and MACs are sent as captured, also where --fresh makes them wrong.
///
/// Exit 0 where every request is answered, whatever the code; 1 where one is not; 3 where the
/// network fails or the host hangs up.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The capture, or - for standard input
    #[arg(value_name = "CAPTURE|-")]
    source: String,
    /// Whom to call
    #[arg(value_name = "HOST:PORT", value_parser = parse_address)]
    address: String,
    /// How fast: 1x as captured, 2x in half the time, max without a pause
    #[arg(long, value_name = "SPEED", default_value = "1x", value_parser = parse_speed)]
    speed: Speed,
    /// What is made new in each request
    #[arg(long, value_enum, value_delimiter = ',', value_name = "WHAT")]
    fresh: Vec<Fresh>,
    /// So many connections, up to 64
    #[arg(long, value_name = "N", default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(1..=64))]
    connections: u16,
    /// So many unanswered requests on a connection, up to 1000; then the next one waits
    #[arg(long, value_name = "N", default_value_t = 100,
        value_parser = clap::value_parser!(u16).range(1..=1000))]
    in_flight: u16,
    /// How long to wait for a connection and for answers; after that a request counts as unanswered
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
        let count = usize::from(self.connections);
        // As many answers as can be due: a reader that had to wait for room could stop the host,
        // and that the next request.
        let waiting_max = count * (usize::from(self.in_flight) + 1);
        let links = Links::connect(&self.address, framing, self.timeout, (count, waiting_max))?;
        let mut replay = Replay {
            links,
            report: Report::new(count),
            dialect: requests
                .first()
                .map_or_else(Dialect::iso87_ascii, |it| it.dialect),
            next: 0,
            sent_over: HashMap::new(),
        };
        let replayed = self.replay(&requests, &mut replay);
        replay.links.close();
        replay.report.write(options.format, out)?;
        replayed?;
        Ok(if replay.report.is_answered() {
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

    fn replay(&self, requests: &[Request], replay: &mut Replay) -> Result<(), Failure> {
        let mut freshener = Freshener::new(&self.fresh);
        let begun = Instant::now();
        let first = requests.iter().find_map(|request| request.time);
        for request in requests {
            let due = begun + self.pause(first, request.time);
            while let Some(received) = replay.links.receive(due) {
                replay.take(received)?;
            }
            let message = freshener.freshen(&request.message);
            let link = replay.link_for(&message);
            while replay.report.in_flight(link) >= usize::from(self.in_flight) {
                replay.wait(link, self.timeout)?;
            }
            let wire = message::encoded(&message, request.dialect, None, None)?;
            replay.report.sent(link, &message, Instant::now());
            replay.links.send(link, &wire, request.header.as_ref())?;
            // Who does not read while it sends may wait for one that does the same.
            while let Some(received) = replay.links.take() {
                replay.take(received)?;
            }
        }
        for link in 0..replay.links.count() {
            while replay.report.in_flight(link) > 0 {
                replay.wait(link, self.timeout)?;
            }
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

/// Requests on their way.
struct Replay {
    links: Links,
    report: Report,
    /// Answers are read in it.
    dialect: &'static Dialect,
    /// The connection that is next among equals.
    next: usize,
    /// The connection of each request, as DE 90 of its reversal refers to it.
    sent_over: HashMap<Vec<u8>, usize>,
}

impl Replay {
    fn link_for(&mut self, message: &Message) -> usize {
        let known = original(message).and_then(|original| self.sent_over.get(original));
        let link = known.copied().unwrap_or_else(|| {
            let count = self.links.count();
            let turn = (0..count).map(|link| (self.next + link) % count);
            let link = turn.min_by_key(|link| self.report.in_flight(*link));
            let link = link.unwrap_or_default();
            self.next = link + 1;
            link
        });
        if let Some(reference) = reference(message) {
            self.sent_over.insert(reference, link);
        }
        link
    }

    /// Waits for an answer on any connection, no longer than its oldest request may take.
    fn wait(&mut self, link: usize, timeout: Duration) -> Result<(), Failure> {
        let Some(oldest) = self.report.oldest(link) else {
            return Ok(());
        };
        match self.links.receive(oldest + timeout) {
            Some(received) => self.take(received),
            None => {
                self.report.give_up(link, oldest);
                Ok(())
            }
        }
    }

    fn take(&mut self, received: Received) -> Result<(), Failure> {
        let Received { link, at, frame } = received;
        let answer = self.dialect.decode(&frame?.body).ok();
        self.report.received(link, answer.as_ref(), at);
        Ok(())
    }
}

fn no_frame() -> Failure {
    Failure::Usage("a capture needs --frame: iso8583 doctor finds it".to_owned())
}

/// Input is read whole.
const INPUT_MAX: u64 = 512 << 20;

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
