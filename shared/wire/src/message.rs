//! The messages as plain values: what `decode` returns and `encode` takes.
//!
//! Field meanings stand in `schemas/gapless.fbs`; here are only the types that make wrong values hard
//! to write. Batches inside other messages stay bytes ([`Bytes`]): they are forwarded, not re-encoded.

mod checkpoint;
mod error;
mod journal;
mod stream;

pub use checkpoint::*;
pub use error::*;
pub use journal::*;
pub use stream::*;

use gapless_model::{Batch, StreamKey, StreamStatus};

/// An encoded `Envelope` that travels inside another message or on a topic.
pub type Bytes = Vec<u8>;

/// A message with its envelope.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// The lowest version whose reader understands the message.
    pub schema_version: u32,
    /// Ties a reply to its request; empty when there is none.
    pub correlation_id: String,
    /// What it says.
    pub message: Message,
}

/// Everything that crosses a socket.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // Each variant is documented by its payload.
pub enum Message {
    HealthRequest,
    HealthResponse(Health),
    GetCursorRequest(StreamKey),
    GetCursorResponse(StreamStatus),
    SubscribeCandlesRequest(SubscribeCandlesRequest),
    SubscribeCandlesAck(SubscribeCandlesAck),
    /// `CandleBatch`, `MetricBatch` or `WarningBatch`, by the kind of its key.
    Batch(Batch),
    BackfillCandlesRequest(BackfillCandlesRequest),
    BackfillCandlesResponse(BackfillCandlesResponse),
    Error(ErrorResponse),
    StreamStatusRequest(StreamKey),
    StreamStatusResponse(StreamStatus),
    ListStreamsRequest(PageRequest),
    ListStreamsResponse(ListStreamsResponse),
    BackfillRequest(BackfillRequest),
    BackfillResponse(BackfillResponse),
    IngestBatch(IngestBatch),
    IngestAck(IngestAck),
    IngestNack(IngestNack),
    ProducerStatusRequest(ProducerStatusRequest),
    ProducerStatusResponse(ProducerStatusResponse),
    JournalRecord(JournalRecord),
    JournalReadRequest(JournalReadRequest),
    JournalReadResponse(JournalReadResponse),
    JournalStatusRequest(JournalStatusRequest),
    JournalStatusResponse(JournalStatusResponse),
    WatermarkBatch(WatermarkBatch),
    StateRequest(PageRequest),
    StateResponse(StateResponse),
    CheckpointRequest(CheckpointRequest),
    CheckpointResponse(CheckpointResponse),
    CheckpointPart(CheckpointPart),
}

/// Answer to a health request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whether the service can do its work.
    pub ok: bool,
    /// Why not, or a greeting.
    pub message: String,
}

/// A page of the directory or of the state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageRequest {
    /// Beginning of the topics wanted; empty: all.
    pub prefix: String,
    /// Topic of the last stream of the page before; empty: from the start.
    pub after: String,
    /// At most this many streams; 0: the server's cap.
    pub limit: u32,
}
