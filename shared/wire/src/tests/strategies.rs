//! Any value of every message.

use crate::*;
use gapless_model::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn name() -> impl Strategy<Value = String> {
    "[!-\\-/-~]{1,16}"
}

pub(super) fn key_of(kind: Kind) -> impl Strategy<Value = StreamKey> {
    (name(), name(), 1u32..100_000).prop_map(move |(source, symbol, seconds)| {
        StreamKey::new(kind, &source, &symbol, &Interval::from_seconds(seconds).unwrap().to_string()).unwrap()
    })
}

pub(super) fn key() -> impl Strategy<Value = StreamKey> {
    prop_oneof![key_of(Kind::Candles), key_of(Kind::Metrics), key_of(Kind::Warnings)]
}

fn candles_key() -> impl Strategy<Value = StreamKey> {
    key_of(Kind::Candles)
}

fn seq() -> impl Strategy<Value = Seq> {
    prop_oneof![Just(0), 1..1000u64, Just(u64::MAX - 20_000), any::<u64>()]
        .prop_map(|seq| Seq(seq.min(u64::MAX - 20_000)))
}

pub(super) fn position() -> impl Strategy<Value = Position> {
    seq().prop_map(|seq| Position(seq.0.max(1)))
}

pub(super) fn epoch() -> impl Strategy<Value = Epoch> {
    prop_oneof![Just(0), any::<u64>()].prop_map(Epoch)
}

fn digest() -> impl Strategy<Value = Digest> {
    any::<u64>().prop_map(Digest)
}

pub(super) fn candle() -> impl Strategy<Value = Candle> {
    let price = || prop_oneof![Just(0.0), -1e12..1e12, Just(5e-324), Just(f64::MAX)];
    (any::<i64>(), price(), price(), price(), price(), prop_oneof![Just(0.0), 0.0..1e15]).prop_map(
        |(ts, a, b, c, d, volume)| {
            let (open, close) = (b, c);
            let (high, low) = (a.max(b).max(c).max(d), a.min(b).min(c).min(d));
            Candle { ts: UnixMillis(ts), open, high, low, close, volume }
        },
    )
}

fn metric_rows() -> impl Strategy<Value = Rows> {
    (1usize..5, 0usize..9).prop_flat_map(|(width, height)| {
        let value =
            prop_oneof![Just(f64::NAN), Just(-0.0), any::<f64>().prop_filter("finite", |v| !v.is_infinite())];
        let columns: Vec<String> = (0..width).map(|column| format!("column {column}")).collect();
        (vec(any::<i64>(), height), vec(value, width * height)).prop_map(move |(ts, values)| {
            let ts = ts.into_iter().map(UnixNanos).collect();
            Rows::Metrics(MetricRows { columns: columns.clone().into(), ts, values })
        })
    })
}

fn warning() -> impl Strategy<Value = Warning> {
    let severity = prop_oneof![Just(Severity::Info), Just(Severity::Warning), Just(Severity::Error)];
    (any::<i64>(), severity, "[a-z_]{1,9}", any::<String>(), any::<String>()).prop_map(
        |(ts, severity, code, subject, message)| Warning {
            ts: UnixNanos(ts),
            severity,
            code,
            subject,
            message,
        },
    )
}

fn keyed_rows() -> impl Strategy<Value = (StreamKey, Rows)> {
    prop_oneof![
        (key_of(Kind::Candles), vec(candle(), 0..9).prop_map(Rows::Candles)),
        (key_of(Kind::Metrics), metric_rows()),
        (key_of(Kind::Metrics), Just(Rows::empty(Kind::Metrics))),
        (key_of(Kind::Warnings), vec(warning(), 0..5).prop_map(Rows::Warnings)),
    ]
}

pub(super) fn batch() -> impl Strategy<Value = Batch> {
    (keyed_rows(), epoch(), seq(), any::<u32>(), any::<i64>(), seq(), digest()).prop_map(
        |((key, rows), epoch, start, flags, ts_publish_us, earliest, digest)| Batch {
            key,
            epoch,
            start,
            flags: Flags(flags),
            ts_publish_us,
            earliest,
            digest,
            rows,
        },
    )
}

pub(super) fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 1..40)
}

fn id() -> impl Strategy<Value = String> {
    "[ -~]{1,128}"
}

pub(super) fn watermark() -> impl Strategy<Value = Watermark> {
    (epoch(), seq(), seq(), any::<i64>(), digest()).prop_map(|(epoch, earliest, latest, ts, digest)| {
        Watermark { epoch, earliest, latest, latest_ts: UnixNanos(ts), digest }
    })
}

fn epochs() -> impl Strategy<Value = Vec<EpochStart>> {
    vec((epoch(), seq()).prop_map(|(epoch, first_sequence)| EpochStart { epoch, first_sequence }), 0..4)
}

fn status() -> impl Strategy<Value = StreamStatus> {
    (key(), watermark(), any::<i64>(), epochs()).prop_map(|(key, watermark, time, epochs)| StreamStatus {
        key,
        watermark,
        server_time: UnixMillis(time),
        epochs,
    })
}

