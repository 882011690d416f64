//! What a client has seen, and whether it was right.

use gapless::{Digest, Epoch, Event, GapCounts, Seq, StreamKey, StreamReport};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One stream at one client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Followed {
    /// The last row.
    pub(crate) applied: u64,
    /// The sum over rows 1 to `applied`.
    pub(crate) digest: Digest,
}

/// Everything that a client has seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) streams: BTreeMap<StreamKey, Followed>,
    pub(crate) epochs: BTreeSet<Epoch>,
    pub(crate) rows: u64,
    /// Rows that were handed over though later ones had been.
    pub(crate) repeated: u64,
    /// Rows that were never handed over though later ones were.
    pub(crate) skipped: u64,
    pub(crate) gaps: GapCounts,
    /// Rows that came more than once over the network and were dropped by the client library.
    pub(crate) dropped: u64,
    pub(crate) problems: Vec<String>,
    /// The longest time without a row.
    pub(crate) longest_wait: Duration,
    last: Instant,
}

/// A [`Seen`] that the client fills while others look. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Watch(Arc<Mutex<Seen>>);

impl Watch {
    pub(crate) fn new() -> Watch {
        Watch(Arc::new(Mutex::new(Seen {
            streams: BTreeMap::new(),
            epochs: BTreeSet::new(),
            rows: 0,
            repeated: 0,
            skipped: 0,
            gaps: GapCounts::default(),
            dropped: 0,
            problems: Vec::new(),
            longest_wait: Duration::ZERO,
            last: Instant::now(),
        })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// An event was handed over.
    pub(crate) fn take(&mut self, event: &Event) {
        match event {
            Event::Rows(batch) => {
                let stream = self.streams.entry(batch.key.clone()).or_default();
                let range = batch.range();
                let due = Seq(stream.applied).next();
                if range.start() != due {
                    self.skipped += range.start().0.saturating_sub(due.0);
                    self.repeated += due.0.saturating_sub(range.start().0);
                    self.problems.push(format!("{}: rows {range} where {due} was due", batch.key));
                }
                stream.applied = range.last().0;
                stream.digest = stream.digest + Digest::of(batch.start, &batch.rows);
                self.rows += range.len();
                self.epochs.insert(batch.epoch);
                self.moved();
            }
            Event::Truncated { .. } | Event::Rewind { .. } | Event::Reset { .. } => {
                self.problems.push(format!("nothing was lost for good, and yet: {event:?}"));
            }
            _ => {}
        }
    }

    /// Rows came just now.
    pub(crate) fn moved(&mut self) {
        let now = Instant::now();
        self.longest_wait = self.longest_wait.max(now - self.last);
        self.last = now;
    }

    /// A subscription ended; its counts would begin at 0 again.
    pub(crate) fn ended(&mut self, reports: &[StreamReport]) {
        for report in reports {
            self.gaps.found += report.gaps.found;
            self.gaps.healed += report.gaps.healed;
            self.gaps.truncated += report.gaps.truncated;
            self.gaps.rows_truncated += report.gaps.rows_truncated;
            self.dropped += report.duplicates;
        }
    }

    /// How many rows of `goals` it has not handed over.
    pub(crate) fn lag(&self, goals: &BTreeMap<StreamKey, u64>) -> u64 {
        let behind = |(key, goal): (&StreamKey, &u64)| {
            goal.saturating_sub(self.streams.get(key).map_or(0, |stream| stream.applied))
        };
        goals.iter().map(behind).sum()
    }
}

#[cfg(test)]
mod tests;
