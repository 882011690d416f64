//! A page while it is put together: every row must be there, and be the one that was sequenced.

use super::directory::stated;
use crate::StoreError;
use gapless_model::{Batch, Digest, Seq, SeqRange, StreamKey};

/// A page under way.
pub(super) struct Reading<'a> {
    pub(super) key: &'a StreamKey,
    wanted: SeqRange,
    bytes: usize,
    max_bytes: usize,
    batches: Vec<Batch>,
    /// Of the rows of each batch.
    digests: Vec<Digest>,
    /// The running digest up to here, once it is known.
    running: Option<Digest>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(key: &'a StreamKey, wanted: SeqRange, max_bytes: usize) -> Reading<'a> {
        Reading { key, wanted, bytes: 0, max_bytes, batches: Vec::new(), digests: Vec::new(), running: None }
    }

    /// What is still wanted.
    pub(super) fn rest(&self) -> SeqRange {
        SeqRange::new(self.end(), self.wanted.end())
    }

    /// Whether it has as many bytes as it may.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= self.max_bytes
    }

    /// The batches, in order, and the digests of their rows.
    pub(super) fn finish(self) -> (Vec<Batch>, Vec<Digest>) {
        (self.batches, self.digests)
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
            let digest = Digest::of(batch.start, &batch.rows);
            self.check_digest(&batch, digest)?;
            self.bytes = self.bytes.saturating_add(batch.rows.approx_bytes());
            self.push(batch, digest);
        }
        if self.end() == block.end() {
            Ok(())
        } else {
            Err(self.damaged(SeqRange::new(self.end(), block.end())))
        }
    }

    /// Two parts of one published batch, cut by the end of a query, become one again.
    fn push(&mut self, batch: Batch, digest: Digest) {
        match (self.batches.last_mut(), self.digests.last_mut()) {
            (Some(last), Some(sum)) if belongs(last, &batch) => {
                let taken = last.append(batch);
                debug_assert!(taken.is_ok(), "one stream has rows of two kinds");
                *sum = *sum + digest;
            }
            _ => {
                self.batches.push(batch);
                self.digests.push(digest);
            }
        }
    }

    /// The running digests of neighbours differ by `rows`, the digest of the rows in between. A batch may be cut into
    /// parts, of which only the last states one.
    fn check_digest(&mut self, batch: &Batch, rows: Digest) -> Result<(), StoreError> {
        // Nothing comes before the first row.
        let before = if batch.start == Seq::FIRST { Some(Digest::default()) } else { self.running };
        let counted = before.map(|before| before + rows);
        let stated = stated(batch.digest);
        self.running = stated.or(counted);
        if counted.is_none() || stated.is_none() || counted == stated {
            return Ok(());
        }
        let reason = format!("{}: rows {} are not those that were sequenced", batch.key, batch.range());
        Err(StoreError::Damaged(reason))
    }

    fn damaged(&self, missing: SeqRange) -> StoreError {
        StoreError::Damaged(format!("{}: rows {missing} are missing from the archive", self.key))
    }
}

fn belongs(last: &Batch, next: &Batch) -> bool {
    last.digest == Digest::default() && last.ts_publish_us == next.ts_publish_us && last.goes_on_with(next)
}
