//! Ingest and the journal.

use super::field;
use super::status::streams;
use crate::generated::fb;
use crate::{
    Bytes, DecodeError, Durability, ErrorCode, ErrorResponse, IngestAck, IngestBatch, IngestNack,
    JournalReadRequest, JournalReadResponse, JournalRecord, JournalRecordView, JournalStatusRequest,
    JournalStatusResponse, ProducerStatusRequest, ProducerStatusResponse,
};
use gapless_model::{Epoch, Position, Seq, UnixMillis};

pub(super) fn ingest(batch: fb::IngestBatch<'_>) -> Result<IngestBatch, DecodeError> {
    Ok(IngestBatch {
        producer_id: field::id("producer_id", batch.producer_id())?.to_owned(),
        producer_sequence: batch.producer_sequence(),
        previous_producer_sequence: batch.previous_producer_sequence(),
        batch: field::bytes("batch", batch.batch())?.to_vec(),
        ack_may_wait: batch.ack_may_wait(),
    })
}

pub(super) fn ack(ack: fb::IngestAck<'_>) -> Result<IngestAck, DecodeError> {
    Ok(IngestAck {
        producer_sequence: ack.producer_sequence(),
        partition: ack.partition(),
        position: Position(ack.position()),
        epoch: Epoch(ack.epoch()),
        first: Seq(ack.first_sequence()),
        last: Seq(ack.last_sequence()),
        durability: match ack.durability() {
            fb::Durability::WRITTEN => Durability::Written,
            fb::Durability::SYNCED => Durability::Synced,
            other => return Err(DecodeError::malformed(format!("durability {} is not known here", other.0))),
        },
        duplicate: ack.duplicate(),
    })
}

pub(super) fn nack(nack: fb::IngestNack<'_>) -> IngestNack {
    IngestNack {
        producer_sequence: nack.producer_sequence(),
        error: ErrorResponse {
            code: ErrorCode(nack.code()),
            message: field::text(nack.message()),
            retry_after_ms: nack.retry_after_ms(),
        },
        expected_previous: nack.expected_previous(),
    }
}

pub(super) fn producer_request(
    request: fb::ProducerStatusRequest<'_>,
) -> Result<ProducerStatusRequest, DecodeError> {
    Ok(ProducerStatusRequest {
        producer_id: field::id("producer_id", request.producer_id())?.to_owned(),
        key: field::key(request.kind(), request.key())?,
    })
}

pub(super) fn producer_response(
    response: fb::ProducerStatusResponse<'_>,
) -> Result<ProducerStatusResponse, DecodeError> {
    Ok(ProducerStatusResponse {
        producer_id: field::id("producer_id", response.producer_id())?.to_owned(),
        key: field::key(response.kind(), response.key())?,
        last_producer_sequence: response.last_producer_sequence(),
        latest: Seq(response.latest_sequence()),
    })
}

pub(super) fn record(record: fb::JournalRecord<'_>) -> Result<JournalRecord, DecodeError> {
    Ok(JournalRecordView::read(&record)?.to_record())
}

pub(super) fn read_request(request: fb::JournalReadRequest<'_>) -> Result<JournalReadRequest, DecodeError> {
    Ok(JournalReadRequest {
        partition: request.partition(),
        from: Position(request.from_position()),
        max_bytes: request.max_bytes(),
        follower_id: field::optional_id("follower_id", request.follower_id())?.to_owned(),
        acknowledged: Position(request.acknowledged()),
        acknowledged_epoch: Epoch(request.acknowledged_epoch()),
    })
}

pub(super) fn read_response(
    response: fb::JournalReadResponse<'_>,
) -> Result<JournalReadResponse, DecodeError> {
    let records: Vec<Bytes> = response
        .records()
        .into_iter()
        .flatten()
        .map(|record| Ok(field::bytes("records.envelope", record.envelope())?.to_vec()))
        .collect::<Result<_, DecodeError>>()?;
    if response.from_position().checked_add(records.len() as u64).is_none() {
        return Err(DecodeError::malformed(format!(
            "{} records from position {} on would pass the largest position",
            records.len(),
            response.from_position()
        )));
    }
    Ok(JournalReadResponse {
        partition: response.partition(),
        epoch: Epoch(response.epoch()),
        from: Position(response.from_position()),
        earliest: Position(response.earliest_position()),
        latest: Position(response.latest_position()),
        records,
    })
}

pub(super) fn status_request(
    request: fb::JournalStatusRequest<'_>,
) -> Result<JournalStatusRequest, DecodeError> {
    Ok(JournalStatusRequest {
        partition: request.partition(),
        follower_id: field::optional_id("follower_id", request.follower_id())?.to_owned(),
        acknowledged: Position(request.acknowledged()),
        with_streams: request.with_streams(),
        acknowledged_epoch: Epoch(request.acknowledged_epoch()),
    })
}

pub(super) fn status_response(
    response: fb::JournalStatusResponse<'_>,
) -> Result<JournalStatusResponse, DecodeError> {
    Ok(JournalStatusResponse {
        partition: response.partition(),
        epoch: Epoch(response.epoch()),
        earliest: Position(response.earliest_position()),
        latest: Position(response.latest_position()),
        epochs: field::epochs(response.epochs()),
        streams: streams(response.streams())?,
        server_time: UnixMillis(response.server_time_ms()),
    })
}
