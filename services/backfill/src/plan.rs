//! Requests for ranges, of both versions, as one question.

use gapless_model::{MAX_ROWS_PER_BATCH, Seq, SeqRange, StreamKey, StreamStatus, UnixNanos};
use gapless_wire::{BackfillCandlesRequest, BackfillRequest};

/// Bytes of batches in one answer when the client does not say: some ten thousand candles, and never long
/// on the wire.
pub(crate) const DEFAULT_BYTES: usize = 4 << 20;
/// The most bytes of batches in one answer, so that an answer leaves room for its other fields in the
/// largest message, and a peer that does not read holds little memory.
pub(crate) const MAX_BYTES: usize = 8 << 20;

/// The most rows in one answer of version 2. A look into the archive costs as much as thousands of rows, so that a row costs
/// less the more of them are in an answer.
const MAX_ROWS: u64 = 40_000;

/// What a client wants to know of a stream's rows. Equal questions have equal answers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// Of which stream.
    pub key: StreamKey,
    /// The first row wanted.
    pub from: Seq,
    /// The last row wanted; `None`: no bound.
    pub to: Option<Seq>,
    /// Rows from the first one on that is not older.
    pub start_ts: Option<UnixNanos>,
    /// Rows up to the first one that is newer.
    pub end_ts: Option<UnixNanos>,
    /// At most this many rows; at least 1.
    pub limit: u64,
    /// At most about this many bytes.
    pub max_bytes: usize,
}

impl From<&BackfillRequest> for Question {
    fn from(request: &BackfillRequest) -> Question {
        Question {
            key: request.key.clone(),
            from: request.from_exclusive.next(),
            to: (request.to != Seq::NONE).then_some(request.to),
            start_ts: request.start_ts,
            end_ts: request.end_ts,
            limit: limit(request.limit, MAX_ROWS),
            max_bytes: match request.max_bytes as usize {
                0 => DEFAULT_BYTES,
                bytes => bytes.min(MAX_BYTES),
            },
        }
    }
}

impl From<&BackfillCandlesRequest> for Question {
    fn from(request: &BackfillCandlesRequest) -> Question {
        Question {
            key: request.key.clone(),
            from: request.from_exclusive.unwrap_or(Seq::NONE).next(),
            to: request.to,
            start_ts: None,
            end_ts: request.end_ts.map(|ts| ts.to_nanos()),
            limit: limit(request.limit, MAX_ROWS_PER_BATCH as u64),
            max_bytes: MAX_BYTES,
        }
    }
}

fn limit(asked: u32, most: u64) -> u64 {
    if asked == 0 { most } else { u64::from(asked).min(most) }
}

impl Question {
    /// The rows to look for, beginning at `first`, in a stream that is as `status` says.
    pub fn wanted(&self, status: &StreamStatus, first: Seq) -> SeqRange {
        let from = self.from.max(first).max(status.watermark.earliest);
        let last = self.to.unwrap_or(status.watermark.latest).min(status.watermark.latest);
        SeqRange::new(from, last.next())
    }

    /// What a client that reads on will ask once it has `answer`, of a stream with rows up to `latest`; `None` when it has
    /// no reason to, or when that cannot be told.
    pub fn next(&self, answer: SeqRange, latest: Seq) -> Option<Question> {
        let next = SeqRange::of_len(answer.end(), self.limit);
        let reads_on = self.start_ts.is_none()
            && self.end_ts.is_none()
            && answer.start() == self.from
            && !answer.is_empty()
            && self.to == Some(SeqRange::of_len(self.from, self.limit).last())
            && next.last() <= latest;
        reads_on.then(|| Question { from: next.start(), to: Some(next.last()), ..self.clone() })
    }

    /// The part of `wanted` that one answer can hold, with the row that tells whether more follow.
    pub fn looked_at(&self, wanted: SeqRange) -> SeqRange {
        let rows = self.limit + u64::from(self.end_ts.is_some());
        SeqRange::of_len(wanted.start(), wanted.len().min(rows))
    }
}

#[cfg(test)]
mod tests;
