//! The engine's counters.

use gapless_follow::Progress;
use gapless_protocol::Source;
use gapless_service_kit::metrics::{counter, gauge, names};
use metrics::{Counter, Gauge};

/// The service's name in metrics, health and configuration.
pub(crate) const SERVICE: &str = "live-engine";

/// Handles on everything that the engine counts. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Meters {
    pub(crate) rows_published: Counter,
    bytes_published: Counter,
    live: Counter,
    watermark: Counter,
    watermarks: Counter,
    applied_live: Counter,
    applied_replay: Counter,
    pub(crate) derived_rows: Counter,
    pub(crate) derived_retries: Counter,
    pub(crate) late_rows: Counter,
    pub(crate) rewinds: Counter,
    pub(crate) streams: Gauge,
    pub(crate) outbox: Gauge,
    position: Gauge,
    lag: Gauge,
    gaps_found: Counter,
    gaps_healed: Counter,
    gaps_truncated: Counter,
    duplicates: Counter,
    pub(crate) malformed: Counter,
    pub(crate) refused: Counter,
}

impl Meters {
    pub(crate) fn new() -> Meters {
        let plain = |name| counter(name, SERVICE, &[]);
        let published = |topic| counter(names::MESSAGES_PUBLISHED, SERVICE, &[("topic", topic)]);
        let applied = |source| counter(names::RECORDS_APPLIED, SERVICE, &[("source", source)]);
        Meters {
            rows_published: plain(names::ROWS_PUBLISHED),
            bytes_published: plain(names::BYTES_PUBLISHED),
            live: published("live"),
            watermark: published("watermark"),
            watermarks: published("watermarks"),
            applied_live: applied("live"),
            applied_replay: applied("replay"),
            derived_rows: plain(names::DERIVED_ROWS),
            derived_retries: plain(names::DERIVED_RETRIES),
            late_rows: plain(names::LATE_ROWS),
            rewinds: plain(names::REWINDS),
            streams: gauge(names::STREAMS, SERVICE, &[]),
            outbox: gauge(names::QUEUE_ITEMS, SERVICE, &[("queue", "outbox")]),
            position: gauge(names::FOLLOW_POSITION, SERVICE, &[]),
            lag: gauge(names::FOLLOW_LAG, SERVICE, &[]),
            gaps_found: plain(names::GAPS_FOUND),
            gaps_healed: plain(names::GAPS_HEALED),
            gaps_truncated: plain(names::GAPS_TRUNCATED),
            duplicates: plain(names::DUPLICATES_DROPPED),
            malformed: counter(names::MALFORMED_MESSAGES, SERVICE, &[("socket", "state")]),
            refused: counter(names::QUEUE_REFUSED, SERVICE, &[("queue", "state")]),
        }
    }

    /// A message went out on `topic`: `live`, `watermark` or `watermarks`.
    pub(crate) fn published(&self, topic: &'static str, bytes: usize) {
        match topic {
            "live" => self.live.increment(1),
            "watermark" => self.watermark.increment(1),
            _ => self.watermarks.increment(1),
        }
        self.bytes_published.increment(bytes as u64);
    }

    pub(crate) fn applied(&self, source: Source) {
        match source {
            Source::Live => self.applied_live.increment(1),
            Source::Replay => self.applied_replay.increment(1),
        }
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
