//! When a checkpoint is due: pure, so that time and counters are values.

use crate::config::CheckpointConfig;
use std::time::{Duration, Instant};

/// Between two checkpoints that nobody asked for: a stream that ends every second must not make one a second.
const REST: Duration = Duration::from_secs(2);
/// After one that did not come about: the engine is being restarted, or the disk is full.
const RETRY: Duration = Duration::from_secs(5);

/// When a checkpoint is due.
#[derive(Debug)]
pub(super) struct Schedule {
    every: Duration,
    rows: u64,
    on_end: bool,
    /// Counters when the last one was taken.
    rows_then: u64,
    ends_then: u64,
    /// When the last one was taken, or when this was made.
    last: Instant,
    /// Not before this.
    rest: Option<Instant>,
    /// Whether the journal has something that the newest checkpoint has not.
    is_behind: bool,
}

impl Schedule {
    pub(super) fn new(config: &CheckpointConfig, now: Instant) -> Schedule {
        Schedule {
            every: config.every.0,
            rows: config.rows,
            on_end: config.on_end,
            rows_then: 0,
            ends_then: 0,
            last: now,
            rest: None,
            is_behind: false,
        }
    }

    /// The journal was heard of.
    pub(super) fn heard(&mut self, is_behind: bool) {
        self.is_behind = is_behind;
    }

    /// Why one is due now; `rows` and `ends` are counted since the start.
    pub(super) fn due(&self, rows: u64, ends: u64, now: Instant) -> Option<&'static str> {
        if self.rest.is_some_and(|rest| now < rest) {
            return None;
        }
        if self.on_end && ends > self.ends_then {
            return Some("end of a stream");
        }
        if self.rows > 0 && rows.saturating_sub(self.rows_then) >= self.rows {
            return Some("rows");
        }
        let is_late = now.saturating_duration_since(self.last) >= self.every;
        (is_late && (self.is_behind || rows > self.rows_then)).then_some("interval")
    }

    /// One was taken when the counters stood there, or could not be.
    pub(super) fn taken(&mut self, rows: u64, ends: u64, now: Instant, is_written: bool) {
        self.rest = Some(now + if is_written { REST } else { RETRY });
        if is_written {
            (self.rows_then, self.ends_then, self.last) = (rows, ends, now);
            self.is_behind = false;
        }
    }
}

#[cfg(test)]
mod tests;
