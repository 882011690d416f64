//! Counting rows as an independent witness: it trusts nothing but the sequences and values that arrive.

use gapless::{Batch, Digest, Seq, StreamKey, Watermark};
use std::collections::BTreeMap;

/// What arrived, stream by stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    streams: BTreeMap<StreamKey, Line>,
}

/// What arrived of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// The first row.
    first: Seq,
    /// The row that must come next.
    next: Seq,
    /// Rows that came, each time that they came.
    pub(super) rows: u64,
    /// Rows that were passed over.
    pub(super) holes: u64,
    /// Rows that came although they had come before.
    pub(super) duplicated: u64,
    /// Sum over all rows that came; `None` after rows were taken back.
    digest: Option<Digest>,
    /// Batches whose stated running digest is not that of the rows which came.
    pub(super) wrong: u64,
}

impl Tally {
    /// Rows were handed over.
    pub(super) fn rows(&mut self, batch: &Batch) {
        if !self.streams.contains_key(&batch.key) {
            self.streams.insert(batch.key.clone(), Line::beginning_at(batch.start));
        }
        if let Some(line) = self.streams.get_mut(&batch.key) {
            line.add(batch);
        }
    }

    /// Rows after `keep` never happened.
    pub(super) fn take_back(&mut self, key: &StreamKey, keep: Seq) {
        if let Some(line) = self.streams.get_mut(key) {
            line.rows -= line.next.0.saturating_sub(keep.next().0).min(line.rows);
            line.next = keep.next();
            line.digest = None;
        }
    }

    /// Rows that arrived, over all streams.
    pub(super) fn delivered(&self) -> u64 {
        self.streams.values().map(|line| line.rows - line.duplicated).sum()
    }

    /// One stream, if anything of it arrived.
    pub(super) fn line(&self, key: &StreamKey) -> Option<&Line> {
        self.streams.get(key)
    }

    /// Whether everything up to the watermarks has arrived or was passed over.
    pub(super) fn has_all(&self, published: &BTreeMap<StreamKey, Watermark>) -> bool {
        published.iter().all(|(key, mark)| {
            mark.latest == Seq::NONE || self.line(key).is_some_and(|line| line.next > mark.latest)
        })
    }
}

impl Line {
    fn beginning_at(first: Seq) -> Line {
        Line {
            first,
            next: first,
            rows: 0,
            holes: 0,
            duplicated: 0,
            digest: Some(Digest::default()),
            wrong: 0,
        }
    }

    fn add(&mut self, batch: &Batch) {
        let range = batch.range();
        self.holes += range.start().0.saturating_sub(self.next.0);
        self.duplicated += self.next.min(range.end()).0.saturating_sub(range.start().0);
        self.rows += range.len();
        self.next = self.next.max(range.end());
        self.digest = self.digest.map(|sum| sum + Digest::of(batch.start, &batch.rows));
        let stated = batch.digest != Digest::default() && self.first == Seq::FIRST;
        if stated && self.digest.is_some_and(|sum| sum != batch.digest) {
            self.wrong += 1;
        }
    }

    /// Rows that arrived, each once.
    pub(super) fn delivered(&self) -> u64 {
        self.rows - self.duplicated
    }

    /// Whether the rows are those that the watermark's digest stands for; `None` when that cannot be told.
    pub(super) fn matches(&self, mark: &Watermark) -> Option<bool> {
        let whole = self.first == Seq::FIRST && self.next == mark.latest.next();
        self.digest.filter(|_| whole).map(|sum| sum == mark.digest)
    }
}

#[cfg(test)]
mod tests;
