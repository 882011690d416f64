//! The messages as plain values: what `decode` returns and `encode` takes.
//!
//! Field meanings stand in `schemas/gapless.fbs`; here are only the types that make wrong values hard
//! to write. Batches inside other messages stay bytes ([`Bytes`]): they are forwarded, not re-encoded.

use gapless_model::{
    Batch, Candle, Digest, Epoch, EpochStart, Position, Seq, StreamKey, StreamStatus, UnixMillis, UnixNanos,
    Watermark,
};

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
}

/// Answer to a health request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whether the service can do its work.
    pub ok: bool,
    /// Why not, or a greeting.
    pub message: String,
}

/// Version 1's question before subscribing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribeCandlesRequest {
    /// Which stream.
    pub key: StreamKey,
    /// Where the client stands, if it says so.
    pub from_exclusive: Option<Seq>,
}

/// Answer to [`SubscribeCandlesRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribeCandlesAck {
    /// Whether the stream is known.
    pub accepted: bool,
    /// Why not; empty when accepted.
    pub reason: String,
    /// Which stream.
    pub key: StreamKey,
    /// Its newest sequence.
    pub latest: Seq,
}

/// Version 1's request for a range of candles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillCandlesRequest {
    /// Which stream.
    pub key: StreamKey,
    /// Rows after this one; absent: from the oldest.
    pub from_exclusive: Option<Seq>,
    /// Rows up to and with this time.
    pub end_ts: Option<UnixMillis>,
    /// At most this many rows; 0: the server's cap.
    pub limit: u32,
    /// Rows up to and with this one (version 2).
    pub to: Option<Seq>,
    /// The epoch the client knows (version 2); unstated: whichever is current.
    pub epoch: Epoch,
}

/// Answer to [`BackfillCandlesRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct BackfillCandlesResponse {
    /// Which stream.
    pub key: StreamKey,
    /// Sequence of the first candle, or `from + 1` when there is none.
    pub start: Seq,
    /// The rows, in order.
    pub candles: Vec<Candle>,
    /// Whether more rows exist within the bounds asked for.
    pub has_more: bool,
    /// The last sequence returned when `has_more`, else [`Seq::NONE`].
    pub next: Seq,
    /// Version 2: the current epoch.
    pub epoch: Epoch,
    /// Version 2: the oldest sequence that is still served.
    pub earliest: Seq,
    /// Version 2: the newest sequence.
    pub latest: Seq,
    /// Version 2: digest of the rows in this response.
    pub digest: Digest,
}

/// Why a request was not served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (code {})", code.0)]
pub struct ErrorResponse {
    /// What kind of refusal.
    pub code: ErrorCode,
    /// What is wrong and what to do.
    pub message: String,
    /// When to try again; 0: trying again does not help, or not known.
    pub retry_after_ms: u32,
}

/// The contract's error codes; numbers as in HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorCode(pub u32);

#[allow(missing_docs)] // The names say it; the table in schemas/README.md has a sentence for each.
impl ErrorCode {
    pub const MALFORMED: ErrorCode = ErrorCode(400);
    pub const UNKNOWN_STREAM: ErrorCode = ErrorCode(404);
    pub const CONFLICT: ErrorCode = ErrorCode(409);
    pub const TRIMMED: ErrorCode = ErrorCode(410);
    pub const TOO_LARGE: ErrorCode = ErrorCode(413);
    pub const VERSION: ErrorCode = ErrorCode(426);
    pub const BUSY: ErrorCode = ErrorCode(429);
    pub const INTERNAL: ErrorCode = ErrorCode(500);
    pub const NOT_READY: ErrorCode = ErrorCode(503);
    pub const NO_SPACE: ErrorCode = ErrorCode(507);
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

/// A page of the stream directory.
#[derive(Debug, Clone, PartialEq)]
pub struct ListStreamsResponse {
    /// In the order of their topics.
    pub streams: Vec<StreamStatus>,
    /// Whether another page follows.
    pub has_more: bool,
}

/// A request for a range of any kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BackfillRequest {
    /// Which stream.
    pub key: StreamKey,
    /// The epoch the client knows; unstated: whichever is current.
    pub epoch: Epoch,
    /// Rows after this one.
    pub from_exclusive: Seq,
    /// Rows up to and with this one; [`Seq::NONE`]: no bound.
    pub to: Seq,
    /// Rows not older than this.
    pub start_ts: Option<UnixNanos>,
    /// Rows not newer than this.
    pub end_ts: Option<UnixNanos>,
    /// At most this many rows; 0: the server's cap.
    pub limit: u32,
    /// At most about this many bytes of batches (one batch is always served); 0: the server's cap.
    pub max_bytes: u32,
}

/// Answer to [`BackfillRequest`]: exactly what was served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillResponse {
    /// Which stream.
    pub key: StreamKey,
    /// As asked.
    pub asked_from_exclusive: Seq,
    /// As asked.
    pub asked_to: Seq,
    /// First row served; when nothing is served, where the first one would have been.
    pub served_from: Seq,
    /// Last row served; `served_from - 1` when nothing is served.
    pub served_to: Seq,
    /// The oldest sequence that is still served.
    pub earliest: Seq,
    /// The newest sequence.
    pub latest: Seq,
    /// The current epoch.
    pub epoch: Epoch,
    /// Whether rows after `served_to` exist within the bounds asked for.
    pub has_more: bool,
    /// Digest of the served rows.
    pub digest: Digest,
    /// The rows, in order, contiguous.
    pub batches: Vec<Bytes>,
}

/// Rows from a producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestBatch {
    /// Who sends; 1 to 128 printable ASCII characters.
    pub producer_id: String,
    /// Its number, per producer and stream, from 1.
    pub producer_sequence: u64,
    /// The number that this producer sent before it on this stream; 0: `producer_sequence - 1`.
    pub previous_producer_sequence: u64,
    /// The rows: an envelope with one batch whose `start` is 0.
    pub batch: Bytes,
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
    /// With [`ErrorCode::CONFLICT`]: the last sequence accepted from this producer on this stream.
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
    /// `xxh3_64` of the batch as the producer sent it.
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
}

/// Answer to [`JournalReadRequest`]; no records when `from` lies past the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalReadResponse {
    /// Which partition.
    pub partition: u32,
    /// The current epoch.
    pub epoch: Epoch,
    /// Position of the first record; as asked unless that was retired.
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

/// How far many streams are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatermarkBatch {
    /// Any number of streams, each at most once.
    pub watermarks: Vec<(StreamKey, Watermark)>,
    /// The server's clock.
    pub server_time: UnixMillis,
}

/// The engine's current state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateResponse {
    /// Which partition.
    pub partition: u32,
    /// The current epoch.
    pub epoch: Epoch,
    /// The state is that after this record.
    pub position: Position,
    /// In the order of their topics.
    pub streams: Vec<StreamState>,
    /// Whether another page follows.
    pub has_more: bool,
}

/// The state of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamState {
    /// Which stream.
    pub key: StreamKey,
    /// How far it is.
    pub watermark: Watermark,
    /// Envelope with its last rows; empty when it has none.
    pub window: Bytes,
    /// Envelope with the row of a derived stream that is not closed yet, `start` 0; empty when none.
    pub forming: Bytes,
}
