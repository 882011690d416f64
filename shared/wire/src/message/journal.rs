//! What producers and followers say to ingestion, and what it answers.

use super::{Bytes, ErrorResponse};
use gapless_model::{Epoch, EpochStart, Position, Seq, StreamKey, StreamStatus, UnixMillis};

/// Rows from a producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestBatch {
    /// Who sends; 1 to 128 printable ASCII characters.
    pub producer_id: String,
    /// Its number, per producer and stream, from 1.
    pub producer_sequence: u64,
    /// The number that this producer sent before it on this stream; 0: `producer_sequence - 1`;
    /// `producer_sequence` itself: none, which lets numbers begin anywhere.
    pub previous_producer_sequence: u64,
    /// The rows: an envelope with one batch whose `start` is 0.
    pub batch: Bytes,
    /// Other batches of this producer are unanswered too, so that the answer may wait a few milliseconds for theirs.
    pub ack_may_wait: bool,
}

/// How safe an acknowledged row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Durability {
    /// Written to the journal: survives any process, not a power loss.
    Written,
    /// Synced to the disk: survives a power loss.
    Synced,
}

/// The batch is in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestAck {
    /// Which batch.
    pub producer_sequence: u64,
    /// The partition of its record.
    pub partition: u32,
    /// Position of its record; [`Position::NONE`] when a duplicate is too old to tell.
    pub position: Position,
    /// The current epoch.
    pub epoch: Epoch,
    /// First sequence that its rows got; [`Seq::NONE`] when a duplicate is too old to tell.
    pub first: Seq,
    /// Last sequence that its rows got.
    pub last: Seq,
    /// How safe it is.
    pub durability: Durability,
    /// It was already there; nothing was written.
    pub duplicate: bool,
}

/// The batch was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestNack {
    /// Which batch.
    pub producer_sequence: u64,
    /// Why.
    pub error: ErrorResponse,
    /// With [`super::ErrorCode::CONFLICT`]: the last sequence accepted from this producer on this stream.
    pub expected_previous: u64,
}

/// Asks how far a producer got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerStatusRequest {
    /// Who.
    pub producer_id: String,
    /// On which stream.
    pub key: StreamKey,
}

/// Answer to [`ProducerStatusRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerStatusResponse {
    /// Who.
    pub producer_id: String,
    /// On which stream.
    pub key: StreamKey,
    /// The last number accepted; 0: none.
    pub last_producer_sequence: u64,
    /// The newest sequence of the stream.
    pub latest: Seq,
}

/// A journal record: one sequenced batch with its position and its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRecord {
    /// Which partition.
    pub partition: u32,
    /// Its number in the partition.
    pub position: Position,
    /// The history it belongs to.
    pub epoch: Epoch,
    /// Who sent it.
    pub producer_id: String,
    /// The producer's number for it.
    pub producer_sequence: u64,
    /// Digest of its rows as if numbered from 1, to tell a retry from a conflict.
    pub content_hash: u64,
    /// The envelope as it is published live.
    pub batch: Bytes,
}

/// Asks for records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalReadRequest {
    /// Which partition.
    pub partition: u32,
    /// First record wanted.
    pub from: Position,
    /// At most about this many bytes (one record is always served); 0: the server's cap.
    pub max_bytes: u32,
    /// Who reads, if the journal shall keep what it has not acknowledged; empty: nobody.
    pub follower_id: String,
    /// Everything up to this may be retired as far as this follower is concerned.
    pub acknowledged: Position,
    /// The epoch in which that position is meant; [`Epoch::UNSTATED`]: whichever is current.
    pub acknowledged_epoch: Epoch,
}

/// Answer to [`JournalReadRequest`]; no records when `from` lies past the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalReadResponse {
    /// Which partition.
    pub partition: u32,
    /// The current epoch.
    pub epoch: Epoch,
    /// Position of the first record; as asked unless that was retired or is damaged.
    pub from: Position,
    /// The oldest position that is still there.
    pub earliest: Position,
    /// The newest position.
    pub latest: Position,
    /// Envelopes with one [`JournalRecord`] each, contiguous from `from` on.
    pub records: Vec<Bytes>,
}

/// Asks how far the journal is, and acknowledges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalStatusRequest {
    /// Which partition.
    pub partition: u32,
    /// As in [`JournalReadRequest`].
    pub follower_id: String,
    /// As in [`JournalReadRequest`].
    pub acknowledged: Position,
    /// Also send the sequencer's view of every stream.
    pub with_streams: bool,
    /// As in [`JournalReadRequest`].
    pub acknowledged_epoch: Epoch,
}

/// Answer to [`JournalStatusRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct JournalStatusResponse {
    /// Which partition.
    pub partition: u32,
    /// The current epoch.
    pub epoch: Epoch,
    /// The oldest position that is still there.
    pub earliest: Position,
    /// The newest position.
    pub latest: Position,
    /// Epoch history; `first_sequence` is a position here.
    pub epochs: Vec<EpochStart>,
    /// The sequencer's view of every stream, with its epoch history; empty unless asked for.
    pub streams: Vec<StreamStatus>,
    /// The server's clock.
    pub server_time: UnixMillis,
}
