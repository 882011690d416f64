//! What is sent: rows whose place can be told from their content.

use gapless::{Candle, MetricRows, Rows, StreamKey, UnixMillis, UnixNanos};
use std::fmt::Write;
use std::sync::Arc;

/// A whole minute, so that bars of a minute close after each 60 rows.
const BEGIN_MS: i64 = 1_699_999_980_000;

/// One producer's rows of one stream. Row `n` of a lane is always the same row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lane {
    /// Tells it from every other.
    pub(crate) number: u32,
    /// The stream; several lanes may share one.
    pub(crate) key: StreamKey,
}

impl Lane {
    /// The rows `first..first + count`, counted from 0.
    pub(crate) fn rows(&self, first: u64, count: u64) -> Rows {
        let range = first..first + count;
        match self.key.kind() {
            gapless::Kind::Candles => Rows::Candles(range.map(|n| self.candle(n)).collect()),
            _ => {
                let columns: Arc<[String]> = Arc::from(["lane".to_owned(), "row".to_owned()]);
                let ts = range.clone().map(|n| UnixNanos((BEGIN_MS + n as i64 * 1000) * 1_000_000)).collect();
                let values = range.flat_map(|n| [f64::from(self.number), n as f64]).collect();
                Rows::Metrics(MetricRows { columns, ts, values })
            }
        }
    }

    /// The same as the body of a request.
    pub(crate) fn ndjson(&self, first: u64, count: u64) -> String {
        let mut body = String::new();
        for n in first..first + count {
            let Candle { ts, open, high, low, close, volume } = self.candle(n);
            let _ = writeln!(
                body,
                r#"{{"ts":{},"open":{open},"high":{high},"low":{low},"close":{close},"volume":{volume}}}"#,
                ts.0
            );
        }
        body
    }

    fn candle(&self, n: u64) -> Candle {
        let open = n as f64;
        let ts = UnixMillis(BEGIN_MS + n as i64 * 1000);
        Candle { ts, open, high: open + 1.0, low: open - 1.0, close: open + 0.5, volume: self.number.into() }
    }
}

/// Where each row comes from: number of the lane, and its place there. Only for rows that a lane made.
pub(crate) fn origins(rows: &Rows) -> Vec<(u32, u64)> {
    let origin = |lane: f64, n: f64| (lane as u32, n as u64);
    match rows {
        Rows::Candles(rows) => rows.iter().map(|row| origin(row.volume, row.open)).collect(),
        Rows::Metrics(rows) => rows
            .values
            .chunks(2)
            .map(|row| origin(row.first().copied().unwrap_or(-1.0), row.last().copied().unwrap_or(-1.0)))
            .collect(),
        Rows::Warnings(_) => Vec::new(),
    }
}

/// The topic of the bars of a minute that are derived from this stream of seconds.
pub(crate) fn derived_topic(key: &StreamKey) -> Option<String> {
    key.topic().strip_suffix(".1s").map(|stem| format!("{stem}.1m"))
}

/// How many bars of a minute are closed by so many rows of a lane.
pub(crate) fn closed_bars(rows: u64) -> u64 {
    rows / 60
}

/// Whether `bar` is the bar of minute `n` of a lane.
pub(crate) fn is_bar(bar: &Candle, lane: u32, n: u64) -> bool {
    let first = (n * 60) as f64;
    bar.ts.0 == BEGIN_MS + n as i64 * 60_000
        && bar.open == first
        && bar.high == first + 60.0
        && bar.low == first - 1.0
        && bar.close == first + 59.5
        && bar.volume == 60.0 * f64::from(lane)
}

#[cfg(test)]
mod tests;
