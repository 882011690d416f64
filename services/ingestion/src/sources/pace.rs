//! How fast a source hands its rows over.
//!
//! Pacing is arithmetic, not sleeping: [`Pacer`] says when a row is due, counted from the first one,
//! and the source waits for whatever comes first. So a source that was held up (a full queue, a
//! suspended machine) catches up afterwards and keeps its average.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The fastest fixed rate, rows per second: above it, say `full`.
const MAX_RATE: f64 = 100_000_000.0;
/// The largest factor on the data's own pace: a century in an hour.
const MAX_FACTOR: f64 = 1_000_000.0;

/// How fast a source hands its rows over; written `full`, `1000/s` or `60x`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Pace {
    /// As fast as the journal takes them.
    #[default]
    Full,
    /// So many rows a second. More than 0.
    Rate(f64),
    /// As the rows' own times are apart, this many times as fast. More than 0.
    Data(f64),
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pace::Full => f.write_str("full"),
            Pace::Rate(rows) => write!(f, "{rows}/s"),
            Pace::Data(factor) => write!(f, "{factor}x"),
        }
    }
}

impl FromStr for Pace {
    type Err = String;

    fn from_str(text: &str) -> Result<Pace, String> {
        let bad = || {
            format!(
                "pace {text:?} is not usable: write full, 1000/s (rows a second) or 60x (times the data's own pace)"
            )
        };
        let number = |digits: &str, most: f64| {
            digits.parse().ok().filter(|value| *value > 0.0 && *value <= most).ok_or_else(bad)
        };
        match (text, text.strip_suffix("/s"), text.strip_suffix('x')) {
            ("full", ..) => Ok(Pace::Full),
            (_, Some(rows), _) => number(rows, MAX_RATE).map(Pace::Rate),
            (_, _, Some(factor)) => number(factor, MAX_FACTOR).map(Pace::Data),
            _ => Err(bad()),
        }
    }
}

impl Serialize for Pace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pace, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Says when rows are due.
#[derive(Debug)]
pub(crate) struct Pacer {
    pace: Pace,
    /// Rows that were due already.
    rows: u64,
    first_ts_ms: Option<i64>,
}

impl Pacer {
    pub(crate) fn new(pace: Pace) -> Pacer {
        Pacer { pace, rows: 0, first_ts_ms: None }
    }

    /// How many of the next rows, whose times are `ts_ms`, are due after `elapsed`, and how long after
    /// the start the first one after those is.
    pub(crate) fn due(
        &mut self,
        ts_ms: impl IntoIterator<Item = i64>,
        elapsed: Duration,
    ) -> (usize, Option<Duration>) {
        let mut due = 0;
        for ts in ts_ms {
            let at = self.due_at(due as u64, ts);
            if at > elapsed {
                return (due, Some(at));
            }
            due += 1;
        }
        (due, None)
    }

    /// That many rows were handed over.
    pub(crate) fn advance(&mut self, rows: usize) {
        self.rows += rows as u64;
    }

    fn due_at(&mut self, ahead: u64, ts_ms: i64) -> Duration {
        let seconds = match self.pace {
            Pace::Full => 0.0,
            Pace::Rate(rows) => (self.rows + ahead) as f64 / rows,
            Pace::Data(factor) => {
                let first = *self.first_ts_ms.get_or_insert(ts_ms);
                ts_ms.saturating_sub(first) as f64 / 1000.0 / factor
            }
        };
        // Rows that go back in time are due at once; a gap of centuries is due in a century.
        Duration::try_from_secs_f64(seconds.clamp(0.0, 3.2e9)).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests;
