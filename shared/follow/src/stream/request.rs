//! How questions about streams are written, for servers of both versions.

use gapless_model::{Epoch, Kind, MAX_ROWS_PER_BATCH, Seq, SeqRange, StreamKey, UnixNanos};
use gapless_protocol::Failure;
use gapless_wire::{BackfillCandlesRequest, BackfillRequest, ErrorCode, Message, PageRequest};

/// Bytes of rows in one answer: as many candles as are asked for, and never long on the wire.
const MAX_BYTES: u32 = 4 << 20;

pub(crate) fn status(key: &StreamKey, version1: bool) -> Result<Message, Failure> {
    if version1 {
        candles_only(key)?;
        return Ok(Message::GetCursorRequest(key.clone()));
    }
    Ok(Message::StreamStatusRequest(key.clone()))
}

/// Sequences after `from_exclusive` are what both versions agree on; where the next page begins is not,
/// so it is always asked for by sequence.
pub(crate) fn replay(
    key: &StreamKey,
    epoch: Epoch,
    range: SeqRange,
    version1: bool,
) -> Result<Message, Failure> {
    let limit = u32::try_from(range.len()).unwrap_or(u32::MAX);
    if version1 {
        candles_only(key)?;
        return Ok(Message::BackfillCandlesRequest(BackfillCandlesRequest {
            key: key.clone(),
            from_exclusive: Some(range.start().previous()),
            end_ts: None,
            limit: limit.min(MAX_ROWS_PER_BATCH as u32),
            to: Some(range.last()),
            epoch,
        }));
    }
    Ok(Message::BackfillRequest(BackfillRequest {
        key: key.clone(),
        epoch,
        from_exclusive: range.start().previous(),
        to: range.last(),
        start_ts: None,
        end_ts: None,
        limit,
        max_bytes: MAX_BYTES,
    }))
}

/// Asks for one row, in words that servers of both versions know.
pub(crate) fn row(key: &StreamKey, seq: Seq) -> Message {
    Message::BackfillCandlesRequest(BackfillCandlesRequest {
        key: key.clone(),
        from_exclusive: Some(seq.previous()),
        end_ts: None,
        limit: 1,
        to: Some(seq),
        epoch: Epoch::UNSTATED,
    })
}

/// Asks for the first row that is not older than `ts`.
pub(crate) fn first_since(key: &StreamKey, ts: UnixNanos) -> Message {
    Message::BackfillRequest(BackfillRequest {
        key: key.clone(),
        epoch: Epoch::UNSTATED,
        from_exclusive: Seq::NONE,
        to: Seq::NONE,
        start_ts: Some(ts),
        end_ts: None,
        limit: 1,
        max_bytes: 0,
    })
}

pub(crate) fn page(prefix: &str, after: &str) -> Message {
    Message::ListStreamsRequest(PageRequest { prefix: prefix.into(), after: after.into(), limit: 0 })
}

/// Version 1 knows candles only.
fn candles_only(key: &StreamKey) -> Result<(), Failure> {
    match key.kind() {
        Kind::Candles => Ok(()),
        Kind::Metrics | Kind::Warnings => Err(Failure::Refused { code: ErrorCode::VERSION.0 }),
    }
}
