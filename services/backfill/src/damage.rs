//! Rows of the archive that are known to be damaged, shared by everybody who answers.
//!
//! What is damaged does not heal while the service runs, so it is looked for once and remembered, and each
//! range is reported once. It is not written down: a restart looks again, perhaps at a file that somebody
//! has put right.

use gapless_model::{EpochStart, Seq, SeqRange, StreamKey};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Damaged ranges of one stream that are kept apart; of more, the oldest two and the rows between them count
/// as one. A file with so many is beyond use, and memory stays bounded.
const MAX_RANGES: usize = 4096;

/// Damaged rows that were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) key: StreamKey,
    pub(crate) range: SeqRange,
    /// What the archive said.
    pub(crate) reason: String,
}

/// What is known to be damaged; clones know the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Damage(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    streams: HashMap<StreamKey, Known>,
    /// Not reported yet.
    found: Vec<Found>,
}

#[derive(Debug, Default)]
struct Known {
    /// The history that the rows are of.
    epochs: Vec<EpochStart>,
    /// In order, apart, none of them empty.
    ranges: Vec<SeqRange>,
}

impl Damage {
    /// The damaged ranges of `key`, whose history in the archive is `epochs`: in order, apart, none empty.
    pub(crate) fn of(&self, key: &StreamKey, epochs: &[EpochStart]) -> Vec<SeqRange> {
        let mut inner = self.lock();
        let Some(known) = inner.streams.get_mut(key) else { return Vec::new() };
        known.keep_history(epochs);
        known.ranges.clone()
    }

    /// Remembers what was found in the history `epochs`.
    pub(crate) fn add(&self, found: Found, epochs: &[EpochStart]) {
        let mut inner = self.lock();
        let known = inner.streams.entry(found.key.clone()).or_default();
        known.keep_history(epochs);
        if !known.ranges.iter().any(|range| range.intersect(found.range) == found.range) {
            known.ranges = united(known.ranges.iter().copied().chain([found.range]).collect());
            known.limit();
            inner.found.push(found);
        }
    }

    /// What was found and not taken yet: each range once.
    pub(crate) fn take_found(&self) -> Vec<Found> {
        std::mem::take(&mut self.lock().found)
    }

    /// A poisoned lock only says that another thread panicked: each change is whole.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Forgets rows from where the history is another one: after a rewind their numbers are given again.
    fn keep_history(&mut self, epochs: &[EpochStart]) {
        if self.epochs == epochs {
            return;
        }
        let same = self.epochs.iter().zip(epochs).take_while(|(before, now)| before == now).count();
        let others = self.epochs.get(same).into_iter().chain(epochs.get(same));
        let end = others.map(|start| start.first_sequence).min().unwrap_or(Seq(u64::MAX));
        let kept = self.ranges.iter().map(|range| range.intersect(SeqRange::new(Seq::NONE, end)));
        self.ranges = kept.filter(|range| !range.is_empty()).collect();
        self.epochs = epochs.to_vec();
    }

    fn limit(&mut self) {
        if self.ranges.len() > MAX_RANGES {
            let oldest = self.ranges.remove(0);
            if let Some(next) = self.ranges.first_mut() {
                *next = SeqRange::new(oldest.start(), next.end());
            }
        }
    }
}

/// `ranges` in order, those that meet as one, without empty ones.
pub(crate) fn united(mut ranges: Vec<SeqRange>) -> Vec<SeqRange> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_by_key(|range| range.start());
    let mut united: Vec<SeqRange> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match united.last_mut() {
            Some(last) if range.start() <= last.end() => {
                *last = SeqRange::new(last.start(), last.end().max(range.end()));
            }
            Some(_) | None => united.push(range),
        }
    }
    united
}

/// The part of `range` before the first of `damaged` that begins in it. A range whose first row is damaged
/// stays as it is: reading it fails.
pub(crate) fn before_damage(range: SeqRange, damaged: &[SeqRange]) -> SeqRange {
    let inside = damaged.iter().map(|damaged| damaged.start()).find(|start| *start > range.start());
    inside.map_or(range, |end| SeqRange::new(range.start(), end.min(range.end())))
}

#[cfg(test)]
mod tests;
