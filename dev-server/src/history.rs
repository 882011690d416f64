//! The rows of one stream that can be replayed: bounded, contiguous, with epochs and running digests.

use gapless_model::{
    Batch, Digest, Epoch, EpochStart, Flags, Rows, Seq, SeqRange, StreamKey, StreamStatus, UnixMillis,
    UnixNanos, Watermark,
};
use std::collections::VecDeque;

/// The newest rows of one stream, as they were made.
#[derive(Debug, Clone)]
pub(crate) struct History {
    key: StreamKey,
    /// Rows kept at most.
    keep_rows: u64,
    /// Contiguous, oldest first, each with its running digest.
    batches: VecDeque<Batch>,
    /// The first sequence that is still served; the next one when there are no rows.
    earliest: Seq,
    latest: Seq,
    latest_ts: UnixNanos,
    digest: Digest,
    epochs: Vec<EpochStart>,
}

impl History {
    pub(crate) fn new(key: StreamKey, keep_rows: u64, epoch: Epoch) -> History {
        History {
            key,
            keep_rows,
            batches: VecDeque::new(),
            earliest: Seq::FIRST,
            latest: Seq::NONE,
            latest_ts: UnixNanos(0),
            digest: Digest::default(),
            epochs: vec![EpochStart { epoch, first_sequence: Seq::FIRST }],
        }
    }

    /// The current epoch.
    pub(crate) fn epoch(&self) -> Epoch {
        self.epochs.last().map_or(Epoch::UNSTATED, |start| start.epoch)
    }

    /// Gives rows their sequences and keeps them; what it returns is what subscribers get.
    pub(crate) fn append(&mut self, flags: Flags, rows: Rows, wall: UnixMillis) -> Batch {
        let start = self.latest.next();
        self.digest = self.digest + Digest::of(start, &rows);
        self.latest = self.latest.plus(rows.len() as u64);
        self.latest_ts = rows.last_ts().unwrap_or(self.latest_ts);
        let batch = Batch {
            epoch: self.epoch(),
            start,
            ts_publish_us: wall.0.saturating_mul(1000),
            earliest: self.earliest,
            digest: self.digest,
            ..Batch::unsequenced(self.key.clone(), flags, rows)
        };
        self.batches.push_back(batch.clone());
        self.trim(self.keep_rows);
        batch
    }

    /// Removes the oldest rows but the newest `keep_rows`.
    pub(crate) fn trim(&mut self, keep_rows: u64) {
        let held = SeqRange::new(self.earliest, self.latest.next());
        self.earliest = self.earliest.plus(held.len().saturating_sub(keep_rows));
        while self.batches.front().is_some_and(|batch| batch.range().end() <= self.earliest) {
            self.batches.pop_front();
        }
    }

    /// The rows of `range` that are served, as batches.
    pub(crate) fn rows(&self, range: SeqRange) -> Vec<Batch> {
        let served = range.intersect(SeqRange::new(self.earliest, self.latest.next()));
        let first = self.batches.partition_point(|batch| batch.range().end() <= served.start());
        let within = self.batches.iter().skip(first).take_while(|batch| batch.start < served.end());
        within.map(|batch| batch.clone().cut(served)).filter(|batch| !batch.rows.is_empty()).collect()
    }

    /// Everything that is served.
    pub(crate) fn range(&self) -> SeqRange {
        SeqRange::new(self.earliest, self.latest.next())
    }

    /// How far the stream is.
    pub(crate) fn watermark(&self) -> Watermark {
        Watermark {
            epoch: self.epoch(),
            earliest: self.earliest,
            latest: self.latest,
            latest_ts: self.latest_ts,
            digest: self.digest,
        }
    }

    /// The watermark with the epoch history.
    pub(crate) fn status(&self, now: UnixMillis) -> StreamStatus {
        StreamStatus {
            key: self.key.clone(),
            watermark: self.watermark(),
            server_time: now,
            epochs: self.epochs.clone(),
        }
    }

    /// A new epoch after the newest `lose_rows` rows were lost; their sequences are given out again.
    pub(crate) fn begin_epoch(&mut self, epoch: Epoch, lose_rows: u64) {
        let kept = SeqRange::new(Seq::FIRST, Seq(self.latest.0.saturating_sub(lose_rows)).next());
        let end = kept.end().max(self.earliest);
        let last = self.rows(SeqRange::new(end.previous(), end)).pop();
        self.digest = self.digest_before(end);
        self.batches.retain(|batch| batch.start < end);
        if let Some(batch) = self.batches.pop_back() {
            let whole = SeqRange::new(batch.start, end);
            self.batches.push_back(Batch { digest: self.digest, ..batch.cut(whole) });
        }
        self.latest = end.previous();
        self.latest_ts = last.and_then(|batch| batch.rows.last_ts()).unwrap_or_default();
        // Epochs that began with lost rows hold none.
        self.epochs.retain(|start| start.first_sequence < end);
        self.epochs.push(EpochStart { epoch, first_sequence: end });
    }

    /// Everything is lost: sequences begin at 1.
    pub(crate) fn reset(&mut self, epoch: Epoch) {
        *self = History::new(self.key.clone(), self.keep_rows, epoch);
    }

    /// The running digest of the rows before `end`, which is served or the end.
    fn digest_before(&self, end: Seq) -> Digest {
        let Some(holds) = self.batches.iter().find(|batch| batch.range().end() >= end) else {
            return self.digest;
        };
        let after = holds.clone().cut(SeqRange::new(end, holds.range().end()));
        holds.digest - Digest::of(after.start, &after.rows)
    }
}

#[cfg(test)]
mod tests;
