//! From values to bytes.

mod batch;
mod checkpoint;
mod journal;
mod status;
mod stream;

use crate::generated::fb;
use crate::{Envelope, JournalRecordView, Message, schema_version_of};
use flatbuffers::{FlatBufferBuilder, UnionWIPOffset, Vector, WIPOffset};
use gapless_model::{Batch, Kind, StreamKey};

/// The bytes of `message`; version and type are chosen by it.
pub fn encode_message(message: &Message, correlation_id: &str) -> Vec<u8> {
    Encoder::with_room(room_for(message)).message(message, correlation_id).to_vec()
}

/// About what a message takes: a builder that grows copies all that it has each time.
fn room_for(message: &Message) -> usize {
    let all = |parts: &[Vec<u8>]| parts.iter().map(|part| part.len() + BESIDE_BYTES).sum::<usize>();
    let bytes = match message {
        Message::Batch(batch) => room_for_rows(batch),
        Message::IngestBatch(batch) => batch.batch.len(),
        Message::BackfillCandlesResponse(response) => response.candles.len() * 72,
        Message::BackfillResponse(response) => all(&response.batches),
        Message::JournalReadResponse(response) => all(&response.records),
        _ => 0,
    };
    INITIAL_BYTES + bytes
}

/// With room to spare: a candle is a table of its own, which is a fourth more than its numbers.
fn room_for_rows(batch: &Batch) -> usize {
    batch.rows.approx_bytes() / 2 * 3
}

/// What a nested message takes beside its bytes.
const BESIDE_BYTES: usize = 32;

/// The bytes of `envelope`, with the version that it says.
pub fn encode(envelope: &Envelope) -> Vec<u8> {
    let mut encoder = Encoder::new();
    encoder.envelope(envelope.schema_version, &envelope.message, &envelope.correlation_id).to_vec()
}

/// What a new builder has room for: a small message; it grows by doubling.
const INITIAL_BYTES: usize = 1024;

/// A message beyond this size is not worth to grow for step by step.
const GROWN_AT_ONCE_BYTES: usize = 16 << 10;

/// A builder beyond this size is not kept for the next message: one large batch shall not hold its
/// memory for ever.
const KEPT_BYTES: usize = 2 << 20;

/// Encodes one message after the other into the same memory.
///
/// The bytes that a method returns are valid until the next call.
pub struct Encoder {
    out: Out,
    last_bytes: usize,
    /// What the builder has grown to, about.
    room: usize,
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").field("last_bytes", &self.last_bytes).finish_non_exhaustive()
    }
}

impl Default for Encoder {
    fn default() -> Encoder {
        Encoder::new()
    }
}

impl Encoder {
    /// An encoder with little memory yet.
    pub fn new() -> Encoder {
        Encoder::with_room(INITIAL_BYTES)
    }

    fn with_room(bytes: usize) -> Encoder {
        let builder = FlatBufferBuilder::with_capacity(bytes);
        Encoder { out: Out { builder, candles: Vec::new() }, last_bytes: 0, room: bytes }
    }

    /// Any message; version and type are chosen by it.
    pub fn message(&mut self, message: &Message, correlation_id: &str) -> &[u8] {
        self.envelope(schema_version_of(message), message, correlation_id)
    }

    /// A batch as it goes on a topic and into a journal record: without a correlation id.
    pub fn batch(&mut self, batch: &Batch) -> &[u8] {
        self.begin(room_for_rows(batch));
        let version = match batch.kind() {
            Kind::Candles => 1,
            Kind::Metrics | Kind::Warnings => 2,
        };
        let union = self.out.batch(batch);
        self.finish(version, union, "")
    }

    /// A journal record around the bytes of its batch.
    pub fn journal_record(&mut self, record: &JournalRecordView<'_>) -> &[u8] {
        self.begin(record.batch.len());
        let union = self.out.record(record);
        self.finish(2, union, "")
    }

    fn envelope(&mut self, version: u32, message: &Message, correlation_id: &str) -> &[u8] {
        self.begin(0);
        let union = self.out.message(message);
        self.finish(version, union, correlation_id)
    }

    /// Makes the builder empty, with its memory unless that has become too much; with new memory at once when a message
    /// of about `bytes` is far larger than what it had.
    fn begin(&mut self, bytes: usize) {
        if self.last_bytes > KEPT_BYTES || bytes > GROWN_AT_ONCE_BYTES.max(self.room) {
            self.room = INITIAL_BYTES + bytes;
            self.out.builder = FlatBufferBuilder::with_capacity(self.room);
        } else {
            self.out.builder.reset();
        }
    }

    fn finish(&mut self, version: u32, (tag, value): Union, correlation_id: &str) -> &[u8] {
        let builder = &mut self.out.builder;
        let correlation_id = (!correlation_id.is_empty()).then(|| builder.create_string(correlation_id));
        let args = fb::EnvelopeArgs {
            schema_version: version,
            type_hint: type_hint(tag),
            correlation_id,
            message_type: tag,
            message: Some(value),
        };
        let envelope = fb::Envelope::create(builder, &args);
        builder.finish_minimal(envelope);
        let bytes = builder.finished_data();
        self.last_bytes = bytes.len();
        self.room = self.room.max(bytes.len());
        bytes
    }
}

