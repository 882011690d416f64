//! Rows for tests.

use gapless_model::{
    Batch, Candle, Digest, Epoch, Flags, Kind, MetricRows, Rows, Seq, SeqRange, Severity, StreamKey,
    UnixMillis, UnixNanos, Warning,
};
use std::sync::Arc;

pub(crate) fn key(topic: &str) -> StreamKey {
    topic.parse().unwrap()
}

pub(crate) fn range(from: u64, to: u64) -> SeqRange {
    SeqRange::new(Seq(from), Seq(to + 1))
}

/// A row's time: one second per sequence.
pub(crate) fn at(seq: u64) -> UnixMillis {
    UnixMillis(1_700_000_000_000 + seq as i64 * 1000)
}

/// The rows that every test expects at these sequences.
pub(crate) fn rows(kind: Kind, seqs: SeqRange) -> Rows {
    let seqs = seqs.start().0..seqs.end().0;
    match kind {
        Kind::Candles => Rows::Candles(
            seqs.map(|seq| Candle {
                ts: at(seq),
                open: 1.0,
                high: 3.0,
                low: 0.5,
                close: 2.0,
                volume: seq as f64,
            })
            .collect(),
        ),
        Kind::Metrics => Rows::Metrics(MetricRows {
            columns: Arc::from(["cpu".to_string(), "mem".to_string()]),
            ts: seqs.clone().map(|seq| at(seq).to_nanos()).collect(),
            values: seqs.flat_map(|seq| [seq as f64, f64::NAN]).collect(),
        }),
        Kind::Warnings => Rows::Warnings(
            seqs.map(|seq| Warning {
                ts: UnixNanos(at(seq).to_nanos().0 + 1),
                severity: Severity::Error,
                code: format!("code-{seq}"),
                subject: String::new(),
                message: "odd".to_string(),
            })
            .collect(),
        ),
    }
}

/// A batch as the journal has it.
pub(crate) fn batch(key: &StreamKey, epoch: u64, from: u64, to: u64) -> Batch {
    Batch {
        start: Seq(from),
        epoch: Epoch(epoch),
        ts_publish_us: at(from).0 * 1000,
        digest: Digest::of(Seq(1), &rows(key.kind(), range(1, to))),
        ..Batch::unsequenced(key.clone(), Flags::SIMULATED, rows(key.kind(), range(from, to)))
    }
}
