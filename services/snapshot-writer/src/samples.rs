//! Rows for tests.

use crate::manifest::{Hex, Part, PartFile};
use crate::name::{part_file, topic_folder};
use gapless_formats::FileForm;
use gapless_model::{
    Batch, Candle, Digest, Epoch, Flags, Kind, MetricRows, Rows, Seq, SeqRange, StreamKey, UnixMillis,
};

pub(crate) const A: &str = "candles.sim.A.1m";

pub(crate) fn key(topic: &str) -> StreamKey {
    topic.parse().unwrap()
}

/// The rows that every test expects at these sequences.
pub(crate) fn rows(kind: Kind, from: u64, to: u64) -> Rows {
    let ts = |seq: u64| UnixMillis(1_700_000_000_000 + seq as i64 * 1000);
    match kind {
        Kind::Metrics => Rows::Metrics(MetricRows {
            columns: ["cpu".to_owned(), "mem".to_owned()].into(),
            ts: (from..=to).map(|seq| ts(seq).to_nanos()).collect(),
            values: (from..=to).flat_map(|seq| [seq as f64 / 3.0, f64::NAN]).collect(),
        }),
        Kind::Candles | Kind::Warnings => {
            let candle = |seq: u64| Candle {
                ts: ts(seq),
                open: 1.0,
                high: 3.0,
                low: 0.5,
                close: 2.0,
                volume: seq as f64,
            };
            Rows::Candles((from..=to).map(candle).collect())
        }
    }
}

/// Rows as the client hands them over.
pub(crate) fn batch(topic: &str, epoch: u64, from: u64, to: u64) -> Batch {
    let key = key(topic);
    let kind = key.kind();
    Batch {
        start: Seq(from),
        epoch: Epoch(epoch),
        ts_publish_us: 1_700_000_000_000_000,
        digest: Digest::of(Seq(1), &rows(kind, 1, to)),
        ..Batch::unsequenced(key, Flags::SIMULATED, rows(kind, from, to))
    }
}

/// The last rows of a stream.
pub(crate) fn last_batch(topic: &str, epoch: u64, from: u64, to: u64) -> Batch {
    Batch { flags: Flags::END_OF_STREAM, ..batch(topic, epoch, from, to) }
}

/// A part that lies nowhere.
pub(crate) fn part(topic: &str, first: u64, last: u64) -> Part {
    let rows = rows(key(topic).kind(), first, last);
    let name = format!("{}/{}", topic_folder(&key(topic)), part_file(first, last, FileForm::Csv));
    let count = last - first + 1;
    Part {
        first,
        last,
        rows: count,
        digest: Hex(Digest::of(Seq(first), &rows)),
        first_time: String::new(),
        last_time: String::new(),
        columns: Vec::new(),
        files: vec![PartFile { name, format: "csv".into(), rows: count, bytes: 1, sha256: String::new() }],
    }
}

pub(crate) fn range(from: u64, to: u64) -> SeqRange {
    SeqRange::new(Seq(from), Seq(to + 1))
}

pub(crate) fn digest(topic: &str, from: u64, to: u64) -> Digest {
    Digest::of(Seq(from), &rows(key(topic).kind(), from, to))
}
