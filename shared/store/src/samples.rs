//! Rows for tests.

use gapless_model::{
    Batch, Candle, Digest, Epoch, Flags, Kind, MetricRows, Rows, Seq, Severity, StreamKey, UnixMillis,
    UnixNanos, Warning,
};
use std::sync::Arc;

pub(crate) fn key(topic: &str) -> StreamKey {
    topic.parse().unwrap()
}

/// The candle that every test expects at `seq`.
pub(crate) fn candle(seq: u64) -> Candle {
    let price = 100.0 + (seq % 1000) as f64 * 0.25;
    Candle {
        ts: UnixMillis(1_700_000_000_000 + seq as i64 * 60_000),
        open: price,
        high: price + 1.5,
        low: price - 1.25,
        close: price + 0.1,
        volume: seq as f64 / 3.0,
    }
}

pub(crate) fn rows(kind: Kind, start: u64, count: u64) -> Rows {
    let seqs = start..start + count;
    let ts = |seq: u64| UnixNanos(1_700_000_000_000_000_000 + seq as i64 * 1_000_000_007);
    match kind {
        Kind::Candles => Rows::Candles(seqs.map(candle).collect()),
        Kind::Metrics => {
            let columns: Arc<[String]> = if start.is_multiple_of(2) {
                Arc::from(["cpu".to_string(), "mem 'x'".to_string()])
            } else {
                Arc::from(["cpu".to_string(), "mem 'x'".to_string(), "load\"1".to_string()])
            };
            let width = columns.len();
            let value = |seq: u64, at: usize| match at {
                0 => seq as f64,
                1 if seq.is_multiple_of(3) => f64::NAN,
                1 => -0.0,
                _ => 0.0,
            };
            let values = seqs.clone().flat_map(|seq| (0..width).map(move |at| value(seq, at))).collect();
            Rows::Metrics(MetricRows { columns, ts: seqs.map(ts).collect(), values })
        }
        Kind::Warnings => Rows::Warnings(
            seqs.map(|seq| Warning {
                ts: ts(seq),
                severity: Severity::from_u8((seq % 3) as u8).unwrap(),
                code: format!("code-{seq}"),
                subject: String::new(),
                message: "it's \"odd\"\n, ünïcode".to_string(),
            })
            .collect(),
        ),
    }
}

/// A batch as ingestion would sequence it, without the running digest.
pub(crate) fn batch(key: &StreamKey, epoch: u64, start: u64, count: u64) -> Batch {
    Batch {
        start: Seq(start),
        epoch: Epoch(epoch),
        ts_publish_us: 1_700_000_000_000_000 + start as i64,
        ..Batch::unsequenced(key.clone(), Flags::SIMULATED, rows(key.kind(), start, count))
    }
}

/// The running digest after `last`, when every row from 1 on is a sample.
pub(crate) fn running(key: &StreamKey, last: u64) -> Digest {
    match key.kind() {
        // The names of a metrics batch depend on where it begins: only candles and warnings add up.
        Kind::Metrics => Digest::default(),
        kind => Digest::of(Seq(1), &rows(kind, 1, last)),
    }
}

/// As [`batch`], with the running digest.
pub(crate) fn published(key: &StreamKey, epoch: u64, start: u64, count: u64) -> Batch {
    Batch { digest: running(key, start + count - 1), ..batch(key, epoch, start, count) }
}
