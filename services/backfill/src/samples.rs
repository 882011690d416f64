//! Rows for tests, and what is logged in them.

use gapless_model::{
    Batch, Candle, Digest, Epoch, Flags, Kind, MetricRows, Rows, Seq, SeqRange, Severity, StreamKey,
    UnixMillis, UnixNanos, Warning,
};
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

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

/// The messages that `work` logs on this thread as warnings.
pub(crate) fn warnings(work: impl FnOnce()) -> Vec<String> {
    let log = Log::default();
    tracing::subscriber::with_default(log.clone(), work);
    log.0.lock().unwrap().clone()
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0.lock().unwrap().push(format!("{value:?}"));
        }
    }
}
