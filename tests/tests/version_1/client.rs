//! An old chart client in two hundred lines: the pure-Rust `zeromq` crate and version 1's own schema.

use flatbuffers::FlatBufferBuilder;
use std::time::Duration;
use zeromq::{ReqSocket, Socket, SocketRecv, SocketSend, SubSocket};

#[allow(warnings, unsafe_code, missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used)]
#[path = "../../../shared/wire/src/generated/gapless_v1.rs"]
#[rustfmt::skip]
mod generated;
use generated::flux::schema as v1;

/// A candle as `(ts_ms, open, high, low, close, volume)`.
pub(crate) type Candle = (i64, f64, f64, f64, f64, f64);

/// Answers are awaited at most this long; a real old client has no time-out at all.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct OldClient {
    live: String,
    backfill: String,
    key: [String; 3],
}

pub(crate) struct LiveBatch {
    pub(crate) start_sequence: u64,
    pub(crate) candles: Vec<Candle>,
}

pub(crate) struct Page {
    pub(crate) start_sequence: u64,
    pub(crate) candles: Vec<Candle>,
    pub(crate) has_more: bool,
    pub(crate) next_sequence: u64,
}

pub(crate) struct Live {
    socket: SubSocket,
    topic: String,
}

impl OldClient {
    pub(crate) fn new(live: &str, backfill: &str, key: [&str; 3]) -> OldClient {
        OldClient { live: live.to_owned(), backfill: backfill.to_owned(), key: key.map(str::to_owned) }
    }

    /// Subscribes, and comes back once the publisher is known to hear it. The stream has no rows yet, so
    /// it waits for the batched watermarks of the others.
    pub(crate) async fn subscribe(&self) -> Live {
        let mut socket = SubSocket::new();
        socket.connect(&self.live).await.unwrap();
        let [source, symbol, interval] = &self.key;
        let topic = format!("candles.{source}.{symbol}.{interval}");
        socket.subscribe(&topic).await.unwrap();
        socket.subscribe("watermarks").await.unwrap();
        let first =
            tokio::time::timeout(PATIENCE, socket.recv()).await.expect("the engine gives a sign of life");
        assert_eq!(first.unwrap().get(0).unwrap().as_ref(), b"watermarks");
        socket.unsubscribe("watermarks").await.unwrap();
        Live { socket, topic }
    }

    pub(crate) async fn page(&self, from: Option<u64>, limit: u32) -> Page {
        let answer = self.ask(|builder, key| backfill(builder, key, from, limit)).await;
        let envelope = read(&answer);
        let page = envelope.message_as_backfill_candles_response().expect("a page");
        Page {
            start_sequence: page.start_sequence(),
            candles: candles(page.candles()),
            has_more: page.has_more(),
            next_sequence: page.next_sequence(),
        }
    }

    /// The code of the error that answers a request for a page.
    pub(crate) async fn page_error(&self) -> u32 {
        let answer = self.ask(|builder, key| backfill(builder, key, None, 10)).await;
        read(&answer).message_as_error_response().expect("an error").code()
    }

    /// Whether the stream is known, and its latest sequence.
    pub(crate) async fn ask_to_subscribe(&self) -> (bool, u64) {
        let answer = self.ask(|builder, key| {
            let args = v1::SubscribeCandlesRequestArgs { key: Some(key), ..Default::default() };
            let request = v1::SubscribeCandlesRequest::create(builder, &args);
            (v1::Message::SubscribeCandlesRequest, request.as_union_value())
        });
        let answer = answer.await;
        let ack = read(&answer).message_as_subscribe_candles_ack().expect("an acknowledgement");
        (ack.accepted(), ack.latest_sequence())
    }

    /// `(latest_sequence, latest_ts_ms)`.
    pub(crate) async fn cursor(&self) -> (u64, i64) {
        let answer = self.ask(|builder, key| {
            let args = v1::GetCursorRequestArgs { key: Some(key) };
            (v1::Message::GetCursorRequest, v1::GetCursorRequest::create(builder, &args).as_union_value())
        });
        let answer = answer.await;
        let cursor = read(&answer).message_as_get_cursor_response().expect("a cursor").cursor().unwrap();
        (cursor.latest_sequence(), cursor.latest_ts_ms())
    }

