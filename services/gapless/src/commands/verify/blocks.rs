//! Digests of a stream in blocks, small enough to keep and to find a difference in.

use gapless::{Batch, Digest, Rows, Seq, SeqRange};
use std::collections::BTreeMap;

/// Rows of one block: a stream of 10^8 rows has 100,000 blocks of 32 bytes each, and a difference is
/// searched in no more rows than a page has.
pub(super) const BLOCK_ROWS: u64 = 1_000;

/// Number and digest of some rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sum {
    pub(super) rows: u64,
    pub(super) digest: Digest,
}

impl Sum {
    pub(super) fn add(&mut self, other: Sum) {
        self.rows += other.rows;
        self.digest = self.digest + other.digest;
    }

    /// That of a batch.
    pub(super) fn of(start: Seq, rows: &Rows) -> Sum {
        Sum { rows: rows.len() as u64, digest: Digest::of(start, rows) }
    }
}

/// What one place holds of a stream, in blocks that begin at 1, 1001, 2001, ...
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Blocks {
    first: Seq,
    last: Seq,
    sums: BTreeMap<u64, Sum>,
}

impl Default for Blocks {
    fn default() -> Blocks {
        Blocks { first: Seq(u64::MAX), last: Seq::NONE, sums: BTreeMap::new() }
    }
}

impl Blocks {
    /// Adds rows.
    pub(super) fn add(&mut self, batch: &Batch) {
        let range = batch.range();
        if range.is_empty() {
            return;
        }
        self.first = self.first.min(range.start());
        self.last = self.last.max(range.last());
        for part in parts(range) {
            let piece = batch.clone().cut(part);
            self.sums.entry(index(part.start())).or_default().add(Sum::of(piece.start, &piece.rows));
        }
    }

    /// From the first to the last row; empty when there are none.
    pub(super) fn range(&self) -> SeqRange {
        if self.sums.is_empty() {
            SeqRange::new(Seq::FIRST, Seq::FIRST)
        } else {
            SeqRange::new(self.first, self.last.next())
        }
    }

    /// The sum of a block; of no rows when nothing of it is there.
    pub(super) fn sum(&self, index: u64) -> Sum {
        self.sums.get(&index).copied().unwrap_or_default()
    }
}

/// The block that holds a row.
pub(super) fn index(seq: Seq) -> u64 {
    seq.previous().0 / BLOCK_ROWS
}

/// The rows of a block.
pub(super) fn block(index: u64) -> SeqRange {
    SeqRange::of_len(Seq(index.saturating_mul(BLOCK_ROWS)).next(), BLOCK_ROWS)
}

/// `range` cut at the borders of blocks.
pub(super) fn parts(range: SeqRange) -> impl Iterator<Item = SeqRange> {
    let mut next = range.start();
    std::iter::from_fn(move || {
        let part = block(index(next)).intersect(SeqRange::new(next, range.end()));
        next = part.end();
        (!part.is_empty()).then_some(part)
    })
}

#[cfg(test)]
mod tests;
