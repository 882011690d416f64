//! Ranges and states of streams.

use super::Bytes;
use gapless_model::{
    Candle, Digest, Epoch, Position, Seq, SeqRange, StreamKey, StreamStatus, UnixMillis, UnixNanos, Watermark,
};

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

impl BackfillRequest {
    /// These rows of a stream, in whichever epoch is current; an empty range: all that there are.
    pub fn rows(key: StreamKey, range: SeqRange) -> BackfillRequest {
        BackfillRequest {
            key,
            epoch: Epoch::UNSTATED,
            from_exclusive: range.start().previous(),
            to: if range.is_empty() { Seq::NONE } else { range.last() },
            start_ts: None,
            end_ts: None,
            limit: 0,
            max_bytes: 0,
        }
    }
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
