//! What a producer learns about a batch: that it is in the journal, or that it never will be.

use gapless_model::{Epoch, Position, Seq, SeqRange, StreamKey};
use gapless_wire::{Durability, ErrorResponse, IngestAck};

/// A batch is in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Whose rows.
    pub key: StreamKey,
    /// The producer's number of the batch; batches that were put together have the same.
    pub number: u64,
    /// The sequences that its rows got; empty when it was a duplicate too old to tell.
    pub range: SeqRange,
    /// The epoch of the sequences.
    pub epoch: Epoch,
    /// Its journal record; [`Position::NONE`] when it was a duplicate too old to tell.
    pub position: Position,
    /// How safe it is.
    pub durability: Durability,
    /// It had been there already: an earlier try, or an earlier run, had come through.
    pub duplicate: bool,
}

impl Receipt {
    /// Of `rows` rows in an acknowledged batch, the first of which got `first`.
    pub(super) fn new(key: StreamKey, number: u64, first: Seq, rows: u64, ack: &IngestAck) -> Receipt {
        let range = match ack.first {
            Seq::NONE => SeqRange::new(Seq::NONE, Seq::NONE),
            _ => SeqRange::of_len(first, rows),
        };
        Receipt {
            key,
            number,
            range,
            epoch: ack.epoch,
            position: ack.position,
            durability: ack.durability,
            duplicate: ack.duplicate,
        }
    }
}

/// A batch that ingestion will never take. The batches behind it were sent on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: batch {number} was refused: {error}")]
pub struct Refused {
    /// Whose rows.
    pub key: StreamKey,
    /// The producer's number of the batch.
    pub number: u64,
    /// What ingestion said.
    pub error: ErrorResponse,
}
