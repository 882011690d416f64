//! The gaps that are open, from the oldest to the newest.
//!
//! Every missing row lies in an open gap; a gap ends when its last row was handed over or given up. Gaps
//! are kept apart as they were found, so that each leaves one line in the ledger.

use crate::{Gap, GapCause};
use gapless_model::{Epoch, MonoTime, Seq, SeqRange};
use std::collections::VecDeque;

/// The gaps that are open, from the oldest to the newest.
#[derive(Debug)]
pub(crate) struct OpenGaps {
    gaps: VecDeque<Gap>,
    max: usize,
}

/// What giving up rows did to the gaps.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Truncation {
    /// The gaps that ended, as they were.
    pub(crate) ended: Vec<Gap>,
    /// What is left of the last of them, opened as a gap of its own.
    pub(crate) rest: Option<Gap>,
}

impl OpenGaps {
    /// No gaps; at most `max` are kept apart, at least one.
    pub(crate) fn new(max: usize) -> OpenGaps {
        OpenGaps { gaps: VecDeque::new(), max: max.max(1) }
    }

    /// A range turned out to be missing. `None` when it became part of a gap that is open already.
    pub(crate) fn open(
        &mut self,
        epoch: Epoch,
        range: SeqRange,
        cause: GapCause,
        now: MonoTime,
    ) -> Option<Gap> {
        if range.is_empty() {
            return None;
        }
        if self.gaps.len() >= self.max {
            self.grow(range);
            return None;
        }
        let gap = Gap { epoch, range, cause, detected: now, healed: None };
        let place = self.gaps.partition_point(|other| other.range.start() < range.start());
        self.gaps.insert(place, gap);
        Some(gap)
    }

    /// Rows that were kept are missing again, all of `span`: the gap before them grows over it, up to
    /// the gaps that lie in it, and so do those.
    pub(crate) fn grow(&mut self, span: SeqRange) {
        let mut end = span.end();
        for gap in self.gaps.iter_mut().rev().skip_while(|gap| gap.range.start() >= span.end()) {
            gap.range = SeqRange::new(gap.range.start(), gap.range.end().max(end));
            end = gap.range.start();
            if end <= span.start() {
                break;
            }
        }
    }

    /// The next gap that ended because everything up to `applied` was handed over.
    pub(crate) fn pop_healed(&mut self, applied: Seq, now: MonoTime) -> Option<Gap> {
        self.gaps.front().filter(|gap| gap.range.last() <= applied)?;
        let gap = self.gaps.pop_front()?;
        Some(Gap { healed: Some(now), ..gap })
    }

    /// Rows before `end` were given up.
    pub(crate) fn truncate(&mut self, end: Seq, now: MonoTime) -> Truncation {
        let mut truncation = Truncation { ended: Vec::new(), rest: None };
        while self.gaps.front().is_some_and(|gap| gap.range.start() < end) {
            let Some(gap) = self.gaps.pop_front() else { break };
            truncation.ended.push(gap);
            if gap.range.end() > end {
                let rest = Gap { range: SeqRange::new(end, gap.range.end()), detected: now, ..gap };
                self.gaps.push_front(rest);
                truncation.rest = Some(rest);
            }
        }
        truncation
    }

    /// Forgets all gaps and returns them.
    pub(crate) fn void(&mut self) -> Vec<Gap> {
        self.gaps.drain(..).collect()
    }

    /// The open gaps in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Gap> {
        self.gaps.iter()
    }

    /// Whether `hole` lies within open gaps, as every missing stretch must.
    pub(crate) fn cover(&self, hole: SeqRange) -> bool {
        let mut from = hole.start();
        for gap in &self.gaps {
            if gap.range.contains(from) {
                from = gap.range.end();
            }
        }
        from >= hole.end()
    }
}

#[cfg(test)]
mod tests;
