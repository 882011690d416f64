//! What the service counts.

use crate::shelf::Done;
use gapless_service_kit::metrics::{counter, gauge, histogram, names};
use metrics::{Counter, Gauge, Histogram};

/// The service's name in metrics, health and configuration.
pub(crate) const SERVICE: &str = "snapshot-writer";

/// Handles on everything that is counted. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Meters {
    pub(crate) rows: Counter,
    parts: Counter,
    bytes: Counter,
    pub(crate) write_seconds: Histogram,
    failures: Counter,
    waiting: Gauge,
    live: Gauge,
    complete: Gauge,
    removed: Counter,
    pub(crate) checkpoints: Counter,
    pub(crate) checkpoint_failures: Counter,
    pub(crate) checkpoint_seconds: Histogram,
    pub(crate) checkpoint_position: Gauge,
    pub(crate) checkpoint_size: Gauge,
}

impl Meters {
    pub(crate) fn new() -> Meters {
        let plain = |name| counter(name, SERVICE, &[]);
        let outcome = |name, outcome| counter(name, SERVICE, &[("outcome", outcome)]);
        let artifacts = |state| gauge(names::ARTIFACTS, SERVICE, &[("state", state)]);
        Meters {
            rows: plain(names::ARTIFACT_ROWS),
            parts: plain(names::ARTIFACT_PARTS),
            bytes: plain(names::ARTIFACT_BYTES),
            write_seconds: histogram(names::ARTIFACT_WRITE_SECONDS, SERVICE, &[]),
            failures: plain(names::ARTIFACT_FAILURES),
            waiting: gauge(names::ARTIFACT_WAITING, SERVICE, &[]),
            live: artifacts("live"),
            complete: artifacts("complete"),
            removed: plain(names::ARTIFACTS_REMOVED),
            checkpoints: outcome(names::CHECKPOINTS, "written"),
            checkpoint_failures: outcome(names::CHECKPOINTS, "failed"),
            checkpoint_seconds: histogram(names::CHECKPOINT_SECONDS, SERVICE, &[]),
            checkpoint_position: gauge(names::CHECKPOINT_POSITION, SERVICE, &[]),
            checkpoint_size: gauge(names::CHECKPOINT_SIZE, SERVICE, &[]),
        }
    }

    /// What a turn of work came to.
    pub(crate) fn done(&self, done: &Done) {
        self.rows.increment(done.written.rows);
        self.parts.increment(done.written.parts);
        self.bytes.increment(done.written.bytes);
        self.removed.increment(done.removed);
        self.failures.increment(done.failures);
    }

    /// How it is now.
    pub(crate) fn state(&self, waiting: u64, (live, complete): (usize, usize)) {
        self.waiting.set(waiting as f64);
        self.live.set(live as f64);
        self.complete.set(complete as f64);
    }
}
