//! From bytes to values: size, then version, then the verifier, then each field's own rules.

pub(crate) mod batch;
mod candle_rows;
mod checkpoint;
pub(crate) mod field;
mod journal;
mod status;
mod stream;

use crate::generated::fb;
use crate::generated::header::EnvelopeHeader;
use crate::peek::read_header;
use crate::{
    BatchHeader, DecodeError, Envelope, Limits, MAX_CORRELATION_ID_BYTES, MAX_VERSION, MIN_VERSION, Message,
};
use gapless_model::Batch;

/// The tag of a batch of candles.
const CANDLE_BATCH: u8 = fb::Message::CandleBatch.0;

/// Reads one envelope.
///
/// # Errors
/// [`DecodeError`], by what to do about it. The correlation id of a refused request is
/// [`crate::peek_correlation_id`].
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Envelope, DecodeError> {
    let header = opened(bytes, limits)?;
    let message = match header.message_type() {
        CANDLE_BATCH => Message::Batch(candle_rows::read(bytes, limits)?),
        _ => message(&whole(bytes, limits)?)?,
    };
    let correlation_id = header.correlation_id().unwrap_or_default();
    if correlation_id.len() > MAX_CORRELATION_ID_BYTES {
        return Err(DecodeError::malformed(format!(
            "correlation_id has {} bytes: at most {MAX_CORRELATION_ID_BYTES}",
            correlation_id.len()
        )));
    }
    Ok(Envelope {
        schema_version: header.schema_version(),
        correlation_id: correlation_id.to_owned(),
        message,
    })
}

/// Reads an envelope that has to hold a batch, such as one nested in another message.
///
/// # Errors
/// As [`decode`], and [`DecodeError::Malformed`] when it holds something else.
pub fn decode_batch(bytes: &[u8], limits: &Limits) -> Result<Batch, DecodeError> {
    match opened(bytes, limits)?.message_type() {
        CANDLE_BATCH => candle_rows::read(bytes, limits),
        _ => batch::read(&whole(bytes, limits)?),
    }
}

/// The header of the batch in an envelope; its rows are verified, and not copied.
///
/// # Errors
/// As [`decode_batch`].
pub(crate) fn batch_header(bytes: &[u8], limits: &Limits) -> Result<BatchHeader, DecodeError> {
    match opened(bytes, limits)?.message_type() {
        CANDLE_BATCH => candle_rows::header(bytes, limits),
        _ => batch::header(&whole(bytes, limits)?),
    }
}

/// The outermost part of an envelope of a version that is spoken here.
fn opened<'a>(bytes: &'a [u8], limits: &Limits) -> Result<EnvelopeHeader<'a>, DecodeError> {
    if bytes.len() > limits.max_bytes() {
        return Err(DecodeError::TooLarge {
            what: "bytes of a message",
            found: bytes.len(),
            limit: limits.max_bytes(),
        });
    }
    let header = read_header(bytes)?;
    let found = header.schema_version();
    if !(MIN_VERSION..=MAX_VERSION).contains(&found) {
        return Err(DecodeError::Version { found });
    }
    Ok(header)
}

/// The same, verified as a whole within `limits`.
pub(crate) fn verified<'a>(bytes: &'a [u8], limits: &Limits) -> Result<fb::Envelope<'a>, DecodeError> {
    opened(bytes, limits)?;
    whole(bytes, limits)
}

/// The same, of one that was [`opened`] before.
fn whole<'a>(bytes: &'a [u8], limits: &Limits) -> Result<fb::Envelope<'a>, DecodeError> {
    Ok(fb::root_as_envelope_with_opts(&limits.verifier(bytes.len()), bytes)?)
}

/// The table in an envelope's union, whose tag was read before.
macro_rules! table {
    ($envelope:ident.$accessor:ident) => {
        $envelope.$accessor().ok_or_else(|| DecodeError::missing("message"))?
    };
}

