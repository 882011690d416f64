//! When the next rows are due.

use gapless::UnixMillis;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// How fast a file is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// As fast as ingestion takes it.
    Max,
    /// At the data's own pace times this factor.
    Data(f64),
    /// So many rows a second.
    Rate(f64),
}

impl FromStr for Pace {
    type Err = String;

    fn from_str(text: &str) -> Result<Pace, String> {
        let bad = || "use full, realtime, a factor such as 60x, or a rate such as 1000/s".to_owned();
        let number = |text: &str| {
            let value = text.parse::<f64>().ok().filter(|value| value.is_finite() && *value > 0.0);
            value.ok_or_else(bad)
        };
        match (text, text.strip_suffix('x'), text.strip_suffix("/s")) {
            ("full" | "max", ..) => Ok(Pace::Max),
            ("realtime", ..) => Ok(Pace::Data(1.0)),
            (_, Some(factor), _) => number(factor).map(Pace::Data),
            (_, _, Some(rate)) => number(rate).map(Pace::Rate),
            _ => Err(bad()),
        }
    }
}

/// Tells how long to wait before each batch.
#[derive(Debug)]
pub(super) struct Pacer {
    pace: Pace,
    started: Option<(Instant, UnixMillis)>,
    rows: u64,
}

impl Pacer {
    pub(super) fn new(pace: Pace) -> Pacer {
        Pacer { pace, started: None, rows: 0 }
    }

    /// How long to wait before a batch that begins at `ts` and has `rows` rows.
    pub(super) fn wait(&mut self, ts: UnixMillis, rows: u64) -> Duration {
        self.wait_at(ts, rows, Instant::now())
    }

    fn wait_at(&mut self, ts: UnixMillis, rows: u64, now: Instant) -> Duration {
        let (start, first_ts) = *self.started.get_or_insert((now, ts));
        let due = match self.pace {
            Pace::Max => 0.0,
            Pace::Data(factor) => (ts.0 - first_ts.0).max(0) as f64 / 1000.0 / factor,
            Pace::Rate(rate) => self.rows as f64 / rate,
        };
        self.rows += rows;
        let due = Duration::try_from_secs_f64(due).unwrap_or(Duration::MAX);
        due.saturating_sub(now.saturating_duration_since(start))
    }
}

#[cfg(test)]
mod tests;
