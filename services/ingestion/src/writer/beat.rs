//! When the journal socket owes a sign of life.

use std::time::{Duration, Instant};

/// After the last record, as the wire contract says.
const AFTER_RECORD: Duration = Duration::from_millis(250);
/// While idle, as the wire contract says.
const WHILE_IDLE: Duration = Duration::from_secs(1);

/// When the next heartbeat is due.
pub(super) struct Beat(Instant);

impl Beat {
    /// The first one is due at once, so that followers that wait know where the end is.
    pub(super) fn new(now: Instant) -> Beat {
        Beat(now)
    }

    pub(super) fn records_sent(&mut self, now: Instant) {
        self.0 = now + AFTER_RECORD;
    }

    pub(super) fn sent(&mut self, now: Instant) {
        self.0 = now + WHILE_IDLE;
    }

    pub(super) fn due_in(&self, now: Instant) -> Duration {
        self.0.saturating_duration_since(now)
    }
}
