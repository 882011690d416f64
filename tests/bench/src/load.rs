//! What is sent, what was sent, and what came.

use crate::clock::{now_ns, sleep_until};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Bytes of a message of one row: a time of 8 bytes and 15 numbers of 8.
pub const ROW_BYTES: usize = 128;

/// The longest latency that is told apart from longer ones, in nanoseconds: a minute.
const LONGEST_NS: u64 = 60_000_000_000;

/// What a sender sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// How many messages.
    pub messages: u64,
    /// Rows of each.
    pub rows: u64,
    /// Messages a second; `None`: as many as go.
    pub rate: Option<u64>,
}

impl Load {
    /// As fast as it goes.
    pub fn full(messages: u64, rows: u64) -> Load {
        Load { messages, rows, rate: None }
    }

    /// At a rate, for so many seconds, one row each.
    pub fn paced(rate: u64, seconds: u64) -> Load {
        Load { messages: rate * seconds, rows: 1, rate: Some(rate) }
    }

    /// All rows.
    pub fn total(&self) -> u64 {
        self.messages * self.rows
    }

    /// When each message is to be sent, in nanoseconds of [`now_ns`]. Waits until then; one that is late is due at its
    /// time all the same, so that a sender that was held up hides nothing. At full speed it is now.
    pub fn due(self) -> impl Iterator<Item = u64> {
        let begin = now_ns();
        (0..self.messages).map(move |number| match self.rate {
            None => now_ns(),
            Some(rate) => {
                let due = begin + number * 1_000_000_000 / rate;
                sleep_until(due);
                due
            }
        })
    }
}

/// What a sender did. Times are of [`now_ns`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// When it began.
    pub begun_ns: u64,
    /// When all was sent, and acknowledged where the system does that.
    pub done_ns: u64,
}

/// What a receiver got. Times are of [`now_ns`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Received {
    /// Rows, each once.
    pub rows: u64,
    /// When the last came.
    pub done_ns: u64,
    /// From the intended time of sending to the arrival, in microseconds.
    pub latency: Latency,
    /// Rows that were missing and were healed.
    pub healed: u64,
    /// Of about one message in each millisecond: when it was to be sent, and when it came.
    pub trace: Vec<(u64, u64)>,
}

impl Received {
    /// When it had everything up to something that was to be sent at `ns` or later: rows come in order, so the first one
    /// of those proves it.
    pub fn had_everything_of(&self, ns: u64) -> Option<u64> {
        self.trace.iter().find(|(due, _)| *due >= ns).map(|(_, came)| *came)
    }
}

/// Percentiles, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Half took no longer.
    pub p50: f64,
    /// 99 of 100.
    pub p99: f64,
    /// 999 of 1,000.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

/// Counts what comes.
#[derive(Debug)]
pub struct Arrivals {
    rows: u64,
    healed: u64,
    histogram: Histogram<u64>,
    trace: Vec<(u64, u64)>,
}

/// How far apart the messages of a trace are.
const TRACE_EVERY_NS: u64 = 1_000_000;

impl Default for Arrivals {
    fn default() -> Self {
        Arrivals::new()
    }
}

impl Arrivals {
    /// Nothing came yet.
    #[allow(clippy::expect_used, reason = "the bounds are constants that are right")]
    pub fn new() -> Arrivals {
        let histogram = Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("the bounds are right");
        Arrivals { rows: 0, healed: 0, histogram, trace: Vec::new() }
    }

    /// A message with so many rows, that was to be sent at `due_ns`.
    pub fn came(&mut self, rows: u64, due_ns: u64) {
        let now = now_ns();
        self.rows += rows;
        self.histogram.saturating_record(now.saturating_sub(due_ns).max(1));
        if self.trace.last().is_none_or(|(last, _)| *last + TRACE_EVERY_NS <= due_ns) {
            self.trace.push((due_ns, now));
        }
    }

    /// So many rows were missing, and came.
    pub fn healed(&mut self, rows: u64) {
        self.healed += rows;
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The last one came now.
    pub fn done(self) -> Received {
        let at = |quantile: f64| self.histogram.value_at_quantile(quantile) as f64 / 1000.0;
        let latency = Latency {
            p50: at(0.5),
            p99: at(0.99),
            p999: at(0.999),
            max: self.histogram.max() as f64 / 1000.0,
        };
        Received { rows: self.rows, done_ns: now_ns(), latency, healed: self.healed, trace: self.trace }
    }
}

/// A message of [`ROW_BYTES`] that carries the time when it was to be sent.
pub fn message(due_ns: u64) -> [u8; ROW_BYTES] {
    let mut bytes = [0x5a; ROW_BYTES];
    if let Some(head) = bytes.first_chunk_mut::<8>() {
        *head = due_ns.to_le_bytes();
    }
    bytes
}

/// When a message was to be sent; 0 when it is none.
pub fn due_of(bytes: &[u8]) -> u64 {
    bytes.first_chunk::<8>().map_or(0, |head| u64::from_le_bytes(*head))
}
