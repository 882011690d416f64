//! What producers say on the wire, and what they are told.

use super::PARTITION;
use crate::{AckWhen, ProducerRef, ProducerStatus, Receipt, Refusal, Submission};
use gapless_model::Batch;
use gapless_wire::{
    DecodeError, IngestAck, IngestBatch, IngestNack, Limits, Message, ProducerStatusRequest,
    ProducerStatusResponse, decode_batch,
};

/// The submission in a producer's message.
///
/// # Errors
/// When the batch in it cannot be decoded; the answer is an [`IngestNack`] that says so.
pub fn submission(ingest: IngestBatch) -> Result<Submission, DecodeError> {
    // Whatever place the batch claims in its stream: ingestion gives it one.
    let Batch { key, flags, rows, .. } = decode_batch(&ingest.batch, &Limits::ingest())?;
    let producer = ProducerRef {
        id: ingest.producer_id,
        sequence: ingest.producer_sequence,
        previous: ingest.previous_producer_sequence,
    };
    Ok(Submission { key, flags, rows, producer: Some(producer), ack: AckWhen::Written })
}

/// What the producer of batch `producer_sequence` is told: an [`IngestAck`] or an [`IngestNack`].
pub fn acknowledgement(producer_sequence: u64, answer: Result<Receipt, Refusal>) -> Message {
    match answer {
        Ok(receipt) => Message::IngestAck(IngestAck {
            producer_sequence,
            partition: PARTITION,
            position: receipt.position,
            epoch: receipt.epoch,
            first: receipt.first,
            last: receipt.last,
            durability: receipt.durability,
            duplicate: receipt.duplicate,
        }),
        Err(refusal) => Message::IngestNack(IngestNack {
            producer_sequence,
            error: refusal.to_error(),
            expected_previous: refusal.expected_previous(),
        }),
    }
}

/// The answer to a producer that asks how far it got: `status` is what [`Ledger::producer_status`] says.
///
/// [`Ledger::producer_status`]: super::Ledger::producer_status
pub fn producer_status(request: ProducerStatusRequest, status: ProducerStatus) -> Message {
    let ProducerStatusRequest { producer_id, key } = request;
    Message::ProducerStatusResponse(ProducerStatusResponse {
        producer_id,
        key,
        last_producer_sequence: status.last_sequence,
        latest: status.latest,
    })
}
