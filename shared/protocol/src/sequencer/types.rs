//! What the sequencer is told and what it answers.

use gapless_model::{
    Digest, Epoch, EpochStart, Position, Rows, Seq, SeqRange, StreamKey, UnixNanos, Watermark,
};

/// The limits of a [`Sequencer`](crate::Sequencer).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequencerLimits {
    /// The most streams. Default 100,000: about 50 MB.
    pub max_streams: usize,
    /// The most (producer, stream) pairs whose last batch is remembered. Default 100,000.
    pub max_producers: usize,
    /// The most batches remembered over all pairs. Default 1,048,576: 40 MiB.
    pub max_remembered: usize,
}

impl Default for SequencerLimits {
    fn default() -> SequencerLimits {
        SequencerLimits { max_streams: 100_000, max_producers: 100_000, max_remembered: 1 << 20 }
    }
}

/// Rows that want a place in a stream.
#[derive(Debug, Clone, Copy)]
pub struct Submission<'a> {
    /// Which stream.
    pub key: &'a StreamKey,
    /// Who sends them, when retries shall be recognised.
    pub producer: Option<ProducerRef<'a>>,
    /// Tells a retry from a conflict: `Digest::of(Seq(1), rows)` as the producer sent them.
    pub content_hash: u64,
    /// The rows, at least one.
    pub rows: &'a Rows,
}

/// A producer's name and its number for a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerRef<'a> {
    /// Who.
    pub id: &'a str,
    /// Its number for this batch, per producer and stream, from 1; 0: not deduplicated.
    pub sequence: u64,
    /// The number that it sent before on this stream; 0: `sequence - 1`; `sequence` itself: none, which
    /// lets numbers begin anywhere (at a row of a file, at a journal position).
    pub previous: u64,
}

impl ProducerRef<'_> {
    /// The number that must have been accepted last; 0: none.
    pub(crate) fn comes_after(&self) -> u64 {
        match self.previous {
            0 => self.sequence.saturating_sub(1),
            itself if itself == self.sequence => 0,
            previous => previous,
        }
    }
}

/// What became of a [`Submission`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It has its place. Write it to the journal, then commit.
    Sequenced(Sequenced),
    /// The journal has it already: acknowledge it again.
    Duplicate {
        /// The position of its record; [`Position::NONE`] when that is too long ago to tell.
        position: Position,
        /// The sequences that its rows got; empty when that is too long ago to tell.
        range: SeqRange,
    },
    /// It contradicts what the producer sent before.
    Conflict {
        /// The last number accepted from this producer on this stream; 0: none.
        expected_previous: u64,
        /// In what.
        conflict: Conflict,
    },
    /// It cannot be taken.
    Refused(Refusal),
}

/// The place of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequenced {
    /// The position of its journal record.
    pub position: Position,
    /// The current epoch.
    pub epoch: Epoch,
    /// The sequences of its rows.
    pub range: SeqRange,
    /// Running digest of the stream from sequence 1 to the end of this batch.
    pub digest: Digest,
}

/// How a batch contradicts an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// The same number came before with other rows.
    Content,
    /// It does not follow the last number that was accepted.
    Order,
}

/// Why a batch cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It has no rows.
    Empty,
    /// It would open one stream too many ([`SequencerLimits::max_streams`]).
    TooManyStreams,
}

/// A journal record as recovery reads it back.
#[derive(Debug, Clone, Copy)]
pub struct RecordHeader<'a> {
    /// Its position.
    pub position: Position,
    /// The epoch in which it was written.
    pub epoch: Epoch,
    /// Which stream.
    pub key: &'a StreamKey,
    /// Who sent it; empty when nobody in particular.
    pub producer_id: &'a str,
    /// The producer's number for it; 0: not deduplicated.
    pub producer_sequence: u64,
    /// As in [`Submission`].
    pub content_hash: u64,
    /// The sequences of its rows.
    pub range: SeqRange,
    /// Running digest up to the end of it.
    pub digest: Digest,
    /// The time of its newest row.
    pub latest_ts: UnixNanos,
}

/// What is known of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamView<'a> {
    /// Which stream.
    pub key: &'a StreamKey,
    /// How far it is; `earliest` is [`Seq::NONE`], which the sequencer does not know.
    pub watermark: Watermark,
    /// Where each epoch began, oldest first, the current one last.
    pub epochs: &'a [EpochStart],
}

/// Why state cannot be restored or replayed: the journal is damaged, or this is a bug.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SequencerError {
    /// The snapshot is not one, is damaged, or is of a version that this build does not know.
    #[error(
        "sequencer snapshot is unusable: {reason}; use an older one, or replay the journal from its beginning"
    )]
    Snapshot {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A record does not follow the one before it.
    #[error("journal record {found} does not follow {last}: records are missing or in the wrong order")]
    Position {
        /// The last position.
        last: Position,
        /// The position of the record.
        found: Position,
    },
    /// The rows of a record do not follow those before them.
    #[error(
        "record {position} of {topic} begins at sequence {found}, expected {expected}: the journal is damaged"
    )]
    Sequence {
        /// The position of the record.
        position: Position,
        /// Which stream.
        topic: String,
        /// What would follow.
        expected: Seq,
        /// What the record says.
        found: Seq,
    },
    /// An epoch lies before the current one.
    #[error("epoch {found} lies before the current epoch {current}: epochs only grow")]
    Epoch {
        /// The current one.
        current: Epoch,
        /// What was asked for.
        found: Epoch,
    },
}