/// What a cursor can say: milliseconds, and no history.
fn cursor() -> impl Strategy<Value = StreamStatus> {
    (candles_key(), watermark(), -(1i64 << 42)..1i64 << 42, any::<i64>()).prop_map(|(key, mark, ts, time)| {
        StreamStatus {
            key,
            watermark: Watermark { latest_ts: UnixMillis(ts).to_nanos(), ..mark },
            server_time: UnixMillis(time),
            epochs: Vec::new(),
        }
    })
}

fn page() -> impl Strategy<Value = PageRequest> {
    ("[ -~]{0,99}", "[ -~]{0,99}", any::<u32>()).prop_map(|(prefix, after, limit)| PageRequest {
        prefix,
        after,
        limit,
    })
}

fn error() -> impl Strategy<Value = ErrorResponse> {
    (any::<u32>(), any::<String>(), any::<u32>()).prop_map(|(code, message, retry_after_ms)| ErrorResponse {
        code: ErrorCode(code),
        message,
        retry_after_ms,
    })
}

fn candles_messages() -> impl Strategy<Value = Message> {
    let request = (
        candles_key(),
        option::of(seq()),
        option::of(any::<i64>().prop_map(UnixMillis)),
        any::<u32>(),
        option::of(seq()),
        epoch(),
    )
        .prop_map(|(key, from_exclusive, end_ts, limit, to, epoch)| BackfillCandlesRequest {
            key,
            from_exclusive,
            end_ts,
            limit,
            to,
            epoch,
        });
    let response =
        (candles_key(), seq(), vec(candle(), 0..9), any::<bool>(), seq(), epoch(), seq(), seq(), digest())
            .prop_map(|(key, start, candles, has_more, next, epoch, earliest, latest, digest)| {
                BackfillCandlesResponse {
                    key,
                    start,
                    candles,
                    has_more,
                    next,
                    epoch,
                    earliest,
                    latest,
                    digest,
                }
            });
    let subscribe = (candles_key(), option::of(seq()))
        .prop_map(|(key, from_exclusive)| SubscribeCandlesRequest { key, from_exclusive });
    let ack = (any::<bool>(), any::<String>(), candles_key(), seq())
        .prop_map(|(accepted, reason, key, latest)| SubscribeCandlesAck { accepted, reason, key, latest });
    prop_oneof![
        request.prop_map(Message::BackfillCandlesRequest),
        response.prop_map(Message::BackfillCandlesResponse),
        subscribe.prop_map(Message::SubscribeCandlesRequest),
        ack.prop_map(Message::SubscribeCandlesAck),
        candles_key().prop_map(Message::GetCursorRequest),
        cursor().prop_map(Message::GetCursorResponse),
    ]
}

fn backfill_messages() -> impl Strategy<Value = Message> {
    let nanos = || option::of(any::<i64>().prop_map(UnixNanos));
    let request = (key(), epoch(), seq(), seq(), nanos(), nanos(), any::<u32>(), any::<u32>()).prop_map(
        |(key, epoch, from_exclusive, to, start_ts, end_ts, limit, max_bytes)| BackfillRequest {
            key,
            epoch,
            from_exclusive,
            to,
            start_ts,
            end_ts,
            limit,
            max_bytes,
        },
    );
    let served = (seq(), 0u64..100).prop_map(|(from, rows)| (from, Seq((from.0 + rows).saturating_sub(1))));
    let numbers = (seq(), seq(), served, seq(), seq());
    let response = (key(), numbers, epoch(), any::<bool>(), digest(), vec(bytes(), 0..4)).prop_map(
        |(
            key,
            (asked_from_exclusive, asked_to, (served_from, served_to), earliest, latest),
            epoch,
            has_more,
            digest,
            batches,
        )| {
            BackfillResponse {
                key,
                asked_from_exclusive,
                asked_to,
                served_from,
                served_to,
                earliest,
                latest,
                epoch,
                has_more,
                digest,
                batches,
            }
        },
    );
    prop_oneof![request.prop_map(Message::BackfillRequest), response.prop_map(Message::BackfillResponse)]
}

fn directory_messages() -> impl Strategy<Value = Message> {
    let list = (vec(status(), 1..4), any::<bool>())
        .prop_map(|(streams, has_more)| ListStreamsResponse { streams, has_more });
    let watermarks = (vec((key(), watermark()), 0..5), any::<i64>())
        .prop_map(|(watermarks, time)| WatermarkBatch { watermarks, server_time: UnixMillis(time) });
    let optional = || prop_oneof![Just(Vec::new()), bytes()];
    let state = (key(), watermark(), optional(), optional())
        .prop_map(|(key, watermark, window, forming)| StreamState { key, watermark, window, forming });
    let states = (any::<u32>(), epoch(), position(), vec(state, 1..4), any::<bool>()).prop_map(
        |(partition, epoch, position, streams, has_more)| StateResponse {
            partition,
            epoch,
            position,
            streams,
            has_more,
        },
    );
    prop_oneof![
        key().prop_map(Message::StreamStatusRequest),
        status().prop_map(Message::StreamStatusResponse),
        page().prop_map(Message::ListStreamsRequest),
        list.prop_map(Message::ListStreamsResponse),
        watermarks.prop_map(Message::WatermarkBatch),
        page().prop_map(Message::StateRequest),
        states.prop_map(Message::StateResponse),
    ]
}

