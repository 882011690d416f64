//! Answers as messages of the version in which was asked.

use crate::joining::envelopes;
use crate::library::{Library, LookError};
use crate::plan::Question;
use crate::served::Served;
use crate::shelf::Shelf;
use gapless_model::{Rows, Seq, StreamKey, StreamStatus, UnixMillis};
use gapless_wire::{
    BackfillCandlesRequest, BackfillCandlesResponse, BackfillRequest, BackfillResponse, DecodeError,
    ErrorCode, ErrorResponse, Health, ListStreamsResponse, Message, SubscribeCandlesAck, encode_message,
    peek_correlation_id,
};

/// When to ask again while the journal is read for the first time.
const NOT_READY_RETRY_MS: u32 = 500;
/// When to ask again when too many ask.
const BUSY_RETRY_MS: u32 = 200;

/// The answer to any request. `is_ready` says whether the journal was read, so that an unknown stream is one
/// that does not exist.
pub fn answer<S: Shelf>(library: &Library<S>, request: Message, is_ready: bool, now: UnixMillis) -> Message {
    match request {
        Message::BackfillCandlesRequest(request) => rows_of(library, &Form::Version1(request), is_ready, now),
        Message::BackfillRequest(request) => rows_of(library, &Form::Version2(request), is_ready, now),
        Message::HealthRequest => health(is_ready),
        Message::GetCursorRequest(key) => {
            library.status(&key, now).map_or_else(|| unknown(&key, is_ready), Message::GetCursorResponse)
        }
        Message::StreamStatusRequest(key) => {
            library.status(&key, now).map_or_else(|| unknown(&key, is_ready), Message::StreamStatusResponse)
        }
        Message::SubscribeCandlesRequest(request) => match library.status(&request.key, now) {
            None if !is_ready => unknown(&request.key, is_ready),
            status => subscribed(request.key, status.as_ref()),
        },
        Message::ListStreamsRequest(page) => {
            let (streams, has_more) = library.list(&page, now);
            Message::ListStreamsResponse(ListStreamsResponse { streams, has_more })
        }
        _ => not_served_here(),
    }
}

/// The name of a request in metrics.
pub(crate) fn name(request: &Message) -> &'static str {
    match request {
        Message::BackfillCandlesRequest(_) => "candles",
        Message::BackfillRequest(_) => "rows",
        Message::HealthRequest => "health",
        Message::GetCursorRequest(_) => "cursor",
        Message::SubscribeCandlesRequest(_) => "subscribe",
        Message::StreamStatusRequest(_) => "status",
        Message::ListStreamsRequest(_) => "list",
        _ => "other",
    }
}

fn rows_of<S: Shelf>(library: &Library<S>, form: &Form, is_ready: bool, now: UnixMillis) -> Message {
    let question = form.question();
    form.reply(&question.key, &library.look(&question, now), is_ready)
}

/// A request for rows, to be answered in its own form.
#[derive(Debug, Clone)]
pub(crate) enum Form {
    Version1(BackfillCandlesRequest),
    Version2(BackfillRequest),
}

impl Form {
    /// What it asks for.
    pub(crate) fn question(&self) -> Question {
        match self {
            Form::Version1(request) => Question::from(request),
            Form::Version2(request) => Question::from(request),
        }
    }

    /// The answer to what was found of `key`.
    pub(crate) fn reply<E: std::error::Error>(
        &self,
        key: &StreamKey,
        found: &Result<Option<Served>, LookError<E>>,
        is_ready: bool,
    ) -> Message {
        match found {
            Ok(None) => unknown(key, is_ready),
            Err(error) => failed(&error.to_string()),
            Ok(Some(served)) => self.answer(served).unwrap_or_else(|error| failed(&error.to_string())),
        }
    }

    /// The answer that holds what was served.
    fn answer(&self, served: &Served) -> Result<Message, DecodeError> {
        match self {
            Form::Version1(request) => candles(request, served),
            Form::Version2(request) => rows(request, served),
        }
    }
}

