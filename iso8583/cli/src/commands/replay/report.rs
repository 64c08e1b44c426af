//! Which requests were answered, and how fast.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::time::{Duration, Instant};

use iso8583::{Message, Mti};
use serde_json::json;

use crate::cli::Layout;
use crate::peer::{micros, millis};

/// By type of request.
#[derive(Default)]
pub(super) struct Report {
    rows: BTreeMap<[u8; 4], Row>,
    /// When those were sent that wait for an answer, by its type and trace number.
    waiting: HashMap<Key, (Mti, Instant)>,
    unmatched: usize,
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
    pub(super) fn sent(&mut self, request: &Message, at: Instant) {
        let mti = request.mti();
        self.rows.entry(*mti.as_bytes()).or_default().sent += 1;
        if let Some(answer) = mti.response() {
            let key = key(answer, request);
            self.waiting.insert(key, (mti, at));
        }
    }

    /// None: something that is no message.
    pub(super) fn received(&mut self, answer: Option<&Message>, at: Instant) {
        let request = answer.and_then(|it| Some((it, self.waiting.remove(&key(it.mti(), it))?)));
        let Some((answer, (mti, sent))) = request else {
            self.unmatched += 1;
            return;
        };
        let row = self.rows.entry(*mti.as_bytes()).or_default();
        row.took.push(at.saturating_duration_since(sent));
        let code = answer.text(39).unwrap_or("none").to_owned();
        *row.codes.entry(code).or_default() += 1;
    }

    /// Is every request answered?
    pub(super) fn is_answered(&self) -> bool {
        self.rows.values().all(|row| row.took.len() == row.sent)
    }

    pub(super) fn write(&mut self, layout: Layout, out: &mut impl Write) -> io::Result<()> {
        if layout != Layout::Json {
            writeln!(
                out,
                "mti       sent  answered       min       p50       p95       max  codes"
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
        if self.unmatched > 0 && layout != Layout::Json {
            writeln!(
                out,
                "{} messages came that answer no request",
                self.unmatched
            )?;
        }
        Ok(())
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
        let [min, median, high, max] = PERCENTS.map(|percent| self.percentile(percent).map(micros));
        let object = json!({
            "mti": mti,
            "sent": self.sent,
            "answered": self.took.len(),
            "min_us": min,
            "p50_us": median,
            "p95_us": high,
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

const PERCENTS: [usize; 4] = [0, 50, 95, 100];

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
        assert_eq!(times, [1, 10, 19, 20].map(Duration::from_millis));
        assert_eq!(Row::default().percentile(50), None);
    }
}
