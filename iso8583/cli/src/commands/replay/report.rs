//! Which requests were answered, and how fast.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{self, Write};
use std::time::{Duration, Instant};

use iso8583::{Message, Mti};
use serde_json::json;

use crate::cli::Layout;
use crate::peer::{micros, millis};

/// By type of request.
pub(super) struct Report {
    rows: BTreeMap<[u8; 4], Row>,
    /// Of each connection.
    waiting: Vec<Waiting>,
    unmatched: usize,
    /// When the first request was sent, and when the last answer came.
    begun: Option<Instant>,
    ended: Option<Instant>,
}

/// Requests that wait for an answer, by its type and trace number. Of those that are alike, the
/// first is answered first.
#[derive(Default)]
struct Waiting {
    sent: HashMap<Key, VecDeque<(Mti, Instant)>>,
    count: usize,
}

type Key = ([u8; 4], Vec<u8>);

#[derive(Default)]
struct Row {
    sent: usize,
    took: Vec<Duration>,
    /// How often each response code came.
    codes: BTreeMap<String, usize>,
}

impl Report {
    pub(super) fn new(connections: usize) -> Self {
        Self {
            rows: BTreeMap::new(),
            waiting: (0..connections).map(|_| Waiting::default()).collect(),
            unmatched: 0,
            begun: None,
            ended: None,
        }
    }

    /// How many requests of a connection wait for an answer.
    pub(super) fn in_flight(&self, link: usize) -> usize {
        self.waiting.get(link).map_or(0, |waiting| waiting.count)
    }

    pub(super) fn sent(&mut self, link: usize, request: &Message, at: Instant) {
        self.begun.get_or_insert(at);
        let mti = request.mti();
        self.rows.entry(*mti.as_bytes()).or_default().sent += 1;
        if let Some((answer, waiting)) = mti.response().zip(self.waiting.get_mut(link)) {
            let alike = waiting.sent.entry(key(answer, request)).or_default();
            alike.push_back((mti, at));
            waiting.count += 1;
        }
    }

    /// None: something that is no message.
    pub(super) fn received(&mut self, link: usize, answer: Option<&Message>, at: Instant) {
        let waiting = self.waiting.get_mut(link);
        let request = answer.zip(waiting).and_then(|(answer, waiting)| {
            let (mti, sent) = waiting.answered(&key(answer.mti(), answer))?;
            Some((answer, mti, sent))
        });
        let Some((answer, mti, sent)) = request else {
            self.unmatched += 1;
            return;
        };
        self.ended = Some(at);
        let row = self.rows.entry(*mti.as_bytes()).or_default();
        row.took.push(at.saturating_duration_since(sent));
        let code = answer.text(39).unwrap_or("none").to_owned();
        *row.codes.entry(code).or_default() += 1;
    }

    /// When the request of a connection was sent that has waited longest.
    pub(super) fn oldest(&self, link: usize) -> Option<Instant> {
        let all = self.waiting.get(link)?.sent.values().flatten();
        all.map(|(_, sent)| *sent).min()
    }

    /// Waits no more for requests of a connection that were sent up to then.
    pub(super) fn give_up(&mut self, link: usize, until: Instant) {
        if let Some(waiting) = self.waiting.get_mut(link) {
            for alike in waiting.sent.values_mut() {
                alike.retain(|(_, sent)| *sent > until);
            }
            waiting.sent.retain(|_, alike| !alike.is_empty());
            waiting.count = waiting.sent.values().map(VecDeque::len).sum();
        }
    }

    /// Is every request answered?
    pub(super) fn is_answered(&self) -> bool {
        self.rows.values().all(|row| row.took.len() == row.sent)
    }

    pub(super) fn write(&mut self, layout: Layout, out: &mut impl Write) -> io::Result<()> {
        if layout != Layout::Json {
            writeln!(
                out,
                "mti       sent  answered       min       p50       p95       p99       max  codes"
            )?;
        }
        for (mti, row) in &mut self.rows {
            row.took.sort_unstable();
            let mti = String::from_utf8_lossy(mti);
            if layout == Layout::Json {
                row.json(&mti, out)?;
            } else {
                row.text(&mti, out)?;
            }
        }
        self.sum(layout, out)
    }

