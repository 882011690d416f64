//! How far things are: health, cursors, watermarks, directory, state, errors.

use super::field::{self, fb_vector::Tables};
use crate::generated::fb;
use crate::{
    Bytes, DecodeError, ErrorCode, ErrorResponse, Health, ListStreamsResponse, MAX_WATERMARKS_PER_MESSAGE,
    PageRequest, StateResponse, StreamState, WatermarkBatch,
};
use gapless_model::{
    Digest, Epoch, Position, Seq, StreamKey, StreamStatus, UnixMillis, UnixNanos, Watermark,
};

pub(super) fn health(health: fb::HealthResponse<'_>) -> Health {
    Health { ok: health.ok(), message: field::text(health.message()) }
}

pub(super) fn error(error: fb::ErrorResponse<'_>) -> ErrorResponse {
    ErrorResponse {
        code: ErrorCode(error.code()),
        message: field::text(error.message()),
        retry_after_ms: error.retry_after_ms(),
    }
}

pub(super) fn cursor(response: fb::GetCursorResponse<'_>) -> Result<StreamStatus, DecodeError> {
    let cursor = field::required("cursor", response.cursor())?;
    Ok(StreamStatus {
        key: field::candles_key(response.key())?,
        watermark: Watermark {
            epoch: Epoch(cursor.epoch()),
            earliest: Seq(cursor.earliest_sequence()),
            latest: Seq(cursor.latest_sequence()),
            latest_ts: UnixMillis(cursor.latest_ts_ms()).to_nanos(),
            digest: Digest(cursor.digest()),
        },
        server_time: UnixMillis(cursor.server_time_ms()),
        epochs: Vec::new(),
    })
}

pub(super) fn stream(status: fb::StreamStatusResponse<'_>) -> Result<StreamStatus, DecodeError> {
    Ok(StreamStatus {
        key: field::key(status.kind(), status.key())?,
        watermark: Watermark {
            epoch: Epoch(status.epoch()),
            earliest: Seq(status.earliest_sequence()),
            latest: Seq(status.latest_sequence()),
            // The field in nanoseconds is the exact one; a sender may state milliseconds only.
            latest_ts: match status.latest_ts_ns() {
                0 => UnixMillis(status.latest_ts_ms()).to_nanos(),
                exact => UnixNanos(exact),
            },
            digest: Digest(status.digest()),
        },
        server_time: UnixMillis(status.server_time_ms()),
        epochs: field::epochs(status.epochs()),
    })
}

pub(super) fn page(
    prefix: Option<&str>,
    after: Option<&str>,
    limit: u32,
) -> Result<PageRequest, DecodeError> {
    Ok(PageRequest { prefix: field::topic("prefix", prefix)?, after: field::topic("after", after)?, limit })
}

/// Streams of a kind that is not known here are passed over: a newer server may serve them.
pub(super) fn streams(
    list: Option<Tables<'_, fb::StreamStatusResponse<'_>>>,
) -> Result<Vec<StreamStatus>, DecodeError> {
    let known = list.into_iter().flatten().filter(|status| field::known_kind(status.kind()).is_some());
    known.map(stream).collect()
}

pub(super) fn list(response: fb::ListStreamsResponse<'_>) -> Result<ListStreamsResponse, DecodeError> {
    let streams = streams(response.streams())?;
    // Without a stream there is no topic to ask on from.
    let has_more = response.has_more() && !streams.is_empty();
    Ok(ListStreamsResponse { streams, has_more })
}

pub(super) fn watermarks(batch: fb::WatermarkBatch<'_>) -> Result<WatermarkBatch, DecodeError> {
    let found = batch.watermarks().map_or(0, |marks| marks.len());
    if found > MAX_WATERMARKS_PER_MESSAGE {
        let (what, limit) = ("watermarks in a message", MAX_WATERMARKS_PER_MESSAGE);
        return Err(DecodeError::TooLarge { what, found, limit });
    }
    let known =
        batch.watermarks().into_iter().flatten().filter(|mark| field::known_kind(mark.kind()).is_some());
    Ok(WatermarkBatch {
        watermarks: known.map(watermark).collect::<Result<_, _>>()?,
        server_time: UnixMillis(batch.server_time_ms()),
    })
}

pub(super) fn watermark(mark: fb::StreamWatermark<'_>) -> Result<(StreamKey, Watermark), DecodeError> {
    let watermark = Watermark {
        epoch: Epoch(mark.epoch()),
        earliest: Seq(mark.earliest_sequence()),
        latest: Seq(mark.latest_sequence()),
        latest_ts: UnixNanos(mark.latest_ts_ns()),
        digest: Digest(mark.digest()),
    };
    Ok((field::key(mark.kind(), mark.key())?, watermark))
}

pub(super) fn state(response: fb::StateResponse<'_>) -> Result<StateResponse, DecodeError> {
    let known = response.streams().into_iter().flatten().filter_map(|state| {
        let mark = state.watermark();
        match mark {
            Some(mark) if field::known_kind(mark.kind()).is_none() => None,
            _ => Some((state, mark)),
        }
    });
    let streams: Vec<StreamState> = known
        .map(|(state, mark)| {
            let (key, watermark) = watermark(field::required("streams.watermark", mark)?)?;
            Ok(StreamState {
                key,
                watermark,
                window: nested(state.window()),
                forming: nested(state.forming()),
            })
        })
        .collect::<Result<_, DecodeError>>()?;
    Ok(StateResponse {
        partition: response.partition(),
        epoch: Epoch(response.epoch()),
        position: Position(response.position()),
        has_more: response.has_more() && !streams.is_empty(),
        streams,
    })
}

pub(super) fn nested(bytes: Option<fb::BatchBytes<'_>>) -> Bytes {
    bytes.and_then(|bytes| bytes.envelope()).map_or_else(Vec::new, |bytes| bytes.bytes().to_vec())
}
