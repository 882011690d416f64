//! How far an engine is that reads history.

use gapless_model::{MonoTime, Position};
use std::time::Duration;

/// How often it is said.
const EVERY: Duration = Duration::from_secs(1);

/// Measures the way to the journal's end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    since: MonoTime,
    begun: Position,
    next: MonoTime,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HowFar {
    pub(crate) position: Position,
    pub(crate) until: Position,
    pub(crate) percent: u64,
    pub(crate) records_per_s: u64,
}

impl Reading {
    /// It begins after the record `begun`.
    pub(crate) fn new(begun: Position, now: MonoTime) -> Reading {
        Reading { since: now, begun, next: now.after(EVERY) }
    }

    /// What to say now, once a second.
    pub(crate) fn poll(&mut self, position: Position, until: Position, now: MonoTime) -> Option<HowFar> {
        if now < self.next || until == Position::NONE {
            return None;
        }
        self.next = now.after(EVERY);
        let read = position.0.saturating_sub(self.begun.0);
        let all = until.0.saturating_sub(self.begun.0).max(1);
        let millis = u64::try_from(now.since(self.since).as_millis()).unwrap_or(u64::MAX).max(1);
        Some(HowFar {
            position,
            until,
            percent: (read.saturating_mul(100) / all).min(100),
            records_per_s: read.saturating_mul(1000) / millis,
        })
    }

    /// Records up to this one are retired: they are not on the way.
    pub(crate) fn skip(&mut self, last: Position) {
        self.begun = self.begun.max(last);
    }
}

impl std::fmt::Display for HowFar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let HowFar { position, until, percent, records_per_s } = self;
        write!(
            f,
            "reading the journal: record {position} of {until} ({percent} %), {records_per_s} records/s"
        )
    }
}

#[cfg(test)]
mod tests;