    fn sum(&self, layout: Layout, out: &mut impl Write) -> io::Result<()> {
        let (mut sent, mut answered) = (0, 0);
        for row in self.rows.values() {
            sent += row.sent;
            answered += row.took.len();
        }
        let span = self.begun.zip(self.ended);
        let took = span.map_or(Duration::ZERO, |(begun, ended)| ended.duration_since(begun));
        let (connections, unmatched) = (self.waiting.len(), self.unmatched);
        if layout == Layout::Json {
            let object = json!({
                "connections": connections,
                "sent": sent,
                "answered": answered,
                "unmatched": unmatched,
                "took_us": micros(took),
            });
            return writeln!(out, "{object}");
        }
        let over = match connections {
            1 => "one connection".to_owned(),
            count => format!("{count} connections"),
        };
        write!(
            out,
            "{answered} of {sent} answered over {over}, in {}",
            millis(took)
        )?;
        // In tenths, for slow ones.
        let rate = u64::try_from(answered)
            .unwrap_or(u64::MAX)
            .saturating_mul(10_000_000);
        match rate.checked_div(micros(took)) {
            Some(rate) => writeln!(out, ": {}.{} a second", rate / 10, rate % 10)?,
            None => writeln!(out)?,
        }
        if unmatched > 0 {
            writeln!(
                out,
                "{unmatched} messages came that answer no request, or too late"
            )?;
        }
        Ok(())
    }
}

impl Waiting {
    /// The request that an answer answers.
    fn answered(&mut self, key: &Key) -> Option<(Mti, Instant)> {
        let alike = self.sent.get_mut(key)?;
        let request = alike.pop_front()?;
        if alike.is_empty() {
            self.sent.remove(key);
        }
        self.count -= 1;
        Some(request)
    }
}

impl Row {
    fn text(&self, mti: &str, out: &mut impl Write) -> io::Result<()> {
        let (sent, answered) = (self.sent, self.took.len());
        write!(out, "{mti}  {sent:>8}  {answered:>8}")?;
        for percent in PERCENTS {
            let ms = self.percentile(percent).map(millis);
            write!(out, "{:>10}", ms.as_deref().unwrap_or("-"))?;
        }
        let codes = self
            .codes
            .iter()
            .map(|(code, count)| format!("{code} x{count}"));
        writeln!(out, "  {}", codes.collect::<Vec<_>>().join(", "))
    }

    fn json(&self, mti: &str, out: &mut impl Write) -> io::Result<()> {
        let [min, p50, p95, p99, max] =
            PERCENTS.map(|percent| self.percentile(percent).map(micros));
        let object = json!({
            "mti": mti,
            "sent": self.sent,
            "answered": self.took.len(),
            "min_us": min,
            "p50_us": p50,
            "p95_us": p95,
            "p99_us": p99,
            "max_us": max,
            "codes": self.codes,
        });
        writeln!(out, "{object}")
    }

    /// The time within which so many of a hundred were answered; of 0, the shortest.
    fn percentile(&self, percent: usize) -> Option<Duration> {
        let rank = (self.took.len() * percent).div_ceil(100).saturating_sub(1);
        self.took.get(rank).copied()
    }
}

fn key(answer: Mti, message: &Message) -> Key {
    let stan = message.field(11).unwrap_or_default();
    (*answer.as_bytes(), stan.to_vec())
}

const PERCENTS: [usize; 5] = [0, 50, 95, 99, 100];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_times_in_order() {
        let row = Row {
            took: (1..=20).map(Duration::from_millis).collect(),
            ..Row::default()
        };
        let times = PERCENTS.map(|percent| row.percentile(percent).unwrap());
        assert_eq!(times, [1, 10, 19, 20, 20].map(Duration::from_millis));
        assert_eq!(Row::default().percentile(50), None);
    }

    fn message(mti: &str) -> Message {
        let mut message = Message::new(mti.parse().unwrap());
        message.set(11, b"000123").set(39, b"00");
        message
    }

    #[test]
    fn answers_count_on_their_own_connection_and_alike_ones_in_turn() {
        let mut report = Report::new(2);
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        // A repeat is answered as what it repeats.
        report.sent(0, &message("0420"), at(0));
        report.sent(0, &message("0421"), at(10));
        report.sent(1, &message("0200"), at(20));
        report.received(0, Some(&message("0210")), at(30));
        assert_eq!(report.unmatched, 1);
        report.received(0, Some(&message("0430")), at(40));
        assert_eq!((report.in_flight(0), report.in_flight(1)), (1, 1));
        assert_eq!(report.rows[b"0420"].took, [Duration::from_millis(40)]);
        report.received(0, Some(&message("0430")), at(50));
        assert_eq!(report.rows[b"0421"].took, [Duration::from_millis(40)]);
        assert!(!report.is_answered());
        report.received(1, Some(&message("0210")), at(60));
        assert_eq!((report.in_flight(0), report.in_flight(1)), (0, 0));
        assert!(report.is_answered());
    }

    #[test]
    fn a_request_that_is_given_up_is_not_answered() {
        let mut report = Report::new(1);
        let begun = Instant::now();
        report.sent(0, &message("0200"), begun);
        report.sent(0, &message("0200"), begun + Duration::from_secs(1));
        assert_eq!(report.oldest(0), Some(begun));
        report.give_up(0, begun);
        assert_eq!(report.in_flight(0), 1);
        report.give_up(0, begun + Duration::from_secs(1));
        assert_eq!(report.in_flight(0), 0);
        assert!(!report.is_answered());
    }
}
