//! A page while it is put together: every row must be there, and be the one that was sequenced.

use crate::StoreError;
use crate::decode::same_batch;
use gapless_model::{Batch, Digest, Seq, SeqRange, StreamKey};

/// A page under way.
pub(super) struct Reading<'a> {
    pub(super) key: &'a StreamKey,
    wanted: SeqRange,
    bytes: usize,
    max_bytes: usize,
    batches: Vec<Batch>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(key: &'a StreamKey, wanted: SeqRange, max_bytes: usize) -> Reading<'a> {
        Reading { key, wanted, bytes: 0, max_bytes, batches: Vec::new() }
    }

    /// What is still wanted.
    pub(super) fn rest(&self) -> SeqRange {
        SeqRange::new(self.end(), self.wanted.end())
    }

    /// Whether it has as many bytes as it may.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= self.max_bytes
    }

    /// The batches, in order.
    pub(super) fn into_batches(self) -> impl Iterator<Item = Batch> {
        self.batches.into_iter()
    }

    /// The sequence after the last row read.
    pub(super) fn end(&self) -> Seq {
        self.batches.last().map_or(self.wanted.start(), |batch| batch.range().end())
    }

    /// Takes in the rows of `block`, every one of which must be there.
    pub(super) fn take(&mut self, block: SeqRange, batches: Vec<Batch>) -> Result<(), StoreError> {
        for batch in batches {
            if batch.start != self.end() {
                return Err(self.damaged(SeqRange::new(self.end(), batch.start)));
            }
            check_digest(self.batches.last(), &batch)?;
            self.bytes = self.bytes.saturating_add(batch.rows.approx_bytes());
            self.push(batch);
        }
        if self.end() == block.end() {
            Ok(())
        } else {
            Err(self.damaged(SeqRange::new(self.end(), block.end())))
        }
    }

    /// Two parts of one published batch, cut by the end of a query, become one again.
    fn push(&mut self, batch: Batch) {
        match self.batches.last_mut() {
            Some(last) if belongs(last, &batch) => {
                let taken = last.append(batch);
                debug_assert!(taken.is_ok(), "one stream has rows of two kinds");
            }
            _ => self.batches.push(batch),
        }
    }

    fn damaged(&self, missing: SeqRange) -> StoreError {
        StoreError::Damaged(format!("{}: rows {missing} are missing from the archive", self.key))
    }
}

fn belongs(last: &Batch, next: &Batch) -> bool {
    last.digest == Digest::default() && same_batch(last, next)
}

/// The running digests of neighbours differ by the rows in between.
fn check_digest(last: Option<&Batch>, batch: &Batch) -> Result<(), StoreError> {
    let Some(last) = last else { return Ok(()) };
    if last.digest == Digest::default() || batch.digest == Digest::default() {
        return Ok(());
    }
    let found = last.digest + Digest::of(batch.start, &batch.rows);
    if found == batch.digest {
        return Ok(());
    }
    Err(StoreError::Damaged(format!(
        "{}: rows {} are not those that were sequenced",
        batch.key,
        batch.range()
    )))
}
