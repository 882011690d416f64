//! Honest answers to requests of both versions, but for the lies that the plan tells about watermarks.

use crate::faults::ReplyFaults;
use crate::stream::Stream;
use gapless_model::{
    Batch, Digest, Epoch, MAX_ROWS_PER_BATCH, Position, Rows, Seq, SeqRange, StreamKey, StreamStatus,
    UnixMillis, UnixNanos,
};
use gapless_wire::{
    BackfillCandlesRequest, BackfillCandlesResponse, BackfillRequest, BackfillResponse, ErrorCode,
    ErrorResponse, Health, ListStreamsResponse, Message, PageRequest, StateResponse, StreamState,
    SubscribeCandlesAck, encode_message,
};
use std::collections::BTreeMap;

/// Bytes of rows in one answer at most: an answer must fit the largest message.
const MAX_BYTES: usize = 8 << 20;
/// Streams in one page of the directory or the state at most.
const MAX_STREAMS_PER_PAGE: usize = 1000;
/// Rows of a stream's state.
const WINDOW_ROWS: u64 = 100;

/// How the server speaks.
pub(crate) struct Spoken<'a> {
    pub(crate) version: u32,
    pub(crate) plan: &'a ReplyFaults,
    pub(crate) wall: UnixMillis,
}

/// The stream that a request is about, if it is about one.
pub(crate) fn stream_of(request: &Message) -> Option<&StreamKey> {
    match request {
        Message::GetCursorRequest(key) | Message::StreamStatusRequest(key) => Some(key),
        Message::SubscribeCandlesRequest(request) => Some(&request.key),
        Message::BackfillCandlesRequest(request) => Some(&request.key),
        Message::BackfillRequest(request) => Some(&request.key),
        _ => None,
    }
}

/// The answer to any request.
pub(crate) fn answer(
    streams: &mut BTreeMap<String, Stream>,
    request: Message,
    spoken: &Spoken<'_>,
) -> Message {
    if spoken.version < gapless_wire::schema_version_of(&request) {
        return refusal(ErrorCode::VERSION, "this server speaks version 1");
    }
    let find = |key: &StreamKey| streams.get(&key.topic());
    match request {
        Message::HealthRequest => {
            Message::HealthResponse(Health { ok: true, message: "a dev server".into() })
        }
        Message::GetCursorRequest(key) => find(&key)
            .map_or_else(|| unknown(&key), |stream| Message::GetCursorResponse(status(stream, spoken))),
        Message::StreamStatusRequest(key) => find(&key)
            .map_or_else(|| unknown(&key), |stream| Message::StreamStatusResponse(status(stream, spoken))),
        Message::SubscribeCandlesRequest(request) => {
            let stream = find(&request.key);
            Message::SubscribeCandlesAck(SubscribeCandlesAck {
                accepted: stream.is_some(),
                reason: if stream.is_some() {
                    String::new()
                } else {
                    format!("unknown stream {}", request.key)
                },
                latest: stream.map_or(Seq::NONE, |stream| status(stream, spoken).watermark.latest),
                key: request.key,
            })
        }
        Message::BackfillCandlesRequest(request) => find(&request.key)
            .map_or_else(|| unknown(&request.key), |stream| candles(stream, &request, spoken)),
        Message::BackfillRequest(request) => {
            find(&request.key).map_or_else(|| unknown(&request.key), |stream| rows(stream, &request, spoken))
        }
        Message::ListStreamsRequest(page) => {
            let (some, has_more) = page_of(streams, &page);
            let streams = some.into_iter().map(|stream| status(stream, spoken)).collect();
            Message::ListStreamsResponse(ListStreamsResponse { streams, has_more })
        }
        Message::StateRequest(page) => state(streams, &page),
        _ => {
            refusal(ErrorCode::MALFORMED, "a dev server answers what backfill and the live engine's state do")
        }
    }
}

/// The same page without its rows, claiming that there are more.
pub(crate) fn emptied(page: Message) -> Message {
    match page {
        Message::BackfillResponse(response) => Message::BackfillResponse(BackfillResponse {
            served_to: response.served_from.previous(),
            has_more: true,
            digest: Digest::default(),
            batches: Vec::new(),
            ..response
        }),
        Message::BackfillCandlesResponse(response) => {
            Message::BackfillCandlesResponse(BackfillCandlesResponse {
                candles: Vec::new(),
                has_more: true,
                next: response.start.previous(),
                digest: Digest::default(),
                ..response
            })
        }
        other => other,
    }
}

