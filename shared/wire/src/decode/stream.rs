//! Ranges of one stream: version 1's subscription and backfill, version 2's backfill.

use super::batch::{candles, check_range};
use super::field::{self, fb_vector::Tables};
use crate::generated::fb;
use crate::{
    BackfillCandlesRequest, BackfillCandlesResponse, BackfillRequest, BackfillResponse, Bytes, DecodeError,
    SubscribeCandlesAck, SubscribeCandlesRequest,
};
use gapless_model::{Digest, Epoch, Rows, Seq, UnixMillis, UnixNanos};

pub(super) fn subscribe(
    request: fb::SubscribeCandlesRequest<'_>,
) -> Result<SubscribeCandlesRequest, DecodeError> {
    Ok(SubscribeCandlesRequest {
        key: field::candles_key(request.key())?,
        from_exclusive: request.has_from_sequence().then(|| Seq(request.from_sequence_exclusive())),
    })
}

pub(super) fn subscribe_ack(ack: fb::SubscribeCandlesAck<'_>) -> Result<SubscribeCandlesAck, DecodeError> {
    Ok(SubscribeCandlesAck {
        accepted: ack.accepted(),
        reason: field::text(ack.reason()),
        key: field::candles_key(ack.key())?,
        latest: Seq(ack.latest_sequence()),
    })
}

pub(super) fn candles_request(
    request: fb::BackfillCandlesRequest<'_>,
) -> Result<BackfillCandlesRequest, DecodeError> {
    Ok(BackfillCandlesRequest {
        key: field::candles_key(request.key())?,
        from_exclusive: request.has_from_sequence().then(|| Seq(request.from_sequence_exclusive())),
        end_ts: request.has_end_ts_ms().then(|| UnixMillis(request.end_ts_ms())),
        limit: request.limit(),
        to: request.has_to_sequence().then(|| Seq(request.to_sequence())),
        epoch: Epoch(request.epoch()),
    })
}

pub(super) fn candles_response(
    response: fb::BackfillCandlesResponse<'_>,
) -> Result<BackfillCandlesResponse, DecodeError> {
    let start = Seq(response.start_sequence());
    let rows = Rows::Candles(candles(response.candles())?);
    rows.validate()?;
    check_range(start, rows.len())?;
    let Rows::Candles(candles) = rows else { return Err(DecodeError::missing("candles")) };
    Ok(BackfillCandlesResponse {
        key: field::candles_key(response.key())?,
        start,
        candles,
        has_more: response.has_more(),
        next: Seq(response.next_sequence()),
        epoch: Epoch(response.epoch()),
        earliest: Seq(response.earliest_sequence()),
        latest: Seq(response.latest_sequence()),
        digest: Digest(response.digest()),
    })
}

pub(super) fn request(request: fb::BackfillRequest<'_>) -> Result<BackfillRequest, DecodeError> {
    Ok(BackfillRequest {
        key: field::key(request.kind(), request.key())?,
        epoch: Epoch(request.epoch()),
        from_exclusive: Seq(request.from_sequence_exclusive()),
        to: Seq(request.to_sequence()),
        start_ts: request.has_start_ts_ns().then(|| UnixNanos(request.start_ts_ns())),
        end_ts: request.has_end_ts_ns().then(|| UnixNanos(request.end_ts_ns())),
        limit: request.limit(),
        max_bytes: request.max_bytes(),
    })
}

pub(super) fn response(response: fb::BackfillResponse<'_>) -> Result<BackfillResponse, DecodeError> {
    let (from, to) = (response.served_from(), response.served_to());
    if from.saturating_sub(1) > to || to == u64::MAX {
        return Err(DecodeError::malformed(format!("served {from} to {to} is not a range")));
    }
    Ok(BackfillResponse {
        key: field::key(response.kind(), response.key())?,
        asked_from_exclusive: Seq(response.asked_from_exclusive()),
        asked_to: Seq(response.asked_to()),
        served_from: Seq(from),
        served_to: Seq(to),
        earliest: Seq(response.earliest_sequence()),
        latest: Seq(response.latest_sequence()),
        epoch: Epoch(response.epoch()),
        has_more: response.has_more(),
        digest: Digest(response.digest()),
        batches: nested(response.batches())?,
    })
}

fn nested(batches: Option<Tables<'_, fb::BatchBytes<'_>>>) -> Result<Vec<Bytes>, DecodeError> {
    let batches = batches.into_iter().flatten();
    batches.map(|batch| Ok(field::bytes("batches.envelope", batch.envelope())?.to_vec())).collect()
}