fn message(envelope: &fb::Envelope<'_>) -> Result<Message, DecodeError> {
    Ok(match envelope.message_type() {
        fb::Message::NONE => return Err(DecodeError::missing("message")),
        fb::Message::HealthRequest => Message::HealthRequest,
        fb::Message::HealthResponse => {
            Message::HealthResponse(status::health(table!(envelope.message_as_health_response)))
        }
        fb::Message::ErrorResponse => {
            Message::Error(status::error(table!(envelope.message_as_error_response)))
        }
        fb::Message::CandleBatch | fb::Message::MetricBatch | fb::Message::WarningBatch => {
            Message::Batch(batch::read(envelope)?)
        }
        fb::Message::GetCursorRequest => Message::GetCursorRequest(field::candles_key(
            table!(envelope.message_as_get_cursor_request).key(),
        )?),
        fb::Message::GetCursorResponse => {
            Message::GetCursorResponse(status::cursor(table!(envelope.message_as_get_cursor_response))?)
        }
        fb::Message::SubscribeCandlesRequest => Message::SubscribeCandlesRequest(stream::subscribe(table!(
            envelope.message_as_subscribe_candles_request
        ))?),
        fb::Message::SubscribeCandlesAck => Message::SubscribeCandlesAck(stream::subscribe_ack(table!(
            envelope.message_as_subscribe_candles_ack
        ))?),
        fb::Message::BackfillCandlesRequest => Message::BackfillCandlesRequest(stream::candles_request(
            table!(envelope.message_as_backfill_candles_request),
        )?),
        fb::Message::BackfillCandlesResponse => Message::BackfillCandlesResponse(stream::candles_response(
            table!(envelope.message_as_backfill_candles_response),
        )?),
        fb::Message::BackfillRequest => {
            Message::BackfillRequest(stream::request(table!(envelope.message_as_backfill_request))?)
        }
        fb::Message::BackfillResponse => {
            Message::BackfillResponse(stream::response(table!(envelope.message_as_backfill_response))?)
        }
        fb::Message::StreamStatusRequest => {
            let request = table!(envelope.message_as_stream_status_request);
            Message::StreamStatusRequest(field::key(request.kind(), request.key())?)
        }
        fb::Message::StreamStatusResponse => {
            Message::StreamStatusResponse(status::stream(table!(envelope.message_as_stream_status_response))?)
        }
        fb::Message::ListStreamsRequest => {
            let request = table!(envelope.message_as_list_streams_request);
            Message::ListStreamsRequest(status::page(request.prefix(), request.after(), request.limit())?)
        }
        fb::Message::ListStreamsResponse => {
            Message::ListStreamsResponse(status::list(table!(envelope.message_as_list_streams_response))?)
        }
        fb::Message::WatermarkBatch => {
            Message::WatermarkBatch(status::watermarks(table!(envelope.message_as_watermark_batch))?)
        }
        fb::Message::StateRequest => {
            let request = table!(envelope.message_as_state_request);
            Message::StateRequest(status::page(request.prefix(), request.after(), request.limit())?)
        }
        fb::Message::StateResponse => {
            Message::StateResponse(status::state(table!(envelope.message_as_state_response))?)
        }
        fb::Message::CheckpointRequest => {
            Message::CheckpointRequest(checkpoint::request(table!(envelope.message_as_checkpoint_request)))
        }
        fb::Message::CheckpointResponse => Message::CheckpointResponse(checkpoint::response(table!(
            envelope.message_as_checkpoint_response
        ))?),
        fb::Message::CheckpointPart => {
            Message::CheckpointPart(checkpoint::part(table!(envelope.message_as_checkpoint_part))?)
        }
        fb::Message::IngestBatch => {
            Message::IngestBatch(journal::ingest(table!(envelope.message_as_ingest_batch))?)
        }
        fb::Message::IngestAck => Message::IngestAck(journal::ack(table!(envelope.message_as_ingest_ack))?),
        fb::Message::IngestNack => {
            Message::IngestNack(journal::nack(table!(envelope.message_as_ingest_nack)))
        }
        fb::Message::ProducerStatusRequest => Message::ProducerStatusRequest(journal::producer_request(
            table!(envelope.message_as_producer_status_request),
        )?),
        fb::Message::ProducerStatusResponse => Message::ProducerStatusResponse(journal::producer_response(
            table!(envelope.message_as_producer_status_response),
        )?),
        fb::Message::JournalRecord => {
            Message::JournalRecord(journal::record(table!(envelope.message_as_journal_record))?)
        }
        fb::Message::JournalReadRequest => Message::JournalReadRequest(journal::read_request(table!(
            envelope.message_as_journal_read_request
        ))?),
        fb::Message::JournalReadResponse => Message::JournalReadResponse(journal::read_response(table!(
            envelope.message_as_journal_read_response
        ))?),
        fb::Message::JournalStatusRequest => Message::JournalStatusRequest(journal::status_request(table!(
            envelope.message_as_journal_status_request
        ))?),
        fb::Message::JournalStatusResponse => Message::JournalStatusResponse(journal::status_response(
            table!(envelope.message_as_journal_status_response),
        )?),
        fb::Message(tag) => return Err(DecodeError::UnknownType { tag }),
    })
}