/// How many rows an answer holds.
pub(crate) fn rows_in(answer: &Message) -> u64 {
    match answer {
        Message::BackfillResponse(response) => {
            (response.served_to.0 + 1).saturating_sub(response.served_from.0)
        }
        Message::BackfillCandlesResponse(response) => response.candles.len() as u64,
        _ => 0,
    }
}

/// Whether it is a page that another one follows.
pub(crate) fn has_more(answer: &Message) -> bool {
    match answer {
        Message::BackfillResponse(response) => response.has_more,
        Message::BackfillCandlesResponse(response) => response.has_more,
        _ => false,
    }
}

/// Whether it says how far streams are.
pub(crate) fn states_watermark(answer: &Message) -> bool {
    matches!(
        answer,
        Message::BackfillResponse(_)
            | Message::BackfillCandlesResponse(_)
            | Message::GetCursorResponse(_)
            | Message::StreamStatusResponse(_)
            | Message::SubscribeCandlesAck(_)
            | Message::ListStreamsResponse(_)
    )
}

/// How far a stream is, as this server says.
fn status(stream: &Stream, spoken: &Spoken<'_>) -> StreamStatus {
    let mut status = stream.history.status(spoken.wall);
    let mark = &mut status.watermark;
    mark.latest = Seq(mark.latest.0.saturating_add_signed(spoken.plan.watermark_offset));
    if spoken.plan.watermark_offset != 0 {
        mark.digest = Digest::default();
    }
    if spoken.version == 1 {
        (mark.epoch, mark.earliest, mark.digest) = (Epoch::UNSTATED, Seq::NONE, Digest::default());
        status.epochs.clear();
        status.server_time = UnixMillis(0);
    }
    status
}

/// What a page holds of a stream.
struct Page {
    batches: Vec<Batch>,
    range: SeqRange,
    has_more: bool,
}

impl Page {
    fn digest(&self) -> Digest {
        self.batches.iter().fold(Digest::default(), |sum, batch| sum + Digest::of(batch.start, &batch.rows))
    }
}

/// Which rows are wanted.
struct Wanted {
    range: SeqRange,
    start_ts: Option<UnixNanos>,
    end_ts: Option<UnixNanos>,
    limit: u32,
    max_bytes: usize,
}

fn page(stream: &Stream, wanted: &Wanted, spoken: &Spoken<'_>) -> Page {
    let served = stream.history.range();
    let from = wanted.range.start().max(served.start());
    let from = wanted.start_ts.map_or(from, |ts| first_from(stream, from, ts));
    let within = SeqRange::new(from, wanted.range.end().min(served.end()));
    let asked = if wanted.limit == 0 { u64::MAX } else { wanted.limit.into() };
    let short = if spoken.plan.page_rows == 0 { u64::MAX } else { spoken.plan.page_rows.into() };
    let limit = asked.min(short).min(MAX_ROWS_PER_BATCH as u64);
    let mut batches = Vec::new();
    let (mut bytes, mut end, mut out_of_time) = (0, within.start(), false);
    for batch in stream.history.rows(SeqRange::of_len(within.start(), within.len().min(limit))) {
        let newer =
            wanted.end_ts.and_then(|end| (0..batch.rows.len()).find(|row| batch.rows.ts(*row) > Some(end)));
        let kept =
            newer.map_or(batch.clone(), |row| batch.clone().cut(SeqRange::of_len(batch.start, row as u64)));
        bytes += kept.rows.approx_bytes();
        let is_full = !batches.is_empty() && bytes > wanted.max_bytes;
        if is_full {
            break;
        }
        out_of_time = newer.is_some();
        end = kept.range().end();
        batches.extend((!kept.rows.is_empty()).then_some(kept));
        if out_of_time {
            break;
        }
    }
    let more_in_time = !out_of_time && end < within.end() && is_in_time(stream, end, wanted.end_ts);
    Page { batches, range: SeqRange::new(within.start(), end), has_more: more_in_time }
}

/// The first row from `from` on that is not older than `ts`; the next sequence when all are.
fn first_from(stream: &Stream, from: Seq, ts: UnixNanos) -> Seq {
    let end = stream.history.range().end();
    let newer = |batch: Batch| {
        let row = (0..batch.rows.len()).find(|row| batch.rows.ts(*row) >= Some(ts));
        row.map(|row| batch.start.plus(row as u64))
    };
    stream.history.rows(SeqRange::new(from, end)).into_iter().find_map(newer).unwrap_or(end)
}

fn is_in_time(stream: &Stream, seq: Seq, end_ts: Option<UnixNanos>) -> bool {
    let Some(end_ts) = end_ts else { return true };
    let next = stream.history.rows(SeqRange::of_len(seq, 1));
    next.first().and_then(|batch| batch.rows.ts(0)).is_some_and(|ts| ts <= end_ts)
}

