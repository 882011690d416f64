//! Which version of the contract a message belongs to.

use crate::Message;
use gapless_model::Kind;

/// The oldest version that is spoken here.
pub const MIN_VERSION: u32 = 1;
/// The newest version that is spoken here.
pub const MAX_VERSION: u32 = 2;

/// The lowest version whose reader understands `message`: what its envelope says.
pub fn schema_version_of(message: &Message) -> u32 {
    match message {
        Message::HealthRequest
        | Message::HealthResponse(_)
        | Message::GetCursorRequest(_)
        | Message::GetCursorResponse(_)
        | Message::SubscribeCandlesRequest(_)
        | Message::SubscribeCandlesAck(_)
        | Message::BackfillCandlesRequest(_)
        | Message::BackfillCandlesResponse(_)
        | Message::Error(_) => 1,
        Message::Batch(batch) => match batch.kind() {
            Kind::Candles => 1,
            Kind::Metrics | Kind::Warnings => 2,
        },
        Message::StreamStatusRequest(_)
        | Message::StreamStatusResponse(_)
        | Message::ListStreamsRequest(_)
        | Message::ListStreamsResponse(_)
        | Message::BackfillRequest(_)
        | Message::BackfillResponse(_)
        | Message::IngestBatch(_)
        | Message::IngestAck(_)
        | Message::IngestNack(_)
        | Message::ProducerStatusRequest(_)
        | Message::ProducerStatusResponse(_)
        | Message::JournalRecord(_)
        | Message::JournalReadRequest(_)
        | Message::JournalReadResponse(_)
        | Message::JournalStatusRequest(_)
        | Message::JournalStatusResponse(_)
        | Message::WatermarkBatch(_)
        | Message::StateRequest(_)
        | Message::StateResponse(_)
        | Message::CheckpointRequest(_)
        | Message::CheckpointResponse(_)
        | Message::CheckpointPart(_) => 2,
    }
}