    pub(crate) async fn health(&self, patience: Duration) -> bool {
        let asked = self.ask(|builder, _| {
            let health = v1::HealthRequest::create(builder, &v1::HealthRequestArgs {});
            (v1::Message::HealthRequest, health.as_union_value())
        });
        let answer = tokio::time::timeout(patience, asked).await.expect("an answer in time");
        read(&answer).message_as_health_response().expect("a health response").ok()
    }

    /// One request on a connection of its own, as old clients do.
    async fn ask<'a, F>(&self, message: F) -> Vec<u8>
    where
        F: FnOnce(&mut FlatBufferBuilder<'a>, Key<'a>) -> (v1::Message, Union),
    {
        let mut builder = FlatBufferBuilder::new();
        let key = self.key(&mut builder);
        let (kind, message) = message(&mut builder, key);
        let id = builder.create_string("old-client-1");
        let envelope = v1::EnvelopeArgs {
            schema_version: 1,
            correlation_id: Some(id),
            message_type: kind,
            message: Some(message),
            ..Default::default()
        };
        let envelope = v1::Envelope::create(&mut builder, &envelope);
        builder.finish(envelope, None);
        let request = builder.finished_data().to_vec();
        let mut socket = ReqSocket::new();
        socket.connect(&self.backfill).await.unwrap();
        socket.send(request.into()).await.unwrap();
        let answer = tokio::time::timeout(PATIENCE, socket.recv()).await.expect("an answer").unwrap();
        assert_eq!(answer.len(), 1, "one frame");
        let answer = answer.get(0).unwrap().to_vec();
        assert_eq!(read(&answer).correlation_id(), Some("old-client-1"));
        answer
    }

    fn key<'a>(&self, builder: &mut FlatBufferBuilder<'a>) -> Key<'a> {
        let [source, symbol, interval] = &self.key;
        let args = v1::StreamKeyArgs {
            source_id: Some(builder.create_string(source)),
            symbol: Some(builder.create_string(symbol)),
            interval: Some(builder.create_string(interval)),
        };
        v1::StreamKey::create(builder, &args)
    }
}

type Key<'a> = flatbuffers::WIPOffset<v1::StreamKey<'a>>;
type Union = flatbuffers::WIPOffset<flatbuffers::UnionWIPOffset>;

impl Live {
    /// The next batch of exactly this topic.
    pub(crate) async fn next(&mut self) -> LiveBatch {
        loop {
            let message = self.socket.recv().await.unwrap();
            if message.get(0).unwrap().as_ref() != self.topic.as_bytes() {
                continue;
            }
            assert_eq!(message.len(), 2, "topic and envelope");
            let bytes = message.get(1).unwrap().to_vec();
            let batch = read(&bytes).message_as_candle_batch().expect("a batch of candles");
            return LiveBatch { start_sequence: batch.start_sequence(), candles: candles(batch.candles()) };
        }
    }
}

fn backfill<'a>(
    builder: &mut FlatBufferBuilder<'a>,
    key: Key<'a>,
    from: Option<u64>,
    limit: u32,
) -> (v1::Message, Union) {
    let args = v1::BackfillCandlesRequestArgs {
        key: Some(key),
        has_from_sequence: from.is_some(),
        from_sequence_exclusive: from.unwrap_or(0),
        limit,
        ..Default::default()
    };
    (v1::Message::BackfillCandlesRequest, v1::BackfillCandlesRequest::create(builder, &args).as_union_value())
}

/// An old client verifies with its library's defaults and insists on version 1.
fn read(bytes: &[u8]) -> v1::Envelope<'_> {
    let envelope = v1::root_as_envelope(bytes).expect("version 1 verifies it");
    assert_eq!(envelope.schema_version(), 1);
    envelope
}

fn candles(
    rows: Option<flatbuffers::Vector<'_, flatbuffers::ForwardsUOffset<v1::Candle<'_>>>>,
) -> Vec<Candle> {
    let row = |c: v1::Candle<'_>| (c.ts_ms(), c.open(), c.high(), c.low(), c.close(), c.volume());
    rows.map(|rows| rows.iter().map(row).collect()).unwrap_or_default()
}
