//! Answers on the state socket.

use crate::engine::Engine;
use crate::shelf::Shelf;
use crate::state::PageEntry;
use gapless_model::{Batch, Digest, Epoch, MonoTime, Rows, Seq, UnixNanos, Watermark};
use gapless_wire::{
    Bytes, ErrorCode, ErrorResponse, Health, Limits, Message, PageRequest, StateResponse, StreamState,
    decode, encode_message, peek_correlation_id,
};

/// Streams in one answer, whatever is asked for: about a millisecond of work between two records.
const MAX_STREAMS: usize = 100;
/// Bytes of windows in one answer after which no further stream is added.
const MAX_BYTES: usize = 4 << 20;
/// When to ask again while the engine reads history.
const NOT_READY_RETRY_MS: u32 = 500;
/// When to ask again when too many ask.
const BUSY_RETRY_MS: u32 = 200;

/// The answer to one request; the second value tells whether it could be read.
pub fn answer(engine: &Engine, shelf: &mut Shelf, request: &[u8], now: MonoTime) -> (Vec<u8>, bool) {
    match decode(request, &Limits::request()) {
        Ok(envelope) => {
            let message = match envelope.message {
                Message::StateRequest(page) if engine.is_live() => state(engine, &page),
                Message::CheckpointRequest(asked) if engine.is_live() => {
                    shelf.answer(engine, &asked, now).map_or_else(Message::Error, Message::CheckpointResponse)
                }
                Message::StateRequest(_) | Message::CheckpointRequest(_) => not_ready(),
                Message::HealthRequest => Message::HealthResponse(Health {
                    ok: engine.is_live(),
                    message: if engine.is_live() { "live" } else { "reading the journal" }.into(),
                }),
                _ => error(
                    ErrorCode::MALFORMED,
                    "this socket answers StateRequest, CheckpointRequest and HealthRequest",
                    0,
                ),
            };
            (encode_message(&message, &envelope.correlation_id), true)
        }
        Err(problem) => {
            let message = Message::Error(problem.to_response());
            (encode_message(&message, peek_correlation_id(request)), false)
        }
    }
}

/// The answer when the queue of requests is full.
pub(crate) fn busy(request: &[u8]) -> Option<Vec<u8>> {
    let message = error(ErrorCode::BUSY, "too many requests wait: ask again later", BUSY_RETRY_MS);
    Some(encode_message(&message, peek_correlation_id(request)))
}

/// The answer to a message of a wrong shape.
pub(crate) fn malformed() -> Option<Vec<u8>> {
    let message = error(ErrorCode::MALFORMED, "send one frame with one envelope", 0);
    Some(encode_message(&message, ""))
}

fn not_ready() -> Message {
    error(ErrorCode::NOT_READY, "the engine still reads the journal: ask again", NOT_READY_RETRY_MS)
}

fn error(code: ErrorCode, message: &str, retry_after_ms: u32) -> Message {
    Message::Error(ErrorResponse { code, message: message.into(), retry_after_ms })
}

fn state(engine: &Engine, asked: &PageRequest) -> Message {
    let limit = match asked.limit as usize {
        0 => MAX_STREAMS,
        limit => limit.min(MAX_STREAMS),
    };
    let page = engine.state.page(engine.deriver.forming(), &asked.prefix, &asked.after, limit);
    let mut streams = Vec::with_capacity(page.entries.len());
    let (mut bytes, mut has_more) = (0, page.has_more);
    for entry in &page.entries {
        if bytes >= MAX_BYTES {
            has_more = true;
            break;
        }
        let stream = stream(engine, entry);
        bytes += stream.window.len() + stream.forming.len();
        streams.push(stream);
    }
    let (epoch, position) = (engine.state.epoch(), engine.state.position());
    Message::StateResponse(StateResponse { partition: 0, epoch, position, streams, has_more })
}

fn stream(engine: &Engine, entry: &PageEntry<'_>) -> StreamState {
    let epoch = engine.state.epoch();
    let state = entry.stream.and_then(|stream| engine.state.get(stream));
    let forming = entry.forming.map(|forming| {
        let rows = Rows::Candles(vec![forming.candle]);
        encode(Batch { epoch, ..Batch::unsequenced(forming.key.clone(), forming.flags, rows) })
    });
    StreamState {
        key: entry.key.clone(),
        watermark: state.map_or(nothing_yet(epoch), |state| engine.state.watermark(state)),
        window: state.and_then(|state| state.window(epoch)).map(encode).unwrap_or_default(),
        forming: forming.unwrap_or_default(),
    }
}

/// The watermark of a derived stream whose first bar is not closed.
fn nothing_yet(epoch: Epoch) -> Watermark {
    Watermark {
        epoch,
        earliest: Seq::NONE,
        latest: Seq::NONE,
        latest_ts: UnixNanos(0),
        digest: Digest::default(),
    }
}

fn encode(batch: Batch) -> Bytes {
    encode_message(&Message::Batch(batch), "")
}
