//! What the writer counts; handles are taken once.

use crate::SERVICE;
use crate::intake::Via;
use gapless_service_kit::metrics::{self, names};
use std::time::Duration;

/// Records how long a sync of the journal took.
pub(crate) fn synced(took: Duration) {
    metrics::histogram(names::JOURNAL_SYNC_SECONDS, SERVICE, &[]).record(took.as_secs_f64());
}

pub(crate) struct WriterCounts {
    records: ::metrics::Counter,
    bytes: ::metrics::Counter,
    append_seconds: ::metrics::Histogram,
    accept_seconds: ::metrics::Histogram,
    published_messages: ::metrics::Counter,
    published_bytes: ::metrics::Counter,
    duplicates: ::metrics::Counter,
    /// Rows and batches by way.
    accepted: [(Via, ::metrics::Counter, ::metrics::Counter); 3],
}

impl WriterCounts {
    pub(crate) fn new() -> WriterCounts {
        let counter = |name| metrics::counter(name, SERVICE, &[]);
        let by_way = |via: Via| {
            let label = [("via", via.label())];
            let rows = metrics::counter(names::ROWS_ACCEPTED, SERVICE, &label);
            (via, rows, metrics::counter(names::BATCHES_ACCEPTED, SERVICE, &label))
        };
        WriterCounts {
            records: counter(names::JOURNAL_RECORDS),
            bytes: counter(names::JOURNAL_BYTES),
            append_seconds: metrics::histogram(names::JOURNAL_APPEND_SECONDS, SERVICE, &[]),
            accept_seconds: metrics::histogram(names::ACCEPT_SECONDS, SERVICE, &[]),
            published_messages: metrics::counter(names::MESSAGES_PUBLISHED, SERVICE, &[("topic", "journal")]),
            published_bytes: counter(names::BYTES_PUBLISHED),
            duplicates: counter(names::ROWS_DUPLICATE),
            accepted: [Via::Http, Via::Zmq, Via::Source].map(by_way),
        }
    }

    pub(crate) fn appended(&self, records: &[Vec<u8>], took: Duration) {
        self.records.increment(records.len() as u64);
        self.bytes.increment(records.iter().map(|record| record.len() as u64).sum());
        self.append_seconds.record(took.as_secs_f64());
    }

    pub(crate) fn published(&self, bytes: usize) {
        self.published_messages.increment(1);
        self.published_bytes.increment(bytes as u64);
    }

    pub(crate) fn accepted(&self, via: Via, rows: usize, took: Duration) {
        if let Some((_, row_count, batches)) = self.accepted.iter().find(|(way, ..)| *way == via) {
            row_count.increment(rows as u64);
            batches.increment(1);
        }
        self.accept_seconds.record(took.as_secs_f64());
    }

    pub(crate) fn duplicate(&self, rows: usize) {
        self.duplicates.increment(rows as u64);
    }
}