fn ingest_messages() -> impl Strategy<Value = Message> {
    let batch = (id(), any::<u64>(), any::<u64>(), bytes(), any::<bool>()).prop_map(
        |(producer_id, producer_sequence, previous_producer_sequence, batch, ack_may_wait)| IngestBatch {
            producer_id,
            producer_sequence,
            previous_producer_sequence,
            batch,
            ack_may_wait,
        },
    );
    let durability = prop_oneof![Just(Durability::Written), Just(Durability::Synced)];
    let ack = (any::<u64>(), any::<u32>(), position(), epoch(), seq(), seq(), durability, any::<bool>())
        .prop_map(|(producer_sequence, partition, position, epoch, first, last, durability, duplicate)| {
            IngestAck { producer_sequence, partition, position, epoch, first, last, durability, duplicate }
        });
    let nack =
        (any::<u64>(), error(), any::<u64>()).prop_map(|(producer_sequence, error, expected_previous)| {
            IngestNack { producer_sequence, error, expected_previous }
        });
    let request = (id(), key()).prop_map(|(producer_id, key)| ProducerStatusRequest { producer_id, key });
    let response =
        (id(), key(), any::<u64>(), seq()).prop_map(|(producer_id, key, last_producer_sequence, latest)| {
            ProducerStatusResponse { producer_id, key, last_producer_sequence, latest }
        });
    prop_oneof![
        batch.prop_map(Message::IngestBatch),
        ack.prop_map(Message::IngestAck),
        nack.prop_map(Message::IngestNack),
        request.prop_map(Message::ProducerStatusRequest),
        response.prop_map(Message::ProducerStatusResponse),
    ]
}

fn journal_messages() -> impl Strategy<Value = Message> {
    let follower = || prop_oneof![Just(String::new()), id()];
    let read = (any::<u32>(), position(), any::<u32>(), follower(), position(), epoch()).prop_map(
        |(partition, from, max_bytes, follower_id, acknowledged, acknowledged_epoch)| JournalReadRequest {
            partition,
            from,
            max_bytes,
            follower_id,
            acknowledged,
            acknowledged_epoch,
        },
    );
    let records = (any::<u32>(), epoch(), position(), position(), position(), vec(bytes(), 0..4)).prop_map(
        |(partition, epoch, from, earliest, latest, records)| JournalReadResponse {
            partition,
            epoch,
            from,
            earliest,
            latest,
            records,
        },
    );
    let ask = (any::<u32>(), follower(), position(), any::<bool>(), epoch()).prop_map(
        |(partition, follower_id, acknowledged, with_streams, acknowledged_epoch)| JournalStatusRequest {
            partition,
            follower_id,
            acknowledged,
            with_streams,
            acknowledged_epoch,
        },
    );
    let told = (any::<u32>(), epoch(), position(), position(), epochs(), vec(status(), 0..3), any::<i64>())
        .prop_map(|(partition, epoch, earliest, latest, epochs, streams, time)| JournalStatusResponse {
            partition,
            epoch,
            earliest,
            latest,
            epochs,
            streams,
            server_time: UnixMillis(time),
        });
    prop_oneof![
        record().prop_map(Message::JournalRecord),
        read.prop_map(Message::JournalReadRequest),
        records.prop_map(Message::JournalReadResponse),
        ask.prop_map(Message::JournalStatusRequest),
        told.prop_map(Message::JournalStatusResponse),
    ]
}

pub(super) fn record() -> impl Strategy<Value = JournalRecord> {
    let producer = prop_oneof![Just(String::new()), id()];
    (any::<u32>(), position(), epoch(), producer, any::<u64>(), any::<u64>(), bytes()).prop_map(
        |(partition, position, epoch, producer_id, producer_sequence, content_hash, batch)| JournalRecord {
            partition,
            position,
            epoch,
            producer_id,
            producer_sequence,
            content_hash,
            batch,
        },
    )
}

pub(super) fn message() -> impl Strategy<Value = Message> {
    let health = (any::<bool>(), any::<String>()).prop_map(|(ok, message)| Health { ok, message });
    prop_oneof![
        1 => Just(Message::HealthRequest),
        1 => health.prop_map(Message::HealthResponse),
        1 => error().prop_map(Message::Error),
        4 => batch().prop_map(Message::Batch),
        4 => candles_messages(),
        3 => backfill_messages(),
        4 => directory_messages(),
        4 => ingest_messages(),
        4 => journal_messages(),
        3 => super::checkpoints::messages(),
    ]
}
