//! When a checkpoint is due: pure, so that time and counters are values.

use gapless_model::MonoTime;
use std::time::Duration;

/// Between two checkpoints that nobody asked for: a stream that ends every second must not make one a second.
const REST: Duration = Duration::from_secs(2);
/// After one that did not come about: the engine is being restarted, or the disk is full.
const RETRY: Duration = Duration::from_secs(5);

/// When a checkpoint is due.
#[derive(Debug)]
pub struct Schedule {
    every: Duration,
    rows: u64,
    on_end: bool,
    /// Counters when the last one was taken.
    rows_then: u64,
    ends_then: u64,
    /// When the last one was taken, or when this was made.
    last: MonoTime,
    /// Not before this.
    rest: Option<MonoTime>,
    /// Whether the journal has something that the newest checkpoint has not.
    is_behind: bool,
}

impl Schedule {
    /// One is due after `every`, after so many `rows` (0: never because of them) and, with `on_end`, when a
    /// stream ends.
    pub fn new(every: Duration, rows: u64, on_end: bool, now: MonoTime) -> Schedule {
        Schedule { every, rows, on_end, rows_then: 0, ends_then: 0, last: now, rest: None, is_behind: false }
    }

    /// The journal was heard of: whether it has anything that the newest checkpoint has not.
    pub fn heard(&mut self, is_behind: bool) {
        self.is_behind = is_behind;
    }

    /// Why one is due now; `rows` and `ends` are counted since the start.
    pub fn due(&self, rows: u64, ends: u64, now: MonoTime) -> Option<&'static str> {
        if self.rest.is_some_and(|rest| now < rest) {
            return None;
        }
        if self.on_end && ends > self.ends_then {
            return Some("end of a stream");
        }
        if self.rows > 0 && rows.saturating_sub(self.rows_then) >= self.rows {
            return Some("rows");
        }
        let is_late = now.since(self.last) >= self.every;
        (is_late && (self.is_behind || rows > self.rows_then)).then_some("interval")
    }

    /// One was taken when the counters stood there, or could not be.
    pub fn taken(&mut self, rows: u64, ends: u64, now: MonoTime, is_written: bool) {
        self.rest = Some(now.after(if is_written { REST } else { RETRY }));
        if is_written {
            (self.rows_then, self.ends_then, self.last) = (rows, ends, now);
            self.is_behind = false;
        }
    }
}

#[cfg(test)]
mod tests;