/// A union's tag with its value.
type Union = (fb::Message, WIPOffset<UnionWIPOffset>);

/// The builder, with scratch memory for the offsets of rows.
pub(crate) struct Out {
    builder: FlatBufferBuilder<'static>,
    candles: Vec<WIPOffset<fb::Candle<'static>>>,
}

/// Debugging aid of version 1: the tag, but for errors.
fn type_hint(tag: fb::Message) -> fb::MessageType {
    match tag {
        fb::Message::ErrorResponse => fb::MessageType::ERROR_RESPONSE,
        fb::Message(tag) => fb::MessageType(tag as i8),
    }
}

/// Creates the named table and pairs it with its tag.
macro_rules! union {
    ($out:ident, $table:ident, $args:expr) => {{
        let args = $args;
        (fb::Message::$table, fb::$table::create(&mut $out.builder, &args).as_union_value())
    }};
}
use union;

impl Out {
    fn message(&mut self, message: &Message) -> Union {
        match message {
            Message::HealthRequest => union!(self, HealthRequest, fb::HealthRequestArgs {}),
            Message::HealthResponse(health) => self.health(health),
            Message::GetCursorRequest(key) => {
                let key = Some(self.key(key));
                union!(self, GetCursorRequest, fb::GetCursorRequestArgs { key })
            }
            Message::GetCursorResponse(status) => self.cursor(status),
            Message::SubscribeCandlesRequest(request) => self.subscribe(request),
            Message::SubscribeCandlesAck(ack) => self.subscribe_ack(ack),
            Message::Batch(batch) => self.batch(batch),
            Message::BackfillCandlesRequest(request) => self.candles_request(request),
            Message::BackfillCandlesResponse(response) => self.candles_response(response),
            Message::Error(error) => self.error(error),
            Message::StreamStatusRequest(key) => {
                let kind = kind(key.kind());
                let key = Some(self.key(key));
                union!(self, StreamStatusRequest, fb::StreamStatusRequestArgs { key, kind })
            }
            Message::StreamStatusResponse(status) => {
                let table = self.status(status);
                (fb::Message::StreamStatusResponse, table.as_union_value())
            }
            Message::ListStreamsRequest(page) => {
                let (prefix, after) = (self.text(&page.prefix), self.text(&page.after));
                let args = fb::ListStreamsRequestArgs { prefix, after, limit: page.limit };
                union!(self, ListStreamsRequest, args)
            }
            Message::ListStreamsResponse(response) => self.list(response),
            Message::BackfillRequest(request) => self.backfill_request(request),
            Message::BackfillResponse(response) => self.backfill_response(response),
            Message::IngestBatch(batch) => self.ingest(batch),
            Message::IngestAck(ack) => self.ack(ack),
            Message::IngestNack(nack) => self.nack(nack),
            Message::ProducerStatusRequest(request) => self.producer_request(request),
            Message::ProducerStatusResponse(response) => self.producer_response(response),
            Message::JournalRecord(record) => self.record(&record.into()),
            Message::JournalReadRequest(request) => self.read_request(request),
            Message::JournalReadResponse(response) => self.read_response(response),
            Message::JournalStatusRequest(request) => self.status_request(request),
            Message::JournalStatusResponse(response) => self.status_response(response),
            Message::WatermarkBatch(batch) => self.watermarks(batch),
            Message::StateRequest(page) => {
                let (prefix, after) = (self.text(&page.prefix), self.text(&page.after));
                union!(self, StateRequest, fb::StateRequestArgs { prefix, after, limit: page.limit })
            }
            Message::StateResponse(response) => self.state(response),
            Message::CheckpointRequest(request) => self.checkpoint_request(request),
            Message::CheckpointResponse(response) => self.checkpoint_response(response),
            Message::CheckpointPart(part) => self.checkpoint_part(part),
        }
    }

    fn key(&mut self, key: &StreamKey) -> WIPOffset<fb::StreamKey<'static>> {
        let args = fb::StreamKeyArgs {
            source_id: Some(self.builder.create_string(key.source_id())),
            symbol: Some(self.builder.create_string(key.symbol())),
            interval: Some(self.builder.create_string(key.interval())),
        };
        fb::StreamKey::create(&mut self.builder, &args)
    }

    /// A text; an empty one is left out.
    fn text(&mut self, text: &str) -> Option<WIPOffset<&'static str>> {
        (!text.is_empty()).then(|| self.builder.create_string(text))
    }

    /// Nested bytes, copied in one piece.
    fn bytes(&mut self, bytes: &[u8]) -> Option<WIPOffset<Vector<'static, u8>>> {
        Some(self.builder.create_vector(bytes))
    }
}

/// The kind as a number on the wire.
fn kind(kind: Kind) -> fb::Kind {
    match kind {
        Kind::Candles => fb::Kind::CANDLES,
        Kind::Metrics => fb::Kind::METRICS,
        Kind::Warnings => fb::Kind::WARNINGS,
    }
}