/// Version 1: one run of candles. `start` is the first of them, or the one after `from` when there are none.
fn candles(request: &BackfillCandlesRequest, served: &Served) -> Result<Message, DecodeError> {
    let mut candles = Vec::new();
    for part in &served.parts {
        if let Rows::Candles(rows) = part.rows()?.rows {
            candles.extend(rows);
        }
    }
    let mark = &served.status.watermark;
    let after_from = request.from_exclusive.unwrap_or(Seq::NONE).next();
    Ok(Message::BackfillCandlesResponse(BackfillCandlesResponse {
        key: request.key.clone(),
        start: if candles.is_empty() { after_from } else { served.range.start() },
        candles,
        has_more: served.has_more,
        next: if served.has_more { served.range.last() } else { Seq::NONE },
        epoch: mark.epoch,
        earliest: mark.earliest,
        latest: mark.latest,
        digest: served.digest,
    }))
}

/// Version 2: the batches as they were published, small ones put together.
fn rows(request: &BackfillRequest, served: &Served) -> Result<Message, DecodeError> {
    let mark = &served.status.watermark;
    Ok(Message::BackfillResponse(BackfillResponse {
        key: request.key.clone(),
        asked_from_exclusive: request.from_exclusive,
        asked_to: request.to,
        served_from: served.range.start(),
        served_to: served.range.last(),
        earliest: mark.earliest,
        latest: mark.latest,
        epoch: mark.epoch,
        has_more: served.has_more,
        digest: served.digest,
        batches: envelopes(&served.parts)?,
    }))
}

fn health(is_ready: bool) -> Message {
    let message = if is_ready { "the journal is archived" } else { "the journal is being read" };
    Message::HealthResponse(Health { ok: is_ready, message: message.into() })
}

/// Version 1's answer before a subscription: whether the stream is known, and how far it is.
fn subscribed(key: StreamKey, status: Option<&StreamStatus>) -> Message {
    Message::SubscribeCandlesAck(SubscribeCandlesAck {
        accepted: status.is_some(),
        reason: if status.is_some() { String::new() } else { format!("unknown stream {key}") },
        latest: status.map_or(Seq::NONE, |status| status.watermark.latest),
        key,
    })
}

/// The stream is not known; before the journal was read once that only means "not yet".
fn unknown(key: &StreamKey, is_ready: bool) -> Message {
    if is_ready {
        let message = format!("unknown stream {key}: ListStreamsRequest tells which there are");
        return error(ErrorCode::UNKNOWN_STREAM, &message, 0);
    }
    let message = format!("stream {key} is not known yet, the journal is still being read: ask again");
    error(ErrorCode::NOT_READY, &message, NOT_READY_RETRY_MS)
}

/// The refusal of a request that found its queue full.
pub(crate) fn busy(request: &[u8]) -> Vec<u8> {
    encode_message(&busy_message(), peek_correlation_id(request))
}

pub(crate) fn busy_message() -> Message {
    error(ErrorCode::BUSY, "too many requests wait: ask again later", BUSY_RETRY_MS)
}

/// The refusal of a request that waited when the service was told to stop.
pub(crate) fn stopping(request: &[u8]) -> Vec<u8> {
    let message =
        error(ErrorCode::NOT_READY, "the service stops: ask again when it is back", NOT_READY_RETRY_MS);
    encode_message(&message, peek_correlation_id(request))
}

/// The answer to a message of a wrong shape.
pub(crate) fn malformed() -> Vec<u8> {
    encode_message(&error(ErrorCode::MALFORMED, "send one frame with one envelope", 0), "")
}

fn not_served_here() -> Message {
    let message = "this socket answers HealthRequest, GetCursorRequest, SubscribeCandlesRequest, \
                   BackfillCandlesRequest, StreamStatusRequest, ListStreamsRequest and BackfillRequest";
    error(ErrorCode::MALFORMED, message, 0)
}

fn failed(reason: &str) -> Message {
    error(ErrorCode::INTERNAL, &format!("the archive could not be read: {reason}"), 1000)
}

fn error(code: ErrorCode, message: &str, retry_after_ms: u32) -> Message {
    Message::Error(ErrorResponse { code, message: message.into(), retry_after_ms })
}
