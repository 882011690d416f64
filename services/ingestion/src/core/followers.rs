//! What followers of the journal ask, and what they are told.

use super::restate::restated;
use super::{Ledger, PARTITION};
use gapless_journal::{Journal, JournalError};
use gapless_model::{Epoch, Position, UnixMillis};
use gapless_wire::{
    DecodeError, ErrorCode, ErrorResponse, Health, JournalReadRequest, JournalReadResponse,
    JournalStatusRequest, JournalStatusResponse, Message,
};

/// The most bytes of records in one answer, but for a single larger record: a good part of a second of
/// a busy journal, far from the largest message.
const ANSWER_BYTES: usize = 4 << 20;

/// The answer of the journal's replay side to a decoded request: records, its status, or its health. A
/// follower that names itself is noted as of `now`.
///
/// # Errors
/// What the follower is told instead, as an [`ErrorResponse`] message.
pub fn answer(
    journal: &Journal,
    ledger: &Ledger,
    request: &Message,
    now: UnixMillis,
) -> Result<Message, ErrorResponse> {
    match request {
        Message::JournalReadRequest(request) => read(journal, request, now),
        Message::JournalStatusRequest(request) => status(journal, ledger, request, now),
        Message::HealthRequest => Ok(healthy()),
        other => Err(not_served(other, "JournalReadRequest, JournalStatusRequest")),
    }
}

/// The journal's state as followers are told, in answers and as the heartbeat of its live feed.
pub fn journal_status(journal: &Journal, now: UnixMillis) -> JournalStatusResponse {
    let status = journal.status();
    JournalStatusResponse {
        partition: PARTITION,
        epoch: status.epoch,
        earliest: status.earliest,
        latest: status.latest,
        epochs: status.epochs,
        streams: Vec::new(),
        server_time: now,
    }
}

fn read(journal: &Journal, request: &JournalReadRequest, now: UnixMillis) -> Result<Message, ErrorResponse> {
    let stated = (request.acknowledged_epoch, request.acknowledged);
    acknowledge(journal, request.partition, &request.follower_id, stated, now)?;
    let max_bytes = match request.max_bytes as usize {
        0 => ANSWER_BYTES,
        asked => asked.min(ANSWER_BYTES),
    };
    let read = journal.read(request.from, max_bytes).map_err(refused)?;
    let records = restated(journal, read.first, read.records).map_err(unreadable)?;
    let from = if records.is_empty() { request.from.max(read.earliest) } else { read.first };
    Ok(Message::JournalReadResponse(JournalReadResponse {
        partition: PARTITION,
        epoch: journal.epoch(),
        from,
        earliest: read.earliest,
        latest: read.latest,
        records,
    }))
}

fn status(
    journal: &Journal,
    ledger: &Ledger,
    request: &JournalStatusRequest,
    now: UnixMillis,
) -> Result<Message, ErrorResponse> {
    let stated = (request.acknowledged_epoch, request.acknowledged);
    acknowledge(journal, request.partition, &request.follower_id, stated, now)?;
    // The streams first: their rows are then all in records up to the position that is stated, so that a
    // follower which has read that far and lacks some of them knows that they will not come.
    let streams = if request.with_streams { ledger.streams(now) } else { Vec::new() };
    Ok(Message::JournalStatusResponse(JournalStatusResponse { streams, ..journal_status(journal, now) }))
}

fn acknowledge(
    journal: &Journal,
    partition: u32,
    follower: &str,
    (epoch, acknowledged): (Epoch, Position),
    now: UnixMillis,
) -> Result<(), ErrorResponse> {
    if partition != PARTITION {
        let message =
            format!("there is no partition {partition}: this journal has partition {PARTITION} only");
        return Err(ErrorResponse { code: ErrorCode::UNKNOWN_STREAM, message, retry_after_ms: 0 });
    }
    if follower.is_empty() {
        return Ok(());
    }
    journal.acknowledge(follower, epoch, acknowledged, now).map_err(refused)
}

fn unreadable(error: DecodeError) -> ErrorResponse {
    tracing::error!(%error, "a journal record cannot be read");
    ErrorResponse { code: ErrorCode::INTERNAL, message: error.to_string(), retry_after_ms: 1000 }
}

fn refused(error: JournalError) -> ErrorResponse {
    let (code, retry_after_ms) = match &error {
        JournalError::Follower { .. } => (ErrorCode::MALFORMED, 0),
        JournalError::NoSpace { .. } => (ErrorCode::NO_SPACE, 1000),
        JournalError::Halted { .. } => (ErrorCode::NOT_READY, 1000),
        _ => {
            tracing::error!(%error, "the journal cannot be read");
            (ErrorCode::INTERNAL, 1000)
        }
    };
    ErrorResponse { code, message: error.to_string(), retry_after_ms }
}

pub(crate) fn healthy() -> Message {
    Message::HealthResponse(Health { ok: true, message: crate::SERVICE.to_owned() })
}

/// The answer to a message that is fine, but not here.
pub(crate) fn not_served(message: &Message, served: &str) -> ErrorResponse {
    let name = format!("{message:?}");
    let name: String = name.chars().take_while(char::is_ascii_alphanumeric).collect();
    let message = format!("{name} is not served on this socket: send {served} or HealthRequest");
    ErrorResponse { code: ErrorCode::MALFORMED, message, retry_after_ms: 0 }
}
