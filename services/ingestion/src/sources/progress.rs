//! How far a source is, for logs, metrics and progress bars.

use gapless_service_kit::metrics::{self, names};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How often a working source says in the log how far it is.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Bad rows that are named in the log one by one; a file of nothing but damage must not fill the disk.
const NAMED_BAD_ROWS: u64 = 100;

/// Counts of one source; read them at any time from any thread.
#[derive(Debug)]
pub struct Progress {
    read: AtomicU64,
    delivered: AtomicU64,
    duplicate: AtomicU64,
    bad: AtomicU64,
    bytes: AtomicU64,
    total_bytes: AtomicU64,
    rows_metric: ::metrics::Counter,
    bad_metric: ::metrics::Counter,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (delivered, duplicate, bad) = (self.delivered(), self.duplicate(), self.bad());
        write!(f, "{delivered} rows delivered, {duplicate} were there already, {bad} bad rows skipped")
    }
}

impl Progress {
    pub(crate) fn new(source: &str) -> Progress {
        let counter = |name| metrics::counter(name, "ingestion", &[("source", source)]);
        Progress {
            read: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            duplicate: AtomicU64::new(0),
            bad: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            total_bytes: AtomicU64::new(0),
            rows_metric: counter(names::SOURCE_ROWS),
            bad_metric: counter(names::SOURCE_BAD_ROWS),
        }
    }

    /// Rows read or made so far.
    pub fn read(&self) -> u64 {
        self.read.load(Relaxed)
    }
    /// Rows that the journal acknowledged, those that were there already not counted.
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Relaxed)
    }
    /// Rows that were in the journal already, from an earlier run.
    pub fn duplicate(&self) -> u64 {
        self.duplicate.load(Relaxed)
    }
    /// Rows skipped because they are bad.
    pub fn bad(&self) -> u64 {
        self.bad.load(Relaxed)
    }
    /// Bytes of a file read so far, and its size; both 0 for sources without end.
    pub fn bytes(&self) -> (u64, u64) {
        (self.bytes.load(Relaxed), self.total_bytes.load(Relaxed))
    }

    pub(crate) fn add_read(&self, rows: u64) {
        self.read.fetch_add(rows, Relaxed);
        self.rows_metric.increment(rows);
    }
    pub(crate) fn add_delivered(&self, rows: u64) {
        self.delivered.fetch_add(rows, Relaxed);
    }
    pub(crate) fn add_duplicate(&self, rows: u64) {
        self.duplicate.fetch_add(rows, Relaxed);
    }
    /// A row is skipped: names its place and the reason.
    pub(crate) fn skip_bad(&self, place: &dyn fmt::Display, reason: &str) {
        let before = self.bad();
        self.add_bad(1);
        if before < NAMED_BAD_ROWS {
            tracing::warn!(%place, reason, "bad row skipped");
        } else if before == NAMED_BAD_ROWS {
            tracing::warn!(%place, reason, "bad row skipped; further ones are only counted");
        }
    }

    pub(crate) fn add_bad(&self, rows: u64) {
        self.bad.fetch_add(rows, Relaxed);
        self.bad_metric.increment(rows);
    }
    pub(crate) fn set_bytes(&self, read: u64, total: u64) {
        self.bytes.store(read, Relaxed);
        self.total_bytes.store(total, Relaxed);
    }
}

/// Says now and then in the log how far a source is.
#[derive(Debug)]
pub(crate) struct ProgressLog {
    next: Instant,
    last_read: u64,
}

impl ProgressLog {
    pub(crate) fn new(now: Instant) -> ProgressLog {
        ProgressLog { next: now + LOG_EVERY, last_read: 0 }
    }

    /// Logs when it is time and something has moved.
    pub(crate) fn tick(&mut self, progress: &Progress, now: Instant) {
        if now < self.next {
            return;
        }
        let read = progress.read();
        if read != self.last_read {
            let (bytes, total_bytes) = progress.bytes();
            let rows_per_second = (read - self.last_read) as f64 / LOG_EVERY.as_secs_f64();
            let (delivered, duplicate, bad) = (progress.delivered(), progress.duplicate(), progress.bad());
            tracing::info!(delivered, duplicate, bad, rows_per_second, bytes, total_bytes, "source goes on");
        }
        self.last_read = read;
        self.next = now + LOG_EVERY;
    }
}