fn candles(stream: &Stream, request: &BackfillCandlesRequest, spoken: &Spoken<'_>) -> Message {
    let from = request.from_exclusive.unwrap_or(Seq::NONE).next();
    let to = request.to.map_or(Seq(u64::MAX), Seq::next);
    let wanted = Wanted {
        range: SeqRange::new(from, to),
        start_ts: None,
        end_ts: request.end_ts.map(UnixMillis::to_nanos),
        limit: request.limit,
        max_bytes: MAX_BYTES,
    };
    let page = page(stream, &wanted, spoken);
    let mark = status(stream, spoken).watermark;
    let digest = if spoken.version == 1 { Digest::default() } else { page.digest() };
    let candles: Vec<_> = page.batches.into_iter().flat_map(|batch| candles_in(batch.rows)).collect();
    Message::BackfillCandlesResponse(BackfillCandlesResponse {
        key: request.key.clone(),
        start: if candles.is_empty() { from } else { page.range.start() },
        candles,
        has_more: page.has_more,
        next: if page.has_more { page.range.last() } else { Seq::NONE },
        epoch: mark.epoch,
        earliest: mark.earliest,
        latest: if spoken.version == 1 { Seq::NONE } else { mark.latest },
        digest,
    })
}

fn candles_in(rows: Rows) -> Vec<gapless_model::Candle> {
    match rows {
        Rows::Candles(candles) => candles,
        Rows::Metrics(_) | Rows::Warnings(_) => Vec::new(),
    }
}

fn rows(stream: &Stream, request: &BackfillRequest, spoken: &Spoken<'_>) -> Message {
    let to = if request.to == Seq::NONE { Seq(u64::MAX) } else { request.to.next() };
    let wanted = Wanted {
        range: SeqRange::new(request.from_exclusive.next(), to),
        start_ts: request.start_ts,
        end_ts: request.end_ts,
        limit: request.limit,
        max_bytes: if request.max_bytes == 0 { MAX_BYTES } else { MAX_BYTES.min(request.max_bytes as usize) },
    };
    let page = page(stream, &wanted, spoken);
    let mark = status(stream, spoken).watermark;
    Message::BackfillResponse(BackfillResponse {
        key: request.key.clone(),
        asked_from_exclusive: request.from_exclusive,
        asked_to: request.to,
        served_from: page.range.start(),
        served_to: page.range.last(),
        earliest: mark.earliest,
        latest: mark.latest,
        epoch: mark.epoch,
        has_more: page.has_more,
        digest: page.digest(),
        batches: page.batches.into_iter().map(|batch| encode_message(&Message::Batch(batch), "")).collect(),
    })
}

/// One page of the streams, in the order of their topics.
fn page_of<'a>(streams: &'a BTreeMap<String, Stream>, page: &PageRequest) -> (Vec<&'a Stream>, bool) {
    let limit = match page.limit as usize {
        0 => MAX_STREAMS_PER_PAGE,
        limit => limit.min(MAX_STREAMS_PER_PAGE),
    };
    let fits = |stream: &&Stream| stream.topic.starts_with(&page.prefix) && stream.topic > page.after;
    let mut some: Vec<&Stream> = streams.values().filter(fits).take(limit + 1).collect();
    let has_more = some.len() > limit;
    some.truncate(limit);
    (some, has_more)
}

fn state(streams: &BTreeMap<String, Stream>, page: &PageRequest) -> Message {
    let (some, has_more) = page_of(streams, &PageRequest { limit: page.limit.clamp(1, 100), ..page.clone() });
    let epoch = some.first().map_or(Epoch::UNSTATED, |stream| stream.history.epoch());
    let state = |stream: &&Stream| {
        let range = stream.history.range();
        let newest = Seq(range.end().0.saturating_sub(WINDOW_ROWS)).max(range.start());
        let last = stream.history.rows(SeqRange::new(newest, range.end())).pop();
        StreamState {
            key: stream.key.clone(),
            watermark: stream.history.watermark(),
            window: last.map_or_else(Vec::new, |batch| encode_message(&Message::Batch(batch), "")),
            forming: Vec::new(),
        }
    };
    Message::StateResponse(StateResponse {
        partition: 0,
        epoch,
        position: Position::NONE,
        streams: some.iter().map(state).collect(),
        has_more,
    })
}

fn unknown(key: &StreamKey) -> Message {
    let message = format!("unknown stream {key}: ListStreamsRequest tells which there are");
    refusal(ErrorCode::UNKNOWN_STREAM, &message)
}

fn refusal(code: ErrorCode, message: &str) -> Message {
    Message::Error(ErrorResponse::new(code, message))
}
