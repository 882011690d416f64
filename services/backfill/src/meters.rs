//! What the service counts.

use gapless_follow::Progress;
use gapless_protocol::Source;
use gapless_service_kit::metrics::{counter, gauge, histogram, names};
use metrics::{Counter, Gauge, Histogram};
use std::time::Duration;

/// The service's name in metrics, health and configuration.
pub(crate) const SERVICE: &str = "backfill";

/// Handles on everything that is counted. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Meters {
    pub(crate) archive_rows: Counter,
    pub(crate) commit_seconds: Histogram,
    pub(crate) archive_size: Gauge,
    pub(crate) read_damaged: Counter,
    pub(crate) read_failed: Counter,
    pub(crate) hot_rows: Gauge,
    served_hot: Counter,
    served_archive: Counter,
    pub(crate) bytes_served: Counter,
    pub(crate) active: Gauge,
    pub(crate) waiting: Gauge,
    pub(crate) shared: Counter,
    pub(crate) refused: Counter,
    pub(crate) malformed: Counter,
    pub(crate) retention_rows: Counter,
    pub(crate) rewinds: Counter,
    applied_live: Counter,
    applied_replay: Counter,
    position: Gauge,
    lag: Gauge,
    gaps_found: Counter,
    gaps_healed: Counter,
    gaps_truncated: Counter,
    duplicates: Counter,
}

impl Meters {
    pub(crate) fn new() -> Meters {
        let plain = |name| counter(name, SERVICE, &[]);
        let served = |from| counter(names::ROWS_SERVED, SERVICE, &[("from", from)]);
        let applied = |source| counter(names::RECORDS_APPLIED, SERVICE, &[("source", source)]);
        Meters {
            archive_rows: plain(names::ARCHIVE_ROWS),
            commit_seconds: histogram(names::ARCHIVE_COMMIT_SECONDS, SERVICE, &[]),
            archive_size: gauge(names::ARCHIVE_SIZE, SERVICE, &[]),
            read_damaged: counter(names::ARCHIVE_READ_ERRORS, SERVICE, &[("cause", "damage")]),
            read_failed: counter(names::ARCHIVE_READ_ERRORS, SERVICE, &[("cause", "other")]),
            hot_rows: gauge(names::HOT_ROWS, SERVICE, &[]),
            served_hot: served("hot"),
            served_archive: served("archive"),
            bytes_served: plain(names::BYTES_SERVED),
            active: gauge(names::REQUESTS_ACTIVE, SERVICE, &[]),
            waiting: gauge(names::QUEUE_ITEMS, SERVICE, &[("queue", "requests")]),
            shared: plain(names::REQUESTS_SHARED),
            refused: counter(names::QUEUE_REFUSED, SERVICE, &[("queue", "requests")]),
            malformed: counter(names::MALFORMED_MESSAGES, SERVICE, &[("socket", "requests")]),
            retention_rows: plain(names::RETENTION_ROWS),
            rewinds: plain(names::REWINDS),
            applied_live: applied("live"),
            applied_replay: applied("replay"),
            position: gauge(names::FOLLOW_POSITION, SERVICE, &[]),
            lag: gauge(names::FOLLOW_LAG, SERVICE, &[]),
            gaps_found: plain(names::GAPS_FOUND),
            gaps_healed: plain(names::GAPS_HEALED),
            gaps_truncated: plain(names::GAPS_TRUNCATED),
            duplicates: plain(names::DUPLICATES_DROPPED),
        }
    }

    pub(crate) fn applied(&self, source: Source) {
        match source {
            Source::Live => self.applied_live.increment(1),
            Source::Replay => self.applied_replay.increment(1),
        }
    }

    pub(crate) fn served(&self, rows: u64, from_memory: bool) {
        if from_memory { self.served_hot.increment(rows) } else { self.served_archive.increment(rows) }
    }

    /// A request of this type was answered, well or with an error.
    pub(crate) fn answered(&self, request: &'static str, outcome: &'static str, took: Duration) {
        counter(names::REQUESTS, SERVICE, &[("request", request), ("outcome", outcome)]).increment(1);
        histogram(names::REQUEST_SECONDS, SERVICE, &[("request", request)]).record(took.as_secs_f64());
    }

    /// What the journal's follower counted itself since `before`.
    pub(crate) fn follow(&self, progress: &Progress, before: Option<&Progress>) {
        self.position.set(progress.applied.0 as f64);
        self.lag.set(progress.lag() as f64);
        let now = progress.counts;
        let then = before.map(|before| before.counts).unwrap_or_default();
        self.gaps_found.increment(now.gaps_found.saturating_sub(then.gaps_found));
        self.gaps_healed.increment(now.gaps_healed.saturating_sub(then.gaps_healed));
        self.gaps_truncated.increment(now.gaps_truncated.saturating_sub(then.gaps_truncated));
        self.duplicates.increment(now.rows_duplicate.saturating_sub(then.rows_duplicate));
    }
}
